//! Who may be at the other end of a connection.

use super::*;
use crate::accounts::ServerUser;
use crate::explain::Explain;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use tokio::net::TcpStream;

const TIME_WAIT: u8 = 6;
const LISTEN: u8 = 10;

fn rule(allow_plaintext: bool) -> PeerRule {
    let trusted = Trusted::with(vec![ServerUser::Number(990), ServerUser::Number(OVERFLOW)]).seen_by(1000);
    PeerRule { trusted: Arc::new(trusted), allow_plaintext, tls_authenticates: true }
}

fn found(state: u8, inode: u32, uid: u32) -> Lookup {
    Lookup::Found(PeerSocket { state, inode, uid })
}

#[test]
fn established_socket_of_trusted_user_passes() {
    for uid in [0, 990, 1000] {
        assert_eq!(rule(false).verdict(&found(ESTABLISHED, 7, uid), true), Ok(()), "{uid}");
    }
}

#[test]
fn foreign_owner_is_refused_even_where_plaintext_is_allowed() {
    for allow_plaintext in [false, true] {
        for here in [false, true] {
            let verdict = rule(allow_plaintext).verdict(&found(ESTABLISHED, 7, 4_000_000), here);
            let stranger = UntrustedOwner {
                account: "uid 4000000".to_owned(),
                server_users: "[990, 65534, 4000000]".to_owned(),
                on_socket: false,
            };
            assert_eq!(verdict, Err(PeerRefusal::Foreign(Box::new(stranger))));
            let verdict = rule(allow_plaintext).verdict(&found(ESTABLISHED, 7, OVERFLOW), here);
            assert_eq!(verdict, Err(PeerRefusal::Hidden), "whatever server_users says");
        }
    }
}

#[test]
fn socket_without_inode_or_not_established_proves_nothing() {
    for socket in [found(ESTABLISHED, 0, 0), found(TIME_WAIT, 0, 0), found(LISTEN, 7, 0), found(8, 7, 0)] {
        for allow_plaintext in [false, true] {
            let verdict = rule(allow_plaintext).verdict(&socket, true);
            assert_eq!(verdict, Err(PeerRefusal::Unowned), "{socket:?}");
        }
    }
}

#[test]
fn not_found_passes_only_where_plaintext_is_allowed() {
    assert_eq!(rule(false).verdict(&Lookup::NotFound, true), Err(PeerRefusal::NotFound));
    assert_eq!(rule(true).verdict(&Lookup::NotFound, true), Ok(()));
    assert_eq!(rule(false).verdict(&Lookup::NotFound, false), Ok(()), "TLS that proves nothing, elsewhere");
    let failed = Lookup::Failed("no".to_owned());
    assert_eq!(rule(true).verdict(&failed, true), Err(PeerRefusal::NoLookup("no".to_owned())));
    assert_eq!(rule(true).verdict(&failed, false), Ok(()));
}

#[test]
fn this_machine_is_known_by_the_addresses_of_the_connection() {
    let here =
        |peer: &str, own: &str| Ends::between(peer.parse().unwrap(), own.parse().unwrap()).on_this_machine();
    assert!(here("127.0.0.2:8200", "127.0.0.1:40000"));
    assert!(here("[::1]:8200", "[::1]:40000"));
    assert!(here("[::ffff:127.0.0.1]:8200", "[::ffff:127.0.0.1]:40000"));
    assert!(here("192.0.2.7:8200", "192.0.2.7:40000"));
    assert!(here("[::ffff:192.0.2.7]:8200", "192.0.2.7:40000"));
    assert!(!here("192.0.2.8:8200", "192.0.2.7:40000"));
    assert!(!here("[2001:db8::2]:8200", "[2001:db8::1]:40000"));
}

#[test]
fn plaintext_to_another_machine_is_refused_unless_allowed() {
    let ends = Ends::between("192.0.2.8:8200".parse().unwrap(), "192.0.2.7:40000".parse().unwrap());
    assert_eq!(rule(false).admit(ends, false), Err(PeerRefusal::Elsewhere(ends.peer.ip())));
    assert_eq!(rule(true).admit(ends, false), Ok(Some(ends)));
    assert_eq!(rule(false).admit(ends, true), Ok(None));
    let unverified = PeerRule { tls_authenticates: false, ..rule(false) };
    assert_eq!(unverified.admit(ends, true), Ok(Some(ends)));
}

/// Both ways to ask the kernel, over connections whose answers are known.
#[tokio::test]
async fn the_kernel_says_the_same_in_both_ways() {
    let uid = rustix::process::geteuid().as_raw();
    for (listen, connect) in [
        ("127.0.0.1:0", "127.0.0.1"),
        ("[::1]:0", "::1"),
        ("[::]:0", "127.0.0.1"),
        ("[::]:0", "::ffff:127.0.0.1"),
        ("0.0.0.0:0", "0.0.0.0"),
    ] {
        // Not every machine has IPv6.
        let Ok(listener) = std::net::TcpListener::bind(listen) else { continue };
        let port = listener.local_addr().unwrap().port();
        let target = SocketAddr::new(connect.parse().unwrap(), port);
        let stream = TcpStream::connect(target).await.unwrap();
        let ends = Ends::of(&stream).unwrap();
        assert!(ends.on_this_machine(), "{ends:?}");
        let both = || [netlink::look_up(&ends).unwrap(), look_up_in_tables(&ends).unwrap()];
        for socket in both() {
            assert_eq!(socket.unwrap().inode, 0, "{listen} {connect}: not accepted yet");
        }
        let accepted = listener.accept().unwrap();
        // As somebody does who wants to be no listener when he is looked for.
        drop(listener);
        let [asked, read] = both();
        assert_eq!(asked, read, "{listen} {connect}");
        let socket = asked.unwrap();
        assert!(socket.state == ESTABLISHED && socket.inode != 0 && socket.uid == uid, "{socket:?}");
        drop(accepted);
    }
}

/// Where plaintext is allowed, not found is enough: an end that is gone by the time it is looked for must not be.
#[tokio::test]
async fn connection_that_the_peer_has_ended_is_not_one_of_another_namespace() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let ends = Ends::of(&stream).unwrap();
    let (accepted, _) = listener.accept().unwrap();
    let ours = PeerRule { trusted: Arc::default(), allow_plaintext: true, tls_authenticates: true };
    assert_eq!(ours.judge(ends).await, Ok(()));
    rustix::net::sockopt::set_socket_linger(&accepted, Some(Duration::ZERO)).unwrap();
    drop(accepted);
    assert_eq!(netlink::look_up(&ends).unwrap(), None, "a reset leaves nothing behind");
    assert_eq!(ours.judge(ends).await, Err(PeerRefusal::Unowned));
}

/// An address of a network for documentation: nobody has it (RFC 5737).
fn elsewhere() -> Ends {
    Ends::between("192.0.2.8:8200".parse().unwrap(), "192.0.2.7:40000".parse().unwrap())
}

#[tokio::test]
async fn peer_of_another_machine_is_looked_for_once() {
    assert_eq!(elsewhere().look_up().await, Lookup::NotFound);
}

#[tokio::test]
async fn peer_that_has_accepted_is_judged_then() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let ends = Ends::of(&stream).unwrap();
    let ours = PeerRule { trusted: Arc::default(), allow_plaintext: true, tls_authenticates: true };
    let judged = tokio::spawn(async move { ours.judge_when_accepted(ends).await });
    let (accepted, _) = listener.accept().unwrap();
    assert_eq!(judged.await.unwrap(), Ok(()));
    let ours = PeerRule { trusted: Arc::default(), allow_plaintext: true, tls_authenticates: true };
    rustix::net::sockopt::set_socket_linger(&accepted, Some(Duration::ZERO)).unwrap();
    drop(accepted);
    assert_eq!(ours.judge_when_accepted(ends).await, Err(PeerRefusal::Unowned));
}

/// Not loopback, and yet ours; `None` where this machine has no such address.
fn own_address() -> Option<SocketAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    // Sends nothing: the kernel chooses the address that it would send from.
    socket.connect(elsewhere().peer).ok()?;
    socket.local_addr().ok().filter(|address| !address.ip().is_loopback())
}

#[test]
fn addresses_of_this_machine_are_its_own_without_being_loopback() {
    assert!(is_own("127.0.0.9:8200".parse().unwrap()));
    assert!(!is_own(elsewhere().peer));
    match own_address() {
        Some(address) => assert!(is_own(address), "{address}"),
        None => eprintln!("NOT TESTED: this machine has no address but loopback"),
    }
}

/// A rule for whoever runs this.
fn of_us() -> PeerRule {
    PeerRule { trusted: Arc::default(), allow_plaintext: false, tls_authenticates: true }
}

#[tokio::test]
async fn socket_at_which_nobody_listens_is_refused_as_a_port_is() {
    let home = crate::testing::directory();
    let path = home.path().join("api.sock");
    assert_eq!(connect_unix(&path, None, &of_us()).await.unwrap_err(), Unreachable::Refused);
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert_eq!(connect_unix(&path, None, &of_us()).await.unwrap_err(), Unreachable::Refused);
    fs::remove_file(&path).unwrap();
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    assert!(connect_unix(&path, None, &of_us()).await.is_ok());
    drop(listener);
}

#[test]
fn socket_that_we_may_not_use_is_told_as_that() {
    use std::os::unix::process::CommandExt;
    if !rustix::process::geteuid().is_root() {
        eprintln!("NOT TESTED: this needs root");
        return;
    }
    let home = crate::testing::directory();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let path = home.path().join("api.sock");
    let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let mut command = std::process::Command::new("/proc/self/exe");
    command.args(["--exact", "--include-ignored", "vault::peer::tests::as_another_user"]);
    let output = command.env("SOCKET", &path).current_dir("/").uid(61_234).gid(61_234).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
#[ignore = "started by another test, as another user"]
async fn as_another_user() {
    let path = std::path::PathBuf::from(std::env::var_os("SOCKET").unwrap());
    let refused = connect_unix(&path, None, &of_us()).await.unwrap_err();
    assert_eq!(refused, Unreachable::from(PeerRefusal::SocketPermission));
}

#[tokio::test]
async fn a_listener_is_not_taken_for_its_connection() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let ends = Ends { peer: listener.local_addr().unwrap(), own: "127.0.0.1:1".parse().unwrap() };
    assert_eq!(netlink::look_up(&ends).unwrap(), None);
    assert_eq!(look_up_in_tables(&ends).unwrap(), None);
    assert_eq!(ends.find().await, Lookup::NotFound);
}

fn verdict(socket: &Path) -> String {
    match judge_directories(socket, &Trusted::without_servers()) {
        Ok(()) => "good".to_owned(),
        Err(refusal) => refusal.to_string(),
    }
}

fn is(socket: &Path, expected: &str) {
    let verdict = verdict(socket);
    assert!(verdict.contains(expected), "{verdict} instead of {expected}");
}

#[test]
fn directories_that_others_can_write_to_are_refused() {
    let home = crate::testing::directory();
    let (outer, inner) = (home.path().join("outer"), home.path().join("outer/inner"));
    fs::create_dir_all(&inner).unwrap();
    let chmod = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let socket = inner.join("api.sock");
    for (outer_mode, inner_mode, expected) in [
        (0o755, 0o755, "good"),
        (0o755, 0o750, "good"),
        (0o755, 0o770, "can write"),
        (0o755, 0o757, "can write"),
        (0o755, 0o1777, "can write"),
        (0o775, 0o755, "can write"),
        (0o777, 0o755, "can write"),
        (0o1777, 0o755, "good"),
    ] {
        chmod(&outer, outer_mode);
        chmod(&inner, inner_mode);
        let verdict = verdict(&socket);
        assert!(verdict.contains(expected), "{outer_mode:o} {inner_mode:o}: {verdict}");
    }
    is(&outer.join("not-there/api.sock"), "good");
}

#[test]
fn directories_are_judged_where_a_link_leads_to() {
    let home = crate::testing::directory();
    let (real, link) = (home.path().join("real"), home.path().join("link"));
    fs::create_dir(&real).unwrap();
    symlink(&real, &link).unwrap();
    is(&link.join("api.sock"), "good");
    fs::set_permissions(&real, fs::Permissions::from_mode(0o777)).unwrap();
    is(&link.join("api.sock"), "can write");
}

#[test]
fn directories_and_links_of_others_are_refused() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("NOT TESTED: this needs root");
        return;
    }
    let home = crate::testing::directory();
    let (real, link) = (home.path().join("real"), home.path().join("link"));
    fs::create_dir(&real).unwrap();
    symlink(&real, &link).unwrap();
    std::os::unix::fs::lchown(&link, Some(4_000_000), None).unwrap();
    is(&link.join("api.sock"), "belongs to uid 4000000");
    is(&real.join("api.sock"), "good");
    std::os::unix::fs::chown(&real, Some(4_000_000), None).unwrap();
    is(&real.join("api.sock"), "belongs to uid 4000000");
}

/// `api.sock` could be made another server's by whoever owns what lies between.
#[test]
fn directory_of_another_between_two_links_is_refused() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("NOT TESTED: this needs root");
        return;
    }
    let home = crate::testing::directory();
    let (real, between, link) =
        (home.path().join("real"), home.path().join("between"), home.path().join("link"));
    fs::create_dir(&real).unwrap();
    fs::create_dir(&between).unwrap();
    symlink(&real, between.join("hop")).unwrap();
    symlink(between.join("hop"), &link).unwrap();
    is(&link.join("api.sock"), "good");
    std::os::unix::fs::chown(&between, Some(4_000_000), None).unwrap();
    is(&link.join("api.sock"), "belongs to uid 4000000");
}

#[test]
fn advice_for_a_place_for_everybody_leaves_its_mode_alone() {
    let refusal = judge_directories(Path::new("/tmp/api.sock"), &Trusted::without_servers()).unwrap_err();
    let advice = refusal.advice().unwrap();
    assert!(advice.contains("RuntimeDirectory=") && !advice.contains("chmod"), "{advice}");
}
