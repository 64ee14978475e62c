//! Debian's Prometheus, Alertmanager and `node_exporter`, each on a port of loopback.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use serde_json::Value;
use url::Url;

use crate::page;
use crate::support::guarded::Guarded;
use crate::support::home::Home;
use crate::support::http::Client;
use crate::support::observer::observer;
use crate::support::poll;
use crate::support::ports::Port;
use crate::support::receiver::{Manner, Receiver, Request};

/// An alert goes through a scrape, a rule and its delivery, each of which takes seconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

const PROGRAMS: [&str; 3] = ["prometheus-node-exporter", "prometheus-alertmanager", "prometheus"];

/// All three, and what writes the file for `node_exporter`. They end with it.
pub(crate) struct Monitoring {
    home: PathBuf,
    prometheus: SocketAddr,
    alertmanager: SocketAddr,
    /// Whom Alertmanager tells.
    told: Receiver,
    _processes: Vec<Guarded>,
    ends: Arc<AtomicBool>,
    writer: Option<JoinHandle<()>>,
}

impl Monitoring {
    /// Of the daemon that lives there; its files are in the same directory.
    pub(crate) fn start(home: &Home) -> Self {
        let home = home.directory().to_owned();
        fs::create_dir(home.join("textfile")).unwrap();
        fs::write(home.join("vault-unseal.rules.yml"), page::quick_rules()).unwrap();
        let mut ports = [(); 3].map(|()| Port::reserve(IpAddr::V4(Ipv4Addr::LOCALHOST)));
        let [node, prometheus, alertmanager] = ports.each_ref().map(Port::address);
        let (scrapes, targets) = page::scrape_configuration();
        let scrapes = scrapes.replace("scrape_interval: 15s", "scrape_interval: 1s");
        fs::write(home.join(targets), format!("- targets: [ '{node}' ]\n")).unwrap();
        let configuration = format!(
            "global: {{ evaluation_interval: 1s }}\n\
             rule_files: [ vault-unseal.rules.yml ]\n\
             alerting: {{ alertmanagers: [ static_configs: [ targets: [ '{alertmanager}' ] ] ] }}\n\
             {scrapes}"
        );
        fs::write(home.join("prometheus.yml"), configuration).unwrap();
        let told = Receiver::start(Manner::Answers(200));
        // An alert that ends is told after `group_interval`, which is as it is when nobody says so: five minutes.
        let configuration = format!(
            "route: {{ receiver: test, group_by: [ '...' ], group_wait: 1s }}\n\
             receivers: [ {{ name: test, webhook_configs: [ url: '{}' ] }} ]\n",
            told.url()
        );
        fs::write(home.join("alertmanager.yml"), configuration).unwrap();
        let ends = Arc::new(AtomicBool::new(false));
        let writer = Some(write_textfile(home.clone(), Arc::clone(&ends)));
        ports.iter_mut().for_each(Port::release);
        let arguments = [
            [
                "--collector.disable-defaults",
                "--collector.textfile",
                "--collector.textfile.directory=textfile",
            ],
            ["--config.file=alertmanager.yml", "--storage.path=alertmanager", "--cluster.listen-address="],
            ["--config.file=prometheus.yml", "--storage.tsdb.path=prometheus", "--log.level=info"],
        ];
        let addresses = [node, alertmanager, prometheus];
        let each = PROGRAMS.iter().zip(arguments).zip(addresses);
        let processes = each.map(|((program, arguments), address)| {
            let listen = format!("--web.listen-address={address}");
            spawn(&home, program, &[&arguments[..], &[&listen]].concat())
        });
        let processes = processes.collect();
        Self { home, prometheus, alertmanager, told, _processes: processes, ends, writer }
    }

    /// Waits for Alertmanager to show an alert of this name, and returns it.
    pub(crate) fn until_fires(&self, name: &str) -> Value {
        self.until(name, |alerts| alerts.iter().find(|alert| alert["labels"]["alertname"] == name).cloned())
    }

    /// Waits for Alertmanager to show no alert of this name any more.
    pub(crate) fn until_resolved(&self, name: &str) {
        self.until(name, |alerts| {
            alerts.iter().all(|alert| alert["labels"]["alertname"] != name).then_some(())
        });
    }

    /// Waits for Alertmanager to tell that an alert of this name is `firing` or `resolved`, and returns the alert.
    pub(crate) fn until_told(&self, name: &str, status: &str, patience: Duration) -> Value {
        let mut all = Vec::new();
        let found = poll(patience, || {
            all.extend(self.told.rest().iter().map(Request::json));
            let wanted =
                |message: &&Value| message["status"] == status && message["groupLabels"]["alertname"] == name;
            Some(all.iter().find(wanted)?["alerts"][0].clone())
        });
        found.unwrap_or_else(|| panic!("{name} is not told as {status}: {all:#?}\n{}", self.logs()))
    }

    /// Waits until Prometheus has rules that were tried, and Alertmanager shows no alert.
    pub(crate) fn until_quiet(&self) {
        self.until("no alert", |alerts| {
            let nodes = self.query("vault_unseal:node_unsealed:known")?;
            (!nodes.is_empty() && alerts.is_empty()).then_some(())
        });
    }

    /// Waits for an expression to return something: rates take two scrapes.
    pub(crate) fn until_returns(&self, expression: &str) {
        let found = poll(PATIENCE, || self.query(expression).filter(|series| !series.is_empty()));
        assert!(found.is_some(), "nothing is returned of: {expression}\n{}", self.logs());
    }

    /// What an expression returns now: `None` while Prometheus does not answer.
    pub(crate) fn query(&self, expression: &str) -> Option<Vec<Value>> {
        let url = Url::parse_with_params("http://prometheus/api/v1/query", [("query", expression)]).unwrap();
        let path = format!("{}?{}", url.path(), url.query().unwrap());
        let answer = Client::plain(self.prometheus).get(&path).ok().filter(|answer| answer.status != 503)?;
        let answer = answer.json();
        assert_eq!(answer["status"], "success", "{expression}: {answer}");
        answer["data"]["result"].as_array().cloned()
    }

    fn until<T>(&self, what: &str, wanted: impl Fn(&[Value]) -> Option<T>) -> T {
        let mut last = None;
        let found = poll(PATIENCE, || {
            let answer = Client::plain(self.alertmanager).get("/api/v2/alerts").ok()?;
            let alerts = answer.json().as_array()?.clone();
            let found = wanted(&alerts);
            last = Some(alerts);
            found
        });
        found.unwrap_or_else(|| panic!("{what}: {last:#?}\n{}", self.logs()))
    }

    /// What the programs wrote.
    fn logs(&self) -> String {
        let read = |log: &&str| fs::read_to_string(self.home.join(format!("{log}.log"))).unwrap_or_default();
        PROGRAMS.iter().map(read).collect()
    }
}

impl Drop for Monitoring {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(writer) = self.writer.take() {
            let _ = writer.join();
        }
    }
}

fn spawn(home: &Path, program: &str, arguments: &[&str]) -> Guarded {
    let log = File::create(home.join(format!("{program}.log"))).unwrap();
    let mut command = Command::new(program);
    command.args(arguments).current_dir(home).stdin(Stdio::null());
    Guarded::spawn(command.stdout(log.try_clone().unwrap()).stderr(log))
}

/// Does each second what the package's timer does each 15.
fn write_textfile(home: PathBuf, ends: Arc<AtomicBool>) -> JoinHandle<()> {
    thread::spawn(move || {
        while !ends.load(Ordering::Relaxed) {
            let mut command = observer(&["exporter", "--observe-socket"]);
            command.arg(home.join("run-observe/observe.sock")).arg("--textfile");
            command.arg(home.join("textfile/vault-unseal.prom"));
            assert!(command.stderr(Stdio::null()).status().unwrap().success());
            thread::sleep(Duration::from_secs(1));
        }
    })
}
