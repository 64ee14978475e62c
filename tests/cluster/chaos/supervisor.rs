//! Starts again what has ended, as systemd does: on each machine by itself, a short time after.

use std::ops::Range;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::accounts::{Stamp, now};
use crate::cluster::Cluster;

/// `RestartSec=` of servers, in milliseconds; drawn anew each time.
const SERVER_REST: Range<u64> = 20..1500;
/// That of daemons; `vault-unseal.service` has 2 s.
const DAEMON_REST: Range<u64> = 20..2000;

/// `TimeoutStopSec=` of servers: one whose peers are out of reach may take long to leave its cluster.
const SERVER_STOPS: Duration = Duration::from_secs(3);

/// Looks after the processes of all machines.
pub(crate) struct Supervisor {
    machines: Vec<Machine>,
    rng: fastrand::Rng,
    /// When something was started last.
    pub(crate) started: Instant,
    /// When it started daemons again.
    pub(crate) daemons_started: Vec<Stamp>,
}

#[derive(Default)]
struct Machine {
    off: bool,
    /// Since when they have been asked to end; until they have, that fault is not over.
    server_ends: Option<Instant>,
    daemon_ends: Option<Instant>,
    server_due: Option<Instant>,
    daemon_due: Option<Instant>,
}

impl Supervisor {
    /// Starts the daemons.
    pub(crate) fn of(cluster: &mut Cluster, rng: fastrand::Rng) -> Self {
        cluster.nodes.iter_mut().for_each(crate::cluster::Node::start_daemon);
        let machines = cluster.nodes.iter().map(|_| Machine::default()).collect();
        Self { machines, rng, started: Instant::now(), daemons_started: Vec::new() }
    }

    /// The machine stays down until it is switched on.
    pub(crate) fn switch_off(&mut self, node: usize) {
        self.machines[node].off = true;
    }

    /// What is enabled is started at once.
    pub(crate) fn switch_on(&mut self, node: usize) {
        let now = Some(Instant::now());
        self.machines[node] = Machine { server_due: now, daemon_due: now, ..Machine::default() };
    }

    /// The server has been asked to end. It is killed when it takes too long.
    pub(crate) fn expect_end_of_server(&mut self, node: usize) {
        self.machines[node].server_ends = Some(Instant::now());
    }

    /// The daemon has been asked to end.
    pub(crate) fn expect_end_of_daemon(&mut self, node: usize) {
        self.machines[node].daemon_ends = Some(Instant::now());
    }

    /// Does what is due. True while everything runs.
    pub(crate) fn tend(&mut self, cluster: &mut Cluster) -> bool {
        let moment = Instant::now();
        let mut all_run = true;
        for (machine, node) in self.machines.iter_mut().zip(&mut cluster.nodes) {
            if machine.off {
                all_run = false;
                continue;
            }
            if node.server.ended() {
                let rest = Duration::from_millis(self.rng.u64(SERVER_REST));
                if *machine.server_due.get_or_insert(moment + rest) <= moment {
                    node.server.launch();
                    (machine.server_due, machine.server_ends) = (None, None);
                    self.started = Instant::now();
                } else {
                    all_run = false;
                }
            } else if machine.server_ends.is_some_and(|since| since + SERVER_STOPS < moment) {
                node.server.signal(Signal::KILL);
            }
            if node.daemon.as_mut().is_none_or(|daemon| daemon.ended().is_some()) {
                let rest = Duration::from_millis(self.rng.u64(DAEMON_REST));
                if *machine.daemon_due.get_or_insert(moment + rest) <= moment {
                    node.bury_daemon();
                    node.start_daemon();
                    (machine.daemon_due, machine.daemon_ends) = (None, None);
                    self.started = Instant::now();
                    self.daemons_started.push(now());
                } else {
                    all_run = false;
                }
            }
            all_run &= machine.server_ends.is_none() && machine.daemon_ends.is_none();
        }
        all_run
    }
}
