//! Files that never end, never begin, or never answer.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::certs::{Authority, Validity};
use crate::support::home::{Home, cluster, lines, shares_of_nobody};
use crate::support::process::{Daemon, Notify, run, vault_unseal};
use crate::support::server::{Builder, Server, is_active};
use crate::support::{PATIENCE, poll};
use crate::{findings, is_root};

/// What no file may make of the daemon, in KiB: it needs a tenth of it.
const BOUND: u64 = 64 * 1024;
/// Larger than any memory that a share may fill.
const HUGE: u64 = 3 << 30;

fn fifo(path: &Path) {
    let _ = fs::remove_file(path);
    assert!(Command::new("mkfifo").args(["-m", "0600"]).arg(path).status().unwrap().success());
}

fn sparse(path: &Path) {
    let _ = fs::remove_file(path);
    fs::File::create(path).and_then(|file| file.set_len(HUGE)).unwrap();
    crate::mode(path, 0o600);
}

/// The most memory that a process ever had, in KiB.
fn peak(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

const TLS: &str = "tls = { ca_file = \"ca.crt\", client_cert = \"client.crt\", client_key = \"client.key\" }";

fn home(tls: &str) -> Home {
    let home = Home::new();
    home.shares(&lines(&shares_of_nobody(1, 1)));
    home.configure(&["https://127.0.0.1:1"], tls);
    let authority = Authority::new("CA");
    home.put("ca.crt", &authority.pem());
    authority.issue_client("the daemon", Validity::Now).write(home.directory(), "client");
    home
}

#[test]
fn fifo_or_sparse_file_is_refused_at_once_wherever_it_is() {
    for name in ["ca.crt", "client.crt", "client.key", "shares", "config.toml"] {
        for (make, kind) in [(fifo as fn(&Path), "file-not-regular"), (sparse, "oversized")] {
            let home = home(TLS);
            make(&home.path(name));
            // With little address space: what would read all of it cannot.
            let mut limited = Command::new("sh");
            limited.args(["-c", "ulimit -v 1000000; exec \"$@\"", "sh"]);
            let command = home.command(&["run"]);
            limited
                .arg(command.get_program())
                .args(command.get_args())
                .current_dir(home.directory())
                .env_clear();
            let mut daemon = Daemon::start(&mut limited);
            assert_eq!(daemon.exit_status(PATIENCE).code(), Some(78), "{name} {kind}: {}", daemon.output());
            let kinds = findings(&mut home.command(&["check"]));
            let expected = match (name, kind) {
                ("config.toml", "oversized") => "config-too-large",
                ("config.toml", _) => "config-not-a-file",
                _ => kind,
            };
            assert!(kinds.contains(&expected.to_owned()), "{name} {kind}: {kinds:?}");
            let wait = run(&mut home.command(&["wait", "--timeout", "1s"]));
            let refused = if name == "shares" { 3 } else { 78 };
            assert_eq!(wait.status.code(), Some(refused), "{name} {kind}");
        }
    }
}

#[test]
fn fifo_in_a_directory_of_authorities_or_of_fragments_is_refused() {
    let home = home("tls = { ca_dir = \"cas\" }");
    fs::create_dir(home.path("cas")).unwrap();
    fs::copy(home.path("ca.crt"), home.path("cas/ca.crt")).unwrap();
    fifo(&home.path("cas/fifo.crt"));
    assert_eq!(findings(&mut home.command(&["check"])), ["threshold-unknown", "file-not-regular"][1..]);

    if !is_root() {
        return;
    }
    let root = Home::new();
    fs::create_dir_all(root.path("etc/config.d")).unwrap();
    fifo(&root.path("etc/config.d/fifo.toml"));
    let setup =
        format!("mkdir -p /etc/vault-unseal; mount --bind {} /etc/vault-unseal", root.path("etc").display());
    // Where there is no such directory, one to mount on is left behind: not on this machine.
    if Path::new("/etc/vault-unseal").exists() {
        let mut command = crate::support::private::mounted(&setup, &vault_unseal(&["status"]));
        let output = run(&mut command);
        assert_eq!(output.status.code(), Some(78), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Takes the file of a running daemon away in one of these ways; another cluster, the watchdog and the end do not care.
fn others_go_on(spoil: impl Fn(&Home) -> Option<Hung>) {
    let authority = Authority::new("Private CA");
    let secure = Builder::new().tls(&authority).start();
    let mut other = Server::start_plain();
    let (init, others) = (secure.init(1, 1), other.init(1, 1));
    let home = Home::new();
    home.put("ca.crt", &authority.pem());
    home.put("secure", &init.json);
    home.put("other", &others.json);
    home.config(&format!(
        "{}{}",
        cluster(
            &[&secure.url()],
            "name = \"secure\"\nshares = { file = \"secure\" }\ntls = { ca_file = \"ca.crt\" }"
        ),
        cluster(&[&other.url()], "name = \"other\"\nshares = { file = \"other\" }"),
    ));
    let mut notify = Notify::new();
    let mut command = home.command(&["run"]);
    command.env("NOTIFY_SOCKET", notify.path()).env("WATCHDOG_USEC", "400000");
    let mut daemon = Daemon::start(&mut command);
    secure.wait_until(is_active);
    other.wait_until(is_active);
    notify.wait_for("STATUS=2 nodes: 2 unsealed");

    let hung = spoil(&home);
    // Connections fail, and so the files are looked at again.
    drop(secure);
    notify.wait_for("STATUS=2 nodes: 1 unreachable, 1 unsealed");
    if hung.is_none() {
        daemon.wait_for_line("certificates changed on disk, but");
    } else {
        daemon.hangup();
        notify.wait_for("RELOADING=1");
        daemon.hangup();
    }
    for _ in 0..4 {
        notify.wait_for("WATCHDOG=1");
    }
    other.kill();
    other.start();
    other.wait_until(is_active);
    if hung.is_some() {
        daemon.wait_for(PATIENCE * 2, "the reload's end", |line| {
            line.contains("the new configuration is not used, the old one stays")
        });
        // The second one does not hang beside the first.
        daemon.wait_for_line("an earlier read of it has not ended");
        let wait = run(&mut home.command(&["wait", "--timeout", "1s"]));
        assert_eq!(wait.status.code(), Some(3), "{}", String::from_utf8_lossy(&wait.stderr));
    }
    assert!(peak(daemon.pid()) < BOUND, "{} KiB", peak(daemon.pid()));
    daemon.terminate();
    assert!(daemon.exit_status(Duration::from_secs(10)).success());
}

#[test]
fn fifo_in_place_of_an_authority_stops_nobody() {
    others_go_on(|home| {
        fifo(&home.path("ca.crt"));
        None
    });
}

#[test]
fn sparse_file_in_place_of_an_authority_fills_no_memory() {
    others_go_on(|home| {
        sparse(&home.path("ca.crt"));
        None
    });
}

#[test]
fn file_that_never_answers_stops_nobody() {
    if !is_root() {
        return;
    }
    others_go_on(|home| {
        let hung = Hung::all_in(home.directory(), &["ca.crt", "config.toml"]);
        // Something to read.
        let again = fs::metadata(home.path("ca.crt")).unwrap().permissions();
        fs::set_permissions(home.path("ca.crt"), again).unwrap();
        Some(hung)
    });
}

/// Files that nobody can open: whoever tries waits, as on a network file system that is away. A process watches them
/// by fanotify(7) and answers nobody, until this is dropped.
struct Hung(std::process::Child);

impl Hung {
    fn all_in(directory: &Path, names: &[&str]) -> Self {
        let script = r#"
            my ($init, $mark) = `uname -m` =~ /^x86_64/ ? (300, 301) : (262, 263);
            my $fd = syscall($init, 0x4, 0);
            for my $path (@ARGV) {
                syscall($mark, $fd, 0x1, 0x10000, -100, $path) == 0 or die "fanotify_mark $path: $!\n";
            }
            $| = 1;
            print "ready\n";
            <STDIN>;
        "#;
        let mut perl = Command::new("perl");
        perl.args(["-e", script]).args(names.iter().map(|name| directory.join(name)));
        let mut perl = perl.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(perl.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self(perl)
    }
}

impl Drop for Hung {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let ended = poll(PATIENCE, || self.0.try_wait().unwrap());
        if ended.is_none() {
            let _ = self.0.kill();
        }
        let _ = self.0.wait();
    }
}
