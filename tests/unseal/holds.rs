//! Servers that are left alone on purpose: sealed by an operator, or held on request.

use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Command, Output, Stdio};

use rustix::fs::{CWD, FileType, mknodat};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::certs::Authority;
use crate::support::home::{Home, lines, shares_of_nobody, trusting};
use crate::support::hostile::{Behaviour, Gate, HEALTH, Hostile};
use crate::support::process::{Daemon, Notify, run, vault_unseal};
use crate::support::server::{Builder, Init, Server, is_active, is_sealed};
use crate::support::status::status_document;

/// A server, the daemon's home, and the daemon, which was just seen to unseal it.
fn unsealed(more: &str) -> (Server, Init, Home, Daemon) {
    let server = Builder::new().tls(&Authority::new("Private CA")).start();
    let init = server.init(5, 3);
    let home = Home::new();
    home.shares(&init.json);
    home.configure(&[&server.url()], &format!("{more}\n{}", trusting(&server.ca_file())));
    home.make_run();
    let mut daemon = start(&home);
    daemon.wait_for_line(": unsealed (active)");
    (server, init, home, daemon)
}

/// Starts the daemon with the directory that systemd would make.
fn start(home: &Home) -> Daemon {
    Daemon::start(home.command(&["run"]).env("RUNTIME_DIRECTORY", home.path("run")))
}

/// `vault-unseal` that speaks to the daemon there.
fn to_daemon(home: &Home, arguments: &[&str]) -> Command {
    let mut command = vault_unseal(arguments);
    command.arg("--socket").arg(home.path("run/control.sock"));
    command
}

fn told(home: &Home, arguments: &[&str]) -> String {
    let output = run(&mut to_daemon(home, arguments));
    assert!(output.status.success(), "{}", stderr(&output));
    String::from_utf8(output.stdout).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What the daemon answers to a body that no client of ours sends.
fn posted(home: &Home, path: &str, body: &str) -> String {
    let mut socket = UnixStream::connect(home.path("run/control.sock")).unwrap();
    let length = body.len();
    write!(socket, "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}")
        .unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}

/// What `status --json` says of the one node.
fn status(home: &Home) -> Value {
    let mut command = home.command(&["status", "--json"]);
    let output = run(command.arg("--socket").arg(home.path("run/control.sock")));
    status_document(&output.stdout)["nodes"][0].clone()
}

/// The health of a sealed server.
fn sealed() -> Behaviour {
    Behaviour::json(503, &json!({"initialized": true, "sealed": true, "standby": true}))
}

#[test]
fn a_second_daemon_leaves_the_socket_and_the_holds_to_the_first() {
    let (mut server, init, home, mut first) = unsealed("on_operator_seal = \"hold\"");
    let url = server.url();
    told(&home, &["hold", "--all"]);
    first.wait_for_line("held (on request; it is unsealed)");

    let mut second = start(&home);
    let line = second.wait_for_line("another daemon listens at").text;
    assert!(
        line.contains("run/control.sock: `hold` and `resume` reach that one and not this one. "),
        "{line}"
    );
    assert!(line.contains("Stop one of the two"), "{line}");
    second.wait_for_line("held (on request; it is unsealed)");
    server.kill();
    second.wait_for_line("unreachable");
    server.start();
    for daemon in [&mut first, &mut second] {
        daemon.wait_for_line("held (on request; it is sealed)");
    }
    assert_eq!(told(&home, &["resume", "--all"]), format!("{url}: resumed\n"));
    first.wait_for_line(": unsealed (active)");
    assert!(!second.output().contains(": unsealed (active)"), "it was not asked:\n{}", second.output());

    // Nobody takes an order, or a connection, and still the first one listens.
    first.signal(Signal::STOP);
    drop(second);
    let booked = fs::read(home.path("run/holds.json")).unwrap();
    let mut second = start(&home);
    second.wait_for_line("another daemon listens at");
    second.wait_for_line(": unsealed (active)");
    server.seal_later(&init.root_token);
    second.wait_for_line("held (an operator sealed it)");
    assert_eq!(fs::read(home.path("run/holds.json")).unwrap(), booked);

    // What is left of a daemon that was killed is nobody's.
    drop(first);
    drop(second);
    let mut third = start(&home);
    third.wait_for_line(": unsealed (active)");
    assert!(!third.output().contains("another daemon"), "{}", third.output());
    told(&home, &["hold", "--all"]);
    third.wait_for_line("held (on request; it is unsealed)");
}

#[test]
fn order_that_cannot_be_written_down_fails_and_says_when_it_is_forgotten() {
    let (server, _init, home, mut daemon) = unsealed("");
    let url = server.url();
    // Nothing can take its place, for root neither.
    let place = home.path("run/holds.json");
    fs::create_dir_all(place.join("in the way")).unwrap();

    let output = run(&mut to_daemon(&home, &["hold", "--all"]));
    assert_eq!(output.status.code(), Some(1));
    let held = format!("{url}: held now, and forgotten when the daemon restarts\n");
    assert_eq!(String::from_utf8_lossy(&output.stdout), held);
    assert!(
        stderr(&output).contains("error: the daemon could not write down its holds"),
        "{}",
        stderr(&output)
    );
    daemon.wait_for_line("cannot write");
    daemon.wait_for_line("held (on request; it is unsealed)");
    // The same order again does not pass for written.
    let output = run(&mut to_daemon(&home, &["hold", "--all", "--json"]));
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(serde_json::from_slice::<Value>(&output.stdout).unwrap()["kept"], false);

    fs::remove_dir_all(&place).unwrap();
    let written = told(&home, &["hold", "--all", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&written).unwrap()["kept"], true);
    fs::rename(&place, home.path("run/away")).unwrap();
    fs::create_dir_all(place.join("in the way")).unwrap();
    let output = run(&mut to_daemon(&home, &["resume", "--all"]));
    assert_eq!(output.status.code(), Some(1));
    let resumed = format!("{url}: resumed now, and held again when the daemon restarts\n");
    assert_eq!(String::from_utf8_lossy(&output.stdout), resumed);
    daemon.wait_for_line(": unsealed (active)");

    // Nobody reads what is said: the order is given all the same.
    fs::remove_dir_all(&place).unwrap();
    let gone = || Stdio::from(std::os::fd::OwnedFd::from(UnixStream::pair().unwrap().0));
    let mut unread = to_daemon(&home, &["hold", "--all"]);
    let status = unread.stdout(gone()).stderr(gone()).status().unwrap();
    assert_eq!(status.code(), Some(1));
    daemon.wait_for_line("held (on request; it is unsealed)");
}

#[test]
fn an_operators_seal_is_held_until_one_of_its_ends() {
    let (mut server, init, home, mut daemon) = unsealed("on_operator_seal = \"hold\"");
    let held =
        "held (an operator sealed it). It stays sealed until it is seen to restart, is unsealed by hand";
    server.seal_later(&init.root_token);
    daemon.wait_for_line(held);
    assert_eq!(status(&home)["state"], "held");
    assert!(is_sealed(&server.health()));
    // A restart of the daemon does not end it, for which there would be no evidence.
    daemon.terminate();
    let mut daemon = start(&home);
    daemon.wait_for_line(held);
    assert!(is_sealed(&server.health()));

    let url = server.url();
    assert_eq!(told(&home, &["resume", "127.0.0.1"]), format!("{url}: resumed\n"));
    server.wait_until(is_active);
    daemon.wait_for_line(": unsealed (active)");

    server.seal_later(&init.root_token);
    daemon.wait_for_line(held);
    server.kill();
    daemon.wait_for_line("unreachable (connection refused)");
    server.start();
    server.wait_until(is_active);
    daemon.wait_for_line(": unsealed (active)");

    server.seal_later(&init.root_token);
    daemon.wait_for_line(held);
    server.unseal(&init);
    daemon.wait_for_line(": unsealed (active)");
    let said = daemon.output().matches(held).count();
    assert_eq!(said, 3, "once each:\n{}", daemon.output());
}

#[test]
fn an_operators_seal_is_held_no_longer_than_configured() {
    let (server, init, home, mut daemon) = unsealed("on_operator_seal = \"hold\"\nhold_for = \"2s\"");
    let held = "held (an operator sealed it)";
    server.seal_later(&init.root_token);
    daemon.wait_for_line(held);
    server.wait_until(is_active);
    daemon.wait_for_line(": unsealed (active)");

    // A restart of the daemon does not make it longer.
    server.seal_later(&init.root_token);
    daemon.wait_for_line(held);
    daemon.terminate();
    assert!(daemon.exit_status(crate::support::PATIENCE).success());
    let mut daemon = start(&home);
    server.wait_until(is_active);
    daemon.wait_for_line(": unsealed (active)");
}

#[test]
fn an_operators_seal_is_held_no_longer_than_the_policy() {
    let hold = "on_operator_seal = \"hold\"";
    let (server, init, home, mut daemon) = unsealed(hold);
    let configure = |policy: &str| {
        home.configure(&[&server.url()], &format!("{policy}\n{}", trusting(&server.ca_file())));
    };
    let held = "held (an operator sealed it)";
    server.seal_later(&init.root_token);
    daemon.wait_for_line(held);
    configure("");
    daemon.hangup();
    daemon.wait_for_line(": unsealed (active)");

    configure(hold);
    daemon.hangup();
    daemon.wait_for_line("configuration reloaded");
    server.seal_later(&init.root_token);
    daemon.wait_for_line(held);
    daemon.terminate();
    assert!(daemon.exit_status(crate::support::PATIENCE).success());
    configure("");
    let mut daemon = start(&home);
    daemon.wait_for_line(": unsealed (active)");
    assert!(is_active(&server.health()));
}

#[test]
fn a_hold_on_request_stands_through_restarts_of_server_and_daemon() {
    let (mut server, _init, home, daemon) = unsealed("");
    drop(daemon);
    let mut notify = Notify::new();
    let run = home.path("run");
    let mut command = home.command(&["run"]);
    command.env("RUNTIME_DIRECTORY", &run).env("NOTIFY_SOCKET", notify.path());
    let mut daemon = Daemon::start(&mut command);
    notify.wait_for("STATUS=1 node: 1 unsealed");
    let answer: Value = serde_json::from_str(&told(&home, &["hold", "--all", "--json"])).unwrap();
    assert_eq!(answer["nodes"][0]["address"], server.url());
    daemon.wait_for_line(
        "held (on request; it is unsealed). It is left alone until `vault-unseal resume NODE`",
    );
    notify.wait_for("STATUS=1 node: 1 held");
    server.kill();
    daemon.wait_for_line("unreachable");
    server.start();
    daemon.wait_for_line("held (on request; it is sealed)");

    daemon.terminate();
    assert!(daemon.exit_status(crate::support::PATIENCE).success());
    let mut daemon = start(&home);
    daemon.wait_for_line("held (on request; it is sealed)");
    // A reload does not end it either.
    daemon.hangup();
    daemon.wait_for_line("configuration reloaded");
    assert_eq!(status(&home)["state"], "held");
    assert!(is_sealed(&server.health()));
    told(&home, &["resume", &server.url()]);
    server.wait_until(is_active);
    daemon.wait_for_line(": unsealed (active)");
    assert_eq!(status(&home)["state"], "unsealed");
}

#[test]
fn an_order_that_was_confirmed_stands_though_the_daemon_ended_before_it_was_followed() {
    let server = Hostile::http();
    let sealed = sealed();
    let home = Home::of_hostile(&server, &lines(&shares_of_nobody(1, 1)));
    home.make_run();
    let mut daemon = start(&home);
    for (order, followed) in [("hold", "held (on request; it is sealed)"), ("resume", ": sealed")] {
        // Orders wait for the request under way.
        server.on(HEALTH, [Behaviour::Stall, sealed.clone()]);
        server.wait_for_more(HEALTH, 1);
        told(&home, &[order, "--all"]);
        daemon.terminate();
        assert!(daemon.exit_status(crate::support::PATIENCE).success());
        daemon = start(&home);
        daemon.wait_for_line(followed);
    }
}

#[test]
fn holds_that_cannot_be_read_are_gone_and_later_ones_are_kept() {
    let (server, _init, home, mut daemon) = unsealed("");
    daemon.terminate();
    assert!(daemon.exit_status(crate::support::PATIENCE).success());
    fs::write(home.path("run/holds.json"), "{\"held\":[{\"clus").unwrap();
    let mut daemon = start(&home);
    daemon
        .wait_for_line(&format!("WARN cannot read the holds in {}: ", home.path("run/holds.json").display()));
    daemon.wait_for_line(": unsealed (active)");
    told(&home, &["hold", "--all"]);
    daemon.terminate();
    assert!(daemon.exit_status(crate::support::PATIENCE).success());
    let mut daemon = start(&home);
    daemon.wait_for_line("held (on request; it is unsealed)");
    assert!(is_active(&server.health()));
}

#[test]
fn holds_file_that_would_stall_or_starve_is_said_and_later_holds_are_kept() {
    let server = Hostile::http();
    server.on(HEALTH, [sealed()]);
    let home = Home::of_hostile(&server, &lines(&shares_of_nobody(1, 1)));
    let file = home.path("run/holds.json");
    home.make_run();
    for (why, fifo) in [
        ("it is a fifo, a socket or a device, not a regular file", true),
        ("it is larger than 1048576 bytes", false),
    ] {
        let _ = fs::remove_file(&file);
        if fifo {
            mknodat(CWD, &file, FileType::Fifo, 0o600.into(), 0).unwrap();
        } else {
            fs::File::create(&file).unwrap().set_len(3 << 30).unwrap();
        }
        let mut daemon = start(&home);
        daemon.wait_for_line(&format!("cannot read the holds in {}: {why}", file.display()));
        daemon.wait_for_line(": sealed");
        told(&home, &["hold", "--all"]);
        daemon.terminate();
        assert!(daemon.exit_status(crate::support::PATIENCE).success());
        start(&home).wait_for_line("held (on request; it is sealed)");
    }
}

#[test]
fn runtime_directory_that_others_can_write_is_said_and_not_used() {
    let server = Hostile::http();
    server.on(HEALTH, [sealed()]);
    let home = Home::of_hostile(&server, &lines(&shares_of_nobody(1, 1)));
    let run = home.make_run();
    home.chmod("run", 0o777);
    let mut daemon = start(&home);
    let line = daemon.wait_for_line("others than its owner can write to the runtime directory").text;
    assert!(line.contains(&format!("Restart the daemon after `chmod go-w {}`", run.display())), "{line}");
    daemon.wait_for_line(": sealed");
    assert_eq!(fs::read_dir(&run).unwrap().count(), 0, "nothing is made there");
    daemon.terminate();
    assert!(daemon.exit_status(crate::support::PATIENCE).success());
    home.chmod("run", 0o755);
    let mut daemon = start(&home);
    daemon.wait_for_line(": sealed");
    told(&home, &["hold", "--all"]);
}

#[test]
fn orders_that_cannot_be_given_say_why() {
    let (server, _init, home, daemon) = unsealed("");
    let output = run(&mut to_daemon(&home, &["hold", "vault.elsewhere"]));
    assert_eq!(output.status.code(), Some(1));
    let text = format!("error: no node is called \"vault.elsewhere\"; known are {}\n", server.url());
    assert_eq!(stderr(&output), text);

    // To hold nothing is no order.
    for nothing in ["{\"all\":false}", "{\"nodes\":[]}"] {
        let answer = posted(&home, "/v1/hold", nothing);
        assert!(answer.starts_with("HTTP/1.1 400 "), "{nothing}: {answer}");
    }
    assert!(!daemon.output().contains("to be held"), "{}", daemon.output());

    if rustix::process::geteuid().is_root() {
        // Everybody may look for the socket; its own mode keeps others out.
        for name in ["", "run"] {
            fs::set_permissions(home.path(name), Permissions::from_mode(0o755)).unwrap();
        }
        let ours = to_daemon(&home, &["hold", "--all"]);
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(ours.get_program());
        let output = run(command.args(ours.get_args()));
        assert_eq!(output.status.code(), Some(1));
        let said = stderr(&output);
        assert!(said.starts_with("error: this user may not speak to the daemon: "), "{said}");
        assert!(said.ends_with("\n  Call it as root: `sudo vault-unseal …`.\n"), "{said}");
        assert_eq!(status(&home)["state"], "unsealed", "and nothing came of it");
    }

    drop(daemon);
    let said = stderr(&run(&mut to_daemon(&home, &["resume", "--all"])));
    assert!(said.starts_with("error: no daemon listens at "), "{said}");
    assert!(said.contains("\n  Is the service running? `systemctl status vault-unseal` tells."), "{said}");
    assert!(said.contains("--socket DIRECTORY/control.sock"), "of one that is run by hand: {said}");
}

/// The answer that comes after it tells of another hold's end.
#[test]
fn order_that_waits_for_a_late_answer_is_still_who_gave_its() {
    let server = Server::start_plain();
    let init = server.init(1, 1);
    let proxy = Hostile::http();
    proxy.forward(server.address());
    let home = Home::of_hostile(&proxy, &lines(&init.keys_hex));
    home.configure(&[&proxy.url()], "on_operator_seal = \"hold\"");
    home.make_run();
    let mut daemon = start(&home);
    daemon.wait_for_line(": unsealed (active)");
    server.wait_until(is_active);
    proxy.wait_for_more(HEALTH, 1);
    server.seal_later(&init.root_token);
    daemon.wait_for_line(": held (an operator sealed it)");

    let gate = Gate::default();
    proxy.on(HEALTH, [Behaviour::Held(gate.clone(), Box::new(Behaviour::Forward(server.address())))]);
    gate.wait_until_reached();
    server.unseal(&init);
    told(&home, &["hold", "--all"]);
    gate.open();
    daemon.wait_for_line(": held (on request");
    let held = status(&home);
    assert_eq!(held["held_by"]["uid"], rustix::process::geteuid().as_raw(), "{held}");
}

#[test]
fn hold_tells_since_when_and_by_whom_also_after_a_restart_of_the_daemon() {
    let (_server, _init, home, mut daemon) = unsealed("");
    let hold = |user: &str| {
        let mut command = to_daemon(&home, &["hold", "--all"]);
        assert!(run(command.env("SUDO_USER", user)).status.success());
    };
    hold("al\u{202e}ice");
    daemon.wait_for_line("hold requested by uid");
    daemon.wait_for_line("held (on request; it is unsealed)");
    let uid = rustix::process::geteuid().as_raw();
    let first = status(&home);
    assert_eq!(first["held_by"]["uid"], uid);
    assert_eq!(first["held_by"]["reported_sudo_user"], "al\u{fffd}ice");
    let since = first["held_since"].as_str().unwrap().to_owned();
    humantime::parse_rfc3339(&since).unwrap();
    let text = run(home.command(&["status"]).arg("--socket").arg(home.path("run/control.sock"))).stdout;
    let text = String::from_utf8(text).unwrap();
    let words = format!("it is unsealed; held since {since} by uid {uid}");
    assert!(text.contains(&words) && text.contains("SUDO_USER, as the caller reports it: al"), "{text}");

    // Whoever holds what is held changes nothing; nor does a restart.
    hold("bob");
    daemon.wait_for_line("SUDO_USER, as the caller reports it: bob");
    daemon.terminate();
    let mut daemon = start(&home);
    daemon.wait_for_line("held (on request; it is unsealed)");
    crate::support::poll(crate::support::PATIENCE, || {
        let later = status(&home);
        (later["held_by"] == first["held_by"] && later["held_since"] == since.as_str()).then_some(())
    })
    .unwrap();
    told(&home, &["resume", "--all"]);
    daemon.wait_for_line("resume requested by uid");
    daemon.wait_for_line(": unsealed (active)");
    assert_eq!(status(&home)["held_since"], Value::Null);
}

/// As during the maintenance that it is held for.
#[test]
fn hold_of_a_server_that_is_down_is_told_beside_the_reason() {
    let (mut server, _init, home, mut daemon) = unsealed("");
    told(&home, &["hold", "--all"]);
    daemon.wait_for_line("held (on request; it is unsealed)");
    server.stop();
    daemon.wait_for_line(": unreachable");
    let shown = status(&home);
    assert_eq!(
        (&shown["state"], &shown["held_by"]["uid"].is_u64()),
        (&json!("unreachable"), &true),
        "{shown}"
    );
    let text = run(home.command(&["status"]).arg("--socket").arg(home.path("run/control.sock"))).stdout;
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains(": connection refused; held since 20"), "{text}");

    told(&home, &["resume", "--all"]);
    daemon.wait_for_line("resume requested by");
    assert_eq!(status(&home)["held_since"], Value::Null);
}
