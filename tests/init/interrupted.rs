//! Signals, crashes and lost answers: no share is lost, or nothing has happened.

use std::fs;
use std::io::Read;
use std::process::Stdio;

use rustix::process::Signal;

use crate::support::PATIENCE;
use crate::support::guarded::Guarded;
use crate::support::hostile::{Behaviour, Gate, Hostile, UNSEAL};
use crate::support::process::run;
use crate::support::server::{Server, is_active};
use crate::{INIT, daemon_unseals, home_of, init, is_as_in, names, proxy, stored, succeeds, text};

const REVOKE: &str = "PUT /v1/auth/token/revoke-self";
const PLAIN: [&str; 4] = ["--plain", "--output", "shares.json", "--json"];

#[test]
fn signals_wait_until_the_answer_is_stored() {
    let server = Server::start_plain();
    let proxy = proxy(&server);
    let gate = Gate::default();
    proxy.on(INIT, [Behaviour::ForwardHeld(server.address(), gate.clone())]);
    let home = home_of(&proxy.url());
    let mut command = init(&home, &PLAIN);
    let mut process = Guarded::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    gate.wait_until_reached();
    assert_eq!(
        server.health()["initialized"],
        true,
        "the server has answered, and nobody has the answer yet"
    );
    for signal in [Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT] {
        process.signal(signal);
    }
    let (stdout, stderr) = process.pipes();
    // The remark proves that the signals came before the answer.
    let mut stderr = std::io::BufReader::new(stderr.unwrap());
    let mut said = String::new();
    while !said.contains("must not get lost") {
        assert!(std::io::BufRead::read_line(&mut stderr, &mut said).unwrap() > 0, "{said}");
    }
    gate.open();
    let mut printed = String::new();
    stdout.unwrap().read_to_string(&mut printed).unwrap();
    assert_eq!(process.wait(PATIENCE).unwrap().code(), Some(0), "{printed}");
    assert_eq!(names(&home), ["shares.json"]);
    daemon_unseals(&home, &server, "shares = { file = \"shares.json\" }");
}

#[test]
fn killed_before_the_request_nothing_has_happened_and_nothing_is_in_the_way() {
    let server = Server::start_plain();
    let proxy = proxy(&server);
    // Hangs at its second look, right before the request.
    proxy.on(crate::HEALTH, [Behaviour::Forward(server.address()), Behaviour::Stall]);
    let home = home_of(&proxy.url());
    let mut process = Guarded::spawn(init(&home, &PLAIN).stdout(Stdio::null()).stderr(Stdio::null()));
    proxy.wait_for(crate::HEALTH, 2);
    assert_eq!(names(&home).len(), 3, "all is prepared: {:?}", names(&home));
    process.signal(Signal::KILL);
    process.wait(PATIENCE).unwrap();
    assert_eq!(server.health()["initialized"], false);
    let output = run(init(&home, &PLAIN).arg("--resume"));
    is_as_in("nothing-to-resume.txt", &home, &[&proxy.url()], &text(&output));

    proxy.forward(server.address());
    succeeds(&mut init(&home, &PLAIN));
    assert_eq!(names(&home), ["shares.json"]);
}

#[test]
fn killed_after_the_answer_it_is_resumed() {
    let server = Server::start_plain();
    let proxy = proxy(&server);
    proxy.on(UNSEAL, [Behaviour::Stall]);
    let home = home_of(&proxy.url());
    let arguments = [&PLAIN[..], &["--root-token", "revoke"]].concat();
    let mut process = Guarded::spawn(init(&home, &arguments).stdout(Stdio::null()).stderr(Stdio::null()));
    proxy.wait_for(UNSEAL, 1);
    process.signal(Signal::KILL);
    process.wait(PATIENCE).unwrap();
    let held = stored(&home.path("shares.json"));
    assert_eq!(names(&home), ["shares.json", "shares.json.rescue", "shares.json.rescue-key"]);
    let rescue = fs::read(home.path("shares.json.rescue")).unwrap();
    assert!(!String::from_utf8_lossy(&rescue).contains("root_token"), "it is encrypted");

    proxy.forward(server.address());
    // Not by itself: the server is initialised.
    let output = run(&mut init(&home, &arguments));
    is_as_in("unfinished.txt", &home, &[&proxy.url()], &text(&output));
    // The same shares, and what was not done yet.
    succeeds(init(&home, &arguments).arg("--resume"));
    assert!(is_active(&server.health()));
    assert_eq!(stored(&home.path("shares.json")), held);
    assert_eq!(names(&home), ["shares.json"]);
    let token = proxy.wait_for(REVOKE, 1)[0].header("x-vault-token").unwrap().to_owned();
    assert_eq!(crate::looked_up(&server, &token), 403);
}

#[test]
fn resumed_after_the_token_was_revoked_it_ends() {
    let server = Server::start_plain();
    let proxy = proxy(&server);
    let home = home_of(&proxy.url());
    let arguments = [&PLAIN[..], &["--root-token", "revoke"]].concat();
    let resumed = || run(init(&home, &arguments).arg("--resume"));
    // The last thing that can fail: the token is dead by then.
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = init(&home, &arguments).stdout(full).output().unwrap();
    assert!(!output.status.success() && text(&output).contains("--resume"), "{}", text(&output));
    let token = proxy.wait_for(REVOKE, 1)[0].header("x-vault-token").unwrap().to_owned();
    assert_eq!(crate::looked_up(&server, &token), 403);
    // A proxy that forbids says nothing of the token.
    proxy.on(REVOKE, [Behaviour::text(403, "text/html", "<html>forbidden</html>")]);
    assert_eq!(resumed().status.code(), Some(1));
    assert_eq!(names(&home), ["shares.json", "shares.json.rescue", "shares.json.rescue-key"]);
    proxy.on(REVOKE, [Behaviour::Forward(server.address())]);
    let output = resumed();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    assert!(text(&output).contains("revoked"), "{}", text(&output));
    assert_eq!(names(&home), ["shares.json"]);
}

#[test]
fn at_first_a_token_that_cannot_be_revoked_is_not_taken_for_revoked() {
    let server = Server::start_plain();
    let proxy = proxy(&server);
    let denied = serde_json::json!({"errors": ["permission denied"]});
    proxy.on(REVOKE, [Behaviour::json(403, &denied)]);
    let home = home_of(&proxy.url());
    let output = run(init(&home, &PLAIN).args(["--root-token", "revoke"]));
    assert!(text(&output).contains("permission denied"), "{}", text(&output));
    assert_eq!(names(&home), ["shares.json", "shares.json.rescue", "shares.json.rescue-key"]);
}

#[test]
fn a_lost_answer_is_told_with_what_to_do() {
    let server = Server::start_plain();
    let proxy = proxy(&server);
    proxy.on(INIT, [Behaviour::ForwardLost(server.address())]);
    let home = home_of(&proxy.url());
    let output = run(&mut init(&home, &PLAIN));
    assert_eq!(server.health()["initialized"], true);
    let mut texts = String::from("# the server did it\n") + &text(&output);
    assert!(names(&home).is_empty(), "{:?}", names(&home));
    assert_eq!(proxy.wait_for(INIT, 1).len(), 1, "never twice");

    let server = crate::says(false, "shamir");
    server.on(INIT, [Behaviour::Close]);
    let home = home_of(&server.url());
    texts = texts
        + "\n# it did not\n"
        + &text(&run(&mut init(&home, &PLAIN))).replace(&server.url(), &proxy.url());
    assert_eq!(server.wait_for(INIT, 1).len(), 1, "never twice");
    server.on(INIT, [Behaviour::proxy_503()]);
    texts = texts
        + "\n# a proxy answers\n"
        + &text(&run(&mut init(&home, &PLAIN))).replace(&server.url(), &proxy.url());
    assert!(names(&home).is_empty(), "{:?}", names(&home));
    is_as_in("lost.txt", &home, &[&proxy.url()], &texts);
}

#[test]
fn server_that_refuses_is_told_without_its_words() {
    let server = crate::says(false, "shamir");
    let refusal = serde_json::json!({"errors": ["invalid seal configuration: threshold too large"]});
    server.on(INIT, [Behaviour::json(400, &refusal)]);
    let home = home_of(&server.url());
    let output = run(&mut init(&home, &PLAIN));
    is_as_in("server-refuses.txt", &home, &[&server.url()], &text(&output));
    assert!(names(&home).is_empty());
}

#[test]
fn half_an_answer_is_kept_and_shown() {
    let shares = crate::support::home::shares_of_nobody(5, 3);
    let body =
        serde_json::json!({"keys": shares, "padding": "x".repeat(600), "root_token": "s.never-arrives"});
    let server: Hostile = crate::says(false, "shamir");
    server.on(INIT, [Behaviour::CloseMidBody(body.to_string().into_bytes())]);
    let home = home_of(&server.url());
    let shown = text(&run(&mut crate::on_a_terminal(&init(&home, &PLAIN))));
    let whole = shares.iter().filter(|share| shown.contains(share.as_str())).count();
    assert!(whole >= 3, "{shown}");
    assert_eq!(names(&home), ["shares.json.rescue", "shares.json.rescue-key"]);
    // Without a terminal nothing of it reaches a log.
    let again = text(&run(init(&home, &PLAIN).arg("--resume")));
    assert!(
        again.starts_with("exit 1") && shares.iter().all(|share| !again.contains(share.as_str())),
        "{again}"
    );
}
