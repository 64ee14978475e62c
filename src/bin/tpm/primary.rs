//! The primary key: the storage root key that the TCG describes, made from the owner hierarchy's seed.
//!
//! The TPM makes the same key each time from the same template, until it is cleared. Where the platform keeps it at the
//! customary handle, that one is used: it takes no time, and no password of the owner.
//!
//! TPM structures are bytes with the two bytes of their length before them, as tpm2-tools keep them in files.

use super::failure::{Cause, Failure, cause};
use ring::digest::{SHA256, digest};
use tss_esapi::attributes::{ObjectAttributes, ObjectAttributesBuilder};
use tss_esapi::handles::{KeyHandle, PersistentTpmHandle, TpmHandle};
use tss_esapi::interface_types::algorithm::{HashingAlgorithm, PublicAlgorithm};
use tss_esapi::interface_types::ecc::EccCurve;
use tss_esapi::interface_types::resource_handles::Hierarchy;
use tss_esapi::interface_types::session_handles::AuthSession;
use tss_esapi::structures::{
    EccParameter, EccPoint, EccScheme, KeyDerivationFunctionScheme, Private, Public, PublicBuilder,
    PublicEccParametersBuilder, SymmetricDefinitionObject,
};
use tss_esapi::traits::{Marshall, UnMarshall};
use tss_esapi::{Context, Error, WrapperErrorKind};
use vault_unseal::shares::tpm::TpmErrorKind;

/// Where platforms keep it (TCG TPM v2.0 Provisioning Guidance).
const STORAGE_ROOT_KEY: u32 = 0x8100_0001;

/// The key, loaded.
pub(crate) struct Primary {
    pub(crate) handle: KeyHandle,
    /// Of the public area that libtss2 keeps with the handle, and encrypts salts to.
    pub(crate) name: [u8; 34],
}

/// The key of this name. Only it may be the salt's: nobody else on the way to the TPM has its private part.
pub(crate) fn named(context: &mut Context, wanted: &[u8; 34]) -> Result<Primary, Failure> {
    let kept = kept(context)?;
    let another_is_kept = match kept {
        Some(kept) if kept.name == *wanted => return Ok(kept),
        kept => kept.is_some(),
    };
    let text = match made(context) {
        Ok(made) if made.name == *wanted => return Ok(made),
        Ok(_) => {
            "another TPM sealed them, or this one before it was cleared: its storage root key is another"
        }
        Err(error) if another_is_kept && cause(error) == Cause::Password => {
            "the owner hierarchy of the TPM has a password, and what is kept at 0x81000001 is not the key they were \
             sealed to"
        }
        Err(error) => return Err(refused(error)),
    };
    Err(Failure::new(TpmErrorKind::Other, text))
}

/// The key to seal to. Its public part is believed: at this time there is nothing to compare it with.
pub(crate) fn any(context: &mut Context) -> Result<Primary, Failure> {
    match made(context) {
        Ok(made) => Ok(made),
        Err(error) if cause(error) == Cause::Password => match kept(context)? {
            Some(kept) if is_of_template(context, &kept)? => Ok(kept),
            _ => Err(refused(error)),
        },
        Err(error) => Err(refused(error)),
    }
}

fn refused(error: Error) -> Failure {
    match cause(error) {
        // What is asked of the owner hierarchy is asked with an empty password.
        Cause::Password => Failure::new(
            TpmErrorKind::Failed,
            "the owner hierarchy of the TPM has a password, and no storage root key is kept at 0x81000001",
        ),
        _ => Failure::of_command("to make the primary key", error),
    }
}

fn made(context: &mut Context) -> Result<Primary, Error> {
    let template = template()?;
    let made = context.execute_with_session(Some(AuthSession::Password), |context| {
        context.create_primary(Hierarchy::Owner, template, None, None, None, None)
    })?;
    loaded(context, made.key_handle)?.ok_or(Error::WrapperError(WrapperErrorKind::InvalidParam))
}

/// The key at the customary handle, if there is one whose name can be told.
fn kept(context: &mut Context) -> Result<Option<Primary>, Failure> {
    let look = |context: &mut Context| {
        let handle = TpmHandle::Persistent(PersistentTpmHandle::new(STORAGE_ROOT_KEY)?);
        let handle = context.tr_from_tpm_public(handle)?;
        loaded(context, handle.into())
    };
    match look(context) {
        Ok(kept) => Ok(kept),
        Err(error) if cause(error) == Cause::Gone => Err(refused(error)),
        Err(_) => Ok(None),
    }
}

/// The key of a handle, if SHA-256 makes its name.
///
/// libtss2 computes the name from the public area that it keeps with the handle (`Esys_TR_GetName`), and asks nobody. To
/// read the public area once more would tell nothing of it: whoever is on the bus may answer differently each time.
fn loaded(context: &mut Context, handle: KeyHandle) -> Result<Option<Primary>, Error> {
    let name = context.tr_get_name(handle.into())?;
    let of_sha256 =
        <[u8; 34]>::try_from(name.value()).ok().filter(|name| name.starts_with(&ALGORITHM_SHA256));
    Ok(of_sha256.map(|name| Primary { handle, name }))
}

/// The ECC P-256 storage root key of the TCG's EK Credential Profile and Provisioning Guidance: what systemd and
/// `tpm2_createprimary -C o -g sha256 -G ecc -u FILE` (FILE with two coordinates of 32 zero bytes) make, too.
fn template() -> Result<Public, Error> {
    let zero = || EccParameter::try_from(vec![0; 32]);
    let parameters = PublicEccParametersBuilder::new()
        .with_symmetric(SymmetricDefinitionObject::AES_128_CFB)
        .with_ecc_scheme(EccScheme::Null)
        .with_curve(EccCurve::NistP256)
        .with_key_derivation_function_scheme(KeyDerivationFunctionScheme::Null)
        .with_is_decryption_key(true)
        .with_restricted(true)
        .build()?;
    PublicBuilder::new()
        .with_public_algorithm(PublicAlgorithm::Ecc)
        .with_name_hashing_algorithm(HashingAlgorithm::Sha256)
        .with_object_attributes(attributes()?)
        .with_ecc_parameters(parameters)
        .with_ecc_unique_identifier(EccPoint::new(zero()?, zero()?))
        .build()
}

fn attributes() -> Result<ObjectAttributes, Error> {
    ObjectAttributesBuilder::new()
        .with_fixed_tpm(true)
        .with_fixed_parent(true)
        .with_sensitive_data_origin(true)
        .with_user_with_auth(true)
        .with_no_da(true)
        .with_restricted(true)
        .with_decrypt(true)
        .build()
}

/// Whether a key was made from the template, whatever came out.
///
/// Its public area is read for that; the one of another name is another's.
fn is_of_template(context: &mut Context, key: &Primary) -> Result<bool, Failure> {
    let read = context.read_public(key.handle).and_then(|(public, ..)| Ok((name(&public)?, public)));
    let (name, public) = read.map_err(|error| Failure::of_command("to show the primary key", error))?;
    let Ok(Public::Ecc { object_attributes, auth_policy, parameters, .. }) = template() else {
        return Ok(false);
    };
    let wanted = (object_attributes, auth_policy, parameters);
    Ok(match public {
        Public::Ecc { object_attributes, auth_policy, parameters, .. } => {
            name == key.name && (object_attributes, auth_policy, parameters) == wanted
        }
        _ => false,
    })
}

/// `TPM_ALG_SHA256`, which names made with it begin with.
const ALGORITHM_SHA256: [u8; 2] = [0x00, 0x0b];

/// The name of an object whose name algorithm is SHA-256 (TPM 2.0 Library, part 1, 16): computed here, not believed.
fn name(public: &Public) -> Result<[u8; 34], Error> {
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
        .map_err(|_| Failure::new(TpmErrorKind::Failed, "the TPM gave a structure that is too long"))?;
    Ok([length.to_be_bytes().as_slice(), bytes].concat())
}

fn without_length(bytes: &[u8]) -> Result<&[u8], Failure> {
    let (length, rest) = bytes.split_first_chunk().ok_or_else(corrupt)?;
    if usize::from(u16::from_be_bytes(*length)) == rest.len() { Ok(rest) } else { Err(corrupt()) }
}

/// The file's structures are not what a TPM wrote.
pub(crate) fn corrupt() -> Failure {
    Failure::new(TpmErrorKind::BlobCorrupt, "the sealed key in it is damaged")
}
