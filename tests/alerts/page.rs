//! What the package has for Prometheus.

use std::fs;
use std::path::{Path, PathBuf};

/// A file of this repository.
pub(crate) fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The jobs of the scrape configuration, of which one reads targets from a file of this name.
pub(crate) fn scrape_configuration() -> (String, &'static str) {
    let text = fs::read_to_string(in_repository("config/prometheus/vault-unseal.scrape.yml")).unwrap();
    assert!(text.contains("          - vault-unseal.targets.yml\n"));
    (text, "vault-unseal.targets.yml")
}

/// The rules, but every alert fires after a second.
pub(crate) fn quick_rules() -> String {
    let rules = fs::read_to_string(in_repository("config/prometheus/vault-unseal.rules.yml")).unwrap();
    let quick = rules.lines().map(|line| match line.split_once("for: ") {
        Some((before, _)) if before.trim().is_empty() => format!("{before}for: 1s\n"),
        _ => format!("{line}\n"),
    });
    quick.collect()
}
