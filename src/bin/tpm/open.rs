//! From the file to the shares.

use super::connection::connect;
use super::failure::Failure;
use super::{aead, primary, sealed_key};
use vault_unseal::shares::tpm::Blob;
use zeroize::Zeroizing;

/// The text in `file`.
pub(crate) fn open(file: &[u8], tcti: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let blob = Blob::parse(file)?;
    let mut context = connect(tcti)?;
    let primary = primary::named(&mut context, &blob.primary)?;
    let key = sealed_key::unseal(&mut context, &primary, &blob)?;
    aead::decrypt(&blob, key.value())
}
