//! What the servers' own logs say of what they were sent.

use std::time::Duration;

use super::draw::Plan;
use super::records::Story;
use super::stranger::Traces;
use crate::accounts::{
    Entry, Stamp, entries, late_shares, most_within, now, rounds_within, shares, unsealings,
};
use crate::cluster::Cluster;

/// How far a time in a log may be from when the test saw the same.
const ACCURACY: Duration = Duration::from_millis(20);
/// How many shares each daemon holds.
const HELD: usize = 2;

/// Keeps the books of the whole run.
pub(crate) struct Judge {
    servers: Vec<Books>,
    /// What each server logged in this round.
    pub(crate) logs: Vec<String>,
}

#[derive(Default)]
struct Books {
    /// How much of its log was read.
    read: u64,
    entries: Vec<(Stamp, Entry)>,
    /// From when to when strangers' shares were under way.
    strangers: Vec<(Stamp, Stamp)>,
    resets: Vec<Stamp>,
}

impl Judge {
    /// Begins with what they log from now on.
    pub(crate) fn of(cluster: &Cluster) -> Self {
        let mut judge = Self { servers: Vec::new(), logs: Vec::new() };
        for node in &cluster.nodes {
            let read = node.server.log().len() as u64;
            judge.servers.push(Books { read, entries: vec![(now(), Entry::Unsealed)], ..Books::default() });
        }
        judge
    }

    pub(crate) fn begin(&mut self) {
        self.logs = vec![String::new(); self.servers.len()];
    }

    /// What a stranger did to a server.
    pub(crate) fn note(&mut self, node: usize, traces: Traces) {
        self.servers[node].strangers.extend(traces.shares);
        self.servers[node].resets.extend(traces.resets);
    }

    /// Reads on in the logs.
    pub(crate) fn read(&mut self, cluster: &Cluster) {
        for ((node, books), log) in cluster.nodes.iter().zip(&mut self.servers).zip(&mut self.logs) {
            let mut text = node.server.log_since(books.read);
            text.truncate(text.rfind('\n').map_or(0, |end| end + 1));
            books.read += text.len() as u64;
            books.entries.extend(entries(&text));
            log.push_str(&text);
        }
    }

    /// No server was sent what it did not need, nor more than the pacing allows; `starts`: when daemons began anew.
    pub(crate) fn judge(&self, plan: &Plan, story: &Story, starts: &[Stamp]) -> Result<(), String> {
        let delays = plan.deeds.iter().filter(|(_, deed)| deed.delays()).count();
        for (node, books) in self.servers.iter().enumerate() {
            for (unsealed, late) in late_shares(&books.entries) {
                let ours = books.not_strangers(unsealed, &late);
                // Several daemons send at the same time: each but the one whose share completed the round may have
                // sent one before it could know. It sends the next when the answer has told it, so never a second.
                if unsealed >= story.began && ours.len() > self.servers.len() - 1 {
                    return Err(format!("server {node} was sent shares {ours:?} after it was unsealed"));
                }
            }
            for (from, to, sent) in unsealings(&books.entries) {
                let due = self.due(books, starts, delays, (from, to));
                if from >= story.began && sent > due {
                    let took = to.saturating_sub(from);
                    return Err(format!(
                        "server {node} was sent {sent} shares in {took:?}, and {due} are enough"
                    ));
                }
            }
            for window in [1, 10, 60].map(Duration::from_secs) {
                let most = most_within(shares(&books.entries), window);
                let bound = self.bound(books, starts, window);
                if most > bound {
                    return Err(format!(
                        "server {node} was sent {most} shares in {window:?}, and {bound} at most are due"
                    ));
                }
            }
        }
        Ok(())
    }

    /// The shares that bring a server up: each daemon sends each of its own once, and once more for each thing that may
    /// have taken it from the round, or its answer from the daemon.
    fn due(&self, books: &Books, starts: &[Stamp], delays: usize, (from, to): (Stamp, Stamp)) -> usize {
        let within = |at: &&Stamp| **at + ACCURACY >= from && **at <= to + ACCURACY;
        let poison = books.strangers.iter().filter(|(sent, _)| within(&sent)).count();
        let resets = books.resets.iter().filter(within).count();
        let daemons = starts.iter().filter(within).count();
        HELD * (self.servers.len() * (1 + poison + resets + delays) + daemons) + poison
    }

    /// The most shares that daemons may send to one server within any stretch of this length: in each round that they
    /// are granted both of theirs, the same once more for each time that somebody tears it from them, and his own.
    fn bound(&self, books: &Books, starts: &[Stamp], window: Duration) -> usize {
        let daemons = self.servers.len() + most_within(starts.iter().copied(), window);
        let strangers = most_within(books.strangers.iter().map(|(from, _)| *from), window);
        let resets = most_within(books.resets.iter().copied(), window);
        daemons * HELD * (rounds_within(window) + strangers + resets) + strangers
    }

    /// What was seen, for who wants to know.
    pub(crate) fn summary(&self) -> String {
        let books = || self.servers.iter();
        let most = |seconds| {
            let window = Duration::from_secs(seconds);
            books().map(|books| most_within(shares(&books.entries), window)).max().unwrap_or(0)
        };
        let late: usize =
            books().flat_map(|books| late_shares(&books.entries)).map(|(_, late)| late.len()).sum();
        let all: usize = books().map(|books| shares(&books.entries).count()).sum();
        format!(
            "{all} shares, {late} of them late; at most {} in a second, {} in ten, {} in a minute at one server",
            most(1),
            most(10),
            most(60)
        )
    }
}

impl Books {
    /// How long after the server was unsealed those shares came that no stranger sent.
    fn not_strangers(&self, unsealed: Stamp, late: &[Duration]) -> Vec<Duration> {
        let mut strangers = self.strangers.clone();
        let mut ours = Vec::new();
        for after in late {
            let at = unsealed + *after;
            let his = strangers.iter().position(|(from, to)| at + ACCURACY >= *from && at <= *to + ACCURACY);
            if his.map(|his| strangers.swap_remove(his)).is_none() {
                ours.push(*after);
            }
        }
        ours
    }
}
