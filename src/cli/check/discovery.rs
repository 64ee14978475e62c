//! Checks the names that stand for nodes.

use super::finding::{Findings, Severity};
use crate::cli::names::Name;
use crate::discovery::FirstFew;

/// What each name of a cluster stands for, and what is wrong with it.
pub(super) fn check(cluster: &str, names: &[Name], findings: &mut Findings) {
    for name in names.iter().filter(|name| name.cluster == cluster) {
        let subject = name.discovery.to_string();
        let nodes: Vec<_> = name.nodes().map(|node| &node.address).collect();
        if !nodes.is_empty() {
            let count = if nodes.len() == 1 { "1 node".to_owned() } else { format!("{} nodes", nodes.len()) };
            findings.good(&subject, format!("{count}: {}", FirstFew::of(&nodes)));
        }
        for problem in name.problems() {
            findings.add(Severity::Problem, &subject, problem.kind, problem.message, problem.advice);
        }
    }
}
