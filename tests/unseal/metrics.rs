//! What is scraped of real servers over the observation socket, in the states that they are in.

use std::fs;
use std::path::Path;

use crate::observe::{make_observe, raw, start};
use crate::support::PATIENCE;
use crate::support::certs::Authority;
use crate::support::home::{Home, cluster, lines, trusting};
use crate::support::metrics_text::{Sample, Scrape, judge};
use crate::support::poll;
use crate::support::process::{run, vault_unseal};
use crate::support::server::{Builder, is_sealed};

/// A scrape, which Prometheus has judged, and its text.
fn scrape(socket: &Path) -> (Scrape, String) {
    scrape_at(socket, "/metrics")
}

fn scrape_at(socket: &Path, target: &str) -> (Scrape, String) {
    let answer = raw(socket, target);
    let (head, mut rest) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    let types: Vec<_> = head.lines().filter_map(|line| line.strip_prefix("Content-Type: ")).collect();
    assert_eq!(types, ["text/plain; version=0.0.4; charset=utf-8"]);
    let mut text = String::new();
    loop {
        let (size, more) = rest.split_once("\r\n").unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            assert_eq!(more, "\r\n");
            break;
        }
        text.push_str(&more[..size]);
        rest = more[size..].strip_prefix("\r\n").unwrap();
    }
    judge(&text);
    (Scrape::read(&text), text)
}

/// What is told of a node, by the part of the name that is the metric's own.
struct OfNode<'a>(&'a Scrape, &'a str);

impl OfNode<'_> {
    fn value(&self, name: &str) -> Option<f64> {
        self.0.value(&format!("vault_unseal_node_{name}"), &[("cluster", "first"), ("node", self.1)])
    }

    fn values(&self, names: &[&str]) -> Vec<Option<f64>> {
        names.iter().map(|name| self.value(name)).collect()
    }

    /// The state that it is in, and in no other.
    fn state(&self) -> Option<String> {
        let all = &self.0.family("vault_unseal_node_state")?.samples;
        let own = |sample: &&Sample| sample.labels[1].1 == self.1 && sample.value > 0.0;
        let now: Vec<_> = all.iter().filter(own).collect();
        assert!(now.len() < 2, "{now:?}");
        now.first().map(|sample| sample.labels[2].1.clone())
    }

    fn attempts(&self) -> [Option<f64>; 4] {
        ["unsealed", "refused", "disturbed", "error"].map(|result| {
            let labels = [("node", self.1), ("result", result)];
            self.0.value("vault_unseal_node_unseal_attempts_total", &labels)
        })
    }
}

/// A scrape with the node as it is wanted.
fn scrape_of(socket: &Path, node: &str, wanted: impl Fn(&OfNode<'_>) -> bool) -> Scrape {
    let mut last = String::new();
    let found = poll(PATIENCE, || {
        let (scrape, text) = scrape(socket);
        last = text;
        wanted(&OfNode(&scrape, node)).then_some(scrape)
    });
    found.unwrap_or_else(|| panic!("{last}"))
}

/// What is told of the daemon's process, the kernel says to others as well.
fn judge_process(scrape: &Scrape, pid: u32) {
    let process = |name: &str| scrape.value(&format!("process_{name}"), &[]).unwrap();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix(" kB"));
    let resident: f64 = resident.unwrap().trim().parse().unwrap();
    let share = process("resident_memory_bytes") / 1024.0 / resident;
    assert!((0.5..2.0).contains(&share), "{share} of {resident} kB");
    assert!(process("cpu_seconds_total") > 0.0);
    assert!((8.0..200.0).contains(&process("open_fds")), "{}", process("open_fds"));
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let limit = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    assert_eq!(Ok(process("max_fds")), limit.split_whitespace().next().unwrap().parse());
}

/// The only CA is good at this time.
fn judge_authority(scrape: &Scrape, at: f64) {
    let [begins, ends] = ["before", "after"].map(|end| {
        let name = format!("vault_unseal_cluster_ca_not_{end}_timestamp_seconds");
        scrape.value(&name, &[("cluster", "first")]).unwrap()
    });
    assert!(begins < at && at < ends, "{begins} {ends}");
}

const FLAGS: [&str; 4] = ["up", "sealed", "initialized", "standby"];

#[test]
fn real_server_is_scraped_in_every_state_that_it_is_in() {
    let mut server = Builder::new().tls(&Authority::new("Private CA")).start();
    let init = server.init(5, 3);
    let url = server.url();
    let home = Home::new();
    // A source that has one of three: the server stays sealed.
    home.shares(&lines(&init.keys_hex[..1]));
    let quoted = format!("unix://{}", home.path("a\"b.sock").display());
    let first = format!("name = \"first\"\n{}", trusting(&server.ca_file()));
    let second = cluster(&[&quoted], "name = \"second\"\nshares = { file = \"others\" }");
    home.put("others", &init.json);
    home.config(&(cluster(&[&url], &first) + &second));
    let socket = make_observe(&home);
    let mut daemon = start(&home);
    daemon.wait_for_line("waiting-for-peers");

    let sealed = scrape_of(&socket, &url, |node| node.state().as_deref() == Some("waiting-for-peers"));
    let node = OfNode(&sealed, &url);
    assert_eq!(node.values(&FLAGS), [Some(1.0), Some(1.0), Some(1.0), None]);
    assert_eq!(node.values(&["last_unseal_timestamp_seconds", "held"]), [None, Some(0.0)]);
    assert_eq!(node.attempts(), [Some(0.0); 4]);
    let of_cluster = |scrape: &Scrape, name: &str| {
        scrape.value(&format!("vault_unseal_cluster_{name}"), &[("cluster", "first")])
    };
    let shares = ["share_source_up", "shares_held", "shares_threshold"];
    assert_eq!(shares.map(|name| of_cluster(&sealed, name)), [Some(1.0), Some(1.0), Some(3.0)]);

    home.shares(&init.json);
    let unsealed = scrape_of(&socket, &url, |node| {
        node.state().as_deref() == Some("unsealed") && node.value("standby") == Some(0.0)
    });
    let node = OfNode(&unsealed, &url);
    assert_eq!(node.values(&FLAGS), [Some(1.0), Some(0.0), Some(1.0), Some(0.0)]);
    assert_eq!(node.attempts(), [1.0, 0.0, 0.0, 0.0].map(Some));
    let started = unsealed.value("process_start_time_seconds", &[]).unwrap();
    let at = node.value("last_unseal_timestamp_seconds").unwrap();
    let since = node.value("state_changed_timestamp_seconds").unwrap();
    assert!(started < at && at <= since + 1.0, "{started} {at} {since}");
    assert!(node.value("last_confirmed_timestamp_seconds").unwrap() > started);
    let certificate = ["not_before", "not_after"]
        .map(|end| node.value(&format!("certificate_{end}_timestamp_seconds")).unwrap());
    assert!(certificate[0] < since && since < certificate[1], "{certificate:?}");
    assert_eq!(shares.map(|name| of_cluster(&unsealed, name)), [Some(1.0), Some(5.0), Some(3.0)]);
    judge_authority(&unsealed, since);
    assert_eq!(of_cluster(&unsealed, "unseal_duration_seconds_count"), Some(1.0));
    assert!(of_cluster(&unsealed, "request_latency_seconds_count").unwrap() >= 6.0);
    assert!(of_cluster(&unsealed, "request_latency_seconds_sum").unwrap() > 0.0);

    // The other node's address needs escaping, and nothing is known of it but that it does not answer.
    let nobody = [("cluster", "second"), ("node", quoted.as_str())];
    let of_nobody = |name: &str| unsealed.value(&format!("vault_unseal_node_{name}"), &nobody);
    assert_eq!(FLAGS.map(of_nobody), [Some(0.0), None, None, None]);
    assert_eq!(
        ["last_confirmed_timestamp_seconds", "held", "restarts_total"].map(of_nobody),
        [None, None, Some(0.0)]
    );

    judge_process(&unsealed, daemon.pid());

    let (compatible, _) = scrape_at(&socket, "/metrics?names=vault_exporter");
    let of_instance = |name: &str| compatible.value(name, &[("cluster", "first"), ("instance", &url)]);
    let names = ["vault_up", "vault_initialized", "vault_sealed", "vault_standby", "vault_info"];
    assert_eq!(names.map(of_instance), [Some(1.0), Some(1.0), Some(0.0), Some(0.0), Some(1.0)]);

    server.kill();
    let gone = scrape_of(&socket, &url, |node| node.state().as_deref() == Some("unreachable"));
    let node = OfNode(&gone, &url);
    assert_eq!(node.values(&FLAGS), [Some(0.0), None, None, None]);
    let absent =
        ["held", "certificate_not_before_timestamp_seconds", "certificate_not_after_timestamp_seconds"];
    assert_eq!(node.values(&absent), [None; 3]);
    assert_eq!(node.value("last_unseal_timestamp_seconds"), Some(at), "what was stays");
    home.shares("");
    server.start();
    let broken = scrape_of(&socket, &url, |node| node.state().as_deref() == Some("shares-unavailable"));
    assert_eq!(shares.map(|name| of_cluster(&broken, name)), [Some(0.0), None, Some(3.0)]);
    assert_eq!(OfNode(&broken, &url).values(&FLAGS), [Some(1.0), Some(1.0), Some(1.0), None]);
    home.shares(&init.json);
    let back = scrape_of(&socket, &url, |node| node.attempts() == [2.0, 0.0, 0.0, 0.0].map(Some));
    assert_eq!(OfNode(&back, &url).value("restarts_total"), Some(1.0));

    daemon.wait_for_line(": unsealed (active)");
    let order = |arguments: &[&str]| {
        let mut verb = vault_unseal(arguments);
        assert!(run(verb.arg("--socket").arg(home.path("run/control.sock"))).status.success());
    };
    order(&["hold", "--all"]);
    let held = scrape_of(&socket, &url, |node| node.state().as_deref() == Some("held"));
    assert_eq!(OfNode(&held, &url).values(&["held", "sealed"]), [Some(1.0), Some(0.0)]);
    server.seal(&init.root_token);
    server.wait_until(is_sealed);
    let held = scrape_of(&socket, &url, |node| node.value("sealed") == Some(1.0));
    assert_eq!(OfNode(&held, &url).values(&["held", "self_seals_total"]), [Some(1.0), Some(0.0)]);
    order(&["resume", "--all"]);
    scrape_of(&socket, &url, |node| node.value("held") == Some(0.0) && node.value("sealed") == Some(0.0));
    // Nobody holds it now: it is undone, and counted.
    server.seal_later(&init.root_token);
    let undone = scrape_of(&socket, &url, |node| node.attempts()[0] >= Some(4.0));
    assert_eq!(OfNode(&undone, &url).value("operator_seals_total"), Some(1.0));

    home.config(&second);
    daemon.hangup();
    daemon.wait_for_line("configuration reloaded");
    let removed = scrape_of(&socket, &url, |node| node.value("up").is_none());
    let left: Vec<_> = removed.0.iter().flat_map(|family| &family.samples).collect();
    let is_first = |(_, value): &(String, String)| *value == url || value == "first";
    assert!(!left.iter().any(|sample| sample.labels.iter().any(is_first)), "{left:?}");
    assert_eq!(removed.value("vault_unseal_node_up", &nobody), Some(0.0));
    assert_eq!(removed.value("process_start_time_seconds", &[]), Some(started));

    for private in [home.directory().join("config.toml").to_str().unwrap(), "/shares", "/others"] {
        assert!(!scrape(&socket).1.contains(private));
    }
}
