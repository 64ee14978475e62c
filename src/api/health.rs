//! `GET /v1/sys/health`: what a server says of itself without a login.

use super::product::Product;
use crate::external::ExternalText;
use serde::Deserialize;
use std::fmt;

/// The path and query that make every state answer 299, so that no intermediary's 503 can be mistaken for one.
///
/// The names are the server's (`sys/health`, query parameters); unknown ones are ignored by servers that lack them.
pub(crate) const PATH: &str = "/v1/sys/health?activecode=299&standbycode=299&drsecondarycode=299\
    &performancestandbycode=299&sealedcode=299&uninitcode=299&removedcode=299&haunhealthycode=299";

#[expect(clippy::struct_excessive_bools, reason = "the API's own independent flags")]
/// The body of a health answer. Every field is optional on the wire; these are the two we cannot do without
/// and the ones that refine them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// `initialized`: the server has a seal configuration and keys.
    pub initialized: bool,
    /// `sealed`: it cannot read its storage. Also true while uninitialized.
    pub sealed: bool,
    /// What an unsealed server is in its cluster; meaningless while sealed.
    pub role: Role,
    /// `removed_from_cluster` (Vault 1.19): an operator took this raft node out of its cluster.
    pub removed: bool,
    /// `version`, as the server writes it.
    pub version: Option<ExternalText>,
    /// What it says of which program it is.
    pub product: Product,
    /// `cluster_id` and `cluster_name`; absent while sealed.
    pub membership: Option<Membership>,
    /// `replication_performance_mode` or `replication_dr_mode` is `secondary` (Vault Enterprise): it has the shares of its
    /// primary, and an id that need not be its primary's.
    pub secondary: bool,
    /// `server_time_utc`: the server's clock, in seconds since 1970.
    pub server_time: Option<u64>,
}

/// What an unsealed server says of its cluster. Its storage was given it when it was initialised: servers of one storage,
/// cloned or replicated, have it in common, and servers that were initialised each by itself never do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// `cluster_id`.
    pub id: ExternalText,
    /// `cluster_name`: made by the server unless its configuration has one.
    pub name: Option<ExternalText>,
}

/// `cluster_id 7cb2b140-… (vault-cluster-d039ae0a)`.
impl fmt::Display for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cluster_id {}", self.id)?;
        match &self.name {
            Some(name) => write!(f, " ({name})"),
            None => Ok(()),
        }
    }
}

/// What an unsealed server is in its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// It serves requests.
    Active,
    /// It forwards requests to the active node.
    Standby,
    /// A standby that sees no active node: a raft cluster without quorum, or one still electing.
    StandbyWithoutActive,
    /// A performance standby (Vault Enterprise): serves reads.
    PerformanceStandby,
    /// The active node of a disaster-recovery secondary (Vault Enterprise).
    DrSecondary,
}

impl Role {
    /// The role in words, as shown after `unsealed`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Standby => "standby",
            Self::StandbyWithoutActive => "standby, no active node",
            Self::PerformanceStandby => "performance standby",
            Self::DrSecondary => "DR secondary",
        }
    }
}

/// Names a time in which nothing points to a restart of the server: the connection held, or the server itself announced its
/// end. No two stretches have the same name, whichever connection they are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionEpoch(u64);

impl ConnectionEpoch {
    /// The name of the stretch with this number.
    pub const fn of(number: u64) -> Self {
        Self(number)
    }
}

#[derive(Deserialize)]
#[serde(default)]
#[derive(Default)]
struct Wire {
    initialized: Option<bool>,
    sealed: Option<bool>,
    standby: Option<bool>,
    performance_standby: Option<bool>,
    replication_performance_mode: Option<String>,
    replication_dr_mode: Option<String>,
    removed_from_cluster: Option<bool>,
    ha_connection_healthy: Option<bool>,
    enterprise: Option<bool>,
    server_time_utc: Option<u64>,
    version: Option<String>,
    cluster_name: Option<String>,
    cluster_id: Option<String>,
}

impl Health {
    /// What tells whose shares are the server's: nothing while it is sealed, and nothing of a replication's secondary.
    pub fn own_membership(&self) -> Option<&Membership> {
        let tells = self.initialized && !self.sealed && !self.secondary;
        self.membership.as_ref().filter(|_| tells)
    }

    /// Reads a body; `None` when it is not a health answer, whatever its status code was.
    pub fn parse(body: &[u8]) -> Option<Self> {
        let wire: Wire = serde_json::from_slice(body).ok()?;
        let (initialized, sealed) = (wire.initialized?, wire.sealed?);
        let modes = [&wire.replication_performance_mode, &wire.replication_dr_mode];
        let secondary = modes.into_iter().any(|mode| mode.as_deref() == Some("secondary"));
        let standby = wire.standby == Some(true);
        // A raft node that lost its quorum answers with unknown replication modes; Vault 1.19 says it outright.
        let no_active = wire.ha_connection_healthy == Some(false)
            || wire.replication_performance_mode.as_deref() == Some("unknown");
        let role = if wire.replication_dr_mode.as_deref() == Some("secondary") {
            Role::DrSecondary
        } else if wire.performance_standby == Some(true) {
            Role::PerformanceStandby
        } else if standby && no_active {
            Role::StandbyWithoutActive
        } else if standby {
            Role::Standby
        } else {
            Role::Active
        };
        Some(Self {
            initialized,
            sealed,
            role,
            secondary,
            removed: wire.removed_from_cluster == Some(true),
            product: Product::of(wire.version.as_deref(), false, wire.enterprise.is_some()),
            version: wire.version.map(ExternalText::new),
            membership: wire.cluster_id.filter(|id| !id.is_empty()).map(|id| Membership {
                id: ExternalText::new(id),
                name: wire.cluster_name.map(ExternalText::new),
            }),
            server_time: wire.server_time_utc,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_unsealed_server_that_is_nobodys_secondary_tells_whose_shares_are_its_own() {
        let told = |fields: &str| {
            let body = format!(r#"{{"initialized":true,"cluster_id":"X",{fields}}}"#);
            Health::parse(body.as_bytes()).unwrap().own_membership().is_some()
        };
        assert!(told(r#""sealed":false"#));
        assert!(told(
            r#""sealed":false,"replication_performance_mode":"primary","replication_dr_mode":"disabled""#
        ));
        assert!(!told(r#""sealed":true"#));
        assert!(!told(r#""sealed":false,"replication_performance_mode":"secondary""#));
        assert!(!told(r#""sealed":false,"replication_dr_mode":"secondary""#));
        let nameless = Health::parse(br#"{"initialized":true,"sealed":false,"cluster_id":""}"#).unwrap();
        assert!(nameless.own_membership().is_none());
    }
}
