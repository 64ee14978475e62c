//! What every error of this crate can say beside its message.

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
