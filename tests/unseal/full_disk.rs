//! A file system without room under the daemon's runtime directory: servers are unsealed all the same.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::guarded::Guarded;
use crate::support::home::{Home, lines};
use crate::support::private::{are_root, mounted};
use crate::support::process::{Daemon, run, vault_unseal};
use crate::support::server::{Init, Server, is_active, is_sealed};
use crate::support::{PATIENCE, poll};

/// What the mount is called where it can be seen.
const NAME: &str = "vault-unseal-full-disk";

/// A file system of a few pages at `/run`, in a mount namespace that lasts as long as this.
struct Disk {
    holder: Guarded,
}

impl Disk {
    fn new(limits: &str) -> Self {
        let mut sleep = Command::new("sleep");
        let setup = format!("mount -t tmpfs -o {limits},mode=755 {NAME} /run; mkdir -m 750 /run/{NAME}");
        let mut command = mounted(&setup, sleep.arg("infinity"));
        let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let disk = Self { holder: Guarded::spawn(command) };
        poll(PATIENCE, || disk.file("").is_dir().then_some(())).expect("it is mounted");
        disk
    }

    /// A file in the daemon's directory there, as it is seen from here.
    fn file(&self, name: &str) -> PathBuf {
        format!("/proc/{}/root/run/{NAME}/{name}", self.holder.pid()).into()
    }

    /// The same command, in that namespace.
    fn inside(&self, command: &Command) -> Command {
        let mut entered = Command::new("nsenter");
        entered.arg(format!("--mount=/proc/{}/ns/mnt", self.holder.pid()));
        entered.arg(command.get_program()).args(command.get_args());
        entered.env_clear().env("PATH", "/usr/bin:/bin").env("RUNTIME_DIRECTORY", format!("/run/{NAME}"));
        entered
    }

    fn start(&self, home: &Home) -> Daemon {
        Daemon::start(&mut self.inside(&home.command(&["run"])))
    }

    /// Writes until nothing more goes in.
    fn fill(&self) {
        let mut filler = File::create(self.file("filler")).unwrap();
        let full = loop {
            if let Err(error) = filler.write_all(b"x") {
                break error;
            }
        };
        assert_eq!(full.kind(), ErrorKind::StorageFull);
    }

    fn names(&self) -> BTreeSet<OsString> {
        fs::read_dir(self.file("")).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    fn make_room(&self) {
        fs::remove_file(self.file("filler")).unwrap();
    }

    /// `hold` or `resume` of all nodes: its exit status, whether it was kept, and what it said to a person.
    fn order(&self, verb: &str) -> (Option<i32>, Value, String) {
        let mut ask = vault_unseal(&[verb, "--all", "--json", "--socket"]);
        let json = run(ask.arg(self.file("control.sock")));
        let mut ask = vault_unseal(&[verb, "--all", "--socket"]);
        let text = run(ask.arg(self.file("control.sock")));
        assert_eq!(json.status, text.status);
        let answer: Value =
            serde_json::from_slice(&json.stdout).unwrap_or_else(|_| panic!("{}", said(&json)));
        (text.status.code(), answer["kept"].clone(), said(&text))
    }
}

fn said(output: &Output) -> String {
    [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat()
}

/// A server that was unsealed and the home of the daemon that did.
fn home() -> (Server, Init, Home) {
    let server = Server::start_plain();
    let init = server.init(5, 3);
    let home = Home::of(&server, &lines(&init.keys_hex));
    (server, init, home)
}

fn restart(server: &mut Server) {
    server.kill();
    server.start();
}

#[test]
fn full_disk_keeps_no_server_sealed_and_a_hold_that_is_not_kept_is_told() {
    if !are_root() {
        return;
    }
    let (mut server, _init, home) = home();
    let disk = Disk::new("size=16k");
    let mut daemon = disk.start(&home);
    daemon.wait_for_line(": unsealed (active)");
    disk.fill();
    restart(&mut server);
    server.wait_until(is_active);
    daemon.wait_for_line(": unsealed (active)");

    // Held all the same, by this daemon, and it says that the next will not know.
    let names = disk.names();
    let (code, kept, said) = disk.order("hold");
    assert_eq!((code, &kept), (Some(1), &Value::Bool(false)), "{said}");
    let words = format!("{}: held now, and forgotten when the daemon restarts\n", server.url());
    assert!(said.contains(&words), "{said}");
    assert!(said.contains("error: the daemon could not write down its holds"), "{said}");
    let line = daemon.wait_for_line("holds.json: ").text;
    assert!(line.contains("WARN cannot write ") && line.contains("No space left on device"), "{line}");
    daemon.wait_for_line("held (on request; it is unsealed)");
    assert_eq!(disk.names(), names, "nothing that is half written");
    restart(&mut server);
    daemon.wait_for_line("held (on request; it is sealed)");
    assert!(is_sealed(&server.health()));
    drop(daemon);
    let mut daemon = disk.start(&home);
    daemon.wait_for_line(": unsealed (active)");

    // The same order once there is room.
    assert_eq!(disk.order("hold").0, Some(1));
    disk.make_room();
    let (code, kept, said) = disk.order("hold");
    assert_eq!((code, &kept), (Some(0), &Value::Bool(true)), "{said}");
    restart(&mut server);
    drop(daemon);
    let mut daemon = disk.start(&home);
    daemon.wait_for_line("held (on request; it is sealed)");

    // What is kept stays whole when there is no room for another.
    disk.fill();
    let (code, kept, said) = disk.order("resume");
    assert_eq!((code, &kept), (Some(1), &Value::Bool(false)), "{said}");
    assert!(said.contains("resumed now, and held again when the daemon restarts"), "{said}");
    server.wait_until(is_active);
    drop(daemon);
    disk.start(&home).wait_for_line("held (on request; it is unsealed)");
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!mounts.contains(NAME), "{mounts}");
}

/// No room for one name more: neither the socket nor anything else can be made.
#[test]
fn daemon_that_starts_on_a_full_disk_unseals_and_says_what_it_cannot_do() {
    if !are_root() {
        return;
    }
    let (server, _init, home) = home();
    // The root and the directory.
    let disk = Disk::new("nr_inodes=2");
    let mut daemon = disk.start(&home);
    let line = daemon.wait_for_line("cannot listen at ").text;
    assert!(
        line.contains("No space left on device") && line.contains("`hold` and `resume` do not work"),
        "{line}"
    );
    server.wait_until(is_active);
    daemon.wait_for_line(": unsealed (active)");
}
