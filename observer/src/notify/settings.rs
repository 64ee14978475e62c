//! `notify.toml`.

use super::event::Event;
use super::seen::Subject;
use super::target::Target;
use crate::document::{self, DocumentError, Place, Table, Written};
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use vault_unseal::explain::Explanation;

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

/// Which events are told to a target, and when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rules {
    /// Which; the usual ones unless it is said.
    pub events: Option<BTreeSet<Event>>,
    /// Of which clusters; of all unless it is said.
    pub clusters: Option<BTreeSet<String>>,
    /// How long a problem lasts before it is told; each its own time unless it is said.
    pub after: Option<Duration>,
    /// After how long a problem that lasts is told again; never unless it is said.
    pub repeat: Option<Duration>,
    /// How long others are waited for that can be told together.
    pub batch: Duration,
}

impl Rules {
    /// Whether this event is told.
    pub fn wants(&self, event: Event) -> bool {
        self.events.as_ref().map_or(event.is_usual(), |events| events.contains(&event))
    }

    /// Whether this subject is one of those that are told of.
    pub fn concerns(&self, subject: &Subject) -> bool {
        subject.cluster.is_empty() || self.has_cluster(&subject.cluster)
    }

    /// Whether this cluster is one of those that are told of.
    pub fn has_cluster(&self, cluster: &str) -> bool {
        self.clusters.as_ref().is_none_or(|clusters| clusters.contains(cluster))
    }

    /// How long this event lasts before it is told.
    pub fn after(&self, event: Event) -> Duration {
        self.after.unwrap_or(event.patience())
    }
}

/// One `[[notify]]`.
#[derive(Debug)]
pub struct Notify {
    /// Its name.
    pub name: String,
    /// What it is told.
    pub rules: Rules,
    /// How it is told.
    pub target: Target,
}

/// Who is told what.
#[derive(Debug)]
pub struct NotifySettings {
    /// In the order of the file.
    pub targets: Vec<Arc<Notify>>,
}

impl NotifySettings {
    /// Reads the file.
    pub fn read(path: &Path) -> Result<Self, DocumentError> {
        document::read(path, "whom the state of servers is told, and with which secrets", Self::of)
    }

    /// Reads a text.
    pub fn parse(path: &Path, text: &str) -> Result<Self, DocumentError> {
        document::parse(path, text, Self::of)
    }

    fn of(top: &Table<'_>) -> Result<Self, DocumentError> {
        let mut targets: Vec<Arc<Notify>> = Vec::new();
        let tables = top.tables("notify")?;
        if tables.is_empty() {
            let advice = "Begin with a line [[notify]]; vault-unseal-observer(8) has an example.";
            return Err(top.lacks("notify", advice));
        }
        for table in tables {
            let name = table.text("name")?.map(name).transpose()?;
            if let Some(name) =
                name.as_ref().filter(|name| targets.iter().any(|other| other.name == name.value))
            {
                return Err(name.place.refuses(Explanation::new(
                    "config-same-name",
                    format!("two targets are named \"{}\"", name.value),
                    "Give each a name of its own: what a target was told is remembered by it.",
                )));
            }
            let rules = rules(&table)?;
            let target = Target::read(&table)?;
            if target.ping().is_some() {
                if let Some(key) = ["events", "repeat", "batch"].into_iter().find(|key| table.has(key)) {
                    return Err(refused(
                        table.place(),
                        "config-ping",
                        &format!("`{key}` has no meaning for a ping"),
                        "It says that all is well, or is not: `clusters`, `after` and `every` shape that.",
                    ));
                }
            }
            // A misspelt `name` is told as that.
            table.finish()?;
            let advice = "Write name = \"…\": messages and errors name the target by it.";
            let name = name.ok_or_else(|| table.lacks("name", advice))?;
            targets.push(Arc::new(Notify { name: name.value, rules, target }));
        }
        Ok(Self { targets })
    }
}

/// What it says, in a few words.
impl fmt::Display for NotifySettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, notify) in self.targets.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{} ({})", notify.name, notify.target.kind())?;
        }
        Ok(())
    }
}

fn name(Written { value, place }: Written<&str>) -> Result<Written<String>, DocumentError> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if value.is_empty() || value.len() > 32 || !value.chars().all(fits) {
        return Err(place.refuses(Explanation::new(
            "config-name",
            "this is no name",
            "Use up to 32 letters, digits and . - _: it is shown in messages, and no secret belongs into it.",
        )));
    }
    Ok(Written { value: value.to_owned(), place })
}

fn rules(table: &Table<'_>) -> Result<Rules, DocumentError> {
    let events = table.texts("events")?.map(|words| words.iter().map(event).collect()).transpose()?;
    let clusters = table.texts("clusters")?;
    let clusters = clusters.map(|names| names.iter().map(|name| name.value.to_owned()).collect());
    Ok(Rules {
        events,
        clusters,
        after: table.duration("after", Duration::ZERO..=WEEK)?,
        repeat: table.duration("repeat", 60 * SECOND..=4 * WEEK)?,
        batch: table.duration("batch", Duration::ZERO..=HOUR)?.unwrap_or(5 * SECOND),
    })
}

fn event(word: &Written<&str>) -> Result<Event, DocumentError> {
    Event::of(word.value).ok_or_else(|| {
        word.place.refuses(Explanation::new(
            "config-unknown-event",
            "there is no such event",
            document::near(word.value, Event::WORDS),
        ))
    })
}

/// The error that a target cannot be what is written.
pub(super) fn refused(place: &Place, kind: &'static str, what: &str, advice: &str) -> DocumentError {
    place.refuses(Explanation::new(kind, what, advice))
}
