//! The server's current unseal round as far as we can see it: which of our shares are in, and how many more.

use crate::api::{Nonce, SealState};

/// What we know of one round. A round lives from its first share to its threshold, its reset, or a restart.
#[derive(Debug, Clone, Default)]
pub(super) struct Round {
    nonce: Nonce,
    submitted: Vec<usize>,
    progress: usize,
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

    /// True when `share` was accepted into this round.
    pub(super) fn holds(&self, share: usize) -> bool {
        self.submitted.contains(&share)
    }

    /// How many of our shares are in.
    pub(super) fn ours(&self) -> usize {
        self.submitted.len()
    }

    /// Shares the server counted when we last saw it.
    pub(super) fn progress(&self) -> usize {
        self.progress
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

    /// The server does not name its rounds: one could follow another unseen.
    pub(super) fn is_nameless(&self) -> bool {
        self.nonce.is_empty()
    }

    /// Others' shares came in while we waited.
    pub(super) fn grew(&mut self, status: &SealState) {
        self.progress = status.progress;
    }
}
