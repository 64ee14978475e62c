//! What the daemon says of servers, where it knows more than they do themselves.

use super::look::Target;
use crate::control::{Node, Remark, Request, tell};
use crate::external::ExternalText;
use crate::unseal::{Damage, Delay, State};
use std::collections::BTreeMap;
use std::path::Path;

/// The daemon's view of its nodes, by cluster and address.
pub(super) struct Told(BTreeMap<(ExternalText, ExternalText), Node<ExternalText>>);

impl Told {
    /// What the daemon behind this socket says. Without one, or for somebody it does not speak to, nothing: then the
    /// servers have the word.
    pub(super) async fn by_daemon_at(socket: &Path) -> Self {
        let nodes = tell(socket, &Request::Nodes).await.map(|answer| answer.nodes).unwrap_or_default();
        Self(nodes.into_iter().map(|node| ((node.cluster.clone(), node.address.clone()), node)).collect())
    }

    /// Every node that the daemon watches.
    pub(super) fn nodes(&self) -> impl Iterator<Item = &Node<ExternalText>> {
        self.0.values()
    }

    fn node(&self, target: &Target) -> Option<&Node<ExternalText>> {
        let address = target.address.to_string();
        self.0.get(&(ExternalText::new(target.cluster.as_str()), ExternalText::new(address)))
    }

    /// Why a server is no member of its cluster, if it is none: in the daemon's word, or as it was `seen` where that does
    /// not watch it.
    pub(super) fn outsider(&self, target: &Target, seen: Option<Remark>) -> Option<Remark> {
        match self.node(target) {
            Some(node) => node.outsider.as_ref().map(|outsider| Remark {
                message: sentence(&outsider.message),
                advice: outsider.advice.as_ref().map(paragraph),
            }),
            None => seen,
        }
    }

    /// What is to be shown of a server that was `seen` in this state, if the daemon adds to it: that it is held, or why it
    /// stays sealed.
    pub(super) fn of(&self, target: &Target, seen: &State) -> Option<State> {
        let node = self.node(target)?;
        if matches!(seen, State::Unreachable { .. }) {
            return None;
        }
        if let Some(hold) = node.hold {
            return Some(State::Held { hold: hold.into(), unsealed: seen.is_unsealed() });
        }
        let text = node.reason.as_ref().map(sentence);
        let advice = node.advice.as_ref().map(paragraph);
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
            (State::Sealed { .. } | State::Unsealing { .. } | State::Uninitialized { .. }, "damaged") => {
                Some(State::Damaged { damage: Damage::Told(text?) })
            }
            (State::Sealed { .. }, "joining") => Some(State::Joining),
            (State::Sealed { .. }, "sealed") => Some(State::Sealed { delay: Some(Delay::Because(text?)) }),
            _ => None,
        }
    }
}

/// A reason, which may be longer than what a server says.
fn sentence(text: &ExternalText) -> String {
    format!("{text:.2000}")
}

/// Advice, which may have several lines.
fn paragraph(text: &ExternalText) -> String {
    text.lines().map(|line| sentence(&line)).collect::<Vec<_>>().join("\n")
}
