//! What is known of servers beyond one probe of each: what the daemon says of them, those that only it still knows, and which are
//! members of other clusters.

use super::probe::{Probe, ResolvedName, Target, names, targets};
use crate::cluster::Node;
use crate::cluster::{Discovery, NodeAddress};
use crate::config::Settings;
use crate::control::{self, HeldBy, Request, tell};
use crate::explain::Remark;
use crate::external::ExternalText;
use crate::ordered;
use crate::unseal::{Damage, Delay, ForeignNode, Memberships, State};
use crate::vault::{ClusterClient, TlsFileError};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

/// The daemon's view of its nodes, by cluster and address.
#[derive(Default)]
pub(super) struct DaemonStatus {
    nodes: BTreeMap<(ExternalText, ExternalText), control::NodeReport<ExternalText>>,
    /// Whether a daemon answered.
    pub(super) answered: bool,
    /// Why it still uses an older configuration than the file's.
    pub(super) reload_refused: Option<Remark>,
}

impl DaemonStatus {
    /// What the daemon behind this socket says. Without one, or for users that it does not answer, nothing: then the
    /// servers have the word.
    pub(super) async fn at(socket: &Path) -> Self {
        let Ok(answer) = tell(socket, &Request::Nodes).await else { return Self::default() };
        let nodes = answer.nodes.into_iter();
        Self {
            nodes: ordered::map(nodes.map(|node| ((node.cluster.clone(), node.address.clone()), node))),
            answered: true,
            reload_refused: answer.reload_refused.as_ref().map(remark),
        }
    }

    /// Every node that the daemon watches.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &control::NodeReport<ExternalText>> {
        self.nodes.values()
    }

    fn node(&self, target: &Target) -> Option<&control::NodeReport<ExternalText>> {
        let address = target.address.to_string();
        self.nodes.get(&(ExternalText::new(target.cluster.as_str()), ExternalText::new(address)))
    }

    /// Why a server is no member of its cluster, if it is none: in the daemon's word, or as it was `seen` where that does
    /// not watch it.
    pub(super) fn outsider(&self, target: &Target, seen: Option<Remark>) -> Option<Remark> {
        match self.node(target) {
            Some(node) => node.outsider.as_ref().map(remark),
            None => seen,
        }
    }

    /// Since when a server is held, and who asked for it, if it is held.
    pub(super) fn held(&self, target: &Target) -> Option<HoldNote> {
        let node = self.node(target)?;
        let held = node.hold.is_some() || node.held_since.is_some() || node.held_by.is_some();
        held.then(|| HoldNote::of(node))
    }

    /// When a server's last answer to the daemon came, if that gets none now (RFC 3339).
    pub(super) fn last_confirmed(&self, target: &Target) -> Option<String> {
        self.node(target)?.last_confirmed.as_ref().map(ToString::to_string)
    }

    /// What is to be shown of a server that was `seen` in this state, if the daemon adds to it: that it is held, or why it
    /// stays sealed.
    pub(super) fn of(&self, target: &Target, seen: &State) -> Option<State> {
        let node = self.node(target)?;
        if matches!(seen, State::Unreachable { .. }) {
            return None;
        }
        if let Some(hold) = node.hold {
            return Some(State::Held { hold, unsealed: seen.is_unsealed() });
        }
        let text = node.reason.as_ref().map(|text| format!("{text:.2000}"));
        let advice = node.advice.as_ref().map(ExternalText::paragraph);
        let told = node.state.as_ref()?;
        let word = State::WORDS.into_iter().find(|known| *told == **known)?;
        // What was seen is newer than what is told: only its reasons are taken.
        match (seen, word) {
            (State::Unsealing { progress, threshold }, "waiting-for-peers") => {
                Some(State::WaitingForPeers { progress: *progress, threshold: *threshold })
            }
            (State::Sealed { .. } | State::Unsealing { .. }, "shares-rejected") => {
                Some(State::SharesRejected { kind: "shares-rejected", text: text?, advice })
            }
            (State::Sealed { .. } | State::Unsealing { .. }, kind @ "shares-unavailable") => {
                Some(State::SharesUnavailable { kind, text: text?, advice })
            }
            (_, "seals-itself") => Some(State::SealsItself { times: 0, text: text? }),
            (State::Sealed { .. } | State::Unsealing { .. } | State::Uninitialized { .. }, "damaged") => {
                Some(State::Damaged { damage: Damage::Told(text?) })
            }
            (State::Sealed { .. }, "joining") => Some(State::Joining),
            (State::Sealed { .. }, "sealed") => Some(State::Sealed { delay: Some(Delay::Because(text?)) }),
            _ => None,
        }
    }
}

/// The beginning of a hold.
#[derive(Serialize)]
pub(super) struct HoldNote {
    #[serde(rename = "held_since", skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    #[serde(rename = "held_by", skip_serializing_if = "Option::is_none")]
    by: Option<HeldBy>,
}

impl HoldNote {
    fn of(node: &control::NodeReport<ExternalText>) -> Self {
        Self {
            since: node.held_since.as_ref().map(ToString::to_string),
            by: node.held_by.as_ref().map(|by| HeldBy {
                uid: by.uid,
                reported_sudo_user: by.reported_sudo_user.as_ref().map(ToString::to_string),
            }),
        }
    }
}

/// `; held since 2026-11-27T15:00:12Z by uid 0 (root)`: the hold's, not the server's; nothing for one that an earlier version
/// noted.
impl fmt::Display for HoldNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.since.is_some() || self.by.is_some() {
            f.write_str("; held")?;
        }
        self.since.iter().try_for_each(|since| write!(f, " since {since}"))?;
        self.by.iter().try_for_each(|by| write!(f, " by {by}"))
    }
}

/// What the daemon says of something, as it can be shown.
fn remark(remark: &Remark<ExternalText>) -> Remark {
    Remark {
        message: format!("{:.2000}", remark.message),
        advice: remark.advice.as_ref().map(ExternalText::paragraph),
    }
}

/// The servers that are shown, and the names that stand for some of them.
pub(super) struct ShownServers<'a> {
    settings: &'a Settings,
    pub(super) names: Vec<ResolvedName>,
    pub(super) targets: Vec<Target>,
    looked_up: Instant,
}

impl<'a> ShownServers<'a> {
    /// Looks all names up.
    pub(super) async fn of(settings: &'a Settings) -> Result<Self, TlsFileError> {
        let names = names(settings).await;
        let targets = targets(settings, &names).await?;
        Ok(Self { settings, names, targets, looked_up: Instant::now() })
    }

    /// Looks the names up again when it is time. Servers that are no longer found stay, and are shown as such.
    pub(super) async fn renew(&mut self, interval: Duration) -> Result<(), TlsFileError> {
        if self.names.is_empty() || self.looked_up.elapsed() < interval {
            return Ok(());
        }
        let new = Self::of(self.settings).await?;
        (self.names, self.looked_up) = (new.names, new.looked_up);
        for target in new.targets {
            if !self.targets.iter().any(|known| known.is(&target.cluster, &target.address)) {
                self.add(target);
            }
        }
        for target in &mut self.targets {
            target.in_dns = is_in_dns(&self.names, target).unwrap_or(target.in_dns);
        }
        Ok(())
    }

    /// Puts in the servers that only the daemon still knows: DNS does not have them now.
    pub(super) async fn add_known(&mut self, daemon: &DaemonStatus) {
        for known in daemon.nodes() {
            let Some(found_by) = &known.found_by else { continue };
            let Some(address) = known.address.parse::<NodeAddress>() else { continue };
            let cluster = self.settings.clusters.iter().find(|cluster| known.cluster == *cluster.name);
            let Some(cluster) = cluster else { continue };
            if self.targets.iter().any(|target| target.is(&cluster.name, &address)) {
                continue;
            }
            let found_by = cluster.discoveries.iter().find(|discovery| *found_by == *discovery.to_string());
            let (Some(found_by), Ok(access)) = (found_by, ClusterClient::read(cluster).await) else {
                continue;
            };
            // The name that its certificate must have is not for the socket to say.
            let name = match found_by {
                Discovery::Addresses(address) => Some(address.host.clone()),
                Discovery::Services { .. } => None,
            };
            let node = Node { address, name };
            let mut target = Target::of(cluster, &access, &node, Some(found_by.clone()));
            target.in_dns = is_in_dns(&self.names, &target).or(known.in_dns).unwrap_or(true);
            self.add(target);
        }
    }

    /// Beside those of its cluster.
    fn add(&mut self, target: Target) {
        let last = self.targets.iter().rposition(|known| known.cluster == target.cluster);
        self.targets.insert(last.map_or(self.targets.len(), |last| last + 1), target);
    }
}

/// Whether a server that was found is in DNS now; `None` when it cannot be told.
fn is_in_dns(names: &[ResolvedName], target: &Target) -> Option<bool> {
    let found_by = target.found_by.as_ref()?;
    let name = names.iter().find(|name| name.cluster == target.cluster && name.discovery == *found_by)?;
    name.result.as_ref().ok()?;
    Some(name.nodes().any(|node| node.address == target.address))
}

/// What the servers showed of their clusters.
pub(super) fn memberships(targets: &[Target], probes: &[Probe]) -> Memberships {
    let mut memberships = Memberships::default();
    for (rank, target) in targets.iter().enumerate() {
        memberships.enter(&target.cluster, &target.address, rank);
    }
    for (target, probe) in targets.iter().zip(probes) {
        if let Some(shows) = probe.health.as_ref().and_then(|health| health.own_membership()) {
            memberships.unsealed(&target.cluster, &target.address, shows, false);
        }
    }
    memberships
}

/// Those among the targets, in their order.
pub(super) fn outsiders(memberships: &Memberships, targets: &[Target]) -> Vec<Option<ForeignNode>> {
    targets.iter().map(|target| memberships.outsider(&target.cluster, &target.address)).collect()
}
