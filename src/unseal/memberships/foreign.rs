//! A node that belongs to another cluster, and what is said of it.

#[cfg(test)]
mod tests;

use crate::api::Membership;
use crate::explain::Explain;
use std::fmt;

/// A node that showed itself as a member of another cluster. The shares of this one are nothing to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignNode {
    /// What it showed when it was last unsealed.
    pub shows: Membership,
    /// What the cluster is that it is configured in, if that is known and something else.
    pub own: Option<Membership>,
    /// The configured cluster that it is a member of, if it is one.
    pub of: Option<String>,
}

/// As it follows the node's address: `it is a member of another cluster: …`.
impl fmt::Display for ForeignNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.of {
            Some(of) => write!(f, "it is a member of the cluster \"{of}\"")?,
            None => f.write_str("it is a member of another cluster")?,
        }
        write!(f, ": it showed {}", self.shows)?;
        match &self.own {
            Some(own) => write!(f, ", and its cluster here is {own}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ForeignNode {}

impl Explain for ForeignNode {
    fn kind(&self) -> &'static str {
        "another-clusters-member"
    }

    fn advice(&self) -> Option<String> {
        let remedy = match &self.of {
            Some(_) => "Take it out of `nodes` here",
            None => "Take it out of `nodes`, or give it a [[cluster]] of its own with its own shares",
        };
        Some(format!(
            "While it is sealed it gets no shares. {remedy}. If it was set up anew as a member of this one: \
             `vault-unseal resume NODE`."
        ))
    }
}
