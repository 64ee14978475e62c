//! What is told: in words for people, in JSON for programs.

use super::seen::{Problem, Subject};
use serde::Serialize;
use std::fmt::Write;
use std::time::Duration;
use vault_unseal::report::timestamp;

/// Most entries that are shown of a message; how many more there are is told.
const MOST: usize = 50;

/// What is told of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    /// It has a problem.
    Problem,
    /// It still has it.
    Still,
    /// Something happened.
    Happened,
    /// It is well again.
    Over,
    /// It had one when the daemon stopped watching it.
    Unwatched,
}

/// One line of what is told.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// What is told.
    pub kind: EntryKind,
    /// Of whom.
    pub subject: Subject,
    /// The word of the event.
    pub event: String,
    /// More of it.
    pub detail: String,
    /// Since when, since 1970.
    pub since: Duration,
    /// Until when, of what is over.
    pub until: Option<Duration>,
}

impl Entry {
    /// What is told of a problem that began then, unless its state tells.
    pub(super) fn of(kind: EntryKind, subject: &Subject, problem: &Problem, began: Duration) -> Self {
        let Problem { event, detail, since } = problem.clone();
        let since = since.unwrap_or(began);
        Self { kind, subject: subject.clone(), event, detail, since, until: None }
    }
}

/// No clock that is right shows a time before the year 2020: a machine without a battery begins at 1970 until it is told.
const FIRST: Duration = Duration::from_secs(1_577_836_800);

/// What is told at once.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// When it was made, since 1970.
    pub at: Duration,
    /// What is bad first.
    pub entries: Vec<Entry>,
    /// How many problems began and ended while nothing could be told.
    pub missed: u64,
}

/// How bad a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Something is wrong.
    Problem,
    /// Something happened.
    Notice,
    /// Nothing but ends of problems.
    Over,
}

/// An entry, in the JSON that programs are told.
#[derive(Serialize)]
struct JsonEntry<'a> {
    kind: EntryKind,
    event: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    cluster: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    node: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'a str,
    since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    text: String,
}

/// A message, in the JSON that programs are told.
#[derive(Serialize)]
struct JsonMessage<'a> {
    schema: u32,
    host: &'a str,
    at: String,
    severity: &'static str,
    title: String,
    text: String,
    entries: Vec<JsonEntry<'a>>,
    more: usize,
    missed: u64,
}

impl Message {
    /// A message that says that messages arrive.
    pub fn test(at: Duration) -> Self {
        Self { at, entries: Vec::new(), missed: 0 }
    }

    fn shown(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().take(MOST)
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        let has = |wanted: &[EntryKind]| self.entries.iter().any(|entry| wanted.contains(&entry.kind));
        if has(&[EntryKind::Problem, EntryKind::Still]) {
            Severity::Problem
        } else if has(&[EntryKind::Happened]) {
            Severity::Notice
        } else {
            Severity::Over
        }
    }

    /// One line.
    pub fn title(&self, host: &str) -> String {
        let what = match self.entries.as_slice() {
            [] => "a test".to_owned(),
            [one] => one.phrase(),
            several => {
                let count = |wanted: &[EntryKind], what: &str| {
                    let count = several.iter().filter(|entry| wanted.contains(&entry.kind)).count();
                    (count > 0).then(|| format!("{count} {what}{}", if count == 1 { "" } else { "s" }))
                };
                let counts = [
                    count(&[EntryKind::Problem, EntryKind::Still], "problem"),
                    count(&[EntryKind::Happened], "event"),
                    count(&[EntryKind::Over, EntryKind::Unwatched], "end"),
                ];
                let counts: Vec<_> = counts.into_iter().flatten().collect();
                counts.join(", ").replace(" ends", " are over").replace(" end", " is over")
            }
        };
        format!("vault-unseal on {host}: {what}")
    }

    /// All of it, a line an entry.
    pub(super) fn text(&self) -> String {
        self.text_within(usize::MAX)
    }

    /// As much of it as fits into so many bytes, which some services bound.
    pub(super) fn text_within(&self, most: usize) -> String {
        let mut end = String::new();
        if self.missed > 0 {
            let _ = writeln!(end, "While nothing could be told here, {} more began and ended.", self.missed);
        }
        if self.severity() == Severity::Problem {
            end.push_str("On that machine, `sudo vault-unseal status` tells why, and what to do.\n");
        }
        let mut text = String::new();
        if self.entries.is_empty() {
            text.push_str("This is a test. Messages of vault-unseal arrive here.\n");
        }
        let mut shown = 0;
        for entry in self.shown() {
            let line = entry.line(self.at);
            // With what may follow: "and N more".
            if text.len() + line.len() + end.len() + 40 > most {
                break;
            }
            text.push_str(&line);
            text.push('\n');
            shown += 1;
        }
        let more = self.entries.len().saturating_sub(shown);
        if more > 0 {
            let _ = writeln!(text, "and {more} more");
        }
        text + &end
    }

    /// All of it for programs: docs/usage/notifications.md describes it.
    ///
    /// Errors: none that is known of; the library says so.
    pub fn json(&self, host: &str) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(&JsonMessage {
            schema: 1,
            host,
            at: timestamp(self.at.as_secs()),
            severity: match self.severity() {
                _ if self.entries.is_empty() => "test",
                Severity::Problem => "problem",
                Severity::Notice => "notice",
                Severity::Over => "over",
            },
            title: self.title(host),
            text: self.text(),
            entries: self.shown().map(|entry| entry.json(self.at)).collect(),
            more: self.entries.len().saturating_sub(MOST),
            missed: self.missed,
        })
    }
}

impl Entry {
    /// What is said of whom.
    fn phrase(&self) -> String {
        let (name, event) = (self.subject.name(), self.event.as_str());
        match self.kind {
            EntryKind::Problem | EntryKind::Happened => format!("{name}: {event}"),
            EntryKind::Still => format!("{name}: still {event}"),
            EntryKind::Over => format!("{name}: no longer {event}"),
            EntryKind::Unwatched => format!("{name}: no longer watched, was {event}"),
        }
    }

    fn line(&self, now: Duration) -> String {
        let mut line = self.phrase();
        if !self.subject.cluster.is_empty() && !self.subject.node.is_empty() {
            let _ = write!(line, " (cluster {})", self.subject.cluster);
        }
        if !self.detail.is_empty() && self.kind <= EntryKind::Happened {
            let _ = write!(line, ", {}", self.detail);
        }
        let lasted = self.until.unwrap_or(now).saturating_sub(self.since);
        let said = match self.kind {
            EntryKind::Problem | EntryKind::Still => "for",
            EntryKind::Over => "after",
            EntryKind::Happened | EntryKind::Unwatched => return line,
        };
        if self.since >= FIRST && lasted >= Duration::from_secs(1) {
            let _ = write!(line, ", {said} {}", roughly(lasted));
        }
        line
    }

    fn json(&self, now: Duration) -> JsonEntry<'_> {
        JsonEntry {
            kind: self.kind,
            event: &self.event,
            cluster: &self.subject.cluster,
            node: &self.subject.node,
            detail: &self.detail,
            since: timestamp(self.since.as_secs()),
            until: self.until.map(|until| timestamp(until.as_secs())),
            text: self.line(now),
        }
    }
}

/// A duration in its two largest units.
pub(super) fn roughly(duration: Duration) -> String {
    let text = humantime::format_duration(Duration::from_secs(duration.as_secs())).to_string();
    text.split(' ').take(2).collect::<Vec<_>>().join(" ")
}
