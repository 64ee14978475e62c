//! Reads shares from their source.

use super::error::ShareError;
use super::format::{self, ContentRefusal};
use super::share::LIMIT;
use super::source::{Loaded, Notice, ShareSource};
use super::{credential, tpm};
use crate::accounts::Trusted;
use crate::files::{self, Content, FileVersion};
use std::path::Path;
use std::time::Duration;

/// What a look at the file and the end of the helper may take beside the TPM.
const TPM_GRACE: Duration = Duration::from_secs(2);

impl ShareSource {
    /// Reads, checks and parses the source, which may be those accounts' that are trusted. Blocks on the file system or
    /// the TPM: call it off the loop.
    pub fn load(&self, trusted: &Trusted) -> Result<Loaded, ShareError> {
        let bytes = match self {
            Self::File(path) => {
                files::read(path, Content::Shares, trusted, LIMIT).map_err(ShareError::of_file(path))?
            }
            Self::Credential(name) => credential::read(credential::directory().as_deref(), name)
                .map_err(|cause| ShareError::Credential { name: name.clone(), cause })?,
            Self::Tpm2 { path, tcti } => {
                tpm::open(&tpm::SealedFile::configured(path), tcti.as_deref(), trusted)?
            }
        };
        match self.parse(&bytes) {
            Err(ShareError::Content { origin: Self::Credential(name), cause: ContentRefusal::Empty }) => {
                let made_from = credential::made_from(&name);
                Err(ShareError::EmptyCredential { name, made_from })
            }
            loaded => loaded,
        }
    }

    /// Finds the shares in a text that it gave.
    pub(super) fn parse(&self, text: &[u8]) -> Result<Loaded, ShareError> {
        format::parse(text, self).map_err(|cause| ShareError::Content { origin: self.clone(), cause })
    }

    /// Reads and parses a file of shares whoever owns it and can read it, as systemd does when it makes a credential.
    ///
    /// For telling what the service gets; shares to submit come through [`ShareSource::load`].
    pub fn load_unjudged(path: &Path) -> Result<Loaded, ShareError> {
        let bytes = files::read_unjudged(path, LIMIT).map_err(ShareError::of_file(path))?;
        Self::File(path.to_owned()).parse(&bytes)
    }

    /// What can be proved of the source at once: all of it, or of a sealed file that it is one and may be trusted. The TPM
    /// is not asked: it may be slow, or come later than we do.
    pub fn prove(&self, trusted: &Trusted) -> Result<Vec<Notice>, ShareError> {
        match self {
            Self::Tpm2 { path, .. } => {
                tpm::look(&tpm::SealedFile::configured(path), trusted).map(|_| Vec::new())
            }
            Self::File(_) | Self::Credential(_) => self.load(trusted).map(|loaded| loaded.notices),
        }
    }

    /// How long [`ShareSource::load`] may take at the most, where a request may take `request`.
    pub fn limit(&self, request: Duration) -> Duration {
        match self {
            // Who waits for the TPM ends by itself, and knows more than that it was slow.
            Self::Tpm2 { .. } => tpm::TURN_LIMIT + tpm::OPEN_LIMIT + TPM_GRACE,
            Self::File(_) | Self::Credential(_) => request,
        }
    }

    /// The source's current version; `None` while it cannot be looked at.
    pub fn version(&self) -> Option<FileVersion> {
        let path = match self {
            Self::File(path) => path.clone(),
            Self::Credential(name) => credential::directory()?.join(name),
            Self::Tpm2 { path, .. } => tpm::SealedFile::configured(path).location(),
        };
        FileVersion::of(&path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_version_changes_with_every_way_to_change_a_file() {
        let directory = crate::testing::directory();
        let path = directory.path().join("shares");
        let source = ShareSource::File(path.clone());
        assert_eq!(source.version(), None);

        fs::write(&path, "one").unwrap();
        let written = source.version();
        assert!(written.is_some());
        assert_eq!(source.version(), written, "nothing changed");

        fs::write(&path, "longer").unwrap();
        let rewritten = source.version();
        assert_ne!(rewritten, written, "another size");

        // Same size, same time, another file: what `mv new old` does after `cp -p`.
        let copy = directory.path().join("copy");
        fs::write(&copy, "LONGER").unwrap();
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        fs::File::options().write(true).open(&copy).unwrap().set_modified(time).unwrap();
        fs::rename(&copy, &path).unwrap();
        assert_ne!(source.version(), rewritten, "another inode");

        fs::remove_file(&path).unwrap();
        assert_eq!(source.version(), None);
    }
}
