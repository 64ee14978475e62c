//! What nodes, and the names that stand for them, are known by.

use crate::cluster::{Discovery, NodeAddress};

/// Names one node of one cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeKey {
    /// The cluster's name.
    pub cluster: String,
    /// The node's address.
    pub address: NodeAddress,
}

/// Names one name of one cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SearchKey {
    /// The cluster's name.
    pub cluster: String,
    /// The name that stands for nodes.
    pub discovery: Discovery,
}
