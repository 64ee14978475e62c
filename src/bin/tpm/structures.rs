//! TPM structures as bytes, each with the two bytes of its length before it, as tpm2-tools keep them in files.

use super::failure::Failure;
use ring::digest::{SHA256, digest};
use tss_esapi::Error;
use tss_esapi::structures::{Private, Public};
use tss_esapi::traits::{Marshall, UnMarshall};
use vault_unseal::shares::tpm::TpmTrouble;

/// `TPM_ALG_SHA256`, which names made with it begin with.
pub(crate) const ALGORITHM_SHA256: [u8; 2] = [0x00, 0x0b];

/// The name of an object whose name algorithm is SHA-256 (TPM 2.0 Library, part 1, 16): computed here, not believed.
pub(crate) fn name(public: &Public) -> Result<[u8; 34], Error> {
    let area = public.marshall()?;
    let mut name = [0; 34];
    let hash = digest(&SHA256, &area);
    let parts = ALGORITHM_SHA256.iter().chain(hash.as_ref());
    name.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
    Ok(name)
}

/// `TPM2B_PUBLIC`.
pub(crate) fn public_bytes(public: &Public) -> Result<Vec<u8>, Failure> {
    let area = public.marshall().map_err(|error| Failure::of_command("a public area", error))?;
    with_length(&area)
}

/// `TPM2B_PRIVATE`.
pub(crate) fn private_bytes(private: &Private) -> Result<Vec<u8>, Failure> {
    with_length(private.value())
}

/// From `TPM2B_PUBLIC`, if it is nothing else.
pub(crate) fn public(bytes: &[u8]) -> Result<Public, Failure> {
    let area = without_length(bytes)?;
    let public = Public::unmarshall(area).map_err(|_| corrupt())?;
    let again = public.marshall().map_err(|_| corrupt())?;
    if again == area { Ok(public) } else { Err(corrupt()) }
}

/// From `TPM2B_PRIVATE`.
pub(crate) fn private(bytes: &[u8]) -> Result<Private, Failure> {
    Private::try_from(without_length(bytes)?.to_vec()).map_err(|_| corrupt())
}

fn with_length(bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    let length = u16::try_from(bytes.len())
        .map_err(|_| Failure::new(TpmTrouble::Failed, "the TPM gave a structure that is too long"))?;
    Ok([length.to_be_bytes().as_slice(), bytes].concat())
}

fn without_length(bytes: &[u8]) -> Result<&[u8], Failure> {
    let (length, rest) = bytes.split_first_chunk().ok_or_else(corrupt)?;
    if usize::from(u16::from_be_bytes(*length)) == rest.len() { Ok(rest) } else { Err(corrupt()) }
}

/// The file's structures are not what a TPM wrote.
pub(crate) fn corrupt() -> Failure {
    Failure::new(TpmTrouble::BlobCorrupt, "the sealed key in it is damaged")
}
