//! How long a restarted server stays sealed: with the daemon watching, and with a bare loop that does nothing but
//! connect every millisecond and send the shares. Each pair of restarts gives a ratio of its own, so that what slows the
//! machine for a while slows both; the pairs take turns in which comes first.

use std::thread::{scope, sleep};
use std::time::Duration;

use super::conversation::Peer;
use super::ground::{Ground, stop};
use super::table::{Table, Unit, median};

/// Pairs of restarts: of each two, one is a power cut and one a `systemctl restart`.
const PAIRS: usize = 40;
/// The bare loop's pause, and the observer's.
const TICK: Duration = Duration::from_millis(1);

pub(crate) fn measure(table: &mut Table) {
    let mut ground = Ground::new();
    ground.server.unseal(&ground.init);
    let (mut daemons, mut loops) = (Vec::new(), Vec::new());
    for pair in 0..PAIRS {
        let abrupt = pair % 2 == 0;
        if pair % 4 < 2 {
            daemons.push(with_the_daemon(&mut ground, abrupt));
            loops.push(with_a_bare_loop(&mut ground, abrupt));
        } else {
            loops.push(with_a_bare_loop(&mut ground, abrupt));
            daemons.push(with_the_daemon(&mut ground, abrupt));
        }
    }
    eprintln!("daemon {daemons:.1?}\nbare loop {loops:.1?}");
    let mut ratios: Vec<f64> = daemons.iter().zip(&loops).map(|(daemon, bare)| daemon / bare).collect();
    ratios.sort_by(f64::total_cmp);
    eprintln!("half of the ratios lie between {:.2} and {:.2}", ratios[PAIRS / 4], ratios[PAIRS * 3 / 4]);
    table.shown("first accepted connection to unsealed: daemon", median(daemons), Unit::Milliseconds);
    table.shown("first accepted connection to unsealed: bare loop", median(loops), Unit::Milliseconds);
    table.limited(
        "first accepted connection to unsealed: ratio of a pair",
        median(ratios),
        Unit::Ratio,
        1.25,
    );
}

fn with_the_daemon(ground: &mut Ground, abrupt: bool) -> f64 {
    let url = ground.server.url();
    let mut daemon = ground.daemon(&[url], "");
    daemon.wait_for_line("unsealed");
    well_for_a_while();
    let time = sealed_for(ground, abrupt, |_| {});
    stop(daemon);
    time
}

fn with_a_bare_loop(ground: &mut Ground, abrupt: bool) -> f64 {
    let shares: Vec<String> = ground.init.enough().to_vec();
    well_for_a_while();
    sealed_for(ground, abrupt, |peer| bare_loop(peer, &shares))
}

/// As in life: a server goes down at any point between two polls. For either side alike, since how long a server ran
/// decides what it has to read when it starts again.
fn well_for_a_while() {
    sleep(Duration::from_millis(300 + fastrand::u64(0..1000)));
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
