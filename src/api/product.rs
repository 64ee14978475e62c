//! Which program a server is, and so which commands its administrators type; and what its version says of its answers.

use crate::external::ExternalText;

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
        let Some(text) = version.map(ToString::to_string) else { return Self::Unknown };
        let mut numbers = text.split('.').map(|part| part.parse::<u32>().ok());
        match (numbers.next().flatten(), numbers.next().flatten()) {
            (Some(0), Some(_)) | (Some(1), Some(0..=2)) => Self::Old,
            (Some(1), Some(3..=11)) => Self::Unknown,
            (Some(_), Some(_)) => Self::New,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Health, SealStatus};

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
