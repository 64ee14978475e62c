//! How long a restarted server stays sealed: with the daemon watching, and with a bare loop that does nothing but
//! connect every millisecond and send the shares.

use std::thread::{scope, sleep};
use std::time::Duration;

use super::conversation::Peer;
use super::ground::{Ground, stop};
use super::table::{Table, Unit, median};

/// Restarts each; the even ones are a power cut, the odd ones a `systemctl restart`.
const RESTARTS: usize = 25;
/// The bare loop's pause, and the observer's.
const TICK: Duration = Duration::from_millis(1);

pub(crate) fn measure(table: &mut Table) {
    let mut ground = Ground::new();
    ground.server.unseal(&ground.init);
    let (mut daemons, mut loops) = (Vec::new(), Vec::new());
    for restart in 0..RESTARTS {
        let abrupt = restart % 2 == 0;
        let url = ground.server.url();
        let mut daemon = ground.daemon(&[url], "");
        daemon.wait_for_line("unsealed");
        // As in life: the server has been well for a while, and goes down at any point between two polls.
        sleep(Duration::from_millis(300 + fastrand::u64(0..1000)));
        daemons.push(sealed_for(&mut ground, abrupt, |_| {}));
        stop(daemon);
        let shares: Vec<String> = ground.init.enough().to_vec();
        loops.push(sealed_for(&mut ground, abrupt, |peer| bare_loop(peer, &shares)));
    }
    eprintln!("daemon {daemons:.1?}\nbare loop {loops:.1?}");
    let (daemon, bare) = (median(daemons), median(loops));
    table.shown("first accepted connection to unsealed: daemon", daemon, Unit::Milliseconds);
    table.shown("first accepted connection to unsealed: bare loop", bare, Unit::Milliseconds);
    table.limited("first accepted connection to unsealed: ratio", daemon / bare, Unit::Ratio, 1.25);
}

/// Restarts the server and measures from its first accepted connection until its health says unsealed, in
/// milliseconds. `unsealer` runs meanwhile.
fn sealed_for(ground: &mut Ground, abrupt: bool, unsealer: impl FnOnce(&Peer) + Send) -> f64 {
    let peer = Peer::new(ground.server.address(), &ground.authority);
    if abrupt {
        ground.server.kill();
    } else {
        ground.server.stop();
    }
    let time = scope(|scope| {
        let observer = scope.spawn(|| observe(&peer));
        scope.spawn(|| unsealer(&peer));
        ground.server.start();
        observer.join().expect("the observer saw it")
    });
    ground.wait_until_unsealed();
    time.as_secs_f64() * 1e3
}

fn observe(peer: &Peer) -> Duration {
    let (mut socket, first) = peer.accepted(TICK);
    loop {
        if let Ok(mut conversation) = peer.over(socket) {
            while let Ok(health) = conversation.ask("GET /v1/sys/health", "") {
                if health["sealed"] == false {
                    return first.elapsed();
                }
                sleep(TICK);
            }
        }
        socket = peer.accepted(TICK).0;
    }
}

fn bare_loop(peer: &Peer, shares: &[String]) {
    loop {
        let (socket, _) = peer.accepted(TICK);
        let Ok(mut conversation) = peer.over(socket) else { continue };
        for share in shares {
            match conversation.ask("PUT /v1/sys/unseal", &format!("{{\"key\":\"{share}\"}}")) {
                Ok(answer) if answer["sealed"] == false => return,
                Ok(_) => {}
                Err(_) => break,
            }
        }
    }
}
