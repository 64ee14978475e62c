//! The file of shares sealed to a TPM.

use crate::said;
use vault_unseal::shares::tpm::{Blob, TAG_LENGTH, TEXT_LIMIT};

pub(crate) fn check(data: &[u8]) -> bool {
    let blob = match Blob::parse(data) {
        Ok(blob) => blob,
        Err(error) => {
            said::text(&error.to_string(), data);
            return false;
        }
    };
    // One spelling: nothing can be changed in the file without being seen.
    assert_eq!(String::from_utf8_lossy(&blob.render()), String::from_utf8_lossy(data));
    assert!((TAG_LENGTH..=TAG_LENGTH + TEXT_LIMIT).contains(&blob.ciphertext.len()));
    assert!(!blob.public.is_empty() && !blob.private.is_empty());
    if let Some(pcrs) = &blob.pcrs {
        assert!(
            pcrs.selection().is_some() && pcrs.values.keys().all(|number| *number < 24),
            "{:?}",
            pcrs.values
        );
    }
    // What the cipher covers has no ciphertext, and so is no file.
    assert!(Blob::parse(&blob.associated_data()).is_err());
    true
}
