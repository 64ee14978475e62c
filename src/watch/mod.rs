//! One task a node: asks the core what to do, does it, publishes the state. One task a name that stands for nodes:
//! looks it up.

mod announce;
mod booked;
mod connection;
mod desired;
mod grid;
mod holds;
mod identity;
mod key;
mod lasting;
mod node;
mod publisher;
mod registry;
mod rush;
mod search;
mod source;
mod ticker;
mod turns;

pub use desired::{ClusterContexts, NodeSpec};
pub use grid::Grid;
pub use holds::{HoldRecord, HoldStore, Requester};
pub use key::{NodeKey, SearchKey};
pub use registry::{DiscoveryStatus, NodeStatus, Order, StatusRegistry};
pub use search::LookupResult;

use crate::cluster::NodeAddress;
use crate::discovery::{Change, LookupOutcome};
use crate::ordered;
use connection::ReconnectProbes;
use desired::DesiredNodes;
use identity::SharedMemberships;
use node::NodeTask;
use rush::Rush;
use search::{DiscoveryTask, LookupOptions};
use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, yield_now};
use turns::Turns;

/// So many nodes are dealt with at a time before others of the loop get their turn.
pub const AT_A_TIME: usize = 64;

/// The tasks of all nodes, and of all names that stand for nodes. Dropping it ends them.
#[derive(Debug)]
pub struct Watch {
    began: Instant,
    clusters: ClusterContexts,
    searches: BTreeMap<SearchKey, DiscoveryTask>,
    tasks: BTreeMap<NodeKey, Task>,
    /// Nodes that were found for one cluster and are another's: said once.
    elsewhere: BTreeSet<NodeKey>,
    registry: Arc<StatusRegistry>,
    probes: Arc<ReconnectProbes>,
    holds: Arc<HoldStore>,
    news: (mpsc::Sender<LookupResult>, mpsc::Receiver<LookupResult>),
    memberships: Arc<SharedMemberships>,
    turns: Arc<Turns>,
    rush: Arc<Rush>,
    grid: Grid,
    /// How many nodes were ever begun to be watched.
    started: u64,
}

#[derive(Debug)]
struct Task {
    spec: watch::Sender<Arc<NodeSpec>>,
    handle: JoinHandle<()>,
}

impl Watch {
    /// A watch over no node yet, whose holds outlive it in `holds`, in the loop of this `grid`.
    pub fn new(holds: HoldStore, grid: Grid) -> Self {
        let holds = Arc::new(holds);
        Self {
            began: Instant::now(),
            clusters: ClusterContexts::default(),
            searches: BTreeMap::new(),
            tasks: BTreeMap::new(),
            elsewhere: BTreeSet::new(),
            registry: Arc::new(StatusRegistry::new(Arc::clone(&holds))),
            probes: Arc::default(),
            holds,
            news: mpsc::channel(1),
            memberships: Arc::default(),
            turns: Arc::default(),
            rush: Arc::default(),
            grid,
            started: 0,
        }
    }

    /// Where the tasks publish their states.
    pub fn registry(&self) -> &Arc<StatusRegistry> {
        &self.registry
    }

    /// How many nodes are watched, configured or found.
    pub fn nodes(&self) -> usize {
        self.tasks.len()
    }

    /// From now on so many nodes have a connection at a time, one after the other; all, if `None`.
    pub fn take_turns(&self, nodes: Option<usize>) {
        self.turns.limit(nodes);
    }

    /// Returns when what is held is written down, as far as it can be.
    pub async fn keep_holds(&self) {
        self.holds.keep().await;
    }

    /// The clusters as they are now.
    pub fn clusters(&self) -> ClusterContexts {
        self.clusters.clone()
    }

    /// Makes the tasks those of these clusters: new nodes are started, missing ones ended, changed ones get their new
    /// spec, and nodes that did not change go on with their connection and what they know. All but those that are
    /// unsealed and as they were are woken, so that shares that were rejected are tried again. Names are looked up at once; nodes that were found by a name
    /// that stays do too.
    ///
    /// Others of the loop get their turn meanwhile.
    pub async fn apply(&mut self, clusters: ClusterContexts) {
        self.clusters = clusters;
        self.search();
        self.elsewhere.clear();
        self.assign(true).await;
    }

    /// Waits for the next lookup. Without names, never returns.
    pub async fn discover(&mut self) -> LookupResult {
        match self.news.1.recv().await {
            Some(news) => news,
            None => pending().await,
        }
    }

    /// Makes the tasks those of what a lookup brought.
    pub async fn learn(&mut self, LookupResult { key, result, learnt }: LookupResult) {
        let (Some(search), Some(context)) = (self.searches.get_mut(&key), self.clusters.0.get(&key.cluster))
        else {
            return;
        };
        let silence = |address: &NodeAddress| {
            self.registry.silence(&NodeKey { cluster: key.cluster.clone(), address: address.clone() })
        };
        let failed = result.is_err();
        let forget_after = context.cluster.pace.forget_after;
        let changes = search.inventory.apply(self.began.elapsed(), result, forget_after, silence);
        search::announce(&key, &changes);
        self.registry.search(&key, Some(search.inventory.clone()));
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
            self.assign(false).await;
        }
        // A task that was ended meanwhile does not listen.
        let _ = learnt.send(outcome);
    }

    /// Makes the tasks of names those of the configuration; what is known of a name that stays is kept.
    fn search(&mut self) {
        let mut earlier = std::mem::take(&mut self.searches);
        for (name, context) in &self.clusters.0 {
            let cluster = &context.cluster;
            let terms = LookupOptions {
                named: cluster.tls.binds_name(),
                limit: cluster.pace.request_timeout,
                interval: cluster.pace.resolve_interval,
            };
            for discovery in &cluster.discoveries {
                let key = SearchKey { cluster: name.clone(), discovery: discovery.clone() };
                let inventory =
                    earlier.remove(&key).map(|search| search.inventory.clone()).unwrap_or_default();
                self.registry.search(&key, Some(inventory.clone()));
                let search = DiscoveryTask::begin(key.clone(), inventory, terms, self.news.0.clone());
                self.searches.insert(key, search);
            }
        }
        for key in earlier.keys() {
            self.registry.search(key, None);
        }
    }

    /// Makes the tasks of nodes those that are configured and found. `wake` wakes also those that did not change.
    async fn assign(&mut self, wake: bool) {
        let is_watched = |key: &NodeKey| self.tasks.contains_key(key);
        let DesiredNodes { nodes, elsewhere } =
            DesiredNodes::of(&self.clusters.0, &self.searches, is_watched);
        let new = elsewhere.iter().filter(|(key, _)| !self.elsewhere.contains(*key));
        search::announce_elsewhere(new.map(|(key, (search, owner))| (search, &key.address, owner.as_str())));
        self.elsewhere = ordered::set(elsewhere.into_keys());
        self.tasks.retain(|key, task| {
            let stays = nodes.contains_key(key);
            if !stays {
                task.handle.abort();
                self.registry.remove(key);
                self.memberships.strike(key);
            }
            stays
        });
        for (at, (key, desired)) in nodes.into_iter().enumerate() {
            if at % AT_A_TIME == AT_A_TIME - 1 {
                yield_now().await;
            }
            let Some(context) = self.clusters.0.get(&key.cluster) else { continue };
            if let Some(task) = self.tasks.get(&key) {
                self.registry.found(&key, desired.finding.clone());
                if wake || task.spec.borrow().node != desired.node {
                    let spec = context.spec(desired).continuing(&task.spec.borrow());
                    task.spec.send_replace(spec);
                }
                continue;
            }
            let orders = self.registry.add(&key, desired.finding.clone());
            let (sender, receiver) = watch::channel(context.spec(desired));
            let handle = tokio::spawn(node::watch(NodeTask {
                key: key.clone(),
                spec: receiver,
                orders,
                registry: Arc::clone(&self.registry),
                probes: Arc::clone(&self.probes),
                holds: Arc::clone(&self.holds),
                memberships: Arc::clone(&self.memberships),
                turns: Arc::clone(&self.turns),
                rush: Arc::clone(&self.rush),
                grid: self.grid,
                earlier: self.started,
            }));
            self.started += 1;
            self.tasks.insert(key, Task { spec: sender, handle });
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
