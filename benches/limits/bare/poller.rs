//! A bare poller: one connection, one request a second.

use std::thread::sleep;
use std::time::Duration;

use super::Task;
use super::connection::{Peer, TICK};

const EVERY: Duration = Duration::from_secs(1);

pub(super) fn run(task: &Task) {
    let peer = Peer::of(task);
    loop {
        let socket = peer.accepted();
        if let Ok(mut connection) = peer.over(socket) {
            while connection.ask("GET /v1/sys/health", "").is_ok() {
                sleep(EVERY);
            }
        }
        sleep(TICK);
    }
}
