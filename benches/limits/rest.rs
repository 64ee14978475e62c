//! What one healthy node costs at the default pace, beside a bare poller: all at the same time, each with a node of its own,
//! for 300 polls. And one that is down, on this machine, where its port is tried most often.

use std::thread::sleep;
use std::time::Duration;

use super::bare::Bare;
use super::contender::{Contender, Home, contest};
use super::fleet::{NAME, WITHOUT_NETWORK, addresses, another_machine};
use super::options::Options;
use super::process::{cpu_time, wake_ups};
use super::support::certs::Authority;
use super::support::fleet::{Fleet, SHARES};
use super::support::network::Network;
use super::support::{PATIENCE, poll};
use super::table::{Table, Unit};

const POLLS: usize = 300;
/// Of a poll.
const WAKE_UPS: f64 = 2.2;
const MICROSECONDS: f64 = 240.0;
const BESIDE: f64 = 1.15;
/// A node that is down: so much of a core, for so long.
const BUSY: f64 = 3.0;
const DOWN: Duration = Duration::from_secs(5);
/// The closer looks that follow an unsealing.
const SETTLED: usize = 10;

/// A node, and whoever watches it.
struct Pair {
    fleet: Fleet,
    home: Home,
}

impl Pair {
    /// The node on this machine.
    fn here() -> Self {
        let authority = Authority::new("Benchmark CA");
        let fleet = Fleet::tls(1, &authority);
        let home = Home::new(&fleet.urls(), Some((&authority, None)), &SHARES.map(str::to_owned), None);
        Self { fleet, home }
    }

    /// On another.
    fn elsewhere(network: &Network, node: usize) -> Self {
        let authority = Authority::new("Benchmark CA");
        let mut fleet = Fleet::tls_at(vec![addresses(node + 1)[node]], &authority, NAME);
        network.node(0).inside(|| fleet.start());
        let (tls, own) = (Some((&authority, Some(NAME))), Some(network.node(1).clone()));
        let home = Home::new(&fleet.urls(), tls, &SHARES.map(str::to_owned), own);
        Self { fleet, home }
    }
}

fn wait_for_polls(pairs: &[Pair], polls: usize) {
    let all = || pairs.iter().all(|pair| pair.fleet.polls() >= polls).then_some(());
    poll(PATIENCE + 2 * Duration::from_secs(polls as u64), all).expect("they go on polling");
}

pub(crate) fn measure(options: &Options, table: &mut Table) {
    let contenders = Contender::all(Bare::Poller, options);
    match another_machine() {
        Some(network) => polls(&contenders, &network, table),
        None => table.absent("one node, 300 polls", WITHOUT_NETWORK),
    }
    down(&contenders, options.n, table);
}

fn polls(contenders: &[Contender], network: &Network, table: &mut Table) {
    let pairs: Vec<Pair> = (0..contenders.len()).map(|node| Pair::elsewhere(network, node)).collect();
    let running: Vec<_> = contenders.iter().zip(&pairs).map(|(it, pair)| it.start(&pair.home)).collect();
    wait_for_polls(&pairs, SETTLED);
    let now = |at: usize| {
        let pid = running[at].pid();
        [pairs[at].fleet.polls() as f64, cpu_time(pid).as_secs_f64() * 1e6, wake_ups(pid)]
    };
    let before: Vec<_> = (0..pairs.len()).map(now).collect();
    wait_for_polls(&pairs, SETTLED + POLLS);
    let spent: Vec<[f64; 2]> = before
        .iter()
        .enumerate()
        .map(|(at, before)| {
            let [polls, cpu, wakes] = now(at);
            [(cpu - before[1]) / (polls - before[0]), (wakes - before[2]) / (polls - before[0])]
        })
        .collect();
    let [cpu, wakes] = [0, 1].map(|what| spent.iter().map(|it| vec![it[what]]).collect::<Vec<_>>());
    let one = "one node, 300 polls";
    contest(
        table,
        &format!("{one}: CPU of a poll"),
        contenders,
        &cpu.iter().collect::<Vec<_>>(),
        Unit::Microseconds,
        Some(BESIDE),
    );
    table.limited(&format!("{one}: CPU of a poll, at most"), cpu[0][0], Unit::Microseconds, MICROSECONDS);
    contest(
        table,
        &format!("{one}: wake-ups of a poll"),
        contenders,
        &wakes.iter().collect::<Vec<_>>(),
        Unit::Count,
        None,
    );
    table.limited(&format!("{one}: wake-ups of a poll, at most"), wakes[0][0], Unit::Count, WAKE_UPS);
}

fn down(contenders: &[Contender], n: usize, table: &mut Table) {
    let watching = |it: &&Contender| it.name != contenders[1].name;
    let mut spent: Vec<Vec<f64>> = contenders.iter().filter(watching).map(|_| Vec::new()).collect();
    let mut pair = Pair::here();
    for _ in 0..n {
        for (contender, spent) in contenders.iter().filter(watching).zip(&mut spent) {
            pair.fleet.start();
            let running = contender.start(&pair.home);
            pair.fleet.wait_until_unsealed(PATIENCE);
            sleep(Duration::from_millis(500));
            let before = cpu_time(running.pid());
            pair.fleet.stop();
            sleep(DOWN);
            let cpu = cpu_time(running.pid()).saturating_sub(before);
            spent.push(100.0 * cpu.as_secs_f64() / DOWN.as_secs_f64());
        }
    }
    for (contender, spent) in contenders.iter().filter(watching).zip(&spent) {
        let measure = "a node of this machine that is down, first 5 s: CPU";
        table.sample(measure, &contender.name, spent, Unit::Percent, contender.held_to(BUSY));
    }
}
