//! What the daemon says of servers, where it knows more than they do themselves.

use super::look::Target;
use crate::control::{Node, Remark, Request, tell};
use crate::unseal::{Delay, State};
use std::collections::BTreeMap;
use std::path::Path;

/// The daemon's view of its nodes, by cluster and address.
pub(super) struct Told(BTreeMap<(String, String), Node>);

impl Told {
    /// What the daemon behind this socket says. Without one, or for somebody it does not speak to, nothing: then the
    /// servers have the word.
    pub(super) async fn by_daemon_at(socket: &Path) -> Self {
        let nodes = tell(socket, &Request::Nodes).await.map(|answer| answer.nodes).unwrap_or_default();
        Self(nodes.into_iter().map(|node| ((node.cluster.clone(), node.address.clone()), node)).collect())
    }

    /// Every node that the daemon watches.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &Node> {
        self.0.values()
    }

    /// Why a server is no member of its cluster, if it is none: in the daemon's word, or as it was `seen` where that does
    /// not watch it.
    pub(super) fn outsider(&self, target: &Target, seen: Option<Remark>) -> Option<Remark> {
        match self.0.get(&(target.cluster.clone(), target.address.to_string())) {
            Some(node) => node.outsider.clone(),
            None => seen,
        }
    }

    /// What is to be shown of a server that was `seen` in this state, if the daemon adds to it: that it is held, or why it
    /// stays sealed.
    pub(super) fn of(&self, target: &Target, seen: &State) -> Option<State> {
        let node = self.0.get(&(target.cluster.clone(), target.address.to_string()))?;
        if matches!(seen, State::Unreachable { .. }) {
            return None;
        }
        if let Some(hold) = node.hold {
            return Some(State::Held { hold: hold.into(), unsealed: seen.is_unsealed() });
        }
        let text = node.reason.clone();
        // What was seen is newer than what is told: only its reasons are taken.
        match (seen, node.state.as_deref()?) {
            (State::Unsealing { progress, threshold }, "waiting-for-peers") => {
                Some(State::WaitingForPeers { progress: *progress, threshold: *threshold })
            }
            (State::Sealed { .. } | State::Unsealing { .. }, "shares-rejected") => {
                let advice = node.advice.clone();
                Some(State::SharesRejected { kind: "shares-rejected", text: text?, advice })
            }
            (State::Sealed { .. } | State::Unsealing { .. }, word @ "shares-unavailable") => {
                let kind = State::WORDS.into_iter().find(|known| *known == word)?;
                Some(State::SharesUnavailable { kind, text: text?, advice: node.advice.clone() })
            }
            (State::Sealed { .. }, "joining") => Some(State::Joining),
            (State::Sealed { .. }, "sealed") => Some(State::Sealed { delay: Some(Delay::Because(text?)) }),
            _ => None,
        }
    }
}
