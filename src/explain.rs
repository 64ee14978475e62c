//! What every error of this crate can say beside its message.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;

/// An error that a person can act on and a machine can count.
///
/// `Display` says what was tried, on what, and why it failed; [`Explain::advice`] says what to do about it.
/// `report` is the one place that renders both.
///
/// ```
/// use vault_unseal::api::Unreachable;
/// use vault_unseal::explain::Explain;
///
/// let error = Unreachable::Refused;
/// assert_eq!(error.to_string(), "connection refused");
/// assert_eq!(error.kind(), "connection-refused");
/// assert!(error.advice().is_some_and(|advice| advice.starts_with("Is the server running")));
/// ```
///
/// Whoever implements it says kind and advice of each of its variants in one match, [`Explain::kind_and_advice`]; or, where
/// that is shorter or where advice costs something, each by itself.
///
/// Above `Display` and not above `Error`, so that the executable has no `Debug` of errors, which nobody prints: 14 kB.
pub trait Explain: fmt::Display {
    /// Both.
    fn kind_and_advice(&self) -> (&'static str, Option<Cow<'static, str>>) {
        (self.kind(), self.advice().map(Cow::Owned))
    }

    /// A stable kebab-case word: the `kind` in JSON output and the label of metrics.
    fn kind(&self) -> &'static str {
        self.kind_and_advice().0
    }

    /// What the reader can do now, as one or more whole sentences or a command. `None` when nothing helps.
    fn advice(&self) -> Option<String> {
        self.kind_and_advice().1.map(Cow::into_owned)
    }
}

/// What explained itself, in two texts.
///
/// `T` is the text: `String` for whoever writes it, [`ExternalText`](crate::external::ExternalText) for whoever reads
/// it from a socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark<T = String> {
    /// What is so.
    pub message: T,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<T>,
}

impl<T: Explain + ?Sized> Explain for &T {
    fn kind_and_advice(&self) -> (&'static str, Option<Cow<'static, str>>) {
        (**self).kind_and_advice()
    }
}

impl Remark {
    /// What explains itself.
    pub fn of(what: &dyn Explain) -> Self {
        Self { message: what.to_string(), advice: what.advice() }
    }
}

/// What explained itself, in its kind and two texts: what is serialized of an error, and an error that one place alone
/// tells.
///
/// Not one type with [`Remark`], whose JSON has no kind and leaves `advice` out where this one has null: both are read by
/// scripts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation<T = String, K = &'static str> {
    /// A stable kebab-case word for machines.
    pub kind: K,
    /// What is so.
    pub message: T,
    /// What to do about it.
    pub advice: Option<T>,
}

impl Explanation {
    /// What is so, and what to do about it.
    pub fn new(kind: &'static str, message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { kind, message: message.into(), advice: Some(advice.into()) }
    }

    /// What is so, where nothing helps.
    pub fn without_advice(kind: &'static str, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), advice: None }
    }

    /// A command line that makes no sense.
    pub fn usage(message: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new("usage", message, advice)
    }

    /// What explains itself, as a value.
    pub fn of(what: impl Explain) -> Self {
        let (kind, advice) = what.kind_and_advice();
        Self { kind, message: what.to_string(), advice: advice.map(Cow::into_owned) }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Explanation {}

impl Explain for Explanation {
    fn kind_and_advice(&self) -> (&'static str, Option<Cow<'static, str>>) {
        (self.kind, self.advice.clone().map(Cow::Owned))
    }
}
