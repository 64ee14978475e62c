//! What can happen: the moves of a history.

use std::fmt;

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Arrive,
    Return,
    Pass,
    Lose,
    Swallow,
    Slow,
    Crash,
    Start,
    Restart,
    Seal,
    SealsItself,
    Join,
    HeldJoin,
    FailingJoin,
    Foreign,
    Migration,
    Remove,
    Uninitialize,
    Ruin,
    Trouble,
    Mend,
    DaemonRestart,
    Change,
    Reload,
    Hold,
    Resume,
    Jump,
    Garbage,
    Friend,
    Reset,
}

/// One move, and the daemon that it befalls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Move {
    pub(crate) kind: Kind,
    pub(crate) who: u8,
}

/// What a move takes of what a world allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cost {
    Nothing,
    Fault,
    Act,
}

impl Kind {
    pub(crate) const ALL: [Self; 30] = [
        Self::Arrive,
        Self::Return,
        Self::Pass,
        Self::Lose,
        Self::Swallow,
        Self::Slow,
        Self::Crash,
        Self::Start,
        Self::Restart,
        Self::Seal,
        Self::SealsItself,
        Self::Join,
        Self::HeldJoin,
        Self::FailingJoin,
        Self::Foreign,
        Self::Migration,
        Self::Remove,
        Self::Uninitialize,
        Self::Ruin,
        Self::Trouble,
        Self::Mend,
        Self::DaemonRestart,
        Self::Change,
        Self::Reload,
        Self::Hold,
        Self::Resume,
        Self::Jump,
        Self::Garbage,
        Self::Friend,
        Self::Reset,
    ];

    pub(crate) fn cost(self) -> Cost {
        match self {
            Self::Arrive | Self::Return | Self::Pass | Self::Start | Self::Mend | Self::Resume => {
                Cost::Nothing
            }
            Self::Garbage | Self::Friend | Self::Reset => Cost::Act,
            _ => Cost::Fault,
        }
    }

    /// It befalls one daemon or its connection.
    pub(crate) fn has_daemon(self) -> bool {
        matches!(
            self,
            Self::Arrive
                | Self::Return
                | Self::Lose
                | Self::Swallow
                | Self::DaemonRestart
                | Self::Change
                | Self::Reload
                | Self::Hold
                | Self::Resume
        )
    }

    fn words(self) -> &'static str {
        match self {
            Self::Arrive => "its request arrives",
            Self::Return => "its answer comes back",
            Self::Pass => "time passes until something is due",
            Self::Lose => "its connection is reset",
            Self::Swallow => "what is on the way is swallowed",
            Self::Slow => "time passes, messages are slow",
            Self::Crash => "the server ends",
            Self::Start => "the server starts",
            Self::Restart => "the server restarts",
            Self::Seal => "somebody seals the server",
            Self::SealsItself => "from now on the server seals itself 0.1 s after each unsealing",
            Self::Join => "the next complete round sets off a raft join of 3 s",
            Self::HeldJoin => "the next complete round sets off a raft join of 3 s that holds answers",
            Self::FailingJoin => "the next complete round sets off a raft join of 3 s that fails",
            Self::Foreign => "the server restarts with another seal",
            Self::Migration => "the server restarts in a seal migration",
            Self::Remove => "the server is removed from its cluster",
            Self::Uninitialize => "the server restarts without keys",
            Self::Ruin => "the server restarts with a damaged keyring",
            Self::Trouble => "the server answers shares with errors of its own",
            Self::Mend => "what was wrong with the server is mended",
            Self::DaemonRestart => "it is killed and started again",
            Self::Change => "its share source changes",
            Self::Reload => "its share source changes and it is reloaded",
            Self::Hold => "it is told to hold",
            Self::Resume => "it is told to resume",
            Self::Jump => "the machines sleep for an hour",
            Self::Garbage => "the third party submits garbage",
            Self::Friend => "the third party submits a right share",
            Self::Reset => "the third party resets the round",
        }
    }
}

impl Move {
    pub(crate) fn of(kind: Kind, who: usize) -> Self {
        Self { kind, who: u8::try_from(who).unwrap_or(u8::MAX) }
    }

    /// Reads what [`code`](Self::code) writes.
    pub(crate) fn read(code: &str) -> Option<Self> {
        let (name, who) = code.split_once('.')?;
        let kind = Kind::ALL.into_iter().find(|kind| format!("{kind:?}") == name)?;
        Some(Self { kind, who: who.parse().ok()? })
    }

    /// `Arrive.0`: for files.
    pub(crate) fn code(self) -> String {
        format!("{:?}.{}", self.kind, self.who)
    }
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind.has_daemon() {
            write!(f, "daemon {}: ", self.who)?;
        }
        f.write_str(self.kind.words())
    }
}
