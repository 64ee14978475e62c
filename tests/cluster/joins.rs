//! A cluster from empty: nodes two and three join it by themselves, in whatever order they are started.

use std::time::{Duration, Instant};

use crate::cluster::urls;
use crate::support::certs::Authority;
use crate::support::home::{Home, cluster as table, lines, trusting};
use crate::support::network::Network;
use crate::support::process::Daemon;
use crate::support::server::{Ability, Builder, Init, Server, cannot};
use crate::support::{PATIENCE, poll};

/// Who runs a daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Daemons {
    /// The first machine, for all the nodes.
    One,
    /// Each machine, for its own node.
    Each,
}

const BOTH: [Daemons; 2] = [Daemons::One, Daemons::Each];
/// How many shares unseal a node.
const THRESHOLD: usize = 3;

/// Three machines, of which only the first has a server yet: initialised and sealed.
struct Empty {
    network: Network,
    authority: Authority,
    servers: Vec<Option<Server>>,
    init: Init,
    homes: Vec<Home>,
    daemons: Vec<Daemon>,
}

impl Empty {
    fn new() -> Option<Self> {
        if cannot(Ability::Cluster) {
            return None;
        }
        let network = Network::of(3)?;
        let authority = Authority::new("Private CA");
        let leader = member(&network, &authority, 0);
        let init = leader.init(5, THRESHOLD);
        let servers = vec![Some(leader), None, None];
        Some(Self { network, authority, servers, init, homes: Vec::new(), daemons: Vec::new() })
    }

    fn start_daemons(&mut self, who: Daemons) {
        let urls = urls(3);
        let all: Vec<&str> = urls.iter().map(String::as_str).collect();
        for node in 0..3 {
            let nodes = match who {
                Daemons::One if node > 0 => return,
                Daemons::One => &all[..],
                Daemons::Each => &all[node..=node],
            };
            let home = Home::new();
            home.shares(&lines(&self.init.keys_hex));
            home.put("ca.crt", &self.authority.pem());
            home.put("config.toml", &table(nodes, &trusting(&home.path("ca.crt"))));
            let daemon = self.network.node(node).inside(|| Daemon::start(&mut home.command(&["run"])));
            self.homes.push(home);
            self.daemons.push(daemon);
        }
    }

    /// Starts a node that is empty.
    fn start(&mut self, node: usize) {
        self.servers[node] = Some(member(&self.network, &self.authority, node));
    }

    fn leader(&mut self) -> &mut Server {
        self.servers[0].as_mut().unwrap()
    }

    /// Which daemon watches a node.
    fn daemon(&self, node: usize) -> &Daemon {
        self.daemons.get(node).unwrap_or(&self.daemons[0])
    }

    /// The states that its daemon told of a node, one after another.
    fn states(&self, node: usize) -> Vec<String> {
        let beginning = format!("{}: ", urls(3)[node]);
        let lines = self.daemon(node).lines();
        let states = lines.iter().filter_map(|line| line.text.split_once(&beginning));
        states.map(|(_, told)| told.split([' ', ',', '.']).next().unwrap().to_owned()).collect()
    }

    /// A daemon tells what this node is.
    fn waits_for(&mut self, node: usize, words: &str) {
        let url = &urls(3)[node];
        let told = || {
            let lines = self.daemon(node).lines();
            lines.iter().any(|line| line.text.contains(&format!("{url}: {words}"))).then_some(())
        };
        assert!(poll(PATIENCE, told).is_some(), "{words}: {}", self.daemon(node).output());
    }

    /// The two become standbys by themselves, each with no more shares than it takes.
    fn both_join(&mut self) {
        let began = Instant::now();
        for node in [1, 2] {
            self.waits_for(node, "unsealed (standby");
        }
        // Whatever a daemon would send on top would come now.
        std::thread::sleep(Duration::from_secs(2));
        println!("both have joined within {:?}", began.elapsed());
        for node in [1, 2] {
            let mut states = self.states(node);
            // A server that is not started yet, or only just.
            states.retain(|state| state != "unreachable");
            states.dedup();
            let joined = ["uninitialized", "sealed", "unsealing", "joining", "unsealed"];
            let early = states.iter().position(|state| state == "joining");
            assert!(early.is_some(), "{node}: {states:?}");
            let order = states.iter().map(|state| joined.iter().position(|word| word == state));
            let order: Option<Vec<usize>> = order.collect();
            assert!(order.is_some_and(|order| order.is_sorted()), "{node}: {states:?}");
            let log = self.servers[node].as_ref().unwrap().log();
            let shares = log.matches("core: unseal key supplied").count();
            assert_eq!(shares, THRESHOLD, "{node}:\n{}", self.daemon(node).output());
        }
        let said: String = self.daemons.iter().map(Daemon::output).collect();
        assert!(!said.contains("shares-rejected") && !said.contains("omebody else"), "{said}");
    }
}

fn member(network: &Network, authority: &Authority, node: usize) -> Server {
    let mut others = urls(3);
    others.remove(node);
    let builder = Builder::new().on(network, node).tls(authority).log_level("debug");
    builder.member(&format!("n{node}"), &others).start()
}

#[test]
fn nodes_that_start_after_the_leader_was_unsealed_join() {
    for (daemons, order) in BOTH.into_iter().zip([[1, 2], [2, 1]]) {
        let Some(mut cluster) = Empty::new() else { return };
        cluster.start_daemons(daemons);
        cluster.waits_for(0, "unsealed (active");
        for node in order {
            cluster.start(node);
        }
        cluster.both_join();
    }
}

#[test]
fn nodes_that_start_before_the_leader_is_unsealed_join() {
    for (daemons, order) in BOTH.into_iter().zip([[2, 1], [1, 2]]) {
        let Some(mut cluster) = Empty::new() else { return };
        for node in order {
            cluster.start(node);
        }
        cluster.start_daemons(daemons);
        cluster.both_join();
    }
}

#[test]
fn nodes_that_start_while_the_leader_is_down_join_when_it_is_back() {
    for daemons in BOTH {
        let Some(mut cluster) = Empty::new() else { return };
        cluster.leader().kill();
        cluster.start_daemons(daemons);
        cluster.start(1);
        cluster.start(2);
        cluster.waits_for(0, "unreachable");
        for node in [1, 2] {
            cluster.waits_for(node, "uninitialized");
        }
        cluster.leader().launch();
        cluster.both_join();
    }
}
