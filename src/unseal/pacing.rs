//! The pauses that grow, and how long the outcome of a round is awaited.

#[cfg(test)]
mod tests;

use super::Moment;
use crate::api::Unreachable;
use crate::cluster::Pace;
use std::time::Duration;

/// How long a completed round may stay sealed with progress 0 before shares are sent again: the server is
/// joining its raft cluster, which takes as long as the leader lets it.
pub(super) const JOIN_PATIENCE: Duration = Duration::from_secs(90);
/// The same wait when others interfered with the round: they may also have reset it between our share and the answer.
pub(super) const JOIN_PATIENCE_DISTURBED: Duration = Duration::from_secs(10);
/// The same wait when a peer may have completed the round, and the node was seen uninitialised before, as a node
/// is before it joins: just as likely the round failed, or was reset.
pub(super) const JOIN_PATIENCE_FOR_PEERS: Duration = Duration::from_secs(5);
/// The same wait when a peer may have completed the round of a node that was never seen uninitialised: hardly a join. Peers that
/// wait for our shares wait for this, too.
pub(super) const ROUND_PATIENCE_FOR_PEERS: Duration = Duration::from_secs(2);
/// The same wait when the answer to the completing share was lost: most likely with the server, which restarts.
pub(super) const LOST_ANSWER_PATIENCE: Duration = Duration::from_secs(2);
/// Longest pause between two looks at a node that is joining its cluster.
const JOIN_POLL: Duration = Duration::from_millis(500);
/// First pause before rejected shares are tried again unasked; doubles to [`REJECTED_RETRY_MAX`].
pub(super) const REJECTED_RETRY_MIN: Duration = Duration::from_secs(300);
/// Longest such pause.
pub(super) const REJECTED_RETRY_MAX: Duration = Duration::from_secs(3600);
/// An unsealing that was not followed by another for this long is forgotten by the pacing.
const CALM: Duration = Duration::from_secs(60);
/// Longest pause between two rounds. Where the shares are in several hands, a server waits for whoever pauses last.
const ROUND_PAUSE_MAX: Duration = Duration::from_secs(2);
/// Pause between two looks before shares are called wrong.
const DOUBT_PAUSE: Duration = Duration::from_millis(20);
/// How long a round is put off at the most because somebody else is at work: nothing is looked at meanwhile.
const APART_MAX: Duration = Duration::from_secs(10);
/// How long a server has to stay unsealed for its unsealing to count. One that cannot read its leases or write to its storage
/// seals itself 50 to 150 ms after each.
pub(super) const LASTING_UNSEAL: Duration = Duration::from_secs(2);
/// Pause before a server that has turned active is asked again: by then it has sealed itself, if it does.
const ACTIVE_POLL: Duration = Duration::from_millis(250);
/// First pause after a server sealed itself; doubles to `slow_interval`.
const RELAPSE_PAUSE_MIN: Duration = Duration::from_millis(500);
/// A server may answer with its own errors so often before that is told.
pub(super) const FAILURES_TOLD: u32 = 3;
/// Times `slow_interval`: how long it may do so before it is an error (5 minutes).
const FAILURES_SEVERE: u32 = 10;
/// Times `slow_interval`: how long an unsealed server may see no active node before that is told (1 minute).
const NO_ACTIVE_TOLD: u32 = 2;
/// First pause while a share source cannot be read; doubles to [`SOURCE_PAUSE_MAX`].
const SOURCE_PAUSE_MIN: Duration = Duration::from_secs(1);
/// Longest such pause.
const SOURCE_PAUSE_MAX: Duration = Duration::from_secs(30);
/// Pause after an answer that only time can mend (no keyring, overload): doubles to `slow_interval`.
const SERVER_PAUSE_MIN: Duration = Duration::from_millis(500);

/// The pauses of one node.
#[derive(Debug, Clone)]
pub(super) struct Pacing {
    pub(super) pace: Pace,
    rng: fastrand::Rng,
    down_since: Option<Moment>,
    refused_since: Option<Moment>,
    lefts: u32,
    last_left: Moment,
    settling: u32,
    seen_active: bool,
    rounds: u32,
    last_round: Moment,
    next_round: Moment,
    source_failures: u32,
    server_failures: u32,
}

impl Pacing {
    pub(super) fn new(pace: Pace, seed: u64) -> Self {
        Self {
            pace,
            rng: fastrand::Rng::with_seed(seed),
            down_since: None,
            refused_since: None,
            lefts: 0,
            last_left: Moment::ZERO,
            settling: 0,
            seen_active: false,
            rounds: 0,
            last_round: Moment::ZERO,
            next_round: Moment::ZERO,
            source_failures: 0,
            server_failures: 0,
        }
    }

    /// The node answered: the next outage starts its own back-off.
    pub(super) fn answered(&mut self) {
        self.down_since = None;
        self.refused_since = None;
    }

    /// Since when nothing listens at the node, if that is what `cause` says.
    pub(super) fn refused(&mut self, now: Moment, cause: &Unreachable) -> Option<Moment> {
        matches!(cause, Unreachable::Refused).then(|| *self.refused_since.get_or_insert(now))
    }

    /// Something listens again: if it does not answer yet, it will soon.
    pub(super) fn returned(&mut self, now: Moment) {
        self.down_since = Some(now);
    }

    /// Pause after a connection ended, before the node is asked. The first of a quiet time is none, then they double
    /// from `retry_min` to `poll_interval`: a proxy that closes what is idle is asked no more often than by polls.
    pub(super) fn left(&mut self, now: Moment) -> Duration {
        if now.saturating_sub(self.last_left) > CALM {
            self.lefts = 0;
        }
        let pause = match self.lefts.checked_sub(1) {
            None => Duration::ZERO,
            Some(earlier) => doubled(self.pace.retry_min, earlier, self.pace.poll_interval),
        };
        self.lefts = self.lefts.saturating_add(1);
        self.last_left = now;
        pause
    }

    /// Everything starts afresh: somebody mended something.
    pub(super) fn forget(&mut self) {
        self.rounds = 0;
        self.next_round = Moment::ZERO;
        self.source_failures = 0;
        self.server_failures = 0;
        self.answered();
    }

    /// Least pause after a rate limit: a poll, or what it asks for up to `slow_interval`.
    pub(super) fn rate_limited(&self, cause: &Unreachable) -> Duration {
        let Unreachable::TooManyRequests { retry_after } = cause else { return Duration::ZERO };
        let Pace { poll_interval, slow_interval, .. } = self.pace;
        retry_after.unwrap_or_default().min(slow_interval).max(poll_interval)
    }

    /// How long a server may answer with its own errors before that is severe.
    pub(super) fn severe(&self) -> Duration {
        self.pace.slow_interval.saturating_mul(FAILURES_SEVERE)
    }

    /// How long an unsealed server may see no active node before that is told.
    pub(super) fn without_active(&self) -> Duration {
        self.pace.slow_interval.saturating_mul(NO_ACTIVE_TOLD)
    }

    /// Pause before an unreachable node is asked again.
    ///
    /// An eighth of the outage so far, from `retry_min` to `retry_max` in its first minute and to
    /// `poll_interval` after it: grows geometrically, yet the return of a node is never noticed later than an
    /// eighth of its absence.
    pub(super) fn unreachable(&mut self, now: Moment) -> Duration {
        let outage = now.saturating_sub(*self.down_since.get_or_insert(now));
        let longest = if outage < CALM {
            self.pace.retry_max
        } else {
            self.pace.poll_interval.max(self.pace.retry_max)
        };
        let pause = (outage / 8).min(longest).max(self.pace.retry_min);
        self.jitter(pause)
    }

    /// Pause before a node that was just unsealed is asked again: short at first, to see it turn active.
    pub(super) fn settle(&mut self) -> Duration {
        let pause = doubled(Duration::from_millis(50), self.settling, self.pace.poll_interval);
        self.settling = self.settling.saturating_add(1);
        pause
    }

    /// The same once it is active: it becomes nothing else, but it may have sealed itself since. One look more, or a thousand
    /// that were just unsealed would keep those waiting that are not.
    pub(super) fn active(&mut self) -> Duration {
        let first = !std::mem::replace(&mut self.seen_active, true);
        if first { ACTIVE_POLL.min(self.pace.poll_interval) } else { self.pace.poll_interval }
    }

    /// The node was unsealed by us or seen unsealed for the first time after being sealed.
    pub(super) fn begin_to_settle(&mut self) {
        self.settling = 0;
        self.seen_active = false;
        self.source_failures = 0;
        self.server_failures = 0;
    }

    /// Asks for a turn to start a round: zero grants and books it, anything else is how long to wait before
    /// asking again. The first of a quiet time is free, then the pauses double from `retry_min`.
    pub(super) fn turn(&mut self, now: Moment) -> Duration {
        if now.saturating_sub(self.last_round) > CALM {
            self.rounds = 0;
        } else if now < self.next_round {
            return self.next_round.saturating_sub(now);
        }
        self.book(now)
    }

    /// Books the next possible start of a round; returns how long it is away.
    pub(super) fn book(&mut self, now: Moment) -> Duration {
        let start = self.next_round.max(now);
        let pause = doubled(self.pace.retry_min, self.rounds, ROUND_PAUSE_MAX);
        self.rounds = self.rounds.saturating_add(1);
        self.last_round = start;
        self.next_round = start.saturating_add(self.jitter(pause));
        start.saturating_sub(now)
    }

    /// Pause between two looks before shares are called wrong: from a half to three halves, so that they meet nobody's beat.
    pub(super) fn doubt(&mut self) -> Duration {
        DOUBT_PAUSE.mul_f64(0.5 + self.rng.f64())
    }

    /// Somebody else is at work, perhaps a daemon with the same shares: the next round begins at any time within so many looks
    /// from now, of which `one` took so long, if not later, so that each sees nobody for a while. A server that stalls once
    /// is not left alone for long.
    pub(super) fn keep_apart(&mut self, now: Moment, one: Duration, looks: u32) {
        let most = one.max(DOUBT_PAUSE).saturating_mul(looks).min(APART_MAX);
        let apart = most.mul_f64(self.rng.f64());
        self.next_round = self.next_round.max(now.saturating_add(apart));
    }

    /// Pause before a share source that failed is read again.
    pub(super) fn source(&mut self) -> Duration {
        let pause = doubled(SOURCE_PAUSE_MIN, self.source_failures, SOURCE_PAUSE_MAX);
        self.source_failures = self.source_failures.saturating_add(1);
        self.jitter(pause)
    }

    /// A share source was read: its next failure is its first.
    pub(super) fn source_is_well(&mut self) {
        self.source_failures = 0;
    }

    /// Pause after a server's own trouble.
    pub(super) fn server(&mut self) -> Duration {
        let pause = doubled(SERVER_PAUSE_MIN, self.server_failures, self.pace.slow_interval);
        self.server_failures = self.server_failures.saturating_add(1);
        self.jitter(pause)
    }

    /// The server takes our shares: its trouble is over.
    pub(super) fn server_is_well(&mut self) {
        self.server_failures = 0;
    }

    /// Pause before a server is unsealed again that has sealed itself so many times. It takes the place of the pause between
    /// rounds, so that a restart of the server ends both.
    pub(super) fn relapse(&mut self, times: u32) -> Duration {
        self.rounds = 0;
        self.next_round = Moment::ZERO;
        let pause = doubled(RELAPSE_PAUSE_MIN, times.saturating_sub(1), self.pace.slow_interval);
        self.jitter(pause)
    }

    /// Pause between two looks at a node that is joining its cluster.
    pub(super) fn joining(&self) -> Duration {
        self.pace.poll_interval.min(JOIN_POLL)
    }

    /// Spreads a pause by a quarter to both sides, so that daemons that were woken together part.
    fn jitter(&mut self, pause: Duration) -> Duration {
        // Half of it at the most is multiplied: no pause is too long for that.
        (pause / 4).saturating_mul(3).saturating_add((pause / 2).mul_f64(self.rng.f64()))
    }
}

fn doubled(first: Duration, times: u32, longest: Duration) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(times.min(20))).min(longest.max(first))
}

/// The pause before rejected shares are tried again for the `times`-th time.
pub(super) fn rejected_retry(times: u32) -> Duration {
    doubled(REJECTED_RETRY_MIN, times, REJECTED_RETRY_MAX)
}
