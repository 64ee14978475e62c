//! One task a node: asks the heart what to do, does it, publishes the state.

mod announce;
mod board;
mod duty;
mod holds;
mod identity;
mod joint;
mod node;
mod presence;
mod shares;

pub use board::{Board, NodeKey, Order};
pub use duty::Duty;
pub use holds::Holds;

use crate::config::Settings;
use crate::vault::TlsFileError;
use identity::SharedRoll;
use presence::Doorsteps;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// The tasks of all nodes. Dropping it ends them.
#[derive(Debug)]
pub struct Watch {
    tasks: BTreeMap<NodeKey, Task>,
    board: Arc<Board>,
    doorsteps: Arc<Doorsteps>,
    holds: Arc<Holds>,
    roll: Arc<SharedRoll>,
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
            tasks: BTreeMap::new(),
            board: Arc::new(Board::new(Arc::clone(&holds))),
            doorsteps: Arc::default(),
            holds,
            roll: Arc::default(),
        }
    }

    /// Where the tasks publish their states.
    pub fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// Makes the tasks those of `settings`: new nodes are started, missing ones ended, changed ones get their new
    /// duty, and nodes that did not change go on with their connection and what they know. All are woken, so
    /// that shares that were rejected are tried again.
    ///
    /// Errors leave everything as it was.
    pub fn apply(&mut self, settings: &Settings) -> Result<(), TlsFileError> {
        let mut duties = BTreeMap::new();
        for cluster in &settings.clusters {
            let unchanged = self.tasks.values().any(|task| *task.duty.borrow().cluster == *cluster);
            if unchanged {
                for (key, task) in
                    self.tasks.iter().filter(|(_, task)| *task.duty.borrow().cluster == *cluster)
                {
                    duties.insert(key.clone(), Arc::clone(&task.duty.borrow()));
                }
            } else {
                duties.extend(Duty::of_cluster(cluster)?);
            }
        }
        self.tasks.retain(|key, task| {
            let stays = duties.contains_key(key);
            if !stays {
                task.handle.abort();
                self.board.remove(key);
                self.roll.strike(key);
            }
            stays
        });
        for (key, duty) in duties {
            if let Some(task) = self.tasks.get(&key) {
                let duty = duty.continuing(&task.duty.borrow());
                task.duty.send_replace(duty);
                continue;
            }
            let (sender, receiver) = watch::channel(duty);
            let orders = self.board.add(&key);
            let handle = tokio::spawn(node::watch(
                key.clone(),
                receiver,
                orders,
                Arc::clone(&self.board),
                Arc::clone(&self.doorsteps),
                Arc::clone(&self.holds),
                Arc::clone(&self.roll),
            ));
            self.tasks.insert(key, Task { duty: sender, handle });
        }
        Ok(())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for task in self.tasks.values() {
            task.handle.abort();
        }
    }
}
