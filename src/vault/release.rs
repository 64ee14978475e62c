//! What a server's version says of its answers.

use crate::external::ExternalText;

/// Which releases mean wrong shares when they answer `Unseal failed, invalid key`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Release {
    /// Its version is not known, or is none that we can read.
    #[default]
    Unknown,
    /// `HashiCorp` Vault up to 1.12: wrong shares.
    Old,
    /// Vault from 1.13 on and `OpenBao`: its shares were right, and its keyring is damaged. Wrong shares fail there at the
    /// stored keys, with other words (recorded of `OpenBao` 2.6.2 and 2.7.2, and of Vault 1.14.1).
    New,
}

impl Release {
    /// The release with this `version`: `1.12.2`, `2.7.2`, `1.13.0+ent`.
    pub fn of(version: Option<&ExternalText>) -> Self {
        let Some(text) = version.map(ToString::to_string) else { return Self::Unknown };
        let mut numbers = text.split('.').map(|part| part.parse::<u32>().ok());
        match (numbers.next().flatten(), numbers.next().flatten()) {
            (Some(0), Some(_)) | (Some(1), Some(0..=12)) => Self::Old,
            (Some(_), Some(_)) => Self::New,
            _ => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_change_of_vault_1_13_tells_old_from_new() {
        for (version, release) in [
            ("0.11.6", Release::Old),
            ("1.12.2", Release::Old),
            ("1.12.11+ent", Release::Old),
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
