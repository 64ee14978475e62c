//! What `init` refuses to begin with, and what it says then. The server stays as it was.

use crate::support::process::run;
use crate::support::server::Server;
use crate::{INIT, home_of, init, is_as_in, names, says, text};

const PLAIN: [&str; 4] = ["--plain", "--output", "shares.json", "--json"];

#[test]
fn command_lines_that_make_no_sense() {
    let server = says(false, "shamir");
    let home = home_of(&server.url());
    let mut texts = String::new();
    for arguments in [
        &[][..],
        &["--plain", "--tpm2"],
        &["--plain", "--threshold", "6"],
        &["--plain", "--threshold", "1"],
        &["--plain", "--shares", "0"],
        &["--plain", "--pcrs", "7"],
        &["--credential", "host", "--pcrs", "7"],
        &["--credential", "auto"],
        &["--plain", "--only", "1"],
        &["--plain", "--only", "6", "--recipient", "age1x"],
        &["--plain", "--shares", "2", "--recipient", "age1a", "--recipient", "age1b", "--recipient", "age1c"],
        &["--plain", "--recipient", "age1a", "--recipient", "age1a"],
        &["--plain", "--recipient", "AGE-SECRET-KEY-1QQQ"],
        &["--plain", "--offline-dir", "copies"],
        &["--plain", "--root-token", "keep"],
        &["--plain", "--node", "http://127.0.0.1:1"],
        &["--plain", "--node", "vault"],
    ] {
        let output = run(init(&home, arguments).arg("--json"));
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", text(&output));
        texts = texts + "$ vault-unseal init " + &arguments.join(" ") + "\n" + &text(&output) + "\n";
    }
    assert_eq!(server.connections(), 0);
    assert!(
        !texts
            .replace("$ vault-unseal init --plain --recipient AGE-SECRET-KEY", "")
            .contains("AGE-SECRET-KEY")
    );
    assert!(names(&home).is_empty());
    is_as_in("usage.txt", &home, &[&server.url()], &texts);
}

#[test]
fn servers_that_must_not_be_initialised() {
    let (bare, other, initialised, static_seal) =
        (says(false, "shamir"), says(false, "shamir"), says(true, "shamir"), says(false, "static"));
    let home = home_of(&bare.url());
    let urls = [bare.url(), initialised.url(), static_seal.url(), other.url()];
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    let mut texts = String::new();
    for (name, nodes, arguments) in [
        ("initialised already", &[urls[1]][..], &[][..]),
        ("unseals itself", &[urls[2]], &[]),
        ("a peer is initialised", &[urls[0], urls[1]], &["--node", urls[0]]),
        ("a peer does not answer", &["http://127.0.0.1:1", urls[0]], &["--node", urls[0]]),
        ("which of them", &[urls[0], urls[3]], &[]),
        ("does not answer", &["http://127.0.0.1:1"], &[]),
    ] {
        home.configure(nodes, "");
        let output = run(init(&home, &PLAIN).args(arguments));
        assert!(!output.status.success());
        texts = texts + "# " + name + "\n" + &text(&output) + "\n";
        assert!(names(&home).is_empty());
    }
    for server in [&bare, &other, &initialised, &static_seal] {
        assert!(server.requests().iter().all(|request| request.line() != INIT));
    }
    is_as_in("servers.txt", &home, &urls, &texts);
}

#[test]
fn a_real_server_is_not_asked_twice() {
    let server = Server::start_plain();
    let before = server.init(1, 1);
    let home = home_of(&server.url());
    let output = run(&mut init(&home, &PLAIN));
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(names(&home).is_empty());
    server.unseal(&before);
}

#[test]
fn a_share_file_that_is_there() {
    let server = Server::start_plain();
    let home = home_of(&server.url());
    home.put("shares.json", "somebody's");
    let output = run(&mut init(&home, &PLAIN));
    is_as_in("occupied.txt", &home, &[&server.url()], &text(&output));
    assert_eq!(std::fs::read_to_string(home.path("shares.json")).unwrap(), "somebody's");
    assert_eq!(server.health()["initialized"], false);
    crate::succeeds(init(&home, &PLAIN).arg("--force-home"));
    assert_eq!(crate::stored(&home.path("shares.json")).len(), 5);
}

#[test]
fn init_that_could_not_show_the_token_makes_no_directory() {
    let server = Server::start_plain();
    let home = home_of(&server.url());
    let output = run(&mut init(&home, &["--plain", "--output", "new/shares.json"]));
    assert!(text(&output).contains("there is no terminal to show the root token on"), "{}", text(&output));
    assert!(!home.path("new").exists());
    assert_eq!(server.health()["initialized"], false);
}
