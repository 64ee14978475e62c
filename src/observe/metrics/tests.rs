//! What is scraped, as a strict reader reads it.

use super::*;
use crate::api::{ConnectionEpoch, Health, SealStatus};
use crate::telemetry::{CertificateDates, METRICS, MetricKind, NodeRecorder, VAULT_EXPORTER};
use crate::testing::metrics_text::{Scrape, judge};
use crate::unseal::{Action, Hold, Observation};
use proptest::prelude::*;

fn slices(telemetry: &Telemetry, between: impl FnMut(usize)) -> Vec<String> {
    slices_of(METRICS, telemetry, between)
}

fn slices_of(table: &'static [Metric], telemetry: &Telemetry, mut between: impl FnMut(usize)) -> Vec<String> {
    let (mut slices, mut cursor) = (Vec::new(), Some(MetricsCursor::of(table)));
    while let Some(before) = cursor {
        let mut text = Vec::new();
        cursor = go_on(telemetry, before, &mut text);
        slices.push(String::from_utf8(text).unwrap());
        between(slices.len());
    }
    slices
}

fn written(telemetry: &Telemetry) -> String {
    slices(telemetry, |_| {}).concat()
}

fn enter(telemetry: &Arc<Telemetry>, cluster: &str, address: &str) -> NodeRecorder {
    telemetry.enter(cluster, address);
    NodeRecorder::new(Arc::clone(telemetry), cluster, address)
}

/// Has everything known of a node: it was sealed, and is unsealed.
fn learn(recorder: &mut NodeRecorder) {
    let health = br#"{"initialized":true,"sealed":false,"standby":true,"version":"2.7.2"}"#;
    let health = Observation::Health(Health::parse(health).unwrap(), ConnectionEpoch::of(1));
    let status = SealStatus::parse(br#"{"sealed":false,"initialized":true,"t":3,"n":5}"#).unwrap();
    let status = Observation::SealStatus(status, ConnectionEpoch::of(1));
    let dates = CertificateDates {
        server: Some((1_700_000_001, 1_800_000_002)),
        authority: Some((1_600_000_004, 1_900_000_003)),
    };
    for (action, seen) in [(Action::ReadSealStatus, status), (Action::AskHealth, health)] {
        recorder.executed(action, &seen, Duration::from_micros(2500), dates, None, Duration::from_secs(1));
    }
    let unsealed = State::Unsealed { role: crate::api::Role::Standby };
    recorder.state(&State::Sealed { delay: None }, None);
    recorder.state(&unsealed, Some(Duration::from_millis(1250)));
}

fn fleet(nodes: usize, clusters: usize) -> Arc<Telemetry> {
    let telemetry = Arc::new(Telemetry::default());
    for node in 0..nodes {
        let (cluster, address) =
            (format!("cluster-{}", node % clusters), format!("https://vault-{node}.home:8200"));
        learn(&mut enter(&telemetry, &cluster, &address));
        telemetry.shares_read(&cluster, Some(5));
    }
    telemetry
}

/// Its name, what it means and its type.
fn said(row: &Metric) -> [&'static str; 3] {
    [row.name(), row.text.split_once(' ').unwrap().1, row.kind.word()]
}

/// Every one of the table, as the table says, and nothing else.
#[test]
fn everything_that_is_known_is_written_in_the_text_format() {
    let text = written(&fleet(3, 2));
    judge(&text);
    let scrape = Scrape::read(&text);
    let written: Vec<_> = scrape.0.iter().map(|family| [&family.name, &family.help, &family.kind]).collect();
    assert_eq!(written, METRICS.iter().map(said).collect::<Vec<_>>());
    for (family, row) in scrape.0.iter().zip(METRICS) {
        for sample in &family.samples {
            let labels: Vec<_> = sample.labels.iter().map(|(name, _)| name.as_str()).collect();
            let whole = row.kind != MetricKind::Histogram || sample.name.ends_with("_bucket");
            assert_eq!(
                labels,
                if whole { row.labels.names() } else { &row.labels.names()[..1] },
                "{sample:?}"
            );
        }
    }
}

#[test]
fn values_are_those_that_are_known() {
    let telemetry = Arc::new(Telemetry::default());
    let mut recorder = enter(&telemetry, "home", "https://vault.home:8200");
    learn(&mut recorder);
    telemetry.shares_read("home", Some(4));
    let mut record = NodeRecord::default();
    telemetry.nodes(None, 1, |_, seen| record = seen.clone());
    let scrape = Scrape::read(&written(&telemetry));
    let node = [("cluster", "home"), ("node", "https://vault.home:8200")];
    for (name, value) in [("up", 1.0), ("sealed", 0.0), ("initialized", 1.0), ("standby", 1.0), ("held", 0.0)]
    {
        assert_eq!(scrape.value(&format!("vault_unseal_node_{name}"), &node), Some(value), "{name}");
    }
    let seconds = |at: Option<Duration>| at.map(|at| f64::from(u32::try_from(at.as_secs()).unwrap()));
    for (name, at) in [
        ("last_confirmed", record.last_confirmed),
        ("state_changed", record.state_since),
        ("last_unseal", record.last_unseal.map(|last| last.at)),
        ("certificate_not_before", Some(Duration::from_secs(1_700_000_001))),
        ("certificate_not_after", Some(Duration::from_secs(1_800_000_002))),
    ] {
        let told = scrape.value(&format!("vault_unseal_node_{name}_timestamp_seconds"), &node);
        assert_eq!(told.map(f64::floor), seconds(at), "{name}");
        assert!(at.is_some(), "{name}");
    }
    for (name, value) in [
        ("shares_held", 4.0),
        ("shares_threshold", 3.0),
        ("share_source_up", 1.0),
        ("ca_not_after_timestamp_seconds", 1_900_000_003.0),
        ("ca_not_before_timestamp_seconds", 1_600_000_004.0),
        ("request_latency_seconds_count", 2.0),
        ("request_latency_seconds_sum", 0.005),
        ("unseal_duration_seconds_count", 1.0),
        ("unseal_duration_seconds_sum", 1.25),
    ] {
        assert_eq!(scrape.value(&format!("vault_unseal_cluster_{name}"), &node[..1]), Some(value), "{name}");
    }
    for (le, below) in [("0.001", 0.0), ("0.0025", 2.0), ("10", 2.0), ("+Inf", 2.0)] {
        let bucket =
            scrape.value("vault_unseal_cluster_request_latency_seconds_bucket", &[node[0], ("le", le)]);
        assert_eq!(bucket, Some(below), "{le}");
    }
    assert_eq!(scrape.value("vault_unseal_build_info", &[("version", env!("CARGO_PKG_VERSION"))]), Some(1.0));
    assert_eq!(
        scrape.value("process_start_time_seconds", &[]).map(f64::floor),
        seconds(Some(telemetry.started()))
    );
}

#[test]
fn refused_reload_is_told_until_one_is_not() {
    let telemetry = Telemetry::default();
    let told = || Scrape::read(&written(&telemetry)).value("vault_unseal_reload_refused", &[]);
    assert_eq!(told(), Some(0.0), "from the start");
    for refused in [true, false] {
        telemetry.reloaded(refused);
        assert_eq!(told(), Some(refused.into()));
    }
}

#[test]
fn each_counter_is_told_by_its_name() {
    let telemetry = Arc::new(Telemetry::default());
    let mut recorder = enter(&telemetry, "home", "a");
    let names =
        ["restarts", "operator_seals", "self_seals"].map(|name| format!("vault_unseal_node_{name}_total"));
    let counted = || {
        let scrape = Scrape::read(&written(&telemetry));
        let attempts = scrape.family("vault_unseal_node_unseal_attempts_total").unwrap().samples.clone();
        let attempts = attempts.into_iter().map(|sample| (sample.labels[2].1.clone(), sample.value));
        (attempts.collect::<Vec<_>>(), names.each_ref().map(|name| scrape.value(name, &[("node", "a")])))
    };
    let attempts = |unsealed, refused, disturbed, error| {
        [("unsealed", unsealed), ("refused", refused), ("disturbed", disturbed), ("error", error)]
            .map(|(word, count)| (word.to_owned(), count))
            .to_vec()
    };
    assert_eq!(counted(), (attempts(0.0, 0.0, 0.0, 0.0), [Some(0.0); 3]), "0 from the start");
    recorder.happened(&crate::unseal::Event::Unsealed);
    recorder.happened(&crate::unseal::Event::RoundLost);
    recorder.happened(&crate::unseal::Event::RoundLost);
    recorder.happened(&crate::unseal::Event::SealUndone);
    recorder.state(&State::SealsItself { times: 3, text: String::new() }, None);
    assert_eq!(counted(), (attempts(1.0, 0.0, 2.0, 0.0), [Some(0.0), Some(1.0), Some(3.0)]));
    let health = br#"{"initialized":true,"sealed":false,"standby":true}"#;
    for seen in [
        Observation::Health(Health::parse(health).unwrap(), ConnectionEpoch::of(1)),
        Observation::Unreachable(crate::api::Unreachable::Refused),
        Observation::Health(Health::parse(health).unwrap(), ConnectionEpoch::of(2)),
    ] {
        recorder.executed(
            Action::AskHealth,
            &seen,
            Duration::ZERO,
            CertificateDates::default(),
            None,
            Duration::ZERO,
        );
    }
    assert_eq!(counted().1, [Some(1.0), Some(1.0), Some(3.0)]);
}

#[test]
fn what_is_not_known_now_is_absent() {
    const COUNTERS: [&str; 4] =
        ["unseal_attempts_total", "restarts_total", "operator_seals_total", "self_seals_total"];
    let of_the_node = |telemetry: &Telemetry| {
        let scrape = Scrape::read(&written(telemetry));
        let names = scrape.0.iter().filter_map(|family| family.name.strip_prefix("vault_unseal_node_"));
        let names: Vec<_> = names.filter(|name| !COUNTERS.contains(name)).map(ToOwned::to_owned).collect();
        let up = scrape.value("vault_unseal_node_up", &[]);
        let states = scrape.family("vault_unseal_node_state").unwrap().samples.clone();
        assert_eq!(states.len(), State::WORDS.len());
        let now: Vec<_> = states.into_iter().filter(|sample| sample.value > 0.0).collect();
        let now: Vec<_> = now.into_iter().map(|sample| (sample.labels[2].1.clone(), sample.value)).collect();
        (names, up, now)
    };
    let telemetry = Arc::new(Telemetry::default());
    let mut recorder = enter(&telemetry, "home", "a");
    assert_eq!(of_the_node(&telemetry), (vec!["up".to_owned(), "state".to_owned()], Some(0.0), vec![]));
    let scrape = Scrape::read(&written(&telemetry));
    for name in [
        "shares_held",
        "shares_threshold",
        "share_source_up",
        "ca_not_after_timestamp_seconds",
        "ca_not_before_timestamp_seconds",
    ] {
        assert!(scrape.family(&format!("vault_unseal_cluster_{name}")).is_none(), "{name}");
    }

    learn(&mut recorder);
    let (names, up, now) = of_the_node(&telemetry);
    assert_eq!((names.len(), up, now), (11, Some(1.0), vec![("unsealed".to_owned(), 1.0)]));

    recorder.state(&State::Unreachable { cause: crate::api::Unreachable::Refused }, None);
    let (names, up, now) = of_the_node(&telemetry);
    let left =
        ["last_confirmed", "state_changed", "last_unseal"].map(|name| format!("{name}_timestamp_seconds"));
    assert_eq!(names, [vec!["up".to_owned(), "state".to_owned()], left.to_vec()].concat());
    assert_eq!((up, now), (Some(0.0), vec![("unreachable".to_owned(), 1.0)]));
}

#[test]
fn hold_is_told_where_it_would_be_seen() {
    let telemetry = Arc::new(Telemetry::default());
    let mut recorder = enter(&telemetry, "home", "a");
    let held = State::Held { hold: Hold::Request, unsealed: true };
    for (state, told) in [
        (held.clone(), Some(1.0)),
        (State::Unreachable { cause: crate::api::Unreachable::Refused }, None),
        (held, Some(1.0)),
        (State::Removed, None),
        (State::Sealed { delay: None }, Some(0.0)),
    ] {
        recorder.state(&state, None);
        let scrape = Scrape::read(&written(&telemetry));
        assert_eq!(scrape.value("vault_unseal_node_held", &[("node", "a")]), told, "{}", state.word());
    }
}

#[test]
fn node_has_at_most_four_kilobytes_and_a_slice_forty() {
    for (nodes, clusters) in [(100, 1), (100, 100), (1000, 40)] {
        let telemetry = fleet(nodes, clusters);
        let slices = slices(&telemetry, |_| {});
        let longest = slices.iter().map(String::len).max().unwrap();
        assert!(longest < 40_000, "{longest}");
        let text = slices.concat();
        let scrape = Scrape::read(&text);
        for family in &scrape.0 {
            let each = match (family.name.as_str(), family.name.split('_').nth(2)) {
                ("vault_unseal_node_state", _) => nodes * State::WORDS.len(),
                ("vault_unseal_node_unseal_attempts_total", _) => nodes * AttemptResult::ALL.len(),
                (_, Some("node")) => nodes,
                _ => continue,
            };
            assert_eq!(family.samples.len(), each, "{}", family.name);
        }
        let of_nodes: usize = text
            .lines()
            .filter(|line| line.starts_with("vault_unseal_node_"))
            .map(|line| line.len() + 1)
            .sum();
        assert!(of_nodes <= nodes * 4000, "{} B a node", of_nodes / nodes);
        assert!(text.len() <= nodes * 4000 + clusters * 4000 + 4000, "{} B", text.len());
    }
}

/// Nothing is written of so many, and still they are not gone through at once.
#[test]
fn slice_without_samples_ends() {
    let telemetry = Arc::new(Telemetry::default());
    for node in 0..1000 {
        telemetry.enter("home", &format!("https://vault-{node}.home:8200"));
    }
    let slices = slices(&telemetry, |_| {});
    assert!(slices.iter().any(String::is_empty));
    assert_eq!(Scrape::read(&slices.concat()).family("vault_unseal_node_up").unwrap().samples.len(), 1000);
}

#[test]
fn nodes_may_come_and_go_between_slices() {
    let telemetry = fleet(500, 3);
    let address = |node: usize| (format!("cluster-{}", node % 3), format!("https://vault-{node}.home:8200"));
    let text = slices(&telemetry, |slice| {
        for node in (slice % 7..500).step_by(7).take(slice * 3) {
            let (cluster, address) = address(node);
            telemetry.leave(&cluster, &address);
        }
        learn(&mut enter(&telemetry, &format!("new-{slice}"), "https://new.home:8200"));
    });
    assert!(text.len() > 20, "{}", text.len());
    let scrape = Scrape::read(&text.concat());
    let first = scrape.family("vault_unseal_node_up").unwrap().samples.len();
    let last = scrape.family("vault_unseal_node_self_seals_total").unwrap().samples.len();
    assert!(last < first, "{first} {last}");
}

proptest! {
    #[test]
    fn labels_are_read_as_they_were(cluster in any::<String>(), address in any::<String>()) {
        let telemetry = Arc::new(Telemetry::default());
        for (cluster, address) in [(cluster.as_str(), address.as_str()), ("a\"b\\c\nd\\", "\\n\"{},=\r")] {
            enter(&telemetry, cluster, address);
            let scrape = Scrape::read(&written(&telemetry));
            let node = [("cluster", cluster), ("node", address)];
            prop_assert_eq!(scrape.value("vault_unseal_node_up", &node), Some(0.0));
            prop_assert_eq!(scrape.value("vault_unseal_node_restarts_total", &node), Some(0.0));
        }
    }
}

#[test]
fn numbers_are_written_without_needless_zeros() {
    for (value, text) in [
        (Duration::ZERO, "0"),
        (Duration::from_secs(u64::MAX), "18446744073709551615"),
        (Duration::from_micros(1), "0.000001"),
        (Duration::from_nanos(1), "0"),
        (Duration::from_micros(2_500), "0.0025"),
        (Duration::from_millis(1_764_320_712_250), "1764320712.25"),
    ] {
        assert_eq!(Decimal(value).to_string(), text);
    }
}

/// The names and labels that its dashboard and its rules use.
#[test]
fn dashboard_of_vault_exporter_finds_its_names() {
    let telemetry = fleet(2, 1);
    let text = slices_of(VAULT_EXPORTER, &telemetry, |_| {}).concat();
    judge(&text);
    let scrape = Scrape::read(&text);
    let instance = ("instance", "https://vault-1.home:8200");
    for (name, value) in
        [("vault_up", 1.0), ("vault_initialized", 1.0), ("vault_sealed", 0.0), ("vault_standby", 1.0)]
    {
        assert_eq!(scrape.value(name, &[instance]), Some(value), "{name}");
        assert_eq!(scrape.family(name).unwrap().samples.len(), 2);
    }
    assert_eq!(scrape.value("vault_info", &[instance, ("version", "2.7.2")]), Some(1.0));
    assert_eq!(scrape.0.len(), VAULT_EXPORTER.len());

    let mut recorder = enter(&telemetry, "away", "https://away.home:8200");
    learn(&mut recorder);
    recorder.state(&State::Unreachable { cause: crate::api::Unreachable::Refused }, None);
    let scrape = Scrape::read(&slices_of(VAULT_EXPORTER, &telemetry, |_| {}).concat());
    let away = [("cluster", "away"), ("instance", "https://away.home:8200")];
    let told = VAULT_EXPORTER.iter().map(|row| scrape.value(row.name(), &away));
    assert_eq!(told.collect::<Vec<_>>(), [Some(0.0), None, None, None, None]);
}
