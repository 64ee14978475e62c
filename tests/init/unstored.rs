//! What cannot be stored after the answer is kept, or shown: on the terminal, or where there is nothing else.

use std::fs;
use std::process::{Command, Stdio};

use crate::support::PATIENCE;
use crate::support::guarded::Guarded;
use crate::support::home::Home;
use crate::support::hostile::{Behaviour, Gate};
use crate::support::private::{encrypts, host_key_in, mounted};
use crate::support::process::run;
use crate::support::server::Server;
use crate::{INIT, home_of, init, is_as_in, names, on_a_terminal, proxy, shares_in, stored, succeeds, text};

const PLAIN: [&str; 4] = ["--plain", "--output", "shares.json", "--json"];

/// Runs it, and does something at the moment of the server's answer.
fn meanwhile(server: &Server, command: impl FnOnce(&str) -> Command, act: impl FnOnce()) -> String {
    let proxy = proxy(server);
    let gate = Gate::default();
    proxy.on(INIT, [Behaviour::ForwardHeld(server.address(), gate.clone())]);
    let mut command = command(&proxy.url());
    let mut process = Guarded::spawn(command.stdout(Stdio::piped()).stderr(Stdio::piped()));
    gate.wait_until_reached();
    act();
    gate.open();
    let (stdout, stderr) = process.pipes();
    let read = |pipe: &mut dyn std::io::Read| {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).unwrap();
        bytes
    };
    let (stdout, stderr) = (read(&mut stdout.unwrap()), read(&mut stderr.unwrap()));
    let status = process.wait(PATIENCE).unwrap();
    text(&std::process::Output { status, stdout, stderr }).replace(&proxy.url(), &server.url())
}

#[test]
fn a_file_that_somebody_put_there_meanwhile() {
    let server = Server::start_plain();
    let home = home_of(&server.url());
    let command = |url: &str| {
        home.configure(&[url], "");
        init(&home, &PLAIN)
    };
    let said = meanwhile(&server, command, || drop(home.put("shares.json", "somebody's")));
    is_as_in("occupied-meanwhile.txt", &home, &[&server.url()], &said);
    assert_eq!(fs::read_to_string(home.path("shares.json")).unwrap(), "somebody's");
    assert_eq!(names(&home), ["shares.json", "shares.json.rescue", "shares.json.rescue-key"]);
    home.configure(&[&server.url()], "");
    let still = text(&run(init(&home, &PLAIN).arg("--resume")));
    assert!(still.starts_with("exit 1"), "{still}");

    fs::remove_file(home.path("shares.json")).unwrap();
    succeeds(init(&home, &PLAIN).arg("--resume"));
    assert_eq!(names(&home), ["shares.json"]);
    crate::daemon_unseals(&home, &server, "shares = { file = \"shares.json\" }");
}

#[test]
fn on_a_terminal_the_shares_are_shown_too() {
    let server = Server::start_plain();
    let home = home_of(&server.url());
    let command = |url: &str| {
        home.configure(&[url], "");
        on_a_terminal(&init(&home, &PLAIN))
    };
    let mut said = meanwhile(&server, command, || drop(home.put("shares.json", "somebody's")));
    let shares = shares_in(&said);
    let token =
        said.split("Initial Root Token: ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    for share in &shares {
        said = said.replace(share.as_str(), "SHARE");
    }
    is_as_in("shown.txt", &home, &[&server.url()], &said.replace(&token, "s.TOKEN"));
    fs::remove_file(home.path("shares.json")).unwrap();
    home.configure(&[&server.url()], "");
    succeeds(init(&home, &PLAIN).arg("--resume"));
    assert_eq!(stored(&home.path("shares.json")), shares);
}

/// Files may not grow beyond so many bytes: what is tried before fits, five shares do not.
fn limited(command: &Command, bytes: usize) -> Command {
    let mut limited = Command::new("prlimit");
    limited.arg(format!("--fsize={bytes}")).args(["env", "--ignore-signal=XFSZ"]);
    limited.arg(command.get_program()).args(command.get_args());
    limited.env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
    limited.current_dir(command.get_current_dir().unwrap());
    limited
}

#[test]
fn where_nothing_can_be_written_the_last_resort_is_standard_error() {
    let server = Server::start_plain();
    let home = home_of(&server.url());
    let output = run(&mut limited(&init(&home, &PLAIN), 200));
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    let shares = shares_in(&said);
    if said.contains("cannot reserve room") && shares.is_empty() {
        crate::support::untested(
            "a tmpfs counts reserved room against the limit, so that the server was not even asked",
        );
        return;
    }
    assert_eq!((output.status.code(), shares.len()), (Some(1), 5), "{said}");
    assert!(said.contains("cannot be relied on"), "{said}");
    for share in &shares[..3] {
        server.submit(share);
    }
    server.wait_until(crate::is_active);
}

/// As [`mounted`], with the shell as first process of the namespace: it goes on afterwards, and signals work as elsewhere.
fn beside_a_shell(setup: &str, command: &Command) -> Command {
    let mounted = mounted(setup, command);
    let mut whole = Command::new(mounted.get_program());
    whole.args(mounted.get_args().map(|word| word.to_str().unwrap().replace("exec \"$@\"", "\"$@\"")));
    whole.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    whole.current_dir(command.get_current_dir().unwrap());
    whole
}

/// A stand-in for systemd-creds that does its work until there is a file `broken`.
fn breaking(home: &Home, what: &str) -> String {
    let here = home.directory().display();
    fs::create_dir(home.path("keys")).unwrap();
    let tool = format!(
        "#!/bin/sh\nif [ -e {here}/broken ]; then case $1 in {what}) echo broken >&2; exit 1;; esac; fi\nexec {here}/real \"$@\"\n"
    );
    home.put("tool", &tool);
    home.chmod("tool", 0o755);
    format!(
        "{}\ncp /usr/bin/systemd-creds real\nmount --bind tool /usr/bin/systemd-creds",
        host_key_in(&home.path("keys"))
    )
}

const CREDENTIAL: [&str; 5] = ["--credential", "host", "--output", "shares.cred", "--json"];

#[test]
fn what_seals_breaks_after_the_answer() {
    if !encrypts() {
        return;
    }
    let server = Server::start_plain();
    let home = home_of(&server.url());
    let setup = breaking(&home, "encrypt");
    let command = |url: &str| {
        home.configure(&[url], "");
        mounted(&setup, &init(&home, &CREDENTIAL))
    };
    let said = meanwhile(&server, command, || drop(home.put("broken", "")));
    assert!(
        said.starts_with("exit 1") && shares_in(&said).is_empty(),
        "what it sealed before still opens: {said}"
    );
    assert!(said.contains("--resume"), "{said}");
    fs::remove_file(home.path("broken")).unwrap();
    home.configure(&[&server.url()], "");
    let mut resume = init(&home, &CREDENTIAL);
    succeeds(&mut mounted(&setup, resume.arg("--resume")));
    let mut opened = Command::new("systemd-creds");
    opened.args(["decrypt", "--name=shares", "shares.cred"]).current_dir(home.directory());
    let opened = succeeds(&mut mounted(&setup, &opened));
    home.put("opened", std::str::from_utf8(&opened.stdout).unwrap());
    crate::daemon_unseals(&home, &server, "shares = { file = \"opened\" }");
}

#[test]
fn ctrl_c_does_not_end_what_seals() {
    if !encrypts() {
        return;
    }
    let server = Server::start_plain();
    let home = home_of(&server.url());
    let setup = breaking(&home, "encrypt");
    // A terminal sends SIGINT to the whole group of processes before it.
    let tool = fs::read_to_string(home.path("tool")).unwrap();
    let interrupting = tool.replace("echo broken >&2; exit 1", "kill -s INT -- -$PPID");
    assert_ne!(tool, interrupting);
    home.put("tool", &interrupting);
    home.chmod("tool", 0o755);
    let command = |url: &str| {
        home.configure(&[url], "");
        beside_a_shell(&setup, &init(&home, &CREDENTIAL))
    };
    let said = meanwhile(&server, command, || drop(home.put("broken", "")));
    assert!(said.starts_with("exit 0"), "{said}");
    assert!(home.path("shares.cred").exists());
}

#[test]
fn what_seals_and_opens_breaks_after_the_answer() {
    if !encrypts() {
        return;
    }
    let server = Server::start_plain();
    let home = home_of(&server.url());
    let setup = breaking(&home, "*");
    let command = |url: &str| {
        home.configure(&[url], "");
        mounted(&setup, &init(&home, &CREDENTIAL))
    };
    let said = meanwhile(&server, command, || drop(home.put("broken", "")));
    let shares = shares_in(&said);
    assert_eq!(shares.len(), 5, "nothing opens any more: {said}");
    for share in &shares[..3] {
        server.submit(share);
    }
    server.wait_until(crate::is_active);
}

#[test]
fn a_full_disk_is_found_before_the_request_or_does_no_harm() {
    if !crate::are_root() {
        return;
    }
    let server = Server::start_plain();
    let home = home_of(&server.url());
    fs::create_dir(home.path("small")).unwrap();
    let arguments = ["--plain", "--output", "small/shares.json", "--json"];
    // Too small for what is reserved.
    let setup = "mount -t tmpfs -o size=64k,mode=755 tmpfs small";
    let output = run(&mut mounted(setup, &init(&home, &arguments)));
    is_as_in("disk-full.txt", &home, &[&server.url()], &text(&output));
    assert_eq!(server.health()["initialized"], false);

    // Filled to the last byte while the server answers: the room was reserved, for many shares too.
    let many = [&arguments[..], &["--shares", "100"]].concat();
    assert!(filled(&server, &home, &many, "").starts_with("exit 0"));
    assert_eq!(stored(&home.path("rescued.json")).len(), 100);
    // The rescue has room of its own, which is seen where it is needed.
    let server = Server::start_plain();
    let said = filled(&server, &home, &many, ": >small/shares.json; ");
    assert!(said.contains("kept, encrypted") && shares_in(&said).is_empty(), "{said}");
}

/// Runs it on a small disk that is full, to the last byte, when the server's answer arrives.
fn filled(server: &Server, home: &Home, arguments: &[&str], before: &str) -> String {
    for name in ["fill", "full"] {
        let _ = fs::remove_file(home.path(name));
    }
    let setup = format!(
        "mount -t tmpfs -o size=1m,mode=755 tmpfs small\n\
         (until [ -e fill ]; do sleep 0.01; done; {before}cat /dev/zero >small/filler || touch full) 2>/dev/null &\n\
         trap 'cp small/shares.json rescued.json' EXIT\nset +e"
    );
    let command = |url: &str| {
        home.configure(&[url], "");
        beside_a_shell(&setup, &init(home, arguments))
    };
    meanwhile(server, command, || {
        home.put("fill", "");
        crate::support::poll(PATIENCE, || home.path("full").exists().then_some(()))
            .expect("the disk is full");
    })
}
