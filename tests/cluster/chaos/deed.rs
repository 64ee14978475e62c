//! The single things that faults consist of, each at its time.

use crate::cluster::Cluster;
use crate::support::clock::Clock;
use crate::support::network::{Slow, Swallow};
use rustix::process::Signal;

use super::stranger::Mischief;

/// Something that is done to the cluster at one moment.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    KillServer(usize),
    /// It ends in its own time.
    TerminateServer(usize),
    KillDaemon(usize),
    TerminateDaemon(usize),
    /// A machine loses what runs on it, and what is in its memory.
    PowerOff(usize),
    PowerOn(usize),
    PauseServer(usize),
    ResumeServer(usize),
    PauseDaemon(usize),
    ResumeDaemon(usize),
    Unplug(usize),
    Plug(usize),
    Swallow(Swallow),
    Deliver(Swallow),
    Slow(usize, Slow),
    Fast(usize),
    /// A stranger sets to work on this server.
    Stranger(usize, Mischief),
    /// The wall clock of this machine's daemon is this many seconds off from now on.
    Clock(usize, i64),
    /// Both clocks of this machine's daemon go forward by this many seconds at once: see [`SLEEPER`].
    Wake(usize, i64),
}

impl Deed {
    /// An answer that is under way may be late, or lost: its question is then asked again.
    pub(crate) fn delays(&self) -> bool {
        matches!(
            self,
            Self::PowerOff(_)
                | Self::PauseServer(_)
                | Self::PauseDaemon(_)
                | Self::Unplug(_)
                | Self::Swallow(_)
                | Self::Slow(..)
        )
    }

    /// Does it. Processes that have ended cannot be done anything to.
    pub(crate) fn perform(&self, cluster: &mut Cluster) {
        match *self {
            Self::KillServer(node) => signal_server(cluster, node, Signal::KILL),
            Self::TerminateServer(node) => signal_server(cluster, node, Signal::TERM),
            Self::PauseServer(node) => signal_server(cluster, node, Signal::STOP),
            Self::ResumeServer(node) => signal_server(cluster, node, Signal::CONT),
            Self::KillDaemon(node) => signal_daemon(cluster, node, Signal::KILL),
            Self::TerminateDaemon(node) => signal_daemon(cluster, node, Signal::TERM),
            Self::PauseDaemon(node) => signal_daemon(cluster, node, Signal::STOP),
            Self::ResumeDaemon(node) => signal_daemon(cluster, node, Signal::CONT),
            Self::PowerOff(node) => {
                signal_server(cluster, node, Signal::KILL);
                signal_daemon(cluster, node, Signal::KILL);
                cluster.nodes[node].bury_daemon();
                cluster.nodes[node].empty_runtime_directory();
            }
            // The supervisor's work, as systemd starts what is enabled; and a stranger works by himself.
            Self::PowerOn(_) | Self::Stranger(..) => {}
            Self::Unplug(node) => cluster.network.unplug(node),
            Self::Plug(node) => cluster.network.plug(node),
            Self::Swallow(what) => cluster.network.swallow(what),
            Self::Deliver(what) => cluster.network.deliver(what),
            Self::Slow(node, link) => cluster.network.slow(node, link),
            Self::Fast(node) => cluster.network.fast(node),
            Self::Clock(node, seconds) => clock(cluster, node).set(seconds),
            Self::Wake(node, seconds) => {
                let clock = clock(cluster, node);
                clock.set(clock.off() + seconds);
            }
        }
    }
}

/// The machine that is put to sleep and wakes, with all clocks gone on: `CLOCK_MONOTONIC` stands still while a kernel
/// sleeps, but jumps forward in some virtual machines that are resumed. The wall clocks of the others are set.
pub(crate) const SLEEPER: usize = 0;

fn clock(cluster: &Cluster, node: usize) -> &Clock {
    cluster.nodes[node].clock.as_ref().expect("it has one")
}

/// Gives every daemon a clock of its own, where libfaketime is installed; they must be started after this.
pub(crate) fn give_clocks(cluster: &mut Cluster) -> bool {
    for (number, node) in cluster.nodes.iter_mut().enumerate() {
        let Some(clock) = Clock::new(node.home().path("clock")) else { return false };
        node.environment = clock.environment(number == SLEEPER).to_vec();
        node.clock = Some(clock);
    }
    true
}

fn signal_server(cluster: &mut Cluster, node: usize, signal: Signal) {
    let server = &mut cluster.nodes[node].server;
    if server.runs() && !server.ended() {
        server.signal(signal);
    }
}

fn signal_daemon(cluster: &mut Cluster, node: usize, signal: Signal) {
    if let Some(daemon) = &mut cluster.nodes[node].daemon {
        if daemon.ended().is_none() {
            daemon.signal(signal);
        }
    }
}
