//! `GET /v1/sys/health`: what a server says of itself without a login; and which program it is, and so which commands its
//! administrators type, and what its version says of its answers.

use crate::external::ExternalText;
use serde::Deserialize;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

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
    /// It is the active node of its cluster: a server that was just unsealed becomes nothing else.
    pub fn is_active(self) -> bool {
        matches!(self, Self::Active | Self::DrSecondary)
    }

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

/// Told apart by what only one of them says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Product {
    /// Nothing that only one of them says was seen.
    #[default]
    Unknown,
    /// `HashiCorp` Vault: a version below 2, which `OpenBao` never had, or the member `enterprise` of Vault's health.
    Vault,
    /// `OpenBao`: its seal status has `commit_date` where Vault's has `build_date` (recorded of 2.6.2, 2.7.2 and of Vault
    /// 1.12.2, 1.14.1).
    OpenBao,
}

impl Product {
    /// What these members of an answer tell.
    pub(crate) fn of(version: Option<&str>, commit_date: bool, enterprise: bool) -> Self {
        let major = version.and_then(|version| version.split_once('.')?.0.parse::<u32>().ok());
        if commit_date {
            Self::OpenBao
        } else if enterprise || major.is_some_and(|major| major < 2) {
            Self::Vault
        } else {
            Self::Unknown
        }
    }

    /// What is known of it after one more answer.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        if self == Self::Unknown { other } else { self }
    }

    /// The word that its commands begin with; Vault's where nothing is known.
    pub fn program(self) -> &'static str {
        match self {
            Self::Vault | Self::Unknown => "vault",
            Self::OpenBao => "bao",
        }
    }

    /// A command with the same arguments for both: `` `vault status` or `bao status` `` where nothing is known.
    pub fn command(self, arguments: &str) -> String {
        self.commands(arguments, arguments)
    }

    /// A command whose arguments differ: those of Vault, those of `OpenBao`.
    pub fn commands(self, vault: &str, openbao: &str) -> String {
        match self {
            Self::Vault => format!("`vault {vault}`"),
            Self::OpenBao => format!("`bao {openbao}`"),
            Self::Unknown if vault == openbao => format!("`vault {vault}` or `bao {openbao}`"),
            Self::Unknown => format!("`vault {vault}` (OpenBao: `bao {openbao}`)"),
        }
    }
}

/// Which releases mean wrong shares when they answer `Unseal failed, invalid key`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Release {
    /// Its version is not known, is none that we can read, or is of Vault 1.3 to 1.11, whose answer was not recorded.
    #[default]
    Unknown,
    /// `HashiCorp` Vault up to 1.2: wrong shares. The shares made the key of the keyring itself there.
    Old,
    /// Vault from 1.12 on and `OpenBao`: its shares were right, and its keyring is damaged. Wrong shares fail there at the
    /// stored keys, with other words (recorded of `OpenBao` 2.6.2 and 2.7.2, and of Vault 1.12.2 and 1.14.1).
    New,
}

impl Release {
    /// The release with this `version`: `1.12.2`, `2.7.2`, `1.13.0+ent`.
    pub fn of(version: Option<&ExternalText>) -> Self {
        version.and_then(ExternalText::parse).unwrap_or(Self::Unknown)
    }
}

impl FromStr for Release {
    type Err = Infallible;

    fn from_str(version: &str) -> Result<Self, Infallible> {
        let mut numbers = version.split('.').map(|part| part.parse::<u32>().ok());
        Ok(match (numbers.next().flatten(), numbers.next().flatten()) {
            (Some(0), Some(_)) | (Some(1), Some(0..=2)) => Self::Old,
            (Some(1), Some(3..=11)) => Self::Unknown,
            (Some(_), Some(_)) => Self::New,
            _ => Self::Unknown,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Health, SealStatus};

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

    fn of_seal_status(members: &str) -> Product {
        SealStatus::parse(format!(r#"{{"sealed":true,{members}}}"#).as_bytes()).unwrap().product
    }

    fn of_health(members: &str) -> Product {
        let body = format!(r#"{{"initialized":true,"sealed":true,{members}}}"#);
        Health::parse(body.as_bytes()).unwrap().product
    }

    #[test]
    fn answers_with_what_only_one_product_says_tell_which_it_is() {
        for (members, product) in [
            (r#""version":"2.7.2","commit_date":"2026-10-26T20:32:27Z""#, Product::OpenBao),
            (r#""version":"1.12.2","build_date":"2022-11-23T12:53:46Z""#, Product::Vault),
            (r#""version":"1.9.4""#, Product::Vault),
            // Neither OpenBao below 2.6 nor Vault 2 was recorded: both may say this.
            (r#""version":"2.0.0","build_date":"2024-07-16T16:21:51Z""#, Product::Unknown),
            (r#""version":"""#, Product::Unknown),
            (r#""type":"shamir""#, Product::Unknown),
        ] {
            assert_eq!(of_seal_status(members), product, "{members}");
        }
        for (members, product) in [
            (r#""version":"1.12.2","performance_standby":false"#, Product::Vault),
            (r#""version":"2.0.0+ent","enterprise":true"#, Product::Vault),
            (r#""version":"2.7.2""#, Product::Unknown),
        ] {
            assert_eq!(of_health(members), product, "{members}");
        }
    }

    #[test]
    fn what_is_known_is_named_alone_and_both_otherwise() {
        assert_eq!(Product::Vault.command("status"), "`vault status`");
        assert_eq!(
            Product::OpenBao.commands("operator rekey", "operator rotate-keys"),
            "`bao operator rotate-keys`"
        );
        assert_eq!(Product::Unknown.command("status"), "`vault status` or `bao status`");
    }

    #[test]
    fn stored_keys_of_shamir_tell_old_from_new() {
        for (version, release) in [
            ("0.11.6", Release::Old),
            ("1.2.7", Release::Old),
            ("1.3.0", Release::Unknown),
            ("1.11.4", Release::Unknown),
            ("1.12.2", Release::New),
            ("1.12.11+ent", Release::New),
            ("1.13.0", Release::New),
            ("1.21.1", Release::New),
            ("2.0.0", Release::New),
            ("2.6.2", Release::New),
            ("v2", Release::Unknown),
            ("", Release::Unknown),
        ] {
            assert_eq!(Release::of(Some(&ExternalText::new(version))), release, "{version}");
        }
        assert_eq!(Release::of(None), Release::Unknown);
    }
}
