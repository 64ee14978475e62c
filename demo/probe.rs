//! Measures from outside how long a server stays sealed.

use std::net::{SocketAddr, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::http::Client;
use crate::support::server::Server;

/// Between two looks. What is measured is tens of milliseconds and more.
const PAUSE: Duration = Duration::from_millis(1);

/// Long enough for a server that comes back on a small, busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// The two moments that count.
pub(crate) struct Times {
    /// When clients could have been served, had the server not been sealed.
    pub(crate) from: Instant,
    /// When its health said `sealed: false`.
    pub(crate) unsealed: Instant,
}

/// A look at the server every millisecond, in a thread of its own.
pub(crate) struct Probe(JoinHandle<Option<Times>>);

impl Probe {
    /// Of a server that is down: from its first accepted connection on.
    pub(crate) fn of_dead(server: &Server) -> Self {
        let (client, address) = (server.client().clone(), server.address());
        Self(thread::spawn(move || {
            let from = first_connection(address)?;
            Some(Times { from, unsealed: unsealed(&client)? })
        }))
    }

    /// Of a server that runs and is sealed: from now on.
    pub(crate) fn of_sealed(server: &Server) -> Self {
        let (client, from) = (server.client().clone(), Instant::now());
        Self(thread::spawn(move || Some(Times { from, unsealed: unsealed(&client)? })))
    }

    /// Waits until it is unsealed.
    pub(crate) fn unsealed(self) -> Times {
        let times = self.0.join().unwrap();
        times.unwrap_or_else(|| panic!("the server was not unsealed within {} s", PATIENCE.as_secs()))
    }
}

fn first_connection(address: SocketAddr) -> Option<Instant> {
    poll(|| TcpStream::connect(address).ok().map(|_| Instant::now()))
}

fn unsealed(client: &Client) -> Option<Instant> {
    poll(|| {
        let answer = client.get("/v1/sys/health").ok()?;
        let health: Value = serde_json::from_slice(&answer.body).ok()?;
        (health["sealed"] == false).then(Instant::now)
    })
}

fn poll(mut look: impl FnMut() -> Option<Instant>) -> Option<Instant> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(seen) = look() {
            return Some(seen);
        }
        if Instant::now() >= deadline {
            return None;
        }
        thread::sleep(PAUSE);
    }
}
