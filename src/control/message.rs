//! What crosses the socket.

use crate::explain::Explain;
use crate::unseal::{Hold, State};
use crate::watch::Order;
use hyper::Method;
use serde::{Deserialize, Serialize};

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// The state of every node.
    Nodes,
    /// To do something about some nodes.
    Order(Order, Which),
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
    pub(super) fn method(&self) -> Method {
        match self {
            Self::Nodes => Method::GET,
            Self::Order(..) => Method::POST,
        }
    }

    pub(super) fn path(&self) -> &'static str {
        match self {
            Self::Nodes => "/v1/nodes",
            Self::Order(Order::Hold, _) => "/v1/hold",
            Self::Order(Order::Resume, _) => "/v1/resume",
        }
    }

    pub(super) fn body(&self) -> serde_json::Result<Vec<u8>> {
        match self {
            Self::Nodes => Ok(Vec::new()),
            Self::Order(_, which) => serde_json::to_vec(which),
        }
    }

    /// Reads a request; the answer's status code when there is no such.
    pub(super) fn read(method: &Method, path: &str, body: &[u8]) -> Result<Self, u16> {
        let order = match path {
            "/v1/nodes" if method == Method::GET => return Ok(Self::Nodes),
            "/v1/hold" => Order::Hold,
            "/v1/resume" => Order::Resume,
            "/v1/nodes" => return Err(405),
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nodes {
    /// In the order of their clusters and addresses.
    pub nodes: Vec<Node>,
}

/// One node as the daemon sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// The cluster's name.
    pub cluster: String,
    /// The address, as configured.
    pub address: String,
    /// The state's word; none before the first answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    /// Why it is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Held>,
    /// Why it is in this state, in the words of the server or the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What a person should do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
    /// Why it is no member of its cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outsider: Option<Remark>,
}

/// Something about a node, for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark {
    /// What is so.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<String>,
}

impl Remark {
    /// What explains itself.
    pub fn of(what: &dyn Explain) -> Self {
        Self { message: what.to_string(), advice: what.advice() }
    }
}

/// Why a node is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Held {
    /// An operator sealed it.
    OperatorSeal,
    /// Somebody asked for it.
    Request,
}

impl From<Held> for Hold {
    fn from(held: Held) -> Self {
        match held {
            Held::OperatorSeal => Self::Seal,
            Held::Request => Self::Request,
        }
    }
}

impl Held {
    pub(super) fn of(state: &State) -> Option<Self> {
        match state {
            State::Held { hold: Hold::Seal, .. } => Some(Self::OperatorSeal),
            State::Held { hold: Hold::Request, .. } => Some(Self::Request),
            _ => None,
        }
    }
}

/// An answer that is an error.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Refusal {
    pub(super) error: String,
}
