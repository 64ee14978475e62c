//! Shares that a service gives over a socket when it is asked, or does not give now.

use crate::support::certs::Authority;
use crate::support::guarded::Guarded;
use crate::support::home::{Home, lines};
use crate::support::process::run;
use crate::support::server::{Builder, Server, is_active, is_sealed};
use rustix::process::geteuid;
use std::fs::{self, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// A service that gives this text to whoever connects, as the user of this test.
struct Giver {
    text: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
}

impl Giver {
    fn at(path: &Path, text: &str) -> Self {
        let listener = UnixListener::bind(path).unwrap();
        let (text, asked) = (Arc::new(Mutex::new(text.to_owned())), Arc::new(AtomicUsize::new(0)));
        let (given, count) = (Arc::clone(&text), Arc::clone(&asked));
        // Ends with the test's process.
        thread::spawn(move || {
            for stream in listener.incoming() {
                count.fetch_add(1, Ordering::SeqCst);
                let text = given.lock().unwrap().clone();
                stream.unwrap().write_all(text.as_bytes()).unwrap();
            }
        });
        Self { text, asked }
    }

    fn gives(&self, text: &str) {
        text.clone_into(&mut self.text.lock().unwrap());
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

const SOURCE: &str = "shares = { socket = \"shares.sock\" }\n";

#[test]
fn a_server_is_unsealed_when_the_service_behind_the_socket_can_give_its_shares() {
    let authority = Authority::new("Given CA");
    let server = Builder::new().tls(&authority).start();
    let init = server.init(5, 3);
    let home = Home::new();
    let trust = crate::support::home::trusting(&server.ca_file());
    home.configure(&[&server.url()], &format!("{SOURCE}{trust}"));
    let mut daemon = home.run();
    let socket = home.path("shares.sock");
    let refused = |why: &str| {
        format!("shares-unavailable (cannot read shares from the socket {}: {why})", socket.display())
    };
    daemon.wait_for_line(&refused("there is no such socket"));
    let giver = Giver::at(&socket, "");
    daemon.wait_for_line(&refused("it gave nothing"));
    assert!(is_sealed(&server.health()));
    giver.gives(&lines(init.enough()));
    daemon.wait_for_line(": unsealed (active)");
    assert!(!daemon.output().contains(&init.keys_hex[0]));
}

/// A TPM or a tang server far away is not asked at every start and every poll.
#[test]
fn nobody_asks_for_shares_while_the_server_is_unsealed() {
    let mut server = Server::start_plain();
    let init = server.init(1, 1);
    let home = Home::new();
    let giver = Giver::at(&home.path("shares.sock"), &lines(init.enough()));
    home.configure(&[&server.url()], SOURCE);
    let mut daemon = home.run();
    daemon.wait_for_line(": unsealed (active)");
    assert_eq!(giver.asked(), 1);
    drop(daemon);
    let mut daemon = home.run();
    daemon.wait_for_line(": unsealed (active)");
    assert_eq!(giver.asked(), 1, "a restarted daemon asks at a seal");
    server.kill();
    daemon.wait_for_line("unreachable");
    server.start();
    daemon.wait_for_line(": unsealed (active)");
    assert_eq!(giver.asked(), 2);
}

#[test]
fn a_check_asks_for_them_and_says_how_many_there_are() {
    let server = Server::start_plain();
    let init = server.init(5, 3);
    server.unseal(&init);
    server.wait_until(is_active);
    let home = Home::new();
    home.configure(&[&server.url()], SOURCE);
    let socket = home.path("shares.sock");
    let check = || {
        let output = run(&mut home.command(&["check"]));
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, said) = check();
    assert!(code == Some(4) && said.contains("there is no such socket"), "{code:?}\n{said}");
    let _giver = Giver::at(&socket, &lines(init.enough()));
    let (code, said) = check();
    assert!(
        code == Some(0) && said.contains(&format!("3 shares in the socket {}", socket.display())),
        "{code:?}\n{said}"
    );
}

/// Where others can make files, any of them can make a socket of that name first.
#[test]
fn what_another_user_gives_is_not_read() {
    if !geteuid().is_root() {
        eprintln!("what_another_user_gives_is_not_read: skipped, as only root can become another user");
        return;
    }
    let server = Server::start_plain();
    let init = server.init(1, 1);
    let place = tempfile::Builder::new().permissions(Permissions::from_mode(0o777)).tempdir().unwrap();
    fs::set_permissions(place.path(), Permissions::from_mode(0o777)).unwrap();
    let socket = place.path().join("shares.sock");
    let script = "use IO::Socket::UNIX; my $s = IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 9) or die $!; \
                  $| = 1; print \"up\\n\"; while (my $c = $s->accept) { print $c $ARGV[1] }";
    let mut command = Command::new("perl");
    command.args(["-e", script]).arg(&socket).arg(lines(init.enough()));
    let mut stranger = Guarded::spawn(command.uid(65_534).stdout(Stdio::piped()));
    stranger.pipes().0.unwrap().read_exact(&mut [0; 3]).unwrap();
    let home = Home::new();
    home.configure(&[&server.url()], &format!("shares = {{ socket = {:?} }}\n", socket.to_str().unwrap()));
    let mut daemon = home.run();
    daemon.wait_for_line("shares-unavailable (cannot read shares from the socket");
    assert!(
        daemon.output().contains("it is uid 65534 (nobody) who listens there, not root"),
        "{}",
        daemon.output()
    );
    assert!(is_sealed(&server.health()));
}
