//! The cipher over the shares: ChaCha20-Poly1305 (RFC 8439), everything else in the file as associated data.

use super::failure::Failure;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use vault_unseal::shares::tpm::{Blob, KEY_LENGTH, NONCE_LENGTH, TAG_LENGTH, TpmTrouble};
use zeroize::Zeroizing;

/// A new random key.
pub(crate) fn new_key() -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut key = Zeroizing::new(vec![0; KEY_LENGTH]);
    fill(&mut key)?;
    Ok(key)
}

/// A new random nonce; the key is used once.
pub(crate) fn new_nonce() -> Result<[u8; NONCE_LENGTH], Failure> {
    let mut nonce = [0; NONCE_LENGTH];
    fill(&mut nonce)?;
    Ok(nonce)
}

/// Fills in the ciphertext of `text`.
pub(crate) fn encrypt(blob: &mut Blob, key: &[u8], text: &[u8]) -> Result<(), Failure> {
    // Room for the tag from the beginning: growing would leave a copy of the text behind.
    let mut buffer = Zeroizing::new(Vec::with_capacity(text.len() + TAG_LENGTH));
    buffer.extend_from_slice(text);
    let nonce = Nonce::assume_unique_for_key(blob.nonce);
    cipher(key)?
        .seal_in_place_append_tag(nonce, Aad::from(blob.associated_data()), &mut *buffer)
        .map_err(|_| Failure::new(TpmTrouble::Failed, "the shares cannot be encrypted"))?;
    blob.ciphertext = std::mem::take(&mut *buffer);
    Ok(())
}

/// The text, if nothing in the file was changed.
pub(crate) fn decrypt(blob: &Blob, key: &[u8]) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut buffer = Zeroizing::new(blob.ciphertext.clone());
    let nonce = Nonce::assume_unique_for_key(blob.nonce);
    let length = cipher(key)?
        .open_in_place(nonce, Aad::from(blob.associated_data()), &mut buffer)
        .map_err(|_| Failure::new(TpmTrouble::BlobCorrupt, "it was changed since the shares were sealed"))?
        .len();
    buffer.truncate(length);
    Ok(buffer)
}

fn cipher(key: &[u8]) -> Result<LessSafeKey, Failure> {
    UnboundKey::new(&CHACHA20_POLY1305, key)
        .map(LessSafeKey::new)
        .map_err(|_| Failure::new(TpmTrouble::BlobCorrupt, "the key that the TPM gave is of another length"))
}

fn fill(bytes: &mut [u8]) -> Result<(), Failure> {
    SystemRandom::new()
        .fill(bytes)
        .map_err(|_| Failure::new(TpmTrouble::Failed, "the kernel gives no random numbers"))
}
