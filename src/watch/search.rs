//! The task that looks a name up, again and again, and what is said of it.

use super::board::SearchKey;
use crate::config::Discovery;
use crate::discovery::{Change, Found, LookupError, Outcome, Reason, Roll, Schedule, look_up};
use crate::explain::Explain;
use crate::report::message::Message;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tracing::Level;

/// A name that is looked up.
#[derive(Debug)]
pub(super) struct Search {
    pub(super) roll: Roll,
    /// A node of it cannot be reached.
    pub(super) trouble: Arc<Notify>,
    handle: JoinHandle<()>,
}

/// How a name is looked up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// The configuration says which name certificates must have, and it is checked.
    pub(super) named: bool,
    /// Limit of one lookup.
    pub(super) limit: Duration,
    /// Between two lookups while all is well.
    pub(super) interval: Duration,
}

/// What a lookup brought.
#[derive(Debug)]
pub(super) struct News {
    pub(super) key: SearchKey,
    pub(super) result: Result<Found, LookupError>,
    /// Told what came of it.
    pub(super) learnt: oneshot::Sender<Outcome>,
}

impl Search {
    /// Begins to look `key` up, knowing what `roll` has.
    pub(super) fn begin(key: SearchKey, roll: Roll, terms: Terms, news: mpsc::Sender<News>) -> Self {
        let trouble = Arc::new(Notify::new());
        let handle = tokio::spawn(look(key, terms, Arc::clone(&trouble), news));
        Self { roll, trouble, handle }
    }
}

impl Drop for Search {
    fn drop(&mut self) {
        self.handle.abort();
    }
}

async fn look(key: SearchKey, terms: Terms, trouble: Arc<Notify>, news: mpsc::Sender<News>) {
    let mut schedule = Schedule::new(terms.interval);
    let mut reason = Reason::Turn;
    loop {
        let result = look_up(&key.discovery, terms.named, terms.limit).await;
        let (learnt, outcome) = oneshot::channel();
        if news.send(News { key: key.clone(), result, learnt }).await.is_err() {
            return;
        }
        let Ok(outcome) = outcome.await else { return };
        let window = schedule.after(reason, outcome);
        sleep(window.opens).await;
        // Many names, or many daemons, must not ask at the same moment.
        let closes = window.closes.mul_f64(0.9 + 0.2 * fastrand::f64());
        reason = tokio::select! {
            () = trouble.notified() => Reason::Trouble,
            () = sleep(closes.saturating_sub(window.opens)) => Reason::Turn,
        };
    }
}

/// Says what a lookup changed.
pub(super) fn announce(key: &SearchKey, change: &Change) {
    let name = &key.discovery;
    match change {
        Change::Appeared(node) => {
            say(key, node, Level::INFO, Message::Discovered, &format!("{node}: found in DNS by {name}"));
        }
        Change::Returned(node) => {
            say(
                key,
                node,
                Level::INFO,
                Message::Discovered,
                &format!("{node}: in DNS again, found by {name}"),
            );
        }
        Change::Missing(node) => {
            let text = format!("{node}: no longer in DNS, still watched; {name} does not name it any more");
            say(key, node, Level::WARN, Message::Missing, &text);
        }
        Change::Forgotten(node) => {
            let text = format!(
                "{node}: no longer watched: neither was it in DNS under {name} nor did it answer for as long as \
                 `forget_after` says"
            );
            say(key, node, Level::WARN, Message::Forgotten, &text);
        }
        Change::Refused(refused) => {
            let (reason, advice) = refused.reason(name);
            say(key, name, Level::ERROR, Message::TargetRefused, &format!("{name}: {reason}. {advice}"));
        }
        Change::Failing(error) => {
            let advice = error.advice().map_or_else(String::new, |advice| format!(". {advice}"));
            say(key, name, Level::WARN, Message::LookupFailed, &format!("{name}: {error}{advice}"));
        }
        Change::Working => {
            say(key, name, Level::INFO, Message::LookupWorks, &format!("{name}: can be looked up again"));
        }
    }
}

/// Says that a node which was found is already another cluster's.
pub(super) fn announce_elsewhere(key: &SearchKey, node: &str, owner: &str) {
    let name: &Discovery = &key.discovery;
    let text = format!(
        "{node}: found by {name} of the cluster \"{}\", but it is a node of the cluster \"{owner}\": it gets no shares \
         of \"{}\". Correct the name in DNS, or the configuration",
        key.cluster, key.cluster
    );
    say(key, &node, Level::ERROR, Message::TargetRefused, &text);
}

fn say(key: &SearchKey, node: &dyn std::fmt::Display, level: Level, message: Message, text: &str) {
    let node = node.to_string();
    let cluster = key.cluster.as_str();
    let id = message.id();
    macro_rules! at {
        ($level:expr) => {
            tracing::event!($level, message_id = id, vault_node = node, vault_cluster = cluster, "{text}")
        };
    }
    match level {
        Level::ERROR => at!(Level::ERROR),
        Level::WARN => at!(Level::WARN),
        _ => at!(Level::INFO),
    }
}
