//! When a port opens, as somebody sees it who does nothing but try: beside the daemon and the bare loop alike, so that the
//! zero of a measurement is nobody's doing.

use std::net::{SocketAddr, TcpStream};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::support::PATIENCE;

/// The pause between two tries.
const TICK: Duration = Duration::from_micros(200);

/// What was seen.
pub(crate) struct Opened {
    pub(crate) at: Instant,
    /// Tries that it took, the accepted one with them.
    pub(crate) tries: u64,
}

/// Tries until a connection is accepted.
pub(crate) fn wait_until_open(address: SocketAddr) -> Opened {
    let deadline = Instant::now() + PATIENCE;
    let mut tries = 0;
    loop {
        tries += 1;
        match TcpStream::connect(address) {
            Ok(_) => return Opened { at: Instant::now(), tries },
            Err(error) => assert!(Instant::now() < deadline, "{address} does not open: {error}"),
        }
        sleep(TICK);
    }
}
