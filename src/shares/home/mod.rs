//! Where shares are put, and how they rest there.
//!
//! Two steps, for whoever has something to lose between them: [`Home::prepare`] finds everything that can fail,
//! [`Prepared::store`] then seals, writes, opens again what was written, compares, and only then lets it take the place
//! of what was there before.

mod credential;
mod credential_kind;
mod error;
mod open;
mod text;
pub(super) mod write;

pub use credential::{CredentialKey, CredentialSealing, CredentialTrouble};
pub(in crate::shares) use credential_kind::is_credential_id;
pub use credential_kind::{CredentialKind, Tpm2Binding};
pub(in crate::shares) use error::AS_ROOT;
pub use error::HomeError;
pub use open::{credential_kind, open_credential};

use super::{ShareSet, tpm};
use crate::accounts::Trusted;
use std::path::{Path, PathBuf};
use write::Reserved;

/// How many bytes of randomness stand in for a share in the trial: a bare key's.
const TRIAL: usize = 32;

/// A file for shares, and what protects them in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Home {
    /// As they are; the file's owner and mode protect them.
    Plain {
        /// The file.
        path: PathBuf,
    },
    /// An encrypted systemd credential (systemd-creds(1)), for `LoadCredentialEncrypted=`.
    Credential {
        /// The file.
        path: PathBuf,
        /// Its name and its keys.
        sealing: CredentialSealing,
    },
    /// Sealed to this machine's TPM, for `shares = { tpm2 = … }`.
    Tpm2 {
        /// The file.
        path: PathBuf,
        /// The PCRs and the TPM.
        sealing: tpm::Sealing,
    },
}

/// Whether a file that is there already may be replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// It is kept, and nothing is stored.
    Keep,
    /// It is replaced at one stroke, once the new one was opened and compared.
    Replace,
}

/// A home that has proved that it can be written, and what is written be opened again. Dropped, it leaves nothing.
pub struct Prepared {
    home: Home,
    reserved: Reserved,
    /// Who may own the file and its directory.
    trusted: Trusted,
}

/// Shares that were stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Where, and how.
    pub home: Home,
    /// How many shares.
    pub count: usize,
    /// Which keys and PCRs really protect it.
    pub protection: Protection,
}

/// What protects shares where they rest, from the file itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Protection {
    /// Of a credential: which keys.
    pub kind: Option<CredentialKind>,
    /// The PCRs that must not change, with their bank where there is a choice of it.
    pub pcrs: Option<String>,
    /// Nothing has been measured into any of these PCRs, so that they bind to nothing: the firmware does not measure.
    pub unmeasured: bool,
}

impl Home {
    /// The file.
    pub fn path(&self) -> &Path {
        match self {
            Self::Plain { path } | Self::Credential { path, .. } | Self::Tpm2 { path, .. } => path,
        }
    }

    /// The same protection for another file.
    #[must_use]
    pub fn at(mut self, other: PathBuf) -> Self {
        match &mut self {
            Self::Plain { path } | Self::Credential { path, .. } | Self::Tpm2 { path, .. } => *path = other,
        }
        self
    }

    /// Gives a credential this name.
    pub fn name_credential(&mut self, name: &str) {
        if let Self::Credential { sealing, .. } = self {
            name.clone_into(&mut sealing.name);
        }
    }

    /// A stable word for each: `plain`, `credential`, `tpm2`.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Plain { .. } => "plain",
            Self::Credential { .. } => "credential",
            Self::Tpm2 { .. } => "tpm2",
        }
    }

    /// Whether this machine alone can open it.
    pub fn is_sealed(&self) -> bool {
        !matches!(self, Self::Plain { .. })
    }

    /// Does everything that can fail with random bytes in place of shares: makes the directory if only it is missing,
    /// judges it, writes beside the file and opens again. Disk space stays reserved.
    ///
    /// Blocks, with a slow TPM for seconds. Errors: the directory, the disk, `systemd-creds` or the TPM.
    pub fn prepare(self, existing: Existing, trusted: &Trusted) -> Result<Prepared, HomeError> {
        let reserved = Reserved::beside(self.path(), existing, trusted)?;
        let prepared = Prepared { home: self, reserved, trusted: trusted.clone() };
        prepared.put(&text::of([random().as_slice()].into_iter(), None))?;
        prepared.reserved.keep_room()?;
        Ok(prepared)
    }
}

impl Prepared {
    /// The home.
    pub fn home(&self) -> &Home {
        &self.home
    }

    /// Stores the shares. When it fails nothing has changed, and it can be tried again.
    ///
    /// Blocks as [`Home::prepare`] does. Errors: as there; and the file was put there by somebody else meanwhile.
    pub fn store(&mut self, shares: &ShareSet) -> Result<Stored, HomeError> {
        if self.reserved.in_place() {
            return Err(HomeError::Occupied { path: self.home.path().to_owned() });
        }
        let protection = self.put(&text::of(shares.iter().map(super::Share::bytes), shares.scheme()))?;
        self.reserved.take_place()?;
        Ok(Stored { home: self.home.clone(), count: shares.count(), protection })
    }

    /// Seals the text, writes it beside the file, opens what was written and compares.
    fn put(&self, text: &[u8]) -> Result<Protection, HomeError> {
        let path = self.home.path();
        let (protection, opened) = match &self.home {
            Home::Plain { .. } => {
                self.reserved.write(text)?;
                (Protection::default(), self.reserved.read()?)
            }
            Home::Credential { sealing, .. } => {
                let (sealed, protection) =
                    credential::encrypt(text, sealing).map_err(|cause| self.refused(cause))?;
                self.reserved.write(&sealed)?;
                let written = self.reserved.read()?;
                (protection, credential::decrypt(&written, sealing).map_err(|cause| self.refused(cause))?)
            }
            Home::Tpm2 { sealing, .. } => {
                let refused = |cause| HomeError::Tpm { path: path.to_owned(), cause };
                let sealed = tpm::seal(text, sealing).map_err(refused)?;
                self.reserved.write(&sealed)?;
                // Read as the daemon will read it.
                let opened = tpm::open(
                    &tpm::SealedFile::itself(&self.reserved.path()),
                    sealing.tcti.as_deref(),
                    &self.trusted,
                )
                .map_err(|cause| HomeError::Unopened { path: path.to_owned(), cause: Box::new(cause) })?;
                (Protection::of_tpm2(&tpm::Blob::parse(&sealed).map_err(refused)?), opened)
            }
        };
        if !text::same(&opened, text) {
            return Err(HomeError::Differs { path: path.to_owned() });
        }
        Ok(protection)
    }

    fn refused(&self, cause: CredentialTrouble) -> HomeError {
        HomeError::Credential { path: self.home.path().to_owned(), cause }
    }
}

impl Protection {
    /// That of a file sealed to the TPM.
    pub fn of_tpm2(blob: &tpm::Blob) -> Self {
        let Some(bound) = &blob.pcrs else { return Self::default() };
        Self {
            kind: None,
            pcrs: bound.selection().map(|selection| selection.to_string()),
            // What a PCR holds when the machine starts: zeros, or for those of a dynamic launch ones.
            unmeasured: bound
                .values
                .values()
                .all(|value| value.iter().all(|byte| *byte == 0) || value.iter().all(|byte| *byte == 0xff)),
        }
    }
}

/// Bytes that are nobody's share. They need not be secret.
fn random() -> [u8; TRIAL] {
    std::array::from_fn(|_| fastrand::u8(..))
}
