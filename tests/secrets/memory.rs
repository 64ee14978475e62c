//! The live daemon's memory.

use std::collections::BTreeSet;

use serde_json::json;

use crate::are_root;
use crate::needles::Needles;
use crate::support::certs::{Authority, Validity};
use crate::support::home::{Home, lines, shares_of_nobody, trusting, unhex};
use crate::support::hostile::{Behaviour, HEALTH, Hostile, SEAL_STATUS, UNSEAL};
use crate::support::process::{Daemon, run};
use crate::support::server::{Builder, Server, is_active};
use crate::support::{PATIENCE, poll};

fn nothing() -> BTreeSet<String> {
    BTreeSet::new()
}

/// A sealed server of three shares that answers each like this. It tells its health once: there is one attempt.
fn sealed_server(answer: impl IntoIterator<Item = Behaviour>) -> Hostile {
    sealed(Hostile::http(), answer)
}

fn sealed(server: Hostile, answer: impl IntoIterator<Item = Behaviour>) -> Hostile {
    let health = json!({"initialized": true, "sealed": true, "standby": true});
    let status = json!({"type": "shamir", "initialized": true, "sealed": true, "t": 3, "n": 5, "progress": 0,
                        "nonce": ""});
    server.on(HEALTH, [Behaviour::json(299, &health), Behaviour::Stall]);
    server.on(SEAL_STATUS, [Behaviour::json(200, &status)]);
    server.on(UNSEAL, answer);
    server
}

#[test]
fn shares_are_found_while_they_are_held() {
    if !are_root() {
        return;
    }
    // Without this, finding nothing elsewhere would prove nothing.
    let server = sealed_server([Behaviour::Stall]);
    let shares = shares_of_nobody(5, 3);
    let home = Home::of_hostile(&server, &lines(&shares));
    let daemon = home.run();
    server.wait_for(UNSEAL, 1);
    let found = Needles::of_hex(&shares).find_in_process(daemon.pid());
    for number in 1..=5 {
        let raw = format!("share {number} raw in ");
        assert!(found.iter().any(|found| found.starts_with(&raw)), "{raw}: {found:?}");
    }
    assert!(
        found.iter().any(|found| found.starts_with("share 1 in hex in ")),
        "the request under way: {found:?}"
    );
}

/// Unseals with a share file of this text, again after a restart, and looks for the shares each time.
fn forgets(
    mut server: Server,
    shares: usize,
    threshold: usize,
    form: impl Fn(&crate::support::server::Init) -> String,
) {
    if !are_root() {
        return;
    }
    let init = server.init(shares, threshold);
    let needles = Needles::of(&init);
    let home = Home::of(&server, &form(&init));
    let mut daemon = home.run();
    for round in 1..=2 {
        daemon.wait_for_line(": unsealed (active)");
        assert_eq!(needles.find_in_process(daemon.pid()), nothing(), "after unsealing it {round} times");
        server.kill();
        daemon.wait_for_line("unreachable");
        server.start();
    }
}

fn over_tls() -> Server {
    Builder::new().tls(&Authority::new("Private CA")).start()
}

#[test]
fn three_of_five_over_tls_from_json_are_forgotten() {
    forgets(over_tls(), 5, 3, |init| init.json.clone());
}

#[test]
fn three_of_five_over_tls_from_lines_of_base64_are_forgotten() {
    forgets(over_tls(), 5, 3, |init| lines(&init.keys_base64));
}

#[test]
fn three_of_five_over_http_from_lines_of_hex_are_forgotten() {
    forgets(Server::start_plain(), 5, 3, |init| lines(&init.keys_hex));
}

/// The forms whose reading needs more than the buffer of the file: what a terminal was sent, a document of names.
#[test]
fn shares_of_a_record_of_yaml_and_of_objects_are_forgotten() {
    let numbered = |line: fn(usize, &str) -> String, keys: &[String]| -> String {
        keys.iter().enumerate().map(|(index, key)| line(index + 1, key)).collect()
    };
    forgets(Server::start_plain(), 5, 3, |init| {
        numbered(
            |number, key| format!("\x1b[0mUnseal Key {number}: \x1b[1m{key}\x1b[0m\r\n"),
            &init.keys_base64,
        )
    });
    forgets(Server::start_plain(), 5, 3, |init| {
        let cut = |number, key: &str| format!("Unseal Key {number}: {}\n{}\n", &key[..50], &key[50..]);
        numbered(cut, &init.keys_hex)
    });
    forgets(Server::start_plain(), 5, 3, |init| {
        let list = numbered(|_, key| format!("- {key}\n"), &init.keys_base64);
        format!("unseal_keys_b64:\n{list}unseal_shares: 5\nunseal_threshold: 3\n")
    });
    forgets(Server::start_plain(), 5, 3, |init| {
        let list = numbered(
            |number, key| format!("{{\"name\": \"n{number}\", \"key\": \"{key}\"}},"),
            &init.keys_hex,
        );
        format!("{{\"unseal_keys\": [{}]}}", list.trim_end_matches(','))
    });
    forgets(Server::start_plain(), 5, 3, |init| {
        numbered(|number, key| format!("export VAULT_UNSEAL_KEY_{number}='{key}'\n"), &init.keys_base64)
    });
}

#[test]
fn one_of_one_over_tls_is_forgotten() {
    forgets(over_tls(), 1, 1, |init| init.json.clone());
}

#[test]
fn shares_that_wait_for_others_are_forgotten() {
    if !are_root() {
        return;
    }
    let server = Server::start_plain();
    let init = server.init(5, 3);
    let home = Home::of(&server, &lines(&init.keys_hex[..2]));
    let mut daemon = home.run();
    daemon.wait_for_line("waiting-for-peers (2/3)");
    assert_eq!(Needles::of(&init).find_in_process(daemon.pid()), nothing());
    server.submit(&init.keys_hex[4]);
    server.wait_until(is_active);
}

#[test]
fn shares_that_came_to_nothing_are_forgotten() {
    if !are_root() {
        return;
    }
    let taken = |progress| {
        Behaviour::json(
            200,
            &json!({"type": "shamir", "initialized": true, "sealed": true, "t": 3, "n": 5, "progress": progress,
                    "nonce": "n"}),
        )
    };
    let wrong = Behaviour::json(400, &json!({"errors": ["cipher: message authentication failed"]}));
    let proxy = Behaviour::proxy_503();
    let round = [taken(1), taken(2), wrong.clone(), taken(0), taken(1), taken(2), wrong];
    for (what, answers, state) in [
        ("rejected", round.to_vec(), "shares-rejected"),
        ("not taken", vec![taken(1), proxy], "unreachable (HTTP 503"),
        ("sent into a closed connection", vec![Behaviour::Close], "unreachable (the connection was closed"),
        ("sent into silence, and joining", vec![taken(1), taken(2), Behaviour::Stall], "joining"),
        ("sent into silence", vec![Behaviour::Stall], "unreachable (no answer within 300ms)"),
    ] {
        let server = sealed_server(answers);
        if what == "rejected" {
            // Each connection that had a bad answer is ended, and the next one proves itself by its health.
            server.on(
                HEALTH,
                [Behaviour::json(299, &json!({"initialized": true, "sealed": true, "standby": true}))],
            );
        }
        let shares = shares_of_nobody(5, 3);
        let home = Home::of_hostile(&server, &lines(&shares));
        home.configure(&[&server.url()], "request_timeout = \"300ms\"\nunseal_timeout = \"300ms\"");
        let mut daemon = home.run();
        daemon.wait_for_line(state);
        assert_eq!(Needles::of_hex(&shares).find_in_process(daemon.pid()), nothing(), "{what}");
    }
}

#[test]
fn a_file_that_was_proved_at_the_start_or_at_a_reload_is_forgotten() {
    if !are_root() {
        return;
    }
    let server = Hostile::http();
    let shares = shares_of_nobody(5, 3);
    let home = Home::of_hostile(&server, &lines(&shares));
    let needles = Needles::of_hex(&shares);
    let mut daemon: Daemon = home.run();
    daemon.wait_for_line("unreachable (HTTP 404");
    assert_eq!(needles.find_in_process(daemon.pid()), nothing());
    daemon.hangup();
    daemon.wait_for_line("configuration reloaded");
    assert_eq!(needles.find_in_process(daemon.pid()), nothing());
}

/// The file is read while the server is asked whether it is sealed.
#[test]
fn shares_that_were_read_ahead_for_an_unsealed_server_are_forgotten() {
    if !are_root() {
        return;
    }
    let status =
        json!({"type": "shamir", "initialized": true, "sealed": false, "t": 3, "n": 5, "progress": 0});
    let health = json!({"initialized": true, "sealed": false, "standby": false});
    for round in 0..3 {
        let server = Hostile::http();
        server.on(SEAL_STATUS, [Behaviour::json(200, &status)]);
        server.on(HEALTH, [Behaviour::json(200, &health)]);
        let shares = shares_of_nobody(5, 3);
        let home = Home::of_hostile(&server, &lines(&shares));
        let mut daemon: Daemon = home.run();
        daemon.wait_for_line(": unsealed (active)");
        assert_eq!(Needles::of_hex(&shares).find_in_process(daemon.pid()), nothing(), "{round}");
        assert_eq!(server.submissions(), Vec::<String>::new());
    }
}

/// Answers that repeat what was sent, wherever there is room.
fn echoes(share: &str) -> Vec<(&'static str, Behaviour)> {
    let (upper, raw) = (share.to_uppercase(), unhex(share));
    let answer = |head: String, body: &[u8]| Behaviour::Raw([head.as_bytes(), b"\r\n\r\n", body].concat());
    let page = [format!("<pre>{share} {upper} ").as_bytes(), &raw[..]].concat();
    let errors = json!({"errors": [format!("no such key: {share}")]}).to_string();
    let status = json!({"type": share, "initialized": true, "sealed": false, "t": 3, "n": 5, "progress": 0,
                        "nonce": share, "version": share, "cluster_name": upper});
    let (length, long) = (page.len(), [&page[..], &vec![b' '; 70_000], &page].concat());
    let chunked = "HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked";
    vec![
        (
            "an error",
            answer(format!("HTTP/1.1 500 Oops\r\nContent-Length: {}", errors.len()), errors.as_bytes()),
        ),
        (
            "a page, without the end of the connection",
            Behaviour::text(502, "text/html", &format!("{share} {upper}")),
        ),
        (
            "a header and a page",
            answer(format!("HTTP/1.1 500 {share}\r\nX: {upper}\r\nContent-Length: {length}"), &page),
        ),
        (
            "trailers",
            answer(chunked.to_owned(), format!("1;x={upper}\r\n \r\n0\r\nX: {share}\r\n\r\n").as_bytes()),
        ),
        ("early hints", answer(format!("HTTP/1.1 103 Early\r\nLink: {share}"), b"HTTP/1.1 500 Oops\r\n\r\n")),
        ("a redirect", Behaviour::redirect(307, &format!("https://{share}.example/{upper}"))),
        ("half an answer", answer("HTTP/1.1 200 OK\r\nContent-Length: 60000".to_owned(), &page)),
        ("too long an answer", answer(format!("HTTP/1.1 200 OK\r\nContent-Length: {}", long.len()), &long)),
        ("no header", answer(format!("HTTP/1.1 200 OK\r\n{share}\0: {upper}"), b"")),
        ("no HTTP", Behaviour::Raw(page.clone())),
        ("a seal status", Behaviour::json(200, &status)),
        (
            "an answer without an end",
            Behaviour::RawThenStall(
                [b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n", &page[..]].concat(),
            ),
        ),
    ]
}

fn forgets_echoes(server: impl Fn() -> Hostile, tls: &str) {
    if !are_root() {
        return;
    }
    let shares = shares_of_nobody(5, 3);
    for (what, answer) in echoes(&shares[0]) {
        let server = sealed(server(), [answer]);
        let home = Home::new();
        home.shares(&lines(&shares));
        home.configure(&[&server.url()], &format!("request_timeout = \"1s\"\n{tls}"));
        let daemon = home.run();
        server.wait_for(UNSEAL, 1);
        // Asked again: the answer was dealt with.
        server.wait_for(HEALTH, 2);
        assert_eq!(Needles::of_hex(&shares).find_in_process(daemon.pid()), nothing(), "{what}");
    }
}

#[test]
fn answer_that_repeats_the_share_is_forgotten() {
    forgets_echoes(Hostile::http, "");
}

#[test]
fn answer_that_repeats_the_share_over_tls_is_forgotten() {
    let authority = Authority::new("Private CA");
    let directory = crate::support::directory::directory();
    let ca = authority.write(directory.path(), "ca.crt");
    let certificate = authority.issue(&["127.0.0.1"], Validity::Now);
    forgets_echoes(|| Hostile::tls(&certificate), &trusting(&ca));
}

/// Its own body is in use until the shares are stored; a header that came with it is in the libraries' buffers alone.
#[test]
fn buffers_of_the_answer_to_init_are_wiped() {
    if !are_root() {
        return;
    }
    let (shares, needle) = (shares_of_nobody(5, 3), shares_of_nobody(1, 1));
    let server = Hostile::http();
    let status = json!({"type": "shamir", "initialized": false, "sealed": true, "t": 0, "n": 0, "progress": 0,
                        "nonce": ""});
    server
        .on(HEALTH, [Behaviour::json(299, &json!({"initialized": false, "sealed": true, "standby": true}))]);
    server.on(SEAL_STATUS, [Behaviour::json(200, &status)]);
    let body = json!({"keys": shares, "root_token": "s.abcdefghijklmnop"}).to_string().into_bytes();
    let headers = vec![("X-Echo".to_owned(), needle[0].clone())];
    server.on("PUT /v1/sys/init", [Behaviour::Answer { status: 200, headers, body }]);
    // The first share for the revocation of the token: there it waits.
    server.on(UNSEAL, [Behaviour::Stall]);
    let home = Home::new();
    home.configure(&[&server.url()], "");
    let arguments = ["init", "--plain", "--output", "out.json", "--root-token", "revoke"];
    let process = Daemon::start(&mut home.command(&arguments));
    server.wait_for(UNSEAL, 1);
    assert_ne!(Needles::of_hex(&shares).find_in_process(process.pid()), nothing(), "the shares are in use");
    assert_eq!(Needles::of_hex(&needle).find_in_process(process.pid()), nothing());
}

#[test]
fn answer_that_repeats_the_share_is_forgotten_when_somebody_cuts_it_short() {
    if !are_root() {
        return;
    }
    let shares = shares_of_nobody(5, 3);
    let half = format!("HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n<pre>{}", shares[0].to_uppercase());
    let server = sealed_server([Behaviour::RawThenStall(half.into_bytes())]);
    let home = Home::of_hostile(&server, &lines(&shares));
    std::fs::create_dir(home.path("run")).unwrap();
    let daemon = Daemon::start(home.command(&["run"]).env("RUNTIME_DIRECTORY", home.path("run")));
    let needles = Needles::of_hex(&shares);
    let echo = |found: &String| found.starts_with("share 1 in upper-case hex");
    let arrived = || needles.find_in_process(daemon.pid()).iter().any(echo).then_some(());
    assert!(poll(PATIENCE, arrived).is_some(), "half an answer arrives");
    let hold = run(home.command(&["hold", "--all"]).arg("--socket").arg(home.path("run/control.sock")));
    assert!(hold.status.success(), "{}", String::from_utf8_lossy(&hold.stderr));
    server.wait_for(HEALTH, 2);
    assert_eq!(needles.find_in_process(daemon.pid()), nothing());
}
