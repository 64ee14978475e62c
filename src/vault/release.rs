//! What a server's version says of its answers.

use crate::external::ExternalText;

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
