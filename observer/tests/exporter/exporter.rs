//! What is served, to whom, and when it is refused to start.

use super::http::{ask, get};
use super::{daemon, directory, observer, said};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

pub(crate) struct Exporter {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Exporter {
    /// With these lines in its configuration, beside a port that is free.
    pub(crate) fn start(directory: &Path, more: &str, notify: Option<&Path>) -> Self {
        let config = directory.join("exporter.toml");
        fs::write(&config, format!("listen = '127.0.0.1:0'\n{more}")).unwrap();
        let mut command = observer();
        if let Some(notify) = notify {
            command.env("NOTIFY_SOCKET", notify);
        }
        command.args(["exporter", "--config"]).arg(config);
        command.arg("--observe-socket").arg(directory.join("observe.sock"));
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        // Whatever it says later must not stop it.
        thread::spawn(move || drop(lines.read_to_end(&mut Vec::new())));
        let address = line.split("://").nth(1).and_then(|rest| rest.split('/').next());
        let address = address.and_then(|address| address.parse().ok()).unwrap_or_else(|| panic!("{line}"));
        Self { child, address }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    fn end(mut self) -> ExitStatus {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.child.wait().unwrap()
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn daemon_s_metrics_are_served() {
    let directory = directory();
    daemon(directory.path());
    let exporter = Exporter::start(directory.path(), "", None);
    let metrics = get(exporter.address, "/metrics");
    assert_eq!(metrics.status, 200);
    assert!(
        metrics.head.contains("content-type: text/plain; version=0.0.4; charset=utf-8"),
        "{}",
        metrics.head
    );
    let values = metrics.values();
    assert_eq!(values.last(), Some(&"vault_unseal_daemon_up 1"));
    assert!(values.contains(&"vault_unseal_node_up{cluster=\"home\",node=\"https://vault.home:8200\"} 0"));
    assert!(values.iter().any(|value| value.starts_with("process_")), "those of the daemon's process too");

    let other = get(exporter.address, "/metrics?names=vault_exporter");
    assert!(other.values().iter().any(|value| value.starts_with("vault_up")), "{}", other.body);
    assert_eq!(other.values().last(), Some(&"vault_unseal_daemon_up 1"));
    assert!(exporter.end().success());
}

#[test]
fn everything_else_is_refused() {
    let directory = directory();
    daemon(directory.path());
    let exporter = Exporter::start(directory.path(), "", None);
    let page = get(exporter.address, "/");
    assert!(page.status == 200 && page.body.contains("href=\"/metrics\""), "{}", page.body);
    assert!(page.head.contains("content-type: text/html"), "{}", page.head);
    for (target, status) in [
        ("/other", 404),
        ("/metrics/", 404),
        ("/v1/nodes", 404),
        ("/metrics?names=other", 400),
        ("/metrics?x=y", 200),
    ] {
        assert_eq!(get(exporter.address, target).status, status, "{target}");
    }
    let asked = |request: &str| ask(TcpStream::connect(exporter.address).unwrap(), request);
    let head = asked("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(
        head.status == 200 && head.body.is_empty() && head.head.contains("content-length: "),
        "{}",
        head.head
    );
    let post = asked("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    assert!(post.status == 405 && post.head.contains("allow: get, head"), "{}", post.head);
    assert_eq!(asked(&format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "x".repeat(9000))).status, 431);
    assert_eq!(asked("what\r\n\r\n").status, 400);
}

#[test]
fn daemon_that_does_not_answer_is_told_and_nothing_else() {
    let directory = directory();
    let exporter = Exporter::start(directory.path(), "", None);
    let without = get(exporter.address, "/metrics");
    assert_eq!((without.status, without.values()), (200, vec!["vault_unseal_daemon_up 0"]));
    assert!(without.body.contains("# TYPE vault_unseal_daemon_up gauge\n"), "{}", without.body);
    daemon(directory.path());
    // An answer is given to others for a second.
    while get(exporter.address, "/metrics").values().last() != Some(&"vault_unseal_daemon_up 1") {
        thread::sleep(PAUSE);
    }
    fs::remove_file(directory.path().join("observe.sock")).unwrap();
    while get(exporter.address, "/metrics").values() != ["vault_unseal_daemon_up 0"] {
        thread::sleep(PAUSE);
    }
}

#[test]
fn daemon_is_read_once_however_many_ask() {
    let directory = directory();
    let listener = UnixListener::bind(directory.path().join("observe.sock")).unwrap();
    let exporter = Exporter::start(directory.path(), "", None);
    let connect = || TcpStream::connect(exporter.address).unwrap();
    let mut asking: Vec<_> = (0..60).map(|_| connect()).collect();
    for stream in &mut asking {
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    }
    let (reader, _) = listener.accept().unwrap();
    let mut reader = BufReader::new(reader);
    let mut request = String::new();
    while !request.ends_with("\r\n\r\n") {
        reader.read_line(&mut request).unwrap();
    }
    assert!(request.starts_with("GET /metrics HTTP/1.1\r\n"), "{request}");
    // Who connects after them all is served meanwhile.
    assert_eq!(get(exporter.address, "/").status, 200);
    let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\na 1\n\r\n0\r\n\r\n";
    reader.get_mut().write_all(answer).unwrap();
    drop(reader);
    for stream in asking {
        let body = ask(stream, "").body;
        assert!(body.starts_with("a 1\n") && body.ends_with("\nvault_unseal_daemon_up 1\n"), "{body}");
    }
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "nobody else came");
}

#[test]
fn who_asks_nothing_keeps_nobody_out() {
    let directory = directory();
    daemon(directory.path());
    let exporter = Exporter::start(directory.path(), "", None);
    let mut idle: Vec<TcpStream> = (0..200).map(|_| TcpStream::connect(exporter.address).unwrap()).collect();
    for stream in &mut idle {
        // The first may be gone already.
        let _ = stream.write_all(b"GET /metr");
    }
    assert_eq!(get(exporter.address, "/metrics").status, 200);
    // The oldest of them had to go for it.
    assert!(matches!(idle[0].read(&mut [0; 1]), Ok(0) | Err(_)));
}

/// Of one that others need no place of.
#[test]
fn who_sends_half_a_request_is_given_up() {
    let directory = directory();
    let exporter = Exporter::start(directory.path(), "", None);
    let mut silent = TcpStream::connect(exporter.address).unwrap();
    let mut half = TcpStream::connect(exporter.address).unwrap();
    half.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n").unwrap();
    for stream in [&mut silent, &mut half] {
        let mut said = Vec::new();
        let _ = stream.read_to_end(&mut said);
        assert!(!said.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&said));
    }
}

#[test]
fn systemd_is_told_when_it_serves_and_it_ends_when_told_to() {
    let directory = directory();
    let path = directory.path().join("notify");
    let notify = UnixDatagram::bind(&path).unwrap();
    let exporter = Exporter::start(directory.path(), "", Some(&path));
    let told = || {
        let mut text = [0; 512];
        let length = notify.recv(&mut text).unwrap();
        String::from_utf8_lossy(&text[..length]).into_owned()
    };
    let address = exporter.address;
    assert_eq!(told(), format!("READY=1\nSTATUS=serves http://{address}/metrics"));
    get(address, "/metrics");
    assert_eq!(told(), "STATUS=the daemon does not answer");
    assert!(exporter.end().success());
    assert_eq!(told(), "STOPPING=1\nSTATUS=ends");
}

fn refused(text: &str) -> String {
    let directory = directory();
    let config = directory.path().join("exporter.toml");
    fs::write(&config, text).unwrap();
    let output = observer().args(["exporter", "--config"]).arg(&config).output().unwrap();
    assert_eq!(output.status.code(), Some(78), "{}", said(&output));
    assert!(output.stdout.is_empty());
    said(&output).replace(config.to_str().unwrap(), "exporter.toml")
}

#[test]
fn configuration_that_is_wrong_ends_it_with_78() {
    let off_loopback = refused("\nlisten = '0.0.0.0:9412'");
    assert!(
        off_loopback.contains("exporter.toml:2: listen: 0.0.0.0:9412 is not of this machine alone"),
        "{off_loopback}"
    );
    assert!(off_loopback.contains("plain_http = true"), "{off_loopback}");
    let unknown = refused("lisen = '127.0.0.1:9412'");
    assert!(unknown.contains("exporter.toml:1: lisen") && unknown.contains("`listen`"), "{unknown}");
    let files = refused("tls = { certificate_file = '/nowhere/c', key_file = '/nowhere/k' }");
    assert!(files.contains("/nowhere/c"), "{files}");

    let directory = directory();
    let open = directory.path().join("exporter.toml");
    fs::write(&open, "").unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o666)).unwrap();
    let output = observer().args(["exporter", "--config"]).arg(&open).output().unwrap();
    assert_eq!(output.status.code(), Some(78));
    let shown = "(mode 0666), and it decides to whom the state of servers is shown, and with which key\n";
    assert!(said(&output).contains(shown), "{}", said(&output));

    let output = observer().args(["exporter", "--config", "/nowhere/exporter.toml"]).output().unwrap();
    assert_eq!(output.status.code(), Some(78), "a file that was named must be there");
}

#[test]
fn address_that_is_taken_is_told() {
    let directory = directory();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let config = directory.path().join("exporter.toml");
    fs::write(&config, format!("listen = '{}'", taken.local_addr().unwrap())).unwrap();
    let output = observer().args(["exporter", "--config"]).arg(&config).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "it may be free later: the service tries again");
    assert!(said(&output).contains("ss --listening"), "{}", said(&output));
}
