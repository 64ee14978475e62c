//! A raft cluster on a network of its own: on each machine a server and, once it is started, a daemon that holds some
//! of the shares and looks after all the servers, as on the machines of users.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use crate::support::certs::Authority;
use crate::support::clock::Clock;
use crate::support::home::{Home, cluster, lines, trusting};
use crate::support::http::Client;
use crate::support::network::{Namespace, Network, address};
use crate::support::process::{Daemon, Line, Notify};
use crate::support::server::{API_PORT, Ability, Builder, Init, Server, cannot};

/// Who holds what.
pub(crate) struct Custody {
    /// How many shares unseal a server.
    pub(crate) threshold: usize,
    /// Which shares each machine's daemon holds, by their positions in what the initialisation gave.
    pub(crate) shares: &'static [&'static [usize]],
}

/// Any two machines can unseal what one cannot.
pub(crate) const SPLIT: Custody = Custody { threshold: 3, shares: &[&[0, 1], &[1, 2], &[0, 2]] };

/// The machines, their network, and what the initialisation gave.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Node>,
    pub(crate) network: Network,
    pub(crate) init: Init,
}

impl Cluster {
    /// A cluster whose servers are all unsealed and whose daemons are not started; `None` where there are no network
    /// namespaces.
    pub(crate) fn of(custody: &Custody) -> Option<Self> {
        if cannot(Ability::Cluster) {
            return None;
        }
        let network = Network::of(custody.shares.len())?;
        let authority = Authority::new("Private CA");
        let servers: Vec<Server> =
            (0..custody.shares.len()).map(|node| member(&network, &authority, custody, node)).collect();
        let total = custody.shares.iter().copied().flatten().max().map_or(0, |last| last + 1);
        let init = servers[0].init(total, custody.threshold);
        servers[0].unseal(&init);
        for server in &servers[1..] {
            server.wait_until(|health| health["initialized"] == true);
            for share in init.enough() {
                server.submit(share);
            }
            server.wait_until(is_unsealed);
        }
        let nodes = servers.into_iter().zip(custody.shares).enumerate();
        let nodes = nodes.map(|(index, (server, shares))| {
            let shares: Vec<&str> = shares.iter().map(|&share| init.keys_hex[share].as_str()).collect();
            Node::new(index, server, network.node(index).clone(), &urls(custody.shares.len()), &shares)
        });
        Some(Self { nodes: nodes.collect(), network, init })
    }

    /// How somebody who is no node asks a server.
    pub(crate) fn stranger(&self, node: usize) -> Client {
        self.nodes[node].server.client().clone().within(self.network.outside())
    }
}

/// The addresses as the daemons are told them.
pub(crate) fn urls(nodes: usize) -> Vec<String> {
    (0..nodes).map(|node| format!("https://{}:{API_PORT}", address(node))).collect()
}

fn member(network: &Network, authority: &Authority, custody: &Custody, node: usize) -> Server {
    let mut others = urls(custody.shares.len());
    others.remove(node);
    let builder = Builder::new().on(network, node).tls(authority).log_level("debug");
    builder.member(&format!("n{node}"), &others).start()
}

/// Unsealed, whether it leads, follows or looks for a leader.
pub(crate) fn is_unsealed(health: &Value) -> bool {
    health["initialized"] == true && health["sealed"] == false
}

/// One machine.
pub(crate) struct Node {
    pub(crate) index: usize,
    pub(crate) server: Server,
    pub(crate) daemon: Option<Daemon>,
    namespace: Namespace,
    home: Home,
    notify: Notify,
    /// What earlier daemons of this machine said.
    said: Vec<Line>,
    /// The environment of its daemons beside what systemd gives them.
    pub(crate) environment: Vec<(String, String)>,
    /// Theirs alone, where they have one.
    pub(crate) clock: Option<Clock>,
}

impl Node {
    fn new(index: usize, server: Server, namespace: Namespace, urls: &[String], shares: &[&str]) -> Self {
        let home = Home::new();
        home.shares(&lines(shares));
        let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
        // At the pace that users have: all the intervals are the defaults.
        home.put("config.toml", &cluster(&urls, &trusting(&server.ca_file())));
        let node = Self {
            index,
            server,
            daemon: None,
            namespace,
            home,
            notify: Notify::new(),
            said: Vec::new(),
            environment: Vec::new(),
            clock: None,
        };
        node.home.make_run();
        node
    }

    /// Where the daemon's configuration and shares are.
    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    /// Its `RUNTIME_DIRECTORY`.
    pub(crate) fn runtime_directory(&self) -> PathBuf {
        self.home.path("run")
    }

    /// What a boot does to it.
    pub(crate) fn empty_runtime_directory(&self) {
        fs::remove_dir_all(self.runtime_directory()).unwrap();
        self.home.make_run();
    }

    /// Starts the daemon.
    pub(crate) fn start_daemon(&mut self) {
        assert!(self.daemon.is_none(), "one at a time");
        let mut command = self.home.command(&["run"]);
        command.env("RUNTIME_DIRECTORY", self.runtime_directory());
        // Nothing of an earlier one.
        self.notify = Notify::new();
        command.env("NOTIFY_SOCKET", self.notify.path());
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        self.daemon = Some(self.namespace.inside(|| Daemon::start(&mut command)));
    }

    /// Takes note of what a daemon said that has ended, or ends it now.
    pub(crate) fn bury_daemon(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            if daemon.ended().is_none() {
                daemon.signal(rustix::process::Signal::KILL);
            }
            daemon.exit_status(crate::support::PATIENCE);
            self.said.extend(daemon.lines());
        }
    }

    /// What the daemons of this machine said, the earlier ones first.
    pub(crate) fn daemon_lines(&self) -> Vec<Line> {
        let now = self.daemon.as_ref().map(Daemon::lines).unwrap_or_default();
        [self.said.clone(), now].concat()
    }

    /// Forgets what they said so far.
    pub(crate) fn forget_ended_daemons(&mut self) {
        self.said.clear();
    }

    /// What the daemon tells systemd from now on: waits for this status.
    pub(crate) fn wait_for_status(&mut self, status: &str) {
        self.notify.wait_for(&format!("STATUS={status}"));
    }

    /// What `vault-unseal status` says here: each node, in the order of the nodes.
    pub(crate) fn status(&self) -> Vec<Value> {
        let mut command = self.home.command(&["status", "--json"]);
        command.env("RUNTIME_DIRECTORY", self.runtime_directory());
        let output = self.namespace.inside(|| crate::support::process::run(&mut command));
        let document: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)));
        document["nodes"].as_array().unwrap().clone()
    }

    /// Asked on its own machine: whether its server is unsealed.
    pub(crate) fn is_unsealed(&self) -> bool {
        let client = self.server.client().clone().timeout(Duration::from_secs(1));
        let answer = client.get("/v1/sys/health");
        answer
            .is_ok_and(|answer| serde_json::from_slice(&answer.body).is_ok_and(|health| is_unsealed(&health)))
    }
}
