//! What everybody on the machine is told over the observation socket: of real servers in the states that they are in, and
//! while readers do their worst.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll as wait_for_events};
use rustix::process::geteuid;
use serde_json::Value;
use vault_unseal::external::ExternalText;
use vault_unseal::observe::{EventList, ObservedNode, Snapshot, events, snapshot};

use crate::support::PATIENCE;
use crate::support::certs::Authority;
use crate::support::fleet::{Fleet, SHARES};
use crate::support::guarded::Guarded;
use crate::support::home::{Home, cluster, lines};
use crate::support::poll;
use crate::support::process::{Daemon, run, vault_unseal};
use crate::support::server::{Builder, Server, is_active};

/// A person, whom systemd would make no user up of.
const PERSON: u32 = 70_001;
/// Another.
const FLOODER: u32 = 70_002;

type Node = ObservedNode<ExternalText>;

/// Makes what tmpfiles.d makes beside the runtime directory, and returns the socket that is to be there.
pub(crate) fn make_observe(home: &Home) -> PathBuf {
    home.make_run();
    make_observe_beside(home)
}

fn make_observe_beside(home: &Home) -> PathBuf {
    fs::create_dir(home.path("run-observe")).unwrap();
    home.chmod("", 0o755);
    home.chmod("run-observe", 0o755);
    home.path("run-observe/observe.sock")
}

pub(crate) fn start(home: &Home) -> Daemon {
    Daemon::start(home.command(&["run"]).env("RUNTIME_DIRECTORY", home.path("run")))
}

/// The same command as a person, who is in no group; as it is where nobody else can be.
fn as_person(command: &Command) -> Command {
    if !geteuid().is_root() {
        let mut same = Command::new(command.get_program());
        same.args(command.get_args());
        return same;
    }
    let mut other = Command::new("setpriv");
    other.arg(format!("--reuid={PERSON}")).arg(format!("--regid={PERSON}")).arg("--clear-groups");
    other.arg(command.get_program()).args(command.get_args()).env_clear().current_dir("/");
    other
}

fn verb(arguments: &[&str], socket: &Path) -> Output {
    let mut verb = vault_unseal(arguments);
    run(&mut as_person(verb.arg("--observe-socket").arg(socket)))
}

fn stdout(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The only node, once it is as it is wanted.
fn node(socket: &Path, wanted: impl Fn(&Node) -> bool) -> (Node, Snapshot<ExternalText>) {
    let mut last = None;
    let found = poll(PATIENCE, || {
        let mut seen = snapshot(socket).ok()?;
        last = Some(seen.clone());
        let node = seen.nodes.pop().filter(|node| wanted(node))?;
        Some((node, seen))
    });
    found.unwrap_or_else(|| panic!("{last:?}"))
}

fn is(node: &Node, word: &str) -> bool {
    node.state.as_ref().is_some_and(|state| *state == *word)
}

/// The answer to a request, as it comes.
pub(crate) fn raw(socket: &Path, target: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    write!(stream, "GET {target} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn kinds(list: &EventList<ExternalText>) -> Vec<String> {
    list.events.iter().map(|event| event.kind.to_string()).collect()
}

#[test]
fn states_of_a_real_server_are_told_to_everybody() {
    let mut server = Builder::new().tls(&Authority::new("Private CA")).start();
    let init = server.init(5, 3);
    let home = Home::of(&server, &init.json);
    let socket = make_observe(&home);
    let mut daemon = start(&home);
    daemon.wait_for_line(": unsealed (active)");

    let (unsealed, seen) = node(&socket, |node| is(node, "unsealed") && node.last_confirmed.is_some());
    assert!(unsealed.up && unsealed.sealed == Some(false) && unsealed.initialized == Some(true));
    assert_eq!(unsealed.role.as_ref().map(ToString::to_string).as_deref(), Some("active"));
    assert!(unsealed.version.is_some() && unsealed.standby == Some(false));
    let last = unsealed.last_unseal.unwrap();
    assert!(last.at >= seen.started_at && last.took > 0.0 && unsealed.state_since.unwrap() >= last.at - 1.0);
    let since = Duration::from_secs_f64(unsealed.state_since.unwrap()).as_secs();
    let certificate = unsealed.certificate.unwrap();
    assert!((certificate.not_before..certificate.not_after).contains(&since));
    let attempts = unsealed.counters.unseal_attempts;
    assert_eq!((attempts.unsealed, attempts.refused, attempts.disturbed, attempts.error), (1, 0, 0, 0));
    let of_cluster = &seen.clusters[0];
    assert_eq!(
        (of_cluster.shares_held, of_cluster.shares_threshold, of_cluster.share_source_up),
        (Some(5), Some(3), Some(true))
    );
    assert!(of_cluster.ca_not_after.unwrap() > certificate.not_before);
    assert!(of_cluster.poll_interval.is_some_and(|between| between > 0.0));
    assert_eq!(of_cluster.unseal_duration.count, 1);
    assert!(of_cluster.request_latency.count >= 6 && of_cluster.request_latency.sum > 0.0);
    asked_with_what_the_daemon_remembers(&home);

    // What holds no longer is absent, and what was stays.
    server.kill();
    let refused = |node: &Node| node.cause.as_ref().is_some_and(|cause| *cause == *"connection-refused");
    let (gone, _) = node(&socket, |node| is(node, "unreachable") && refused(node));
    assert!(!gone.up);
    assert_eq!((gone.sealed, gone.initialized, gone.version, gone.certificate), (None, None, None, None));
    assert_eq!(gone.last_unseal, Some(last));
    server.start();
    let (back, _) = node(&socket, |node| is(node, "unsealed") && node.last_unseal != Some(last));
    assert_eq!((back.counters.restarts, back.counters.unseal_attempts.unsealed), (1, 2));

    let mut hold = vault_unseal(&["hold", "--all"]);
    let by_alice = hold.arg("--socket").arg(home.path("run/control.sock")).env("SUDO_USER", "alice-in-sudo");
    assert!(run(by_alice).status.success());
    let (held, _) = node(&socket, |node| is(node, "held"));
    assert_eq!((held.counters.holds, held.sealed), (1, Some(false)));
    assert!(held.hold.is_some_and(|hold| hold == *"request"));

    let shown = stdout(&verb(&["status"], &socket));
    assert!(shown.contains("held (unsealed)") && shown.contains("sudo vault-unseal status"), "{shown}");
    assert!(shown.lines().all(|line| line.starts_with('`') || line.chars().count() <= 80), "{shown}");
    assert!(verb(&["status", "--exit-code"], &socket).status.success(), "its clients are served");
    let plugin = verb(&["status", "--plugin"], &socket);
    let line = String::from_utf8(plugin.stdout).unwrap();
    assert_eq!(plugin.status.code(), Some(1), "{line}");
    assert!(
        line.starts_with("VAULT-UNSEAL WARNING - 1 of 1 unsealed, ")
            && line.contains(" held | unsealed=1;;;0;1 "),
        "{line}"
    );
    let wrong = verb(&["status", "--plugin", "--json"], &socket);
    assert_eq!(wrong.status.code(), Some(3), "{}", String::from_utf8_lossy(&wrong.stderr));
    let told = stdout(&verb(&["events"], &socket));
    for words in ["daemon: started", ": watched", ": restarted", "-> held (request)"] {
        assert!(told.contains(words), "{words}: {told}");
    }
    for text in [raw(&socket, "/v1/nodes"), raw(&socket, "/v1/events"), shown, told] {
        let private = [home.directory().to_str().unwrap(), "alice", "config.toml", "/shares"];
        assert!(!private.iter().any(|private| text.contains(private)), "{text}");
        assert!(!init.keys_hex.iter().any(|share| text.contains(share.as_str())));
    }
}

#[test]
fn seal_of_an_operator_and_a_source_that_fails_are_counted_and_no_path_is_told() {
    let mut server = Server::start_plain();
    let init = server.init(1, 1);
    let home = Home::of(&server, &init.json);
    let socket = make_observe(&home);
    let mut daemon = start(&home);
    daemon.wait_for_line(": unsealed (active)");
    server.seal_later(&init.root_token);
    let (undone, _) = node(&socket, |node| node.counters.operator_seals == 1 && is(node, "unsealed"));
    assert_eq!((undone.counters.self_seals, undone.counters.restarts, undone.counters.holds), (0, 0, 0));
    assert_eq!(undone.counters.unseal_attempts.unsealed, 2);
    assert!(kinds(&events(&socket, 0).unwrap()).contains(&"operator-seal".to_owned()));

    home.shares("");
    server.kill();
    server.start();
    let (broken, seen) = node(&socket, |node| is(node, "shares-unavailable"));
    assert!(broken.up && broken.sealed == Some(true) && broken.cause.is_some() && broken.standby.is_none());
    assert_eq!((seen.clusters[0].share_source_up, seen.clusters[0].shares_held), (Some(false), None));
    assert_eq!((seen.clusters[0].ca_not_after, broken.certificate), (None, None), "it has no TLS");
    for text in [raw(&socket, "/v1/nodes"), raw(&socket, "/v1/events"), stdout(&verb(&["status"], &socket))] {
        assert!(!text.contains(home.directory().to_str().unwrap()), "{text}");
    }
    let output = verb(&["status", "--exit-code"], &socket);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stdout));
    let plugin = verb(&["status", "--plugin"], &socket);
    let line = String::from_utf8(plugin.stdout).unwrap();
    assert_eq!(plugin.status.code(), Some(2), "{line}");
    assert!(line.contains(" shares-unavailable, shares of default cannot be read | "), "{line}");
    home.shares(&init.json);
    node(&socket, |node| is(node, "unsealed"));
    server.wait_until(is_active);
}

/// The page for those who write observers has every member, and no other.
#[test]
fn schema_is_that_of_the_page() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/usage/observe.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let described: BTreeSet<_> = rows.filter_map(|row| row.split_once('`')).map(|(name, _)| name).collect();
    let mut fleet = Fleet::http(1);
    fleet.start();
    let home = Home::new();
    home.shares(&lines(&SHARES));
    home.configure(&[&fleet.urls()[0]], "");
    let socket = make_observe(&home);
    let mut daemon = start(&home);
    daemon.wait_for_line(": unsealed (active)");
    let mut found = BTreeSet::new();
    for document in [raw(&socket, "/v1/nodes"), raw(&socket, "/v1/events")] {
        members(&body(&document), &mut found);
    }
    let missing: Vec<_> = found.iter().filter(|name| !described.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "docs/usage/observe.md does not describe {missing:?}");
}

fn members(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                found.insert(name.clone());
                members(value, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| members(item, found)),
        _ => {}
    }
}

/// Chunks put together.
fn body(answer: &str) -> Value {
    let (head, mut rest) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\nContent-Type: application/json"), "{head}");
    let mut body = String::new();
    loop {
        let (size, more) = rest.split_once("\r\n").unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return serde_json::from_str(&body).unwrap();
        }
        body.push_str(&more[..size]);
        rest = &more[size + 2..];
    }
}

#[test]
fn events_outlive_a_reload_and_not_the_daemon() {
    let mut fleet = Fleet::http(1);
    fleet.start();
    let home = Home::new();
    home.shares(&lines(&SHARES));
    home.configure(&[&fleet.urls()[0]], "");
    let socket = make_observe(&home);
    let mut daemon = start(&home);
    daemon.wait_for_line(": unsealed (active)");
    let before =
        poll(PATIENCE, || snapshot(&socket).ok().filter(|seen| is(&seen.nodes[0], "unsealed"))).unwrap();
    daemon.hangup();
    daemon.wait_for_line("configuration reloaded");
    let after =
        poll(PATIENCE, || events(&socket, before.event).ok().filter(|list| !list.events.is_empty())).unwrap();
    assert_eq!((kinds(&after), after.lost), (vec!["reloaded".to_owned()], 0));
    assert_eq!(after.events[0].number, before.event + 1);
    assert_eq!(kinds(&events(&socket, 0).unwrap())[..2], ["started", "watched"]);
    let refused = || raw(&socket, "/metrics").contains("\nvault_unseal_reload_refused 1\n");
    assert!(!refused());
    home.put("config.toml", "nodes = 1");
    daemon.hangup();
    daemon.wait_for_line("the new configuration is not used");
    assert!(poll(PATIENCE, || snapshot(&socket).ok().filter(|seen| seen.reload_refused)).is_some());
    assert_eq!(kinds(&events(&socket, after.last).unwrap()), ["reload-refused"]);
    assert!(refused());
    daemon.terminate();
    assert!(daemon.exit_status(PATIENCE).success());

    let output = verb(&["events"], &socket);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: no daemon can be observed at "));
    home.configure(&[&fleet.urls()[0]], "");
    let mut daemon = start(&home);
    daemon.wait_for_line(": unsealed (active)");
    let anew = poll(PATIENCE, || events(&socket, 0).ok()).unwrap();
    assert_ne!(anew.instance, before.instance);
    assert_eq!((anew.events[0].number, kinds(&anew)[0].as_str()), (1, "started"));
}

/// On a terminal, which `script` is; elsewhere each change is printed below the last.
#[test]
fn watch_shows_the_table_in_its_place_and_waits_for_the_daemon() {
    const TOP: &str = "\x1b[H\x1b[J";
    let mut fleet = Fleet::http(1);
    fleet.start();
    let home = Home::new();
    home.shares(&lines(&SHARES));
    home.configure(&[&fleet.urls()[0]], "");
    let socket = make_observe(&home);
    let mut daemon = start(&home);
    daemon.wait_for_line(": unsealed (active)");
    let watch = ["status", "--watch", "--observe-socket", socket.to_str().unwrap()];
    let terminal = |rows: u16, arguments: &[&str], shown: &Path| {
        let program = vault_unseal(&[]);
        let program = program.get_program().to_str().unwrap();
        let line = format!("stty rows {rows} cols 80; exec {program} {}", arguments.join(" "));
        let mut terminal = Command::new("script");
        terminal.args(["--quiet", "--flush", "--command", &line]).arg(shown);
        terminal.env("TERM", "xterm").env("SHELL", "/bin/sh");
        terminal.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap()
    };
    let seen_in = |shown: &Path, words: &str, times: usize| {
        let text = || fs::read_to_string(shown).unwrap_or_default();
        let found = || (text().contains(words) && text().matches(TOP).count() >= times).then(text);
        poll(PATIENCE, found).unwrap_or_else(|| panic!("no {words:?}, or not {times} times: {:?}", text()))
    };
    let (config, control, shown) =
        (home.path("config.toml"), home.path("run/control.sock"), home.path("asked"));
    let ask =
        ["status", "--watch", "--config", config.to_str().unwrap(), "--socket", control.to_str().unwrap()];
    let mut asking = terminal(24, &ask, &shown);
    seen_in(&shown, "ago (", 3);
    asking.kill().unwrap();
    asking.wait().unwrap();

    // What runs out of the terminal cannot be shown anew in its place.
    let low = home.path("low");
    let mut short = terminal(2, &watch, &low);
    seen_in(&low, "… lines left out: ", 2);
    short.kill().unwrap();
    short.wait().unwrap();

    let shown = home.path("shown");
    let mut terminal = terminal(24, &watch, &shown);
    let seen = |words: &str, times: usize| seen_in(&shown, words, times);
    seen("unsealed (active)", 2);
    daemon.terminate();
    assert!(daemon.exit_status(PATIENCE).success());
    let times = seen("Waiting for it.", 2).matches(TOP).count();
    let _daemon = start(&home);
    seen("unsealed (active)", times + 2);
    terminal.kill().unwrap();
    terminal.wait().unwrap();

    let mut lines = vault_unseal(&watch);
    let mut lines = lines.stdout(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 4];
    lines.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    assert_eq!(&first, b"NODE");
    lines.kill().unwrap();
    lines.wait().unwrap();
}

/// Listens at the socket that it is given, and gives everybody the same answer.
const ANSWERS: &str = r#"
    $SIG{PIPE} = 'IGNORE';
    my $socket = IO::Socket::UNIX->new(Local => $ARGV[0], Listen => 9) or die;
    while (my $reader = $socket->accept) {
        while (defined(my $line = <$reader>)) { last if $line eq "\r\n" }
        print $reader $ARGV[1];
        close $reader;
    }"#;

/// Who asks the servers is shown what the daemon remembers of them as well; of others, there is nothing.
fn asked_with_what_the_daemon_remembers(home: &Home) {
    let status = |more: &[&str]| {
        let mut command = home.command(&["status"]);
        stdout(&run(command.arg("--socket").arg(home.path("run/control.sock")).args(more)))
    };
    let shown = status(&[]);
    let (head, row) = shown.split_once('\n').unwrap();
    let columns: Vec<_> = head.split_whitespace().collect();
    assert_eq!(columns, ["NODE", "STATE", "VERSION", "SINCE", "UNSEALED", "CERT", "SEEN"]);
    let row: Vec<_> = row.split_whitespace().collect();
    let [_, "unsealed", "(active)", _, _, _, "ago", took, certificate, seen] = row[..] else {
        panic!("{shown}")
    };
    assert!(took.ends_with("s)") && certificate.ends_with('d') && seen.ends_with('s'), "{shown}");
    fs::create_dir(home.path("run/below")).unwrap();
    for (from, relative) in [
        ("run", "control.sock"),
        ("run", "./control.sock"),
        ("run", "../run/control.sock"),
        ("run/below", "../control.sock"),
    ] {
        let mut command = home.command(&["status", "--socket", relative]);
        let shown = stdout(&run(command.current_dir(home.path(from))));
        assert!(shown.starts_with(head), "{from}, {relative}: {shown}");
    }
    if geteuid().is_root() {
        // Somebody else, who could keep whoever asks, or tell lies, if only what is there already.
        let (own, away) = (home.path("run-observe/observe.sock"), home.path("run-observe/away.sock"));
        fs::rename(&own, &away).unwrap();
        home.chmod("run-observe", 0o777);
        let answer = raw(&away, "/v1/nodes");
        let mut other = Command::new("perl");
        other.args(["-MIO::Socket::UNIX", "-e", ANSWERS]).arg(&own).arg(&answer).uid(PERSON);
        let other = Guarded::spawn(&mut other);
        poll(PATIENCE, || UnixStream::connect(&own).ok()).expect("it listens");
        assert_eq!(raw(&own, "/v1/nodes"), answer);
        let shown = status(&[]);
        assert!(shown.starts_with("NODE") && !shown.contains("SEEN"), "{shown}");
        drop(other);
        home.chmod("run-observe", 0o755);
        fs::rename(&away, &own).unwrap();
    }
    let other = status(&["--nodes", "http://127.0.0.1:1"]);
    assert!(other.starts_with("NODE                STATE        VERSION\n"), "{other}");
}

/// What `status` prints on a terminal of so many columns; 0 where it does not know them.
fn on_terminal(socket: &Path, columns: u16) -> String {
    let program = vault_unseal(&[]);
    let (program, socket) = (program.get_program().to_str().unwrap(), socket.to_str().unwrap());
    let line = format!("stty cols {columns}; exec {program} status --observe-socket {socket}");
    let mut terminal = Command::new("script");
    terminal.args(["--quiet", "--return", "--command", &line, "/dev/null"]).stdin(Stdio::null());
    stdout(&run(terminal.env("TERM", "xterm").env("SHELL", "/bin/sh").env_remove("NO_COLOR")))
}

#[test]
fn table_is_folded_where_the_terminal_is_too_narrow_and_nowhere_else() {
    let mut fleet = Fleet::http(1);
    fleet.start();
    let home = Home::new();
    home.shares(&lines(&SHARES));
    home.configure(&[&fleet.urls()[0]], "");
    let socket = make_observe(&home);
    let _daemon = start(&home);
    node(&socket, |node| is(node, "unsealed") && node.role.is_some());
    let url = &fleet.urls()[0];
    let (head, row) = ("\x1b[1mNODE", "\x1b[32munsealed (active)");
    for narrow in [60, 0] {
        let shown = on_terminal(&socket, narrow);
        let folded = [format!("{head}\x1b[0m\r\n  \x1b[1mSTATE"), format!("{url}\r\n  {row}")];
        assert!(folded.iter().all(|line| shown.contains(line)), "{narrow}: {shown:?}");
    }
    let shown = on_terminal(&socket, 200);
    assert!(shown.contains(head) && shown.contains(&format!("{url}  {row}")), "{shown:?}");
    let piped = stdout(&verb(&["status"], &socket));
    assert!(
        piped.starts_with("NODE  ") && piped.contains(&format!("\n{url}  unsealed (active)  ")),
        "{piped}"
    );
}

#[test]
fn person_is_told_that_no_daemon_was_asked() {
    const NOTE: &str = "No daemon can be observed here: the servers themselves are asked.\n";
    if Path::new("/run/vault-unseal-observe/observe.sock").exists() {
        eprintln!("person_is_told_that_no_daemon_was_asked is skipped: this machine has a daemon");
        return;
    }
    let asked = |command: &mut Command| String::from_utf8(run(command).stderr).unwrap();
    let told = asked(&mut as_person(&vault_unseal(&["status"])));
    assert!(told.starts_with(NOTE) && told.matches(NOTE).count() == 1, "{told}");
    // A configuration that is named is not the machine's, and no daemon's view of it is looked for.
    let told = asked(&mut as_person(&vault_unseal(&["status", "--config", "/nonexistent"])));
    assert!(!told.contains(NOTE), "{told}");
}

#[test]
fn without_a_directory_beside_it_the_socket_is_in_the_runtime_directory() {
    let home = Home::new();
    home.shares(&lines(&SHARES));
    home.configure(&["http://127.0.0.1:1"], "");
    home.make_run();
    let mut daemon = start(&home);
    daemon.wait_for_line("unreachable (connection refused)");
    let (seen, all) = node(&home.path("run/observe.sock"), |node| is(node, "unreachable"));
    let of_cluster = &all.clusters[0];
    assert_eq!(
        (of_cluster.shares_held, of_cluster.share_source_up),
        (Some(SHARES.len()), Some(true)),
        "read at the start"
    );
    assert_eq!(of_cluster.shares_threshold, None, "no server said so");
    assert_eq!((seen.up, seen.last_confirmed, seen.counters.restarts), (false, None, 0));
    // Root finds it there, also where nobody listens at the other one any more.
    let shown = || {
        let mut command = home.command(&["status"]);
        stdout(&run(command.arg("--socket").arg(home.path("run/control.sock"))))
    };
    assert!(shown().contains("SEEN"), "{}", shown());
    drop(UnixListener::bind(make_observe_beside(&home)).unwrap());
    assert!(shown().contains("SEEN"), "{}", shown());
}

/// Others could put a link into it, and have what is behind it made everybody's.
#[test]
fn directory_that_others_can_write_to_is_not_used() {
    let home = Home::new();
    home.shares(&lines(&SHARES));
    home.configure(&["http://127.0.0.1:1"], "");
    let beside = make_observe(&home);
    home.chmod("run-observe", 0o777);
    let mut daemon = start(&home);
    daemon.wait_for_line("unreachable (connection refused)");
    node(&home.path("run/observe.sock"), |node| is(node, "unreachable"));
    assert!(!beside.exists());
    daemon.terminate();
    assert!(daemon.exit_status(PATIENCE).success());

    fs::rename(home.path("run-observe"), home.path("elsewhere")).unwrap();
    home.chmod("elsewhere", 0o755);
    std::os::unix::fs::symlink("elsewhere", home.path("run-observe")).unwrap();
    let mut daemon = start(&home);
    daemon.wait_for_line("unreachable (connection refused)");
    node(&home.path("run/observe.sock"), |node| is(node, "unreachable"));
    assert!(!home.path("elsewhere/observe.sock").exists());
}

#[test]
fn only_questions_are_answered() {
    let home = Home::new();
    home.shares(&lines(&SHARES));
    home.configure(&["http://127.0.0.1:1"], "");
    let socket = make_observe(&home);
    let mut daemon = start(&home);
    daemon.wait_for_line("unreachable (connection refused)");
    for (head, status) in [
        ("POST /v1/hold HTTP/1.1\r\n\r\n{\"all\":true}", "405"),
        ("GET /v1/hold HTTP/1.1\r\n\r\n", "404"),
        ("GET /v1/events?after=x HTTP/1.1\r\n\r\n", "400"),
        ("hello\r\n\r\n", "400"),
    ] {
        let mut stream = UnixStream::connect(&socket).unwrap();
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        // What it did not read is no reason to keep it.
        let _ = stream.read_to_string(&mut answer);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{head}: {answer}");
    }
    let mut long = UnixStream::connect(&socket).unwrap();
    let _ = long.write_all(&[b'x'; 5000]);
    let mut answer = String::new();
    let _ = long.read_to_string(&mut answer);
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
    assert!(!daemon.output().contains("held"));
}

#[test]
fn readers_that_are_idle_are_bounded_and_hold_nobody_up() {
    if !geteuid().is_root() {
        eprintln!(
            "readers_that_are_idle_are_bounded_and_hold_nobody_up is skipped: only root can be other users"
        );
        return;
    }
    let mut fleet = Fleet::http(8);
    let home = Home::new();
    home.shares(&lines(&SHARES));
    home.config(&cluster(&fleet.urls().iter().map(String::as_str).collect::<Vec<_>>(), ""));
    let socket = make_observe(&home);
    let mut daemon = start(&home);
    daemon.wait_for_line("unreachable (connection refused)");
    poll(PATIENCE, || snapshot(&socket).ok()).unwrap();
    let open = || fs::read_dir(format!("/proc/{}/fd", daemon.pid())).unwrap().count();
    let before = open();
    let (all_there, begin) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let flood = scope.spawn(|| {
            crate::control::become_user(FLOODER);
            let idle: Vec<_> = (0..1000).map(|_| UnixStream::connect(&socket).unwrap()).collect();
            let all_there = all_there;
            all_there.send(()).unwrap();
            for mut reader in idle {
                reader.set_read_timeout(Some(PATIENCE)).unwrap();
                // Closed at once, or when its time is over.
                let _ = reader.read_to_end(&mut Vec::new()).map_err(|error| {
                    assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "an idle reader is kept");
                });
            }
        });
        begin.recv().unwrap();
        // Whoever was accepted has two seconds; nodes that are down have no connection.
        assert_eq!(snapshot(&socket).unwrap().nodes.len(), 8, "root's");
        assert!(open() <= before + 8 * 2 + 24, "{} descriptors, and {before} before", open());
        fleet.start();
        fleet.wait_until_unsealed(PATIENCE);
        let told = stdout(&verb(&["events", "--json"], &socket));
        let first: Value = serde_json::from_str(told.lines().next().unwrap()).unwrap();
        assert_eq!((&first["number"], &first["kind"]), (&Value::from(1), &Value::from("started")));
        flood.join().unwrap();
    });
}

#[test]
fn slow_reader_is_given_up_and_sees_that_its_answer_is_cut_short() {
    let mut fleet = Fleet::http(700);
    fleet.start();
    let home = Home::new();
    home.shares(&lines(&SHARES));
    // At the quick pace this many have no time for anything else.
    let slow = "poll_interval = \"5s\"";
    home.config(&cluster(&fleet.urls().iter().map(String::as_str).collect::<Vec<_>>(), slow));
    let socket = make_observe(&home);
    let _daemon = start(&home);
    fleet.wait_until_unsealed(PATIENCE);
    let mut slow = UnixStream::connect(&socket).unwrap();
    slow.write_all(b"GET /v1/nodes HTTP/1.1\r\n\r\n").unwrap();
    // Others do not wait for it.
    let seen = poll(PATIENCE, || {
        snapshot(&socket).ok().filter(|seen| seen.nodes.iter().all(|node| is(node, "unsealed")))
    });
    assert_eq!(seen.unwrap().nodes.len(), 700);
    let list = events(&socket, 0).unwrap();
    assert!(list.lost > 0 && list.events[0].number == list.lost + 1, "more happened than is kept");
    let told = verb(&["events"], &socket);
    assert!(String::from_utf8_lossy(&told.stderr).contains("earlier ones are no longer kept"));
    // Until the daemon has closed it.
    let mut closed = [PollFd::new(&slow, PollFlags::empty())];
    assert_eq!(wait_for_events(&mut closed, None).unwrap(), 1);
    let mut answer = Vec::new();
    let _ = slow.read_to_end(&mut answer);
    assert!(answer.len() > 1000 && !answer.ends_with(b"0\r\n\r\n"), "{} bytes", answer.len());
}
