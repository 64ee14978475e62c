//! Where the work on one node stands: every fact that is true only meanwhile is in its phase, and ends with it.

use super::attempt::{Attempt, Recheck, Standing};
use super::seal::Seal;
use super::{Damage, Delay, Hold, Moment, State};
use crate::api::{ConnectionEpoch, Role, SealState, Unreachable};

/// What was last seen of the node, and what is under way.
#[derive(Debug, Clone)]
pub(super) enum Phase {
    /// It was not seen yet.
    Unseen,
    /// No answer of its own came.
    Unreachable {
        cause: Unreachable,
        /// The answer to a share that completed the round was lost with the connection.
        awaited: Option<PendingOutcome>,
    },
    /// It has no keys, and nothing speaks of damage.
    Uninitialized,
    Unsealed(Role),
    Held {
        hold: Hold,
        unsealed: bool,
    },
    /// It was removed, or its seal takes no shares.
    LeftAlone(Seal),
    Sealed {
        work: Work,
        /// What keeps it sealed, as far as was seen last.
        obstacle: Option<Obstacle>,
    },
}

/// What is under way at a sealed server.
#[derive(Debug, Clone)]
pub(super) enum Work {
    /// Nothing: the next look decides.
    Looking,
    /// The share source is read, for a round on top of `found`.
    Loading {
        found: SealState,
        /// Only to make sure of shares that wait for those of peers.
        offered: bool,
    },
    /// Shares are at hand.
    Trying(Attempt, Stage),
    /// The attempt has ended; what came of it, the next look shows.
    Over(Progress),
    /// Nothing is submitted: a complete round may still bear fruit.
    Awaiting(PendingOutcome),
}

/// How far an attempt has come.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stage {
    /// A round is under way, or is reset.
    Submitting,
    /// All sets are proved wrong, unless somebody else is at work.
    Rechecking(Recheck),
    /// All that we hold is in, and it is too little.
    Waiting {
        /// When it is submitted again to a server that does not name its rounds.
        offer_again_at: Moment,
        /// In which the round was seen last; one without a name: in which its wait began.
        epoch: Option<ConnectionEpoch>,
    },
}

/// How far a round has come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Progress {
    /// Shares the server counts in it.
    pub(super) counted: usize,
    pub(super) threshold: usize,
    /// Our shares are in, or were a moment ago, and wait for those of peers.
    pub(super) waits: bool,
}

/// Until when the outcome of a complete round is awaited.
#[derive(Debug, Clone, Copy)]
pub(super) struct PendingOutcome {
    pub(super) until: Moment,
    /// The life of the server in which the round was completed; `None` if the connection may have been lost since.
    /// In another life nothing is left of the round.
    pub(super) epoch: Option<ConnectionEpoch>,
    /// A peer's share may have completed the round. If the server is still sealed at `until`, the round was lost.
    pub(super) peers: bool,
    /// The round as it stood before a share whose answer was lost. While it stands so, the share did not arrive.
    pub(super) before: Option<Standing>,
    /// Which of several sets of shares was the whole round.
    pub(super) set: Option<usize>,
}

/// What keeps a server sealed.
#[derive(Debug, Clone)]
pub(super) enum Obstacle {
    Delay(Delay),
    /// It joins its raft cluster, or holds its answers as if it did.
    Joining,
    /// Our shares are not its own.
    Rejected(Verdict),
    /// The share source cannot be read.
    SourceFailed(Verdict),
    Damaged(Damage),
}

/// What is said of shares or their source.
#[derive(Debug, Clone)]
pub(super) struct Verdict {
    pub(super) kind: &'static str,
    pub(super) text: String,
    pub(super) advice: Option<String>,
}

/// What earlier attempts have shown. Outlives phases; ends when the server is seen in another condition than sealed.
#[derive(Debug, Clone, Default)]
pub(super) struct Tried {
    /// Complete rounds of one whole set that led neither to an unsealed server nor to a refusal. The next attempt begins
    /// with the next set.
    pub(super) fruitless: usize,
    pub(super) rejection: Option<Rejection>,
}

/// Proof that our shares are not this server's.
#[derive(Debug, Clone)]
pub(super) struct Rejection {
    pub(super) verdict: Verdict,
    pub(super) times: u32,
    /// The next try, if nobody asks for one earlier.
    pub(super) retry_at: Moment,
    /// The earliest try if the server went away: it may have come back with other data.
    pub(super) retry_after_restart: Moment,
}

impl Phase {
    /// A sealed server at which nothing is under way.
    pub(super) fn sealed(obstacle: Option<Obstacle>) -> Self {
        Self::Sealed { work: Work::Looking, obstacle }
    }

    /// Begins other work, and drops that under way. Whatever keeps the server sealed still does.
    pub(super) fn begin(&mut self, new: Work) {
        match self {
            Self::Sealed { work, .. } => *work = new,
            _ => *self = Self::Sealed { work: new, obstacle: None },
        }
    }

    /// Something keeps the server sealed. Work goes on.
    pub(super) fn hinder(&mut self, by: Obstacle) {
        match self {
            Self::Sealed { obstacle, .. } => *obstacle = Some(by),
            _ => *self = Self::sealed(Some(by)),
        }
    }

    /// Ends an attempt. An outcome that is awaited still is.
    pub(super) fn abandon(&mut self) {
        if let Self::Sealed { work, .. } = self {
            if let Some(progress) = work.progress() {
                *work = Work::Over(progress);
            } else if !matches!(work, Work::Awaiting(_)) {
                *work = Work::Looking;
            }
        }
    }

    /// What is told by `is_over` no longer keeps the server sealed.
    pub(super) fn clear(&mut self, is_over: impl FnOnce(&Obstacle) -> bool) {
        if let Self::Sealed { obstacle, .. } = self {
            drop(obstacle.take_if(|obstacle| is_over(obstacle)));
        }
    }

    pub(super) fn obstacle(&self) -> Option<&Obstacle> {
        if let Self::Sealed { obstacle, .. } = self { obstacle.as_ref() } else { None }
    }

    pub(super) fn is_damaged(&self) -> bool {
        matches!(self.obstacle(), Some(Obstacle::Damaged(_)))
    }

    /// The attempt that has shares at hand.
    pub(super) fn trying(&mut self) -> Option<(&mut Attempt, &mut Stage)> {
        match self {
            Self::Sealed { work: Work::Trying(attempt, stage), .. } => Some((attempt, stage)),
            _ => None,
        }
    }

    pub(super) fn attempt(&mut self) -> Option<&mut Attempt> {
        self.trying().map(|(attempt, _)| attempt)
    }

    pub(super) fn patience(&mut self) -> Option<&mut PendingOutcome> {
        match self {
            Self::Unreachable { awaited, .. } => awaited.as_mut(),
            Self::Sealed { work: Work::Awaiting(patience), .. } => Some(patience),
            _ => None,
        }
    }

    /// Ends whatever is under way, and awaits nothing any more.
    pub(super) fn stop(&mut self) {
        match self {
            Self::Unreachable { awaited, .. } => *awaited = None,
            Self::Sealed { work, .. } => *work = Work::Looking,
            _ => {}
        }
    }

    /// Shares that were loaded go in.
    pub(super) fn has_use_for_shares(&self) -> bool {
        matches!(self, Self::Sealed { work: Work::Trying(_, Stage::Submitting | Stage::Rechecking(_)), .. })
    }

    /// Other shares than those of the source could be the remedy. One that is added to too few may make them enough.
    pub(super) fn has_use_for_other_shares(&self) -> bool {
        match self {
            Self::Sealed { obstacle: Some(Obstacle::Damaged(damage)), .. } => damage.could_be_shares(),
            Self::Sealed { obstacle: Some(obstacle), .. } => {
                matches!(
                    obstacle,
                    Obstacle::Rejected(_)
                        | Obstacle::SourceFailed(_)
                        | Obstacle::Delay(Delay::RoundFailed(_))
                )
            }
            Self::Sealed { work, obstacle: None } => work.progress().is_some_and(|progress| progress.waits),
            _ => false,
        }
    }
}

impl Work {
    fn progress(&self) -> Option<Progress> {
        match self {
            Self::Over(progress) => Some(*progress),
            Self::Loading { found, offered: true } => {
                Some(Progress { counted: found.progress, threshold: found.threshold, waits: true })
            }
            Self::Trying(attempt, stage) => Some(Progress {
                counted: attempt.round.progress,
                threshold: attempt.threshold,
                waits: matches!(stage, Stage::Waiting { .. }) || attempt.only_makes_sure(),
            }),
            _ => None,
        }
    }

    /// What is shown where nothing else keeps the server sealed.
    pub(super) fn state(&self) -> State {
        match self.progress() {
            Some(Progress { counted: progress, threshold, waits: true }) => {
                State::WaitingForPeers { progress, threshold }
            }
            Some(Progress { counted: progress, threshold, waits: false }) => {
                State::Unsealing { progress, threshold }
            }
            None => State::Sealed { delay: None },
        }
    }
}

impl Obstacle {
    pub(super) fn because(why: impl Into<String>) -> Self {
        Self::Delay(Delay::Because(why.into()))
    }

    /// The server or what lies before it is at fault: that shares are tried again all the same is no news.
    pub(super) fn outlasts_attempts(&self) -> bool {
        matches!(self, Self::Damaged(_) | Self::Delay(Delay::Refused(_) | Delay::NotThrough(_)))
    }

    pub(super) fn state(&self) -> State {
        match self {
            Self::Delay(delay) => State::Sealed { delay: Some(delay.clone()) },
            Self::Joining => State::Joining,
            Self::Rejected(Verdict { kind, text, advice }) => {
                State::SharesRejected { kind, text: text.clone(), advice: advice.clone() }
            }
            Self::SourceFailed(Verdict { kind, text, advice }) => {
                State::SharesUnavailable { kind, text: text.clone(), advice: advice.clone() }
            }
            Self::Damaged(damage) => State::Damaged { damage: damage.clone() },
        }
    }
}
