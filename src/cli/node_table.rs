//! The table of nodes that `status` shows, whoever asks: a line each, or two where the terminal is narrow.

use super::columns::{columns, width};
use crate::observe::ObservedValue;
use crate::report::Style;
use std::fmt::Write as _;
use std::time::Duration;

const HEAD: [&str; 7] = ["NODE", "STATE", "VERSION", "SINCE", "UNSEALED", "CERT", "SEEN"];

/// What is shown of one node.
pub(super) struct NodeRow {
    cluster: String,
    /// The word of its state, which its colour follows from.
    word: String,
    cells: Vec<String>,
}

impl NodeRow {
    /// `state` is what is shown for `word`, with what is to be known of it.
    pub(super) fn new(
        cluster: String,
        address: &str,
        word: String,
        state: String,
        version: Option<String>,
    ) -> Self {
        // What most of them begin with, in a table of so many columns.
        let address = address.strip_prefix("https://").unwrap_or(address).to_owned();
        Self { cluster, word, cells: vec![address, state, version.unwrap_or_else(nothing)] }
    }

    /// Adds what the daemon knows of it: of a node that it does not watch, nothing.
    pub(super) fn observed(mut self, node: Option<&ObservedValue>, now: Duration) -> Self {
        let times = node.map(|node| times(node, now)).unwrap_or_default();
        self.cells.extend(times.map(|time| time.unwrap_or_else(nothing)));
        self
    }
}

fn nothing() -> String {
    "-".to_owned()
}

/// Since when it is in its state, when it was unsealed last and how long that took, how long its certificate is good, and
/// when it answered last.
fn times(node: &ObservedValue, now: Duration) -> [Option<String>; 4] {
    let ago = |value: &ObservedValue, name| Some(short(now.saturating_sub(value.seconds(name)?)));
    let unsealed = node
        .get("last_unseal")
        .and_then(|last| Some(format!("{} ago ({})", ago(last, "at")?, precise(last.seconds("took")?))));
    let end = node.get("certificate").and_then(|certificate| certificate.seconds("not_after"));
    [
        ago(node, "state_since"),
        unsealed,
        end.map(|end| end.checked_sub(now).map_or_else(|| "ended".to_owned(), short)),
        ago(node, "last_confirmed"),
    ]
}

/// The table: as wide as `most`, or each node above what is known of it. Of several clusters, each has a line above its nodes.
pub(super) fn node_table(rows: &[NodeRow], most: usize, style: Style) -> String {
    let known = rows.first().map_or(HEAD.len(), |row| row.cells.len());
    let mut cells: Vec<Vec<String>> = vec![HEAD.iter().take(known).map(ToString::to_string).collect()];
    cells.extend(rows.iter().map(|row| row.cells.clone()));
    let paint = |line: usize, text: &str| match rows.get(line) {
        Some(row) => coloured(&row.word, text, style),
        None => text.to_owned(),
    };
    let folded = width(&cells) > most;
    let mut lines = columns(&cells, folded, style, &paint).into_iter();
    let mut shown = lines.next().unwrap_or_default();
    let several = rows.windows(2).any(|pair| matches!(pair, [one, next] if one.cluster != next.cluster));
    let mut cluster = None;
    for (row, line) in rows.iter().zip(lines) {
        if several && cluster != Some(&row.cluster) {
            let _ = writeln!(shown, "{}:", row.cluster);
            cluster = Some(&row.cluster);
        }
        shown += &line;
    }
    shown
}

fn coloured(word: &str, cell: &str, style: Style) -> String {
    match word {
        "unsealed" => style.good(cell),
        "held" | "sealed" | "unsealing" | "joining" | "waiting-for-peers" => style.warning(cell),
        _ => style.bad(cell),
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

    #[test]
    fn times_are_short() {
        for (seconds, shown) in [(0, "0s"), (119, "119s"), (120, "2m"), (7_200, "2h"), (172_800, "2d")] {
            assert_eq!(short(Duration::from_secs(seconds)), shown);
        }
        let precise = |millis| precise(Duration::from_millis(millis));
        assert_eq!([7, 312, 2_599, 75_000].map(precise), ["7ms", "312ms", "2.5s", "75s"]);
    }
}
