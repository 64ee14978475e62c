//! A small DNS server over UDP and TCP (RFC 1035), whose zone changes while it runs. It says only what a test put in.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::PATIENCE;
use super::network::Namespace;

const A: u16 = 1;
const AAAA: u16 = 28;
const SRV: u16 = 33;
const INTERNET: u16 = 1;

/// Where it listens: glibc asks port 53 only.
pub const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 53));

/// The data of a record, and its type.
type Record = (u16, Vec<u8>);

#[derive(Clone)]
enum Entry {
    Records(Vec<Record>),
    /// SERVFAIL.
    Broken,
}

#[derive(Default)]
struct Zone {
    names: BTreeMap<String, Entry>,
    /// Says nothing to anybody.
    stalls: bool,
    /// Over UDP, answers with records are cut short.
    truncates: bool,
    /// What somebody else says before every answer over UDP.
    forged: Option<Record>,
    /// The names that were asked for, and whether over TCP.
    asked: Vec<(String, bool)>,
}

/// A DNS server in a namespace. It lasts as long as the namespace and this process.
pub struct Dns(Arc<Shared>);

#[derive(Default)]
struct Shared {
    zone: Mutex<Zone>,
    asked: Condvar,
}

impl Dns {
    /// Starts one that knows no name.
    pub fn start(namespace: &Namespace) -> Self {
        let address = SocketAddr::new(ADDRESS, 53);
        let bind = |port| UdpSocket::bind((ADDRESS, port)).unwrap();
        let (udp, elsewhere, tcp) =
            namespace.inside(|| (bind(53), bind(0), TcpListener::bind(address).unwrap()));
        let shared = Arc::new(Shared::default());
        let answering = Arc::clone(&shared);
        thread::spawn(move || {
            let mut query = [0; 512];
            while let Ok((length, from)) = udp.recv_from(&mut query) {
                if let Some(mut forged) = answering.forged(&query[..length]) {
                    // From another port; and in the server's name, but without having seen the question.
                    let _ = elsewhere.send_to(&forged, from);
                    forged[0] ^= 1;
                    let _ = udp.send_to(&forged, from);
                }
                if let Some(reply) = answering.reply(&query[..length], false) {
                    let _ = udp.send_to(&reply, from);
                }
            }
        });
        let answering = Arc::clone(&shared);
        thread::spawn(move || {
            for stream in tcp.incoming().map_while(Result::ok) {
                let answering = Arc::clone(&answering);
                thread::spawn(move || over_tcp(stream, &answering));
            }
        });
        Self(shared)
    }

    /// The text of a resolv.conf that names it.
    pub fn resolv_conf() -> String {
        format!("nameserver {ADDRESS}\noptions timeout:1 attempts:2\n")
    }

    /// The addresses of a name from now on.
    pub fn addresses(&self, name: &str, addresses: &[&str]) {
        let record = |text: &&str| match text.parse().unwrap() {
            IpAddr::V4(address) => (A, address.octets().to_vec()),
            IpAddr::V6(address) => (AAAA, address.octets().to_vec()),
        };
        self.put(name, Entry::Records(addresses.iter().map(record).collect()));
    }

    /// The SRV records of a name from now on: port and target.
    pub fn services(&self, name: &str, targets: &[(u16, &str)]) {
        self.put(name, Entry::Records(targets.iter().map(|(port, target)| service(*port, target)).collect()));
    }

    /// Somebody else answers first, as quickly as he can, with this SRV record.
    pub fn forge(&self, port: u16, target: &str) {
        self.zone().forged = Some(service(port, target));
    }

    /// There is no such name any more: NXDOMAIN.
    pub fn remove(&self, name: &str) {
        self.zone().names.remove(name);
    }

    /// The name leads to SERVFAIL.
    pub fn break_name(&self, name: &str) {
        self.put(name, Entry::Broken);
    }

    /// It hears everything and says nothing.
    pub fn stall(&self, stalls: bool) {
        self.zone().stalls = stalls;
    }

    /// It has no room for records over UDP.
    pub fn truncate(&self, truncates: bool) {
        self.zone().truncates = truncates;
    }

    /// How often a name was asked for, over TCP or UDP.
    pub fn asked(&self, name: &str, over_tcp: bool) -> usize {
        self.zone().asked.iter().filter(|(asked, tcp)| asked == name && *tcp == over_tcp).count()
    }

    /// Waits until a name was asked for so many more times over UDP.
    pub fn wait_for_more(&self, name: &str, more: usize) {
        let count = |zone: &Zone| zone.asked.iter().filter(|(asked, tcp)| asked == name && !tcp).count();
        let zone = self.zone();
        let wanted = count(&zone) + more;
        let waited = self.0.asked.wait_timeout_while(zone, PATIENCE, |zone| count(zone) < wanted);
        let (zone, outcome) = waited.unwrap_or_else(PoisonError::into_inner);
        drop(zone);
        assert!(!outcome.timed_out(), "{name} is not asked for");
    }

    fn put(&self, name: &str, entry: Entry) {
        self.zone().names.insert(name.to_owned(), entry);
    }

    fn zone(&self) -> MutexGuard<'_, Zone> {
        self.0.zone()
    }
}

impl Shared {
    fn zone(&self) -> MutexGuard<'_, Zone> {
        self.zone.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reply(&self, query: &[u8], over_tcp: bool) -> Option<Vec<u8>> {
        let (name, end) = decoded(query, 12)?;
        let kind = u16::from_be_bytes([*query.get(end)?, *query.get(end + 1)?]);
        let question = query.get(12..end + 4)?;
        let mut zone = self.zone();
        zone.asked.push((name.clone(), over_tcp));
        self.asked.notify_all();
        if zone.stalls {
            return None;
        }
        let (rcode, records) = match zone.names.get(&name) {
            None => (3, Vec::new()),
            Some(Entry::Broken) => (2, Vec::new()),
            Some(Entry::Records(all)) => (0, all.iter().filter(|(its, _)| *its == kind).cloned().collect()),
        };
        let cut = zone.truncates && !over_tcp && !records.is_empty();
        let records = if cut { Vec::new() } else { records };
        Some(message(query, question, [0x85 | if cut { 0x02 } else { 0 }, 0x80 | rcode], &records))
    }

    fn forged(&self, query: &[u8]) -> Option<Vec<u8>> {
        let (_, end) = decoded(query, 12)?;
        let question = query.get(12..end + 4)?;
        let record = self.zone().forged.clone()?;
        Some(message(query, question, [0x85, 0x80], &[record]))
    }
}

/// An answer, authoritative; recursion was asked for and is there.
fn message(query: &[u8], question: &[u8], flags: [u8; 2], records: &[Record]) -> Vec<u8> {
    let mut reply = query[..2].to_vec();
    reply.extend(flags);
    for count in [1, u16::try_from(records.len()).unwrap(), 0, 0] {
        reply.extend(count.to_be_bytes());
    }
    reply.extend(question);
    for (kind, data) in records {
        // The name is the question's; the answer is nobody's to keep.
        reply.extend([0xc0, 12]);
        reply.extend(kind.to_be_bytes());
        reply.extend(INTERNET.to_be_bytes());
        reply.extend(0_u32.to_be_bytes());
        reply.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        reply.extend(data);
    }
    reply
}

/// An SRV record.
fn service(port: u16, target: &str) -> Record {
    let mut data = vec![0, 1, 0, 1];
    data.extend(port.to_be_bytes());
    data.extend(encoded(target));
    (SRV, data)
}

fn over_tcp(mut stream: TcpStream, shared: &Shared) {
    let mut length = [0; 2];
    while stream.read_exact(&mut length).is_ok() {
        let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
        if stream.read_exact(&mut query).is_err() {
            return;
        }
        let Some(reply) = shared.reply(&query, true) else { continue };
        let mut whole = u16::try_from(reply.len()).unwrap().to_be_bytes().to_vec();
        whole.extend(reply);
        if stream.write_all(&whole).is_err() {
            return;
        }
    }
}

/// The labels of a name, each behind its length.
fn encoded(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

/// The name of the question, and what follows it.
fn decoded(query: &[u8], mut at: usize) -> Option<(String, usize)> {
    let mut labels = Vec::new();
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        labels.push(String::from_utf8_lossy(query.get(at..at + length)?).to_ascii_lowercase());
        at += length;
    }
}
