//! Exit codes.

use std::process::ExitCode;

/// How a verb ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It did what was asked.
    Done,
    /// It failed.
    Failed,
    /// The command line makes no sense.
    Usage,
    /// `wait`: not unsealed at the deadline. `status --exit-code`: not every server is unsealed.
    StillSealed,
    /// `check`: problems were found.
    Problems,
    /// The configuration makes no sense (`EX_CONFIG` of sysexits.h).
    Config,
}

impl Exit {
    /// The number.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::StillSealed => 3,
            Self::Problems => 4,
            Self::Config => 78,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
