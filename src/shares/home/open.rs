//! Opens what rests in a home, and finds out what it is bound to: for sealing it anew.

use super::{CredentialKey, CredentialKind, CredentialSealing, Home, HomeError, credential};
use crate::accounts::Trusted;
use crate::files::{self, Content};
use crate::shares::tpm::{self, PcrBank, PcrSelection};
use crate::shares::{LIMIT, Loaded, ShareError, Source, format};
use std::path::Path;

impl Home {
    /// The shares that rest there. Blocks as [`Home::prepare`] does.
    ///
    /// Errors: it is not there or not protected; it does not open, because the machine has changed for example.
    pub fn open(&self, trusted: &Trusted) -> Result<Loaded, HomeError> {
        let closed = |cause| HomeError::Closed { cause: Box::new(cause) };
        match self {
            Self::Plain { path } => Source::File(path.clone()).load(trusted).map_err(closed),
            Self::Tpm2 { path, sealing } => {
                let source = Source::Tpm2 { path: path.clone(), tcti: sealing.tcti.clone() };
                source.load(trusted).map_err(closed)
            }
            Self::Credential { path, sealing } => decrypted(&self.sealed(trusted)?, path, sealing),
        }
    }

    /// The same home, bound to the same PCRs as the file that is there, unless others are named already.
    pub fn bound_as_before(mut self, trusted: &Trusted) -> Result<Self, HomeError> {
        match &self {
            Self::Tpm2 { path, .. } => {
                let before = tpm::look(&tpm::SealedFile::itself(path), trusted)
                    .map_err(|cause| HomeError::Closed { cause: Box::new(cause) })?
                    .description()
                    .pcrs;
                if let Self::Tpm2 { sealing, .. } = &mut self {
                    sealing.pcrs = sealing.pcrs.take().or(before);
                }
            }
            Self::Credential { .. } => {
                let kind = CredentialKind::of(&self.sealed(trusted)?);
                let numbers =
                    kind.as_ref().and_then(CredentialKind::tpm2).map(|binding| binding.pcrs.clone());
                if let Self::Credential { sealing, .. } = &mut self {
                    let before = numbers.and_then(|numbers| PcrSelection::of(PcrBank::Sha256, numbers));
                    sealing.pcrs = sealing.pcrs.take().or(before);
                }
            }
            Self::Plain { .. } => {}
        }
        Ok(self)
    }

    /// How many shares rest there, where the file says so without being opened.
    pub fn count(&self, trusted: &Trusted) -> Option<usize> {
        match self {
            Self::Tpm2 { path, .. } => {
                tpm::look(&tpm::SealedFile::itself(path), trusted).ok().map(|blob| blob.shares)
            }
            Self::Plain { .. } | Self::Credential { .. } => None,
        }
    }

    /// The file as it is.
    fn sealed(&self, trusted: &Trusted) -> Result<zeroize::Zeroizing<Vec<u8>>, HomeError> {
        let path = self.path();
        files::read(path, Content::Shares, trusted, LIMIT).map_err(|cause| {
            let cause = ShareError::File { path: path.to_owned(), cause };
            HomeError::Closed { cause: Box::new(cause) }
        })
    }
}

/// Which keys protect the encrypted credential in the file at `path`, whoever owns it; `None` when that is none.
///
/// Errors: [`ShareError::File`].
pub fn credential_kind(path: &Path) -> Result<Option<CredentialKind>, ShareError> {
    let bytes = files::read_unjudged(path, LIMIT)
        .map_err(|cause| ShareError::File { path: path.to_owned(), cause })?;
    Ok(CredentialKind::of(&bytes))
}

/// The shares in the encrypted credential in the file at `path`, whoever owns it, as systemd hands them to a service.
///
/// Blocks as [`Home::prepare`] does. Errors: it cannot be read, or it does not open on this machine by this name.
pub fn open_credential(path: &Path, name: &str, kind: &CredentialKind) -> Result<Loaded, HomeError> {
    let bytes = files::read_unjudged(path, LIMIT).map_err(|cause| {
        let cause = ShareError::File { path: path.to_owned(), cause };
        HomeError::Closed { cause: Box::new(cause) }
    })?;
    let key = match kind {
        CredentialKind::Tpm2(_) => CredentialKey::Tpm2,
        CredentialKind::HostAndTpm2(_) => CredentialKey::HostAndTpm2,
        CredentialKind::Host | CredentialKind::Nothing | CredentialKind::Unknown => CredentialKey::Host,
    };
    decrypted(&bytes, path, &CredentialSealing { name: name.to_owned(), key, pcrs: None, device: None })
}

fn decrypted(bytes: &[u8], path: &Path, sealing: &CredentialSealing) -> Result<Loaded, HomeError> {
    let text = credential::decrypt(bytes, sealing)
        .map_err(|cause| HomeError::CredentialUnopened { path: path.to_owned(), cause })?;
    let origin = Source::File(path.to_owned());
    format::parse(&text, &origin)
        .map_err(|cause| HomeError::Closed { cause: Box::new(ShareError::Content { origin, cause }) })
}
