//! Every event there is, of real servers that were brought into its state.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use crate::stage::{notify, start};
use crate::support::certs::{Authority, Validity};
use crate::support::home::{Home, lines, shares_of_nobody, trusting};
use crate::support::process::{Daemon, run};
use crate::support::receiver::{Manner, Receiver};
use crate::support::server::{Ability, Builder, Server, cannot, is_active, is_sealed};

/// Of what no server tells that the tests can run: OpenBao and Vault 1.12 do not say that they were removed.
const OF_OTHER_SERVERS: &str = "removed";

/// Clusters of one daemon, and what a notifier told of them.
struct Stage {
    home: Home,
    clusters: String,
    receiver: Receiver,
    told: BTreeSet<String>,
}

impl Stage {
    fn new() -> Self {
        let (receiver, told) = (Receiver::start(Manner::Answers(200)), BTreeSet::new());
        Self { home: Home::new(), clusters: String::new(), receiver, told }
    }

    /// A cluster of these servers, with these shares; `more` are further lines of it.
    fn cluster(&mut self, name: &str, servers: &[&Server], shares: &[String], more: &str) -> PathBuf {
        let nodes: Vec<_> = servers.iter().map(|server| server.url()).collect();
        let file = self.home.put(name, &lines(shares));
        let _ = writeln!(
            self.clusters,
            "\n[[cluster]]\nname = {name:?}\nnodes = {nodes:?}\nshares = {{ file = {name:?} }}\n{more}"
        );
        file
    }

    /// The daemon, and a notifier that tells everything at once.
    fn start(&self) -> (Daemon, Daemon) {
        self.home.config(&self.clusters);
        let (daemon, _) = start(&self.home);
        let events = events().iter().map(|event| format!("{event:?}")).collect::<Vec<_>>().join(", ");
        let url = self.home.put("url", self.receiver.url());
        let mut notifier = notify(
            &self.home,
            &format!(
                "[[notify]]\nname = \"all\"\nevents = [{events}]\nafter = \"0s\"\nbatch = \"0s\"\n\
                 webhook = {{ url = {{ file = \"{}\" }} }}\n",
                url.display()
            ),
        );
        notifier.wait_for_line("tells all (webhook)");
        (daemon, notifier)
    }

    /// Waits until these were told.
    fn tells(&mut self, events: &[&str]) {
        while !events.iter().all(|event| self.told.contains(*event)) {
            let told = self.receiver.next().json();
            let entries = told["entries"].as_array().unwrap().iter();
            self.told.extend(entries.map(|entry| entry["event"].as_str().unwrap().to_owned()));
        }
    }

    fn orders(&self, verb: &str, server: &Server) {
        let socket = self.home.path("run/control.sock");
        let done = run(self.home.command(&[verb, &server.url()]).arg("--socket").arg(socket));
        assert!(done.status.success(), "{done:?}");
    }
}

/// All events, in the words of their page.
fn events() -> BTreeSet<String> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/usage/notifications.md");
    let page = fs::read_to_string(page).unwrap();
    let rows = page.lines().skip_while(|line| !line.starts_with("| `sealed` |"));
    let rows = rows.map_while(|line| line.strip_prefix("| `")).filter_map(|row| row.split_once('`'));
    rows.map(|(word, _)| word.to_owned()).collect()
}

#[test]
fn every_event_is_told_of_a_real_server() {
    if cannot(Ability::Administration) || cannot(Ability::Cluster) {
        return;
    }
    let mut stage = Stage::new();
    // Each a tenth before its end.
    let authority = Authority::new("Old CA").renewed("Old CA", Validity::Hours(900, 100));
    let mut main = Builder::new().tls(&authority).start();
    main.present(&authority.issue(&["localhost", "127.0.0.1"], Validity::Hours(90, 10)));
    let init = main.init(3, 2);
    stage.cluster("main", &[&main], &init.keys_hex, &trusting(&main.ca_file()));

    let fresh = Builder::new().start();
    stage.cluster("fresh", &[&fresh], &shares_of_nobody(3, 2), "");

    let own = Builder::new().unseals_itself().start();
    let of_own = own.init_recovery(3, 2);
    own.wait_until(is_active);
    stage.cluster("own", &[&own], &of_own.keys_hex, "");

    let mut moves = Builder::new().start();
    let of_moves = moves.init(3, 2);
    moves.unseal(&of_moves);
    moves.migrate_to_transit();
    stage.cluster("moves", &[&moves], &of_moves.keys_hex, "");

    let wrong = Builder::new().start();
    wrong.init(3, 2);
    stage.cluster("wrong", &[&wrong], &shares_of_nobody(3, 2), "");

    let few = Builder::new().start();
    let of_few = few.init(3, 2);
    stage.cluster("few", &[&few], &of_few.keys_hex[..1], "");

    let damaged = Builder::new().file_storage().start();
    let of_damaged = damaged.init(3, 2);
    damaged.unseal(&of_damaged);
    damaged.seal(&of_damaged.root_token);
    fs::remove_file(damaged.storage().join("core/_keyring")).unwrap();
    stage.cluster("damaged", &[&damaged], &of_damaged.keys_hex, "");

    let mut seals = Builder::new().raw_storage().start();
    let of_seals = seals.init(3, 2);
    stage.cluster("seals", &[&seals], &of_seals.keys_hex, "");

    let mut gone = Builder::new().start();
    let of_gone = gone.init(3, 2);
    let shares = stage.cluster("gone", &[&gone], &of_gone.keys_hex, "");

    let private = Authority::new("Private CA");
    let leader = Builder::new().tls(&private).start();
    let of_leader = leader.init(3, 2);
    leader.unseal(&of_leader);
    let mut second = Builder::new().tls(&private).join(&leader, "n2").start();
    stage.cluster("pair", &[&leader, &second], &of_leader.keys_hex, &trusting(&leader.ca_file()));

    let (mut daemon, _notifier) = stage.start();
    own.seal_later(&of_own.root_token);
    stage.tells(&["uninitialized", "foreign-seal", "migrating", "shares-rejected", "waiting-for-peers"]);
    stage.tells(&["damaged", "certificate", "ca"]);

    main.wait_until(is_active);
    main.seal_later(&init.root_token);
    stage.tells(&["operator-seal"]);
    main.wait_until(is_active);
    main.kill();
    stage.tells(&["unreachable"]);
    main.start();
    stage.tells(&["restarted"]);
    main.wait_until(is_active);
    stage.orders("hold", &main);
    main.seal_later(&init.root_token);
    main.wait_until(is_sealed);
    stage.tells(&["held", "sealed"]);
    stage.orders("resume", &main);

    seals.wait_until(is_active);
    seals.damage_lease(&of_seals.root_token);
    seals.kill();
    seals.start();
    stage.tells(&["self-seal", "seals-itself"]);

    gone.wait_until(is_active);
    fs::remove_file(shares).unwrap();
    gone.kill();
    gone.start();
    stage.tells(&["shares-unavailable", "share-source"]);

    second.wait_until(|health| health["sealed"] == false && health["standby"] == true);
    second.kill();
    stage.tells(&["redundancy-lost", "no-active-node"]);

    stage.home.config("[[cluster]]\n");
    daemon.hangup();
    stage.tells(&["reload-refused"]);
    daemon.terminate();
    stage.tells(&["daemon-gone"]);

    let mut told = stage.told;
    told.insert(OF_OTHER_SERVERS.to_owned());
    assert_eq!(told, events(), "which were told, and which there are");
}
