//! What crosses the socket.

use crate::accounts::User;
use crate::discovery::NodeInventory;
use crate::explain::{Explain, Explanation, Remark};
use crate::report::state::{advice, reason};
use crate::report::timestamp;
use crate::unseal::{Hold, State};
use crate::watch::{NodeStatus, Order, Requester, SearchKey};
use hyper::Method;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// The state of every node.
    Nodes,
    /// To do something about some nodes.
    Order(Order, Which),
    /// To read the configuration again, and to say whether it is used.
    Reload,
}

/// Which nodes an order is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Which {
    /// Those with these addresses: as configured, or their hosts.
    Nodes(Vec<String>),
    /// All of them; `false` is nobody's wish.
    All(bool),
}

impl Which {
    /// It is for no node at all.
    fn is_nobody(&self) -> bool {
        match self {
            Self::Nodes(nodes) => nodes.is_empty(),
            Self::All(all) => !all,
        }
    }
}

impl Request {
    /// Its method.
    pub fn method(&self) -> Method {
        match self {
            Self::Nodes => Method::GET,
            Self::Order(..) | Self::Reload => Method::POST,
        }
    }

    /// Its path.
    pub fn path(&self) -> &'static str {
        match self {
            Self::Nodes => "/v1/nodes",
            Self::Order(Order::Hold, _) => "/v1/hold",
            Self::Order(Order::Resume, _) => "/v1/resume",
            Self::Reload => "/v1/reload",
        }
    }

    /// Its body.
    pub fn body(&self) -> serde_json::Result<Vec<u8>> {
        match self {
            Self::Nodes | Self::Reload => Ok(Vec::new()),
            Self::Order(_, which) => serde_json::to_vec(which),
        }
    }

    /// Reads a request; the answer's status code when there is no such.
    pub fn read(method: &Method, path: &str, body: &[u8]) -> Result<Self, u16> {
        let order = match path {
            "/v1/nodes" if method == Method::GET => return Ok(Self::Nodes),
            "/v1/hold" => Order::Hold,
            "/v1/resume" => Order::Resume,
            "/v1/reload" if method == Method::POST => return Ok(Self::Reload),
            "/v1/nodes" | "/v1/reload" => return Err(405),
            _ => return Err(404),
        };
        if method != Method::POST {
            return Err(405);
        }
        match serde_json::from_slice::<Which>(body) {
            Ok(which) if !which.is_nobody() => Ok(Self::Order(order, which)),
            _ => Err(400),
        }
    }
}

/// The answer: the nodes that were asked about, or that an order is for, as they were before it.
///
/// `T` is the text in it: `String` for the daemon who writes it, [`ExternalText`](crate::external::ExternalText) for
/// whoever reads it from a socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nodes<T = String> {
    /// In the order of their clusters and addresses.
    pub nodes: Vec<NodeReport<T>>,
    /// The names that stand for nodes, where all nodes were asked about.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<Name<T>>,
    /// Why the last reload changed nothing, if it did not: the daemon runs with an older configuration than the file's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reload_refused: Option<Remark<T>>,
    /// After `hold` or `resume`: whether the daemon could note it, so that it outlives a restart of the daemon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<bool>,
}

/// A name that stands for nodes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Name<T = String> {
    /// The cluster's name.
    pub cluster: T,
    /// The name, as configured.
    pub name: T,
    /// How many nodes were found by it, those included that are no longer in DNS.
    pub nodes: usize,
    /// Whether it was ever resolved.
    pub resolved: bool,
    /// Targets that may not be nodes: the first few.
    #[serde(default = "Vec::new", skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<T>,
    /// How many such targets there are.
    #[serde(default)]
    pub refused_count: usize,
    /// Why it cannot be resolved now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem<T>>,
}

/// Why a name cannot be resolved.
pub type Problem<T = String> = Explanation<T, T>;

impl Name {
    pub(super) fn of(key: &SearchKey, inventory: &NodeInventory) -> Self {
        Self {
            cluster: key.cluster.clone(),
            name: key.discovery.to_string(),
            nodes: inventory.count(),
            resolved: inventory.was_answered(),
            refused: inventory.refused().first().map(ToString::to_string).collect(),
            refused_count: inventory.refused().count(),
            problem: inventory.trouble().map(|trouble| Problem {
                kind: trouble.kind().to_owned(),
                message: trouble.to_string(),
                advice: trouble.advice(),
            }),
        }
    }
}

/// One node as the daemon sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeReport<T = String> {
    /// The cluster's name.
    pub cluster: T,
    /// The address, as configured or found.
    pub address: T,
    /// The name that it was found by, as configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found_by: Option<T>,
    /// The name that its certificate must have, where it is not the address's host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_name: Option<T>,
    /// Of a node that was found by a name: whether DNS still has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_dns: Option<bool>,
    /// The state's word; none before the first answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<T>,
    /// Why it is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// Since when it is held (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_since: Option<T>,
    /// Who asked for the hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held_by: Option<HeldBy<T>>,
    /// When the last answer came of a node that is unreachable (RFC 3339).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_confirmed: Option<T>,
    /// Why it is in this state, in the words of the server or the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<T>,
    /// What a person should do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<T>,
    /// Why it is no member of its cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outsider: Option<Remark<T>>,
}

impl NodeReport {
    pub(super) fn of(seen: NodeStatus) -> Self {
        let NodeStatus { key, state, finding, outsider, held, last_confirmed } = seen;
        let unreachable = matches!(state, Some(State::Unreachable { .. }));
        let hold = state.as_ref().and_then(State::hold);
        // A held server that does not answer is unreachable, and held all the same.
        let held = held.unwrap_or_default();
        Self {
            cluster: key.cluster,
            address: key.address.to_string(),
            found_by: finding.as_ref().map(|finding| finding.discovery.to_string()),
            tls_name: finding.as_ref().and_then(|finding| finding.tls_name.clone()),
            in_dns: finding.map(|finding| finding.in_dns),
            state: state.as_ref().map(|state| state.word().to_owned()),
            hold,
            held_since: held.since.map(timestamp),
            held_by: held.by.map(HeldBy::of),
            last_confirmed: last_confirmed.filter(|_| unreachable).map(|confirmed| confirmed.timestamp()),
            reason: state.as_ref().and_then(reason),
            advice: state.as_ref().and_then(advice),
            outsider: outsider.map(|outsider| Remark::of(&outsider)),
        }
    }
}

/// Who asked for a hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldBy<T = String> {
    /// The user who connected, in the kernel's word.
    pub uid: u32,
    /// The user whom sudo was called by, in the caller's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reported_sudo_user: Option<T>,
}

impl HeldBy {
    pub(super) fn of(by: Requester) -> Self {
        Self { uid: by.uid, reported_sudo_user: by.sudo_user.map(|user| user.to_string()) }
    }
}

/// `uid 0 (root); SUDO_USER, as the caller reports it: alice`.
impl<T: fmt::Display> fmt::Display for HeldBy<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", User::of(self.uid))?;
        let mut user = self.reported_sudo_user.iter();
        user.try_for_each(|user| write!(f, "; SUDO_USER, as the caller reports it: {user:.64}"))
    }
}

/// The header with the user whom sudo was called by, in the caller's word.
pub(super) const SUDO_USER: &str = "sudo-user";
/// The most of it that is kept, in bytes: Linux names users in 32.
pub(super) const SUDO_USER_LIMIT: usize = 64;

/// The status code of a reload whose configuration is not used (422 Unprocessable Content, RFC 9110).
pub(super) const NOT_USED: u16 = 422;

/// An answer that is an error.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ControlRefusal<T = String> {
    pub(super) error: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) advice: Option<T>,
}
