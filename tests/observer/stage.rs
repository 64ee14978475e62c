//! A daemon that can be observed, and the observer's executable.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::support::home::{Home, lines};
use crate::support::observer::observer;
use crate::support::process::Daemon;
use crate::support::server::{Builder, Init, Server};

/// The daemon with a directory of its own for its sockets, and the path of the one that is read.
pub(crate) fn start(home: &Home) -> (Daemon, PathBuf) {
    home.make_run();
    let daemon = Daemon::start(home.command(&["run"]).env("RUNTIME_DIRECTORY", home.path("run")));
    (daemon, home.path("run/observe.sock"))
}

/// A server that the daemon has unsealed, and what belongs to it.
pub(crate) fn unsealed() -> (Server, Init, Home, Daemon) {
    let server = Builder::new().start();
    let init = server.init(5, 3);
    let home = Home::of(&server, &lines(init.enough()));
    let (mut daemon, _) = start(&home);
    daemon.wait_for_line(": unsealed (active)");
    (server, init, home, daemon)
}

/// The notifier with what is in `notify.toml`, over the socket of the daemon.
pub(crate) fn notify(home: &Home, targets: &str) -> Daemon {
    home.put("notify.toml", targets);
    Daemon::start(&mut notify_command(home, &[]))
}

/// The same command, not started.
pub(crate) fn notify_command(home: &Home, more: &[&str]) -> Command {
    let state = home.path("state");
    let _ = fs::create_dir(&state);
    let mut command = observer(&["notify"]);
    command.args(more).arg("--config").arg(home.path("notify.toml"));
    command.arg("--observe-socket").arg(home.path("run/observe.sock")).env("STATE_DIRECTORY", state);
    command
}

/// Resident memory of a process, in kB.
pub(crate) fn resident(pid: u32) -> usize {
    status(pid, "VmRSS:").trim_end_matches(" kB").parse().unwrap()
}

/// How many threads a process has.
pub(crate) fn threads(pid: u32) -> usize {
    status(pid, "Threads:").parse().unwrap()
}

/// What the kernel says of a process (proc(5)).
fn status(pid: u32, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned()
}
