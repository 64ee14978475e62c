//! The same again and again: `./x soak N`. A real server and a small fleet are killed, restarted, sealed and come back, in
//! turn, the server's certificate is renewed, and the daemon reloads; all of it is told by a notifier, to targets of which
//! most fail. What grows with that is a leak.
//!
//! Both are restarted only after each quarter of the run, and each of these four lives is judged for itself: a younger process would hide
//! what an older one keeps.

use std::net::TcpListener;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use super::process::{Memory, descriptors, threads};
use super::statistics::median;
use super::support::PATIENCE;
use super::support::certs::{Authority, Validity};
use super::support::fleet::{Fleet, SHARES};
use super::support::home::{Home, lines, trusting};
use super::support::observer::executable;
use super::support::process::{Daemon, run as run_verb, vault_unseal};
use super::support::server::{Builder, Init, Server, is_active, is_sealed};

/// Nodes beside the real server.
const NODES: usize = 8;
/// Lives of the daemon in a run.
const LIVES: usize = 4;
/// What is done in turn.
const KINDS: usize = 5;
/// Cycles by which each life can be judged.
const LEAST: usize = LIVES * 3 * KINDS;
/// How much memory may differ between the beginning and the end of a life, in KiB: what the allocator keeps in reserve.
const SLACK: f64 = 256.0;
/// What the daemon keeps beside that, in KiB: its last 2,048 events, which a life of some hundred cycles fills.
const EVENTS: f64 = 200.0;
/// Threads and descriptors that come and go.
const FEW: f64 = 2.0;
/// So many of the log's lines a cycle more, at the end of a life, are growth.
const MORE_LINES: f64 = 1.5;

/// How long it goes on.
#[derive(Clone, Copy)]
enum Length {
    Cycles(usize),
    Time(Duration),
}

impl Length {
    /// `100`, `30m` or `8h`.
    fn of(text: &str) -> Option<Self> {
        let time = |number: &str, seconds: u64| {
            Some(Self::Time(Duration::from_secs(seconds * number.parse::<u64>().ok()?)))
        };
        match (text.strip_suffix('h'), text.strip_suffix('m')) {
            (Some(hours), _) => time(hours, 3600),
            (_, Some(minutes)) => time(minutes, 60),
            _ => text.parse().ok().filter(|cycles| *cycles >= LEAST).map(Self::Cycles),
        }
    }

    fn is_over(self, cycles: usize, began: Instant) -> bool {
        match self {
            Self::Cycles(all) => cycles >= all.div_ceil(LIVES),
            Self::Time(all) => began.elapsed() >= all / LIVES as u32,
        }
    }
}

/// What the daemon takes at the end of a cycle, when all is well.
struct Sample {
    rss: f64,
    anonymous: f64,
    threads: f64,
    /// `None` for ordinary users.
    descriptors: Option<f64>,
    lines: f64,
}

/// `./x soak N`.
pub(crate) fn run(words: &[&str]) -> ExitCode {
    let words: Vec<&&str> = words.iter().filter(|word| **word != "--bench").collect();
    let Some(length) = words.first().filter(|_| words.len() == 1).and_then(|word| Length::of(word)) else {
        eprintln!("soak: say how many cycles, {LEAST} or more, or for how long: ./x soak 100, ./x soak 8h");
        return ExitCode::from(2);
    };
    let mut soak = Soak::new();
    let mut grew = Vec::new();
    let mut cycles = 0;
    for life in 1..=LIVES {
        let (began, mut daemon) = (Instant::now(), soak.daemon());
        let notifier = soak.notifier();
        let (mut samples, mut of_notifier) = (Vec::new(), Vec::new());
        soak.settle();
        while !length.is_over(samples.len(), began) {
            soak.cycle(&mut daemon, cycles);
            cycles += 1;
            samples.push(sample(&daemon));
            of_notifier.push(sample(&notifier));
        }
        println!("life {life}, {} cycles", samples.len());
        grew.extend(judge("the daemon", life, &samples, SLACK + EVENTS));
        grew.extend(judge("the notifier", life, &of_notifier, SLACK));
        super::ground::stop(notifier);
        super::ground::stop(daemon);
    }
    println!(
        "{cycles} cycles: {}",
        if grew.is_empty() { "nothing grew".to_owned() } else { grew.join("; ") }
    );
    if grew.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The servers, and the daemon's home.
struct Soak {
    authority: Authority,
    server: Server,
    init: Init,
    fleet: Fleet,
    home: Home,
    /// Where the connections of a target end that never gets an answer.
    silent: TcpListener,
}

impl Soak {
    fn new() -> Self {
        let authority = Authority::new("Soak CA");
        let server = Builder::new().tls(&authority).start();
        let init = server.init(5, 3);
        let mut fleet = Fleet::tls(NODES, &authority);
        fleet.start();
        let home = Home::new();
        home.make_run();
        home.put("real", &lines(init.enough()));
        home.put("fleet", &lines(&SHARES));
        let trust = trusting(&authority.write(home.directory(), "ca.crt"));
        let cluster = |name: &str, nodes: &[String]| {
            format!(
                "[[cluster]]\nname = {name:?}\nnodes = {nodes:?}\nshares = {{ file = {name:?} }}\n\
                 on_operator_seal = \"hold\"\n{trust}\n"
            )
        };
        home.put("config.toml", &(cluster("real", &[server.url()]) + &cluster("fleet", &fleet.urls())));
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        home.put("silent", &format!("http://{}/", silent.local_addr().unwrap()));
        home.put("refused", "http://127.0.0.1:1/");
        let target = |name: &str, how: &str| {
            format!("[[notify]]\nname = {name:?}\nafter = \"0s\"\nbatch = \"0s\"\n{how}\n")
        };
        let webhook =
            |name: &str| format!("webhook = {{ url = {{ file = \"{}\" }} }}", home.path(name).display());
        let command = |program: &str| format!("command = {{ run = [{program:?}] }}");
        let targets = [
            target("silent", &webhook("silent")),
            target("refused", &webhook("refused")),
            target("fails", &command("/usr/bin/false")),
            target("takes-it", &command("/usr/bin/true")),
        ];
        home.put("notify.toml", &targets.concat());
        Self { authority, server, init, fleet, home, silent }
    }

    fn notifier(&self) -> Daemon {
        // Whoever connected in the life before is gone.
        self.silent.set_nonblocking(true).unwrap();
        while self.silent.accept().is_ok() {}
        let mut command = Command::new(executable());
        command.arg("notify").arg("--config").arg(self.home.path("notify.toml"));
        command.arg("--observe-socket").arg(self.home.path("run/observe.sock"));
        let state = self.home.path("state");
        let _ = std::fs::create_dir(&state);
        let mut notifier = Daemon::start(command.env_clear().env("STATE_DIRECTORY", state));
        notifier.wait_for_line("takes-it (command)");
        notifier
    }

    fn daemon(&self) -> Daemon {
        Daemon::start(self.home.command(&["run"]).env("RUNTIME_DIRECTORY", self.home.path("run")))
    }

    /// Waits until all is well.
    fn settle(&self) {
        self.server.wait_until(is_active);
        self.fleet.wait_until_unsealed(PATIENCE);
    }

    /// One of five, in turn.
    fn cycle(&mut self, daemon: &mut Daemon, number: usize) {
        match number % KINDS {
            0 => {
                self.server.kill();
                self.server.start();
                self.fleet.start();
            }
            1 => {
                self.server.stop();
                self.server.start();
            }
            2 => {
                self.server.seal_later(&self.init.root_token);
                daemon.wait_for_line("held (an operator sealed it)");
                self.server.wait_until(is_sealed);
                self.tell(&["resume", "--all"]);
            }
            3 => {
                let names = ["localhost", "127.0.0.1"];
                self.server.present(&self.authority.issue(&names, Validity::Now));
                self.server.stop();
                self.server.start();
            }
            _ => self.tell(&["reload"]),
        }
        self.settle();
    }

    fn tell(&self, verb: &[&str]) {
        let socket = self.home.path("run/control.sock");
        let mut command = vault_unseal(verb);
        command.arg("--socket").arg(socket);
        let output = run_verb(&mut command);
        assert!(output.status.success(), "{verb:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

fn sample(daemon: &Daemon) -> Sample {
    let pid = daemon.pid();
    let memory = Memory::of(pid);
    Sample {
        rss: memory.rss,
        anonymous: memory.anonymous,
        threads: threads(pid),
        descriptors: descriptors(pid),
        lines: daemon.lines().len() as f64,
    }
}

/// Prints what a process's life began and ended with, and returns what grew; its memory by more than so many KiB.
fn judge(whose: &str, life: usize, samples: &[Sample], memory: f64) -> Vec<String> {
    println!("  {whose}");
    // Both windows have as many of each kind; before the first, each has happened once.
    let window = (samples.len() / 10).next_multiple_of(KINDS);
    if samples.len() < 2 * window + KINDS {
        return vec![format!("life {life} of {whose} was too short to be judged")];
    }
    let ends = [KINDS..KINDS + window, samples.len() - window..samples.len()];
    let both =
        |of: &dyn Fn(&Sample) -> f64| ends.clone().map(|it| median(samples[it].iter().map(of).collect()));
    let lines =
        ends.clone().map(|it| (samples[it.end - 1].lines - samples[it.start - 1].lines) / window as f64);
    let mut rows = vec![
        ("resident KiB", both(&|it| it.rss), memory),
        ("anonymous KiB", both(&|it| it.anonymous), memory),
        ("threads", both(&|it| it.threads), FEW),
        ("lines of the log a cycle", lines, MORE_LINES),
    ];
    if samples[0].descriptors.is_some() {
        rows.push(("descriptors", both(&|it| it.descriptors.unwrap_or_default()), FEW));
    }
    let mut grew = Vec::new();
    for (what, [begin, end], slack) in rows {
        let growth = end - begin > slack;
        println!("    {what:26} {begin:8.1} -> {end:8.1}{}", if growth { "   GREW" } else { "" });
        if growth {
            grew.push(format!("life {life} of {whose}: {what} from {begin:.1} to {end:.1}"));
        }
    }
    grew
}
