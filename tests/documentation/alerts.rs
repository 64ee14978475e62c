//! The alerting rules, read as text: what each must have, its tests, its place on the page. Whether they are valid and
//! their tests pass is promtool's to say: `.ci/run alerts`.

use std::collections::BTreeSet;
use std::fs;

use super::address::address;
use super::pages::root;
use super::words::states;

/// Metrics of other programs: of what collects the daemon's, and of `node_exporter`.
const OF_OTHERS: [&str; 3] =
    ["vault_unseal_daemon_up", "node_textfile_mtime_seconds", "node_textfile_scrape_error"];

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// One alert or recorded series.
struct Rule {
    is_alert: bool,
    name: String,
    /// Its lines behind the name, without comments.
    lines: Vec<String>,
}

fn rules() -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    let text = read("config/prometheus/vault-unseal.rules.yml");
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        let alert = line.strip_prefix("- alert: ");
        if let Some(name) = alert.or(line.strip_prefix("- record: ")) {
            rules.push(Rule { is_alert: alert.is_some(), name: name.to_owned(), lines: Vec::new() });
        } else if let Some(rule) = rules.last_mut() {
            rule.lines.push(line.to_owned());
        }
    }
    assert!(rules.len() > 15);
    rules
}

fn alerts() -> Vec<Rule> {
    rules().into_iter().filter(|rule| rule.is_alert).collect()
}

impl Rule {
    fn value(&self, key: &str) -> &str {
        let start = format!("{key}: ");
        let found: Vec<_> = self.lines.iter().filter_map(|line| line.strip_prefix(&start)).collect();
        assert_eq!(found.len(), 1, "{}: {key}", self.name);
        found[0]
    }

    fn expression(&self) -> String {
        let first = self.lines[0].strip_prefix("expr: ").unwrap();
        let more = self.lines[1..].iter().take_while(|line| !line.starts_with("for: "));
        let more: Vec<_> = more.map(String::as_str).collect();
        if first == "|" { more.join("\n") } else { first.to_owned() }
    }

    /// The words of its expression outside of strings, each with what follows it.
    fn words(&self) -> Vec<(String, String)> {
        let expression = self.expression();
        let outside: String = expression.split('"').step_by(2).collect();
        let is_part = |part: char| part.is_ascii_alphanumeric() || "_:".contains(part);
        let mut words = Vec::new();
        let mut rest = outside.as_str();
        while let Some(at) = rest.find(|part: char| part.is_ascii_alphabetic()) {
            let behind = &rest[at..];
            let length = behind.find(|part| !is_part(part)).unwrap_or(behind.len());
            words.push((behind[..length].to_owned(), behind[length..].trim_start().to_owned()));
            rest = &behind[length..];
        }
        words
    }
}

#[test]
fn each_alert_has_what_an_administrator_needs() {
    for alert in alerts() {
        let name = &alert.name;
        assert!(["critical", "warning"].contains(&alert.value("severity")), "{name}");
        assert!(alert.value("for").ends_with(['m', 'h']), "{name}");
        assert!(alert.value("summary").len() > 20, "{name}");
        assert_eq!(alert.value("description"), ">-", "{name}");
        let text = alert.lines.join(" ");
        let expression = alert.expression();
        let labels: &[&str] = match name.strip_prefix("VaultUnseal").unwrap() {
            name if ["Daemon", "Metrics", "Notifier", "Reload", "Textfile"]
                .iter()
                .any(|of| name.starts_with(of)) =>
            {
                &["instance"]
            }
            _ if expression.contains("without (node") || expression.contains("on (instance, cluster) ") => {
                &["cluster"]
            }
            _ => &["cluster", "node"],
        };
        for label in labels {
            let number = text.matches(&format!("$labels.{label}")).count();
            assert!(number >= 2, "{name}: summary and description do not both have the {label}");
        }
        assert_eq!(alert.value("runbook_url"), runbook(name), "{name}");
    }
}

#[test]
fn the_page_of_alerts_has_each_in_its_order() {
    let page = read("docs/usage/alerts.md");
    let headings: Vec<_> = page.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let alerts = alerts();
    assert_eq!(headings, alerts.iter().map(|alert| alert.name.as_str()).collect::<Vec<_>>());
    for alert in alerts {
        let section = page.split(&format!("### {}\n\n", alert.name)).nth(1).unwrap();
        let severity = match alert.value("severity") {
            "critical" => "Critical, ",
            _ => "Warning, ",
        };
        assert!(section.starts_with(severity), "{}", alert.name);
    }
}

/// What `runbook_url` of an alert is: its heading on the page of alerts, as the packages install that, or as the site has it.
fn runbook(name: &str) -> String {
    let address = address();
    let page = if address.starts_with("file:") { "docs/usage/alerts.md" } else { "usage/alerts.html" };
    format!("{address}/{page}#{}", name.to_lowercase())
}

/// `.ci/alerts wrap` writes the address of site/address into all of them.
#[test]
fn every_runbook_begins_with_the_one_address() {
    let expected: BTreeSet<_> = alerts().iter().map(|alert| runbook(&alert.name)).collect();
    for file in ["rules.yml", "rules.test.yml", "prometheusrule.yml"] {
        let text = read(&format!("config/prometheus/vault-unseal.{file}"));
        let found = text.lines().filter_map(|line| line.trim().strip_prefix("runbook_url: "));
        assert_eq!(found.map(str::to_owned).collect::<BTreeSet<_>>(), expected, "{file}: .ci/alerts wrap");
    }
    // The lines for sed, for whoever has a copy elsewhere.
    for file in ["config/prometheus/vault-unseal.rules.yml", "docs/usage/alerts.md"] {
        assert!(read(file).contains(&format!("s|{}|", address())), "{file}: .ci/alerts wrap");
    }
}

#[test]
fn each_alert_is_tested_in_every_way() {
    let text = read("config/prometheus/vault-unseal.rules.test.yml");
    let names: BTreeSet<_> = alerts().into_iter().map(|alert| alert.name).collect();
    let mut tested: BTreeSet<(&str, &str)> = BTreeSet::new();
    for test in text.split("\n  - name: '").skip(1) {
        let (alert, case) = test.split('\'').next().unwrap().split_once(": ").unwrap();
        assert!(names.contains(alert), "{alert}");
        let asked: BTreeSet<_> =
            test.lines().filter_map(|line| line.trim().strip_prefix("alertname: ")).collect();
        assert_eq!(asked, BTreeSet::from([alert]), "{case}");
        let way = case.split(' ').next().unwrap();
        // An alert that is named again is an alias.
        let begins = ["- &", "- *", "- exp_labels:"];
        let fires = test.lines().any(|line| begins.iter().any(|begin| line.trim().starts_with(begin)));
        let ends = test.contains("exp_alerts: []");
        match way {
            "firing" | "vanished" => assert!(fires, "{alert}: {case}"),
            "quiet" => assert!(!fires && ends, "{alert}: {case}"),
            "resolved" => assert!(fires && ends, "{alert}: {case}"),
            _ => panic!("{alert}: {case}"),
        }
        tested.insert((alert, way));
    }
    for name in &names {
        for way in ["firing", "quiet", "resolved", "vanished"] {
            assert!(tested.contains(&(name.as_str(), way)), "{name} has no test of how it is {way}");
        }
    }
}

#[test]
fn rules_use_metrics_that_exist_and_name_no_job() {
    let mut known: BTreeSet<String> = OF_OTHERS.into_iter().map(str::to_owned).collect();
    // The pages have those of the programs: see metrics.rs.
    let pages = read("docs/usage/metrics.md") + &read("docs/usage/notifications.md");
    for row in pages.lines() {
        let Some((name, behind)) = row.strip_prefix("| `").and_then(|row| row.split_once("` | ")) else {
            continue;
        };
        if behind.starts_with("histogram ") {
            known.extend(["_bucket", "_sum", "_count"].map(|end| format!("{name}{end}")));
        } else {
            known.insert(name.to_owned());
        }
    }
    let mut used = BTreeSet::new();
    for rule in rules() {
        for (word, behind) in rule.words() {
            assert_ne!(word, "job", "{}", rule.name);
            if word.contains(['_', ':']) && !behind.starts_with('(') {
                assert!(known.contains(&word), "{} uses {word}", rule.name);
                used.insert(word);
            }
        }
        assert!(!rule.expression().contains("__name__"), "{}", rule.name);
        if !rule.is_alert {
            known.insert(rule.name);
        }
    }
    assert!(used.len() > 15, "only {used:?}");
}

/// A state that is not `unsealed` and that no alert knows would be noticed by nobody.
#[test]
fn every_state_but_unsealed_has_an_alert() {
    let mut told: BTreeSet<String> = BTreeSet::new();
    for alert in alerts() {
        let expression = alert.expression();
        for matcher in expression.split("{state").skip(1) {
            told.extend(matcher.split('"').nth(1).unwrap().split('|').map(str::to_owned));
        }
    }
    told.insert("unsealed".to_owned());
    assert_eq!(told, states());
}
