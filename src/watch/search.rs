//! The task that looks a name up, again and again, and what is said of it.

use super::key::SearchKey;
use crate::cluster::NodeAddress;
use crate::discovery::{
    Change, FirstFew, FoundNodes, LookupError, LookupOutcome, LookupReason, NodeInventory, Schedule, look_up,
};
use crate::explain::Explain;
use crate::report::message::Message;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tracing::Level;

/// A name that is looked up.
#[derive(Debug)]
pub(super) struct DiscoveryTask {
    pub(super) inventory: NodeInventory,
    /// A node of it cannot be reached.
    pub(super) trouble: Arc<Notify>,
    handle: JoinHandle<()>,
}

/// How a name is looked up.
#[derive(Debug, Clone, Copy)]
pub(super) struct LookupOptions {
    /// The configuration says which name certificates must have, and it is checked.
    pub(super) named: bool,
    /// Limit of one lookup.
    pub(super) limit: Duration,
    /// Between two lookups while all is well.
    pub(super) interval: Duration,
}

/// What a lookup brought.
#[derive(Debug)]
pub struct LookupResult {
    pub(super) key: SearchKey,
    pub(super) result: Result<FoundNodes, LookupError>,
    /// Told what came of it.
    pub(super) learnt: oneshot::Sender<LookupOutcome>,
}

impl LookupResult {
    /// How many nodes were found.
    pub fn nodes(&self) -> usize {
        self.result.as_ref().map_or(0, |found| found.nodes.len())
    }
}

impl DiscoveryTask {
    /// Begins to look `key` up, knowing what `roll` has.
    pub(super) fn begin(
        key: SearchKey,
        inventory: NodeInventory,
        terms: LookupOptions,
        news: mpsc::Sender<LookupResult>,
    ) -> Self {
        let trouble = Arc::new(Notify::new());
        let handle = tokio::spawn(look(key, terms, Arc::clone(&trouble), news));
        Self { inventory, trouble, handle }
    }
}

impl Drop for DiscoveryTask {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

async fn look(key: SearchKey, terms: LookupOptions, trouble: Arc<Notify>, news: mpsc::Sender<LookupResult>) {
    let mut schedule = Schedule::new(terms.interval);
    let mut reason = LookupReason::Turn;
    loop {
        let result = look_up(&key.discovery, terms.named, terms.limit).await;
        let (learnt, outcome) = oneshot::channel();
        if news.send(LookupResult { key: key.clone(), result, learnt }).await.is_err() {
            return;
        }
        let Ok(outcome) = outcome.await else { return };
        let window = schedule.after(reason, outcome);
        sleep(window.opens).await;
        // Many names, or many daemons, must not ask at the same moment.
        let closes = window.closes.mul_f64(0.9 + 0.2 * fastrand::f64());
        reason = tokio::select! {
            () = trouble.notified() => LookupReason::Trouble,
            () = sleep(closes.saturating_sub(window.opens)) => LookupReason::Turn,
        };
    }
}

/// How many nodes have a line each. More of them at once share one: DNS can make up thousands.
const LINES: usize = 16;

/// Says what a lookup changed.
pub(super) fn announce(key: &SearchKey, changes: &[Change]) {
    let name = &key.discovery;
    let nodes = |of: fn(&Change) -> Option<&NodeAddress>| changes.iter().filter_map(of).collect::<Vec<_>>();
    let missing = nodes(|change| if let Change::Missing(node) = change { Some(node) } else { None });
    say_all(key, &missing, Level::WARN, Message::Missing, "nodes no longer in DNS, still watched", |node| {
        format!("{node}: no longer in DNS, still watched; {name} does not name it any more")
    });
    let forgotten = nodes(|change| if let Change::Forgotten(node) = change { Some(node) } else { None });
    say_all(
        key,
        &forgotten,
        Level::WARN,
        Message::Forgotten,
        "nodes no longer watched, neither in DNS nor answering for as long as `forget_after` says",
        |node| {
            format!(
                "{node}: no longer watched: neither was it in DNS under {name} nor did it answer for as long as \
                 `forget_after` says"
            )
        },
    );
    let appeared = nodes(|change| if let Change::Appeared(node) = change { Some(node) } else { None });
    say_all(key, &appeared, Level::INFO, Message::Discovered, "nodes found in DNS", |node| {
        format!("{node}: found in DNS by {name}")
    });
    let returned = nodes(|change| if let Change::Returned(node) = change { Some(node) } else { None });
    say_all(key, &returned, Level::INFO, Message::Discovered, "nodes in DNS again", |node| {
        format!("{node}: in DNS again, found by {name}")
    });
    for change in changes {
        match change {
            Change::Refused(refused) => {
                if let Some((reason, advice)) = refused.reason(name) {
                    let text = format!("{name}: {reason}. {advice}");
                    say(key, name, Level::ERROR, Message::TargetRefused, &text);
                }
            }
            Change::Failing(error) => {
                let advice = error.advice().map_or_else(String::new, |advice| format!(". {advice}"));
                say(key, name, Level::WARN, Message::LookupFailed, &format!("{name}: {error}{advice}"));
            }
            Change::Working => {
                say(key, name, Level::INFO, Message::LookupWorks, &format!("{name}: can be looked up again"));
            }
            Change::Appeared(_) | Change::Missing(_) | Change::Returned(_) | Change::Forgotten(_) => {}
        }
    }
}

/// Says that nodes which were found are already other clusters': by which name each was found, and whose it is.
pub(super) fn announce_elsewhere<'a>(found: impl Iterator<Item = (&'a SearchKey, &'a NodeAddress, &'a str)>) {
    let mut by_name: BTreeMap<(&SearchKey, &str), Vec<&NodeAddress>> = BTreeMap::new();
    for (key, node, owner) in found {
        by_name.entry((key, owner)).or_default().push(node);
    }
    for ((key, owner), nodes) in by_name {
        let (name, cluster) = (&key.discovery, &key.cluster);
        let many = format!("nodes of the cluster \"{owner}\" found, which get no shares of \"{cluster}\"");
        say_all(key, &nodes, Level::ERROR, Message::TargetRefused, &many, |node| {
            format!(
                "{node}: found by {name} of the cluster \"{cluster}\", but it is a node of the cluster \"{owner}\": \
                 it gets no shares of \"{cluster}\". Correct the name in DNS, or the configuration"
            )
        });
    }
}

/// Says the same of some nodes: each by itself, or that so many of them are what `many` says.
fn say_all(
    key: &SearchKey,
    nodes: &[&NodeAddress],
    level: Level,
    message: Message,
    many: &str,
    each: impl Fn(&NodeAddress) -> String,
) {
    if nodes.len() > LINES {
        let name = &key.discovery;
        let text = format!("{name}: {} {many}: {}", nodes.len(), FirstFew::of(nodes));
        say(key, name, level, message, &text);
    } else {
        for node in nodes {
            say(key, node, level, message, &each(node));
        }
    }
}

fn say(key: &SearchKey, node: &dyn std::fmt::Display, level: Level, message: Message, text: &str) {
    message.log(level, node, &key.cluster, [None, None], text);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::logged;

    fn key() -> SearchKey {
        SearchKey { cluster: "home".to_owned(), discovery: "dns+https://vault.test:8200".parse().unwrap() }
    }

    fn nodes(count: usize) -> Vec<NodeAddress> {
        (0..count)
            .map(|number| format!("https://10.0.{}.{}:8200", number / 256, number % 256).parse().unwrap())
            .collect()
    }

    #[test]
    fn many_changes_of_one_kind_are_one_line() {
        for (count, lines) in [(1, 1), (LINES, LINES), (LINES + 1, 1), (4000, 1)] {
            for (change, words) in [
                (Change::Appeared as fn(_) -> _, "nodes found in DNS: "),
                (Change::Missing, "nodes no longer in DNS, still watched: "),
                (Change::Returned, "nodes in DNS again: "),
                (Change::Forgotten, "nodes no longer watched, neither in DNS nor answering"),
            ] {
                let changes: Vec<Change> = nodes(count).into_iter().map(change).collect();
                let log = logged(|| announce(&key(), &changes));
                assert_eq!(log.len(), lines, "{count}: {log:?}");
                if count > LINES {
                    assert!(
                        log[0].contains(&format!("dns+https://vault.test:8200: {count} {words}")),
                        "{log:?}"
                    );
                    assert!(log[0].contains("https://10.0.0.0:8200, ") && log[0].len() < 500, "{log:?}");
                    assert!(log[0].contains(&format!(" and {} more", count - 5)), "{log:?}");
                }
            }
            let (key, nodes) = (key(), nodes(count));
            let log = logged(|| announce_elsewhere(nodes.iter().map(|node| (&key, node, "work"))));
            assert_eq!(log.len(), lines, "{count}: {log:?}");
            assert!(log.iter().all(|line| line.contains("cluster \"work\"")), "{log:?}");
        }
    }
}
