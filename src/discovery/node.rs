//! One server, however it was named.

use crate::config::NodeAddress;

/// One server: where it is, and the name that its certificate must have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where it is reached.
    pub address: NodeAddress,
    /// The name under which its address was found; `None` where the address's own host is the name.
    pub name: Option<String>,
}

impl From<NodeAddress> for Node {
    fn from(address: NodeAddress) -> Self {
        Self { address, name: None }
    }
}
