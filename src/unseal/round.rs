//! The server's current unseal round as far as we can see it: which of our shares are in, and who else's.

use crate::vault::SealStatus;

/// What we know of one round. A round lives from its first share to its threshold, its reset, or a restart.
#[derive(Debug, Clone, Default)]
pub(super) struct Round {
    nonce: String,
    submitted: Vec<usize>,
    progress: usize,
    stranger: bool,
}

/// What an accepted share showed about the round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing unexpected.
    Ours,
    /// The first sign of shares that are not ours.
    Stranger,
    /// Our earlier shares are gone: this is another round.
    Lost,
}

impl Round {
    /// A round that stands at `status` before our first share.
    pub(super) fn found(status: &SealStatus) -> Self {
        Self {
            nonce: status.nonce.clone(),
            submitted: Vec::new(),
            progress: status.progress,
            stranger: status.progress > 0,
        }
    }

    /// Books an accepted share.
    pub(super) fn accepted(&mut self, share: usize, status: &SealStatus) -> Seen {
        let another = !self.submitted.is_empty() && status.nonce != self.nonce;
        if another {
            self.submitted.clear();
        }
        self.nonce.clone_from(&status.nonce);
        self.submitted.push(share);
        self.progress = status.progress;
        let more_than_ours = status.progress > self.submitted.len();
        let news = (another || more_than_ours) && !self.stranger;
        // A stranger's work is in every round that follows his: whatever happens to it proves nothing of ours.
        self.stranger |= another || more_than_ours;
        match (another, news) {
            (true, _) => Seen::Lost,
            (false, true) => Seen::Stranger,
            (false, false) => Seen::Ours,
        }
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
        self.progress + 1 >= threshold
    }

    /// A share that completes the round now completes one that, as far as can be seen, is ours alone.
    pub(super) fn is_ours_alone(&self, threshold: usize) -> bool {
        !self.stranger && self.submitted.len() + 1 == threshold
    }

    /// Somebody else took part.
    pub(super) fn had_stranger(&self) -> bool {
        self.stranger
    }

    /// The round that `status` shows is this one, and no share of it was lost.
    pub(super) fn goes_on(&self, status: &SealStatus) -> bool {
        status.nonce == self.nonce && status.progress >= self.progress
    }

    /// Others' shares came in while we waited.
    pub(super) fn grew(&mut self, status: &SealStatus) {
        self.progress = status.progress;
    }
}
