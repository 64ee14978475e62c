//! In words: a node's state, trouble that lasts, and an operator's seal that was undone.

use super::message::Message;
use crate::cluster::NodeAddress;
use crate::unseal::{Damage, Delay, Event, Hold, Objection, State};
use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::time::Duration;
use tracing::Level;

/// What a server without keys may be, where shares or other servers say that its cluster has some.
const NOT_JOINED: &str = "a new member that has not joined, or its storage is not mounted";

/// One phrase for logs: the state's word, and in brackets what refines it or why.
pub fn phrase(state: &State) -> String {
    match reason(state) {
        Some(reason) => format!("{} ({reason})", state.word()),
        None => brief(state),
    }
}

/// The state for a column of a table: its word and what refines it, without a reason of any length.
pub fn brief(state: &State) -> String {
    match state {
        State::Unsealed { role } => format!("{} ({})", state.word(), role.word()),
        State::ForeignSeal { seal_type: Some(seal_type) } => format!("{} ({seal_type})", state.word()),
        _ => short(state),
    }
}

/// Why it is so, in our own words, the system's, or the server's where it was sent no secret.
pub fn reason(state: &State) -> Option<String> {
    match state {
        State::Unreachable { cause } => Some(cause.to_string()),
        State::Sealed { delay } => delay.as_ref().map(ToString::to_string),
        State::SharesRejected { text, .. }
        | State::SharesUnavailable { text, .. }
        | State::SealsItself { text, .. } => Some(text.clone()),
        State::Uninitialized { objection, .. } => match objection {
            Objection::Nothing => None,
            Objection::SharesHeld => Some(NOT_JOINED.to_owned()),
            Objection::PeerInitialised => {
                Some(format!("another node of its cluster is initialised: {NOT_JOINED}"))
            }
        },
        State::Damaged { damage } => Some(damage.to_string()),
        State::Held { hold, unsealed } => Some(
            match (hold, unsealed) {
                (Hold::Seal, _) => "an operator sealed it",
                (Hold::Request, true) => "on request; it is unsealed",
                (Hold::Request, false) => "on request; it is sealed",
            }
            .to_owned(),
        ),
        State::Unsealing { .. }
        | State::WaitingForPeers { .. }
        | State::Unsealed { .. }
        | State::ForeignSeal { .. }
        | State::Joining
        | State::Migrating { .. }
        | State::Removed => None,
    }
}

/// The command that keeps a node sealed.
pub fn keep_sealed(node: impl Display) -> String {
    format!("To keep it sealed: vault-unseal hold {node}")
}

/// The word and the progress, for the one line that systemd shows.
fn short(state: &State) -> String {
    match state {
        State::Unsealing { progress, threshold } | State::WaitingForPeers { progress, threshold } => {
            format!("{} ({progress}/{threshold})", state.word())
        }
        _ => state.word().to_owned(),
    }
}

/// What to do about a server that seals itself.
pub const SEALS_ITSELF: &str = "Look at its log for \"core: shutting down\": the line before it says why, a damaged lease or \
                                a storage that fails.";

/// What a person should do about a state, if anything.
pub fn advice(state: &State) -> Option<String> {
    use crate::explain::Explain;
    let text = match state {
        State::Unreachable { cause }
        | State::Sealed { delay: Some(Delay::NotThrough(cause) | Delay::StatusUnread(cause)) } => {
            return cause.advice();
        }
        State::SharesUnavailable { advice, .. } => return advice.clone(),
        State::Uninitialized { objection: Objection::SharesHeld, .. } => {
            "Do not initialise it: that would make the shares held for its cluster worthless. Look whether its storage is \
             mounted. If other nodes of its cluster are initialised, let it join them (`retry_join`, or `operator raft join`)."
        }
        State::Uninitialized { objection: Objection::PeerInitialised, .. } => {
            "Let it join the others (`retry_join`, or `operator raft join`). If it had joined before, look whether its storage \
             is mounted. Do not initialise it."
        }
        State::Uninitialized { objection: Objection::Nothing, product } => {
            return Some(format!(
                "If others of its cluster are initialised, let it join them (`retry_join`, or `operator raft join`). If it \
                 ever had data, look whether its storage is mounted. If neither, initialise one node alone: \
                 `vault-unseal init`, or {}.",
                product.command("operator init")
            ));
        }
        State::Damaged { damage } => return Some(mend(damage)),
        State::SharesRejected { advice: Some(advice), .. } => return Some(advice.clone()),
        State::SharesRejected { advice: None, .. } => {
            "A share is mistyped, or they belong to another server, or were replaced by a rekey or a new initialisation, or by a \
             snapshot that was restored: it needs the shares that were in force when it was taken. Put the right ones into \
             the share source: a file is tried as soon as it changes, a credential after a restart of the service. With two \
             more than the server needs, `vault-unseal check` names one that is mistyped. If they \
             unsealed this server before and nothing was rekeyed or restored since, the keys in its storage are damaged: \
             restore a backup, and do not initialise it."
        }
        State::Held { hold: Hold::Seal, .. } => {
            "It stays sealed until it is seen to restart, is unsealed by hand, or `vault-unseal resume NODE` is called."
        }
        State::Held { hold: Hold::Request, .. } => {
            "It is left alone until `vault-unseal resume NODE` is called or this machine restarts."
        }
        State::ForeignSeal { .. } => {
            "This server unseals itself (auto-unseal): its recovery keys cannot unseal it. Look at its seal stanza \
             and its log, and take the node out of `nodes`."
        }
        State::Migrating { product } => {
            let command = product.command("operator unseal -migrate");
            return Some(format!("Finish the seal migration by hand: {command}."));
        }
        State::Removed => {
            "The node was removed from its cluster. If that was intended, take it out of `nodes`. If not: stop the server, move \
             its raft data away, start it and let it join again. Do not delete that data before the cluster is well: it may \
             be the last copy."
        }
        State::SealsItself { .. } => {
            return Some(format!("{SEALS_ITSELF} {}", keep_sealed("NODE")));
        }
        State::WaitingForPeers { .. } => {
            "The missing shares come from the daemons on the other machines. If it stays so, see that those run and \
             reach this server."
        }
        State::Unsealed { .. } | State::Sealed { .. } | State::Unsealing { .. } | State::Joining => {
            return None;
        }
    };
    Some(text.to_owned())
}

/// What to do about damage. It never says to initialise.
fn mend(damage: &Damage) -> String {
    let mut text = "Its storage is damaged or not mounted. Do not initialise it: that would destroy what can still be saved. \
                    Look whether the storage is mounted and what the server's log says, and restore a backup or a snapshot."
        .to_owned();
    match damage {
        Damage::SeenUnsealed => text.push_str(
            " If somebody emptied its storage so that it joins its cluster anew, it joins by itself, or by `operator raft \
             join`.",
        ),
        Damage::Keyring => text.push_str(
            " A server that was initialised by Vault before 1.3 and never rekeyed says the same to wrong shares.",
        ),
        _ => {}
    }
    text
}

/// The states of many nodes, counted as they change: a thousand are not gone through for each of a thousand changes.
#[derive(Debug, Default)]
pub struct Tally {
    counts: BTreeMap<(usize, String), usize>,
    total: usize,
}

impl Tally {
    /// One more node is in this state.
    pub fn add(&mut self, state: Option<&State>) {
        *self.counts.entry(Self::place(state)).or_default() += 1;
        self.total += 1;
    }

    /// One node is in this state no longer.
    pub fn remove(&mut self, state: Option<&State>) {
        let place = Self::place(state);
        if let Some(count) = self.counts.get_mut(&place) {
            *count -= 1;
            self.total -= 1;
            if *count == 0 {
                self.counts.remove(&place);
            }
        }
    }

    /// Good news last, not asked yet at the very end.
    fn place(state: Option<&State>) -> (usize, String) {
        match state {
            Some(state) => (usize::from(state.is_unsealed()), short(state)),
            None => (2, "not asked yet".to_owned()),
        }
    }
}

impl<'a> FromIterator<Option<&'a State>> for Tally {
    fn from_iter<I: IntoIterator<Item = Option<&'a State>>>(states: I) -> Self {
        let mut tally = Self::default();
        states.into_iter().for_each(|state| tally.add(state));
        tally
    }
}

/// The one line of `systemctl status`: `3 nodes: 2 unsealed, 1 unsealing (1/3)`.
impl Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&counted(self.total, "node"))?;
        for (place, ((_, text), count)) in self.counts.iter().enumerate() {
            write!(f, "{} {count} {text}", if place == 0 { ":" } else { "," })?;
        }
        Ok(())
    }
}

/// `1 node`, `2 nodes`.
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// What to do where no node is active.
pub const NO_ACTIVE_NODE: &str = "Look at the free space of its disk (`df`), and whether enough nodes of its cluster run and \
                                  reach each other.";

/// How loud an event is, its kind and its text; `None` for one that is no such trouble.
pub fn describe(node: &NodeAddress, event: &Event) -> Option<(Level, Message, String)> {
    Some(match *event {
        Event::KeepsFailing { status, to_shares, from_server, times, lasted, severe } => {
            let level = if severe { Level::ERROR } else { Level::WARN };
            let (what, whose) = if to_shares && from_server {
                ("shares", "The shares are not at fault: look at the server's log, its disk and its memory.")
            } else if to_shares {
                (
                    "shares",
                    "The shares are not at fault: look at the log of the proxy before the server, or name the server \
                     itself in `nodes`.",
                )
            } else {
                (
                    "questions",
                    "Nobody knows whether it is sealed: look at the server's log, and at the proxy if there is one.",
                )
            };
            let words = if from_server || status >= 500 { words_for(status) } else { "a proxy's own answer" };
            let text = format!(
                "{node}: {what} have been answered with HTTP {status} for {} ({times} times): {words}. {whose}",
                span(lasted)
            );
            (level, Message::KeepsFailing, text)
        }
        Event::SeveralServers => {
            let text = format!(
                "{node}: several servers answer here in turn: do nodes name a load balancer? Write the address of each \
                 server into `nodes`."
            );
            (Level::WARN, Message::SeveralServers, text)
        }
        Event::NoActiveNode { lasted } => {
            let text = format!(
                "{node}: unsealed, but there has been no active node for {}: its clients are not served. {NO_ACTIVE_NODE}",
                span(lasted)
            );
            (Level::WARN, Message::NoActiveNode, text)
        }
        Event::SealUndone => {
            let text = format!("{node}: an operator sealed it; it is unsealed again. {}", keep_sealed(node));
            (Level::WARN, Message::SealUndone, text)
        }
        _ => return None,
    })
}

/// What a status code says where the text that came with it is not shown.
fn words_for(status: u16) -> &'static str {
    match status {
        429 => "a rate limit",
        500 => "an internal error of the server",
        502 | 504 => "a proxy before the server gets no answer from it",
        503 => "the server, or a proxy before it, is overloaded or not available",
        501..=599 => "an error of the server's own",
        _ => "an error that says nothing of them",
    }
}

/// A length of time as a person says it: whole seconds, whole minutes from five of them on.
pub fn span(time: Duration) -> String {
    let seconds = time.as_secs().max(1);
    let whole = if seconds >= 300 { seconds - seconds % 60 } else { seconds };
    humantime::format_duration(Duration::from_secs(whole)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Role, Unreachable};
    use std::fmt::Write as _;

    #[test]
    fn the_summary_names_trouble_first() {
        let unsealed = State::Unsealed { role: Role::Active };
        let standby = State::Unsealed { role: Role::Standby };
        let unsealing = State::Unsealing { progress: 1, threshold: 3 };
        let down = State::Unreachable { cause: Unreachable::Refused };
        let of = |states: &[Option<&State>]| states.iter().copied().collect::<Tally>();
        let mut tally = of(&[Some(&unsealed), Some(&standby), Some(&unsealing)]);
        assert_eq!(tally.to_string(), "3 nodes: 1 unsealing (1/3), 2 unsealed");
        assert_eq!(of(&[Some(&down)]).to_string(), "1 node: 1 unreachable");
        assert_eq!(of(&[None, Some(&unsealed)]).to_string(), "2 nodes: 1 unsealed, 1 not asked yet");
        tally.remove(Some(&unsealing));
        tally.add(Some(&down));
        tally.remove(Some(&unsealed));
        assert_eq!(tally.to_string(), "2 nodes: 1 unreachable, 1 unsealed");
        tally.remove(Some(&down));
        tally.remove(Some(&standby));
        assert_eq!(tally.to_string(), "0 nodes");
    }

    #[test]
    fn lasting_trouble_is_told_in_our_words() {
        let node = "https://vault.home:8200".parse().unwrap();
        let failing = |status, to_shares, times, seconds, severe| Event::KeepsFailing {
            status,
            to_shares,
            from_server: status != 502 && status != 403,
            times,
            lasted: Duration::from_secs(seconds),
            severe,
        };
        let events = [
            failing(500, true, 3, 2, false),
            failing(503, true, 40, 301, true),
            failing(502, false, 310, 330, true),
            failing(429, true, 3, 2, false),
            failing(502, true, 3, 2, false),
            failing(403, true, 3, 2, false),
            Event::SeveralServers,
            Event::NoActiveNode { lasted: Duration::from_secs(60) },
            Event::SealUndone,
        ];
        let mut lines = String::new();
        for event in &events {
            let (level, _, text) = describe(&node, event).unwrap();
            writeln!(lines, "{level} {text}").unwrap();
        }
        assert_eq!(lines, include_str!("lasting.txt"));
    }
}
