//! A stranger in the network submits shares to every server without end: `sys/unseal` is open to everybody.

mod stranger;

use std::time::{Duration, Instant};

use crate::accounts::rounds_within;
use crate::cluster::{Cluster, Custody, SPLIT};
use crate::support::{PATIENCE, poll};
use stranger::{Count, Habit, Stranger};

/// Every machine has all the shares.
const FULL: Custody =
    Custody { threshold: 3, shares: &[&[0, 1, 2, 3, 4], &[0, 1, 2, 3, 4], &[0, 1, 2, 3, 4]] };
/// The interval that a daemon withstands.
const EVERY: Duration = Duration::from_millis(50);
/// The most shares in a round: `unseal/attempt.rs`.
const MOST_IN_A_ROUND: u64 = 2 * 3 + 3;
/// How long a stranger attacks who may be too fast.
const ATTACK: Duration = Duration::from_secs(8);
/// A disturbance is mentioned again after this long: `watch/announce.rs`.
const QUIET: Duration = Duration::from_secs(30);

#[test]
fn one_daemon_unseals_three_servers_under_a_strangers_shares() {
    let Some(mut attacked) = Attacked::of(&FULL, &[0]) else { return };
    attacked.withstands(&Habit::Shares, EVERY, 4);
}

#[test]
fn three_daemons_unseal_three_servers_under_whatever_a_stranger_sends() {
    let Some(mut attacked) = Attacked::of(&FULL, &[0, 1, 2]) else { return };
    let ours = attacked.cluster.init.keys_hex.clone();
    attacked.withstands(&Habit::All { ours }, EVERY, 4);
}

#[test]
fn a_stranger_too_fast_to_withstand_leaves_nothing_behind() {
    let Some(mut attacked) = Attacked::of(&FULL, &[0]) else { return };
    attacked.suffers([10, 1]);
}

#[test]
fn split_custody_recovers_once_a_stranger_stops() {
    let Some(mut attacked) = Attacked::of(&SPLIT, &[0, 1, 2]) else { return };
    attacked.suffers([50, 2]);
}

/// A cluster whose daemons are watched.
struct Attacked {
    cluster: Cluster,
    daemons: &'static [usize],
    began: Instant,
}

impl Attacked {
    /// With daemons on these machines.
    fn of(custody: &Custody, daemons: &'static [usize]) -> Option<Self> {
        let mut cluster = Cluster::of(custody)?;
        for &node in daemons {
            cluster.nodes[node].start_daemon();
            cluster.nodes[node].wait_for_status("3 nodes: 3 unsealed");
        }
        Some(Self { cluster, daemons, began: Instant::now() })
    }

    /// Restarts all servers, so many times and until he was noticed, while the stranger is at work; each time all of
    /// them are unsealed. It is chance whether he falls into a round of a few milliseconds.
    fn withstands(&mut self, habit: &Habit, every: Duration, times: usize) {
        let stranger = Stranger::of(&self.cluster, habit, every);
        for time in 0..10 * times {
            if time >= times && self.daemons.iter().any(|&node| self.told(node) > 0) {
                break;
            }
            let (from, before) = (Instant::now(), self.books(&stranger));
            self.restart();
            let unsealed = self.unsealed_within(PATIENCE);
            assert!(unsealed.is_some(), "{}", self.story());
            self.rate_is_bounded(&before, &self.books(&stranger), from);
            println!("unsealed after {:?}", from.elapsed());
        }
        for node in 0..self.cluster.nodes.len() {
            println!("server {node}: {:?}", stranger.count(node));
        }
        drop(stranger);
        self.daemons_told_of_it();
    }

    /// Restarts all servers while the stranger is at work at these intervals, in milliseconds, which may or may not
    /// keep them sealed. Once he stops they are unsealed.
    fn suffers(&mut self, intervals: [u64; 2]) {
        for every in intervals {
            let stranger = Stranger::of(&self.cluster, &Habit::Shares, Duration::from_millis(every));
            let (from, before) = (Instant::now(), self.books(&stranger));
            self.restart();
            let within = self.unsealed_within(ATTACK).map(|()| from.elapsed());
            println!("a share every {every} ms: unsealed within {within:?}");
            self.rate_is_bounded(&before, &self.books(&stranger), from);
            drop(stranger);
            let from = Instant::now();
            assert!(self.unsealed_within(PATIENCE).is_some(), "{}", self.story());
            println!("unsealed {:?} after he stopped", from.elapsed());
        }
        self.daemons_told_of_it();
    }

    fn restart(&mut self) {
        for node in &mut self.cluster.nodes {
            node.server.kill();
        }
        for node in &mut self.cluster.nodes {
            node.server.launch();
        }
    }

    fn unsealed_within(&self, patience: Duration) -> Option<()> {
        poll(patience, || self.cluster.nodes.iter().all(crate::cluster::Node::is_unsealed).then_some(()))
    }

    /// For each server: how many shares it says it was sent, and what the stranger says.
    fn books(&self, stranger: &Stranger) -> Vec<(u64, Count)> {
        let nodes = self.cluster.nodes.iter();
        let log = |log: String| log.matches("core: unseal key supplied").count() as u64;
        nodes.map(|node| (log(node.server.log()), stranger.count(node.index))).collect()
    }

    /// What the servers were sent beside the stranger's shares is no more than the daemons' pacing allows.
    fn rate_is_bounded(&self, before: &[(u64, Count)], after: &[(u64, Count)], since: Instant) {
        let bound = self.daemons.len() as u64 * rounds_within(since.elapsed()) as u64 * MOST_IN_A_ROUND;
        for (node, (before, after)) in before.iter().zip(after).enumerate() {
            // The last share before a server ends may or may not have been logged, and one may be under way.
            let his = (after.1.answered - before.1.answered).saturating_sub(1);
            let ours = (after.0 - before.0).saturating_sub(his);
            println!(
                "server {node}: {ours} shares of the daemons' in {:?}, {bound} at most",
                since.elapsed()
            );
            assert!(ours <= bound, "server {node}: {ours} in {:?}\n{}", since.elapsed(), self.story());
        }
    }

    /// The stranger is reported, at a bounded rate, and nobody judges the shares.
    fn daemons_told_of_it(&self) {
        let most = 3 * (1 + self.began.elapsed().as_secs() / QUIET.as_secs());
        let mut strangers = 0;
        for &node in self.daemons {
            let lines = self.cluster.nodes[node].daemon_lines();
            let said = |what: &str| lines.iter().filter(|line| line.text.contains(what)).count() as u64;
            assert_eq!(said("shares-rejected"), 0, "{}", self.story());
            assert!(said("WARN") > 0);
            let told = self.told(node);
            println!("daemon {node} spoke {told} times of it, in {} lines", lines.len());
            assert!(told <= most, "{told} times:\n{}", self.story());
            strangers += told;
        }
        assert!(strangers > 0, "{}", self.story());
    }

    /// How often the daemon on this machine spoke of him.
    fn told(&self, node: usize) -> u64 {
        const WAYS: [&str; 3] = [
            "Somebody else submits shares",
            "reset or restarted by somebody else",
            "with others' shares in it failed",
        ];
        let lines = self.cluster.nodes[node].daemon_lines();
        lines.iter().filter(|line| WAYS.iter().any(|way| line.text.contains(way))).count() as u64
    }

    fn story(&self) -> String {
        let daemons = self.daemons.iter().map(|&node| {
            let lines = self.cluster.nodes[node].daemon_lines();
            let text: String =
                lines[lines.len().saturating_sub(60)..].iter().map(|line| line.text.clone() + "\n").collect();
            format!("daemon {node}:\n{text}")
        });
        daemons.collect()
    }
}
