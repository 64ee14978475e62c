//! What is told when: snapshots of a daemon, a second at a time, and the messages that come of them.

use super::desk::Desk;
use super::event::Event;
use super::looks::Looker;
use super::message::Message;
use super::settings::{NotifySettings, Rules};
use super::well::{Pings, Wellness};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;
use vault_unseal::explain::Explain;
use vault_unseal::external::ExternalText;
use vault_unseal::observe::{ObserveError, Snapshot};
use vault_unseal::report::in_one_line;

const START: u64 = 1_800_000_000;

/// A daemon with servers of cluster `home`, each as JSON members of a node.
#[derive(Clone)]
struct Daemon {
    instance: &'static str,
    nodes: Vec<String>,
    clusters: &'static str,
    more: &'static str,
    started: u64,
}

const UNSEALED: &str = r#""state":"unsealed","role":"active","sealed":false,"standby":false"#;
const STANDBY: &str = r#""state":"unsealed","role":"standby","sealed":false,"standby":true"#;
const SEALED: &str = r#""state":"sealed","sealed":true"#;
const UNSEALING: &str = r#""state":"unsealing","sealed":true,"progress":1,"threshold":3"#;
const AWAY: &str = r#""state":"unreachable","cause":"connection-refused""#;
const HELD: &str = r#""state":"held","hold":"request","sealed":true"#;

impl Daemon {
    fn with(nodes: &[&str]) -> Self {
        Self {
            instance: "a",
            nodes: nodes.iter().map(|node| (*node).to_owned()).collect(),
            clusters: r#""poll_interval":1.0"#,
            more: "",
            started: 1,
        }
    }

    fn counted(mut self, node: usize, operator_seals: u64, self_seals: u64, restarts: u64) -> Self {
        let _ = write!(
            self.nodes[node],
            r#","counters":{{"unseal_attempts":{{"unsealed":0,"refused":0,"disturbed":0,"error":0}},"restarts":{restarts},"operator_seals":{operator_seals},"self_seals":{self_seals},"holds":0}}"#
        );
        self
    }

    fn snapshot(&self, at: u64) -> Snapshot<ExternalText> {
        const NONE: &str = r#","counters":{"unseal_attempts":{"unsealed":0,"refused":0,"disturbed":0,"error":0},"restarts":0,"operator_seals":0,"self_seals":0,"holds":0}"#;
        let node = |(number, node): (usize, &String)| {
            let counters = if node.contains("counters") { "" } else { NONE };
            format!(
                r#"{{"cluster":"home","address":"https://vault-{}:8200","event":1,"up":true,"last_confirmed":{at}.0,{node}{counters}}}"#,
                number + 1
            )
        };
        let nodes: Vec<_> = self.nodes.iter().enumerate().map(node).collect();
        let histogram = r#"{"buckets":[],"sum":0.0,"count":0}"#;
        let text = format!(
            r#"{{"schema":1,"instance":"{}","version":"1","started_at":{}.0,"at":{at}.0,"event":1,"reload_refused":false,
            "nodes":[{}],"clusters":[{{"name":"home",{},"request_latency":{histogram},"unseal_duration":{histogram}}}]{}}}"#,
            self.instance,
            self.started,
            nodes.join(","),
            self.clusters,
            self.more
        );
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

/// One target, told as long as `takes` says so.
struct Scene {
    looker: Looker,
    desk: Desk,
    rules: Rules,
    time: u64,
    /// What the monotonic clock is ahead of the time.
    takes: bool,
    /// How many seconds pass until it is known that a message was not taken.
    slow: u64,
    under_way: Option<(Message, u64)>,
    told: Vec<String>,
}

impl Scene {
    fn new(rules: Rules) -> Self {
        let (looker, desk) = (Looker::default(), Desk::default());
        Self { looker, desk, rules, time: 0, takes: true, slow: 0, under_way: None, told: Vec::new() }
    }

    /// So many seconds of this.
    fn lasts(&mut self, seconds: u64, daemon: Option<&Daemon>) -> &mut Self {
        for _ in 0..seconds {
            let now = Duration::from_secs(self.time);
            let at = START + self.time;
            let gone = ObserveError::Busy("/run/observe.sock".into());
            let answer = daemon.map(|daemon| daemon.snapshot(at)).ok_or(&gone);
            let look = self.looker.look(now, Duration::from_secs(at), answer);
            if let Some((message, _)) = self.under_way.take_if(|(_, until)| self.time >= *until) {
                self.desk.failed(now, &message, None, 0.5);
            }
            let composed = match self.under_way {
                None => self.desk.compose(now, &look.seen, &look.tracker, &self.rules),
                Some(_) => None,
            };
            if let Some(message) = composed {
                if self.takes {
                    self.desk.sent(&message, &look.seen);
                    for line in message.text().lines().filter(|line| !line.starts_with("On that machine")) {
                        self.told.push(format!("{}: {line}", self.time));
                    }
                } else if self.slow == 0 {
                    self.desk.failed(now, &message, None, 0.5);
                } else {
                    self.under_way = Some((message, self.time + self.slow));
                }
            }
            self.time += 1;
        }
        self
    }

    /// The service starts again, with what it had kept.
    fn restart(&mut self) -> &mut Self {
        let kept = serde_json::to_string(&self.desk.ledger).unwrap();
        self.desk = Desk::with(serde_json::from_str(&kept).unwrap());
        self.looker = Looker::default();
        self
    }

    fn told(&mut self, expected: &[&str]) -> &mut Self {
        assert_eq!(self.told, expected);
        self.told.clear();
        self
    }
}

fn after(seconds: u64) -> Rules {
    Rules { after: Some(Duration::from_secs(seconds)), ..Rules::default() }
}

#[test]
fn a_restart_of_a_server_tells_nothing_and_what_lasts_is_told_once_with_its_end() {
    let (well, sealed) = (Daemon::with(&[UNSEALED]), Daemon::with(&[SEALED]));
    let mut scene = Scene::new(Rules::default());
    scene.lasts(100, Some(&well)).lasts(30, Some(&Daemon::with(&[AWAY]))).lasts(20, Some(&sealed));
    scene.lasts(100, Some(&well)).told(&[]);
    scene.lasts(300, Some(&sealed)).told(&["310: https://vault-1:8200: sealed (cluster home), for 1m"]);
    scene.lasts(59, Some(&well)).told(&[]);
    scene
        .lasts(600, Some(&well))
        .told(&["610: https://vault-1:8200: no longer sealed (cluster home), after 5m"]);
}

#[test]
fn a_server_that_is_down_in_turns_in_different_ways_is_down() {
    let (away, sealed) = (Daemon::with(&[AWAY]), Daemon::with(&[SEALED]));
    let mut scene = Scene::new(after(60));
    for _ in 0..20 {
        scene.lasts(5, Some(&away)).lasts(5, Some(&sealed));
    }
    scene.told(&["60: https://vault-1:8200: unreachable (cluster home), connection-refused, for 1m"]);
    // Once it stays in the other way, that is told.
    scene.lasts(100, Some(&sealed)).told(&["255: https://vault-1:8200: sealed (cluster home), for 4m 15s"]);
    scene.lasts(100, Some(&Daemon::with(&[UNSEALED])));
    scene.told(&["360: https://vault-1:8200: no longer sealed (cluster home), after 5m"]);
}

#[test]
fn shares_that_go_in_again_and_again_are_one_problem() {
    let (sealed, unsealing) = (Daemon::with(&[SEALED]), Daemon::with(&[UNSEALING]));
    let mut scene = Scene::new(after(10));
    for _ in 0..10 {
        scene.lasts(3, Some(&sealed)).lasts(3, Some(&unsealing));
    }
    scene.told(&["10: https://vault-1:8200: sealed (cluster home), unsealing, 1 of 3 shares, for 10s"]);
}

#[test]
fn three_at_once_are_one_message() {
    let mut scene = Scene::new(Rules { batch: Duration::from_secs(10), ..after(30) });
    let well = Daemon::with(&[UNSEALED, STANDBY, STANDBY]);
    scene.lasts(10, Some(&well)).lasts(4, Some(&Daemon::with(&[SEALED, STANDBY, STANDBY])));
    scene.lasts(4, Some(&Daemon::with(&[SEALED, SEALED, STANDBY])));
    scene.lasts(42, Some(&Daemon::with(&[SEALED, SEALED, SEALED])));
    scene.told(&[
        "50: home: no-active-node, 0 of 3 servers are unsealed, for 40s",
        "50: https://vault-1:8200: sealed (cluster home), for 40s",
        "50: https://vault-2:8200: sealed (cluster home), for 36s",
        "50: https://vault-3:8200: sealed (cluster home), for 32s",
    ]);
}

#[test]
fn no_restart_and_no_outage_loses_a_problem_or_its_end() {
    let (well, sealed) = (Daemon::with(&[UNSEALED]), Daemon::with(&[SEALED]));
    let mut scene = Scene::new(after(10));
    scene
        .lasts(100, Some(&well))
        .lasts(30, Some(&sealed))
        .told(&["110: https://vault-1:8200: sealed (cluster home), for 10s"]);
    // Known already.
    scene.restart().lasts(100, Some(&sealed)).told(&[]);
    // It ended meanwhile.
    scene
        .restart()
        .lasts(20, Some(&well))
        .told(&["240: https://vault-1:8200: no longer sealed (cluster home), after 2m 10s"]);
    // Nobody takes it for a while, and the service restarts.
    scene.takes = false;
    scene.lasts(60, Some(&sealed)).restart().lasts(60, Some(&sealed)).told(&[]);
    scene.takes = true;
    scene.lasts(200, Some(&sealed));
    assert_eq!(scene.told.len(), 1, "{:?}", scene.told);
}

#[test]
fn what_began_and_ended_while_nobody_listened_is_counted() {
    let (well, sealed) = (Daemon::with(&[UNSEALED]), Daemon::with(&[SEALED]));
    let mut scene = Scene::new(after(10));
    scene.takes = false;
    scene.lasts(10, Some(&well)).lasts(30, Some(&sealed)).lasts(30, Some(&well));
    scene.takes = true;
    scene.lasts(600, Some(&well)).told(&[]);
    scene.lasts(30, Some(&sealed)).told(&[
        "680: https://vault-1:8200: sealed (cluster home), for 10s",
        "680: While nothing could be told here, 1 more began and ended.",
    ]);
}

#[test]
fn tries_become_rarer_and_the_first_that_is_taken_tells_what_is_so_then() {
    let mut scene = Scene::new(after(0));
    scene.takes = false;
    scene.lasts(3600, Some(&Daemon::with(&[SEALED])));
    scene.takes = true;
    scene.lasts(400, Some(&Daemon::with(&[AWAY])));
    // It was down all the time.
    assert_eq!(scene.told.len(), 1, "{:?}", scene.told);
    assert!(
        scene.told[0].ends_with("unreachable (cluster home), connection-refused, for 1h 15s"),
        "{:?}",
        scene.told
    );
}

#[test]
fn what_lasts_is_repeated_where_that_is_asked_for() {
    let mut scene = Scene::new(Rules { repeat: Some(Duration::from_secs(3600)), ..after(10) });
    scene.lasts(8000, Some(&Daemon::with(&[SEALED])));
    scene.told(&[
        "10: https://vault-1:8200: sealed (cluster home), for 10s",
        "3610: https://vault-1:8200: still sealed (cluster home), for 1h 10s",
        "7210: https://vault-1:8200: still sealed (cluster home), for 2h 10s",
    ]);
}

#[test]
fn a_daemon_that_is_gone_is_told_and_ends_nothing() {
    let (well, sealed) = (Daemon::with(&[UNSEALED]), Daemon::with(&[SEALED]));
    let mut scene = Scene::new(after(10));
    scene.lasts(20, Some(&sealed)).told(&["10: https://vault-1:8200: sealed (cluster home), for 10s"]);
    scene.lasts(60, None).told(&["30: the daemon: daemon-gone, too many observe it, for 10s"]);
    // Started, it has not asked yet.
    scene.lasts(60, Some(&Daemon::with(&[r#""up2":false"#])));
    scene.told(&["90: the daemon: no longer daemon-gone, after 1m"]);
    scene
        .lasts(60, Some(&well))
        .told(&["150: https://vault-1:8200: no longer sealed (cluster home), after 2m 20s"]);
}

#[test]
fn a_server_that_is_no_longer_watched_is_told_as_that() {
    let mut scene = Scene::new(after(10));
    scene.lasts(20, Some(&Daemon::with(&[STANDBY, UNSEALED, SEALED])));
    scene.told(&["10: https://vault-3:8200: sealed (cluster home), for 10s"]);
    scene.lasts(60, Some(&Daemon::with(&[STANDBY, UNSEALED])));
    scene.told(&["30: https://vault-3:8200: no longer watched, was sealed (cluster home)"]);
}

#[test]
fn what_happened_once_is_told_once_also_over_a_restart_of_the_daemon() {
    let seals = |operator, own, restarts| Daemon::with(&[UNSEALED]).counted(0, operator, own, restarts);
    let mut scene = Scene::new(Rules::default());
    // What was before is not news.
    scene.lasts(10, Some(&seals(7, 7, 7))).told(&[]);
    scene
        .lasts(10, Some(&seals(8, 7, 9)))
        .told(&["10: https://vault-1:8200: operator-seal (cluster home), an operator sealed it"]);
    scene.restart().lasts(10, Some(&seals(8, 9, 9)));
    scene.told(&["20: https://vault-1:8200: self-seal (cluster home), it sealed itself soon after it was unsealed, 2 times"]);
    let mut anew = seals(1, 0, 0);
    anew.instance = "b";
    scene
        .lasts(10, Some(&anew))
        .told(&["30: https://vault-1:8200: operator-seal (cluster home), an operator sealed it"]);
    scene.lasts(60, None).told(&[]);
    scene.lasts(10, Some(&anew)).told(&[]);
}

#[test]
fn only_what_is_wanted_of_whom_is_wanted_is_told() {
    let rules = |events: &[Event], clusters: &[&str]| Rules {
        events: (!events.is_empty()).then(|| events.iter().copied().collect()),
        clusters: (!clusters.is_empty()).then(|| clusters.iter().map(|name| (*name).to_owned()).collect()),
        ..after(0)
    };
    let mut scene = Scene::new(rules(&[Event::Held, Event::Unreachable], &[]));
    scene.lasts(9, Some(&Daemon::with(&[SEALED]))).told(&[]);
    scene
        .lasts(9, Some(&Daemon::with(&[HELD])))
        .told(&["9: https://vault-1:8200: held (cluster home), and sealed"]);
    // What it has now is nobody's business here.
    scene
        .lasts(9, Some(&Daemon::with(&[SEALED])))
        .told(&["18: https://vault-1:8200: no longer held (cluster home), after 9s"]);
    let mut scene = Scene::new(rules(&[], &["elsewhere"]));
    scene.lasts(9, Some(&Daemon::with(&[SEALED]))).told(&[]);
    scene.lasts(9, None).told(&["9: the daemon: daemon-gone, too many observe it"]);
    let mut scene = Scene::new(rules(&[Event::Restarted], &[]));
    scene.lasts(9, Some(&Daemon::with(&[SEALED]).counted(0, 0, 0, 1)));
    scene.lasts(9, Some(&Daemon::with(&[SEALED]).counted(0, 5, 5, 2)));
    scene.told(&["9: https://vault-1:8200: restarted (cluster home), it was restarted"]);
}

#[test]
fn each_problem_of_a_snapshot_is_seen() {
    let mut daemon = Daemon::with(&[UNSEALED, SEALED]);
    daemon.clusters = r#""share_source_up":false,"ca_not_before":1799640800,"ca_not_after":1800086400"#;
    daemon.nodes[0] += r#","certificate":{"not_before":1792224000,"not_after":1802592000}"#;
    daemon.nodes[1] =
        r#""state":"shares-rejected","cause":"not-through","certificate":{"not_before":1,"not_after":2}"#
            .to_owned();
    let mut scene = Scene::new(after(0));
    scene.lasts(1, Some(&daemon)).told(&[
        "0: home: ca, the CA that is configured ends in 1day",
        "0: home: redundancy-lost, one of 2 servers is unsealed",
        "0: home: share-source, it could not be read when it was tried last",
        "0: https://vault-2:8200: certificate (cluster home), its certificate has ended",
        "0: https://vault-2:8200: shares-rejected (cluster home), not-through",
    ]);
    // Less than a quarter of four months.
    daemon.nodes[0] =
        format!(r#"{UNSEALED},"certificate":{{"not_before":1792224000,"not_after":1802591000}}"#);
    scene
        .lasts(1, Some(&daemon))
        .told(&["1: https://vault-1:8200: certificate (cluster home), its certificate ends in 29days 23h"]);
}

#[test]
fn what_happened_while_a_daemon_began_anew_is_told() {
    let mut scene = Scene::new(Rules::default());
    let daemon = Daemon::with(&[UNSEALED]).counted(0, 1, 0, 0);
    scene.lasts(10, Some(&daemon)).told(&[]);
    // Just started, it has not entered its servers yet, and then one was sealed.
    let mut begun = Daemon { started: START + 10, instance: "b", ..Daemon::with(&[]) };
    scene.lasts(2, Some(&begun));
    begun.nodes = vec![UNSEALED.to_owned()];
    begun = begun.counted(0, 0, 1, 0);
    scene.lasts(2, Some(&begun));
    scene.told(&[
        "12: https://vault-1:8200: self-seal (cluster home), it sealed itself soon after it was unsealed",
    ]);
}

#[test]
fn a_server_that_is_well_for_moments_only_is_down() {
    let mut scene = Scene::new(Rules::default());
    let mut pings = Pings::default();
    let mut told = Vec::new();
    for round in 0..5 {
        scene.lasts(55, Some(&Daemon::with(&[SEALED]))).lasts(5, Some(&Daemon::with(&[UNSEALED])));
        for second in 0..60 {
            let now = Duration::from_secs(round * 60 + second);
            let minute = Duration::from_secs(60);
            if let Some(says) = pings.due(now, second >= 55, minute, minute) {
                pings.told(now, says);
                told.push(says);
            }
        }
    }
    scene.told(&["60: https://vault-1:8200: sealed (cluster home), for 1m"]);
    assert!(!told.is_empty() && told.iter().all(|well| !well), "{told:?}");
}

/// At every second look it is well.
#[test]
fn a_server_that_is_well_for_moments_only_is_told_together_with_others() {
    let events = Some([Event::Sealed, Event::Unreachable].into());
    let mut scene = Scene::new(Rules { batch: Duration::from_secs(5), events, ..after(60) });
    for _ in 0..60 {
        scene.lasts(1, Some(&Daemon::with(&[SEALED, UNSEALED])));
        scene.lasts(1, Some(&Daemon::with(&[UNSEALED, UNSEALED])));
    }
    scene.told(&["66: https://vault-1:8200: sealed (cluster home), for 1m 6s"]);
    scene.lasts(100, Some(&Daemon::with(&[UNSEALED, UNSEALED])));
    scene.told(&["184: https://vault-1:8200: no longer sealed (cluster home), after 1m 59s"]);
    // What follows much later waits for others again.
    scene.lasts(100, Some(&Daemon::with(&[UNSEALED, AWAY])));
    scene.told(&["285: https://vault-2:8200: unreachable (cluster home), connection-refused, for 1m 5s"]);
}

/// What is due while it is told goes on being due.
#[test]
fn a_target_that_hangs_is_tried_again_without_the_time_of_a_batch() {
    let batch = Duration::from_secs(600);
    let mut scene = Scene::new(Rules { batch, events: Some([Event::Sealed].into()), ..after(60) });
    let sealed = Daemon::with(&[SEALED]);
    scene.lasts(60, Some(&Daemon::with(&[UNSEALED])));
    (scene.takes, scene.slow) = (false, 60);
    // It hangs from 720, when it is told the first time, until 780.
    scene.lasts(725, Some(&sealed));
    scene.takes = true;
    scene.lasts(100, Some(&sealed)).told(&["785: https://vault-1:8200: sealed (cluster home), for 12m 5s"]);
}

/// What was so for a moment has not waited for them.
#[test]
fn two_servers_are_one_message_also_when_another_one_was_away_for_a_moment_before() {
    let events = Some([Event::Sealed].into());
    let mut scene = Scene::new(Rules { batch: Duration::from_secs(5), events, ..after(0) });
    scene.lasts(60, Some(&Daemon::with(&[UNSEALED, UNSEALED, UNSEALED])));
    scene.lasts(1, Some(&Daemon::with(&[SEALED, UNSEALED, UNSEALED])));
    scene.lasts(9, Some(&Daemon::with(&[UNSEALED, UNSEALED, UNSEALED])));
    scene.lasts(2, Some(&Daemon::with(&[UNSEALED, SEALED, UNSEALED])));
    scene.lasts(10, Some(&Daemon::with(&[UNSEALED, SEALED, SEALED])));
    scene.told(&[
        "75: https://vault-2:8200: sealed (cluster home), for 5s",
        "75: https://vault-3:8200: sealed (cluster home), for 3s",
    ]);
}

#[test]
fn an_authority_that_is_no_longer_configured_is_no_problem_any_more() {
    let with = |clusters| Daemon { clusters, ..Daemon::with(&[UNSEALED]) };
    let mut scene = Scene::new(after(0));
    scene.lasts(1, Some(&with(r#""ca_not_before":1799640800,"ca_not_after":1800086400"#)));
    scene.told(&["0: home: ca, the CA that is configured ends in 1day"]);
    scene.lasts(1, Some(&with(r#""poll_interval":1.0"#))).told(&["1: home: no longer ca, after 1s"]);
}

#[test]
fn a_server_that_was_down_and_is_held_and_serves_is_not_down() {
    let served = r#""state":"held","hold":"request","sealed":false"#;
    let mut scene = Scene::new(after(10));
    scene
        .lasts(20, Some(&Daemon::with(&[SEALED])))
        .told(&["10: https://vault-1:8200: sealed (cluster home), for 10s"]);
    // Held and sealed, it is as sealed as before.
    scene.lasts(20, Some(&Daemon::with(&[HELD])));
    scene.told(&["30: https://vault-1:8200: held (cluster home), and sealed, for 10s"]);
    scene.lasts(20, Some(&Daemon::with(&[served])));
    scene.told(&["50: https://vault-1:8200: no longer sealed (cluster home), after 40s"]);
}

#[test]
fn texts_fit_where_they_go() {
    let mut scene = Scene::new(after(0));
    let nodes = [AWAY; 60];
    let look = scene.looker.look(
        Duration::ZERO,
        Duration::from_secs(START),
        Ok(Daemon::with(&nodes).snapshot(START)),
    );
    let message = scene.desk.compose(look.now, &look.seen, &look.tracker, &scene.rules).unwrap();
    let text = message.text_within(1700);
    assert!((1500..=1700).contains(&text.len()), "{}", text.len());
    let shown = text.lines().filter(|line| line.contains(": ")).count();
    assert!(text.contains(&format!("and {} more\n", 61 - shown)), "{text}");
}

#[test]
fn a_clock_that_is_set_makes_no_problem_old() {
    let mut scene = Scene::new(after(60));
    let sealed = Daemon { nodes: vec![format!(r#"{SEALED},"state_since":10.0"#)], ..Daemon::with(&[]) };
    scene.lasts(50, Some(&sealed)).told(&[]);
    scene.lasts(11, Some(&sealed)).told(&["60: https://vault-1:8200: sealed (cluster home)"]);
}

#[test]
fn a_long_message_says_how_much_it_leaves_out() {
    let mut scene = Scene::new(after(0));
    let nodes = [AWAY; 60];
    scene.lasts(1, Some(&Daemon::with(&nodes)));
    assert_eq!(scene.told.len(), 51);
    assert_eq!(scene.told[50], "0: and 11 more");
    scene.lasts(100, Some(&Daemon::with(&nodes)));
    assert_eq!(scene.told.len(), 51, "the others count as told");
}

#[test]
fn all_is_well_only_when_every_server_said_so_lately() {
    let well = |daemon: &Daemon, late: u32| {
        let mut snapshot = daemon.snapshot(START);
        snapshot.at += 0.5;
        for node in &mut snapshot.nodes {
            node.last_confirmed = node.last_confirmed.map(|at| at - f64::from(late));
        }
        Wellness::of(&snapshot).for_all(&Rules::default())
    };
    let both = Daemon::with(&[UNSEALED, STANDBY]);
    assert_eq!(well(&both, 0), Ok(()));
    assert_eq!(well(&both, 2), Ok(()));
    assert_eq!(
        well(&both, 3).unwrap_err(),
        "https://vault-1:8200: unsealed, but it has not answered lately; https://vault-2:8200: unsealed, but it has not answered lately"
    );
    assert_eq!(well(&Daemon { clusters: r#""poll_interval":10.0"#, ..both }, 29), Ok(()));
    assert_eq!(
        well(&Daemon::with(&[UNSEALED, AWAY]), 0).unwrap_err(),
        "https://vault-2:8200: unreachable, connection-refused"
    );
    assert_eq!(well(&Daemon::with(&[]), 0).unwrap_err(), "no server is watched");
    let elsewhere = Rules { clusters: Some(["elsewhere".to_owned()].into()), ..Rules::default() };
    let of_others = Wellness::of(&Daemon::with(&[UNSEALED]).snapshot(START)).for_all(&elsewhere);
    assert_eq!(of_others.unwrap_err(), "no server is watched");
    assert_eq!(Wellness::Unknown("it is away".to_owned()).for_all(&elsewhere).unwrap_err(), "it is away");
}

#[test]
fn pings_come_regularly_and_a_failure_once_it_lasts() {
    let mut pings = Pings::default();
    let mut told = Vec::new();
    for second in 0..400 {
        let well = !(120..300).contains(&second) || second == 130;
        let now = Duration::from_secs(second);
        if let Some(says) = pings.due(now, well, Duration::from_secs(60), Duration::from_secs(30)) {
            pings.told(now, says);
            told.push((second, says));
        }
    }
    assert_eq!(
        told,
        [(0, true), (60, true), (150, false), (210, false), (270, false), (320, true), (380, true)]
    );
}

#[test]
fn what_is_wrong_in_the_file_is_told_with_its_place_and_a_remedy() {
    let refused = |text: &str| match NotifySettings::parse(Path::new("/etc/n.toml"), text) {
        Ok(settings) => settings.to_string(),
        Err(error) => format!("[{}] {}", error.kind(), in_one_line(&error)),
    };
    let all = r#"
        [[notify]]
        name = "ops"
        events = ["sealed", "restarted"]
        clusters = ["home"]
        after = "2m"
        repeat = "4h"
        batch = "30s"
        webhook = { url = { credential = "ops" }, format = "slack", sign = { file = "/k" }, tls = { ca_file = "/ca" } }
        [[notify]]
        name = "mail"
        smtp = { server = "mail.home", from = "v@x.org", to = ["A B <a@x.org>"], user = "u", password = { file = "/p" } }
        [[notify]]
        name = "watch"
        after = "5m"
        ping = { url = { file = "/u" }, every = "30s", format = "uptime-kuma" }
        [[notify]]
        name = "pager"
        command = { run = ["/usr/bin/apprise", "--config=$CREDENTIALS_DIRECTORY/apprise"], stdin = "text" }"#;
    assert_eq!(refused(all), "ops (webhook), mail (smtp), watch (ping), pager (command)");
    let mut shown = String::new();
    for text in [
        "",
        "[[notify]]\nwebhook = { url = { file = '/x' } }",
        "[[notify]]\nname = 'a b'\n",
        "[[notify]]\nname = 'a'\n",
        "[[notify]]\nname = 'a'\nweb_hook = { url = { file = '/x' } }",
        "[[notify]]\nname = 'a'\nshoutrrr = 'x'",
        "[[notify]]\nname = 'a'\nwebhook = { url = 'https://hooks.example.org/T000/B000/XXXX' }",
        "[[notify]]\nname = 'a'\nwebhook = { }",
        "[[notify]]\nname = 'a'\nwebhook = { url = { } }",
        "[[notify]]\nname = 'a'\nwebhook = { url = { credential = '../x' } }",
        "[[notify]]\nname = 'a'\nwebhook = { url = { file = 'x' } }",
        "[[notify]]\nname = 'a'\nwebhook = { url = { file = '/x' }, format = 'teams' }",
        "[[notify]]\nname = 'a'\nevents = ['seald']\nping = { url = { file = '/x' } }",
        "[[notify]]\nname = 'a'\nevents = ['sealed']\nping = { url = { file = '/x' } }",
        "[[notify]]\nname = 'a'\nping = { url = { file = '/x' } }\n[[notify]]\nname = 'a'\nping = { url = { file = '/x' } }",
        "[[notify]]\nname = 'a'\nping = { url = { file = '/x' } }\nsmtp = { server = 'localhost', from = 'a@b.c', to = ['a@b.c'] }",
        "[[notify]]\nname = 'a'\nsmtp = { server = 'mail.home', tls_mode = 'none', from = 'a@b.c', to = ['a@b.c'] }",
        "[[notify]]\nname = 'a'\nsmtp = { server = 'localhost', from = 'a@b.c', to = ['a@b.c'], user = 'u', password = { file = '/x' } }",
        "[[notify]]\nname = 'a'\nsmtp = { server = 'mail.home', from = 'a@b.c', to = ['a@b.c'], user = 'u', password = 'hunter2' }",
        "[[notify]]\nname = 'a'\nsmtp = { server = 'mail.home', from = 'a@b.c', to = ['a@b.c'], user = 'u' }",
        "[[notify]]\nname = 'a'\nsmtp = { server = 'mail.home', from = 'a@b.c', to = ['a@b.c'], password = { file = '/x' } }",
        "[[notify]]\nnam = 'a'\nping = { url = { file = '/x' } }",
        "[[notify]]\nname = 'a'\nsmtp = { server = 'mail.home', from = 'a@b.c', to = ['nobody'] }",
        "[[notify]]\nname = 'a'\nsmtp = { server = 'smtp://mail.home', from = 'a@b.c', to = ['a@b.c'] }",
        "[[notify]]\nname = 'a'\ncommand = { run = ['apprise'] }",
        "[[notify]]\nname = 'a'\ncommand = { run = ['/usr/bin/apprise', 'discord://1/2'] }",
    ] {
        let _ = write!(shown, "{}\n  {}\n", text.replace('\n', "\n "), refused(text));
    }
    snapbox::assert_data_eq!(shown, snapbox::file!["tests/refusals.txt"]);
}

#[test]
fn messages_for_people_and_programs() {
    let mut scene = Scene::new(after(30));
    let since = |state: &str| format!(r#"{state},"state_since":{}.0"#, START - 7000);
    let daemon = Daemon { nodes: vec![since(UNSEALED), since(SEALED), since(AWAY)], ..Daemon::with(&[]) };
    scene.lasts(30, Some(&daemon));
    let at = START + 30;
    let look = scene.looker.look(Duration::from_secs(30), Duration::from_secs(at), Ok(daemon.snapshot(at)));
    let mut shown = String::new();
    let message = scene.desk.compose(look.now, &look.seen, &look.tracker, &scene.rules).unwrap();
    let _ = write!(shown, "{}\n\n{}\n", message.title("pi1"), message.text());
    let json: serde_json::Value = serde_json::from_slice(&message.json("pi1").unwrap()).unwrap();
    shown += &serde_json::to_string_pretty(&json).unwrap();
    scene.desk.sent(&message, &look.seen);
    let well = Daemon::with(&[UNSEALED, STANDBY, STANDBY]).counted(1, 1, 0, 0);
    for second in 31..120 {
        let at = START + second;
        let look =
            scene.looker.look(Duration::from_secs(second), Duration::from_secs(at), Ok(well.snapshot(at)));
        if let Some(message) = scene.desk.compose(look.now, &look.seen, &look.tracker, &scene.rules) {
            let _ = write!(shown, "\n\n{}\n\n{}", message.title("pi1"), message.text());
            scene.desk.sent(&message, &look.seen);
        }
    }
    let test = super::message::Message::test(Duration::from_secs(START));
    let _ = write!(shown, "\n\n{}\n\n{}", test.title("pi1"), test.text());
    snapbox::assert_data_eq!(shown, snapbox::file!["tests/messages.txt"]);
}

#[test]
fn the_example_is_good() {
    let text = include_str!("../../../config/notify.toml");
    let settings = NotifySettings::parse(Path::new("/etc/n.toml"), text).map_err(|error| in_one_line(&error));
    assert_eq!(settings.unwrap().to_string(), "ops (webhook), mail (smtp), checks (ping), any (command)");
}

#[test]
fn the_page_has_every_event_in_their_order() {
    let page = include_str!("../../../docs/usage/notifications.md");
    let rows =
        page.lines().filter_map(|line| line.strip_prefix("| `")).filter_map(|row| row.split_once("` |"));
    let words: Vec<_> = rows.map(|(word, _)| word).filter(|word| Event::of(word).is_some()).collect();
    assert_eq!(words, Event::WORDS);
}

#[test]
fn every_event_has_a_word_of_its_own_and_is_found_by_it() {
    let words: BTreeMap<_, _> = Event::ALL.iter().map(|event| (event.word(), *event)).collect();
    assert_eq!(words.len(), Event::ALL.len());
    assert!(words.iter().all(|(word, event)| Event::of(word) == Some(*event) && !event.meaning().is_empty()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever happens, to the daemon, to the target and to the service: once all is quiet, a target knows what is so.
    #[test]
    fn a_target_knows_in_the_end_what_is_so(steps in prop::collection::vec((0..7_usize, 1..90_u64, any::<bool>(), any::<bool>()), 1..20), last in 0..4_usize) {
        let states = [UNSEALED, SEALED, AWAY, HELD];
        let mut scene = Scene::new(after(20));
        let mut known = BTreeMap::new();
        for (what, seconds, takes, restart) in steps {
            scene.takes = takes;
            if restart { scene.restart(); }
            let daemon = states.get(what).map(|state| Daemon::with(&[state, STANDBY]));
            scene.lasts(seconds, daemon.as_ref());
        }
        scene.takes = true;
        // The longest pause, and what must last.
        scene.lasts(700, Some(&Daemon::with(&[states[last], STANDBY])));
        for line in &scene.told {
            let line = line.split_once(": ").unwrap().1;
            let Some((name, rest)) = line.split_once(": ") else { continue };
            let of_name: &mut BTreeSet<String> = known.entry(name.to_owned()).or_default();
            if let Some(over) = rest.strip_prefix("no longer ") {
                of_name.remove(over.split([' ', ',']).next().unwrap());
            } else {
                let event = rest.split([' ', ',']).next().unwrap();
                // A server is down in one way at a time.
                of_name.retain(|other| event == "held" || other == "held");
                of_name.insert(event.to_owned());
            }
        }
        let of = |name: &str| known.get(name).is_some_and(|events| !events.is_empty());
        prop_assert_eq!(of("https://vault-1:8200"), last != 0, "{:?}", scene.told);
        prop_assert!(!of("the daemon"), "{:?}", scene.told);
    }
}
