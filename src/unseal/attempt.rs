//! One attempt to unseal: the sets of shares to try, the current round, and what failed rounds have proved.

use super::Moment;
use crate::api::{Meaning, Nonce, Refusal, SealState};

/// Failed rounds of our shares alone that prove the first set wrong: one, and one clean retry.
const PROOF: u32 = 2;
/// The same for a later set, and for each in the second pass, when nobody else is seen.
const PROOF_IN_QUIET: u32 = 1;
/// The same once somebody else was seen at work: he may slip into a round between our last look and our last
/// share, but hardly every time.
const PROOF_WHEN_DISTURBED: u32 = 4;

/// The work from the moment shares are loaded until the server is unsealed or the shares are given up.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    pub(super) threshold: usize,
    pub(super) round: Round,
    candidates: Vec<Vec<usize>>,
    current: usize,
    /// Sets proved wrong.
    wrong: usize,
    failures: u32,
    /// What the server said to a whole set of ours whose shares decrypt its stored keys, and whether that proves that the
    /// current set is the only one that can be right.
    keyring: Option<(Refusal, bool)>,
    submissions: usize,
    disturbed: bool,
    /// Every set failed once, and nobody else was seen at work for a while after that.
    quiet: bool,
    /// Our shares should be in already, where they wait for those of peers.
    offered: bool,
}

/// A verdict that waits for a few more looks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recheck {
    /// What the server said to the last round.
    pub(super) refusal: Refusal,
    /// Looks that are left.
    pub(super) looks: u32,
    /// When it began.
    pub(super) since: Moment,
}

/// What is left to submit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// This share.
    Share(usize),
    /// Nothing: all shares of the set are in the round.
    AllIn,
    /// The round was torn from us too often: pause.
    InterruptedTooOften,
}

impl Attempt {
    /// An attempt that begins with the candidate number `first`, counted round and round.
    pub(super) fn new(
        threshold: usize,
        candidates: Vec<Vec<usize>>,
        first: usize,
        round: Round,
        offered: bool,
    ) -> Self {
        let current = first.checked_rem(candidates.len()).unwrap_or(0);
        Self {
            threshold,
            round,
            candidates,
            current,
            wrong: 0,
            failures: 0,
            keyring: None,
            submissions: 0,
            disturbed: false,
            quiet: false,
            offered,
        }
    }

    /// It only makes sure that shares of ours still wait for those of peers.
    pub(super) fn only_makes_sure(&self) -> bool {
        self.offered && !self.full_custody()
    }

    /// We hold enough shares to unseal alone; only then may we ever reset a round.
    pub(super) fn full_custody(&self) -> bool {
        self.set().len() >= self.threshold
    }

    /// There is a set to submit.
    pub(super) fn possible(&self) -> bool {
        !self.set().is_empty()
    }

    /// The next share of the current set that is not in the round.
    pub(super) fn next(&mut self) -> Next {
        if self.submissions > 2 * self.set().len() + 2 {
            return Next::InterruptedTooOften;
        }
        match self.set().iter().copied().find(|&share| !self.round.submitted.contains(&share)) {
            Some(share) => {
                self.submissions += 1;
                Next::Share(share)
            }
            None => Next::AllIn,
        }
    }

    /// Starts the next round on `round`. What earlier ones proved stays.
    pub(super) fn begin(&mut self, round: Round) {
        self.round = round;
        self.submissions = 0;
        self.offered = false;
    }

    /// Somebody else is at work.
    pub(super) fn disturb(&mut self) {
        self.disturbed = true;
        self.quiet = false;
    }

    /// Nobody else was seen at work for a while. True when that is proof: every set failed since then, or the only one that
    /// can be right did twice and nobody was ever seen, or one share is a whole round, into which nobody slips. If not, each
    /// has to fail once more: what failed while somebody was at work, or once among others, may have been the right one.
    pub(super) fn calm(&mut self) -> bool {
        let only = self.candidates.len() <= 1 || self.keyring.is_some_and(|(_, right)| right);
        let surely = self.threshold <= 1 || (only && !self.disturbed);
        if self.quiet || surely {
            return true;
        }
        self.quiet = true;
        (self.failures, self.wrong, self.keyring) = (0, 0, None);
        false
    }

    /// A share that completes the round now completes one of the current set and nothing else.
    pub(super) fn is_ours_alone(&self) -> bool {
        self.full_custody() && self.round.is_ours_alone(self.threshold)
    }

    /// Books a failed round that was ours alone, after which this set is known to be the right one, `right`, and the server to
    /// be damaged, if nobody else was at work. True when there is something left to try.
    pub(super) fn failed_alone(&mut self, refusal: Refusal, right: bool) -> bool {
        self.failures += 1;
        if refusal.meaning == Meaning::InvalidKey {
            self.keyring.get_or_insert((refusal, right));
        }
        let proof = match (self.disturbed, self.quiet, self.wrong) {
            (true, false, _) => PROOF_WHEN_DISTURBED,
            (false, false, 0) => PROOF,
            (_, true, _) | (false, false, _) => PROOF_IN_QUIET,
        };
        if right {
            // No other set can be.
            return self.failures < proof.max(PROOF);
        }
        if self.failures >= proof {
            self.failures = 0;
            self.wrong += 1;
            self.current = (self.current + 1).checked_rem(self.candidates.len()).unwrap_or(0);
        }
        self.wrong < self.candidates.len()
    }

    /// What counts of the refusals where each set met one, `last` at the end: that a set with a corrupt share does not decrypt
    /// the stored keys says less than that another one does, and that those do not decrypt the keyring.
    pub(super) fn telling(&self, last: Refusal) -> Refusal {
        self.keyring.map_or(last, |(refusal, _)| refusal)
    }

    /// The set that is being submitted, and its number, if it is one of several.
    pub(super) fn one_of_several(&self) -> Option<(usize, &[usize])> {
        (self.candidates.len() > 1).then(|| (self.current, self.set()))
    }

    fn set(&self) -> &[usize] {
        self.candidates.get(self.current).map_or(&[], Vec::as_slice)
    }
}

/// What we know of one round. A round lives from its first share to its threshold, its reset, or a restart.
#[derive(Debug, Clone, Default)]
pub(super) struct Round {
    nonce: Nonce,
    /// Our shares that are in.
    pub(super) submitted: Vec<usize>,
    /// Shares the server counted when we last saw it.
    pub(super) progress: usize,
}

impl Round {
    /// A round that stands at `status` before our first share.
    ///
    /// Whose shares are in it shows as we go: one of ours that does not raise the progress was there before,
    /// from a second daemon or an earlier run of this one.
    pub(super) fn found(status: &SealState) -> Self {
        Self { nonce: status.nonce, submitted: Vec::new(), progress: status.progress }
    }

    /// Books an accepted share. True when our earlier shares turn out to be gone: this is another round.
    ///
    /// The nonce tells, and where a server gives none (`RustyVault`), the progress: it never falls within a round,
    /// and never below the number of our own shares.
    pub(super) fn accepted(&mut self, share: usize, status: &SealState) -> bool {
        let lost = !self.submitted.is_empty()
            && (status.nonce != self.nonce
                || status.progress < self.progress
                || status.progress <= self.submitted.len());
        if lost {
            self.submitted.clear();
        }
        self.nonce = status.nonce;
        self.submitted.push(share);
        self.progress = status.progress;
        lost
    }

    /// One more share could complete the round.
    pub(super) fn next_completes(&self, threshold: usize) -> bool {
        self.progress.saturating_add(1) >= threshold
    }

    /// All shares but the one that completes the round are known to be in and ours: there is no room for others'.
    pub(super) fn is_ours_alone(&self, threshold: usize) -> bool {
        self.submitted.len() + 1 == threshold
    }

    /// The round that `status` shows is this one, and no share of it was lost.
    pub(super) fn goes_on(&self, status: &SealState) -> bool {
        status.nonce == self.nonce && status.progress >= self.progress
    }

    /// How it stands, as far as we know.
    pub(super) fn standing(&self) -> Standing {
        Standing { nonce: self.nonce, progress: self.progress }
    }

    /// The server does not name its rounds: one could follow another unseen.
    pub(super) fn is_nameless(&self) -> bool {
        self.nonce.is_empty()
    }
}

/// A round as it stood once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing {
    nonce: Nonce,
    progress: usize,
}

impl Standing {
    /// No share was added to it since. Of a round without a name that cannot be told.
    pub(super) fn lasts(&self, status: &SealState) -> bool {
        !self.nonce.is_empty() && status.nonce == self.nonce && status.progress == self.progress
    }
}

#[cfg(test)]
mod tests;
