//! What servers were sent, by their own account: at debug level OpenBao logs every share, whatever it does with it.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

/// Time since 1970, by the wall clock.
pub(crate) type Stamp = Duration;

/// Something a server's log tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// It has just started, or was sealed by somebody: no share that was sent before counts.
    Sealed,
    /// It was sent a share.
    Share,
    Unsealed,
}

/// A server's entries with their times. Lines without a time have that of the line before.
pub(crate) fn entries(log: &str) -> Vec<(Stamp, Entry)> {
    let mut at = Stamp::ZERO;
    let mut entries = Vec::new();
    for line in log.lines() {
        if let Some(stamp) = stamp(line) {
            at = stamp;
        }
        // Fields of a message may quote others' words, the message itself comes first.
        let message = line.split_once("] ").map_or(line, |(_, message)| message.trim_start());
        let entry = if message.starts_with("core: unseal key supplied") {
            Entry::Share
        } else if message.starts_with("core: vault is unsealed") {
            Entry::Unsealed
        } else if message.starts_with("core: vault is sealed")
            || line.starts_with("==> OpenBao server configuration")
        {
            Entry::Sealed
        } else {
            continue;
        };
        entries.push((at, entry));
    }
    entries
}

fn stamp(line: &str) -> Option<Stamp> {
    let moment = humantime::parse_rfc3339(line.split(' ').next()?).ok()?;
    moment.duration_since(SystemTime::UNIX_EPOCH).ok()
}

/// The clock of the servers' logs.
pub(crate) fn now() -> Stamp {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970")
}

/// Shares that came after the server was unsealed, for each unsealing: when it was, and how much later each came.
pub(crate) fn late_shares(entries: &[(Stamp, Entry)]) -> Vec<(Stamp, Vec<Duration>)> {
    let mut late: Vec<(Stamp, Vec<Duration>)> = Vec::new();
    let mut unsealed = false;
    for (at, entry) in entries {
        match entry {
            Entry::Sealed => unsealed = false,
            Entry::Unsealed => {
                // A raft member says so again when it changes its role.
                if !unsealed {
                    late.push((*at, Vec::new()));
                }
                unsealed = true;
            }
            Entry::Share => {
                if let Some((since, shares)) = late.last_mut().filter(|_| unsealed) {
                    shares.push(at.saturating_sub(*since));
                }
            }
        }
    }
    late.retain(|(_, shares)| !shares.is_empty());
    late
}

/// For each time that the server was sealed and then unsealed: from when to when, and how many shares it was sent.
pub(crate) fn unsealings(entries: &[(Stamp, Entry)]) -> Vec<(Stamp, Stamp, usize)> {
    let mut unsealings = Vec::new();
    let mut sealed: Option<(Stamp, usize)> = None;
    for (at, entry) in entries {
        match (entry, &mut sealed) {
            (Entry::Sealed, _) => sealed = Some((*at, 0)),
            (Entry::Share, Some((_, sent))) => *sent += 1,
            (Entry::Unsealed, Some((since, sent))) => {
                unsealings.push((*since, *at, *sent));
                sealed = None;
            }
            (Entry::Share | Entry::Unsealed, None) => {}
        }
    }
    unsealings
}

/// When shares came.
pub(crate) fn shares(entries: &[(Stamp, Entry)]) -> impl Iterator<Item = Stamp> {
    entries.iter().filter(|(_, entry)| *entry == Entry::Share).map(|(at, _)| *at)
}

/// The most of these moments, in the order of time, that lie within any stretch of this length.
pub(crate) fn most_within(moments: impl Iterator<Item = Stamp>, window: Duration) -> usize {
    let mut within = VecDeque::new();
    let mut most = 0;
    for at in moments {
        within.push_back(at);
        while within.front().is_some_and(|first| at.saturating_sub(*first) > window) {
            within.pop_front();
        }
        most = most.max(within.len());
    }
    most
}

/// How many rounds `unseal/pacing.rs` grants one daemon at one server within any stretch of this length: the first at
/// once, then after pauses that double from 20 ms to 2 s, each a quarter shorter at the most.
pub(crate) fn rounds_within(window: Duration) -> usize {
    let mut pause = Duration::from_millis(20);
    let (mut at, mut rounds) = (Duration::ZERO, 0);
    while at <= window {
        rounds += 1;
        at += pause.min(Duration::from_secs(2)) * 3 / 4;
        pause *= 2;
    }
    rounds
}
