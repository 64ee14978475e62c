//! What people are told of real servers.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;

use crate::stage::{notify, notify_command, unsealed};
use crate::support::PATIENCE;
use crate::support::certs::{Authority, Validity};
use crate::support::home::Home;
use crate::support::poll;
use crate::support::process::{Daemon, run};
use crate::support::receiver::{Manner, Receiver};

/// A target at once, over a URL in a file.
fn webhook(home: &Home, name: &str, receiver: &Receiver, more: &str) -> String {
    let url = home.put(&format!("{name}.url"), receiver.url());
    let url = url.display();
    format!(
        "[[notify]]\nname = \"{name}\"\nafter = \"0s\"\nbatch = \"0s\"\nwebhook = {{ url = {{ file = \"{url}\" }} {more} }}\n"
    )
}

fn entries(request: &crate::support::receiver::Request) -> Vec<String> {
    let json = request.json();
    let word = |entry: &serde_json::Value| {
        format!("{} {}", entry["kind"].as_str().unwrap(), entry["event"].as_str().unwrap())
    };
    json["entries"].as_array().unwrap().iter().map(word).collect()
}

#[test]
fn a_server_that_is_away_is_told_with_its_end_also_when_the_notifier_is_killed_in_between() {
    let (mut server, _init, home, _daemon) = unsealed();
    let receiver = Receiver::start(Manner::Answers(204));
    let key = home.put("key", "the key\n");
    let target = webhook(&home, "ops", &receiver, &format!(", sign = {{ file = {key:?} }}"));
    let mut notifier = notify(&home, &target);
    notifier.wait_for_line("tells ops (webhook)");

    server.kill();
    let told = receiver.next();
    assert_eq!(told.line, "POST /secret-token HTTP/1.1");
    assert_eq!(entries(&told), ["problem unreachable"]);
    let json = told.json();
    assert_eq!((json["schema"].as_u64(), json["severity"].as_str()), (Some(1), Some("problem")));
    assert_eq!(json["entries"][0]["node"], server.url());
    assert!(json["title"].as_str().unwrap().ends_with(": unreachable"), "{json}");
    // What a receiver checks, by another implementation: HMAC-SHA256 of time, a point and the body.
    home.put("signed", &format!("{}.{}", told.header("x-vault-unseal-timestamp"), told.body));
    let output = run(std::process::Command::new("openssl")
        .args(["dgst", "-sha256", "-hmac", "the key", "-r"])
        .arg(home.path("signed")));
    let expected = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        told.header("x-vault-unseal-signature"),
        format!("sha256={}", expected.split(' ').next().unwrap())
    );

    // Once it is noted that it was told.
    let noted =
        || fs::read_to_string(home.path("state/told.json")).ok().filter(|told| told.contains("unreachable"));
    poll(PATIENCE, noted).expect("a note");
    notifier.signal(Signal::KILL);
    notifier.exit_status(PATIENCE);
    server.start();
    server.wait_until(|status| status["sealed"] == false);
    let mut notifier = Daemon::start(&mut notify_command(&home, &[]));
    let told = receiver.next();
    assert_eq!(entries(&told), ["over unreachable"]);
    notifier.wait_for_line("told ops: ");
    notifier.terminate();
    assert!(notifier.exit_status(PATIENCE).success());
    assert!(receiver.rest().is_empty(), "and nothing else");
    assert!(!notifier.output().contains("secret-token"), "{}", notifier.output());
}

#[test]
fn a_held_server_that_is_sealed_is_told_in_the_words_of_each_service() {
    let (server, init, home, _daemon) = unsealed();
    let (slack, ntfy) = (Receiver::start(Manner::Answers(200)), Receiver::start(Manner::Answers(200)));
    let token = home.put("token", "tk_1");
    let targets = webhook(&home, "slack", &slack, ", format = \"slack\"")
        + &webhook(&home, "ntfy", &ntfy, &format!(", format = \"ntfy\", token = {{ file = {token:?} }}"));
    let mut notifier = notify(&home, &targets);
    notifier.wait_for_line("tells slack (webhook), ntfy (webhook)");

    let hold = run(home.command(&["hold", "--all"]).arg("--socket").arg(home.path("run/control.sock")));
    assert!(hold.status.success(), "{hold:?}");
    let text = slack.next().json()["text"].as_str().unwrap().to_owned();
    assert!(text.contains(": held*\n") && text.contains(": held (cluster default), on request"), "{text}");
    let told = ntfy.next();
    assert!(told.header("title").ends_with(": held") && told.header("priority") == "high", "{told:?}");
    assert_eq!(told.header("authorization"), "Bearer tk_1");
    assert!(told.body.contains(": held (cluster default), on request"), "{}", told.body);

    let resume = run(home.command(&["resume", "--all"]).arg("--socket").arg(home.path("run/control.sock")));
    assert!(resume.status.success(), "{resume:?}");
    assert!(ntfy.next().body.contains(": no longer held"));
    // So soon after it was unsealed, a seal is taken for the server's own.
    server.seal(&init.root_token);
    let told = ntfy.wait_for(|request| request.body.contains("self-seal"));
    assert!(told.body.contains("it sealed itself soon after it was unsealed"), "{}", told.body);
}

#[test]
fn a_service_hears_that_all_is_well_until_the_daemon_stops() {
    let (_server, _init, home, mut daemon) = unsealed();
    let (checks, kuma) = (Receiver::start(Manner::Answers(200)), Receiver::start(Manner::Answers(200)));
    let (of_checks, of_kuma) = (
        home.put("checks", checks.url()),
        home.put("kuma", &format!("{}?status=up&msg=OK&ping=", kuma.url())),
    );
    let mut notifier = notify(
        &home,
        &format!(
            "[[notify]]\nname = \"checks\"\nafter = \"1s\"\nping = {{ url = {{ file = {of_checks:?} }}, every = \"1s\" }}\n\
             [[notify]]\nname = \"kuma\"\nafter = \"1s\"\nping = {{ url = {{ file = {of_kuma:?} }}, every = \"1s\", format = \"uptime-kuma\" }}\n"
        ),
    );
    for _ in 0..3 {
        assert_eq!(checks.next().line, "POST /secret-token HTTP/1.1");
        assert_eq!(kuma.next().line, "GET /secret-token?status=up&msg=OK HTTP/1.1");
    }
    daemon.terminate();
    let failure = checks.wait_for(|request| request.line.starts_with("POST /secret-token/fail "));
    assert_eq!(failure.body, "vault-unseal: it does not run");
    kuma.wait_for(|request| request.line.contains("?status=down&msg=vault-unseal"));
    notifier.terminate();
    notifier.exit_status(PATIENCE);
    checks.rest();
    // A whole second without one: the service misses it.
    std::thread::sleep(Duration::from_secs(2));
    assert!(checks.rest().is_empty());
}

#[test]
fn a_program_is_given_the_message_and_does_not_outlive_its_time() {
    let (mut server, _init, home, daemon) = unsealed();
    let takes = |name: &str, script: &str| {
        let path = home.put(name, &format!("#!/bin/sh\n{script}\n"));
        home.chmod(name, 0o700);
        path
    };
    let (json, text) = (home.path("told.json"), home.path("told.txt"));
    let of_json =
        takes("json", &format!("cat >{json:?}.new && mv {json:?}.new {json:?}; env >{:?}", home.path("env")));
    let of_text = takes("text", &format!("cat >{text:?}.new && mv {text:?}.new {text:?}"));
    let of_failure = takes("failure", "echo password; exit 3");
    let target = |name: &str, path: &std::path::Path, more: &str| {
        format!(
            "[[notify]]\nname = \"{name}\"\nafter = \"0s\"\nbatch = \"0s\"\ncommand = {{ run = [{path:?}, \"a b\"] {more} }}\n"
        )
    };
    let targets = target("json", &of_json, "")
        + &target("text", &of_text, ", stdin = \"text\"")
        + &target("failure", &of_failure, "");
    let mut notifier = notify(&home, &targets);
    notifier.wait_for_line("tells json (command), text (command), failure (command)");
    server.kill();
    let written =
        |path: &std::path::Path| poll(PATIENCE, || fs::read_to_string(path).ok()).expect("a message");
    assert!(written(&json).contains(r#""event":"unreachable""#));
    let text = written(&text);
    assert!(text.starts_with("vault-unseal on ") && text.contains("\n\nhttp"), "{text}");
    notifier.wait_for_line(&format!("cannot tell failure: {} ended with 3.", of_failure.display()));
    assert!(!notifier.output().contains("password"), "what it prints may be a secret: {}", notifier.output());
    let env = written(&home.path("env"));
    assert!(!env.contains("STATE_DIRECTORY") && !env.contains("NOTIFY_SOCKET"), "{env}");
    drop(daemon);
}

#[test]
fn test_messages_arrive_or_say_what_is_wrong_without_the_address() {
    let home = Home::new();
    let (private, other) = (Authority::new("Private"), Authority::new("Other"));
    let certificate = private.issue(&["localhost"], Validity::Now);
    let receiver = Receiver::tls(&certificate, Manner::Answers(200));
    let plain = Receiver::start(Manner::Answers(200));
    let (good, bad) = (private.write(home.directory(), "good"), other.write(home.directory(), "bad"));
    let target = |name: &str, more: &str| webhook(&home, name, &receiver, more);
    let gone = home.put("gone.url", "http://127.0.0.1:1/secret-token");
    let lost = home.put("lost.url", "https://secret-token.invalid/secret-token");
    let far = home.put("far.url", "http://192.0.2.1/secret-token");
    let at = |name: &str, url: &std::path::Path| {
        format!("[[notify]]\nname = \"{name}\"\nwebhook = {{ url = {{ file = {url:?} }} }}\n")
    };
    home.put(
        "notify.toml",
        &(target("good", &format!(", tls = {{ ca_file = {good:?} }}"))
            + &target("bad", &format!(", tls = {{ ca_file = {bad:?} }}"))
            + &webhook(&home, "plain", &plain, "")
            + &at("gone", &gone)
            + &at("lost", &lost)
            + &at("far", &far)),
    );
    let output = run(&mut notify_command(&home, &["--test"]));
    let (stdout, stderr) =
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert_eq!(stdout, "ok    good (webhook)\nok    plain (webhook)\n", "{stderr}");
    assert!(
        stderr.contains("error: bad: its certificate is not accepted, or it speaks no TLS\n"),
        "{stderr}"
    );
    assert!(stderr.contains("error: gone: Connection refused (os error 111)\n"), "{stderr}");
    assert!(stderr.contains("error: lost: its name cannot be looked up"), "{stderr}");
    assert!(
        stderr.contains("error: far: the URL of the target would cross a network unencrypted"),
        "{stderr}"
    );
    assert!(!stderr.contains("secret-token"), "{stderr}");
    assert_eq!(receiver.next().json()["severity"], "test");
    // What is not encrypted is given to no proxy, which has another loopback.
    let output = run(notify_command(&home, &["--test", "plain"]).env("http_proxy", "http://127.0.0.1:1"));
    assert!(output.status.success(), "{output:?}");
    // A service is told what is so, and not that all is well for a test.
    let checks = Receiver::start(Manner::Answers(200));
    let url = home.put("checks.url", checks.url());
    home.put(
        "ping.toml",
        &format!("[[notify]]\nname = \"checks\"\nping = {{ url = {{ file = {url:?} }} }}\n"),
    );
    let output = run(crate::support::observer::observer(&[
        "notify",
        "--test",
        "--observe-socket",
        "/nonexistent",
        "--config",
    ])
    .arg(home.path("ping.toml")));
    assert!(output.status.success(), "{output:?}");
    assert_eq!(checks.next().line, "POST /secret-token/fail HTTP/1.1");
    let output = run(&mut notify_command(&home, &["--test", "nobody"]));
    assert_eq!(output.status.code(), Some(2));
}
