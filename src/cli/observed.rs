//! `vault-unseal status` for other users than root: what the daemon knows of its servers.

use super::Exit;
use super::arguments::StatusArguments;
use super::columns::{columns, width};
use super::start::{fail, say};
use crate::observe::{self, ObserveError, ObservedValue, SERVICE_SOCKET, Wanted};
use crate::report::{Style, render_warning};
use rustix::process::geteuid;
use rustix::termios::tcgetwinsize;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
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
    // Shown anew in the same place: how long each thing is ago is part of it.
    let in_place = options.watch && !options.json && moves_cursor();
    let mut shown = None;
    loop {
        // Elsewhere, whatever else changes, as times do, is no news.
        let news = (snapshot.text("instance"), snapshot.number("event"));
        if in_place || shown.as_ref() != Some(&news) {
            let before = match shown {
                _ if in_place => TOP,
                Some(_) if !options.json => "\n",
                _ => "",
            };
            let text = if options.json {
                format!("{snapshot}\n")
            } else {
                table(&snapshot, columns_of_terminal(), style)
            };
            if write!(io::stdout(), "{before}{text}").and_then(|()| io::stdout().flush()).is_err() {
                return Exit::Failed;
            }
            shown = Some(news);
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

/// The cursor goes to the first line, and all below it is cleared (ECMA-48: CUP, ED).
const TOP: &str = "\x1b[H\x1b[J";

/// Standard output is a terminal that knows more than lines.
fn moves_cursor() -> bool {
    io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// How wide standard output is: a terminal that does not know it is as most are, and what is no terminal has no end.
fn columns_of_terminal() -> usize {
    tcgetwinsize(io::stdout())
        .map_or(usize::MAX, |size| if size.ws_col == 0 { 80 } else { size.ws_col.into() })
}

/// Its clients are served.
pub(super) fn is_unsealed(node: &ObservedValue) -> bool {
    node.is("state", "unsealed") || node.is("state", "held") && node.flag("sealed") == Some(false)
}

/// Between two columns.
const GAP: &str = "  ";
const HEAD: [&str; 7] = ["NODE", "STATE", "VERSION", "SINCE", "UNSEALED", "CERT", "SEEN"];

fn table(snapshot: &ObservedValue, most: usize, style: Style) -> String {
    let nodes = snapshot.items("nodes");
    let refused = snapshot.flag("reload_refused") == Some(true);
    let now = snapshot.seconds("at").unwrap_or_default();
    let mut rows = vec![HEAD.map(str::to_owned).into()];
    rows.extend(nodes.iter().map(|node| row(node, now)));
    let paint = |line: usize, text: &str| {
        nodes.get(line).map_or_else(|| text.to_owned(), |node| coloured(node, text, style))
    };
    // Too wide for one line: each node above what is known of it.
    let folded = width(&rows, GAP) > most;
    let mut lines = columns(&rows, GAP, folded, style, &paint).into_iter();
    let mut shown = lines.next().unwrap_or_default();
    let (mut remarks, mut cluster) = (String::new(), None);
    for (node, line) in nodes.iter().zip(lines) {
        let of = node.text("cluster").filter(|_| snapshot.items("clusters").len() > 1);
        if cluster != of {
            let _ = writeln!(shown, "{}:", of.clone().unwrap_or_default());
            cluster = of;
        }
        shown += &line;
        if let Some(cause) = node.text("cause") {
            let _ = writeln!(remarks, "\n{}: {cause}", node.text("address").unwrap_or_default());
        }
    }
    if refused {
        remarks.push_str("\nThe last reload was refused: the old configuration stays.\n");
    }
    if refused || !nodes.iter().all(|node| node.is("state", "unsealed")) {
        let _ = writeln!(remarks, "\n{MORE}");
    }
    shown + &remarks
}

fn row(node: &ObservedValue, now: Duration) -> Vec<String> {
    let ago = |value: &ObservedValue, name| Some(short(now.saturating_sub(value.seconds(name)?)));
    let certificate = node.get("certificate").and_then(|certificate| certificate.seconds("not_after"));
    let unsealed = node
        .get("last_unseal")
        .and_then(|last| Some(format!("{} ago ({})", ago(last, "at")?, precise(last.seconds("took")?))));
    let cells = [
        // What most of them begin with, in a table of so many columns.
        node.text("address").map(|address| address.to_string().trim_start_matches("https://").to_owned()),
        Some(state(node)),
        node.text("version").map(|version| version.to_string()),
        ago(node, "state_since"),
        unsealed,
        certificate.map(|end| end.checked_sub(now).map_or_else(|| "ended".to_owned(), short)),
        ago(node, "last_confirmed"),
    ];
    cells.map(|cell| cell.unwrap_or_else(|| "-".to_owned())).into()
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

fn coloured(node: &ObservedValue, cell: &str, style: Style) -> String {
    let passing = ["held", "sealed", "unsealing", "joining", "waiting-for-peers"];
    if node.is("state", "unsealed") {
        style.good(cell)
    } else if passing.iter().any(|word| node.is("state", word)) {
        style.warning(cell)
    } else {
        style.bad(cell)
    }
}

/// `12s`, `5m`, `3h`, `47d`.
pub(super) fn short(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..120 => format!("{seconds}s"),
        120..7_200 => format!("{}m", seconds / 60),
        7_200..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// `312ms`, `2.5s`.
fn precise(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{}ms", time.subsec_millis()),
        seconds @ 1..10 => format!("{seconds}.{}s", time.subsec_millis() / 100),
        _ => short(time),
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

    #[test]
    fn times_are_short() {
        for (seconds, shown) in [(0, "0s"), (119, "119s"), (120, "2m"), (7_200, "2h"), (172_800, "2d")] {
            assert_eq!(short(Duration::from_secs(seconds)), shown);
        }
        let precise = |millis| precise(Duration::from_millis(millis));
        assert_eq!([7, 312, 2_599, 75_000].map(precise), ["7ms", "312ms", "2.5s", "75s"]);
    }
}
