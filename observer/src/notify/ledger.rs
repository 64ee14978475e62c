//! What a target was told, and what it is to be told now. Compared with what is so, not with what happened: no lost event,
//! no restart and no crash loses a problem or its end. Pure.

use super::event::Event;
use super::message::{Entry, EntryKind, Message};
use super::seen::{Counted, Problem, Seen, Standing, Subject};
use super::settings::Rules;
use super::tracker::{Lasting, Tracker};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Most entries of a message; how many more there are is told.
pub(super) const MOST: usize = 50;
/// A problem must be over for as long as it had to last, but no longer than this, before its end is told.
const SETTLED: Duration = Duration::from_secs(60);

/// What a target was told. Kept over restarts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Ledger {
    /// The problems that it knows of.
    told: Vec<Told>,
    /// What had been counted of each server when it was told last.
    counted: Vec<KnownCount>,
}

/// A problem that was told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Told {
    subject: Subject,
    problem: Problem,
    /// When last.
    at: Duration,
}

/// What was counted of a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct KnownCount {
    cluster: String,
    node: String,
    counted: Counted,
}

/// Since when subjects have been well whose problem was told, and what could not be told in time.
#[derive(Debug, Clone, Default)]
pub(super) struct Patience {
    over: BTreeMap<Subject, Duration>,
    /// What was tried to be told, and was not.
    pending: BTreeSet<(Subject, String)>,
    /// How many of those ended before.
    missed: u64,
}

impl Ledger {
    /// What is to be told now; `None` if nothing. `now` is by the clock of the tracker.
    pub(super) fn due(
        &mut self,
        now: Duration,
        seen: &Seen,
        tracker: &Tracker,
        rules: &Rules,
        patience: &mut Patience,
    ) -> Option<Message> {
        let mut entries = Vec::new();
        for (subject, standing) in &seen.standings {
            if rules.concerns(subject) {
                if let Standing::Bad(event, problem) = standing {
                    let lasting = tracker.of(subject, now);
                    entries.extend(self.problem(seen.at, subject, *event, problem, lasting, rules));
                }
            }
        }
        entries.extend(self.ends(now, seen, rules, patience));
        entries.extend(self.happened(seen, rules));
        patience.compare(&entries);
        if entries.is_empty() {
            return None;
        }
        // What is bad stands before what is over.
        entries.sort_by_key(|entry| entry.kind);
        let more = entries.len().saturating_sub(MOST);
        Some(Message { at: seen.at, entries, more, missed: patience.missed })
    }

    /// What there is to tell of a problem.
    fn problem(
        &self,
        at: Duration,
        subject: &Subject,
        event: Event,
        problem: &Problem,
        lasting: Lasting,
        rules: &Rules,
    ) -> Option<Entry> {
        let (after, wanted) = (rules.after(event), rules.wants(event));
        let began = at.saturating_sub(lasting.in_all);
        let entry = |kind| Some(Entry::of(kind, subject, problem, began));
        let Some(told) = self.told.iter().find(|told| told.subject == *subject) else {
            return if wanted && lasting.in_all >= after { entry(EntryKind::Problem) } else { None };
        };
        if told.problem.event == problem.event {
            let again = rules.repeat.is_some_and(|repeat| at.saturating_sub(told.at) >= repeat);
            return if again { entry(EntryKind::Still) } else { None };
        }
        // It has another one, and for long enough.
        match lasting.as_it_is >= after {
            true if wanted => entry(EntryKind::Problem),
            // What it has now is nobody's business here: what was told is over.
            true => Some(Entry::of(EntryKind::Over, subject, &told.problem, at)),
            false => None,
        }
    }

    /// What was told and is over.
    fn ends(&self, now: Duration, seen: &Seen, rules: &Rules, patience: &mut Patience) -> Vec<Entry> {
        let mut entries = Vec::new();
        let mut over = BTreeMap::new();
        for told in &self.told {
            let why = match seen.standing(&told.subject) {
                Some(Standing::Bad(..) | Standing::Unknown) => continue,
                Some(Standing::Good) => EntryKind::Over,
                None => EntryKind::Unwatched,
            };
            let since = patience.over.get(&told.subject).copied().unwrap_or(now);
            over.insert(told.subject.clone(), since);
            let settled =
                Event::of(&told.problem.event).map_or(SETTLED, |event| rules.after(event).min(SETTLED));
            let over_for = now.saturating_sub(since);
            if over_for >= settled {
                let until = Some(seen.at.saturating_sub(over_for));
                entries.push(Entry { until, ..Entry::of(why, &told.subject, &told.problem, seen.at) });
            }
        }
        patience.over = over;
        entries
    }

    /// What was counted since it was told last. What is seen for the first time was before.
    fn happened(&mut self, seen: &Seen, rules: &Rules) -> Vec<Entry> {
        let mut entries = Vec::new();
        for ((cluster, node), counted) in &seen.counters {
            let known =
                self.counted.iter_mut().find(|known| known.cluster == *cluster && known.node == *node);
            let Some(known) = known else {
                self.counted.push(KnownCount {
                    cluster: cluster.clone(),
                    node: node.clone(),
                    counted: counted.clone(),
                });
                continue;
            };
            for (event, times) in counted.since(&known.counted) {
                let subject = Subject {
                    cluster: cluster.clone(),
                    node: node.clone(),
                    respect: event.word().to_owned(),
                };
                if times > 0 && rules.wants(event) && rules.concerns(&subject) {
                    let again = if times == 1 { String::new() } else { format!(", {times} times") };
                    let detail = format!("{}{again}", what_happened(event));
                    let problem = Problem { event: event.word().to_owned(), detail, since: None };
                    entries.push(Entry::of(EntryKind::Happened, &subject, &problem, seen.at));
                }
            }
        }
        entries
    }

    /// This message has arrived.
    pub(super) fn told(&mut self, message: &Message, seen: &Seen, patience: &mut Patience) {
        for entry in &message.entries {
            match entry.kind {
                EntryKind::Problem | EntryKind::Still => {
                    self.told.retain(|told| told.subject != entry.subject);
                    let problem = Problem {
                        event: entry.event.clone(),
                        detail: entry.detail.clone(),
                        since: Some(entry.since),
                    };
                    self.told.push(Told { subject: entry.subject.clone(), problem, at: message.at });
                }
                EntryKind::Over | EntryKind::Unwatched => {
                    self.told.retain(|told| told.subject != entry.subject);
                }
                EntryKind::Happened => {}
            }
        }
        self.quiet(seen);
        patience.pending.clear();
        patience.missed = 0;
    }

    /// What was counted so far is known.
    pub(super) fn quiet(&mut self, seen: &Seen) {
        if seen.answered {
            self.counted = seen.counters.iter().map(KnownCount::of).collect();
        }
    }
}

fn what_happened(event: Event) -> &'static str {
    match event {
        Event::OperatorSeal => "an operator sealed it",
        Event::SelfSeal => "it sealed itself soon after it was unsealed",
        _ => "it was restarted",
    }
}

impl KnownCount {
    fn of(((cluster, node), counted): (&(String, String), &Counted)) -> Self {
        Self { cluster: cluster.clone(), node: node.clone(), counted: counted.clone() }
    }
}

impl Patience {
    /// A message with these entries could not be delivered.
    pub(super) fn failed(&mut self, message: &Message) {
        for entry in message.entries.iter().filter(|entry| entry.kind <= EntryKind::Happened) {
            self.pending.insert((entry.subject.clone(), entry.event.clone()));
        }
    }

    /// What could not be told and is no longer so was missed.
    fn compare(&mut self, entries: &[Entry]) {
        let before = self.pending.len();
        self.pending.retain(|(subject, event)| {
            entries.iter().any(|entry| entry.subject == *subject && entry.event == *event)
        });
        let missed = before.saturating_sub(self.pending.len());
        self.missed = self.missed.saturating_add(u64::try_from(missed).unwrap_or(u64::MAX));
    }
}
