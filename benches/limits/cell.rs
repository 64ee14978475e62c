//! A kind of server, and how long it stays sealed with each contender.

use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use super::contender::{Contender, Home, Running, within};
use super::prober::{Seen, look_until, wait_until_open};
use super::process::{connects, cpu_time};
use super::support::certs::Authority;
use super::support::network::{Namespace, Network};
use super::support::server::{API_PORT, Builder, Server, is_active};

/// An outage that is long enough for the pace of probes to slow down.
const OUTAGE: Duration = Duration::from_secs(7);
/// The server's own word.
const UNSEALED: &str = "core: vault is unsealed";
/// Between two counts of connections in an outage.
const COUNT: Duration = Duration::from_millis(100);
/// How often it is repeated at most, when a busy machine blurs when it was.
const TRIES: usize = 3;

/// A kind of server, and what was measured there.
pub(crate) struct Cell {
    pub(crate) name: &'static str,
    server: Server,
    home: Home,
    /// Where the prober is.
    prober: Option<Namespace>,
    /// The server is on another machine, of this network.
    pub(crate) far: Option<Network>,
    /// Connections can be counted: nobody but the contender and the prober makes any.
    pub(crate) counted: bool,
    pub(crate) results: Vec<Results>,
}

/// One contender's values, a round each; times in ms.
#[derive(Default)]
pub(crate) struct Results {
    /// It was started while the server ran sealed: from its first connection, and from the start of its process.
    pub(crate) started: Vec<f64>,
    pub(crate) executed: Vec<f64>,
    /// The server was killed and started.
    pub(crate) killed: Vec<f64>,
    /// Both were started at once.
    pub(crate) together: Vec<f64>,
    /// The server was away for a while.
    pub(crate) returned: Vec<f64>,
    pub(crate) connects: Vec<f64>,
    pub(crate) connects_a_second: Vec<f64>,
    /// Until it was unsealed again, in ms; of an outage, in per cent of a core.
    pub(crate) cpu: Vec<f64>,
}

/// What one restart showed.
struct Restart {
    time: f64,
    connects: f64,
    connects_a_second: f64,
    cpu: Duration,
}

impl Cell {
    pub(crate) fn here(
        name: &'static str,
        tls: bool,
        shares: (usize, usize),
        own: Option<&Namespace>,
    ) -> Self {
        let builder = own.map_or_else(Builder::new, |own| Builder::new().within(own, API_PORT));
        Self::of(name, builder, tls, shares, (own.cloned(), own.cloned()), None)
    }

    /// The server is one node, the contenders are on another, and the prober on a third.
    pub(crate) fn elsewhere(name: &'static str, network: Network) -> Self {
        let builder = Builder::new().on(&network, 0);
        let places = (Some(network.node(1).clone()), Some(network.outside().clone()));
        Self::of(name, builder, true, (5, 3), places, Some(network))
    }

    fn of(
        name: &'static str,
        builder: Builder,
        tls: bool,
        (shares, threshold): (usize, usize),
        (own, prober): (Option<Namespace>, Option<Namespace>),
        far: Option<Network>,
    ) -> Self {
        let authority = tls.then(|| Authority::new("Benchmark CA"));
        let builder = authority.iter().fold(builder, Builder::tls);
        let mut server = builder.start();
        let init = server.init(shares, threshold);
        server.kill();
        let (counted, tls) = (own.is_some(), authority.as_ref().map(|authority| (authority, None)));
        let home = Home::new(&[server.url()], tls, init.enough(), own);
        Self { name, server, home, prober, far, counted, results: Vec::new() }
    }

    /// Each contender; who comes first takes turns.
    pub(crate) fn round(&mut self, contenders: &[Contender], round: usize, quick: bool) {
        for turn in 0..contenders.len() {
            let at = (turn + round) % contenders.len();
            self.contend(&contenders[at], at, quick);
        }
    }

    fn contend(&mut self, contender: &Contender, at: usize, quick: bool) {
        self.server.start();
        let running = self.started(contender, at);
        self.well_for_a_while();

        let killed = self.restart(&running, Duration::ZERO);
        let results = &mut self.results[at];
        results.killed.push(killed.time);
        if self.far.is_none() {
            results.connects.push(killed.connects);
            results.cpu.push(killed.cpu.as_secs_f64() * 1e3);
        } else if !quick {
            self.well_for_a_while();
            let returned = self.restart(&running, OUTAGE);
            let results = &mut self.results[at];
            results.returned.push(returned.time);
            results.connects.push(returned.connects);
            results.connects_a_second.push(returned.connects_a_second);
            results.cpu.push(100.0 * returned.cpu.as_secs_f64() / OUTAGE.as_secs_f64());
        }
        drop(running);
        self.server.kill();

        let together = self.together(contender);
        self.results[at].together.push(together);
    }

    /// Starts a contender while the server runs sealed.
    fn started(&mut self, contender: &Contender, at: usize) -> Running {
        let (mark, home) = (self.server.log().len(), &self.home);
        let (running, first) = home.inside(|| {
            let before = connects("thread-self");
            let running = contender.start(home);
            let connected = || connects("thread-self") > before;
            (running, self.counted.then(|| look_until("it connects", connected)))
        });
        let unsealed = self.unsealed_since(mark).at();
        let results = &mut self.results[at];
        results.started.extend(first.map(|first| milliseconds(unsealed - first.at())));
        results.executed.push(milliseconds(unsealed - running.began));
        running
    }

    /// Kills the server, and starts it after a pause. Once more, where that cannot be told sharply.
    fn restart(&mut self, running: &Running, pause: Duration) -> Restart {
        for _ in 0..TRIES {
            let (restart, is_sharp) = self.restart_once(running, pause);
            if is_sharp {
                return restart;
            }
            self.well_for_a_while();
        }
        self.restart_once(running, pause).0
    }

    fn restart_once(&mut self, running: &Running, pause: Duration) -> (Restart, bool) {
        let (pid, process) = (running.pid(), running.pid().to_string());
        let (cpu, mut counts) = (cpu_time(pid), vec![connects(&process)]);
        self.server.kill();
        let down = Instant::now();
        while down.elapsed() < pause {
            sleep((COUNT * counts.len() as u32).saturating_sub(down.elapsed()));
            counts.push(connects(&process));
        }
        let away = cpu_time(pid).saturating_sub(cpu);
        let (opened, unsealed, ()) = self.come_up(|_| ());
        counts.push(connects(&process));
        let cpu = if pause.is_zero() { cpu_time(pid).saturating_sub(cpu) } else { away };
        // In one namespace the prober's count too.
        let probes = if self.far.is_none() { opened.looks } else { 0 };
        let begun = |window: &[u64]| (window[window.len() - 1] - window[0]) as f64;
        let restart = Restart {
            time: milliseconds(unsealed.at() - opened.at()),
            connects: begun(&counts) - probes as f64,
            // The last count is later than the others are apart.
            connects_a_second: counts[..counts.len() - 1].windows(11).map(begun).fold(0.0, f64::max),
            cpu,
        };
        (restart, opened.is_sharp() && unsealed.is_sharp())
    }

    /// Both are started at once. Once more, where that cannot be told sharply.
    fn together(&mut self, contender: &Contender) -> f64 {
        let mut tries = 0;
        loop {
            let (opened, unsealed, running) = self.come_up(|home| contender.start(home));
            drop(running);
            self.server.kill();
            tries += 1;
            if tries > TRIES || opened.is_sharp() && unsealed.is_sharp() {
                return milliseconds(unsealed.at() - opened.at());
            }
        }
    }

    /// Starts the server and whatever else, with the prober beside: when its port opened, and when it was unsealed.
    fn come_up<T>(&mut self, beside: impl FnOnce(&Home) -> T) -> (Seen, Seen, T) {
        let (mark, address, place) = (self.server.log().len(), self.server.address(), self.prober.clone());
        scope(|scope| {
            let prober = scope.spawn(move || within(place.as_ref(), || wait_until_open(address)));
            self.server.launch();
            let other = beside(&self.home);
            let unsealed = self.unsealed_since(mark);
            (prober.join().expect("the prober saw it"), unsealed, other)
        })
    }

    fn unsealed_since(&self, mark: usize) -> Seen {
        let says = || self.server.log_since(mark as u64).contains(UNSEALED);
        scope(|scope| scope.spawn(|| look_until("its log says unsealed", says)).join())
            .expect("it was unsealed")
    }

    /// As in life: a server goes down at any point between two polls, once it serves.
    fn well_for_a_while(&self) {
        self.server.wait_until(is_active);
        sleep(Duration::from_millis(300 + fastrand::u64(0..1000)));
    }
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
