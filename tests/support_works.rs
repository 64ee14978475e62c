//! The ground under the other tests holds: real servers do what `tests/support` says of them, and servers that
//! misbehave do it as scripted.

mod support;

use std::fs;
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use support::certs::{Authority, Validity};
use support::hostile::{Behaviour, Hostile, OnAccept};
use support::http::Client;
use support::ports::Port;
use support::process::{Daemon, Notify, Source};
use support::rustyvault::RustyVault;
use support::server::{Ability, Builder, Flavour, Server, cannot, is_active, is_sealed};
use support::{PATIENCE, poll, recorded};

#[test]
fn a_server_is_unsealed_by_three_of_five_shares_and_sealed_by_a_crash_and_by_its_operator() {
    let mut server = Server::start_plain();
    assert_eq!(server.health()["initialized"], false);
    let init = server.init(5, 3);
    assert_eq!((init.keys_hex.len(), init.keys_base64.len()), (5, 5));
    let status = server.seal_status();
    assert_eq!((&status["t"], &status["n"], &status["progress"]), (&json!(3), &json!(5), &json!(0)));

    assert_eq!(server.submit(&init.keys_hex[4]).json()["progress"], 1);
    assert_eq!(server.reset().json()["progress"], 0);
    for (share, progress) in [(4, 1), (1, 2)] {
        assert_eq!(server.submit(&init.keys_base64[share]).json()["progress"], progress);
    }
    assert_eq!(server.submit(&init.keys_hex[0]).json()["sealed"], false);
    server.wait_until(is_active);

    let (pid, address) = (server.pid(), server.address());
    server.kill();
    assert!(server.try_health().is_err(), "a killed server answers");
    server.start();
    assert_ne!(server.pid(), pid);
    assert_eq!(server.address(), address);
    assert!(is_sealed(&server.health()), "the data outlived the crash, the shares did not");

    server.unseal(&init);
    server.seal(&init.root_token);
    assert!(is_sealed(&server.health()));
    assert!(server.stop().success(), "{}", server.log_tail());
}

#[test]
#[ignore = "a test that cannot be run, for the one below"]
fn nothing_is_tested_here() {
    support::untested("this needs a program");
}

#[test]
fn what_is_not_tested_is_counted_with_its_reason() {
    let directory = support::directory::directory();
    let tally = directory.path().join("tally");
    let this = std::env::current_exe().unwrap();
    let untested = Command::new(this)
        .args(["--exact", "--ignored", "nothing_is_tested_here"])
        .env("SERVER_TALLY", &tally)
        .output()
        .unwrap();
    assert!(untested.status.success(), "{untested:?}");
    let noted = fs::read_to_string(&tally).unwrap();
    assert_eq!(noted, "support_works\tnothing_is_tested_here\tuntested\tthis needs a program\n");

    // What `./x test` makes of it, beside a test that ran and one that was skipped.
    let others = "unseal\tseals\tserver\t\nunseal\tsockets\tskipped\tVault has none\n";
    fs::write(&tally, noted + others).unwrap();
    let summary = Command::new("sh")
        .args(["-c", ". ./x >/dev/null; summarise vault-1.12 \"$TALLY\" 3"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("TALLY", &tally)
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8(summary.stdout).unwrap(),
        "vault-1.12: 1 tests with a server passed, 1 skipped, 1 not tested, in 3 s\n  of: unseal\n  \
         skipped: unseal::sockets: Vault has none\n  \
         not tested: support_works::nothing_is_tested_here: this needs a program\n"
    );
}

#[test]
fn port_let_go_of_while_others_start_programs_is_free() {
    let start = || assert!(Command::new("true").status().unwrap().success());
    let starts = |_| std::thread::spawn(move || (0..400).for_each(|_| start()));
    let starting: Vec<_> = (0..4).map(starts).collect();
    while !starting.iter().all(std::thread::JoinHandle::is_finished) {
        let mut port = Port::reserve(IpAddr::V4(Ipv4Addr::LOCALHOST));
        port.release();
        drop(TcpListener::bind(port.address()).unwrap());
    }
}

#[test]
fn a_server_gets_its_port_back_from_who_took_it_meanwhile() {
    let mut server = Server::start_plain();
    server.kill();
    let squatter = TcpListener::bind(server.address()).unwrap();
    let log = server.directory().join("log");
    let leaves = std::thread::spawn(move || {
        let failed =
            || std::fs::read_to_string(&log).unwrap().contains("address already in use").then_some(());
        poll(PATIENCE, failed).expect("the server tries in vain");
        drop(squatter);
    });
    server.start();
    leaves.join().unwrap();
    assert_eq!(server.health()["initialized"], false);
}

#[test]
fn a_paused_server_accepts_and_says_nothing_until_it_is_resumed() {
    let mut server = Server::start_plain();
    server.pause();
    let impatient = server.client().clone().timeout(Duration::from_millis(200));
    assert!(impatient.get("/v1/sys/health").is_err());
    server.resume();
    assert_eq!(server.health()["initialized"], false);
}

#[test]
fn the_texts_of_an_initialisation_are_those_of_the_command_and_of_the_api() {
    let mut commanded = Server::start_plain();
    let printed =
        commanded.command(&["operator", "init", "-key-shares=3", "-key-threshold=2", "-format=json"]);
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    commanded.kill();
    let ours = Server::start_plain().init(3, 2);
    assert_eq!(without_secrets(&ours.json), without_secrets(&String::from_utf8_lossy(&printed.stdout)));
    let json: Value = serde_json::from_str(&ours.json).unwrap();
    assert_eq!(json["unseal_keys_hex"], json!(ours.keys_hex));
    let api: Value = serde_json::from_str(&ours.api_json).unwrap();
    assert_eq!(api["keys_base64"], json["unseal_keys_b64"]);
}

/// Every word that is long enough to be a share or a token, left out.
fn without_secrets(text: &str) -> String {
    text.split('"').map(|word| if word.len() > 24 || word.starts_with("s.") { "…" } else { word }).collect()
}

#[test]
fn tls_is_refused_by_who_does_not_know_the_authority_and_renewed_without_a_restart() {
    let authority = Authority::new("Private CA");
    let mut server = Builder::new().ip([127, 0, 0, 2].into()).tls(&authority).start();
    assert_eq!(server.url(), format!("https://{}", server.address()));
    assert_eq!(server.health()["sealed"], true);
    let status = server.command(&["status", "-format=json"]);
    assert_eq!(status.status.code(), Some(2), "the command trusts it and calls it sealed: {status:?}");

    let asks = |address, trusted: &str| match Client::tls(address, trusted, None).get("/v1/sys/health") {
        Ok(answer) => answer.status.to_string(),
        Err(error) => error.to_string(),
    };
    let address = server.address();
    assert_eq!(asks(address, &authority.pem()), "501");
    assert_eq!(asks(address, ""), "invalid peer certificate: UnknownIssuer");
    let namesake = Authority::new("Private CA");
    assert_eq!(asks(address, &namesake.pem()), "invalid peer certificate: BadSignature");

    // Under an intermediate, for a client that knows the root alone; then the ways in which it may be broken.
    let intermediate = authority.intermediate("Issuing CA");
    for (certificate, outcome) in [
        (intermediate.issue(&["127.0.0.2"], Validity::Now), "501"),
        (authority.issue(&["127.0.0.2"], Validity::Expired), "certificate expired"),
        (authority.issue(&["127.0.0.2"], Validity::NotYet), "certificate not valid yet"),
        (authority.issue(&["vault.example"], Validity::Now), "certificate not valid for name"),
        (Authority::new("Another CA").issue(&["127.0.0.2"], Validity::Now), "UnknownIssuer"),
    ] {
        server.present(&certificate);
        // It says that it reloads before it has.
        let mut got = String::new();
        let presented = poll(PATIENCE, || {
            got = asks(server.address(), &authority.pem());
            got.contains(outcome).then_some(())
        });
        assert!(presented.is_some(), "{got:?} instead of {outcome:?}");
    }
}

#[test]
fn a_client_certificate_is_asked_for() {
    let (authority, clients) = (Authority::new("Private CA"), Authority::new("Client CA"));
    let server = Builder::new().tls(&authority).require_client_certificate(&clients).start();
    assert_eq!(server.health()["initialized"], false, "the harness has one");
    let nobody = Client::tls(server.address(), &authority.pem(), None).get("/v1/sys/health");
    assert!(nobody.unwrap_err().to_string().contains("CertificateRequired"));
}

#[test]
fn a_server_with_a_seal_of_its_own_unseals_itself() {
    let mut server = Builder::new().unseals_itself().start();
    let init = server.init_recovery(3, 2);
    assert_eq!(init.keys_hex.len(), 3);
    server.wait_until(is_active);
    server.kill();
    server.start();
    server.wait_until(is_active);
    server.seal(&init.root_token);
    let status = server.seal_status();
    let seal = Flavour::of_this_run().foreign_seal();
    assert_eq!((&status["type"], &status["recovery_seal"]), (&json!(seal), &json!(true)));
}

#[test]
fn a_second_node_joins_by_itself_and_stands_by_once_unsealed() {
    if cannot(Ability::Cluster) {
        return;
    }
    let authority = Authority::new("Private CA");
    let leader = Builder::new().tls(&authority).start();
    let init = leader.init(1, 1);
    leader.unseal(&init);
    let second = Builder::new().tls(&authority).join(&leader, "n2").start();
    second.wait_until(is_sealed);
    second.submit(&init.keys_hex[0]);
    second.wait_until(|health| health["sealed"] == false && health["standby"] == true);
}

#[test]
fn a_hostile_server_follows_its_scripts_and_records_what_it_was_asked() {
    let authority = Authority::new("Private CA");
    let server = Hostile::tls(&authority.issue(&["127.0.0.1"], Validity::Now));
    let client = Client::tls(server.address(), &authority.pem(), None).timeout(Duration::from_secs(1));
    server.on(
        "PUT /v1/sys/unseal",
        [
            Behaviour::json(200, &json!({"sealed": true, "progress": 1})),
            Behaviour::proxy_503(),
            Behaviour::CloseMidBody(b"{\"sealed\":false}".to_vec()),
            Behaviour::StallAfterHeaders,
        ],
    );
    let outcomes: Vec<String> = (1..=5)
        .map(|key| match client.put("/v1/sys/unseal?n=1", &json!({"key": key})) {
            Ok(answer) => format!("{} {}", answer.status, answer.body.len()),
            Err(error) => format!("{:?}", error.kind()),
        })
        .collect();
    assert_eq!(outcomes, ["200 28", "503 107", "UnexpectedEof", "WouldBlock", "WouldBlock"]);
    let requests = server.wait_for("PUT /v1/sys/unseal", 5);
    assert_eq!(requests[2].json(), json!({"key": 3}));
    assert_eq!(requests[2].header("content-type"), Some("application/json"));
    assert_eq!((requests[4].connection, server.connections()), (4, 5));
    assert_eq!(client.get("/v1/sys/health").unwrap().status, 404);

    server.on("GET /big", [Behaviour::Flood(100 << 20)]);
    assert_eq!(client.get("/big").unwrap().body.len(), 100 << 20);
    server.on("GET /slow", [Behaviour::Drip { every: Duration::from_millis(1), body: b"{}".to_vec() }]);
    assert_eq!(client.get("/slow").unwrap().text(), "{}");
    server.on_accept(OnAccept::Greet(b"SSH-2.0-x\r\n".to_vec()));
    assert_eq!(
        client.get("/").unwrap_err().to_string(),
        "received corrupt message of type InvalidContentType"
    );
}

#[test]
fn every_recorded_answer_can_be_read() {
    for (recorded, count) in [(recorded::openbao(), 188), (recorded::rustyvault(), 37)] {
        assert_eq!(recorded.len(), count);
        for (index, row) in recorded.iter().enumerate() {
            assert_eq!(row.number as usize, index + 1);
            assert!(row.path.starts_with('/') && (200..600).contains(&row.status), "{row:?}");
        }
    }
}

#[test]
fn a_daemon_is_heard_signalled_and_awaited() {
    let script =
        "trap 'echo reloaded' HUP; trap 'echo bye; exit 3' TERM; echo up >&2; while :; do sleep 0.01; done";
    let mut daemon = Daemon::start(Command::new("/bin/sh").args(["-c", script]));
    assert_eq!(daemon.wait_for_line("up").source, Source::Stderr);
    for _ in 0..2 {
        daemon.hangup();
        daemon.wait_for_line("reloaded");
    }
    assert!(daemon.ended().is_none());
    daemon.terminate();
    assert_eq!(daemon.exit_status(PATIENCE).code(), Some(3));
    assert_eq!(daemon.output(), "up\nreloaded\nreloaded\nbye\n");
}

#[test]
fn notifications_are_split_into_assignments() {
    let mut notify = Notify::new();
    let sender = UnixDatagram::unbound().unwrap();
    sender.send_to(b"READY=1\nSTATUS=1 node: sealed", notify.path()).unwrap();
    notify.wait_for("READY=1");
    assert_eq!(notify.wait_for("STATUS=").text, "STATUS=1 node: sealed");
}

#[test]
#[ignore = "builds RustyVault first, which takes minutes"]
fn rustyvault_differs_from_openbao_in_these_ways() {
    let mut server = RustyVault::start_plain();
    assert_eq!(server.get("/v1/sys/health").status, 404, "there is no health");
    assert_eq!(server.get("/v1/sys/seal-status").status, 500, "nor a seal status before the initialisation");
    let init = server.init(5, 3);
    let status = |progress: u8, sealed: bool| json!({"sealed": sealed, "t": 5, "n": 3, "progress": progress});
    assert_eq!(server.get("/v1/sys/seal-status").json(), status(0, true), "t and n are swapped");
    assert_eq!(server.submit("iAdGoHQyF1jcj8uGgjDtN59JPf7L/YeJvhAYMOOlvJ4B").status, 500, "hex alone");
    assert_eq!(server.submit(&init.keys_hex[0]).json(), status(1, true));
    assert_eq!(server.submit(&init.keys_hex[0]).json(), status(1, true), "a duplicate counts once");
    assert_eq!(server.put("/v1/sys/unseal", &json!({"reset": true})).status, 500, "there is no reset");
    assert_eq!(server.submit(&init.keys_hex[1]).json(), status(2, true));
    let failed = server.submit(&"5a".repeat(33));
    assert_eq!((failed.status, failed.json()), (400, json!({"error": "RustyVault unseal failed."})));
    assert_eq!(server.get("/v1/sys/seal-status").json(), status(0, true), "a failed round is forgotten");
    for (share, progress) in [(2, 1), (3, 2)] {
        assert_eq!(server.submit(&init.keys_hex[share]).json(), status(progress, true));
    }
    assert_eq!(server.submit(&init.keys_hex[4]).json(), status(0, false));
    let again = server.submit(&init.keys_hex[4]);
    assert_eq!((again.status, again.json()), (400, json!({"error": "RustyVault is unsealed."})));
    server.kill();
    server.start();
    assert_eq!(server.get("/v1/sys/seal-status").json(), status(0, true));
}
