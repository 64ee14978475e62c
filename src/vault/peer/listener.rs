//! Whether anybody listens at a port of this machine. The kernel says so for a tenth of what a connection costs that is
//! refused, and a port may be asked for every millisecond.

use super::netlink::Netlink;
use rustix::net::netlink::SOCK_DIAG;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// One for all nodes that are waited for, while there is any.
static SHARED: Mutex<Weak<Listeners>> = Mutex::new(Weak::new());

/// The listeners of this network namespace.
#[derive(Debug)]
pub(in crate::vault) struct Listeners(Netlink);

impl Listeners {
    /// The ones that everybody asks. Errors: the kernel may not be asked, or cannot say.
    pub(in crate::vault) fn shared() -> io::Result<Arc<Self>> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(listeners) = shared.upgrade() {
            return Ok(listeners);
        }
        let listeners = Arc::new(Self(Netlink::open(Some(SOCK_DIAG))?));
        // A kernel without the module says that nobody listens, and runs modprobe at each question.
        let own = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        if !listeners.include(own.local_addr()?)? {
            return Err(io::ErrorKind::Unsupported.into());
        }
        *shared = Arc::downgrade(&listeners);
        Ok(listeners)
    }

    /// Whether a connection to `address` would find one here. That it would not is no proof: what the port leads to may be in
    /// another network namespace, as a container is.
    pub(in crate::vault) fn include(&self, address: SocketAddr) -> io::Result<bool> {
        self.0.finds_listener(address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_are_found_while_they_listen_however_they_are_bound() {
        let listeners = Listeners::shared().unwrap();
        for (bound, asked) in [
            ("127.0.0.1:0", "127.0.0.1"),
            ("0.0.0.0:0", "127.0.0.1"),
            ("0.0.0.0:0", "127.0.0.9"),
            // As Go listens, for both families.
            ("[::]:0", "127.0.0.1"),
            ("[::]:0", "::1"),
            ("[::1]:0", "::1"),
        ] {
            let Ok(listener) = TcpListener::bind(bound) else {
                eprintln!("{bound} is skipped: this machine has no such address");
                continue;
            };
            let address = SocketAddr::new(asked.parse().unwrap(), listener.local_addr().unwrap().port());
            assert!(listeners.include(address).unwrap(), "{bound}");
            drop(listener);
            assert!(!listeners.include(address).unwrap(), "{bound}");
        }
    }

    #[test]
    fn there_is_one_socket_for_all_who_ask_and_none_when_nobody_does() {
        let first = Listeners::shared().unwrap();
        assert!(Arc::ptr_eq(&first, &Listeners::shared().unwrap()));
    }
}
