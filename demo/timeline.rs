//! What happened, and when, as lines that a person reads while it happens.

use std::time::{Duration, Instant};

use vault_unseal::report::Style;

use crate::probe::Times;

/// Width of the column that says what happened.
const WIDTH: usize = 62;

/// Prints a line an event, as it comes.
pub(crate) struct Timeline {
    began: Instant,
    style: Style,
}

impl Timeline {
    /// Begins now, with a heading.
    pub(crate) fn begin() -> Self {
        let style = Style::of(&std::io::stdout());
        println!("{}", style.strong(&format!("{:>8}  {:WIDTH$}{:>10}", "seconds", "what happened", "took")));
        Self { began: Instant::now(), style }
    }

    /// Something happened now.
    pub(crate) fn event(&self, what: &str) {
        self.line(Instant::now(), what, "");
    }

    /// A server that was down is back, and was unsealed.
    pub(crate) fn back(&self, times: &Times) {
        self.line(times.from, "server back: its first accepted connection", "");
        self.unsealed(times);
    }

    /// It was unsealed.
    pub(crate) fn unsealed(&self, times: &Times) {
        let took = times.unsealed.duration_since(times.from);
        self.line(times.unsealed, "unsealed", &milliseconds(took));
    }

    fn line(&self, at: Instant, what: &str, took: &str) {
        let seconds = at.duration_since(self.began).as_secs_f64();
        let what = format!("{what:WIDTH$}");
        let what = if took.is_empty() { what } else { self.style.good(&what) };
        println!("{}", format!("{seconds:8.3}  {what}{took:>10}").trim_end());
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{} ms", time.as_millis())
}
