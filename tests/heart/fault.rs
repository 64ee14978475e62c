//! What may happen to a server, a daemon, or what lies between them.

use crate::model::{Join, Model};
use std::time::Duration;
use vault_unseal::api::Meaning;

/// Something that happens, whoever does it.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    Crash,
    Start,
    OperatorSeal,
    /// From now on it seals itself so long after each unsealing.
    SealsItself(Duration),
    /// It no longer does.
    SealsItselfNoMore,
    /// Somebody submits this share.
    Share(usize),
    /// A friend submits one of the server's shares.
    RightShare(usize),
    StrangerReset,
    /// A stranger submits other garbage this many times, this often.
    Attack {
        every: Duration,
        times: usize,
    },
    /// A friend submits the server's shares in turn, this many times, this often.
    Friend {
        every: Duration,
        times: usize,
    },
    JoinNext(Join),
    Trouble(Meaning),
    TroubleOver,
    Foreign,
    Shamir,
    MigrationBegins,
    MigrationEnds,
    Remove,
    Uninitialize,
    Initialize,
    /// An operator rekeys to this threshold and restarts the server; the share source is as it was.
    Rekey(usize),
    /// The share source gets the shares that are the server's now.
    NewShares,
    SourceBreaks,
    SourceMended,
    /// The server is silent for this long: what it was sent, it does afterwards.
    Hang(Duration),
    /// This many answers never arrive, though the server did what it was asked.
    LoseAnswers(usize),
    /// This many shares that would complete a round never arrive: their connections end before.
    LoseLastShares(usize),
    /// A person reloads the daemons.
    Woken,
    /// A person tells the daemons to keep their hands off.
    Hold,
    /// A person tells them to go on.
    Resume,
    /// The daemons are killed and started again.
    DaemonRestart,
    /// The daemon with this number is killed.
    DaemonEnds(usize),
    /// It is started again, unless it runs.
    DaemonBegins(usize),
}

impl Fault {
    /// What it does to the server; true when the server lost its connections by it.
    pub(crate) fn befall(&self, model: &mut Model, now: Duration) -> bool {
        match *self {
            Self::Crash => model.up = false,
            Self::Start => model.restart(),
            Self::Share(share) if model.up => drop(model.submit(share, now)),
            Self::RightShare(i) if model.up => {
                let right = model.right();
                let _ = model.submit(right[i % right.len()], now);
            }
            Self::StrangerReset if model.up => drop(model.reset()),
            Self::OperatorSeal => model.seal(),
            Self::SealsItself(after) => model.seals_after = Some(after),
            Self::SealsItselfNoMore => model.recover(),
            Self::JoinNext(join) => model.join = Some(join),
            Self::Trouble(meaning) => model.trouble = Some(meaning),
            Self::TroubleOver => model.trouble = None,
            Self::Foreign => model.seal_type = "static",
            Self::Shamir => model.seal_type = "shamir",
            Self::MigrationBegins => model.migration = true,
            Self::MigrationEnds => model.migration = false,
            Self::Remove => model.removed = true,
            Self::Uninitialize => model.initialized = false,
            Self::Initialize => model.initialized = true,
            Self::Rekey(threshold) => model.rekey(threshold, model.total.max(threshold)),
            _ => {}
        }
        let restarts = matches!(
            self,
            Self::Foreign
                | Self::Shamir
                | Self::MigrationBegins
                | Self::MigrationEnds
                | Self::Uninitialize
                | Self::Rekey(_)
        );
        if restarts {
            model.restart();
        }
        restarts || matches!(self, Self::Crash | Self::Start)
    }
}
