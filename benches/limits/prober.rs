//! When something happens, as somebody sees it who does nothing but look. When a port opens: beside the daemon and the bare
//! loop alike, so that the zero of a measurement is nobody's doing.

use std::net::{SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::support::PATIENCE;

/// The pause between two looks.
const TICK: Duration = Duration::from_micros(200);
/// What is only known within more than this is not known.
const SHARP: Duration = Duration::from_millis(1);

/// When something happened: between the last look without it and the first with it.
pub(crate) struct Seen {
    after: Instant,
    before: Instant,
    /// Looks that it took, the successful one with them.
    pub(crate) looks: u64,
}

impl Seen {
    /// The middle of the time in which it happened.
    pub(crate) fn at(&self) -> Instant {
        self.after + (self.before - self.after) / 2
    }

    /// Nobody took the processor away from whoever looked.
    pub(crate) fn is_sharp(&self) -> bool {
        self.before - self.after < SHARP
    }
}

/// Tries until a connection is accepted.
pub(crate) fn wait_until_open(address: SocketAddr) -> Seen {
    look_until("a connection is accepted", || TcpStream::connect(address).is_ok())
}

/// Looks until it has happened, before everything else that runs if it may: called in a thread of its own.
pub(crate) fn look_until(what: &str, look: impl Fn() -> bool) -> Seen {
    // Only root may.
    let _ = rustix::process::nice(-15);
    let began = Instant::now();
    let (mut after, mut looks) = (began, 0);
    loop {
        let now = Instant::now();
        looks += 1;
        if look() {
            return Seen { after, before: Instant::now(), looks };
        }
        after = now;
        assert!(began.elapsed() < PATIENCE, "waited in vain: {what}");
        sleep(TICK);
    }
}
