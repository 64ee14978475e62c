//! From the shares to the file and back: a key that the TPM keeps, a sealed data object below the primary key, and the
//! cipher under it, ChaCha20-Poly1305 (RFC 8439) with everything else in the file as associated data.
//!
//! The key comes and goes in sessions, in which nobody on the bus can read or change anything. A session is salted to
//! the primary key: its own key is sent encrypted to that (ECDH), and everything after is authenticated (HMAC) and,
//! where a secret passes, encrypted (AES-128-CFB) with keys that follow from it. The salt goes to the public area that
//! libtss2 keeps with the handle: of that one [`Primary`] has the name.
//!
//! PCRs: what they hold, and the policy that follows from it.

use super::failure::{Cause, Failure, cause, told};
use super::primary::{self, Primary};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::ErrorKind;
use tss_esapi::attributes::{ObjectAttributesBuilder, SessionAttributesBuilder};
use tss_esapi::constants::SessionType;
use tss_esapi::handles::SessionHandle;
use tss_esapi::interface_types::algorithm::{HashingAlgorithm, PublicAlgorithm};
use tss_esapi::interface_types::session_handles::{AuthSession, PolicySession};
use tss_esapi::structures::{
    Digest, KeyedHashScheme, PcrSelectionList, PcrSlot, Private, Public, PublicBuilder,
    PublicKeyedHashParameters, SensitiveData, SymmetricDefinition,
};
use tss_esapi::tcti_ldr::TctiNameConf;
use tss_esapi::{Context, Error};
use vault_unseal::external::error;
use vault_unseal::shares::tpm::{
    self, Blob, BoundPcrs, KEY_LENGTH, NONCE_LENGTH, PcrBank, PcrSelection, TAG_LENGTH, TpmErrorKind,
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
    let pcrs = pcrs.map(|selection| read_pcrs(&mut context, selection)).transpose()?;
    let (public, private) = create(&mut context, &primary, pcrs.as_ref(), &key)?;
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
    let key = unseal(&mut context, &primary, &blob)?;
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
        let (kind, text) = match File::options().read(true).write(true).open(path) {
            Ok(_) => (TpmErrorKind::Absent, format!("there is no TPM at {path}: {}", told(error))),
            Err(error) => match error.kind() {
                ErrorKind::NotFound => {
                    (TpmErrorKind::Absent, format!("there is no TPM: {path} does not exist"))
                }
                ErrorKind::PermissionDenied => {
                    (TpmErrorKind::Permission, format!("{path} cannot be opened: {}", error::io(&error)))
                }
                ErrorKind::ResourceBusy => {
                    (TpmErrorKind::Busy, format!("{path} is in use: {}", error::io(&error)))
                }
                _ => (TpmErrorKind::Absent, format!("{path} cannot be opened: {}", error::io(&error))),
            },
        };
        Failure::new(kind, text)
    })
}

fn device(text: &str) -> Option<&str> {
    let path = text.strip_prefix("device")?;
    Some(path.strip_prefix(':').filter(|path| !path.is_empty()).unwrap_or("/dev/tpm0"))
}

/// Hands `key` to the TPM: what comes back is of use to nobody else.
fn create(
    context: &mut Context,
    parent: &Primary,
    pcrs: Option<&BoundPcrs>,
    key: &[u8],
) -> Result<(Public, Private), Failure> {
    let failed = |error| Failure::of_command("to seal", error);
    let public = template(pcrs).map_err(failed)?;
    let data = SensitiveData::try_from(key).map_err(failed)?;
    let session = start(context, parent, SessionType::Hmac)?;
    conceal(context, session, Secret::Command)?;
    let made = context
        .execute_with_session(Some(session), |context| {
            context.create(parent.handle, public, None, Some(data), None, None)
        })
        .map_err(failed)?;
    context.flush_context(SessionHandle::from(session).into()).map_err(failed)?;
    Ok((made.out_public, made.out_private))
}

/// Has the key back from the TPM.
fn unseal(context: &mut Context, parent: &Primary, blob: &Blob) -> Result<SensitiveData, Failure> {
    let (public, private) = (primary::public(&blob.public)?, primary::private(&blob.private)?);
    let policy = blob.pcrs.as_ref().map_or(&[][..], |pcrs| &pcrs.policy);
    let follows = blob.pcrs.as_ref().is_none_or(|pcrs| pcr_policy(pcrs.bank, &pcrs.values) == pcrs.policy);
    if public.auth_policy().value() != policy || !follows {
        return Err(primary::corrupt());
    }
    let session = start(context, parent, SessionType::Hmac)?;
    let object = context
        .execute_with_session(Some(session), |context| context.load(parent.handle, private, public))
        .map_err(|error| match cause(error) {
            // The primary key is the right one, so it is the file that is not.
            Cause::Structure => primary::corrupt(),
            _ => Failure::of_command("to load the sealed key", error),
        })?;
    let (session, object) = match &blob.pcrs {
        None => (session, object),
        Some(pcrs) => {
            let flushed = context.flush_context(SessionHandle::from(session).into());
            flushed.map_err(|error| Failure::of_command("to end a session", error))?;
            (fulfilled(context, parent, pcrs)?, object)
        }
    };
    conceal(context, session, Secret::Answer)?;
    let data = context.execute_with_session(Some(session), |context| context.unseal(object.into()));
    data.map_err(|error| match (&blob.pcrs, cause(error)) {
        // Extended since the policy was checked a moment ago.
        (Some(pcrs), Cause::Policy) => changed_pcrs(context, pcrs),
        _ => Failure::of_command("to unseal", error),
    })
}

/// A session in which the TPM has found the PCRs as they must be.
fn fulfilled(context: &mut Context, parent: &Primary, pcrs: &BoundPcrs) -> Result<AuthSession, Failure> {
    let failed = |error| Failure::of_command("the policy", error);
    let session = start(context, parent, SessionType::Policy)?;
    let policy = PolicySession::try_from(session).map_err(failed)?;
    let selection = pcr_list(pcrs.bank, pcrs.values.keys().copied())?;
    // Without a digest of ours the TPM takes what the PCRs hold, so that a difference shows here and not as a refusal.
    context.policy_pcr(policy, Digest::default(), selection).map_err(failed)?;
    let found = context.policy_get_digest(policy).map_err(failed)?;
    if found.value() == pcrs.policy { Ok(session) } else { Err(changed_pcrs(context, pcrs)) }
}

/// Without PCRs the key opens with its own, empty, password: whoever has this TPM and the file has the key, and a policy
/// that demands nothing would say the same in more commands. With PCRs that way is closed, and only the policy is left.
/// Either way nobody can change the password (adminWithPolicy: no policy of ours allows it), the key cannot leave this
/// TPM or its parent, and no lockout of the TPM concerns it (noDA: there is nothing to guess).
fn template(pcrs: Option<&BoundPcrs>) -> Result<Public, Error> {
    let attributes = ObjectAttributesBuilder::new()
        .with_fixed_tpm(true)
        .with_fixed_parent(true)
        .with_no_da(true)
        .with_admin_with_policy(true)
        .with_user_with_auth(pcrs.is_none())
        .build()?;
    let policy = pcrs.map_or(Ok(Digest::default()), |pcrs| Digest::try_from(pcrs.policy.to_vec()))?;
    PublicBuilder::new()
        .with_public_algorithm(PublicAlgorithm::KeyedHash)
        .with_name_hashing_algorithm(HashingAlgorithm::Sha256)
        .with_object_attributes(attributes)
        .with_auth_policy(policy)
        .with_keyed_hash_parameters(PublicKeyedHashParameters::new(KeyedHashScheme::Null))
        .with_keyed_hash_unique_identifier(Digest::default())
        .build()
}

/// What of the next command is secret.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Secret {
    /// Its first parameter.
    Command,
    /// The first parameter of its answer.
    Answer,
}

/// Starts a session of this type.
fn start(context: &mut Context, parent: &Primary, kind: SessionType) -> Result<AuthSession, Failure> {
    context
        .start_auth_session(
            Some(parent.handle),
            None,
            None,
            kind,
            SymmetricDefinition::AES_128_CFB,
            HashingAlgorithm::Sha256,
        )
        .map_err(|error| Failure::of_command("a session", error))?
        .ok_or_else(|| Failure::new(TpmErrorKind::Failed, "libtss2 gave no session"))
}

/// Says what of the next command in the session is encrypted.
fn conceal(context: &mut Context, session: AuthSession, what: Secret) -> Result<(), Failure> {
    // The TPM decrypts commands and encrypts answers.
    let (attributes, mask) = SessionAttributesBuilder::new()
        .with_decrypt(what == Secret::Command)
        .with_encrypt(what == Secret::Answer)
        .build();
    context
        .tr_sess_set_attributes(session, attributes, mask)
        .map_err(|error| Failure::of_command("encryption", error))
}

/// `TPM_CC_PolicyPCR`.
const POLICY_PCR: [u8; 4] = [0, 0, 0x01, 0x7f];

/// What the selected PCRs hold now, and the policy that demands it.
fn read_pcrs(context: &mut Context, selection: &PcrSelection) -> Result<BoundPcrs, Failure> {
    let bank = selection.bank();
    let mut values = BTreeMap::new();
    // One by one: a TPM gives eight at the most, and silently none of a bank that it does not have.
    for number in selection.numbers() {
        let (_, _, digests) = context
            .pcr_read(pcr_list(bank, [number])?)
            .map_err(|error| Failure::of_command("to read a PCR", error))?;
        let value = digests.value().first().filter(|value| value.value().len() == bank.digest_length());
        let value = value.ok_or_else(|| {
            let (word, text) = (bank.word(), format!("{}:{number}", bank.word()));
            Failure::new(
                TpmErrorKind::Failed,
                format!("the TPM has no PCR {text}: its bank {word} may be off"),
            )
        })?;
        values.insert(number, value.value().to_vec());
    }
    let policy = pcr_policy(bank, &values);
    Ok(BoundPcrs { bank, values, policy })
}

/// The digest of a policy that consists of `PolicyPCR` alone (TPM 2.0 Library, part 3, 23.7): computed here, since the TPM
/// would have to be asked in a session of its own.
fn pcr_policy(bank: PcrBank, values: &BTreeMap<u8, Vec<u8>>) -> [u8; 32] {
    let held: Vec<u8> = values.values().flatten().copied().collect();
    let algorithm = match bank {
        PcrBank::Sha256 => [0x00, 0x0b],
        PcrBank::Sha384 => [0x00, 0x0c],
    };
    let mut bits = [0_u8; 3];
    for number in values.keys() {
        if let Some(byte) = bits.get_mut(usize::from(number / 8)) {
            *byte |= 1 << (number % 8);
        }
    }
    // One selection, of three bytes.
    let selection = [[0, 0, 0, 1].as_slice(), &algorithm, &[3], &bits].concat();
    let policy = [[0; 32].as_slice(), &POLICY_PCR, &selection, digest(&SHA256, &held).as_ref()].concat();
    let mut value = [0; 32];
    value.iter_mut().zip(digest(&SHA256, &policy).as_ref()).for_each(|(to, from)| *to = *from);
    value
}

/// The selection as the TPM takes it.
fn pcr_list(bank: PcrBank, numbers: impl IntoIterator<Item = u8>) -> Result<PcrSelectionList, Failure> {
    let slots: Option<Vec<PcrSlot>> =
        numbers.into_iter().map(|number| PcrSlot::try_from(1_u32 << number).ok()).collect();
    let algorithm = match bank {
        PcrBank::Sha256 => HashingAlgorithm::Sha256,
        PcrBank::Sha384 => HashingAlgorithm::Sha384,
    };
    PcrSelectionList::builder()
        .with_selection(algorithm, &slots.unwrap_or_default())
        .build()
        .map_err(|error| Failure::of_command("a selection of PCRs", error))
}

/// Names what is not as it was.
fn changed_pcrs(context: &mut Context, bound: &BoundPcrs) -> Failure {
    let now = bound.selection().map(|selection| read_pcrs(context, &selection));
    let numbers: Vec<String> = match now {
        Some(Ok(now)) => {
            let differs = |number: &&u8| now.values.get(number) != bound.values.get(number);
            bound.values.keys().filter(differs).map(ToString::to_string).collect()
        }
        Some(Err(failure)) => return failure,
        None => Vec::new(),
    };
    let (noun, verb) = if numbers.len() == 1 { ("PCR", "holds") } else { ("PCRs", "hold") };
    Failure::new(
        TpmErrorKind::PcrChanged,
        format!(
            "{noun} {} ({}) no longer {verb} what was there when the shares were sealed: another firmware, kernel or \
             boot loader, or another way of booting",
            numbers.join(" and "),
            bound.bank.word()
        ),
    )
}
