//! Nodes that answer what a real server was recorded to, until one answer goes wrong, each in its own way.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::sleep;

use crate::support::fleet::SHARES;
use crate::support::recorded;

/// The answer that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Health,
    SealStatus,
    FirstShare,
    LastShare,
}

impl Which {
    pub(crate) const ALL: [Self; 4] = [Self::Health, Self::SealStatus, Self::FirstShare, Self::LastShare];

    /// How long it is, with its head.
    pub(crate) fn length(self) -> usize {
        let case = match self {
            Self::Health => "B-sealed0--health-sealedcode",
            Self::SealStatus => "B-sealed0--seal-status",
            Self::FirstShare => "F-1st-hex",
            Self::LastShare => "F-2nd-b64-unseals",
        };
        whole(case, NONCE).len()
    }
}

/// What becomes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It ends after so many bytes.
    Cut(usize),
    /// So many bytes, and then the connection is reset.
    Reset(usize),
    /// So many bytes, and then nothing.
    Stalls(usize),
    /// A byte at a time, slower than anybody waits.
    Drips,
    /// It comes twice.
    Twice,
    /// It is so much longer or shorter than it says.
    Length(isize),
    /// In its place comes this.
    Instead(String),
    /// The connection is closed before it.
    Closed,
}

impl Fault {
    /// Whoever waits for the answer waits for as long as it does; a proxy has its own word for that.
    pub(crate) fn is_slow(&self) -> bool {
        match self {
            Self::Stalls(_) | Self::Drips => true,
            Self::Length(more) => *more > 0,
            Self::Instead(text) => {
                ["HTTP/1.1 100 ", "HTTP/1.1 504 "].iter().any(|begin| text.starts_with(begin))
            }
            _ => false,
        }
    }
}

/// A node, and what was seen of it.
pub(crate) struct Node {
    pub(crate) which: Which,
    pub(crate) fault: Fault,
    pub(crate) address: SocketAddr,
    seal: Mutex<Seal>,
    /// How often the fault was met.
    met: AtomicUsize,
}

#[derive(Default)]
struct Seal {
    open: bool,
    round: Vec<&'static str>,
    rounds: usize,
    /// Every share that came, and those that came to an open server.
    submitted: Vec<String>,
    late: usize,
}

const NONCE: &str = "00000000-0000-0000-0000-000000000000";

/// The nodes, until the test ends.
pub(crate) struct Nodes {
    pub(crate) all: Arc<Vec<Node>>,
    faulty: Arc<AtomicBool>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Nodes {
    /// A node for each of these faults; they listen.
    pub(crate) fn start(faults: impl IntoIterator<Item = (Which, Fault)>) -> Self {
        // A port and some connections each.
        let limit = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })
            .expect("up to the hard limit");
        // Of its own, as others would find its ports.
        let ip = Ipv4Addr::new(127, fastrand::u8(1..255), fastrand::u8(..), fastrand::u8(1..255));
        let bound = faults.into_iter().map(|(which, fault)| {
            let listener = std::net::TcpListener::bind((IpAddr::V4(ip), 0)).unwrap();
            listener.set_nonblocking(true).unwrap();
            let address = listener.local_addr().unwrap();
            (listener, Node { which, fault, address, seal: Mutex::default(), met: AtomicUsize::new(0) })
        });
        let (listeners, all): (Vec<_>, Vec<_>) = bound.unzip();
        let (all, faulty) = (Arc::new(all), Arc::new(AtomicBool::new(true)));
        let (stop, stopped) = oneshot::channel();
        let (nodes, state) = (Arc::clone(&all), Arc::clone(&faulty));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                for (at, listener) in listeners.into_iter().enumerate() {
                    tokio::spawn(listen(listener, Arc::clone(&nodes), at, Arc::clone(&state)));
                }
                let _ = stopped.await;
            });
        });
        Self { all, faulty, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn urls(&self) -> Vec<String> {
        self.all.iter().map(|node| format!("http://{}", node.address)).collect()
    }

    /// From now on all is well.
    pub(crate) fn mend(&self) {
        self.faulty.store(false, Ordering::SeqCst);
    }
}

impl Drop for Nodes {
    fn drop(&mut self) {
        if let (Some(stop), Some(thread)) = (self.stop.take(), self.thread.take()) {
            let _ = stop.send(());
            let _ = thread.join();
        }
    }
}

impl Node {
    /// How often its fault was met.
    pub(crate) fn met(&self) -> usize {
        self.met.load(Ordering::SeqCst)
    }

    pub(crate) fn is_open(&self) -> bool {
        self.seal.lock().unwrap().open
    }

    /// Every share that came, and how many came to an open server.
    pub(crate) fn submitted(&self) -> (Vec<String>, usize) {
        let seal = self.seal.lock().unwrap();
        (seal.submitted.clone(), seal.late)
    }

    /// What is asked for, and the answer of a server that is well.
    fn answer(&self, request: &str) -> (Option<Which>, Vec<u8>) {
        let mut seal = self.seal.lock().unwrap();
        let (which, case) = if request.starts_with("GET /v1/sys/health") {
            let case = if seal.open { "G-active--activecode" } else { "B-sealed0--health-sealedcode" };
            (Some(Which::Health), case)
        } else if request.starts_with("GET /v1/sys/seal-status") {
            let case = match (seal.open, seal.round.len()) {
                (true, _) => "G-active--seal-status",
                (_, 0) => "B-sealed0--seal-status",
                _ => "C-sealed1--seal-status",
            };
            (Some(Which::SealStatus), case)
        } else if request.contains("\"reset\"") {
            seal.round.clear();
            (None, if seal.open { "G-active--unseal-reset" } else { "C-reset" })
        } else {
            seal.share(request)
        };
        (which, whole(case, &format!("{:08}-0000-0000-0000-000000000000", seal.rounds)))
    }
}

impl Seal {
    fn share(&mut self, request: &str) -> (Option<Which>, &'static str) {
        let share = request.split('"').rev().nth(1).unwrap_or_default();
        self.submitted.push(share.to_owned());
        if self.open {
            self.late += 1;
            return (None, "G-active--unseal-right-share");
        }
        if self.round.is_empty() {
            self.rounds += 1;
        }
        let right = SHARES.into_iter().find(|right| *right == share);
        self.round.extend(right.filter(|right| !self.round.contains(right)));
        if self.round.len() < SHARES.len() {
            return (Some(Which::FirstShare), "F-1st-hex");
        }
        self.open = true;
        (Some(Which::LastShare), "F-2nd-b64-unseals")
    }
}

/// A recorded answer with its head and the nonce of this round.
fn whole(case: &str, nonce: &str) -> Vec<u8> {
    static ALL: OnceLock<Vec<recorded::Recorded>> = OnceLock::new();
    let row = ALL
        .get_or_init(recorded::openbao)
        .iter()
        .find(|row| row.case == case)
        .unwrap_or_else(|| panic!("never recorded: {case}"));
    let mut body = row.response.to_owned();
    if let Some((before, rest)) = body.split_once("\"nonce\":\"") {
        let (old, after) = rest.split_once('"').unwrap();
        let nonce = if old.is_empty() { "" } else { nonce };
        body = format!("{before}\"nonce\":\"{nonce}\"{after}");
    }
    let head = format!(
        "HTTP/1.1 {} Recorded\r\nCache-Control: no-store\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        row.status,
        body.len()
    );
    [head, body].concat().into_bytes()
}

async fn listen(listener: std::net::TcpListener, nodes: Arc<Vec<Node>>, at: usize, faulty: Arc<AtomicBool>) {
    let listener = TcpListener::from_std(listener).unwrap();
    while let Ok((stream, _)) = listener.accept().await {
        let (nodes, faulty) = (Arc::clone(&nodes), Arc::clone(&faulty));
        tokio::spawn(async move {
            // The client may be gone at any moment, and that is its right.
            let _ = serve(stream, &nodes[at], &faulty).await;
        });
    }
}

async fn serve(mut stream: TcpStream, node: &Node, faulty: &AtomicBool) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut received = Vec::new();
    loop {
        let Some((request, length)) = request(&received) else {
            if stream.read_buf(&mut received).await? == 0 {
                return Ok(());
            }
            continue;
        };
        received.drain(..length);
        let (which, answer) = node.answer(&request);
        if which == Some(node.which) && faulty.load(Ordering::SeqCst) {
            node.met.fetch_add(1, Ordering::SeqCst);
            if !go_wrong(&mut stream, &node.fault, &answer, faulty).await? {
                return Ok(());
            }
            continue;
        }
        stream.write_all(&answer).await?;
    }
}

/// The first line and the body of a request that has arrived as a whole, and its length.
fn request(received: &[u8]) -> Option<(String, usize)> {
    let text = std::str::from_utf8(received).ok()?;
    let (head, rest) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    let body = rest.get(..length.unwrap_or(0))?;
    Some((format!("{} {body}", head.lines().next()?), head.len() + 4 + body.len()))
}

/// Returns whether it serves the connection further.
async fn go_wrong(
    stream: &mut TcpStream,
    fault: &Fault,
    answer: &[u8],
    faulty: &AtomicBool,
) -> std::io::Result<bool> {
    match fault {
        Fault::Cut(bytes) => stream.write_all(&answer[..*bytes]).await.map(|()| false),
        Fault::Reset(bytes) => {
            stream.write_all(&answer[..*bytes]).await?;
            #[allow(deprecated, reason = "of no time it blocks nothing")]
            stream.set_linger(Some(Duration::ZERO)).map(|()| false)
        }
        Fault::Stalls(bytes) => {
            stream.write_all(&answer[..*bytes]).await?;
            // Until the other side has had enough.
            while stream.read(&mut [0; 1024]).await? != 0 {}
            Ok(false)
        }
        Fault::Drips => {
            for byte in answer {
                stream.write_all(&[*byte]).await?;
                sleep(Duration::from_millis(500)).await;
                if !faulty.load(Ordering::SeqCst) {
                    break;
                }
            }
            Ok(false)
        }
        Fault::Twice => stream.write_all(&[answer, answer].concat()).await.map(|()| true),
        Fault::Length(more) => {
            let text = String::from_utf8_lossy(answer);
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            let head = head.replace(
                &format!("Content-Length: {}", body.len()),
                &format!("Content-Length: {}", body.len().checked_add_signed(*more).unwrap()),
            );
            stream.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).await.map(|()| true)
        }
        Fault::Instead(text) => stream.write_all(text.as_bytes()).await.map(|()| true),
        Fault::Closed => Ok(false),
    }
}
