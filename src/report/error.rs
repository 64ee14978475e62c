//! The one place that renders errors for people.

use crate::explain::Explain;

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
