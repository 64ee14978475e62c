//! What it costs to be observed: how long a server stays sealed and what the daemon takes of a processor, with readers of the
//! observation socket and without, in turn. And the size and memory of the observer.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle, scope, sleep};
use std::time::Duration;

use super::contender::{Contender, Home};
use super::fleet::{NAME, WITHOUT_NETWORK, addresses, another_machine, busy};
use super::ground::write;
use super::options::{Extent, Options};
use super::prober::{look_until, wait_until_open};
use super::process::Memory;
use super::support::certs::Authority;
use super::support::fleet::{Fleet, SHARES};
use super::support::network::Network;
use super::support::observer::executable;
use super::support::process::Daemon;
use super::support::server::{Builder, Server, is_active};
use super::support::{PATIENCE, poll};
use super::table::{COMPARED, DAEMON, Table, Unit};

const OBSERVED: &str = "daemon, observed";
const OBSERVER: &str = "observer";
/// With readers, beside without: no more than can be told apart.
const SAME: f64 = 1.05;
/// Of the observer.
const MEGABYTES: f64 = 6.0;
const KIBIBYTES: f64 = 12.0 * 1024.0;
const TARGETS: usize = 5;
/// What is read each second.
const READ: [&str; 3] = ["/v1/nodes", "/v1/events?after=0", "/metrics"];

pub(crate) fn measure(options: &Options, table: &mut Table) {
    let (mut server, home) = ground();
    unsealing(options, &mut server, &home, table);
    match another_machine() {
        None => table.absent("CPU of the daemon while it is observed", WITHOUT_NETWORK),
        Some(network) => {
            for nodes in [10, 1000] {
                at_rest(options, &network, nodes, table);
            }
        }
    }
    observer(&mut server, &home, table);
}

fn ground() -> (Server, Home) {
    let authority = Authority::new("Benchmark CA");
    let server = Builder::new().tls(&authority).start();
    let init = server.init(5, 3);
    let home = Home::new(&[server.url()], Some((&authority, None)), init.enough(), None);
    (server, home)
}

/// Readers of one daemon, each with a connection a second.
struct Readers {
    ended: Arc<AtomicBool>,
    /// Whole answers.
    answers: Arc<AtomicUsize>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    /// Starts them; returns once each had an answer.
    fn start(socket: &Path) -> Self {
        let (ended, answers) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let threads = READ.map(|path| {
            let (ended, answers, socket) = (Arc::clone(&ended), Arc::clone(&answers), socket.to_owned());
            thread::spawn(move || {
                while !ended.load(Ordering::Relaxed) {
                    if read(&socket, path) {
                        answers.fetch_add(1, Ordering::Relaxed);
                    }
                    thread::park_timeout(Duration::from_secs(1));
                }
            })
        });
        let readers = Self { ended, answers, threads: threads.into() };
        let all = || (readers.answers.load(Ordering::Relaxed) >= READ.len()).then_some(());
        poll(PATIENCE, all).expect("the readers are answered");
        readers
    }

    fn end(self) {
        self.ended.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.thread().unpark();
            thread.join().expect("a reader");
        }
    }
}

/// Whether a whole answer came.
fn read(socket: &Path, path: &str) -> bool {
    let answer = UnixStream::connect(socket).and_then(|mut stream| {
        stream.set_read_timeout(Some(PATIENCE))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: vault-unseal\r\nConnection: close\r\n\r\n")?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).map(|_| answer)
    });
    answer.is_ok_and(|answer| answer.starts_with(b"HTTP/1.1 200") && answer.ends_with(b"0\r\n\r\n"))
}

/// With readers and without, in turn; which comes first takes turns.
fn in_turn(round: usize, socket: &Path, mut once: impl FnMut(bool)) {
    for turn in 0..2 {
        let observed = (turn + round) % 2 == 1;
        let readers = observed.then(|| Readers::start(socket));
        once(observed);
        if let Some(readers) = readers {
            readers.end();
        }
    }
}

fn unsealing(options: &Options, server: &mut Server, home: &Home, table: &mut Table) {
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..options.n {
        eprintln!("  round {} of {}", round + 1, options.n);
        // A daemon for two restarts: a server with more than five in a minute is looked at less often.
        let (_daemon, socket) = Contender::daemon().start_observed(home);
        in_turn(round, &socket, |observed| {
            server.wait_until(is_active);
            // As in life: at any point between two polls, and between two reads.
            sleep(Duration::from_millis(300 + fastrand::u64(0..1000)));
            times[usize::from(observed)].push(restart(server));
        });
    }
    server.wait_until(is_active);
    let measure = "TLS 3-of-5: server killed and started";
    let [alone, observed] = times;
    table.sample(measure, DAEMON, &alone, Unit::Milliseconds, None);
    table.sample(measure, OBSERVED, &observed, Unit::Milliseconds, None);
    table.ratio(measure, COMPARED, (&observed, &alone), Some(SAME));
}

/// From the first accepted connection to the server's own word, in ms.
fn restart(server: &mut Server) -> f64 {
    server.kill();
    let (mark, address) = (server.log().len() as u64, server.address());
    let (opened, unsealed) = scope(|scope| {
        let prober = scope.spawn(move || wait_until_open(address));
        server.launch();
        let server = &*server;
        let says = move || server.log_since(mark).contains("core: vault is unsealed");
        let unsealed = scope.spawn(move || look_until("its log says unsealed", says)).join();
        (prober.join().expect("the prober saw it"), unsealed.expect("it was unsealed"))
    });
    unsealed.at().duration_since(opened.at()).as_secs_f64() * 1e3
}

fn at_rest(options: &Options, network: &Network, nodes: usize, table: &mut Table) {
    eprintln!("  {nodes} nodes");
    let authority = Authority::new("Benchmark CA");
    let mut fleet = Fleet::tls_at(addresses(nodes), &authority, NAME);
    let (tls, own) = (Some((&authority, Some(NAME))), Some(network.node(1).clone()));
    let home = Home::new(&fleet.urls(), tls, &SHARES.map(str::to_owned), own);
    network.node(0).inside(|| fleet.start());
    let (daemon, socket) = Contender::daemon().start_observed(&home);
    fleet.wait_until_unsealed(4 * PATIENCE);
    // Past the closer looks that follow an unsealing.
    let before = fleet.polls();
    poll(4 * PATIENCE, || (fleet.polls() - before >= 10 * nodes).then_some(())).expect("it goes on polling");
    let (rounds, span) = match options.extent {
        Extent::Quick => (1, 3),
        Extent::Usual | Extent::Full => (5, 5),
    };
    let mut spent = [Vec::new(), Vec::new()];
    for round in 0..rounds {
        in_turn(round, &socket, |observed| {
            spent[usize::from(observed)].push(busy(&daemon, Duration::from_secs(span)));
        });
    }
    let measure = format!("{nodes} nodes: CPU at rest");
    for (of, spent) in [DAEMON, OBSERVED].into_iter().zip(&spent) {
        table.sample(&measure, of, spent, Unit::Percent, None);
    }
}

/// The released observer, with targets that were told of a server that went away.
fn observer(server: &mut Server, home: &Home, table: &mut Table) {
    let program = executable();
    let size = fs::metadata(program).expect("the observer was built").len() as f64 / 1e6;
    table.sample("size of the stripped binary", OBSERVER, &[size], Unit::Megabytes, Some(MEGABYTES));
    let (_daemon, socket) = Contender::daemon().start_observed(home);
    server.wait_until(is_active);
    let (url, told) = receiver();
    let files = super::support::directory::named("limits-");
    let path = |name: &str| files.path().join(name);
    fs::create_dir(path("state")).unwrap();
    let mut targets = String::new();
    for target in 0..TARGETS {
        write(path(&format!("url-{target}")), &format!("{url}/{target}"));
        let _ = write!(
            targets,
            "[[notify]]\nname = \"target-{target}\"\nafter = \"0s\"\nbatch = \"0s\"\nwebhook = {{ url = {{ file = \"{}\" }} }}\n",
            path(&format!("url-{target}")).display()
        );
    }
    write(path("notify.toml"), &targets);
    let mut command = Command::new(program);
    command.env_clear().env("STATE_DIRECTORY", path("state"));
    command.arg("notify").arg("--config").arg(path("notify.toml")).arg("--observe-socket").arg(&socket);
    let mut notifier = Daemon::start(&mut command);
    notifier.wait_for_line("target-4 (webhook)");
    server.kill();
    let all = || (0..TARGETS).all(|at| told[at].load(Ordering::Relaxed) > 0).then_some(());
    poll(PATIENCE, all).expect("all targets are told");
    let resident = Memory::of(notifier.pid()).rss;
    let measure = format!("memory with {TARGETS} webhooks that were told: resident");
    table.sample(&measure, OBSERVER, &[resident], Unit::Kibibytes, Some(KIBIBYTES));
}

/// Takes everything, and counts it by the last character of the path.
fn receiver() -> (String, Arc<[AtomicUsize; TARGETS]>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let told = Arc::new(std::array::from_fn(|_| AtomicUsize::new(0)));
    let counted = Arc::clone(&told);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let counted = Arc::clone(&counted);
            thread::spawn(move || take(stream, &counted));
        }
    });
    (url, told)
}

fn take(stream: TcpStream, told: &[AtomicUsize; TARGETS]) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? <= 2 {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    reader.read_exact(&mut vec![0; length])?;
    reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
    let target = first.split(' ').nth(1).and_then(|path| path.rsplit('/').next()?.parse::<usize>().ok());
    if let Some(count) = target.and_then(|target| told.get(target)) {
        count.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}
