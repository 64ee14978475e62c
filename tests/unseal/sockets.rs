//! Servers that listen on a Unix socket.

use std::fs::{self, Permissions};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

use rustix::net::sockopt::Timeout;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::process::Uid;

use crate::support::PATIENCE;
use crate::support::home::{Home, lines, shares_of_nobody};
use crate::support::private::are_root;
use crate::support::process::run;
use crate::support::server::{Ability, Builder, Server, cannot, is_active, is_sealed};

fn url(socket: &Path) -> String {
    format!("unix://{}", socket.display())
}

fn home(server: &Server, shares: &str) -> Home {
    let home = Home::new();
    home.shares(shares);
    home.configure(&[&url(&server.socket())], "");
    home
}

#[test]
fn server_on_a_unix_socket_is_unsealed_whatever_happens_to_it() {
    if cannot(Ability::UnixListener) {
        return;
    }
    let mut server = Builder::new().socket().start();
    let init = server.init(5, 3);
    let home = home(&server, &init.json);
    let mut daemon = home.run();
    server.wait_until(is_active);
    let shown = daemon.wait_for_line("unsealed").text;
    assert!(shown.contains(&url(&server.socket())), "{shown}");
    // It removes its socket, or leaves it there with nobody behind it.
    server.stop();
    daemon.wait_for_line("unreachable (connection refused)");
    server.start();
    server.wait_until(is_active);
    server.kill();
    daemon.wait_for_line("unreachable (connection refused)");
    server.start();
    server.wait_until(is_active);

    let socket = url(&server.socket());
    for command in [&["status", "--json"][..], &["wait", "--timeout", "10s"], &["check"]] {
        let output = run(&mut home.command(command));
        assert_eq!(output.status.code(), Some(0), "{command:?}: {output:?}");
        let told =
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(told.contains(&socket) || command[0] == "wait", "{told}");
    }
    let mut status = crate::support::process::vault_unseal(&["status", "--json"]);
    let status = run(status.env("VAULT_ADDR", &socket));
    assert!(
        String::from_utf8_lossy(&status.stdout).contains(&format!("\"address\":\"{socket}\"")),
        "{status:?}"
    );
}

#[test]
fn directory_that_others_can_write_to_is_refused_until_it_is_closed() {
    if cannot(Ability::UnixListener) {
        return;
    }
    let server = Builder::new().socket().start();
    let init = server.init(1, 1);
    let home = home(&server, &init.json);
    let directory = server.socket().parent().unwrap().to_owned();
    fs::set_permissions(&directory, Permissions::from_mode(0o777)).unwrap();
    let mut daemon = home.run();
    let line = daemon.wait_for_line("has mode 0777: others can write to it").text;
    assert!(line.contains("chmod go-w"), "{line}");
    server.wait_until(is_sealed);
    fs::set_permissions(&directory, Permissions::from_mode(0o755)).unwrap();
    server.wait_until(is_active);
}

#[test]
fn listener_of_another_account_is_sent_nothing() {
    if !are_root() {
        return;
    }
    let home = Home::new();
    home.shares(&lines(&shares_of_nobody(1, 1)));
    let socket = home.path("api.sock");
    home.configure(&[&url(&socket)], "allow_plaintext = true");
    let (bound, listener) = std::sync::mpsc::channel();
    let path = socket.clone();
    // SO_PEERCRED is whoever called listen(2), whoever made the socket.
    let thief = std::thread::spawn(move || {
        let flags = SocketFlags::CLOEXEC;
        let file: OwnedFd =
            rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).unwrap();
        rustix::net::bind(&file, &SocketAddrUnix::new(&path).unwrap()).unwrap();
        let uid = Uid::from_raw(4242);
        rustix::thread::set_thread_res_uid(uid, uid, uid).unwrap();
        rustix::net::listen(&file, 10).unwrap();
        bound.send(UnixListener::from(file)).unwrap();
    });
    let listener = listener.recv().unwrap();
    thief.join().unwrap();
    // Of accept(2), too.
    rustix::net::sockopt::set_socket_timeout(&listener, Timeout::Recv, Some(PATIENCE)).unwrap();
    let mut daemon = home.run();
    daemon.wait_for_line("runs as uid 4242, who is not trusted");
    let mut sent = Vec::new();
    listener.accept().unwrap().0.read_to_end(&mut sent).unwrap();
    assert_eq!(sent, Vec::<u8>::new());
    let kind = String::from_utf8(run(&mut home.command(&["status", "--json"])).stdout).unwrap();
    assert!(kind.contains("foreign-server"), "{kind}");

    home.config(&format!("server_users = [4242]\n{}", crate::support::home::cluster(&[&url(&socket)], "")));
    daemon.hangup();
    let asked = std::iter::from_fn(|| listener.accept().ok()).find_map(|(mut stream, _)| {
        let mut first = [0; 4];
        stream.read_exact(&mut first).ok().map(|()| first)
    });
    assert_eq!(asked, Some(*b"GET "));
}

#[test]
fn socket_that_may_not_be_connected_to_names_the_remedy() {
    if !are_root() {
        return;
    }
    let home = Home::new();
    let socket = home.path("api.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    fs::set_permissions(&socket, Permissions::from_mode(0o600)).unwrap();
    home.chmod("", 0o755);
    let mut status = std::process::Command::new("setpriv");
    status.args([
        "--reuid=4242",
        "--regid=4242",
        "--clear-groups",
        env!("CARGO_BIN_EXE_vault-unseal"),
        "status",
    ]);
    status.env_clear().args(["--json", "--nodes", &url(&socket)]);
    let told = run(&mut status);
    let told = String::from_utf8_lossy(&told.stdout).into_owned() + &String::from_utf8_lossy(&told.stderr);
    assert!(told.contains("socket-permission") && told.contains("SupplementaryGroups="), "{told}");
}
