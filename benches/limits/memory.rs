//! Memory at rest: the servers are unsealed by this daemon, and polled for a while.

use super::door::{self, Door};
use super::ground::{Ground, stop};
use super::process::Memory;
use super::table::{Table, Unit};

/// Polls of each node before the look.
const POLLS: usize = 60;
/// Nodes beside the first: so many that what the allocator keeps in reserve, 128 KiB, does not count.
const FURTHER: usize = 40;

pub(crate) fn measure(table: &mut Table) {
    let mut ground = Ground::new();
    let one = at_rest(&mut ground, 1);
    table.limited("memory at rest, one TLS node: resident", one.rss, Unit::Kibibytes, 6.0 * 1024.0);
    table.limited("memory at rest, one TLS node: anonymous", one.anonymous, Unit::Kibibytes, 1024.0);
    if let Some(pss) = one.pss {
        table.shown("memory at rest, one TLS node: proportional", pss, Unit::Kibibytes);
    }
    let all = at_rest(&mut ground, 1 + FURTHER);
    // Anonymous: how much of the program's file is resident differs by 300 KiB from run to run, whoever is watched.
    let further = (all.anonymous - one.anonymous) / FURTHER as f64;
    table.limited("memory of each further node: anonymous", further, Unit::Kibibytes, 64.0);
}

fn at_rest(ground: &mut Ground, nodes: usize) -> Memory {
    let doors: Vec<Door> = (0..nodes).map(|_| Door::to(ground.server.address())).collect();
    let urls: Vec<String> = doors.iter().map(Door::url).collect();
    ground.restart();
    let mut daemon = ground.daemon(&urls, "poll_interval = \"100ms\"");
    ground.wait_until_unsealed();
    daemon.wait_for_line("unsealed");
    door::wait_for(&doors, POLLS * nodes);
    let memory = Memory::of(daemon.pid());
    stop(daemon);
    memory
}
