//! Somebody in the network who never stops: he submits what he has made up to every server, at his own pace.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::support::home::hex;
use crate::support::http::Client;

/// What he submits.
#[derive(Debug, Clone)]
pub(crate) enum Habit {
    /// 32 random bytes and a random x.
    Shares,
    /// Such a share, one with the x of a share of ours, one of a wrong length, and a reset, in turn.
    All { ours: Vec<String> },
}

impl Habit {
    fn request(&self, turn: u64) -> Value {
        let random: [u8; 32] = std::array::from_fn(|_| fastrand::u8(..));
        let of = |x: &str| json!({"key": hex(&random) + x});
        match self {
            Self::Shares => of(&hex(&[fastrand::u8(1..)])),
            Self::All { ours } => match turn % 4 {
                0 => of(&hex(&[fastrand::u8(1..)])),
                1 => {
                    let share = &ours[usize::try_from(turn / 4).unwrap() % ours.len()];
                    of(&share[share.len() - 2..])
                }
                2 => json!({"key": hex(&random[..20])}),
                _ => json!({"reset": true}),
            },
        }
    }
}

/// What he did to one server.
#[derive(Debug, Default)]
struct Tally {
    /// Shares that he sent, whatever came of them.
    sent: AtomicU64,
    /// Those of them that were answered.
    answered: AtomicU64,
    resets: AtomicU64,
    /// Answers that told him of a round that failed.
    failed: AtomicU64,
}

/// What he did to one server up to a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) sent: u64,
    pub(crate) answered: u64,
    pub(crate) resets: u64,
    pub(crate) failed: u64,
}

/// He works until he is dropped.
pub(crate) struct Stranger {
    tallies: Vec<Arc<Tally>>,
    stop: Arc<AtomicBool>,
    hands: Vec<JoinHandle<()>>,
}

impl Stranger {
    /// He sets to work on every server, one request each in this time.
    pub(crate) fn of(cluster: &Cluster, habit: &Habit, every: Duration) -> Self {
        let mut stranger = Self { tallies: Vec::new(), stop: Arc::default(), hands: Vec::new() };
        for node in 0..cluster.nodes.len() {
            let (tally, stop) = (Arc::new(Tally::default()), Arc::clone(&stranger.stop));
            stranger.tallies.push(Arc::clone(&tally));
            let client = cluster.stranger(node).timeout(Duration::from_secs(2));
            let habit = habit.clone();
            stranger.hands.push(thread::spawn(move || work(&client, &habit, every, &tally, &stop)));
        }
        stranger
    }

    /// What he did to this server so far.
    pub(crate) fn count(&self, node: usize) -> Count {
        let read = |count: &AtomicU64| count.load(Ordering::SeqCst);
        let Tally { sent, answered, resets, failed } = &*self.tallies[node];
        // In this order: what is answered was sent.
        let answered = read(answered);
        Count { answered, sent: read(sent), resets: read(resets), failed: read(failed) }
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        for hand in self.hands.drain(..) {
            let ended = hand.join();
            assert!(ended.is_ok() || thread::panicking(), "the stranger stumbled");
        }
    }
}

fn work(client: &Client, habit: &Habit, every: Duration, tally: &Tally, stop: &AtomicBool) {
    let add = |count: &AtomicU64| {
        count.fetch_add(1, Ordering::SeqCst);
    };
    let (mut session, mut due, mut turn) = (None, Instant::now(), 0);
    while !stop.load(Ordering::SeqCst) {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        // Turns that he missed are not made up for.
        due = (due + every).max(Instant::now());
        if session.is_none() {
            session = client.connect().ok();
        }
        let Some(connection) = session.as_mut() else { continue };
        let request = habit.request(turn);
        turn += 1;
        let share = request.get("key").is_some();
        add(if share { &tally.sent } else { &tally.resets });
        match connection.put("/v1/sys/unseal", &request) {
            Ok(answer) => {
                if share {
                    add(&tally.answered);
                }
                if answer.status != 200 {
                    add(&tally.failed);
                }
            }
            // The server went away.
            Err(_) => session = None,
        }
    }
}
