//! How states, trouble that lasts, and errors are told: to people in words, to machines in fields. Here is the one
//! place that renders errors for people, and the colours of text for those who want them.

pub mod message;
pub mod state;

use crate::explain::Explain;
use std::env;
use std::io::IsTerminal;
use std::time::{Duration, UNIX_EPOCH};

/// `error: what happened`, and on the next line what to do about it.
pub fn render(error: &dyn Explain) -> String {
    labelled("error", error)
}

/// The same for something that is odd but no error.
pub fn render_warning(notice: &dyn Explain) -> String {
    labelled("warning", notice)
}

fn labelled(label: &str, error: &dyn Explain) -> String {
    let mut text = format!("{label}: {error}");
    if let Some(advice) = error.advice() {
        for line in advice.lines() {
            text.push_str("\n  ");
            text.push_str(line);
        }
    }
    text
}

/// One line for a log: what happened, then what to do about it.
pub fn in_one_line(error: &dyn Explain) -> String {
    let text = match error.advice() {
        Some(advice) => format!("{error}. {advice}"),
        None => error.to_string(),
    };
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// The last second of the year 9999, the last one that RFC 3339 can say.
const LAST_SECOND: u64 = 253_402_300_799;

/// A time of day for machines and people (RFC 3339), of so many seconds since 1970.
pub fn timestamp(seconds: u64) -> String {
    let since_1970 = Duration::from_secs(seconds.min(LAST_SECOND));
    humantime::format_rfc3339_seconds(UNIX_EPOCH + since_1970).to_string()
}

/// Whether to colour text: only on a terminal, and never against `NO_COLOR` (no-color.org) or `TERM=dumb`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    colour: bool,
}

impl Style {
    /// Text without any colour.
    pub const PLAIN: Self = Self { colour: false };

    /// The style for a stream such as `std::io::stdout()`.
    pub fn of(stream: &impl IsTerminal) -> Self {
        let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_none_or(|term| term == "dumb");
        Self { colour: stream.is_terminal() && !refused && !dumb }
    }

    /// Good news.
    pub fn good(self, text: &str) -> String {
        self.paint("32", text)
    }

    /// Something to watch.
    pub fn warning(self, text: &str) -> String {
        self.paint("33", text)
    }

    /// Bad news.
    pub fn bad(self, text: &str) -> String {
        self.paint("31", text)
    }

    /// Headings.
    pub fn strong(self, text: &str) -> String {
        self.paint("1", text)
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From a file that somebody wrote by hand: the daemon goes on.
    #[test]
    fn time_beyond_what_can_be_said_is_the_last_that_can() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00Z");
        assert_eq!(timestamp(u64::MAX), "9999-12-31T23:59:59Z");
    }
}
