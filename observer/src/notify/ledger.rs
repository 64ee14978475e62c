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

/// A problem must be over for as long as it had to last, but no longer than this, before its end is told.
const SETTLED: Duration = Duration::from_secs(60);

/// What a target was told. Kept over restarts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Ledger {
    /// The problems that it knows of, and when it was told last.
    #[serde(with = "pairs")]
    told: BTreeMap<Subject, (Problem, Duration)>,
    /// What had been counted of each server (cluster, address) when it was told last.
    #[serde(with = "pairs")]
    counted: BTreeMap<(String, String), Counted>,
}

/// Maps as lists of pairs: JSON has none with other keys than texts.
mod pairs {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::collections::BTreeMap;

    pub(super) fn serialize<K: Serialize, V: Serialize, S: Serializer>(
        map: &BTreeMap<K, V>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub(super) fn deserialize<'de, K, V, D>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Ok(Vec::deserialize(deserializer)?.into_iter().collect())
    }
}

/// Since when subjects have been well whose problem was told, and what could not be told in time.
#[derive(Debug, Clone, Default)]
pub(super) struct Patience {
    over: BTreeMap<Subject, Duration>,
    /// What was tried to be told, and was not.
    pending: BTreeSet<Subject>,
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
        Some(Message { at: seen.at, entries, missed: patience.missed })
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
        // Down in another way before, it has been down for longer than in this one.
        let began = at.saturating_sub(lasting.in_all);
        let since = problem.since.map_or(began, |since| since.min(began));
        let problem = &Problem { since: Some(since), ..problem.clone() };
        let entry = |kind| Some(Entry::of(kind, subject, problem, began));
        let Some((told, when)) = self.told.get(subject) else {
            return if wanted && lasting.in_all >= after { entry(EntryKind::Problem) } else { None };
        };
        if told.event == problem.event {
            // Of a time that is yet to come, a clock was wrong.
            let since = at.checked_sub(*when);
            let again = rules.repeat.is_some_and(|repeat| since.is_none_or(|since| since >= repeat));
            return if again && wanted { entry(EntryKind::Still) } else { None };
        }
        // It has another one, and for long enough.
        match lasting.as_it_is >= after {
            true if wanted => entry(EntryKind::Problem),
            // What it has now is nobody's business here: what was told is over.
            true => Some(Entry::of(EntryKind::Over, subject, told, at)),
            false => None,
        }
    }

    /// What was told and is over.
    fn ends(&self, now: Duration, seen: &Seen, rules: &Rules, patience: &mut Patience) -> Vec<Entry> {
        let mut entries = Vec::new();
        let mut over = BTreeMap::new();
        for (subject, (problem, _)) in &self.told {
            let why = match seen.standing(subject) {
                Some(Standing::Bad(..) | Standing::Unknown) => continue,
                Some(Standing::Good) => EntryKind::Over,
                None => EntryKind::Unwatched,
            };
            let since = patience.over.get(subject).copied().unwrap_or(now);
            over.insert(subject.clone(), since);
            let settled = Event::of(&problem.event).map_or(SETTLED, |event| rules.after(event).min(SETTLED));
            let over_for = now.saturating_sub(since);
            if over_for >= settled {
                let until = Some(seen.at.saturating_sub(over_for));
                entries.push(Entry { until, ..Entry::of(why, subject, problem, seen.at) });
            }
        }
        patience.over = over;
        entries
    }

    /// What was counted since it was told last. What is seen for the first time was before.
    fn happened(&mut self, seen: &Seen, rules: &Rules) -> Vec<Entry> {
        let mut entries = Vec::new();
        for (of, counted) in &seen.counters {
            let Some(known) = self.counted.get(of) else {
                self.counted.insert(of.clone(), counted.clone());
                continue;
            };
            let (cluster, node) = of;
            for (event, times) in counted.since(known) {
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
                    let (event, detail) = (entry.event.clone(), entry.detail.clone());
                    let problem = Problem { event, detail, since: Some(entry.since) };
                    self.told.insert(entry.subject.clone(), (problem, message.at));
                }
                EntryKind::Over | EntryKind::Unwatched => {
                    self.told.remove(&entry.subject);
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
        // A daemon that was just started may not know all of them yet.
        self.counted.retain(|of, _| !seen.settled || seen.counters.contains_key(of));
        self.counted.extend(seen.counters.iter().map(|(of, counted)| (of.clone(), counted.clone())));
    }
}

fn what_happened(event: Event) -> &'static str {
    match event {
        Event::OperatorSeal => "an operator sealed it",
        Event::SelfSeal => "it sealed itself soon after it was unsealed",
        _ => "it was restarted",
    }
}

impl Patience {
    /// A message with these entries could not be delivered.
    pub(super) fn failed(&mut self, message: &Message) {
        for entry in message.entries.iter().filter(|entry| entry.kind <= EntryKind::Happened) {
            self.pending.insert(entry.subject.clone());
        }
    }

    /// What could not be told and is no longer so was missed.
    fn compare(&mut self, entries: &[Entry]) {
        let before = self.pending.len();
        self.pending.retain(|subject| entries.iter().any(|entry| entry.subject == *subject));
        let missed = before.saturating_sub(self.pending.len());
        self.missed = self.missed.saturating_add(u64::try_from(missed).unwrap_or(u64::MAX));
    }
}
