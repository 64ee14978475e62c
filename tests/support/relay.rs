//! A cable between clients and whoever answers at its end: from one moment on it leads elsewhere, falls silent, or alters what
//! goes through it. What clients sent stays on record as it was sent.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Where what is sent goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    ToServer,
    ToClient,
}

/// A listener on a free loopback port, each of whose connections leads to a server.
pub struct Relay {
    address: SocketAddr,
    listener: TcpListener,
    shared: Arc<Mutex<State>>,
    acceptor: Option<JoinHandle<()>>,
}

struct State {
    server: SocketAddr,
    altered: Option<Direction>,
    connections: Vec<Connection>,
    threads: Vec<JoinHandle<()>>,
}

/// One that was accepted since the cable leads where it does.
struct Connection {
    client: TcpStream,
    server: TcpStream,
    /// Nothing goes through it any more, not even its end.
    silent: bool,
    /// What the client sent.
    sent: Vec<u8>,
}

impl Relay {
    /// One that leads there.
    pub fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let (address, accepting) = (listener.local_addr().unwrap(), listener.try_clone().unwrap());
        let state = State { server, altered: None, connections: Vec::new(), threads: Vec::new() };
        let shared = Arc::new(Mutex::new(state));
        let state = Arc::clone(&shared);
        let acceptor = std::thread::spawn(move || {
            while let Ok((client, _)) = accepting.accept() {
                accept(client, &state);
            }
        });
        Self { address, listener, shared, acceptor: Some(acceptor) }
    }

    /// Where clients find it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `https://` and its address.
    pub fn https(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Cuts every connection; those to come lead there. The record begins anew.
    pub fn lead(&self, server: SocketAddr) {
        let mut state = lock(&self.shared);
        state.server = server;
        for Connection { client, server, .. } in state.connections.drain(..) {
            cut(&client, &server);
        }
    }

    /// From now on nothing goes through the connections that are open; for either side the other has vanished without a word.
    /// Those to come are good.
    pub fn silence(&self) {
        lock(&self.shared).connections.iter_mut().for_each(|connection| connection.silent = true);
    }

    /// From now on each encrypted record in this direction has a bit turned.
    pub fn alter(&self, direction: Option<Direction>) {
        lock(&self.shared).altered = direction;
    }

    /// What clients sent, a connection each.
    pub fn sent(&self) -> Vec<Vec<u8>> {
        lock(&self.shared).connections.iter().map(|connection| connection.sent.clone()).collect()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        let _ = rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
        self.lead(self.address);
        let threads = std::mem::take(&mut lock(&self.shared).threads);
        for thread in threads {
            let _ = thread.join();
        }
    }
}

fn lock(shared: &Mutex<State>) -> MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn cut(client: &TcpStream, server: &TcpStream) {
    for socket in [client, server] {
        let _ = socket.shutdown(Shutdown::Both);
    }
}

/// Connects a client with the server, unless that is down.
fn accept(client: TcpStream, shared: &Arc<Mutex<State>>) {
    // Not before it is known where the cable leads, nor after it leads elsewhere.
    let mut state = lock(shared);
    let Ok(server) = TcpStream::connect(state.server) else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    for direction in [Direction::ToServer, Direction::ToClient] {
        let (client, server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let (from, to) = match direction {
            Direction::ToServer => (client, server),
            Direction::ToClient => (server, client),
        };
        let shared = Arc::clone(shared);
        state.threads.push(std::thread::spawn(move || pass(from, to, direction, &shared)));
    }
    state.connections.push(Connection { client, server, silent: false, sent: Vec::new() });
}

/// Passes on what comes until it ends.
fn pass(mut from: TcpStream, mut to: TcpStream, direction: Direction, shared: &Mutex<State>) {
    let (mut records, mut buffer) = (Records::default(), [0; 16 * 1024]);
    let client = match direction {
        Direction::ToServer => from.peer_addr(),
        Direction::ToClient => to.peer_addr(),
    };
    loop {
        let length = from.read(&mut buffer).unwrap_or(0);
        let bytes = &mut buffer[..length];
        {
            let mut state = lock(shared);
            let altered = state.altered == Some(direction);
            let ours = |connection: &&mut Connection| {
                connection.client.peer_addr().ok() == client.as_ref().ok().copied()
            };
            let Some(connection) = state.connections.iter_mut().find(ours) else { break };
            if direction == Direction::ToServer {
                connection.sent.extend_from_slice(bytes);
            }
            if connection.silent && length > 0 {
                continue;
            }
            if connection.silent {
                return;
            }
            records.follow(bytes, altered);
        }
        if length == 0 || to.write_all(bytes).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// The type of records with encrypted content (RFC 8446, section 5.1).
const ENCRYPTED: u8 = 23;

/// Where in a stream of TLS records we are.
#[derive(Default)]
struct Records {
    head: Vec<u8>,
    /// Bytes of the record that are still to come, and whether none has come yet.
    left: usize,
    begins: bool,
}

impl Records {
    /// Goes on by these bytes; alters the records that begin in them if so wanted.
    fn follow(&mut self, bytes: &mut [u8], alter: bool) {
        for byte in bytes {
            if self.left == 0 {
                self.head.push(*byte);
                if let [.., high, low] = self.head[..] {
                    if self.head.len() == 5 {
                        (self.left, self.begins) = (usize::from(u16::from_be_bytes([high, low])), true);
                    }
                }
                continue;
            }
            if self.begins && alter && self.head[0] == ENCRYPTED {
                *byte ^= 1;
            }
            self.begins = false;
            self.left -= 1;
            if self.left == 0 {
                self.head.clear();
            }
        }
    }
}

/// Whether there is nothing in it but the greeting of a client, and an alert by which it ends the handshake: the largest that
/// is encrypted has 19 bytes (two, their type, and a tag of 16), in which no share has room.
pub fn is_greeting_alone(sent: &[u8]) -> bool {
    const HANDSHAKE: u8 = 22;
    const CHANGE_CIPHER_SPEC: u8 = 20;
    const ALERT: u8 = 21;
    let (mut rest, mut greeted) = (sent, false);
    while let [kind, _, _, high, low, more @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some((body, after)) = more.split_at_checked(length) else { return false };
        let fits = match (*kind, greeted) {
            (HANDSHAKE, false) => body.first() == Some(&1),
            (CHANGE_CIPHER_SPEC, true) => length == 1,
            (ALERT | ENCRYPTED, true) => length <= 19,
            _ => false,
        };
        if !fits {
            return false;
        }
        (rest, greeted) = (after, true);
    }
    rest.is_empty() && greeted
}
