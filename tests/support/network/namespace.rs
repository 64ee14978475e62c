//! A network namespace that lasts as long as somebody holds it, and leaves no name anywhere.

use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::panic::resume_unwind;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::support::guarded::Guarded;
use crate::support::{PATIENCE, poll};

/// A network namespace. Clones are the same one; it is gone with the last of them and of what runs in it.
#[derive(Clone)]
pub struct Namespace(Arc<Held>);

struct Held {
    /// For the kernel's tools, which name a namespace by a process in it. Killed with this.
    holder: Guarded,
    entrance: File,
}

impl Namespace {
    /// A new one, with nothing in it but a loopback device that is up; `None`, having said so, where there can be none.
    pub fn alone() -> Option<Self> {
        if let Some(missing) = missing() {
            crate::support::untested(missing);
            return None;
        }
        Some(Self::new())
    }

    /// The same, where nothing is missing.
    pub(super) fn new() -> Self {
        let holder = Guarded::spawn(
            Command::new("unshare")
                .args(["--net", "sleep", "infinity"])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
        );
        let own = fs::read_link("/proc/self/ns/net").unwrap();
        let path = format!("/proc/{}/ns/net", holder.pid());
        let entrance = poll(PATIENCE, || {
            fs::read_link(&path).is_ok_and(|its| its != own).then(|| File::open(&path).unwrap())
        });
        let entrance = entrance.expect("unshare makes a namespace");
        let namespace = Self(Arc::new(Held { holder, entrance }));
        namespace.run(&["ip", "link", "set", "lo", "up"]);
        namespace
    }

    /// Does this in a thread that is in the namespace: sockets that it makes and processes that it starts stay
    /// there, whoever has them afterwards.
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let entrance = self.0.entrance.as_fd();
        let done = std::thread::scope(|scope| {
            let visitor = scope.spawn(|| {
                move_into_link_name_space(entrance, Some(LinkNameSpaceType::Network))
                    .expect("root may enter");
                work()
            });
            visitor.join()
        });
        done.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Runs one of the kernel's tools in it, which must succeed.
    pub fn run(&self, command: &[&str]) -> String {
        let output = self.inside(|| tool(command).output());
        let output = output.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// A process in it.
    pub(super) fn holder(&self) -> u32 {
        self.0.holder.pid()
    }
}

/// What a namespace takes and is not there.
pub(super) fn missing() -> Option<&'static str> {
    if !rustix::process::geteuid().is_root() {
        return Some("network namespaces need root");
    }
    if !works(&["ip", "-V"]) {
        return Some("this needs ip (iproute2)");
    }
    if !works(&["unshare", "--net", "ip", "link", "set", "lo", "up"]) {
        return Some("network namespaces cannot be had here");
    }
    None
}

/// Whether one of the kernel's tools is there and does this.
pub(super) fn works(command: &[&str]) -> bool {
    tool(command).output().is_ok_and(|output| output.status.success())
}

/// One of the kernel's tools, which are in directories that not every `PATH` has.
pub(super) fn tool(command: &[&str]) -> Command {
    let mut tool = Command::new(command[0]);
    tool.args(&command[1..]).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").stdin(Stdio::null());
    tool
}
