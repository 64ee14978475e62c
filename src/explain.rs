//! What every error of this crate can say beside its message.

use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// An error that a person can act on and a machine can count.
///
/// `Display` says what was tried, on what, and why it failed; [`Explain::advice`] says what to do about it.
/// `report::error` is the one place that renders both.
pub trait Explain: std::error::Error {
    /// A stable kebab-case word: the `kind` in JSON output and the label of metrics.
    fn kind(&self) -> &'static str;

    /// What the reader can do now, as one or more whole sentences or a command. `None` when nothing helps.
    fn advice(&self) -> Option<String>;
}

/// An [`Explain`] that says kind and advice of each of its variants in one place.
pub trait KindAndAdvice: std::error::Error {
    /// [`Explain::kind`] and [`Explain::advice`].
    fn kind_and_advice(&self) -> (&'static str, Cow<'static, str>);
}

impl<T: KindAndAdvice> Explain for T {
    fn kind(&self) -> &'static str {
        self.kind_and_advice().0
    }

    fn advice(&self) -> Option<String> {
        Some(self.kind_and_advice().1.into_owned())
    }
}

/// What explained itself, in two texts.
///
/// `T` is the text: `String` for whoever writes it, [`ExternalText`](crate::external::ExternalText) for whoever reads it from a
/// socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remark<T = String> {
    /// What is so.
    pub message: T,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advice: Option<T>,
}

impl Remark {
    /// What explains itself.
    pub fn of(what: &dyn Explain) -> Self {
        Self { message: what.to_string(), advice: what.advice() }
    }
}
