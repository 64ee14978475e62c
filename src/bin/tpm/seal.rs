//! From the shares to the file and back: a key that the TPM keeps, and the cipher under it, ChaCha20-Poly1305 (RFC 8439)
//! with everything else in the file as associated data.

use super::failure::{Failure, told};
use super::{primary, sealed_key};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use std::fs::File;
use std::io::ErrorKind;
use tss_esapi::Context;
use tss_esapi::tcti_ldr::TctiNameConf;
use vault_unseal::external::error;
use vault_unseal::shares::tpm::{
    self, Blob, KEY_LENGTH, NONCE_LENGTH, PcrSelection, TAG_LENGTH, TpmErrorKind,
};
use zeroize::Zeroizing;

/// The file that holds `text`. It is opened once before it is given away: a file that cannot be opened is worth nothing.
pub(crate) fn seal(text: &[u8], pcrs: Option<&PcrSelection>, tcti: &str) -> Result<Vec<u8>, Failure> {
    let shares = tpm::count(text).map_err(|cause| {
        Failure::new(TpmErrorKind::Failed, format!("what is to be sealed cannot be used: {cause}"))
    })?;
    let file = sealed(text, shares, pcrs, tcti)?;
    let opened = open(&file, tcti)?;
    if *opened == text {
        Ok(file)
    } else {
        Err(Failure::new(TpmErrorKind::Failed, "what the TPM opens is not what was sealed"))
    }
}

fn sealed(text: &[u8], shares: usize, pcrs: Option<&PcrSelection>, tcti: &str) -> Result<Vec<u8>, Failure> {
    let key = new_key()?;
    let mut context = connect(tcti)?;
    let primary = primary::any(&mut context)?;
    let pcrs = pcrs.map(|selection| sealed_key::read_pcrs(&mut context, selection)).transpose()?;
    let (public, private) = sealed_key::create(&mut context, &primary, pcrs.as_ref(), &key)?;
    let mut blob = Blob {
        shares,
        primary: primary.name,
        pcrs,
        public: primary::public_bytes(&public)?,
        private: primary::private_bytes(&private)?,
        nonce: new_nonce()?,
        ciphertext: Vec::new(),
    };
    encrypt(&mut blob, &key, text)?;
    Ok(blob.render())
}

/// The text in `file`.
pub(crate) fn open(file: &[u8], tcti: &str) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let blob = Blob::parse(file)?;
    let mut context = connect(tcti)?;
    let primary = primary::named(&mut context, &blob.primary)?;
    let key = sealed_key::unseal(&mut context, &primary, &blob)?;
    decrypt(&blob, key.value())
}

/// A new random key.
fn new_key() -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut key = Zeroizing::new(vec![0; KEY_LENGTH]);
    fill(&mut key)?;
    Ok(key)
}

/// A new random nonce; the key is used once.
fn new_nonce() -> Result<[u8; NONCE_LENGTH], Failure> {
    let mut nonce = [0; NONCE_LENGTH];
    fill(&mut nonce)?;
    Ok(nonce)
}

/// Fills in the ciphertext of `text`.
fn encrypt(blob: &mut Blob, key: &[u8], text: &[u8]) -> Result<(), Failure> {
    // Room for the tag from the beginning: growing would leave a copy of the text behind.
    let mut buffer = Zeroizing::new(Vec::with_capacity(text.len() + TAG_LENGTH));
    buffer.extend_from_slice(text);
    let nonce = Nonce::assume_unique_for_key(blob.nonce);
    cipher(key)?
        .seal_in_place_append_tag(nonce, Aad::from(blob.associated_data()), &mut *buffer)
        .map_err(|_| Failure::new(TpmErrorKind::Failed, "the shares cannot be encrypted"))?;
    blob.ciphertext = std::mem::take(&mut *buffer);
    Ok(())
}

/// The text, if nothing in the file was changed.
fn decrypt(blob: &Blob, key: &[u8]) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut buffer = Zeroizing::new(blob.ciphertext.clone());
    let nonce = Nonce::assume_unique_for_key(blob.nonce);
    let length = cipher(key)?
        .open_in_place(nonce, Aad::from(blob.associated_data()), &mut buffer)
        .map_err(|_| Failure::new(TpmErrorKind::BlobCorrupt, "it was changed since the shares were sealed"))?
        .len();
    buffer.truncate(length);
    Ok(buffer)
}

fn cipher(key: &[u8]) -> Result<LessSafeKey, Failure> {
    UnboundKey::new(&CHACHA20_POLY1305, key).map(LessSafeKey::new).map_err(|_| {
        Failure::new(TpmErrorKind::BlobCorrupt, "the key that the TPM gave is of another length")
    })
}

fn fill(bytes: &mut [u8]) -> Result<(), Failure> {
    SystemRandom::new()
        .fill(bytes)
        .map_err(|_| Failure::new(TpmErrorKind::Failed, "the kernel gives no random numbers"))
}

/// Opens the connection. Dropping the context flushes every session and key that it made.
fn connect(tcti: &str) -> Result<Context, Failure> {
    let parsed: TctiNameConf = tcti.parse().map_err(|_| {
        Failure::new(TpmErrorKind::Absent, format!("{tcti:?} is no way to a TPM that is known here"))
    })?;
    Context::new(parsed).map_err(|error| {
        let Some(path) = device(tcti) else {
            return Failure::new(TpmErrorKind::Absent, format!("there is no TPM at {tcti}: {}", told(error)));
        };
        // libtss2 does not say why; the kernel does.
        match File::options().read(true).write(true).open(path).map_err(|error| (error.kind(), error)) {
            Err((ErrorKind::NotFound, _)) => {
                Failure::new(TpmErrorKind::Absent, format!("there is no TPM: {path} does not exist"))
            }
            Err((ErrorKind::PermissionDenied, error)) => Failure::new(
                TpmErrorKind::Permission,
                format!("{path} cannot be opened: {}", error::io(&error)),
            ),
            Err((ErrorKind::ResourceBusy, error)) => {
                Failure::new(TpmErrorKind::Busy, format!("{path} is in use: {}", error::io(&error)))
            }
            Err((_, error)) => {
                Failure::new(TpmErrorKind::Absent, format!("{path} cannot be opened: {}", error::io(&error)))
            }
            Ok(_) => {
                Failure::new(TpmErrorKind::Absent, format!("there is no TPM at {path}: {}", told(error)))
            }
        }
    })
}

fn device(text: &str) -> Option<&str> {
    let path = text.strip_prefix("device")?;
    Some(path.strip_prefix(':').filter(|path| !path.is_empty()).unwrap_or("/dev/tpm0"))
}
