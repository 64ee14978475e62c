//! How often a closed port is tried.

use super::Moment;
use std::time::Duration;

/// How long after a node of this machine refused a connection for the first time its port is tried again and again.
const PROBING: Duration = Duration::from_secs(30);
/// How long of that a server may take to come back and be found at once.
const PROBING_CLOSELY: Duration = Duration::from_secs(5);
/// The same of another machine: polls come as often after that.
const PROBING_ELSEWHERE: Duration = Duration::from_secs(120);
/// What of an outage may be lost until its end is noticed where another machine is tried: one part of so many.
const LOST_PART: u32 = 120;
/// So many tries at another machine may follow each other at the first pace.
const BURST: u32 = 22;
/// How long one of them takes to be there again.
const REFILL: Duration = Duration::from_millis(10);

/// How long to wait between two tries whether anything listens at a node, `refused` after its port was first found
/// closed; `None` when it is no longer worth it. `own`: the node is on this machine. `here`: how many of its host are tried
/// now; `all`: how many of all hosts.
///
/// A try at a port of this machine takes some 30 µs, timer and all, and disturbs nobody: 3 % of one core for a few
/// seconds and less than 1 % for the rest of the half minute, measured; several nodes share it, so that a host is tried no more
/// often for many nodes than for one. Another machine gets one SYN in 3 ms for a tenth of a second, then one in 10 ms
/// ([`ProbeBudget`]), and answers with one RST; after 1.2 s they grow rarer with the outage, of which less than a hundredth is
/// lost: some 300 in 7 s, and 700 in two minutes. Many hosts together are tried four times a millisecond. A port that swallows
/// SYNs is not tried at all.
pub fn probe_pause(refused: Duration, own: bool, here: usize, all: usize) -> Option<Duration> {
    let pause = match (own, refused) {
        (true, refused) if refused >= PROBING => return None,
        (true, refused) if refused < PROBING_CLOSELY => Duration::from_millis(1),
        (true, _) => Duration::from_millis(10),
        (false, refused) if refused >= PROBING_ELSEWHERE => return None,
        (false, refused) => Duration::from_millis(3).max(refused / LOST_PART),
    };
    let times =
        |pause: Duration, nodes| pause.saturating_mul(u32::try_from(nodes).unwrap_or(u32::MAX).max(1));
    let budget = if own { Duration::ZERO } else { times(Duration::from_micros(250), all) };
    Some(times(pause, here).max(budget))
}

/// The tries at the ports of another machine, of all its nodes and over all their outages: a bucket of tokens, of which each
/// takes one, so that they are no more than 122 in any second.
#[derive(Debug, Default, Clone, Copy)]
pub struct ProbeBudget {
    /// When it is full again, if nobody tries before.
    full_at: Moment,
}

impl ProbeBudget {
    /// How long until the next try, which its node wants to make after `pause`.
    pub fn wait(&self, now: Moment, pause: Duration) -> Duration {
        let allowed = self.full_at.saturating_sub(REFILL.saturating_mul(BURST - 1));
        pause.max(allowed.saturating_sub(now))
    }

    /// Takes what a try takes, if it is there: others may have been faster.
    pub fn take(&mut self, now: Moment) -> bool {
        let allowed = self.wait(now, Duration::ZERO).is_zero();
        if allowed {
            self.full_at = self.full_at.max(now).saturating_add(REFILL);
        }
        allowed
    }

    /// Nothing of it is used up: it need not be remembered.
    pub fn is_full(&self, now: Moment) -> bool {
        self.full_at <= now
    }
}
