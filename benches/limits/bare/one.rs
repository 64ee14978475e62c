//! A bare loop for one node: it does nothing but connect every millisecond and send the shares.

use std::io;

use super::Task;
use super::connection::{Connection, Peer};

pub(super) fn run(task: &Task) {
    let peer = Peer::of(task);
    let shares: Vec<String> = task.shares.iter().map(|share| format!("{{\"key\":\"{share}\"}}")).collect();
    loop {
        let socket = peer.accepted();
        let Ok(mut connection) = peer.over(socket) else { continue };
        if unseal(&mut connection, &shares).is_ok_and(|unsealed| unsealed) {
            connection.end();
        }
    }
}

fn unseal(connection: &mut Connection, shares: &[String]) -> io::Result<bool> {
    for share in shares {
        if connection.ask("PUT /v1/sys/unseal", share)?["sealed"] == false {
            return Ok(true);
        }
    }
    Ok(false)
}
