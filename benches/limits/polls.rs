//! What a poll over a kept-alive TLS connection costs.

use super::door::{self, Door};
use super::ground::{Ground, stop};
use super::process::cpu_time;
use super::table::{Table, Unit};

/// The shortest poll interval is 100 ms: twenty nodes make two hundred polls a second.
const NODES: usize = 20;
const POLLS: usize = 1000;
/// The least of so many counts: what else runs on the machine takes its caches from the daemon, and only adds.
const TIMES: usize = 3;

pub(crate) fn measure(table: &mut Table) {
    let ground = Ground::new();
    let doors: Vec<Door> = (0..NODES).map(|_| Door::to(ground.server.address())).collect();
    let urls: Vec<String> = doors.iter().map(Door::url).collect();
    let daemon = ground.daemon(&urls, "poll_interval = \"100ms\"");
    ground.wait_until_unsealed();
    // Past the closer looks that follow an unsealing.
    door::wait_for(&doors, 10 * NODES);

    let per_thousand = (0..TIMES).map(|_| {
        let before = cpu_time(daemon.pid());
        let polls = door::wait_for(&doors, POLLS);
        let spent = cpu_time(daemon.pid()).saturating_sub(before);
        spent.as_secs_f64() * 1e3 * POLLS as f64 / polls as f64
    });
    let least = per_thousand.fold(f64::INFINITY, f64::min);
    stop(daemon);
    table.limited("CPU of 1,000 polls over TLS, least of 3", least, Unit::Milliseconds, 150.0);
}
