//! A thousand nodes, and what some of them do to the others: nothing.

use std::fs::{self, Permissions};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;

use rustix::fs::inotify;
use rustix::process::Signal;
use vault_unseal::shares::tpm::Blob;

use crate::support::certs::Authority;
use crate::support::fleet::{Fleet, SHARES};
use crate::support::guarded::Guarded;
use crate::support::home::{Home, cluster, lines, trusting};
use crate::support::process::{Daemon, Notify, limited, run, vault_unseal};
use crate::support::{PATIENCE, poll};

/// The soft limit that a process of systemd's has is 1,024 descriptors; less shows the same with less.
const FEW: &str = "ulimit -Sn 256";

/// Asks a TPM that never answers, for as long as the daemon lives.
const HELPER: &str = "#!/bin/sh\ntouch \"${0%/*}/asked\"\nwhile kill -0 $PPID; do sleep 0.1; done\n";

/// A file as the helper writes it, that no TPM will ever open.
fn sealed() -> String {
    let blob = Blob {
        shares: 2,
        primary: [1; 34],
        pcrs: None,
        public: vec![2; 40],
        private: vec![3; 40],
        nonce: [4; 12],
        ciphertext: vec![5; 200],
    };
    String::from_utf8(blob.render()).unwrap()
}

/// `[[cluster]]` with a name.
fn named(name: &str, nodes: &[String], more: &str) -> String {
    let nodes: Vec<&str> = nodes.iter().map(String::as_str).collect();
    cluster(&nodes, &format!("name = {name:?}\n{more}"))
}

#[test]
fn dead_silent_and_hanging_clusters_delay_no_other() {
    let authority = Authority::new("Private CA");
    let home = Home::new();
    home.shares(&lines(&SHARES));
    home.put("shares.tpm2", &sealed());
    let tls = trusting(&authority.write(home.directory(), "ca.crt"));
    // More than the runtime has threads by default.
    let mut hanging = Fleet::http(520);
    let dead = Fleet::http(100);
    // The kernel takes connections, and nobody ever reads from them.
    let silent: Vec<TcpListener> =
        (0..20).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).collect();
    let silent: Vec<(String, TcpListener)> =
        silent.into_iter().map(|port| (format!("http://{}", port.local_addr().unwrap()), port)).collect();
    let silent_urls: Vec<String> = silent.iter().map(|(url, _)| url.clone()).collect();
    let mut plain = Fleet::http(110);
    let mut secret = Fleet::tls(250, &authority);
    let config = [
        named("hanging", &hanging.urls(), "shares = { tpm2 = \"shares.tpm2\" }"),
        named("dead", &dead.urls(), ""),
        named("silent", &silent_urls, ""),
        named("plain", &plain.urls(), ""),
        named("secret", &secret.urls(), &tls),
    ];
    home.config(&config.concat());

    // The helper is looked for beside the running executable.
    let place = tempfile::Builder::new().prefix("beside-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (program, helper) = (place.path().join("vault-unseal"), place.path().join("vault-unseal-tpm"));
    fs::hard_link(env!("CARGO_BIN_EXE_vault-unseal"), &program).unwrap();
    fs::write(&helper, HELPER).unwrap();
    fs::set_permissions(&helper, Permissions::from_mode(0o755)).unwrap();

    hanging.start();
    let mut command = Command::new(&program);
    command.args(["run", "--config"]).arg(home.path("config.toml"));
    let mut daemon = Daemon::start(&mut limited(FEW, &command));
    poll(PATIENCE, || place.path().join("asked").exists().then_some(())).expect("the TPM is asked");
    let last = hanging.urls().pop().unwrap();
    daemon.wait_for_line(&format!("{last}: sealed"));

    plain.start();
    secret.start();
    plain.wait_until_unsealed(PATIENCE);
    secret.wait_until_unsealed(PATIENCE);
    assert_eq!(hanging.unsealed(), 0);
    let threads = fs::read_dir(format!("/proc/{}/task", daemon.pid())).unwrap().count();
    assert!(threads < 20, "{threads} threads wait for one TPM");
    daemon.terminate();
    assert!(daemon.exit_status(PATIENCE).success());
}

/// A configuration of a fleet as one cluster, and its shares.
fn home_of(fleet: &Fleet) -> Home {
    let home = Home::new();
    home.shares(&lines(&SHARES));
    home.config(&named("all", &fleet.urls(), ""));
    home
}

#[test]
fn a_thousand_nodes_need_no_higher_limit_of_descriptors_than_the_hard_one() {
    let mut fleet = Fleet::http(1000);
    fleet.start();
    let home = home_of(&fleet);
    let status = || {
        let output = run(&mut limited(FEW, &home.command(&["status", "--json"])));
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let states = told["nodes"].as_array().unwrap().iter().map(|node| node["state"].clone());
        states.collect::<Vec<_>>()
    };
    assert_eq!(status(), vec!["sealed"; 1000]);

    let _daemon = Daemon::start(&mut limited(FEW, &home.command(&["run"])));
    let output = run(&mut limited(FEW, &home.command(&["wait", "--timeout", "30s", "--json"])));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    assert_eq!(fleet.unsealed(), 1000);
    assert_eq!(status(), vec!["unsealed"; 1000]);
    let output = run(&mut limited(FEW, &home.command(&["check", "--json"])));
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(!told.contains("too-few-descriptors") && !told.contains("unreachable"), "{told}");
}

#[test]
fn what_many_nodes_say_at_once_is_written_together_and_no_line_is_torn() {
    let mut fleet = Fleet::http(300);
    fleet.start();
    let home = home_of(&fleet);
    // A write is a datagram.
    let (theirs, ours) = UnixDatagram::pair().unwrap();
    ours.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut daemon = Guarded::spawn(home.command(&["run"]).stderr(OwnedFd::from(theirs)));
    let (mut said, mut writes, mut room) = (String::new(), 0, [0; 8192]);
    while said.matches(": unsealed").count() < 300 {
        let length = ours.recv(&mut room).expect("it goes on");
        let written = std::str::from_utf8(&room[..length]).unwrap();
        assert!(written.ends_with('\n'), "{written}");
        said += written;
        writes += 1;
    }
    let lines = said.lines().count();
    assert!(lines >= 900 && writes < lines, "{writes} writes for {lines} lines");
    daemon.signal(Signal::TERM);
    while !said.contains("stopping") {
        let length = ours.recv(&mut room).expect("its last words");
        said += std::str::from_utf8(&room[..length]).unwrap();
    }
}

#[test]
fn nodes_that_a_reload_adds_find_descriptors_as_soon_as_they_connect() {
    let mut fleet = Fleet::http(500);
    fleet.start();
    let home = home_of(&fleet);
    home.config(&named("all", &fleet.urls()[..1], ""));
    let mut daemon = Daemon::start(&mut limited("ulimit -Sn 80", &home.command(&["run"])));
    daemon.wait_for_line(": unsealed");
    home.config(&named("all", &fleet.urls(), ""));
    daemon.hangup();
    fleet.wait_until_unsealed(PATIENCE);
    let said = daemon.output();
    assert!(!said.contains("Too many open files") && !said.contains("WARN"), "{said}");
}

#[test]
fn a_hard_limit_that_is_too_low_is_said_and_used_up() {
    let mut fleet = Fleet::http(60);
    fleet.start();
    let home = home_of(&fleet);
    let few = "ulimit -Sn 50 && ulimit -Hn 100";
    let said = "60 nodes take up to 184 file descriptors, and this process may have 100";
    let mut daemon = Daemon::start(&mut limited(few, &home.command(&["run"])));
    let line = daemon.wait_for_line(said).text;
    assert!(line.contains("take turns, 18 at a time"), "{line}");
    assert!(line.contains("Set LimitNOFILE=184 with `systemctl edit vault-unseal`"), "{line}");
    fleet.wait_until_unsealed(PATIENCE);
    daemon.hangup();
    daemon.wait_for_line(said);

    let output = run(&mut limited(few, &home.command(&["status"])));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains(&format!("warning: {said}")), "{told}");
    let output = run(&mut limited(few, &home.command(&["check"])));
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.contains(said), "{told}");
}

#[test]
fn nodes_take_turns_where_descriptors_are_left_for_one() {
    let mut fleet = Fleet::http(8);
    fleet.start();
    let home = home_of(&fleet);
    home.make_run();
    let mut systemd = Notify::new();
    let start = |few: &str| {
        let mut command = limited(few, &home.command(&["run"]));
        command.env("NOTIFY_SOCKET", systemd.path()).env("RUNTIME_DIRECTORY", home.path("run"));
        Daemon::start(&mut command)
    };
    let (mut daemon, mut too_few) = (start("ulimit -n 20"), start("ulimit -n 19"));
    daemon.wait_for_line("8 nodes take up to 80 file descriptors, and this process may have 20");
    daemon.wait_for_line("no file descriptors are left for observers");
    // Systemd hears of it, and visitors of the control socket are let in.
    systemd.wait_for("STATUS=8 nodes: 8 unsealed");
    let mut hold = vault_unseal(&["hold", "--all"]);
    let output = run(hold.arg("--socket").arg(home.path("run/control.sock")));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    systemd.wait_for("STATUS=8 nodes: 8 held");
    assert!(!daemon.output().contains("Too many open files"), "{}", daemon.output());
    daemon.terminate();
    assert!(daemon.exit_status(PATIENCE).success());

    too_few.wait_for_line("this process may have 19 file descriptors, and the daemon needs 20 at the least");
    assert_eq!(too_few.exit_status(PATIENCE).code(), Some(1));
}

/// Counts how often the file of the holds is replaced.
struct Replaced(OwnedFd);

impl Replaced {
    fn in_directory(path: &Path) -> Self {
        let watch = inotify::init(inotify::CreateFlags::NONBLOCK | inotify::CreateFlags::CLOEXEC).unwrap();
        inotify::add_watch(&watch, path, inotify::WatchFlags::MOVED_TO).unwrap();
        Self(watch)
    }

    /// Since it was asked last.
    fn count(&self) -> usize {
        let mut room = [MaybeUninit::uninit(); 4096];
        let mut events = inotify::Reader::new(&self.0, &mut room);
        let mut count = 0;
        while let Ok(event) = events.next() {
            count += usize::from(event.file_name() == Some(c"holds.json"));
        }
        count
    }
}

#[test]
fn an_order_for_many_nodes_is_one_write_and_keeps_nobody_from_the_daemon() {
    let mut fleet = Fleet::http(100);
    fleet.start();
    let home = home_of(&fleet);
    let replaced = Replaced::in_directory(&home.make_run());
    let mut daemon = Daemon::start(home.command(&["run"]).env("RUNTIME_DIRECTORY", home.path("run")));
    fleet.wait_until_unsealed(PATIENCE);
    let socket = home.path("run/control.sock");
    let ask = |arguments: &[&str]| {
        let output = run(vault_unseal(arguments).arg("--socket").arg(&socket));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    };
    let states = |told: &[u8]| {
        let told: serde_json::Value = serde_json::from_slice(told).unwrap();
        let nodes = told["nodes"].as_array().unwrap().clone();
        nodes
            .into_iter()
            .map(|node| node["state"].as_str().unwrap_or_default().to_owned())
            .collect::<Vec<_>>()
    };
    let status = || {
        let output = run(home.command(&["status", "--json"]).arg("--socket").arg(&socket));
        states(&output.stdout)
    };
    assert_eq!(replaced.count(), 0);
    for (verb, all) in [("hold", "held"), ("resume", "unsealed")] {
        std::thread::scope(|scope| {
            let order = scope.spawn(|| ask(&[verb, "--all", "--json"]));
            while !order.is_finished() {
                assert_eq!(status().len(), 100, "it answers");
            }
            assert_eq!(states(&order.join().unwrap()).len(), 100);
        });
        poll(PATIENCE, || status().iter().all(|state| state == all).then_some(())).expect(all);
        assert_eq!(replaced.count(), 1, "{verb}");
    }
    // The same for those that are named, in any of their ways, and for nobody where one is unknown.
    let mut named = vec!["hold".to_owned()];
    named.extend(fleet.urls().iter().map(|url| url.trim_start_matches("http://").to_owned()));
    ask(&named.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(replaced.count(), 1);
    let output = run(vault_unseal(&["resume", &fleet.urls()[0], "nobody"]).arg("--socket").arg(&socket));
    assert!(String::from_utf8_lossy(&output.stderr).contains("no node is called \"nobody\""));
    assert_eq!(replaced.count(), 0);
    daemon.terminate();
    assert!(daemon.exit_status(PATIENCE).success());
    let held = fs::read_to_string(home.path("run/holds.json")).unwrap();
    assert_eq!(held.matches("\"address\"").count(), 100);
}
