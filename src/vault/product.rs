//! Which program a server is, and so which commands its administrators type.

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
    pub(super) fn of(version: Option<&str>, commit_date: bool, enterprise: bool) -> Self {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::{Health, SealStatus};

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
}
