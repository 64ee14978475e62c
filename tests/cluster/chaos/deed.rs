//! The single things that faults consist of, each at its time.

use std::fs;

use crate::cluster::Cluster;
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
            Self::Clock(node, seconds) => set_clock(cluster, node, seconds),
            Self::Wake(node, seconds) => {
                let now = fs::read_to_string(clock_file(cluster, node)).unwrap();
                set_clock(cluster, node, now.trim().parse::<i64>().unwrap() + seconds);
            }
        }
    }
}

/// The machine that is put to sleep and wakes, with all clocks gone on: `CLOCK_MONOTONIC` stands still while a kernel
/// sleeps, but jumps forward in some virtual machines that are resumed. The wall clocks of the others are set.
pub(crate) const SLEEPER: usize = 0;

fn set_clock(cluster: &Cluster, node: usize, seconds: i64) {
    let file = clock_file(cluster, node);
    // At one stroke: it is read at any time.
    let new = file.with_extension("new");
    fs::write(&new, format!("{seconds:+}\n")).unwrap();
    fs::rename(new, file).unwrap();
}

fn clock_file(cluster: &Cluster, node: usize) -> std::path::PathBuf {
    cluster.nodes[node].home().path("clock")
}

/// Gives every daemon a clock of its own, where libfaketime is installed; they must be started after this.
pub(crate) fn give_clocks(cluster: &mut Cluster) -> bool {
    let library = ["x86_64-linux-gnu", "aarch64-linux-gnu", "arm-linux-gnueabihf"]
        .map(|triple| format!("/usr/lib/{triple}/faketime/libfaketime.so.1"))
        .into_iter()
        .find(|path| fs::exists(path).is_ok_and(|exists| exists));
    let Some(library) = library else {
        crate::support::untested("clocks that jump need libfaketime (package faketime)");
        return false;
    };
    for node in 0..cluster.nodes.len() {
        set_clock(cluster, node, 0);
        let file = clock_file(cluster, node).display().to_string();
        cluster.nodes[node].environment = [
            ("LD_PRELOAD", library.as_str()),
            ("FAKETIME_TIMESTAMP_FILE", &file),
            // Looks into the file each time.
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", if node == SLEEPER { "0" } else { "1" }),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec();
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
