//! Where a sealed file is read from: its own path, or the copy that systemd made of it for the service.
//!
//! The service runs as a user of its own, who cannot read a file of root's with mode 0600. `LoadCredential=` hands it
//! over under the file's name, and then the copy counts.

use crate::accounts::Trusted;
use crate::external::quote;
use crate::files::{self, Content};
use crate::shares::{FileRefusal, LIMIT, ShareError, credential};
use std::fmt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A sealed file, as this process reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedFile {
    /// The file as it was configured.
    path: PathBuf,
    /// The credential that is read in its place.
    copy: Option<Copy>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Copy {
    directory: PathBuf,
    name: String,
}

impl SealedFile {
    /// The file itself, whatever credentials there are.
    pub fn itself(path: &Path) -> Self {
        Self { path: path.to_owned(), copy: None }
    }

    /// The credential of the file's name if this process was given one, else the file itself.
    pub fn configured(path: &Path) -> Self {
        Self::with_credentials(path, credential::directory())
    }

    fn with_credentials(path: &Path, directory: Option<PathBuf>) -> Self {
        let name = path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        let copy = directory.zip(name).map(|(directory, name)| Copy { directory, name });
        // Whatever is there was meant to be it, and what is wrong with it is then told.
        let given = |copy: &Copy| copy.directory.join(&copy.name).symlink_metadata().is_ok();
        Self { path: path.to_owned(), copy: copy.filter(given) }
    }

    /// The file as it was configured.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a credential is read in its place.
    pub fn is_copy(&self) -> bool {
        self.copy.is_some()
    }

    /// What is opened for it.
    pub fn location(&self) -> PathBuf {
        match &self.copy {
            Some(copy) => copy.directory.join(&copy.name),
            None => self.path.clone(),
        }
    }

    /// The bytes: of the file by the rules for share files, of a credential as systemd gave it.
    ///
    /// Errors: [`ShareError::File`], [`ShareError::Copy`], and [`ShareError::NotSealed`] where there is none.
    pub fn read(&self, trusted: &Trusted) -> Result<Zeroizing<Vec<u8>>, ShareError> {
        let path = &self.path;
        let Some(Copy { directory, name }) = &self.copy else {
            return files::read(path, Content::Shares, trusted, LIMIT).map_err(|cause| match cause {
                FileRefusal::Missing => ShareError::NotSealed { file: self.clone() },
                cause => ShareError::File { path: path.clone(), cause },
            });
        };
        let bytes = credential::read(Some(directory), name).map_err(|cause| ShareError::Copy {
            name: name.clone(),
            path: path.clone(),
            cause,
        })?;
        if bytes.trim_ascii().is_empty() {
            return Err(ShareError::NotSealed { file: self.clone() });
        }
        Ok(bytes)
    }
}

/// As sentences name it: `/etc/vault-unseal/shares.tpm2`, or the credential and what it stands for.
impl fmt::Display for SealedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = quote::sentence(&self.path);
        match &self.copy {
            Some(copy) => write!(f, "credential {:?} in place of {path}", copy.name),
            None => f.write_str(&path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explain::Explain;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

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
        let read = |directory: Option<&Path>| {
            let file = SealedFile::with_credentials(&path, directory.map(Path::to_owned));
            (file.read(&Trusted::default()).unwrap().to_vec(), file.location())
        };
        let itself = (b"the file".to_vec(), path.clone());
        assert_eq!(read(None), itself);
        assert_eq!(read(Some(&credentials)), itself, "no credentials at all");
        fs::write(credentials.join("shares"), "another").unwrap();
        assert_eq!(read(Some(&credentials)), itself, "none of its name");
        let copy = credentials.join("shares.tpm2");
        fs::write(&copy, "the copy").unwrap();
        assert_eq!(read(Some(&credentials)), (b"the copy".to_vec(), copy));
        fs::remove_file(&path).unwrap();
        assert_eq!(read(Some(&credentials)).0, b"the copy", "the file need not be there for the service");
    }

    #[test]
    fn a_file_that_is_missing_is_to_be_made() {
        let (_root, path, _) = machine();
        fs::remove_file(&path).unwrap();
        let error = SealedFile::itself(&path).read(&Trusted::default()).unwrap_err();
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
            SealedFile::with_credentials(&path, Some(credentials.clone()))
                .read(&Trusted::default())
                .unwrap_err()
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
