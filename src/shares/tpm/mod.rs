//! Shares sealed to a TPM 2.0: a file that only the TPM which wrote it can open.
//!
//! Everything that speaks with the TPM, and the cipher, is in an executable of its own (`src/bin/tpm`) that lives for
//! one opening: its memory goes with it, and this process never links libtss2.

mod blob;
mod helper;
mod pcrs;
mod refusal;
mod sealed_file;
mod tcti;

pub use blob::{Blob, BoundPcrs, Description, KEY_LENGTH, NONCE_LENGTH, TAG_LENGTH, TEXT_LIMIT};
pub use helper::{INSTALLED, OPEN_LIMIT, SEAL_LIMIT, TURN_LIMIT, find};
pub use pcrs::{PcrBank, PcrSelection, PcrSelectionError};
pub use refusal::{TpmRefusal, TpmTrouble};
pub use sealed_file::SealedFile;
pub use tcti::device;

use super::{ContentRefusal, ShareError, Source, format};
use crate::accounts::Trusted;
use zeroize::Zeroizing;

/// How shares are sealed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sealing {
    /// The PCRs that must not change until they are opened; `None` binds them to the TPM alone.
    pub pcrs: Option<PcrSelection>,
    /// Which TPM; `None` looks for one as the daemon does.
    pub tcti: Option<String>,
}

/// Reads the file, and lets the TPM open it: the text with the shares.
///
/// Blocks for up to [`TURN_LIMIT`] and [`OPEN_LIMIT`]. Errors: those of [`SealedFile::read`], and [`ShareError::Tpm`].
pub fn open(
    file: &SealedFile,
    tcti: Option<&str>,
    trusted: &Trusted,
) -> Result<Zeroizing<Vec<u8>>, ShareError> {
    let bytes = file.read(trusted)?;
    let failed = |cause| ShareError::Tpm { file: file.clone(), cause };
    let blob = Blob::parse(&bytes).map_err(failed)?;
    helper::open(&bytes, text_length(&blob), &tcti::resolve(tcti)).map_err(failed)
}

/// What can be known of the file without a TPM: that it may be trusted, and what it says.
///
/// Errors: those of [`SealedFile::read`], and [`ShareError::Tpm`].
pub fn look(file: &SealedFile, trusted: &Trusted) -> Result<Blob, ShareError> {
    Blob::parse(&file.read(trusted)?).map_err(|cause| ShareError::Tpm { file: file.clone(), cause })
}

/// What a sealed file says without a TPM.
pub fn describe(bytes: &[u8]) -> Result<Description, TpmRefusal> {
    Blob::parse(bytes).map(|blob| blob.description())
}

/// Seals a text with shares, in any format that a share file may have: the bytes of the file.
///
/// The TPM has opened it once before it is returned. Blocks for up to [`TURN_LIMIT`] and [`SEAL_LIMIT`].
pub fn seal(text: &[u8], how: &Sealing) -> Result<Vec<u8>, TpmRefusal> {
    count(text).map_err(|cause| {
        TpmRefusal::new(TpmTrouble::Failed, format!("what is to be sealed cannot be used: {cause}"))
    })?;
    let sealed = helper::seal(text, how.pcrs.as_ref(), &tcti::resolve(how.tcti.as_deref()))?;
    // What is not a file of ours must not be written over anything.
    Blob::parse(&sealed)?;
    Ok(sealed)
}

/// How many different shares a text holds.
pub fn count(text: &[u8]) -> Result<usize, ContentRefusal> {
    let nowhere = Source::File("-".into());
    format::parse(text, &nowhere).map(|loaded| loaded.shares.count())
}

fn text_length(blob: &Blob) -> usize {
    blob.ciphertext.len().saturating_sub(TAG_LENGTH)
}
