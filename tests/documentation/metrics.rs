//! The page of metrics has each of the program's tables, as they say, and no other.

use std::fs;

use super::pages::root;
use vault_unseal::telemetry::{METRICS, VAULT_EXPORTER};

#[test]
fn the_page_of_metrics_has_the_tables_of_the_program() {
    let rows = METRICS.iter().chain(VAULT_EXPORTER).map(|metric| {
        let labels: Vec<_> = metric.labels.names().iter().map(|label| format!("`{label}`")).collect();
        let ((name, help), kind) = (metric.text.split_once(' ').unwrap(), metric.kind.word());
        // In a table a sentence of the format's has no full stop.
        format!("| `{name}` | {kind} | {} | {} |", labels.join(", "), help.trim_end_matches('.'))
    });
    let rows: Vec<_> = rows.map(|row| row.replace("|  |", "| – |")).collect();
    assert!(rows.len() > 20);
    let page = fs::read_to_string(root().join("docs/usage/metrics.md")).unwrap();
    let is_metric = |line: &&str| ["| `vault_", "| `process_"].iter().any(|begin| line.starts_with(begin));
    let on_the_page: Vec<_> = page.lines().filter(is_metric).collect();
    assert_eq!(on_the_page, rows, "the page should have:\n{}", rows.join("\n"));
}
