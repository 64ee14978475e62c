//! One task a node: asks the heart what to do, does it, publishes the state. One task a name that stands for nodes:
//! looks it up.

mod announce;
mod board;
mod connection;
mod desired;
mod holds;
mod identity;
mod key;
mod node;
mod search;
mod source;

pub use board::{Board, Finding, Order, Seen};
pub use desired::{ClusterContexts, Duty};
pub use holds::{HoldRecord, Holds, Requester};
pub use key::{NodeKey, SearchKey};

use crate::config::NodeAddress;
use crate::discovery::{Change, LookupOutcome};
use connection::Doorsteps;
use desired::{Place, Wanted};
use identity::SharedMemberships;
use search::{News, Search, Terms};
use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// The tasks of all nodes, and of all names that stand for nodes. Dropping it ends them.
#[derive(Debug)]
pub struct Watch {
    began: Instant,
    clusters: ClusterContexts,
    searches: BTreeMap<SearchKey, Search>,
    tasks: BTreeMap<NodeKey, Task>,
    /// Nodes that were found for one cluster and are another's: said once.
    elsewhere: BTreeSet<NodeKey>,
    board: Arc<Board>,
    doorsteps: Arc<Doorsteps>,
    holds: Arc<Holds>,
    news: (mpsc::Sender<News>, mpsc::Receiver<News>),
    memberships: Arc<SharedMemberships>,
}

#[derive(Debug)]
struct Task {
    duty: watch::Sender<Arc<Duty>>,
    handle: JoinHandle<()>,
}

impl Watch {
    /// A watch over no node yet, whose holds outlive it in `holds`.
    pub fn new(holds: Holds) -> Self {
        let holds = Arc::new(holds);
        Self {
            began: Instant::now(),
            clusters: ClusterContexts::default(),
            searches: BTreeMap::new(),
            tasks: BTreeMap::new(),
            elsewhere: BTreeSet::new(),
            board: Arc::new(Board::new(Arc::clone(&holds))),
            doorsteps: Arc::default(),
            holds,
            news: mpsc::channel(1),
            memberships: Arc::default(),
        }
    }

    /// Where the tasks publish their states.
    pub fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// How many nodes are watched, configured or found.
    pub fn nodes(&self) -> usize {
        self.tasks.len()
    }

    /// The clusters as they are now.
    pub fn clusters(&self) -> ClusterContexts {
        self.clusters.clone()
    }

    /// Makes the tasks those of these clusters: new nodes are started, missing ones ended, changed ones get their new
    /// duty, and nodes that did not change go on with their connection and what they know. All are woken, so
    /// that shares that were rejected are tried again. Names are looked up at once; nodes that were found by a name
    /// that stays do too.
    pub fn apply(&mut self, clusters: ClusterContexts) {
        self.clusters = clusters;
        self.search();
        self.elsewhere.clear();
        self.assign(true);
    }

    /// Waits for the next lookup, and makes the tasks those of what it brought. Without names, never returns.
    pub async fn discover(&mut self) {
        match self.news.1.recv().await {
            Some(news) => self.learn(news),
            None => pending().await,
        }
    }

    fn learn(&mut self, News { key, result, learnt }: News) {
        let (Some(search), Some(ground)) = (self.searches.get_mut(&key), self.clusters.0.get(&key.cluster))
        else {
            return;
        };
        let silence = |address: &NodeAddress| {
            self.board.silence(&NodeKey { cluster: key.cluster.clone(), address: address.clone() })
        };
        let failed = result.is_err();
        let forget_after = ground.cluster.pace.forget_after;
        let changes = search.roll.apply(self.began.elapsed(), result, forget_after, silence);
        search::announce(&key, &changes);
        self.board.search(&key, Some(search.roll.clone()));
        let moved = |change: &Change| {
            matches!(
                change,
                Change::Appeared(_) | Change::Missing(_) | Change::Returned(_) | Change::Forgotten(_)
            )
        };
        let outcome = match changes.iter().any(moved) {
            true => LookupOutcome::Changed,
            false if failed => LookupOutcome::Failed,
            false => LookupOutcome::Same,
        };
        if outcome == LookupOutcome::Changed {
            self.assign(false);
        }
        // A task that was ended meanwhile does not listen.
        let _ = learnt.send(outcome);
    }

    /// Makes the tasks of names those of the configuration; what is known of a name that stays is kept.
    fn search(&mut self) {
        let mut earlier = std::mem::take(&mut self.searches);
        for (name, ground) in &self.clusters.0 {
            let cluster = &ground.cluster;
            let terms = Terms {
                named: cluster.tls.binds_name(),
                limit: cluster.pace.request_timeout,
                interval: cluster.pace.resolve_interval,
            };
            for discovery in &cluster.discoveries {
                let key = SearchKey { cluster: name.clone(), discovery: discovery.clone() };
                let roll = earlier.remove(&key).map(|search| search.roll.clone()).unwrap_or_default();
                self.board.search(&key, Some(roll.clone()));
                let search = Search::begin(key.clone(), roll, terms, self.news.0.clone());
                self.searches.insert(key, search);
            }
        }
        for key in earlier.keys() {
            self.board.search(key, None);
        }
    }

    /// Makes the tasks of nodes those that are configured and found. `wake` wakes also those that did not change.
    fn assign(&mut self, wake: bool) {
        let is_watched = |key: &NodeKey| self.tasks.contains_key(key);
        let Wanted { nodes, elsewhere } = Wanted::of(&self.clusters.0, &self.searches, is_watched);
        let new = elsewhere.iter().filter(|(key, _)| !self.elsewhere.contains(*key));
        search::announce_elsewhere(new.map(|(key, (search, owner))| (search, &key.address, owner.as_str())));
        self.elsewhere = elsewhere.into_keys().collect();
        self.tasks.retain(|key, task| {
            let stays = nodes.contains_key(key);
            if !stays {
                task.handle.abort();
                self.board.remove(key);
                self.memberships.strike(key);
            }
            stays
        });
        for (key, Place { node, finding, trouble }) in nodes {
            let Some(ground) = self.clusters.0.get(&key.cluster) else { continue };
            if let Some(task) = self.tasks.get(&key) {
                self.board.found(&key, finding);
                if wake || task.duty.borrow().node != node {
                    let duty = ground.duty(node, trouble).continuing(&task.duty.borrow());
                    task.duty.send_replace(duty);
                }
                continue;
            }
            let (sender, receiver) = watch::channel(ground.duty(node, trouble));
            let orders = self.board.add(&key, finding);
            let handle = tokio::spawn(node::watch(
                key.clone(),
                receiver,
                orders,
                Arc::clone(&self.board),
                Arc::clone(&self.doorsteps),
                Arc::clone(&self.holds),
                Arc::clone(&self.memberships),
            ));
            self.tasks.insert(key, Task { duty: sender, handle });
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for task in self.tasks.values() {
            task.handle.abort();
        }
    }
}
