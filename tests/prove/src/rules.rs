//! What must hold in every history, and how often it was put to the test.

use crate::step::Move;
use std::collections::BTreeSet;
use std::fmt;

/// What must hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rule {
    /// A share goes only to a server that showed over this connection, last of all, that it is sealed and takes shares.
    OnlySealed,
    /// The same, of a server that was shown to be unsealed.
    NotUnsealed,
    NotForeign,
    NotMigrating,
    NotRemoved,
    NotUninitialised,
    NotDamaged,
    NotHeld,
    ResetTakesAll,
    Rate,
    OnlyHeldShares,
    NoFalseVerdict,
    NoFalseDamage,
    StateIsTrue,
    Unseals,
}

impl Rule {
    pub(crate) const ALL: [Self; 15] = [
        Self::OnlySealed,
        Self::NotUnsealed,
        Self::NotForeign,
        Self::NotMigrating,
        Self::NotRemoved,
        Self::NotUninitialised,
        Self::NotDamaged,
        Self::NotHeld,
        Self::ResetTakesAll,
        Self::Rate,
        Self::OnlyHeldShares,
        Self::NoFalseVerdict,
        Self::NoFalseDamage,
        Self::StateIsTrue,
        Self::Unseals,
    ];

    /// What is promised.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::OnlySealed => {
                "a share goes only where this connection showed a sealed server that takes it"
            }
            Self::NotUnsealed => "no share while the last answer showed it unsealed",
            Self::NotForeign => "no share while the last answer showed another seal",
            Self::NotMigrating => "no share while the last answer showed a seal migration",
            Self::NotRemoved => "no share while the last answer showed it removed",
            Self::NotUninitialised => "no share while the last answer showed it uninitialised",
            Self::NotDamaged => "no share while the last answer showed damage",
            Self::NotHeld => "no share while it is held",
            Self::ResetTakesAll => "no reset with fewer shares than the threshold",
            Self::Rate => "no more submissions in a window than the bound",
            Self::OnlyHeldShares => "no index that is not held",
            Self::NoFalseVerdict => "right shares are never called rejected, whoever else takes part",
            Self::NoFalseDamage => "a sound server is never called damaged",
            Self::StateIsTrue => "\"unsealed\" is shown only of a server that said so",
            Self::Unseals => "once the faults are over the server is unsealed",
        }
    }

    /// What is counted as putting it to the test.
    pub(crate) fn premise(self) -> &'static str {
        match self {
            Self::OnlySealed | Self::Rate | Self::OnlyHeldShares => "shares submitted",
            Self::NotUnsealed
            | Self::NotForeign
            | Self::NotMigrating
            | Self::NotRemoved
            | Self::NotUninitialised
            | Self::NotDamaged => "steps decided meanwhile",
            Self::NotHeld => "steps decided under a hold",
            Self::ResetTakesAll => "resets, and failed rounds with too few",
            Self::NoFalseVerdict => "rounds failed after a third party acted",
            Self::NoFalseDamage => "doubtful answers of a sound server",
            Self::StateIsTrue => "times shown",
            Self::Unseals => "states continued without faults",
        }
    }
}

/// A rule that was broken.
#[derive(Debug, Clone)]
pub(crate) struct Violation {
    pub(crate) rule: Rule,
    pub(crate) text: String,
}

impl Violation {
    pub(crate) fn of(rule: Rule, text: impl Into<String>) -> Self {
        Self { rule, text: text.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule.words(), self.text)
    }
}

/// A violation, and the moves that lead to it.
#[derive(Debug, Clone)]
pub(crate) struct Counterexample {
    pub(crate) violation: Violation,
    pub(crate) moves: Vec<Move>,
}

/// What was seen on the way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Books {
    premises: [u64; Rule::ALL.len()],
    /// Each state and the next one.
    pub(crate) pairs: BTreeSet<(&'static str, &'static str)>,
    /// Most moves, and most time in seconds, that an unsealing without faults took.
    pub(crate) longest: (usize, u64),
}

impl Books {
    pub(crate) fn count(&mut self, rule: Rule) {
        self.premises[rule as usize] += 1;
    }

    pub(crate) fn premise(&self, rule: Rule) -> u64 {
        self.premises[rule as usize]
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (sum, more) in self.premises.iter_mut().zip(other.premises) {
            *sum += more;
        }
        self.pairs.extend(&other.pairs);
        self.longest.0 = self.longest.0.max(other.longest.0);
        self.longest.1 = self.longest.1.max(other.longest.1);
    }
}

/// What the last answer over the present connection showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    Nothing,
    /// Its health says that it is sealed, no more.
    Sealed,
    /// It is sealed and takes shares.
    Takes,
    Bad(Rule),
}

/// Most submissions within a second: the rounds that the pauses between them allow (at once, then after 20 ms, 40 ms, …),
/// each of its shares and two more.
pub(crate) fn bound(threshold: usize) -> usize {
    9 * (threshold + 2)
}
