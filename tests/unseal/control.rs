//! The control socket while others do their worst to it: whoever may connect, and only hold others up.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::chown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use rustix::process::{Gid, Resource, Rlimit, Uid, geteuid, getrlimit, setrlimit};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use crate::support::PATIENCE;
use crate::support::fleet::{Fleet, SHARES};
use crate::support::home::{Home, cluster, lines};
use crate::support::process::limited;
use crate::support::process::{Daemon, run, vault_unseal};

/// A static `User=`, and its group, which may connect.
const DAEMON: u32 = 64_001;
const GROUP: u32 = 64_000;
/// Members of the group.
const FLOODER: u32 = 64_002;
const OPERATOR: u32 = 64_003;

/// What a connection does that asks for nothing.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Idle,
    Garbage,
    /// A part of a request.
    Begun,
    /// It never sends anything, and says so.
    HalfOpen,
}

/// How many connections of a flood are there before others come.
const BEGUN: usize = 150;

const KINDS: [Kind; 4] = [Kind::Idle, Kind::Garbage, Kind::Begun, Kind::HalfOpen];

/// A daemon of a static user, as a unit with `User=` runs it.
struct Service {
    home: Home,
    fleet: Fleet,
    daemon: Daemon,
}

impl Service {
    fn start() -> Self {
        let mut fleet = Fleet::http(1);
        fleet.start();
        let home = Home::new();
        let shares = home.shares(&lines(&SHARES));
        home.configure(&[&fleet.urls()[0]], "");
        home.make_run();
        for path in [home.directory(), &home.path("config.toml"), &shares, &home.path("run")] {
            chown(path, Some(DAEMON), Some(GROUP)).unwrap();
        }
        // The group may look for the socket; its own mode lets it connect.
        home.chmod("", 0o755);
        home.chmod("run", 0o750);
        let mut command = as_user(DAEMON, &home.command(&["run"]));
        let mut daemon = Daemon::start(command.env("RUNTIME_DIRECTORY", home.path("run")));
        daemon.wait_for_line(": unsealed (active)");
        // A line after the one that says so would come too early.
        crate::support::poll(PATIENCE, || UnixStream::connect(home.path("run/control.sock")).ok()).unwrap();
        Self { home, fleet, daemon }
    }

    /// Has a user hold the node and look after it again.
    fn hold_and_resume(&mut self, uid: u32) {
        for (verb, followed) in [("hold", "held (on request"), ("resume", ": unsealed (active)")] {
            let mut verb = vault_unseal(&[verb, "--all"]);
            verb.arg("--socket").arg(self.home.path("run/control.sock"));
            let output = run(&mut as_user(uid, &verb));
            assert!(output.status.success(), "user {uid}: {}", stderr(&output));
            self.daemon.wait_for_line(followed);
        }
        assert_eq!(self.fleet.unsealed(), 1);
    }
}

/// The same command as another user, whose group is the daemon's.
fn as_user(uid: u32, command: &Command) -> Command {
    let mut other = Command::new("setpriv");
    if uid != 0 {
        other.arg(format!("--reuid={uid}")).arg(format!("--regid={GROUP}"));
    }
    other.arg("--clear-groups").arg(command.get_program()).args(command.get_args()).env_clear();
    other.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    other.current_dir(command.get_current_dir().unwrap_or(Path::new("/")));
    other
}

/// Becomes another user, of the daemon's group: this thread alone.
pub(crate) fn become_user(uid: u32) {
    if uid != 0 {
        let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(GROUP));
        set_thread_groups(&[]).unwrap();
        set_thread_res_gid(gid, gid, gid).unwrap();
        set_thread_res_uid(uid, uid, uid).unwrap();
    }
}

fn open(socket: &Path, kind: Kind) -> UnixStream {
    let mut connection = UnixStream::connect(socket).unwrap();
    // One that was closed already takes nothing.
    let _ = match kind {
        Kind::Idle => Ok(()),
        Kind::Garbage => connection.write_all(&[0xa5; 1000]),
        Kind::Begun => {
            connection.write_all(b"POST /v1/hold HTTP/1.1\r\nContent-Length: 100\r\n\r\n{\"all\":")
        }
        Kind::HalfOpen => connection.shutdown(Shutdown::Write),
    };
    connection
}

/// Set when dropped, also by a panic.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Floods the socket as a user, and runs `work` when the flood is well under way; another byte is sent on each connection
/// until that is done. Afterwards the daemon closes each by itself.
fn flooded(socket: &Path, uid: u32, count: usize, kinds: &[Kind], work: impl FnOnce()) {
    let done = AtomicBool::new(false);
    let (ready, begin) = std::sync::mpsc::channel();
    thread::scope(|scope| {
        let flooder = scope.spawn(|| {
            let ready = ready;
            let is_done = || done.load(Ordering::Relaxed);
            become_user(uid);
            let mut connections = Vec::new();
            for kind in kinds.iter().cycle().take(count).take_while(|_| !is_done()) {
                connections.push(open(socket, *kind));
                if connections.len() == count.min(BEGUN) {
                    ready.send(()).unwrap();
                }
            }
            while !is_done() {
                for connection in &mut connections {
                    let _ = connection.write(b"x");
                }
                thread::yield_now();
            }
            for mut connection in connections {
                connection.set_read_timeout(Some(PATIENCE)).unwrap();
                let ended = connection.read_to_end(&mut Vec::new());
                let still_open = ended.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
                assert!(!still_open, "a connection that asks for nothing is kept");
            }
        });
        let done = Done(&done);
        if begin.recv().is_ok() {
            work();
        }
        drop(done);
        flooder.join().unwrap();
    });
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Every connection of a flood is a descriptor of this process.
fn allow_many_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).unwrap();
}

fn is_root(test: &str) -> bool {
    let root = geteuid().is_root();
    if !root {
        eprintln!("{test} is skipped: only root can be other users");
    }
    root
}

#[test]
fn flood_of_one_user_delays_neither_root_nor_another_user() {
    if !is_root("flood_of_one_user_delays_neither_root_nor_another_user") {
        return;
    }
    allow_many_descriptors();
    let mut service = Service::start();
    let socket = service.home.path("run/control.sock");
    let kinds = KINDS.iter().map(std::slice::from_ref).chain([&KINDS[..]]);
    for (kinds, count) in kinds.zip([3000, 3000, 500, 500, 3000]) {
        flooded(&socket, FLOODER, count, kinds, || {
            service.hold_and_resume(0);
            service.hold_and_resume(OPERATOR);
        });
    }
    let said = format!(
        "connections of uid {FLOODER} to the control socket are closed: one user may have 8 at a time"
    );
    let lines = service.daemon.output().matches(&said).count();
    assert!((1..5).contains(&lines), "{lines} lines for 10,000 connections");
    // It may ask again itself.
    service.hold_and_resume(FLOODER);
}

#[test]
fn flood_of_root_delays_no_user_and_root_only_while_it_lasts() {
    if !is_root("flood_of_root_delays_no_user_and_root_only_while_it_lasts") {
        return;
    }
    let mut service = Service::start();
    let socket = service.home.path("run/control.sock");
    flooded(&socket, 0, 100, &KINDS, || service.hold_and_resume(OPERATOR));
    service.hold_and_resume(0);
}

#[test]
fn users_of_all_seats_leave_those_of_root() {
    if !is_root("users_of_all_seats_leave_those_of_root") {
        return;
    }
    let mut service = Service::start();
    let socket = service.home.path("run/control.sock");
    let flood_by_three = |work: &mut dyn FnMut()| {
        flooded(&socket, 64_010, 20, &[Kind::Idle], || {
            flooded(&socket, 64_011, 20, &[Kind::Idle], || {
                flooded(&socket, 64_012, 20, &[Kind::Idle], work);
            });
        });
    };
    flood_by_three(&mut || service.hold_and_resume(0));
}

#[test]
fn more_nodes_than_descriptors_leave_those_of_control_socket() {
    let mut fleet = Fleet::http(60);
    fleet.start();
    let home = Home::new();
    home.shares(&lines(&SHARES));
    let urls = fleet.urls();
    home.config(&cluster(&urls.iter().map(String::as_str).collect::<Vec<_>>(), ""));
    home.make_run();
    let mut command = limited("ulimit -Sn 80 && ulimit -Hn 80", &home.command(&["run"]));
    let _daemon = Daemon::start(command.env("RUNTIME_DIRECTORY", home.path("run")));
    fleet.wait_until_unsealed(PATIENCE);
    let mut hold = vault_unseal(&["hold", "--all"]);
    let output = run(hold.arg("--socket").arg(home.path("run/control.sock")));
    assert!(output.status.success(), "{}", stderr(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 60);
}

#[test]
fn daemon_that_closes_every_connection_is_called_busy() {
    let home = Home::new();
    let socket = home.path("control.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    thread::spawn(move || listener.incoming().for_each(drop));
    for arguments in [&["hold", "--all"], &["resume", "--all"]] {
        let output = run(vault_unseal(arguments).arg("--socket").arg(&socket));
        assert_eq!(output.status.code(), Some(1));
        let first =
            format!("error: the daemon at {} closes every connection: too many are open\n", socket.display());
        let said = stderr(&output);
        assert!(said.starts_with(&first), "{said}");
        assert!(said.contains("as root, `ss -xp` lists those of control.sock"), "{said}");
    }
}
