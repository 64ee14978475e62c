//! A thousand nodes at once, of which each answers all but one question as a real server was recorded to: at each byte of each
//! answer one is cut short or reset, and others go wrong in other ways. What a real server cannot be made to do.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice
)]

mod node;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::Duration;

use vault_unseal::external::ExternalText;
use vault_unseal::observe::{ObservedNode, snapshot};

use node::{Fault, Node, Nodes, Which};
use support::fleet::SHARES;
use support::home::{Home, lines};
use support::poll;
use support::process::{Daemon, limited};
use support::watchdog::Watchdog;

/// Two thousand nodes and their daemon, unoptimised, on a slow machine that has others to serve.
const PATIENCE: Duration = Duration::from_secs(300);

/// Starts the daemon for these nodes, waits until each has met its fault a second time and what is said of it is true, mends
/// them, and waits until all are unsealed. It is never too busy for the watchdog.
fn outlived(nodes: &Nodes) {
    let (home, mut watchdog, daemon) = start("true", nodes);
    let socket = home.path("run/observe.sock");
    watchdog.wait_until_fed();
    let known = |settled: &dyn Fn(&Node, &ObservedNode<ExternalText>) -> bool| {
        let mut missing = Vec::new();
        let found = poll(PATIENCE, || {
            let seen = snapshot(&socket).ok()?.nodes;
            let seen: BTreeMap<_, _> =
                seen.into_iter().map(|node| (node.address.to_string(), node)).collect();
            missing.clear();
            for node in nodes.all.iter() {
                let shown = seen.get(&format!("http://{}", node.address));
                if !shown.is_some_and(|shown| settled(node, shown)) {
                    let state = shown.and_then(|shown| shown.state.as_ref().map(ToString::to_string));
                    let cause = shown.and_then(|shown| shown.cause.as_ref().map(ToString::to_string));
                    missing.push(format!(
                        "{:?} {:?}, met {}: {state:?} {cause:?}",
                        node.which,
                        node.fault,
                        node.met()
                    ));
                }
            }
            missing.is_empty().then_some(seen)
        });
        found.unwrap_or_else(|| panic!("{} are not there: {missing:#?}", missing.len()))
    };
    let is = |shown: &ObservedNode<ExternalText>, word: &str| {
        shown.state.as_ref().is_some_and(|state| *state == *word)
    };
    known(&|node, shown| is(shown, "unsealed") && node.is_open() || node.met() > 1 && is_true(node, shown));
    // Once more while the faults last.
    watchdog.wait_until_fed();
    nodes.mend();
    known(&|node, shown| node.is_open() && is(shown, "unsealed"));
    assert_unharmed(nodes, daemon);
    watchdog.assert_never_starved();
}

/// Starts it below a watchdog, with these limits as a shell sets them.
fn start(limits: &str, nodes: &Nodes) -> (Home, Watchdog, Daemon) {
    let home = Home::new();
    home.shares(&lines(&SHARES));
    let urls = nodes.urls();
    let urls: Vec<_> = urls.iter().map(String::as_str).collect();
    home.configure(&urls, "request_timeout = \"1s\"\nunseal_timeout = \"1s\"");
    home.make_run();
    let watchdog = Watchdog::new();
    let mut command = limited(limits, &home.command(&["run"]));
    let daemon = Daemon::start(watchdog.over(command.env("RUNTIME_DIRECTORY", home.path("run"))));
    (home, watchdog, daemon)
}

/// No node was sent more than it takes, nothing worse was said of any, and the daemon ends as it should.
fn assert_unharmed(nodes: &Nodes, mut daemon: Daemon) {
    for node in nodes.all.iter() {
        let (submitted, late) = node.submitted();
        let of = |share: &str| submitted.iter().filter(|submitted| *submitted == share).count();
        let text = format!("{:?} {:?}, met {} times: {submitted:?}", node.which, node.fault, node.met());
        assert_eq!(SHARES.map(of).iter().sum::<usize>(), submitted.len(), "shares of its own alone: {text}");
        // Each share once more for each answer to one that was lost.
        let lost = match node.which {
            Which::Health | Which::SealStatus => 0,
            Which::FirstShare | Which::LastShare => node.met(),
        };
        assert!(submitted.len() <= SHARES.len() * (1 + lost), "no more than it takes: {text}");
        // An answer that was lost may have been the one that unsealed it; never more than that.
        assert!(late <= lost, "{late} to a server that is unsealed: {text}");
    }
    let output = daemon.output();
    for verdict in ["shares-rejected", "damaged", "uninitialized", "foreign-seal", "panicked"] {
        let said = output.lines().find(|line| line.contains(verdict));
        assert_eq!(said, None, "{verdict}");
    }
    daemon.terminate();
    assert!(daemon.exit_status(PATIENCE).success());
}

/// Whether that is said which is so while the fault lasts: nothing that the node did not say as a whole.
fn is_true(node: &Node, shown: &ObservedNode<ExternalText>) -> bool {
    let states: &[&str] = match node.which {
        Which::Health => &["unreachable"],
        // So long do those take only of a member that joins.
        Which::SealStatus | Which::FirstShare if node.fault.is_slow() => &["joining", "sealed"],
        Which::SealStatus => &["sealed"],
        Which::FirstShare => &["sealed", "unsealing", "unreachable"],
        // It is open by then, and its health says so.
        Which::LastShare => &["unsealed"],
    };
    shown.state.as_ref().is_some_and(|state| states.iter().any(|known| *state == **known))
}

fn at_every_byte(fault: fn(usize) -> Fault) -> Vec<(Which, Fault)> {
    let of = |which: Which| (0..which.length()).map(move |at| (which, fault(at)));
    Which::ALL.into_iter().flat_map(of).collect()
}

#[test]
fn answers_that_are_cut_short_at_every_byte_neither_mislead_nor_keep_a_server_sealed() {
    let nodes = Nodes::start(at_every_byte(Fault::Cut));
    assert!(nodes.all.len() > 1000, "{}", nodes.all.len());
    outlived(&nodes);
}

#[test]
fn connections_that_are_reset_at_every_byte_neither_mislead_nor_keep_a_server_sealed() {
    let nodes = Nodes::start(at_every_byte(Fault::Reset));
    outlived(&nodes);
}

#[test]
fn answers_that_go_wrong_in_other_ways_neither_mislead_nor_keep_a_server_sealed() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let url = format!("http://{}/v1/sys/unseal", elsewhere.local_addr().unwrap());
    let page = |status: &str, more: &str| {
        let body = "<html><body>something is wrong</body></html>";
        let length = body.len();
        Fault::Instead(format!(
            "HTTP/1.1 {status}\r\n{more}Content-Type: text/html\r\nContent-Length: {length}\r\n\r\n{body}"
        ))
    };
    let mut faults = vec![
        Fault::Stalls(0),
        Fault::Stalls(20),
        Fault::Stalls(200),
        Fault::Drips,
        Fault::Twice,
        Fault::Length(-1),
        Fault::Length(1),
        Fault::Length(1_000_000),
        Fault::Closed,
        Fault::Instead("\u{0}\u{1}\u{2} nothing that HTTP knows\r\n\r\n".to_owned()),
        Fault::Instead("SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n".to_owned()),
        Fault::Instead("HTTP/1.1 100 Continue\r\n\r\n".repeat(100)),
        Fault::Instead(format!(
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n{}\r\n\r\n{{}}",
            "X: y\r\n".repeat(500)
        )),
    ];
    for status in ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"] {
        faults.push(page(status, &format!("Location: {url}\r\n")));
    }
    for status in
        ["200 OK", "204 No Content", "206 Partial", "304 Not Modified", "400 Bad", "401 No", "403 No"]
    {
        faults.push(page(status, ""));
    }
    for status in [
        "404 No",
        "408 Slow",
        "413 Large",
        "429 Often",
        "500 Error",
        "502 Bad",
        "503 No",
        "504 Slow",
        "599 X",
    ] {
        faults.push(page(status, ""));
    }
    let each =
        Which::ALL.into_iter().flat_map(|which| faults.iter().map(move |fault| (which, fault.clone())));
    let nodes = Nodes::start(each);
    outlived(&nodes);
    assert!(elsewhere.accept().is_err(), "nobody follows a redirect");
}

/// Descriptors for six of them at a time: those that are slow have what others wait for. Nobody can observe it then.
#[test]
fn faults_keep_no_server_sealed_where_descriptors_run_out() {
    let mut faults = vec![Fault::Closed, Fault::Stalls(20), Fault::Length(1), Fault::Twice];
    faults.extend([0, 50, 150, 250].into_iter().flat_map(|at| [Fault::Cut(at), Fault::Reset(at)]));
    let each =
        Which::ALL.into_iter().flat_map(|which| faults.iter().map(move |fault| (which, fault.clone())));
    let nodes = Nodes::start(each);
    let (_home, mut watchdog, mut daemon) = start("ulimit -n 76", &nodes);
    watchdog.wait_until_fed();
    daemon.wait_for_line("48 nodes take up to 160 file descriptors, and this process may have 76");
    let all = |met: &dyn Fn(&Node) -> bool| {
        let left = || nodes.all.iter().filter(|node| !met(node)).map(|node| (node.which, &node.fault));
        let done = poll(PATIENCE, || left().next().is_none().then_some(()));
        assert!(done.is_some(), "{:?}", left().collect::<Vec<_>>());
    };
    all(&|node| node.is_open() || node.met() > 1);
    watchdog.wait_until_fed();
    nodes.mend();
    all(&Node::is_open);
    watchdog.wait_for("STATUS=48 nodes: 48 unsealed");
    assert!(!daemon.output().contains("Too many open files"), "{}", daemon.output());
    assert_unharmed(&nodes, daemon);
    watchdog.assert_never_starved();
}
