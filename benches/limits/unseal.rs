//! How long a real server stays sealed: from its first accepted connection to its own word "unsealed" in its log. Nobody
//! whose time is taken says when it begins or ends.
//!
//! All in turn, round by round: each cell (a kind of server), in it each contender, and for each contender its start while
//! the server runs, a restart of the server, and both started at once.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::bare::Bare;
use super::cell::{Cell, Results};
use super::contender::{Contender, contest};
use super::fleet::WITHOUT_NETWORK;
use super::options::{Extent, Options};
use super::support::network::{Namespace, Network};
use super::table::{COMPARED, Table, Unit};

/// Those on this machine: whether with TLS, shares and threshold, and whether a quick run has it, too.
const KINDS: [(&str, bool, (usize, usize), bool); 4] = [
    ("TLS 3-of-5", true, (5, 3), true),
    ("TLS 1-of-1", true, (1, 1), false),
    ("http 3-of-5", false, (5, 3), false),
    ("http 1-of-1", false, (1, 1), true),
];
const FAR: &str = "TLS 3-of-5, another machine";
/// Daemon beside bare loop, on this machine and on another.
const HERE: f64 = 1.10;
const ELSEWHERE: f64 = 1.25;
/// What may be lost after it: a hundredth of it, or 10 ms where that is more.
const LOST: f64 = 70.0;
/// Connections begun to a machine: in any second, and in an outage.
pub(crate) const A_SECOND: f64 = 125.0;
const AN_OUTAGE: f64 = 1000.0;
/// Of one core, while the server is down.
const BUSY: f64 = 3.0;

pub(crate) fn measure(options: &Options, table: &mut Table) {
    let contenders = Contender::all(Bare::One, options);
    let own = Namespace::alone();
    if own.is_none() {
        table.absent(
            "connections begun, and whoever starts while the server runs",
            "needs root, ip and unshare",
        );
    }
    let quick = options.extent == Extent::Quick;
    let wanted = |name: &str| name.contains(&options.cell);
    let mut cells: Vec<Cell> = KINDS
        .into_iter()
        .filter(|(name, .., always)| (*always || !quick) && wanted(name))
        .map(|(name, tls, shares, _)| Cell::here(name, tls, shares, own.as_ref()))
        .collect();
    if wanted(FAR) {
        match Network::of(2) {
            None => table.absent(FAR, WITHOUT_NETWORK),
            Some(network) => cells.push(Cell::elsewhere(FAR, network)),
        }
    }
    for cell in &mut cells {
        cell.results = contenders.iter().map(|_| Results::default()).collect();
    }
    let mut lost = Vec::new();
    for round in 0..options.n {
        eprintln!("  round {} of {}", round + 1, options.n);
        cells.retain_mut(|cell| {
            let going = catch_unwind(AssertUnwindSafe(|| cell.round(&contenders, round, quick))).is_ok();
            if !going {
                lost.push(format!("{}, in round {}", cell.name, round + 1));
            }
            going
        });
    }
    for cell in &cells {
        tell(cell, &contenders, table);
    }
    for cell in lost {
        table.failed(&cell);
    }
}

fn tell(cell: &Cell, contenders: &[Contender], table: &mut Table) {
    let (name, limit) = (cell.name, if cell.far.is_some() { ELSEWHERE } else { HERE });
    let of = |values: fn(&Results) -> &Vec<f64>| cell.results.iter().map(values).collect::<Vec<_>>();
    let mut compare = |what: &str, values: Vec<&Vec<f64>>, limit| {
        contest(table, &format!("{name}: {what}"), contenders, &values, Unit::Milliseconds, limit);
    };
    compare("server killed and started", of(|it| &it.killed), Some(limit));
    compare("both started at once", of(|it| &it.together), Some(limit));
    compare("started beside a sealed server, from its first connection", of(|it| &it.started), Some(limit));
    compare("started beside a sealed server, from its own start", of(|it| &it.executed), None);
    compare("after an outage of 7 s", of(|it| &it.returned), None);
    let [daemon, bare] = [&cell.results[0], &cell.results[1]];
    if !daemon.returned.is_empty() {
        let both = (daemon.returned.as_slice(), bare.returned.as_slice());
        let measure = format!("{name}: after an outage of 7 s, what is lost");
        table.difference(&measure, COMPARED, both, Unit::Milliseconds, LOST);
    }
    for (contender, results) in contenders.iter().zip(&cell.results) {
        let held = |limit| contender.held_to(limit);
        let (who, far) = (contender.name.as_str(), cell.far.is_some());
        if !far {
            table.sample(&format!("{name}: CPU of a restart"), who, &results.cpu, Unit::Milliseconds, None);
            if cell.counted {
                let measure = format!("{name}: connections begun in a restart");
                table.sample(&measure, who, &results.connects, Unit::Count, None);
            }
        } else if !results.returned.is_empty() {
            let measure = |what: &str| format!("{name}: {what} of an outage of 7 s");
            table.sample(&measure("CPU"), who, &results.cpu, Unit::Percent, held(BUSY));
            table.most(
                &measure("most connections begun"),
                who,
                &results.connects,
                Unit::Count,
                held(AN_OUTAGE),
            );
            let most = &results.connects_a_second;
            table.most(
                &measure("most connections begun in a second"),
                who,
                most,
                Unit::Count,
                held(A_SECOND),
            );
        }
    }
}
