//! Where shares are stored, and how they are protected there.
//!
//! Two steps, for whoever has something to lose between them: [`ShareStore::prepare`] finds everything that can fail,
//! [`PreparedStore::store`] then seals, writes, opens again what was written, compares, and only then lets it take the
//! place of what was there before. What is stored can be opened, and sealed anew as it was.

mod credential;
mod protection;
pub(super) mod write;

pub use credential::{CredentialKey, CredentialSealing, SystemdCredsError};
pub use protection::{CredentialKind, StoreProtection, Tpm2Binding};
pub use write::{Existing, StoreError};

pub(super) use protection::is_credential_id;
pub(super) use write::AS_ROOT;

use super::error::ShareError;
use super::share::{LIMIT, Share, ShareSet};
use super::source::{LoadedShares, ShareSource};
use super::tpm::{self, PcrBank, PcrSelection, SealedFile};
use crate::accounts::Trusted;
use crate::files::{self, Content};
use std::path::{Path, PathBuf};
use write::{Reserved, same, share_file};
use zeroize::Zeroizing;

/// How many bytes of randomness stand in for a share in the trial: a bare key's.
const TRIAL: usize = 32;

/// A file for shares, and what protects them in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShareStore {
    /// As they are in this file, whose owner and mode protect them.
    Plain(PathBuf),
    /// An encrypted systemd credential (systemd-creds(1)) in this file, for `LoadCredentialEncrypted=`: its name and
    /// its keys.
    Credential(PathBuf, CredentialSealing),
    /// Sealed to this machine's TPM in this file, for `shares = { tpm2 = … }`: the PCRs and the TPM.
    Tpm2(PathBuf, tpm::Sealing),
}

/// A store that has proved that it can be written, and what is written be opened again. Dropped, it leaves nothing.
pub struct PreparedStore {
    target: ShareStore,
    reserved: Reserved,
    /// Who may own the file and its directory.
    trusted: Trusted,
}

/// Shares that were stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredShares {
    /// Where, and how.
    pub target: ShareStore,
    /// How many shares.
    pub count: usize,
    /// Which keys and PCRs really protect it.
    pub protection: StoreProtection,
}

impl ShareStore {
    /// The file.
    pub fn path(&self) -> &Path {
        match self {
            Self::Plain(path) | Self::Credential(path, _) | Self::Tpm2(path, _) => path,
        }
    }

    /// The same protection for another file.
    #[must_use]
    pub fn at(mut self, other: PathBuf) -> Self {
        match &mut self {
            Self::Plain(path) | Self::Credential(path, _) | Self::Tpm2(path, _) => *path = other,
        }
        self
    }

    /// Gives a credential this name.
    pub fn name_credential(&mut self, name: &str) {
        if let Self::Credential(_, sealing) = self {
            name.clone_into(&mut sealing.name);
        }
    }

    /// A stable word for each: `plain`, `credential`, `tpm2`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Plain(_) => "plain",
            Self::Credential(..) => "credential",
            Self::Tpm2(..) => "tpm2",
        }
    }

    /// Whether this machine alone can open it.
    pub fn is_sealed(&self) -> bool {
        !matches!(self, Self::Plain(_))
    }

    /// Does everything that can fail with random bytes in place of shares: makes the directory if only it is missing,
    /// judges it, writes beside the file and opens again. Disk space stays reserved.
    ///
    /// Blocks, with a slow TPM for seconds. Errors: the directory, the disk, `systemd-creds` or the TPM.
    pub fn prepare(self, existing: Existing, trusted: &Trusted) -> Result<PreparedStore, StoreError> {
        let reserved = Reserved::beside(self.path(), existing, Some(trusted))?;
        let prepared = PreparedStore { target: self, reserved, trusted: trusted.clone() };
        prepared.put(&share_file([random().as_slice()].into_iter(), None))?;
        prepared.reserved.keep_room()?;
        Ok(prepared)
    }
}

impl PreparedStore {
    /// Stores the shares. When it fails nothing has changed, and it can be tried again.
    ///
    /// Blocks as [`ShareStore::prepare`] does. Errors: as there; and the file was put there by somebody else meanwhile.
    pub fn store(&mut self, shares: &ShareSet) -> Result<StoredShares, StoreError> {
        if self.reserved.in_place() {
            return Err(StoreError::Occupied(self.target.path().to_owned()));
        }
        let protection = self.put(&share_file(shares.iter().map(Share::bytes), shares.scheme()))?;
        self.reserved.take_place()?;
        Ok(StoredShares { target: self.target.clone(), count: shares.count(), protection })
    }

    /// Seals the text, writes it beside the file, opens what was written and compares.
    fn put(&self, text: &[u8]) -> Result<StoreProtection, StoreError> {
        let path = || self.target.path().to_owned();
        let (protection, opened) = match &self.target {
            ShareStore::Plain(_) => {
                self.reserved.write(text)?;
                (StoreProtection::default(), self.reserved.read()?)
            }
            ShareStore::Credential(_, sealing) => {
                let refused = |cause| StoreError::Credential(path(), cause);
                let (sealed, protection) = credential::encrypt(text, sealing).map_err(refused)?;
                self.reserved.write(&sealed)?;
                let opened = credential::decrypt(&self.reserved.read()?, sealing).map_err(refused)?;
                (protection, opened)
            }
            ShareStore::Tpm2(_, sealing) => {
                let refused = |cause| StoreError::Tpm(path(), cause);
                let sealed = tpm::seal(text, sealing).map_err(refused)?;
                self.reserved.write(&sealed)?;
                // Read as the daemon will read it.
                let written = SealedFile::itself(&self.reserved.path());
                let opened = tpm::open(&written, sealing.tcti.as_deref(), &self.trusted)
                    .map_err(|cause| StoreError::Unopened(path(), Box::new(cause)))?;
                (StoreProtection::of_tpm2(&tpm::Blob::parse(&sealed).map_err(refused)?), opened)
            }
        };
        if same(&opened, text) { Ok(protection) } else { Err(StoreError::Differs(path())) }
    }
}

/// Bytes that are nobody's share. They need not be secret.
fn random() -> [u8; TRIAL] {
    std::array::from_fn(|_| fastrand::u8(..))
}

impl ShareStore {
    /// The shares that are stored there. Blocks as [`ShareStore::prepare`] does.
    ///
    /// Errors: it is not there or not protected; it does not open, because the machine has changed for example.
    pub fn open(&self, trusted: &Trusted) -> Result<LoadedShares, StoreError> {
        let source = match self {
            Self::Plain(path) => ShareSource::File(path.clone()),
            Self::Tpm2(path, sealing) => ShareSource::Tpm2 { path: path.clone(), tcti: sealing.tcti.clone() },
            Self::Credential(path, sealing) => return decrypted(&sealed(path, trusted)?, path, sealing),
        };
        Ok(source.load(trusted)?)
    }

    /// The same, bound to the same PCRs as the file that is there, unless others are named already.
    pub fn bound_as_before(mut self, trusted: &Trusted) -> Result<Self, StoreError> {
        match &mut self {
            Self::Tpm2(path, sealing) => {
                let bound = tpm::look(&SealedFile::itself(path), trusted)?.pcrs;
                let before = bound.and_then(|bound| bound.selection());
                sealing.pcrs = sealing.pcrs.take().or(before);
            }
            Self::Credential(path, sealing) => {
                let kind = CredentialKind::of(&sealed(path, trusted)?);
                let numbers =
                    kind.as_ref().and_then(CredentialKind::tpm2).map(|binding| binding.pcrs.clone());
                let before = numbers.and_then(|numbers| PcrSelection::of(PcrBank::Sha256, numbers));
                sealing.pcrs = sealing.pcrs.take().or(before);
            }
            Self::Plain(_) => {}
        }
        Ok(self)
    }

    /// How many shares are stored there, where the file says so without being opened.
    pub fn count(&self, trusted: &Trusted) -> Option<usize> {
        match self {
            Self::Tpm2(path, _) => tpm::look(&SealedFile::itself(path), trusted).ok().map(|blob| blob.shares),
            Self::Plain(_) | Self::Credential(..) => None,
        }
    }
}

/// The file as it is.
fn sealed(path: &Path, trusted: &Trusted) -> Result<Zeroizing<Vec<u8>>, ShareError> {
    files::read(path, Content::Shares, trusted, LIMIT).map_err(ShareError::of_file(path))
}

/// Which keys protect the encrypted credential in the file at `path`, whoever owns it; `None` when that is none.
///
/// Errors: [`ShareError::File`].
pub fn credential_kind(path: &Path) -> Result<Option<CredentialKind>, ShareError> {
    let bytes = files::read_unjudged(path, LIMIT).map_err(ShareError::of_file(path))?;
    Ok(CredentialKind::of(&bytes))
}

/// The shares in the encrypted credential in the file at `path`, whoever owns it, as systemd hands them to a service.
///
/// Blocks as [`ShareStore::prepare`] does. Errors: it cannot be read, or it does not open on this machine by this name.
pub fn open_credential(path: &Path, name: &str, kind: &CredentialKind) -> Result<LoadedShares, StoreError> {
    let bytes = files::read_unjudged(path, LIMIT).map_err(ShareError::of_file(path))?;
    let key = match kind {
        CredentialKind::Tpm2(_) => CredentialKey::Tpm2,
        CredentialKind::HostAndTpm2(_) => CredentialKey::HostAndTpm2,
        CredentialKind::Host | CredentialKind::Nothing | CredentialKind::Unknown => CredentialKey::Host,
    };
    decrypted(&bytes, path, &CredentialSealing { name: name.to_owned(), key, pcrs: None, device: None })
}

fn decrypted(bytes: &[u8], path: &Path, sealing: &CredentialSealing) -> Result<LoadedShares, StoreError> {
    let text = credential::decrypt(bytes, sealing)
        .map_err(|cause| StoreError::CredentialUnopened(path.to_owned(), cause))?;
    Ok(ShareSource::File(path.to_owned()).parse(&text)?)
}
