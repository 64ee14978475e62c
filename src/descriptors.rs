//! File descriptors: every node takes some, and a process has 1,024 unless it asks for more (getrlimit(2)).

use crate::explain::Explain;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Most that a node has open at a time: its connection; or two tries to make one, as to both addresses of a name; or a
/// question to the name server.
const OF_A_NODE: u64 = 2;
/// What else may be open: the loop, the journal, the control socket and its visitors, share files, pipes to a helper.
const OTHERS: u64 = 64;

/// This process may not have as many as its nodes take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{nodes} nodes take up to {needed} file descriptors, and this process may have {allowed}")]
pub struct Shortage {
    /// How many nodes are configured.
    pub nodes: usize,
    /// How many descriptors they take at the most.
    pub needed: u64,
    /// The hard limit.
    pub allowed: u64,
}

impl Explain for Shortage {
    fn kind(&self) -> &'static str {
        "too-few-descriptors"
    }

    fn advice(&self) -> Option<String> {
        Some(format!(
            "Nodes for which there is none left are unreachable. Set LimitNOFILE={0} with `systemctl edit vault-unseal`; \
             in a shell of root's, `ulimit -n {0}`.",
            self.needed
        ))
    }
}

/// Raises the soft limit to what so many nodes take, as far as the hard limit goes.
pub fn suffice_for(nodes: usize) -> Result<(), Shortage> {
    let needed = u64::try_from(nodes).unwrap_or(u64::MAX).saturating_mul(OF_A_NODE).saturating_add(OTHERS);
    let limit = getrlimit(Resource::Nofile);
    // None is no limit.
    let is_enough = |limit: Option<u64>| limit.is_none_or(|limit| limit >= needed);
    if is_enough(limit.current) {
        return Ok(());
    }
    let current = limit.maximum.map_or(needed, |most| most.min(needed));
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum: limit.maximum });
    let allowed = if raised.is_ok() { Some(current) } else { limit.current };
    match allowed {
        Some(allowed) if allowed < needed => Err(Shortage { nodes, needed, allowed }),
        _ => Ok(()),
    }
}
