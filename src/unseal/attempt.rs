//! One attempt to unseal: the sets of shares to try, the current round, and what failed rounds have proved.

use super::round::Round;

/// Failed rounds of our shares alone that prove a set wrong: one, and one clean retry.
const PROOF: u32 = 2;

/// The work from the moment shares are loaded until the server is unsealed or the shares are given up.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) threshold: usize,
    pub(super) round: Round,
    candidates: Vec<Vec<usize>>,
    current: usize,
    failures: u32,
    submissions: usize,
    /// All that we hold is in, and it is too little.
    pub(super) waiting: bool,
}

/// What is left to submit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// This share.
    Share(usize),
    /// Nothing: all shares of the set are in the round.
    AllIn,
    /// The round was torn from us too often: pause.
    TornTooOften,
}

impl Attempt {
    pub(super) fn new(threshold: usize, candidates: Vec<Vec<usize>>, round: Round) -> Self {
        Self { threshold, round, candidates, current: 0, failures: 0, submissions: 0, waiting: false }
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
            return Next::TornTooOften;
        }
        match self.set().iter().copied().find(|&share| !self.round.holds(share)) {
            Some(share) => {
                self.submissions += 1;
                Next::Share(share)
            }
            None => Next::AllIn,
        }
    }

    /// Starts the next round on `round`.
    pub(super) fn begin(&mut self, round: Round) {
        self.round = round;
        self.submissions = 0;
        self.waiting = false;
    }

    /// Books a failed round that was ours alone. True when there is something left to try.
    pub(super) fn failed_alone(&mut self) -> bool {
        self.failures += 1;
        // A later set comes after a proof that the server is reachable and undisturbed: once is enough.
        if self.failures >= PROOF || self.current > 0 {
            self.failures = 0;
            self.current += 1;
        }
        self.current < self.candidates.len()
    }

    /// The set that is being submitted, if it is not the first choice.
    pub(super) fn second_choice(&self) -> Option<&[usize]> {
        (self.current > 0).then(|| self.set())
    }

    fn set(&self) -> &[usize] {
        self.candidates.get(self.current).map_or(&[], Vec::as_slice)
    }
}
