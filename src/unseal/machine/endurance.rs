//! What may pass by itself, and is told when it does not: errors of the server's own, a cluster without an active node,
//! several servers behind one address.

use super::Machine;
use crate::unseal::{Action, Event, Moment, pacing};
use crate::vault::{Meaning, Nonce, Refusal, Role, Unreachable};
use std::time::Duration;

/// So often in a row health may say sealed and the seal status unsealed before several servers are the likelier cause.
const CONTRADICTIONS: u32 = 3;

/// So many of our shares may find the ones before them gone until the server is unsealed.
const LOSSES: u32 = 3;

impl Machine {
    /// A share was answered with an error that says nothing of it.
    pub(super) fn note_failed_share(&mut self, now: Moment, refusal: &Refusal) {
        let says_nothing_of_it = matches!(
            refusal.meaning,
            Meaning::Transient | Meaning::QuotaExceeded | Meaning::HeaderMissing | Meaning::PermissionDenied
        );
        if says_nothing_of_it {
            let lasted = self.share_failures.again(now);
            self.tell_failures(refusal.status, true, lasted);
        }
    }

    /// A question was not answered with what was asked for. That it is so is a state and said; how long, here. Returns how
    /// long to wait at least: health may be well between two errors of the seal status.
    pub(super) fn note_failed_look(&mut self, now: Moment, cause: &Unreachable) -> Duration {
        let of_status = self.last == Action::ReadSealStatus;
        let failures = if of_status { &mut self.status_failures } else { &mut self.health_failures };
        match cause {
            Unreachable::ServerError { status, .. } | Unreachable::NotVault { status, .. }
                if *status >= 500 =>
            {
                let lasted = failures.again(now);
                self.tell_failures(*status, false, lasted);
                if of_status { self.pacing.server() } else { Duration::ZERO }
            }
            _ => {
                failures.over();
                Duration::ZERO
            }
        }
    }

    fn tell_failures(&mut self, status: u16, to_shares: bool, lasted: Duration) {
        let limit = self.pacing.severe();
        let failures = match (to_shares, self.last) {
            (true, _) => &mut self.share_failures,
            (false, Action::ReadSealStatus) => &mut self.status_failures,
            (false, _) => &mut self.health_failures,
        };
        let times = failures.times();
        let severe = failures.tells(lasted, limit);
        let told = to_shares && times == pacing::FAILURES_TOLD;
        if severe || told {
            self.events.push(Event::KeepsFailing { status, to_shares, times, lasted, severe });
        }
    }

    /// The server is unsealed, and this in its cluster.
    pub(super) fn note_role(&mut self, now: Moment, role: Role) {
        if role != Role::StandbyWithoutActive {
            self.without_active.over();
            return;
        }
        let lasted = self.without_active.again(now);
        if self.without_active.tells(lasted, self.pacing.without_active()) {
            self.events.push(Event::NoActiveNode { lasted });
        }
    }

    /// The server shows a round of this name.
    pub(super) fn note_round(&mut self, name: Nonce) {
        if self.round_names.returns_to(name) {
            self.several_servers();
        }
    }

    /// Health said sealed, and the seal status right after it whether that is so.
    pub(super) fn note_agreement(&mut self, sealed: bool) {
        if sealed {
            self.contradictions = 0;
            return;
        }
        self.contradictions = self.contradictions.saturating_add(1);
        if self.contradictions == CONTRADICTIONS {
            self.several_servers();
        }
    }

    /// A share was accepted, and earlier ones of ours were gone. Where rounds have no names, progress that begins anew
    /// again and again tells of several servers.
    pub(super) fn note_loss(&mut self, nameless: bool) {
        self.losses = self.losses.saturating_add(u32::from(nameless));
        if nameless && self.losses == LOSSES {
            self.several_servers();
        }
    }

    /// Several servers answer here: who sealed which cannot be told.
    fn several_servers(&mut self) {
        if !std::mem::replace(&mut self.several, true) {
            self.events.push(Event::SeveralServers);
        }
        self.wishes.forgive();
    }
}
