//! Many nodes over TLS, on another machine, each with an address of its own: how long they stay sealed beside a bare loop,
//! and what watching them costs.
//!
//! The nodes are fakes in one thread of this process, fed with recorded answers: a thousand real servers would need a
//! hundred gigabytes. They know themselves when their ports open and when they are unsealed.

use std::net::{Ipv4Addr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::bare::Bare;
use super::contender::{Contender, Home, Running, contest};
use super::options::{Extent, Options};
use super::process::{Memory, connects, cpu_time, wake_ups};
use super::support::certs::Authority;
use super::support::fleet::{Fleet, SHARES};
use super::support::network::{Namespace, Network};
use super::support::{PATIENCE, poll};
use super::table::{COMPARED, Table, Unit};
use super::unseal::A_SECOND;

/// What another machine takes.
pub(crate) const WITHOUT_NETWORK: &str = "needs root, ip, tc, nft and unshare";
/// What the nodes' certificate is for.
pub(crate) const NAME: &str = "fleet.internal";
/// CPU of an unsealing, beside the bare loop's.
const CPU: f64 = 1.3;
/// The same with many nodes, beside that with ten.
const STEADY: f64 = 1.1;
/// Memory of each further node, in KiB.
const FURTHER: f64 = 64.0;

/// Until all are unsealed, beside the bare loop.
fn limit(nodes: usize) -> f64 {
    if nodes > 1000 { 1.5 } else { 1.25 }
}

pub(crate) fn measure(options: &Options, table: &mut Table) {
    let Some(network) = another_machine() else {
        table.absent("many nodes", WITHOUT_NETWORK);
        return;
    };
    let sizes: &[usize] = match options.extent {
        Extent::Quick => &[1, 100],
        Extent::Usual => &[1, 10, 100, 1000],
        Extent::Full => &[1, 10, 100, 1000, 3000],
    };
    // How long what watching costs is looked at.
    let span = Duration::from_secs(if options.extent == Extent::Quick { 3 } else { 10 });
    let contenders = Contender::all(Bare::Many, options);
    let (mut one, mut ten) = (None, None);
    for &nodes in sizes.iter().filter(|nodes| format!("{nodes} nodes").contains(&options.cell)) {
        eprintln!("  {nodes} nodes");
        let measured = catch_unwind(AssertUnwindSafe(|| {
            let mut many = Many::new(&network, nodes, contenders.len());
            for round in 0..options.n {
                for turn in 0..contenders.len() {
                    let at = (turn + round) % contenders.len();
                    many.outage(&contenders[at], at);
                }
            }
            many.tell(&contenders, table);
            let cpu = &many.results[0].cpu_returned;
            match &ten {
                None if nodes == 10 => ten = Some(cpu.clone()),
                Some(ten) if nodes >= 1000 => {
                    let measure = format!("{nodes} nodes: CPU of an unsealing, beside that with 10");
                    table.ratio(&measure, COMPARED, (cpu, ten), Some(STEADY));
                }
                _ => {}
            }
            let rss = many.rest(&contenders, span, table);
            let one = *one.get_or_insert(rss);
            if nodes >= 100 {
                let further = (rss - one) / (nodes - 1) as f64;
                table.limited(
                    &format!("{nodes} nodes: memory of each further"),
                    further,
                    Unit::Kibibytes,
                    FURTHER,
                );
            }
        }));
        if measured.is_err() {
            table.failed(&format!("{nodes} nodes"));
        }
    }
}

/// A machine for nodes, the first of this network, to which all addresses from 10.78.0.0 belong; the second is for whoever
/// watches them.
pub(crate) fn another_machine() -> Option<Network> {
    let network = Network::of(2)?;
    network.node(0).run(&["ip", "route", "add", "local", "10.78.0.0/16", "dev", "lo"]);
    network.node(1).run(&["ip", "route", "add", "10.78.0.0/16", "via", "10.77.0.1"]);
    Some(network)
}

/// So many addresses.
pub(crate) fn addresses(nodes: usize) -> Vec<SocketAddr> {
    let address = |node: usize| Ipv4Addr::new(10, 78, (node / 250) as u8, (node % 250 + 1) as u8);
    (0..nodes).map(|node| SocketAddr::new(address(node).into(), 8200)).collect()
}

/// So many nodes, and what was measured on them.
struct Many {
    nodes: usize,
    fleet: Fleet,
    /// Where the nodes are.
    place: Namespace,
    home: Home,
    results: Vec<Results>,
}

/// One contender's values: times in ms, CPU of an unsealing in µs.
#[derive(Default)]
struct Results {
    started: Vec<f64>,
    returned: Vec<f64>,
    cpu_started: Vec<f64>,
    cpu_returned: Vec<f64>,
    /// Connections begun, a node and second, while all were down.
    connects: Vec<f64>,
}

impl Many {
    fn new(network: &Network, nodes: usize, contenders: usize) -> Self {
        let authority = Authority::new("Benchmark CA");
        let fleet = Fleet::tls_at(addresses(nodes), &authority, NAME);
        let home = Home::new(
            &fleet.urls(),
            Some((&authority, Some(NAME))),
            &SHARES.map(str::to_owned),
            Some(network.node(1).clone()),
        );
        let results = (0..contenders).map(|_| Results::default()).collect();
        Self { nodes, fleet, place: network.node(0).clone(), home, results }
    }

    fn name(&self) -> String {
        if self.nodes == 1 { "1 node".to_owned() } else { format!("{} nodes", self.nodes) }
    }

    /// All nodes come up, sealed; returns just before the first does.
    fn come_up(&mut self) -> Instant {
        self.place.inside(|| self.fleet.start())
    }

    fn unsealed_since(&self, began: Instant) -> f64 {
        self.fleet.wait_until_unsealed(4 * PATIENCE).duration_since(began).as_secs_f64() * 1e3
    }

    /// A contender starts beside sealed nodes; then all go down, and come back after a while.
    fn outage(&mut self, contender: &Contender, at: usize) {
        self.come_up();
        let running = contender.start(&self.home);
        let started = self.unsealed_since(running.began);
        let cpu_started = cpu_time(running.pid());
        sleep(Duration::from_millis(500));
        let process = running.pid().to_string();
        let begun = connects(&process);
        self.fleet.stop();
        let down = Instant::now();
        sleep(Duration::from_millis(1500 + fastrand::u64(0..1000)));
        let begun = (connects(&process) - begun) as f64 / down.elapsed().as_secs_f64() / self.nodes as f64;
        let before = cpu_time(running.pid());
        let began = self.come_up();
        let returned = self.unsealed_since(began);
        let cpu_returned = cpu_time(running.pid()).saturating_sub(before);
        drop(running);
        let each = |cpu: Duration| cpu.as_secs_f64() * 1e6 / self.nodes as f64;
        let results = &mut self.results[at];
        results.connects.push(begun);
        results.started.push(started);
        results.returned.push(returned);
        results.cpu_started.push(each(cpu_started));
        results.cpu_returned.push(each(cpu_returned));
    }

    fn tell(&self, contenders: &[Contender], table: &mut Table) {
        let of = |values: fn(&Results) -> &Vec<f64>| self.results.iter().map(values).collect::<Vec<_>>();
        let name = |what: &str| format!("{}: {what}", self.name());
        let mut compare = |what: &str, values: Vec<&Vec<f64>>, unit, limit| {
            contest(table, &name(what), contenders, &values, unit, limit);
        };
        // A few nodes are unsealed while the process still starts: nobody is held to that.
        let limit = (self.nodes >= 100).then(|| limit(self.nodes));
        compare("all unsealed after a start", of(|it| &it.started), Unit::Milliseconds, limit);
        compare("all unsealed after their return", of(|it| &it.returned), Unit::Milliseconds, limit);
        let limit = (self.nodes >= 100).then_some(CPU);
        compare("CPU of an unsealing at a start", of(|it| &it.cpu_started), Unit::Microseconds, limit);
        compare("CPU of an unsealing at their return", of(|it| &it.cpu_returned), Unit::Microseconds, limit);
        let measure = name("connections begun to each in a second, while all are down");
        for (contender, results) in contenders.iter().zip(&self.results) {
            let limit = contender.held_to(A_SECOND);
            table.most(&measure, &contender.name, &results.connects, Unit::Count, limit);
        }
    }

    /// What watching costs the daemon and its peers, and what it costs while all are down. Returns the daemon's memory.
    fn rest(&mut self, contenders: &[Contender], span: Duration, table: &mut Table) -> f64 {
        let mut memory = None;
        for contender in contenders.iter().filter(|it| it.watches()) {
            self.come_up();
            let running = contender.start(&self.home);
            self.unsealed_since(running.began);
            // Past the closer looks that follow an unsealing.
            let before = self.fleet.polls();
            poll(4 * PATIENCE, || (self.fleet.polls() - before >= 10 * self.nodes).then_some(()))
                .expect("it goes on polling");
            let resident = Memory::of(running.pid()).rss;
            let (wakes, polls) = (wake_ups(running.pid()), self.fleet.polls());
            let percent = busy(&running, span);
            let polls = (self.fleet.polls() - polls) as f64;
            let each = percent * span.as_secs_f64() * 1e4 / polls;
            let wakes = (wake_ups(running.pid()) - wakes) / span.as_secs_f64();
            self.fleet.stop();
            let down = busy(&running, span);
            for (what, value, unit) in [
                ("memory at rest, resident", resident, Unit::Kibibytes),
                ("CPU of a poll", each, Unit::Microseconds),
                ("wake-ups a second", wakes, Unit::Count),
                ("CPU at first while all are down", down, Unit::Percent),
            ] {
                table.sample(&format!("{}: {what}", self.name()), &contender.name, &[value], unit, None);
            }
            memory.get_or_insert(resident);
        }
        memory.expect("the daemon comes first")
    }
}

/// How much of one core it takes for a while, in per cent.
pub(crate) fn busy(running: &Running, span: Duration) -> f64 {
    let (began, before) = (Instant::now(), cpu_time(running.pid()));
    sleep(span);
    let spent = cpu_time(running.pid()).saturating_sub(before);
    100.0 * spent.as_secs_f64() / began.elapsed().as_secs_f64()
}
