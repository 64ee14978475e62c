//! What the daemon says of servers, where it knows more than they do themselves.

use super::look::Target;
use crate::control::{HeldBy, Node, Request, tell};
use crate::explain::Remark;
use crate::external::ExternalText;
use crate::unseal::{Damage, Delay, State};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// The daemon's view of its nodes, by cluster and address.
#[derive(Default)]
pub(super) struct Told {
    nodes: BTreeMap<(ExternalText, ExternalText), Node<ExternalText>>,
    /// Whether a daemon answered.
    pub(super) answered: bool,
    /// Why it still uses an older configuration than the file's.
    pub(super) reload_refused: Option<Remark>,
}

impl Told {
    /// What the daemon behind this socket says. Without one, or for somebody it does not speak to, nothing: then the
    /// servers have the word.
    pub(super) async fn by_daemon_at(socket: &Path) -> Self {
        let Ok(answer) = tell(socket, &Request::Nodes).await else { return Self::default() };
        let nodes = answer.nodes.into_iter();
        Self {
            nodes: nodes.map(|node| ((node.cluster.clone(), node.address.clone()), node)).collect(),
            answered: true,
            reload_refused: answer.reload_refused.as_ref().map(remark),
        }
    }

    /// Every node that the daemon watches.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &Node<ExternalText>> {
        self.nodes.values()
    }

    fn node(&self, target: &Target) -> Option<&Node<ExternalText>> {
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
    pub(super) fn held(&self, target: &Target) -> Option<HeldNote> {
        let node = self.node(target).filter(|node| node.hold.is_some())?;
        Some(HeldNote::of(node))
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
pub(super) struct HeldNote {
    #[serde(rename = "held_since", skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    #[serde(rename = "held_by", skip_serializing_if = "Option::is_none")]
    by: Option<HeldBy>,
}

impl HeldNote {
    fn of(node: &Node<ExternalText>) -> Self {
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
impl fmt::Display for HeldNote {
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
