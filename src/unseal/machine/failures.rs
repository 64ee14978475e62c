//! What may pass by itself, and is told when it does not: errors of the server's own, a cluster without an active node,
//! several servers behind one address.

use super::NodeMachine;
use crate::api::{Meaning, Nonce, Refusal, Role, Unreachable};
use crate::unseal::failures::Streak;
use crate::unseal::phase::{Obstacle, PendingOutcome, Phase, Work};
use crate::unseal::{Action, Delay, Event, Moment, pacing};
use std::time::Duration;

/// So often in a row health may say sealed and the seal status unsealed before several servers are the likelier cause.
const CONTRADICTIONS: u32 = 3;

/// So many of our shares may find the ones before them gone until the server is unsealed.
const LOSSES: u32 = 3;

/// So often within [`RETURNS_WITHIN`] one answer of a proxy's may stand between two of the server's.
const RETURNS: u32 = 5;
const RETURNS_WITHIN: Duration = Duration::from_secs(60);

impl NodeMachine {
    /// A share was answered with an error that says nothing of it.
    pub(super) fn note_failed_share(&mut self, now: Moment, refusal: &Refusal) {
        let says_nothing_of_it = matches!(
            refusal.meaning,
            Meaning::Transient | Meaning::QuotaExceeded | Meaning::HeaderMissing | Meaning::PermissionDenied
        );
        if says_nothing_of_it {
            self.note_failure(now, refusal.status, true, refusal.from_server);
        }
    }

    /// A question was not answered with what was asked for. That it is so is a state and said; how long, here. Returns how
    /// long to wait at least: health may be well between two errors of the seal status.
    pub(super) fn note_failed_look(&mut self, now: Moment, cause: &Unreachable) -> Duration {
        match cause {
            Unreachable::ServerError { status, .. } | Unreachable::NotVault { status, .. }
                if *status >= 500 =>
            {
                let from_server = matches!(cause, Unreachable::ServerError { .. });
                self.failures.by_page = !from_server;
                self.note_failure(now, *status, false, from_server);
                let of_status = self.last == Action::ReadSealStatus;
                if of_status { self.pacing.server() } else { Duration::ZERO }
            }
            _ => {
                self.streak(false).over();
                let again = self.last == Action::ReadSealStatus && self.failures.status_unread.is_some();
                if again { self.pacing.server() } else { Duration::ZERO }
            }
        }
    }

    /// Of shares, or of what was asked last.
    fn streak(&mut self, of_shares: bool) -> &mut Streak {
        match (of_shares, self.last) {
            (true, _) => &mut self.failures.share_failures,
            (false, Action::ReadSealStatus) => &mut self.failures.status_failures,
            (false, _) => &mut self.failures.health_failures,
        }
    }

    fn note_failure(&mut self, now: Moment, status: u16, to_shares: bool, from_server: bool) {
        let limit = self.pacing.severe();
        let failures = self.streak(to_shares);
        let lasted = failures.again(now);
        let (times, severe) = (failures.times(), failures.tells(lasted, limit));
        if severe || (to_shares && times == pacing::FAILURES_TOLD) {
            self.events.push(Event::KeepsFailing { status, to_shares, from_server, times, lasted, severe });
        }
    }

    /// A share was not answered by the server itself. The first time it may be down: only its health tells. `awaited`: what
    /// became of the round.
    pub(super) fn unanswered(&mut self, cause: Unreachable, awaited: Option<PendingOutcome>) {
        self.phase = if self.failures.not_through.replace(cause.clone()).is_some() {
            let work = awaited.map_or(Work::Looking, Work::Awaiting);
            Phase::Sealed { work, obstacle: Some(Obstacle::Delay(Delay::NotThrough(cause))) }
        } else {
            Phase::Unreachable { cause, awaited }
        };
    }

    /// Its seal status was not answered, and its health was just before. What is not the server's own error may come of its
    /// going down in between, the first time: only its health tells.
    pub(super) fn status_unread(&mut self, cause: Unreachable, awaited: Option<PendingOutcome>) {
        let itself = matches!(cause, Unreachable::ServerError { .. });
        let again = self.failures.status_unread.replace(cause.clone()).is_some();
        self.phase = if itself || again {
            let work = awaited.map_or(Work::Looking, Work::Awaiting);
            Phase::Sealed { work, obstacle: Some(Obstacle::Delay(Delay::StatusUnread(cause))) }
        } else {
            Phase::Unreachable { cause, awaited }
        };
    }

    /// Shares are answered by the server.
    pub(super) fn shares_get_through(&mut self) {
        self.failures.share_failures.over();
        self.failures.not_through = None;
    }

    /// The server is unsealed, and this in its cluster.
    pub(super) fn note_role(&mut self, now: Moment, role: Role) {
        if role != Role::StandbyWithoutActive {
            self.failures.without_active.over();
            return;
        }
        let lasted = self.failures.without_active.again(now);
        if self.failures.without_active.tells(lasted, self.pacing.without_active()) {
            self.events.push(Event::NoActiveNode { lasted });
        }
    }

    /// The server shows a round of this name.
    pub(super) fn note_round(&mut self, now: Moment, name: Nonce) {
        if self.failures.round_names.returns_to(name) {
            self.several_servers(now);
        }
    }

    /// Health said sealed, and the seal status right after it whether that is so.
    pub(super) fn note_agreement(&mut self, now: Moment, sealed: bool) {
        if sealed {
            self.failures.contradictions = 0;
            return;
        }
        self.failures.contradictions = self.failures.contradictions.saturating_add(1);
        if self.failures.contradictions >= CONTRADICTIONS {
            self.several_servers(now);
        }
    }

    /// A share was accepted, and earlier ones of ours were gone, of a round without a name: progress that begins anew again
    /// and again tells of several servers.
    pub(super) fn note_loss(&mut self, now: Moment) {
        self.failures.losses = self.failures.losses.saturating_add(1);
        if self.failures.losses >= LOSSES {
            self.several_servers(now);
        }
    }

    /// Its health is answered. A server that stops and starts fails at several looks, so that single pages of a proxy again
    /// and again are those of another server behind the same address, if not those of a rate limit.
    pub(super) fn note_answer(&mut self, now: Moment) {
        let after = self.failures.health_failures.times();
        self.failures.health_failures.over();
        if after != 1 || !self.failures.by_page {
            return;
        }
        if self.failures.returns.again(now) > RETURNS_WITHIN {
            self.failures.returns.over();
            self.failures.returns.again(now);
        }
        if self.failures.returns.times() >= RETURNS && self.failures.several.replace(now).is_none() {
            self.events.push(Event::SeveralServers);
        }
    }

    /// Where several servers answer in turn, what the proxy says instead of one of them is not the state of all.
    pub(super) fn is_one_of_several(&self, cause: &Unreachable) -> bool {
        let page = matches!(cause, Unreachable::NotVault { .. }) && self.last == Action::AskHealth;
        page && self.are_several() && self.failures.health_failures.times() == 1
    }

    /// Several servers answer here: who sealed which cannot be told.
    fn several_servers(&mut self, now: Moment) {
        if self.failures.several.replace(now).is_none() {
            self.events.push(Event::SeveralServers);
        }
        self.failures.proven = true;
        self.holds.forgive();
    }

    /// Several servers showed that they are several.
    pub(super) fn are_proven_several(&self) -> bool {
        self.are_several() && self.failures.proven
    }

    /// Several servers answered here, as far as is known.
    pub(super) fn are_several(&self) -> bool {
        self.failures.several.is_some()
    }

    /// A round of our shares alone unsealed the server, from the first to the last. If nothing has spoken for several
    /// servers for long, the load balancer is gone, or sends us to one of them.
    pub(super) fn note_whole_round(&mut self, now: Moment) {
        let long = self.pacing.severe();
        if self.failures.several.take_if(|seen| now.saturating_sub(*seen) >= long).is_some() {
            self.forget_several();
        }
    }

    /// Nothing is known of several servers.
    pub(super) fn forget_several(&mut self) {
        self.failures.several = None;
        self.failures.proven = false;
    }
}
