//! What may pass by itself, and is told when it does not: errors of the server's own, a cluster without an active node,
//! several servers behind one address.

use super::Machine;
use crate::unseal::round_names::RoundNames;
use crate::unseal::streak::Streak;
use crate::unseal::{Action, Event, Moment, pacing};
use crate::vault::{Meaning, Nonce, Refusal, Role, Unreachable};
use std::time::Duration;

/// So often in a row health may say sealed and the seal status unsealed before several servers are the likelier cause.
const CONTRADICTIONS: u32 = 3;

/// So many of our shares may find the ones before them gone until the server is unsealed.
const LOSSES: u32 = 3;

/// What is counted to tell trouble that lasts from trouble that passes.
#[derive(Debug, Default)]
pub(super) struct Lasting {
    /// Answers to shares that were errors of the server's own.
    pub(super) share_failures: Streak,
    /// The same to questions for its health.
    pub(super) health_failures: Streak,
    /// And for its seal status.
    pub(super) status_failures: Streak,
    /// Unsealed, and without an active node.
    pub(super) without_active: Streak,
    round_names: RoundNames,
    contradictions: u32,
    pub(super) losses: u32,
    /// More than one server answers.
    pub(super) several: bool,
}

impl Machine {
    /// A share was answered with an error that says nothing of it.
    pub(super) fn note_failed_share(&mut self, now: Moment, refusal: &Refusal) {
        let says_nothing_of_it = matches!(
            refusal.meaning,
            Meaning::Transient | Meaning::QuotaExceeded | Meaning::HeaderMissing | Meaning::PermissionDenied
        );
        if says_nothing_of_it {
            self.note_failure(now, refusal.status, true);
        }
    }

    /// A question was not answered with what was asked for. That it is so is a state and said; how long, here. Returns how
    /// long to wait at least: health may be well between two errors of the seal status.
    pub(super) fn note_failed_look(&mut self, now: Moment, cause: &Unreachable) -> Duration {
        match cause {
            Unreachable::ServerError { status, .. } | Unreachable::NotVault { status, .. }
                if *status >= 500 =>
            {
                self.note_failure(now, *status, false);
                let of_status = self.last == Action::ReadSealStatus;
                if of_status { self.pacing.server() } else { Duration::ZERO }
            }
            _ => {
                self.failures(false).over();
                Duration::ZERO
            }
        }
    }

    /// Of shares, or of what was asked last.
    fn failures(&mut self, of_shares: bool) -> &mut Streak {
        match (of_shares, self.last) {
            (true, _) => &mut self.lasting.share_failures,
            (false, Action::ReadSealStatus) => &mut self.lasting.status_failures,
            (false, _) => &mut self.lasting.health_failures,
        }
    }

    fn note_failure(&mut self, now: Moment, status: u16, to_shares: bool) {
        let limit = self.pacing.severe();
        let failures = self.failures(to_shares);
        let lasted = failures.again(now);
        let (times, severe) = (failures.times(), failures.tells(lasted, limit));
        if severe || (to_shares && times == pacing::FAILURES_TOLD) {
            self.events.push(Event::KeepsFailing { status, to_shares, times, lasted, severe });
        }
    }

    /// The server is unsealed, and this in its cluster.
    pub(super) fn note_role(&mut self, now: Moment, role: Role) {
        if role != Role::StandbyWithoutActive {
            self.lasting.without_active.over();
            return;
        }
        let lasted = self.lasting.without_active.again(now);
        if self.lasting.without_active.tells(lasted, self.pacing.without_active()) {
            self.events.push(Event::NoActiveNode { lasted });
        }
    }

    /// The server shows a round of this name.
    pub(super) fn note_round(&mut self, name: Nonce) {
        if self.lasting.round_names.returns_to(name) {
            self.several_servers();
        }
    }

    /// Health said sealed, and the seal status right after it whether that is so.
    pub(super) fn note_agreement(&mut self, sealed: bool) {
        if sealed {
            self.lasting.contradictions = 0;
            return;
        }
        self.lasting.contradictions = self.lasting.contradictions.saturating_add(1);
        if self.lasting.contradictions == CONTRADICTIONS {
            self.several_servers();
        }
    }

    /// A share was accepted, and earlier ones of ours were gone, of a round without a name: progress that begins anew again
    /// and again tells of several servers.
    pub(super) fn note_loss(&mut self) {
        self.lasting.losses = self.lasting.losses.saturating_add(1);
        if self.lasting.losses == LOSSES {
            self.several_servers();
        }
    }

    /// Several servers answer here: who sealed which cannot be told.
    fn several_servers(&mut self) {
        if !std::mem::replace(&mut self.lasting.several, true) {
            self.events.push(Event::SeveralServers);
        }
        self.wishes.forgive();
    }
}
