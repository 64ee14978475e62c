//! What happened, numbered, in a ring that forgets the oldest.

use super::node::NodeName;
use crate::api::Role;
use crate::unseal::Hold;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// How many events are kept: below 200 kB.
const KEPT: usize = 2048;

/// Makes the kinds and their words of one table.
macro_rules! kinds {
    ($($(#[doc = $meaning:literal])* $kind:ident = $word:literal,)*) => {
        /// A kind of event. The words never change.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum EventKind {
            $($(#[doc = $meaning])* $kind,)*
        }

        impl EventKind {
            /// Every kind.
            pub fn all() -> impl Iterator<Item = Self> {
                [$(Self::$kind),*].into_iter()
            }

            /// Its word.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$kind => $word,)*
                }
            }
        }
    };
}

kinds! {
    /// The daemon was started.
    Started = "started",
    /// The daemon uses a new configuration.
    Reloaded = "reloaded",
    /// The daemon refused a new configuration, and goes on with the old one.
    ReloadRefused = "reload-refused",
    /// A node is watched from now on.
    Watched = "watched",
    /// A node is no longer watched.
    Gone = "gone",
    /// A node is in another state, or in the same for another cause.
    State = "state",
    /// A server was restarted.
    Restarted = "restarted",
    /// An operator sealed a server.
    OperatorSeal = "operator-seal",
    /// A server sealed itself soon after it was unsealed.
    SelfSeal = "self-seal",
    /// A server refused a round of shares from here.
    RoundRefused = "round-refused",
    /// A round that others had a part in failed, or was lost.
    RoundDisturbed = "round-disturbed",
    /// A server keeps answering with errors that lie with itself.
    KeepsFailing = "keeps-failing",
    /// Several servers answer in turn where there should be one.
    SeveralServers = "several-servers",
    /// An unsealed server has had no active node for long.
    NoActiveNode = "no-active-node",
    /// A share of the source does not fit the others.
    CorruptShare = "corrupt-share",
    /// A node is a member of another cluster.
    ForeignNode = "foreign-node",
    /// A new connection to a server that is unsealed would fail.
    ReconnectFails = "reconnect-fails",
    /// It would be good again.
    ReconnectWorks = "reconnect-works",
}

/// One event.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordedEvent {
    /// The first since the daemon was started is 1; no number is left out.
    pub number: u64,
    /// When it was, in milliseconds since 1970.
    pub at: u64,
    /// What it is.
    pub kind: EventKind,
    /// Of which node; `None` for what concerns the daemon.
    pub node: Option<Arc<NodeName>>,
    /// The word of the node's state after it, where that changed.
    pub state: Option<&'static str>,
    /// What an unsealed server is in its cluster, where the state changed.
    pub role: Option<Role>,
    /// Why it is held, where the state changed.
    pub hold: Option<Hold>,
    /// The word of the state before it, where that changed and there was one.
    pub previous: Option<&'static str>,
    /// The kind of error that it is about.
    pub cause: Option<&'static str>,
    /// How long the server had been seen sealed, if it is unsealed now.
    pub took: Option<Duration>,
}

impl RecordedEvent {
    /// An event of this kind, which its ring gives a number and the time.
    pub(super) fn new(kind: EventKind, node: Option<&Arc<NodeName>>) -> Self {
        Self {
            number: 0,
            at: 0,
            kind,
            node: node.cloned(),
            state: None,
            role: None,
            hold: None,
            previous: None,
            cause: None,
            took: None,
        }
    }
}

/// The last events.
#[derive(Debug, Default)]
pub(super) struct EventRing {
    events: VecDeque<RecordedEvent>,
    last: u64,
}

impl EventRing {
    /// Adds one, and returns its number.
    pub(super) fn push(&mut self, event: RecordedEvent, at: Duration) -> u64 {
        self.last += 1;
        if self.events.len() >= KEPT {
            self.events.pop_front();
        }
        let at = u64::try_from(at.as_millis()).unwrap_or(u64::MAX);
        self.events.push_back(RecordedEvent { number: self.last, at, ..event });
        self.last
    }

    /// The number of the last one; 0 if there was none.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// How many of those after this number are no longer kept.
    pub(super) fn lost_after(&self, number: u64) -> u64 {
        let first = self.events.front().map_or(self.last, |event| event.number - 1);
        first.saturating_sub(number)
    }

    /// At most so many of those after this number, in their order.
    pub(super) fn after(&self, number: u64, most: usize) -> impl Iterator<Item = &RecordedEvent> {
        let first = self.events.front().map_or(0, |event| event.number);
        let skipped = number.saturating_add(1).saturating_sub(first);
        self.events.iter().skip(usize::try_from(skipped).unwrap_or(usize::MAX)).take(most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn ring(events: usize) -> EventRing {
        let mut ring = EventRing::default();
        for _ in 0..events {
            ring.push(RecordedEvent::new(EventKind::Reloaded, None), Duration::ZERO);
        }
        ring
    }

    fn numbers(ring: &EventRing, after: u64, most: usize) -> Vec<u64> {
        ring.after(after, most).map(|event| event.number).collect()
    }

    #[test]
    fn events_after_a_number_are_given_and_those_that_wrapped_are_counted() {
        let few = ring(3);
        assert_eq!((numbers(&few, 0, 9), few.lost_after(0)), (vec![1, 2, 3], 0));
        assert_eq!(
            (numbers(&few, 2, 9), numbers(&few, 3, 9), numbers(&few, 99, 9)),
            (vec![3], vec![], vec![])
        );
        assert_eq!(numbers(&few, 0, 2), [1, 2]);
        let many = ring(KEPT + 10);
        assert_eq!(many.events.len(), KEPT);
        assert_eq!(
            (many.lost_after(0), many.lost_after(7), many.lost_after(10), many.lost_after(11)),
            (10, 3, 0, 0)
        );
        assert_eq!(numbers(&many, 7, 2), [11, 12], "the first that is left");
        let none = ring(0);
        assert_eq!((none.lost_after(0), none.lost_after(5), numbers(&none, 0, 9)), (0, 0, vec![]));
    }

    #[test]
    fn ring_stays_small() {
        assert!(KEPT * size_of::<RecordedEvent>() < 200_000, "{}", size_of::<RecordedEvent>());
    }

    #[test]
    fn every_kind_has_a_word_of_its_own() {
        let words: BTreeSet<_> = EventKind::all().map(EventKind::word).collect();
        assert_eq!(words.len(), EventKind::all().count());
    }
}
