//! The dashboard's expressions, as Grafana would send them.

use std::fs;

use serde_json::Value;

use crate::page::in_repository;

/// What Grafana puts in, and what always returns something: the rest is to do that too.
const PUT_IN: [(&str, &str); 5] = [
    ("$__rate_interval", "1m"),
    ("$__range", "5m"),
    ("$instance", ".*"),
    ("$cluster", ".*"),
    (" or vector(0)", ""),
];

/// Every expression of a panel, and the metrics that it makes its choices of.
pub(crate) fn expressions() -> Vec<String> {
    let text = fs::read_to_string(in_repository("config/prometheus/vault-unseal.dashboard.json")).unwrap();
    let mut found = Vec::new();
    collect(&serde_json::from_str(&text).unwrap(), &mut found);
    assert!(found.len() > 25, "only {}", found.len());
    found
        .iter()
        .map(|expression| {
            let filled = PUT_IN.iter().fold(expression.clone(), |text, (from, to)| text.replace(from, to));
            assert!(!filled.contains('$'), "{filled}");
            filled
        })
        .collect()
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(members) => {
            for (name, member) in members {
                match (name.as_str(), member.as_str()) {
                    ("expr", Some(expression)) => found.push(expression.to_owned()),
                    // `label_values(metric, label)`: of which at least one series has the label.
                    ("definition", Some(choice)) => {
                        let inside = choice.strip_prefix("label_values(").unwrap().strip_suffix(')').unwrap();
                        let (metric, label) = inside.rsplit_once(", ").unwrap();
                        found.push(format!(
                            "count by ({label}) ({metric}) unless on ({label}) count({metric})"
                        ));
                    }
                    _ => collect(member, found),
                }
            }
        }
        _ => {}
    }
}
