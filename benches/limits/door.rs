//! Further addresses of one server: doors that pass everything through, and count what comes in.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::support::{PATIENCE, poll};

/// Bytes that a request of ours has at least, TLS record and all; a handshake's last flight and its goodbye have
/// fewer. Its first flight has more and counts as a request too: one in each connection's life.
const REQUEST: usize = 128;

/// A port that stands for the server behind it. Its threads end with the benchmark.
pub(crate) struct Door {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
}

impl Door {
    /// Opens one to `server`.
    pub(crate) fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&requests);
        thread::spawn(move || {
            for outside in listener.incoming().map_while(Result::ok) {
                // A server that is down closes the door to this visitor, as its own port would.
                let Ok(inside) = TcpStream::connect(server) else { continue };
                let (Ok(back_from), Ok(back_to)) = (inside.try_clone(), outside.try_clone()) else {
                    continue;
                };
                let counted = Arc::clone(&counted);
                thread::spawn(move || pass(outside, inside, Some(&counted)));
                thread::spawn(move || pass(back_from, back_to, None));
            }
        });
        Self { address, requests }
    }

    /// `https://127.0.0.1:40001`.
    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }
}

/// Requests that came through all of these doors.
pub(crate) fn requests(doors: &[Door]) -> usize {
    doors.iter().map(|door| door.requests.load(Ordering::Relaxed)).sum()
}

/// Waits until so many more requests came through, and returns how many it were.
pub(crate) fn wait_for(doors: &[Door], count: usize) -> usize {
    let before = requests(doors);
    let more = || Some(requests(doors) - before).filter(|&more| more >= count);
    poll(PATIENCE + Duration::from_secs(60), more).expect("the daemon goes on polling")
}

fn pass(mut from: TcpStream, mut to: TcpStream, count: Option<&AtomicUsize>) {
    let mut chunk = [0; 16 * 1024];
    loop {
        let size = match from.read(&mut chunk) {
            Ok(size @ 1..) => size,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Ok(_) | Err(_) => break,
        };
        if let Some(count) = count.filter(|_| size >= REQUEST) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        if to.write_all(chunk.get(..size).unwrap_or_default()).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}
