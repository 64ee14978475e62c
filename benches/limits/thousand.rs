//! A thousand nodes over TLS from one process: memory, CPU, and how long they stay sealed beside a bare loop.
//!
//! The nodes are fakes in one thread of this process, fed with recorded answers: a thousand real servers would need a
//! hundred gigabytes. What they cost weighs on the daemon and on the bare loop alike.

use std::thread::sleep;
use std::time::{Duration, Instant};

use super::bare::Bare;
use super::ground::{stop, write};
use super::process::{Memory, cpu_time};
use super::support::PATIENCE;
use super::support::certs::Authority;
use super::support::fleet::{Fleet, SHARES};
use super::support::home::lines;
use super::support::poll;
use super::support::process::{Daemon, vault_unseal};
use super::table::{Table, Unit, median};

const NODES: usize = 1000;
/// Outages of each, the daemon's and the bare loop's in turn.
const OUTAGES: usize = 7;
/// How long the CPU is looked at.
const WHILE: Duration = Duration::from_secs(10);
/// Polls of each node before the look at memory.
const POLLS: usize = 10;
/// Past the half minute in which a closed port is knocked at, and the minute in which it is asked most often.
const LONG_DOWN: Duration = Duration::from_secs(65);

pub(crate) fn measure(table: &mut Table) {
    let mut ground = Thousand::new();
    race(&mut ground, table);
    rest(&mut ground, table);
}

/// The fleet, and the daemon's home.
struct Thousand {
    fleet: Fleet,
    authority: Authority,
    files: tempfile::TempDir,
}

impl Thousand {
    fn new() -> Self {
        let authority = Authority::new("Benchmark CA");
        let fleet = Fleet::tls(NODES, &authority);
        let files = crate::support::directory::named("limits-");
        write(files.path().join("shares"), &lines(&SHARES));
        write(files.path().join("ca.crt"), &authority.pem());
        Self { fleet, authority, files }
    }

    /// The daemon, watching the first so many nodes with all intervals as they are by default.
    fn daemon(&self, nodes: usize) -> Daemon {
        let (config, files) = (self.files.path().join("config.toml"), self.files.path().display());
        let text = format!(
            "[[cluster]]\nnodes = {:?}\nshares = {{ file = \"{files}/shares\" }}\ntls = {{ ca_file = \"{files}/ca.crt\" }}\n",
            &self.fleet.urls()[..nodes]
        );
        write(config.clone(), &text);
        Daemon::start(&mut vault_unseal(&["run", "--config", config.to_str().unwrap()]))
    }

    fn bare(&self) -> Bare {
        Bare::start(self.fleet.addresses(), &self.authority, &SHARES)
    }

    fn unsealed_since(&self, began: Instant) -> f64 {
        self.fleet.wait_until_unsealed(4 * PATIENCE).duration_since(began).as_secs_f64() * 1e3
    }

    /// Waits for so many more polls.
    fn polled(&self, polls: usize) {
        let before = self.fleet.polls();
        poll(4 * PATIENCE, || (self.fleet.polls() - before >= polls).then_some(()))
            .expect("it goes on polling");
    }
}

fn race(ground: &mut Thousand, table: &mut Table) {
    let (mut daemons, mut loops) = ([Vec::new(), Vec::new()], [Vec::new(), Vec::new()]);
    for _ in 0..OUTAGES {
        ground.fleet.start();
        let began = Instant::now();
        let daemon = ground.daemon(NODES);
        daemons[0].push(ground.unsealed_since(began));
        daemons[1].push(returned(ground));
        stop(daemon);

        ground.fleet.start();
        let began = Instant::now();
        let bare = ground.bare();
        loops[0].push(ground.unsealed_since(began));
        loops[1].push(returned(ground));
        drop(bare);
    }
    eprintln!("daemon {daemons:.0?}\nbare loop {loops:.0?}");
    for (what, daemon, bare) in [
        ("1,000 sealed nodes, from the start of", &daemons[0], &loops[0]),
        ("1,000 nodes that come up sealed, to the last:", &daemons[1], &loops[1]),
    ] {
        let (daemon, bare) = (median(daemon.clone()), median(bare.clone()));
        table.shown(&format!("{what} daemon"), daemon, Unit::Milliseconds);
        table.shown(&format!("{what} bare loop"), bare, Unit::Milliseconds);
        table.limited(&format!("{what} ratio"), daemon / bare, Unit::Ratio, 2.0);
    }
}

/// All go down while somebody watches, and come back after a while: until the last one is unsealed, in milliseconds.
fn returned(ground: &mut Thousand) -> f64 {
    sleep(Duration::from_millis(500));
    ground.fleet.stop();
    sleep(Duration::from_millis(1500 + fastrand::u64(0..1000)));
    let began = ground.fleet.start();
    ground.unsealed_since(began)
}

fn rest(ground: &mut Thousand, table: &mut Table) {
    let mut at_rest = |nodes: usize| {
        ground.fleet.start();
        let daemon = ground.daemon(nodes);
        poll(4 * PATIENCE, || (ground.fleet.unsealed() == nodes).then_some(())).expect("all are unsealed");
        ground.polled(POLLS * nodes);
        (Memory::of(daemon.pid()), daemon)
    };
    let (one, daemon) = at_rest(1);
    stop(daemon);
    let (all, daemon) = at_rest(NODES);
    table.shown("1,000 nodes at rest: resident", all.rss, Unit::Kibibytes);
    table.shown("1,000 nodes at rest: anonymous", all.anonymous, Unit::Kibibytes);
    let further = |all: f64, one: f64| (all - one) / (NODES - 1) as f64;
    table.limited("each further node of 1,000: resident", further(all.rss, one.rss), Unit::Kibibytes, 64.0);
    table.limited(
        "each further node of 1,000: anonymous",
        further(all.anonymous, one.anonymous),
        Unit::Kibibytes,
        64.0,
    );

    let before = ground.fleet.polls();
    let percent = busy(&daemon);
    let polls = (ground.fleet.polls() - before) as f64;
    table.shown("1,000 nodes at rest, a poll a second: CPU", percent, Unit::Percent);
    // Per cent of a second are tens of milliseconds.
    let each = percent * 10.0 * WHILE.as_secs_f64() / polls;
    table.shown("1,000 nodes at rest: CPU of a poll", each, Unit::Milliseconds);

    ground.fleet.stop();
    table.shown("1,000 nodes down, first 10 s: CPU", busy(&daemon), Unit::Percent);
    sleep(LONG_DOWN.saturating_sub(WHILE));
    table.shown("1,000 nodes down for a minute: CPU", busy(&daemon), Unit::Percent);
    stop(daemon);
}

/// How much of one core it takes for a while, in per cent.
fn busy(daemon: &Daemon) -> f64 {
    let (began, before) = (Instant::now(), cpu_time(daemon.pid()));
    sleep(WHILE);
    let spent = cpu_time(daemon.pid()).saturating_sub(before);
    100.0 * spent.as_secs_f64() / began.elapsed().as_secs_f64()
}
