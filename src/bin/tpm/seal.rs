//! From the shares to the file.

use super::connection::connect;
use super::failure::Failure;
use super::{aead, open, pcr, primary, sealed_key, structures};
use vault_unseal::shares::tpm::{self, Blob, PcrSelection, TpmTrouble};

/// The file that holds `text`. It is opened once before it is given away: a file that cannot be opened is worth nothing.
pub(crate) fn seal(text: &[u8], pcrs: Option<&PcrSelection>, tcti: &str) -> Result<Vec<u8>, Failure> {
    let shares = tpm::count(text).map_err(|cause| {
        Failure::new(TpmTrouble::Failed, format!("what is to be sealed cannot be used: {cause}"))
    })?;
    let file = sealed(text, shares, pcrs, tcti)?;
    let opened = open::open(&file, tcti)?;
    if *opened == text {
        Ok(file)
    } else {
        Err(Failure::new(TpmTrouble::Failed, "what the TPM opens is not what was sealed"))
    }
}

fn sealed(text: &[u8], shares: usize, pcrs: Option<&PcrSelection>, tcti: &str) -> Result<Vec<u8>, Failure> {
    let key = aead::new_key()?;
    let mut context = connect(tcti)?;
    let primary = primary::any(&mut context)?;
    let pcrs = pcrs.map(|selection| pcr::read(&mut context, selection)).transpose()?;
    let (public, private) = sealed_key::create(&mut context, &primary, pcrs.as_ref(), &key)?;
    let mut blob = Blob {
        shares,
        primary: primary.name,
        pcrs,
        public: structures::public_bytes(&public)?,
        private: structures::private_bytes(&private)?,
        nonce: aead::new_nonce()?,
        ciphertext: Vec::new(),
    };
    aead::encrypt(&mut blob, &key, text)?;
    Ok(blob.render())
}
