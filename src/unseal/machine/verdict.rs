//! The verdict that our shares are not this server's, and when to doubt it.

#[cfg(test)]
mod tests;

use super::NodeMachine;
use crate::api::{Meaning, Refusal, Release, SealState};
use crate::cluster::Misfit;
use crate::explain::Explain;
use crate::unseal::attempt::Recheck;
use crate::unseal::phase::{Obstacle, Rejection, Stage, Verdict};
use crate::unseal::{Action, Damage, Delay, Moment, Step, pacing};
use std::time::Duration;

/// What becomes of a share source that was mended.
const RETRIED: &str = "A file is tried as soon as it changes, a credential after a restart of the service.";
/// What to do where wrong shares and a damaged keyring look alike: the server tells no version, or one
/// between.
const EITHER: &str = "HashiCorp Vault up to 1.2 says this to wrong shares, newer servers and OpenBao say it when their keyring is damaged, and \
                      so may Vault 1.3 to 1.11. If the server is an old one, put the right shares into the share source: a file is \
                      tried as soon as it changes, a credential after a restart of the service. If not, look at its storage \
                      and restore it from a backup. Do not initialise it.";
/// Of so many strangers no more than one may stay unseen when the server is looked at before shares are called wrong.
const UNSEEN: usize = 4096;
/// Times the doubt itself: how long another daemon with the same wrong shares is left to see nobody, at the most.
const APART: u32 = 6;

impl NodeMachine {
    /// Rounds of our shares alone have failed: they are wrong, unless somebody else is at work.
    pub(super) fn doubt(&mut self, now: Moment, refusal: Refusal) -> Step {
        if let Some((attempt, stage)) = self.phase.trying() {
            let looks = looks(attempt.threshold);
            *stage = Stage::Rechecking(Recheck { refusal, looks, since: now });
        }
        self.again(Obstacle::Delay(Delay::RoundFailed(refusal)))
    }

    /// A look at the server before the verdict; `None` where none is due.
    pub(super) fn doubt_again(&mut self, now: Moment, status: &SealState) -> Option<Step> {
        let (attempt, stage) = self.phase.trying()?;
        let Stage::Rechecking(Recheck { refusal, looks: left, since }) = *stage else { return None };
        if status.threshold != attempt.threshold {
            // Rekeyed: nothing is known of the round that is there now, nor that we hold enough for it.
            self.phase.abandon();
            return None;
        }
        *stage = Stage::Submitting;
        let disturbed = status.progress > 0;
        if disturbed {
            attempt.disturb();
        } else if let Some(looks) = left.checked_sub(1) {
            *stage = Stage::Rechecking(Recheck { refusal, looks, since });
            let pause = self.pacing.doubt();
            return Some(self.after(pause, Action::ReadSealStatus));
        }
        if disturbed {
            let all = looks(attempt.threshold);
            let one = now.saturating_sub(since) / all.saturating_sub(left).saturating_add(1);
            self.pacing.keep_apart(now, one, all.saturating_mul(APART));
            return Some(self.clear_round(now, refusal));
        }
        if !attempt.calm() {
            return Some(self.clear_round(now, refusal));
        }
        Some(match refusal.meaning {
            Meaning::InvalidKey if self.release == Release::New => self.damaged(now, Damage::Keyring),
            Meaning::InvalidKey => self.reject(now, refusal.to_string(), Some(EITHER.to_owned())),
            _ => self.reject(now, refusal.to_string(), None),
        })
    }

    /// The server refused them: `text` is what it said, `advice` what to do where that differs from the usual.
    pub(super) fn reject(&mut self, now: Moment, text: String, advice: Option<String>) -> Step {
        let times = self.tried.rejection.as_ref().map_or(0, |earlier| earlier.times.saturating_add(1));
        let verdict = Verdict { kind: "shares-refused", text, advice };
        self.give_up(now, verdict, times, pacing::rejected_retry(times))
    }

    /// They cannot be this server's, so it was not asked: to look again costs nobody anything.
    pub(super) fn misfit(&mut self, now: Moment, misfit: &Misfit) -> Step {
        self.pacing.source_is_well();
        let advice = misfit.advice().map(|advice| format!("{advice} {RETRIED}"));
        let verdict = Verdict { kind: misfit.kind(), text: misfit.to_string(), advice };
        self.give_up(now, verdict, 0, self.pacing.pace.slow_interval)
    }

    fn give_up(&mut self, now: Moment, verdict: Verdict, times: u32, retry: Duration) -> Step {
        self.phase.abandon();
        self.phase.hinder(Obstacle::Rejected(verdict.clone()));
        self.tried.rejection = Some(Rejection {
            verdict,
            times,
            retry_at: now.saturating_add(retry),
            retry_after_restart: now.saturating_add(self.pacing.pace.slow_interval),
        });
        self.tried.fruitless = 0;
        self.after(self.pacing.pace.slow_interval, Action::AskHealth)
    }
}

/// How often the server is looked at, a moment apart, before shares are called wrong. A stranger who submits several in
/// the time of one exchange of ours completes our round with his and has ours complete his, which looks like one of ours
/// alone. But then nearly every look shows a share of his; one in t shows none, when his round was just completed. Looks
/// take an exchange each, so that he goes on between any two of them, however long the way to the server is.
fn looks(threshold: usize) -> u32 {
    let (mut looks, mut strangers) = (1, threshold);
    while threshold > 1 && strangers < UNSEEN {
        looks += 1;
        strangers = strangers.saturating_mul(threshold);
    }
    looks
}
