//! Somebody else answers at a server's address, between two polls or in the middle of a round, and TLS is altered on its way.

use serde_json::Value;
use vault_unseal::observe::snapshot;

use crate::observe::make_observe;
use crate::support::certs::{Authority, Issued, Validity};
use crate::support::home::{Home, lines, trusting};
use crate::support::hostile::{Behaviour, Gate, Hostile, UNSEAL};
use crate::support::process::{Daemon, run};
use crate::support::relay::{Direction, Relay, is_greeting_alone};
use crate::support::server::{Builder, Init, Server, is_active, is_sealed};
use crate::support::status::status_document;
use crate::support::watchdog::Watchdog;
use crate::support::{PATIENCE, poll};

const NAMES: &[&str] = &["127.0.0.1"];
/// What a poll at the slow pace waits for is never seen.
const PACE: &str = "slow_interval = \"1h\"\nrequest_timeout = \"1s\"";

/// A daemon below a watchdog, that trusts this authority and knows the address of a relay.
fn start(relay: &Relay, init: &Init, authority: &Authority) -> (Home, Watchdog, Daemon) {
    let home = Home::new();
    home.shares(&lines(&init.keys_hex));
    let trusted = authority.write(home.directory(), "ca.crt");
    home.configure(&[&relay.https()], &format!("{PACE}\n{}", trusting(&trusted)));
    make_observe(&home);
    let watchdog = Watchdog::new();
    let mut command = home.command(&["run"]);
    let daemon = Daemon::start(watchdog.over(command.env("RUNTIME_DIRECTORY", home.path("run"))));
    (home, watchdog, daemon)
}

/// The node in `status --json`: its state, and the kind of what is wrong with it.
fn shown(home: &Home) -> (Value, Value) {
    let mut command = home.command(&["status", "--json"]);
    let output = run(command.arg("--socket").arg(home.path("run/control.sock")));
    let node = status_document(&output.stdout)["nodes"][0].clone();
    (node["state"].clone(), node["problem"]["kind"].clone())
}

/// Waits until the daemon has tried several times more, and asserts that it said nothing to the one that answers now.
fn is_told_nothing(relay: &Relay, words: &str) {
    // A look at the port says nothing at all.
    let said = || relay.sent().into_iter().filter(|sent| !sent.is_empty()).collect::<Vec<_>>();
    let tried = || Some(said()).filter(|said| said.len() >= 5);
    for sent in poll(PATIENCE, tried).expect("it tries again") {
        assert!(is_greeting_alone(&sent), "{words}: {sent:?}");
    }
}

#[test]
fn another_identity_between_two_polls_is_told_nothing_until_the_right_one_is_back() {
    let (authority, others) = (Authority::new("Private CA"), Authority::new("Another CA"));
    let mut server = Builder::new().tls(&authority).start();
    let init = server.init(5, 3);
    let mut impostor = Builder::new().tls(&authority).start();
    impostor.init(5, 3);
    let relay = Relay::to(server.address());
    let (home, watchdog, mut daemon) = start(&relay, &init, &authority);
    daemon.wait_for_line(": unsealed (active)");
    assert!(relay.sent().iter().any(|sent| !is_greeting_alone(sent)), "this one is told more");

    let cases = [
        (
            others.issue(NAMES, Validity::Now),
            "certificate-unknown-ca",
            "is not signed by a CA that is trusted",
        ),
        (
            authority.issue(&["vault.example"], Validity::Now),
            "certificate-wrong-name",
            "is not for this name",
        ),
        (authority.issue(NAMES, Validity::Expired), "certificate-expired", "has expired"),
        (authority.issue(NAMES, Validity::NotYet), "certificate-not-yet-valid", "is not valid yet"),
    ];
    for (certificate, kind, words) in &cases {
        impostor.present(certificate);
        relay.lead(impostor.address());
        daemon.wait_for_line(&format!(": unreachable (the server's certificate {words}"));
        assert_eq!(shown(&home), ("unreachable".into(), (*kind).into()));
        server.kill();
        server.start();
        is_told_nothing(&relay, words);
        assert!(is_sealed(&server.health()), "nobody else unseals it");
        relay.lead(server.address());
        server.wait_until(is_active);
        daemon.wait_for_line(": unsealed (active)");
    }
    impostor.present(&authority.issue(NAMES, Validity::Now));
    assert_eq!(impostor.seal_status()["progress"], 0);
    let attempts =
        snapshot(&home.path("run-observe/observe.sock")).unwrap().nodes[0].counters.unseal_attempts;
    assert_eq!(attempts.unsealed, 1 + cases.len() as u64);
    assert_eq!((attempts.refused, attempts.disturbed, attempts.error), (0, 0, 0));
    watchdog.assert_never_starved();
}

/// A real server, what encrypts before it, and the cable that leads there.
struct Terminated {
    server: Server,
    init: Init,
    proxy: Hostile,
    relay: Relay,
    /// How many shares came by the last start.
    before: usize,
}

impl Terminated {
    fn new(certificate: &Issued) -> Self {
        let server = Server::start_plain();
        let init = server.init(5, 3);
        let proxy = Hostile::tls(certificate);
        proxy.forward(server.address());
        let relay = Relay::to(proxy.address());
        Self { server, init, proxy, relay, before: 0 }
    }

    /// Restarts the server; these become of the shares that come, and all is well with the rest.
    fn restart(&mut self, mut fates: Vec<Behaviour>) {
        fates.push(Behaviour::Forward(self.server.address()));
        self.server.kill();
        self.before = self.proxy.submissions().len();
        self.proxy.on(UNSEAL, fates);
        // As a restart cuts them, which nobody sees who looks past this proxy.
        self.relay.lead(self.proxy.address());
        self.server.start();
    }

    /// The shares that came since.
    fn submitted(&self) -> Vec<String> {
        self.proxy.submissions()[self.before..].to_vec()
    }

    fn forward(&self) -> Behaviour {
        Behaviour::Forward(self.server.address())
    }

    /// The right one is back: it is unsealed by each share once, and once more where the connection was lost in the round, as
    /// it is not known then whether the server restarted.
    fn is_unsealed(&self, daemon: &mut Daemon, lost: usize) {
        self.server.wait_until(is_active);
        daemon.wait_for_line(": unsealed (active)");
        let submitted = self.submitted();
        let times = |share: &String| submitted.iter().filter(|submitted| *submitted == share).count();
        let [needed, spare] = [self.init.enough(), &self.init.keys_hex[self.init.threshold..]];
        assert!(needed.iter().all(|share| (1..=1 + lost).contains(&times(share))), "{submitted:?}");
        assert!(spare.iter().all(|share| times(share) == 0), "{submitted:?}");
        assert!(!submitted.contains(&"reset".to_owned()), "{submitted:?}");
    }
}

/// Who answers next, what is said of it, and in which words.
struct Impostor {
    server: Server,
    kind: &'static str,
    words: &'static str,
}

/// Another server whose certificate is another authority's, and one without TLS.
fn impostors() -> [Impostor; 2] {
    let encrypted = Builder::new().tls(&Authority::new("Another CA")).start();
    let unknown = "the server's certificate is not signed by a CA that is trusted here";
    let plain = "the port does not speak TLS";
    let all = [(encrypted, "certificate-unknown-ca", unknown), (Server::start_plain(), "not-tls", plain)];
    all.map(|(server, kind, words)| {
        server.init(5, 3);
        Impostor { server, kind, words }
    })
}

#[test]
fn another_identity_in_the_middle_of_a_round_gets_no_share_and_the_round_goes_on_at_the_right_one() {
    let authority = Authority::new("Private CA");
    let mut stage = Terminated::new(&authority.issue(NAMES, Validity::Now));
    let (home, watchdog, mut daemon) = start(&stage.relay, &stage.init, &authority);
    daemon.wait_for_line(": unsealed (active)");
    for Impostor { server: impostor, kind, words } in &impostors() {
        // The second share was sent, and nobody took it.
        let gate = Gate::default();
        stage.restart(vec![stage.forward(), Behaviour::Held(gate.clone(), Box::new(Behaviour::Close))]);
        gate.wait_until_reached();
        stage.relay.lead(impostor.address());
        gate.open();
        daemon.wait_for_line(&format!(": unreachable ({words}"));
        assert_eq!(shown(&home), ("unreachable".into(), (*kind).into()));
        is_told_nothing(&stage.relay, words);
        assert_eq!(stage.server.seal_status()["progress"], 1, "{words}");
        stage.relay.lead(stage.proxy.address());
        stage.is_unsealed(&mut daemon, 1);

        // The third share has unsealed it, and its answer is lost.
        let gate = Gate::default();
        let third = Behaviour::ForwardHeld(stage.server.address(), gate.clone());
        stage.restart(vec![stage.forward(), stage.forward(), third]);
        gate.wait_until_reached();
        stage.relay.lead(impostor.address());
        gate.open();
        daemon.wait_for_line(&format!(": unreachable ({words}"));
        is_told_nothing(&stage.relay, words);
        stage.relay.lead(stage.proxy.address());
        stage.is_unsealed(&mut daemon, 0);
        assert_eq!(impostor.seal_status()["progress"], 0);
    }
    watchdog.assert_never_starved();
}

#[test]
fn bytes_altered_in_the_middle_of_a_round_end_the_connection_and_the_round_goes_on_once_they_are_not() {
    let authority = Authority::new("Private CA");
    let mut stage = Terminated::new(&authority.issue(NAMES, Validity::Now));
    let (home, watchdog, mut daemon) = start(&stage.relay, &stage.init, &authority);
    daemon.wait_for_line(": unsealed (active)");
    for (direction, words) in [
        (Direction::ToClient, "a message of the server cannot be decrypted: it was changed on its way"),
        (Direction::ToServer, "the server cannot decrypt our message: it was changed on its way"),
    ] {
        let gate = Gate::default();
        stage.restart(vec![Behaviour::ForwardHeld(stage.server.address(), gate.clone())]);
        gate.wait_until_reached();
        stage.relay.alter(Some(direction));
        gate.open();
        daemon.wait_for_line(&format!(": unreachable (TLS handshake failed: {words}"));
        assert_eq!(shown(&home), ("unreachable".into(), "tls".into()));
        assert_eq!(stage.submitted(), stage.init.keys_hex[..1], "what is altered is no share");
        assert_eq!(stage.server.seal_status()["progress"], 1);
        stage.relay.alter(None);
        stage.is_unsealed(&mut daemon, 1);
    }
    watchdog.assert_never_starved();
}

#[test]
fn peer_that_vanishes_without_a_word_in_the_middle_of_a_round_is_asked_anew() {
    let authority = Authority::new("Private CA");
    let mut stage = Terminated::new(&authority.issue(NAMES, Validity::Now));
    let (_home, watchdog, mut daemon) = start(&stage.relay, &stage.init, &authority);
    daemon.wait_for_line(": unsealed (active)");
    let gate = Gate::default();
    stage.restart(vec![stage.forward(), Behaviour::Held(gate.clone(), Box::new(Behaviour::Close))]);
    gate.wait_until_reached();
    stage.relay.silence();
    daemon.wait_for_line(": unreachable (no answer within 1s)");
    stage.is_unsealed(&mut daemon, 1);
    watchdog.assert_never_starved();
}
