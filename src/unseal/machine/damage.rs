//! A server that says that it is not initialised, or whose answers look like damage: what is believed, and when.

use super::NodeMachine;
use crate::api::{Product, Refusal, Release, SealState, Unreachable};
use crate::external::ExternalText;
use crate::unseal::phase::{Obstacle, Phase};
use crate::unseal::{Action, Damage, Moment, Step, pacing};
use std::time::Duration;

/// How long answers must contradict each other before that is damage: a node that joins its raft cluster has its seal
/// configuration before its keyring, or the other way round, for a second or two.
const CONTRADICTION_PATIENCE: Duration = Duration::from_secs(10);
/// How long a keyring may be missing on a server that does not join a cluster: the time of a snapshot's restoration.
const KEYRING_PATIENCE: Duration = Duration::from_secs(15);

impl NodeMachine {
    /// Its health says that it is not initialised: its seal status tells whether that can be true.
    pub(super) fn look_closer(&mut self) -> Step {
        self.unsealed_by_us = None;
        self.forget();
        // What was shown of a server with keys is over; the rest stays until more is known.
        if !matches!(
            self.phase,
            Phase::Unseen
                | Phase::Unreachable { .. }
                | Phase::Uninitialized
                | Phase::Sealed {
                    obstacle: Some(Obstacle::Damaged(_) | Obstacle::Joining | Obstacle::Delay(_)),
                    ..
                }
        ) {
            self.phase = Phase::sealed(None);
        }
        self.at_once(Action::ReadSealStatus)
    }

    /// Its seal status has no keys.
    pub(super) fn uninitialized(&mut self, now: Moment, status: &SealState) -> Step {
        let damage = Damage::of(status, self.evidence.called_initialised, self.evidence.seen_unsealed);
        self.newcomer = true;
        if let Some(damage) = damage {
            // As often as any other node: it may join its cluster without a restart.
            return self.suspect(now, damage, CONTRADICTION_PATIENCE, self.pacing.pace.poll_interval);
        }
        self.forget();
        self.evidence.suspect_since = None;
        self.phase = Phase::Uninitialized;
        self.after(self.pacing.pace.poll_interval, Action::AskHealth)
    }

    /// It answered a share that it is not initialised.
    pub(super) fn contradicted(&mut self, now: Moment) -> Step {
        self.suspect(now, Damage::Contradiction, CONTRADICTION_PATIENCE, self.pacing.pace.slow_interval)
    }

    /// An answer that no healthy server gives, except one that joins its cluster at this moment.
    pub(super) fn damaged(&mut self, now: Moment, damage: Damage) -> Step {
        let patience = if self.newcomer { pacing::JOIN_PATIENCE } else { Duration::ZERO };
        self.suspect(now, damage, patience, self.pacing.pace.slow_interval)
    }

    /// Its stored keys or its keyring are missing: as in mid-join, if it does not last.
    pub(super) fn without_keyring(&mut self, now: Moment, refusal: Refusal) -> Step {
        let patience = if self.newcomer { pacing::JOIN_PATIENCE } else { KEYRING_PATIENCE };
        let since = *self.evidence.suspect_since.get_or_insert(now);
        if now.saturating_sub(since) < patience && !self.phase.is_damaged() {
            return self.trouble(now, refusal);
        }
        self.suspect(now, Damage::NoKeyring, patience, self.pacing.pace.slow_interval)
    }

    /// Its error in place of a health or a seal status shows damage. As often as any other node: it may join its cluster.
    pub(super) fn damage_in_error(&mut self, now: Moment, error: &Unreachable) -> Option<Step> {
        let damage = Damage::of_error(error)?;
        Some(self.suspect(now, damage, CONTRADICTION_PATIENCE, self.pacing.pace.poll_interval))
    }

    /// What looks like damage is called so once it has lasted for `patience`, and is looked at every `interval` then.
    fn suspect(&mut self, now: Moment, damage: Damage, patience: Duration, interval: Duration) -> Step {
        self.forget();
        let since = *self.evidence.suspect_since.get_or_insert(now);
        if now.saturating_sub(since) >= patience || self.phase.is_damaged() {
            self.phase.hinder(Obstacle::Damaged(damage));
            return self.shares_later(now, interval);
        }
        if !matches!(self.phase.obstacle(), Some(Obstacle::Joining)) {
            self.phase.hinder(Obstacle::because(damage.to_string()));
        }
        let pause = self.pacing.server().min(self.pacing.pace.poll_interval);
        self.after(pause, Action::AskHealth)
    }

    /// The server is asked again after a pause, and gets shares no sooner.
    pub(super) fn shares_later(&mut self, now: Moment, pause: Duration) -> Step {
        if matches!(self.last, Action::Submit { .. }) {
            // The connection ended with that answer: only over the next one a restart is noticed at once.
            self.evidence.again_at = now.saturating_add(pause);
            return self.at_once(Action::AskHealth);
        }
        self.after(pause, Action::AskHealth)
    }

    /// An answer said what program the server is. Servers hide it, or proxies do; what was known is kept then.
    pub(super) fn note_program(&mut self, version: Option<&ExternalText>, product: Product) {
        let release = Release::of(version);
        if release != Release::Unknown {
            self.release = release;
        }
        self.product = product.or(self.product);
    }
}
