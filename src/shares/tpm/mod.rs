//! Shares sealed to a TPM 2.0: a file that only the TPM which wrote it can open.
//!
//! Everything that speaks with the TPM, and the cipher, is in an executable of its own (`src/bin/tpm`) that lives for
//! one opening: its memory goes with it, and this process never links libtss2.

mod blob;
pub(super) mod error;
mod helper;
mod pcrs;

pub use super::credential::SealedFile;
pub use blob::{Blob, BoundPcrs, KEY_LENGTH, NONCE_LENGTH, TAG_LENGTH, TEXT_LIMIT};
pub use error::{TpmError, TpmErrorKind};
pub use helper::{INSTALLED, OPEN_LIMIT, SEAL_LIMIT, TURN_LIMIT, device, find};
pub use pcrs::{PcrBank, PcrSelection, PcrSelectionError};

use super::credential;
use super::error::ShareError;
use super::format::{self, ContentRefusal};
use super::share::LIMIT;
use super::source::ShareSource;
use crate::accounts::Trusted;
use crate::files::{self, Content, FileRefusal};
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
/// Blocks for up to [`TURN_LIMIT`] and [`OPEN_LIMIT`]. Errors: those of reading the file, and [`ShareError::Tpm`].
pub fn open(
    file: &SealedFile,
    tcti: Option<&str>,
    trusted: &Trusted,
) -> Result<Zeroizing<Vec<u8>>, ShareError> {
    let bytes = read(file, trusted)?;
    let failed = |cause| ShareError::Tpm(file.clone(), cause);
    let blob = Blob::parse(&bytes).map_err(failed)?;
    let length = blob.ciphertext.len().saturating_sub(TAG_LENGTH);
    helper::open(&bytes, length, &helper::resolve(tcti)).map_err(failed)
}

/// The bytes: of the file by the rules for share files, of a credential as systemd gave it.
///
/// Errors: [`ShareError::File`], [`ShareError::Copy`], and [`ShareError::NotSealed`] where there is none.
fn read(file: &SealedFile, trusted: &Trusted) -> Result<Zeroizing<Vec<u8>>, ShareError> {
    let path = file.path();
    let Some((directory, name)) = file.copy() else {
        return files::read(path, Content::Shares, trusted, LIMIT).map_err(|cause| match cause {
            FileRefusal::Missing => ShareError::NotSealed(file.clone()),
            cause => ShareError::of_file(path)(cause),
        });
    };
    let bytes = credential::read(Some(directory), name).map_err(|cause| ShareError::Copy {
        name: name.to_owned(),
        path: path.to_owned(),
        cause,
    })?;
    if bytes.trim_ascii().is_empty() {
        return Err(ShareError::NotSealed(file.clone()));
    }
    Ok(bytes)
}

/// What can be known of the file without a TPM: that it may be trusted, and what it says.
///
/// Errors: those of reading the file, and [`ShareError::Tpm`].
pub fn look(file: &SealedFile, trusted: &Trusted) -> Result<Blob, ShareError> {
    Blob::parse(&read(file, trusted)?).map_err(|cause| ShareError::Tpm(file.clone(), cause))
}

/// Seals a text with shares, in any format that a share file may have: the bytes of the file.
///
/// The TPM has opened it once before it is returned. Blocks for up to [`TURN_LIMIT`] and [`SEAL_LIMIT`].
pub fn seal(text: &[u8], how: &Sealing) -> Result<Vec<u8>, TpmError> {
    count(text).map_err(|cause| {
        TpmError::new(TpmErrorKind::Failed, format!("what is to be sealed cannot be used: {cause}"))
    })?;
    let sealed = helper::seal(text, how.pcrs.as_ref(), &helper::resolve(how.tcti.as_deref()))?;
    // What is not a file of ours must not be written over anything.
    Blob::parse(&sealed)?;
    Ok(sealed)
}

/// How many different shares a text holds.
pub fn count(text: &[u8]) -> Result<usize, ContentRefusal> {
    let nowhere = ShareSource::File("-".into());
    format::parse(text, &nowhere).map(|loaded| loaded.shares.count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::Explain;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::{Path, PathBuf};

    /// A sealed file at `files/shares.tpm2`, and a directory for credentials beside it.
    fn machine() -> (tempfile::TempDir, PathBuf, PathBuf) {
        let root = crate::testing::directory();
        let [files, credentials] = ["files", "credentials"].map(|name| root.path().join(name));
        fs::create_dir(&files).unwrap();
        fs::create_dir(&credentials).unwrap();
        let path = files.join("shares.tpm2");
        fs::write(&path, "the file").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        (root, path, credentials)
    }

    #[test]
    fn a_credential_of_the_files_name_is_read_in_its_place() {
        let (_root, path, credentials) = machine();
        let opened = |directory: Option<&Path>| {
            let file = SealedFile::with_credentials(&path, directory.map(Path::to_owned));
            (read(&file, &Trusted::default()).unwrap().to_vec(), file.location())
        };
        let itself = (b"the file".to_vec(), path.clone());
        assert_eq!(opened(None), itself);
        assert_eq!(opened(Some(&credentials)), itself, "no credentials at all");
        fs::write(credentials.join("shares"), "another").unwrap();
        assert_eq!(opened(Some(&credentials)), itself, "none of its name");
        let copy = credentials.join("shares.tpm2");
        fs::write(&copy, "the copy").unwrap();
        assert_eq!(opened(Some(&credentials)), (b"the copy".to_vec(), copy));
        fs::remove_file(&path).unwrap();
        assert_eq!(opened(Some(&credentials)).0, b"the copy", "the file need not be there for the service");
    }

    #[test]
    fn a_file_that_is_missing_is_to_be_made() {
        let (_root, path, _) = machine();
        fs::remove_file(&path).unwrap();
        let error = read(&SealedFile::itself(&path), &Trusted::default()).unwrap_err();
        let message = format!("cannot read shares from {}: there is no such file", path.display());
        assert_eq!((error.kind(), error.to_string()), ("sealed-file-missing", message));
        let command = format!("Seal the shares: vault-unseal enroll FILE --tpm2 --output {}", path.display());
        assert_eq!(error.advice(), Some(command));
    }

    #[test]
    fn what_is_wrong_with_the_copy_names_both() {
        let (_root, path, credentials) = machine();
        let copy = credentials.join("shares.tpm2");
        let refusal = || {
            let file = SealedFile::with_credentials(&path, Some(credentials.clone()));
            read(&file, &Trusted::default()).unwrap_err()
        };
        for text in ["", "\n"] {
            fs::write(&copy, text).unwrap();
            let error = refusal();
            assert_eq!(error.kind(), "sealed-file-missing");
            assert_eq!(
                error.to_string(),
                format!(
                    "cannot read shares from credential \"shares.tpm2\" in place of {}: it is empty, and there was no \
                     such file when the service started",
                    path.display()
                )
            );
            let advice = error.advice().unwrap();
            let command = format!("vault-unseal enroll FILE --tpm2 --output {}", path.display());
            assert!(advice.contains(&command) && advice.ends_with("restart the service"), "{advice}");
        }
        fs::remove_file(&copy).unwrap();
        fs::create_dir(&copy).unwrap();
        let error = refusal();
        assert_eq!(error.kind(), "credential-not-regular");
        let places = format!("from credential \"shares.tpm2\" in place of {}: ", path.display());
        assert!(error.to_string().contains(&places), "{error}");
        assert!(error.advice().unwrap().contains("systemctl cat vault-unseal"), "{error}");
    }
}
