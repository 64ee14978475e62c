//! `vault-unseal status` for other users than root: what the daemon knows of its servers.

use super::Exit;
use super::arguments::StatusArguments;
use super::node_table::{NodeRow, node_table};
use super::screen::{Screen, columns_of_terminal};
use super::start::{fail, say};
use crate::observe::{self, ObserveError, ObservedValue, SERVICE_SOCKET, Wanted};
use crate::report::{Style, render_warning};
use rustix::process::geteuid;
use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// What root is shown beside this.
const MORE: &str = "`sudo vault-unseal status` asks the servers themselves, and tells reasons in words, what to do, and who asked \
                    for a hold.";

/// Shows what the daemon knows, if that is what is asked for; `None` where it is not, or there is no daemon.
pub(super) fn show(options: &StatusArguments, of_service: bool) -> Option<Exit> {
    let named = options.observe_socket.as_deref();
    let of_others = || (of_service && !geteuid().is_root()).then(|| Path::new(SERVICE_SOCKET));
    let path = named.or_else(of_others)?;
    match observe::document(path, Wanted::Nodes) {
        Ok(snapshot) => Some(print_all(options, path, snapshot)),
        Err(error) if named.is_some() => Some(fail(&error, Exit::Failed)),
        Err(ObserveError::Absent(..)) => {
            say("No daemon can be observed here: the servers themselves are asked.");
            None
        }
        Err(error) => {
            say(render_warning(&error));
            None
        }
    }
}

fn print_all(options: &StatusArguments, path: &Path, mut snapshot: ObservedValue) -> Exit {
    let style = Style::of(&io::stdout());
    let mut screen = Screen::new(options);
    loop {
        let news = format!("{:?} {}", snapshot.text("instance"), snapshot.number("event"));
        let text = || {
            if options.json {
                format!("{snapshot}\n")
            } else {
                table(&snapshot, columns_of_terminal(), style)
            }
        };
        if screen.show(news, &text).is_err() {
            return Exit::Failed;
        }
        if !options.watch {
            let unsealed =
                !snapshot.items("nodes").is_empty() && snapshot.items("nodes").iter().all(is_unsealed);
            return if options.exit_code && !unsealed { Exit::StillSealed } else { Exit::Done };
        }
        snapshot = later(path);
    }
}

/// What the daemon knows a moment later, or once it is there again.
fn later(path: &Path) -> ObservedValue {
    let mut told = false;
    loop {
        sleep(PAUSE);
        match observe::document(path, Wanted::Nodes) {
            Ok(snapshot) => return snapshot,
            Err(error) if !told => {
                say(render_warning(&error));
                say("  Waiting for it.");
                told = true;
            }
            Err(_) => {}
        }
    }
}

/// Its clients are served.
pub(super) fn is_unsealed(node: &ObservedValue) -> bool {
    node.is("state", "unsealed") || node.is("state", "held") && node.flag("sealed") == Some(false)
}

fn table(snapshot: &ObservedValue, most: usize, style: Style) -> String {
    let nodes = snapshot.items("nodes");
    let refused = snapshot.flag("reload_refused") == Some(true);
    let now = snapshot.seconds("at").unwrap_or_default();
    let rows: Vec<_> = nodes.iter().map(|node| row(node).observed(Some(node), now)).collect();
    let mut shown = node_table(&rows, most, style);
    for node in nodes {
        if let Some(cause) = node.text("cause") {
            let _ = writeln!(shown, "\n{}: {cause}", text(node, "address"));
        }
    }
    if refused {
        shown.push_str("\nThe last reload was refused: the old configuration stays.\n");
    }
    if refused || !nodes.iter().all(|node| node.is("state", "unsealed")) {
        let _ = writeln!(shown, "\n{MORE}");
    }
    shown
}

fn text(node: &ObservedValue, name: &str) -> String {
    node.text(name).map(|text| text.to_string()).unwrap_or_default()
}

fn row(node: &ObservedValue) -> NodeRow {
    let version = node.text("version").map(|version| version.to_string());
    NodeRow::new(text(node, "cluster"), &text(node, "address"), text(node, "state"), state(node), version)
}

fn state(node: &ObservedValue) -> String {
    let Some(state) = node.text("state") else { return "not asked yet".to_owned() };
    if let Some(role) = node.text("role") {
        return format!("{state} ({role})");
    }
    if node.get("progress").is_some() {
        return format!("{state} ({}/{})", node.number("progress"), node.number("threshold"));
    }
    match node.flag("sealed").filter(|_| node.get("hold").is_some()) {
        Some(true) => format!("{state} (sealed)"),
        Some(false) => format!("{state} (unsealed)"),
        None => state.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(nodes: &str, clusters: &str) -> ObservedValue {
        let text = format!(
            r#"{{"schema":1,"instance":"i","version":"1","started_at":1,"at":1000000.5,"event":9,"reload_refused":false,
            "nodes":[{nodes}],"clusters":[{clusters}]}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    const COUNTERS: &str = r#""counters":{"unseal_attempts":{"unsealed":1,"refused":0,"disturbed":0,"error":0},"restarts":0,
        "operator_seals":0,"self_seals":0,"holds":0}"#;

    #[test]
    fn table_fits_a_terminal_and_says_what_is_not_known() {
        let unsealed = format!(
            r#"{{"cluster":"home","address":"https://vault-1.lan:8200","event":3,"up":true,"state":"unsealed",
            "state_since":740800,"role":"active","sealed":false,"version":"2.7.2","last_confirmed":999999.6,
            "last_unseal":{{"at":740800,"took":0.3121}},"certificate":{{"not_before":1,"not_after":3340800}},{COUNTERS}}}"#
        );
        let held = format!(
            r#"{{"cluster":"home","address":"https://vault-2.lan:8200","event":4,"up":true,"state":"held","hold":"request",
            "sealed":true,"state_since":999990,"last_confirmed":999999.9,"certificate":{{"not_before":1,"not_after":2}},
            {COUNTERS}}}"#
        );
        let dead = format!(
            r#"{{"cluster":"home","address":"https://vault-3.lan:8200","event":5,"up":false,"state":"unreachable",
            "cause":"connection-refused","state_since":999000,{COUNTERS}}}"#
        );
        let text = table(&snapshot(&[unsealed, held, dead].join(","), ""), 80, Style::PLAIN);
        assert_eq!(
            text,
            "\
NODE              STATE              VERSION  SINCE  UNSEALED        CERT   SEEN
vault-1.lan:8200  unsealed (active)  2.7.2    3d     3d ago (312ms)  27d    0s
vault-2.lan:8200  held (sealed)      -        10s    -               ended  0s
vault-3.lan:8200  unreachable        -        16m    -               -      -

https://vault-3.lan:8200: connection-refused

`sudo vault-unseal status` asks the servers themselves, and tells reasons in words, what to do, and who asked for a hold.
"
        );
    }

    #[test]
    fn line_that_is_too_long_is_folded_behind_the_node() {
        let node = |name: &str, state: &str| {
            format!(
                r#"{{"cluster":"home","address":"https://{name}.lab.example.com:8200","event":3,"up":true,
                "state":"{state}","state_since":740800,{COUNTERS}}}"#
            )
        };
        let nodes = [node("vault-region-north-1", "sealed"), node("vault-region-north-2", "not-active-yet")];
        let snapshot = snapshot(&nodes.join(","), "");
        let first = |most| -> Vec<_> {
            table(&snapshot, most, Style::PLAIN).lines().take(6).map(str::to_owned).collect()
        };
        let whole = first(usize::MAX);
        assert!(whole[1].starts_with("vault-region-north-1.lab.example.com:8200  sealed "), "{whole:?}");
        let width = whole[0].len();
        assert_eq!(whole, first(width));
        let folded = first(width - 1);
        assert_eq!(
            folded,
            [
                "NODE",
                "  STATE           VERSION  SINCE  UNSEALED  CERT  SEEN",
                "vault-region-north-1.lab.example.com:8200",
                "  sealed          -        3d     -         -     -",
                "vault-region-north-2.lab.example.com:8200",
                "  not-active-yet  -        3d     -         -     -",
            ]
        );
    }
}
