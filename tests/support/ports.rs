//! Ports for servers that have to be told theirs.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Mutex, PoisonError};

use super::{PATIENCE, poll};

/// Below the range Linux takes the ports of outgoing connections from (32768 and up): a server that is down must
/// find its port free when it comes back, and a client that asks a dead port again and again must never be given
/// that very port as its own, which would connect it to itself.
const RANGE: std::ops::Range<u16> = 20_000..32_000;

/// Never given out twice in one process: a stopped server of another test still owns its port.
static GIVEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// A free port, held by a listener of ours until [`Port::release`].
pub struct Port {
    address: SocketAddr,
    holder: Option<TcpListener>,
}

impl Drop for Port {
    /// Whoever was given its address listens there next, as a fleet does.
    fn drop(&mut self) {
        self.let_go();
    }
}

impl Port {
    /// Finds a port that is free on `ip` and holds it.
    pub fn reserve(ip: IpAddr) -> Self {
        for _ in 0..1000 {
            let port = fastrand::u16(RANGE);
            if !GIVEN.lock().unwrap_or_else(PoisonError::into_inner).insert(port) {
                continue;
            }
            let address = SocketAddr::new(ip, port);
            if let Ok(holder) = TcpListener::bind(address) {
                return Self { address, holder: Some(holder) };
            }
        }
        panic!("no free port on {ip} in {RANGE:?}");
    }

    /// Finds two neighbouring ports that are free on `ip`, and holds them.
    pub fn reserve_pair(ip: IpAddr) -> (Self, Self) {
        loop {
            let first = Self::reserve(ip);
            let address = SocketAddr::new(ip, first.address.port() + 1);
            if !GIVEN.lock().unwrap_or_else(PoisonError::into_inner).insert(address.port()) {
                continue;
            }
            if let Ok(holder) = TcpListener::bind(address) {
                return (first, Self { address, holder: Some(holder) });
            }
        }
    }

    /// A port that nobody contends for: in a namespace of its own.
    pub fn fixed(ip: IpAddr, port: u16) -> Self {
        Self { address: SocketAddr::new(ip, port), holder: None }
    }

    /// Lets go of it, for a server that starts now. Whoever is quicker has it: the server may have to try again.
    ///
    /// A process that another test starts this moment has a copy of the listener until its own program begins
    /// (execve(2), `FD_CLOEXEC`): nobody has the port once nobody is connected there.
    pub fn release(&mut self) {
        assert!(self.let_go(), "{} is free", self.address);
    }

    /// Whether nobody has it in the end.
    fn let_go(&mut self) -> bool {
        let Some(holder) = self.holder.take() else { return true };
        drop(holder);
        poll(PATIENCE, || TcpStream::connect(self.address).is_err().then_some(())).is_some()
    }

    /// Hands over the listener that holds it, for a server in this process: it is never free in between.
    pub fn take(&mut self) -> TcpListener {
        self.holder.take().expect("it is held")
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
