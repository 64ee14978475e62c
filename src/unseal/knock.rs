//! How often a closed port is tried.

use super::Moment;
use std::time::Duration;

/// How long after a node of this machine refused a connection for the first time its port is tried again and again.
const KNOCK: Duration = Duration::from_secs(30);
/// How long of that a server may take to come back and be met at its door.
const KNOCK_CLOSELY: Duration = Duration::from_secs(5);
/// The same of another machine: polls come as often after that.
const KNOCK_ELSEWHERE: Duration = Duration::from_secs(120);
/// What of an outage may be lost until its end is noticed where another machine is tried: one part of so many.
const LOST_PART: u32 = 120;
/// Another machine may be tried so often without a pause between.
const SPARED: u32 = 48;
/// The pause between two of its tries when they are used up.
const SPARED_AGAIN: Duration = Duration::from_millis(14);

/// How long to wait between two tries whether anything listens at a node, `refused` after its port was first found
/// closed; `None` when it is no longer worth it. `own`: the node is on this machine. `here`: how many of its host are tried
/// now; `all`: how many of all hosts.
///
/// A try at a port of this machine takes some 50 µs, timer and all, and disturbs nobody: 3 % of one core for a few
/// seconds and 1 % for the rest of the half minute, measured; several nodes share it, so that a host is tried no more often
/// for many nodes than for one. Another machine gets one SYN in 2 ms, as far as its [`KnockBudget`] goes, and answers with one
/// RST; when it takes longer they grow rarer with the outage, of which less than a hundredth is lost. Many hosts together are
/// tried four times a millisecond. A port that swallows SYNs is not tried at all.
pub fn knock_pause(refused: Duration, own: bool, here: usize, all: usize) -> Option<Duration> {
    let pause = match (own, refused) {
        (true, refused) if refused >= KNOCK => return None,
        (true, refused) if refused < KNOCK_CLOSELY => Duration::from_millis(1),
        (true, _) => Duration::from_millis(10),
        (false, refused) if refused >= KNOCK_ELSEWHERE => return None,
        (false, refused) => Duration::from_millis(2).max(refused / LOST_PART),
    };
    let times =
        |pause: Duration, nodes| pause.saturating_mul(u32::try_from(nodes).unwrap_or(u32::MAX).max(1));
    let budget = if own { Duration::ZERO } else { times(Duration::from_micros(250), all) };
    Some(times(pause, here).max(budget))
}

/// The tries at the ports of another machine, of all its nodes and over all their outages: no more than 125 in any second.
///
/// A service that is restarted is back within a tenth of a second, or takes much longer: until then it is tried every 2 ms,
/// and every 14 ms when that is used up. What was spared is there again after some 700 ms without a try.
#[derive(Debug, Default, Clone, Copy)]
pub struct KnockBudget {
    /// When all of it is there again.
    whole: Moment,
}

impl KnockBudget {
    /// Books the next try, `pause` from `now` at the earliest; returns how long to wait for it.
    pub fn book(&mut self, now: Moment, pause: Duration) -> Duration {
        let spared = self.whole.saturating_sub(SPARED_AGAIN.saturating_mul(SPARED - 1));
        let at = now.saturating_add(pause).max(spared);
        self.whole = self.whole.max(at).saturating_add(SPARED_AGAIN);
        at.saturating_sub(now)
    }

    /// Nothing of it is used up: it need not be remembered.
    pub fn is_whole(&self, now: Moment) -> bool {
        self.whole <= now
    }
}
