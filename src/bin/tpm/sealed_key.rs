//! The key that the TPM keeps, a sealed data object below the primary key, and the sessions in which it comes and goes.
//!
//! Nobody on the bus can read or change anything in a session. It is salted to the primary key: the session's key is sent
//! encrypted to it (ECDH), and everything after is authenticated (HMAC) and, where a secret passes, encrypted (AES-128-CFB)
//! with keys that follow from it. The salt goes to the public area that libtss2 keeps with the handle: of that one
//! [`Primary`] has the name.

use super::failure::{Cause, Failure, cause};
use super::pcr;
use super::primary::{self, Primary};
use tss_esapi::attributes::{ObjectAttributesBuilder, SessionAttributesBuilder};
use tss_esapi::constants::SessionType;
use tss_esapi::handles::SessionHandle;
use tss_esapi::interface_types::algorithm::{HashingAlgorithm, PublicAlgorithm};
use tss_esapi::interface_types::session_handles::{AuthSession, PolicySession};
use tss_esapi::structures::{
    Digest, KeyedHashScheme, Private, Public, PublicBuilder, PublicKeyedHashParameters, SensitiveData,
    SymmetricDefinition,
};
use tss_esapi::{Context, Error};
use vault_unseal::shares::tpm::{Blob, BoundPcrs, TpmErrorKind};

/// Hands `key` to the TPM: what comes back is of use to nobody else.
pub(crate) fn create(
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
pub(crate) fn unseal(context: &mut Context, parent: &Primary, blob: &Blob) -> Result<SensitiveData, Failure> {
    let (public, private) = (primary::public(&blob.public)?, primary::private(&blob.private)?);
    let policy = blob.pcrs.as_ref().map_or(&[][..], |pcrs| &pcrs.policy);
    let follows = blob.pcrs.as_ref().is_none_or(|pcrs| pcr::policy(pcrs.bank, &pcrs.values) == pcrs.policy);
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
        (Some(pcrs), Cause::Policy) => pcr::changed(context, pcrs),
        _ => Failure::of_command("to unseal", error),
    })
}

/// A session in which the TPM has found the PCRs as they must be.
fn fulfilled(context: &mut Context, parent: &Primary, pcrs: &BoundPcrs) -> Result<AuthSession, Failure> {
    let failed = |error| Failure::of_command("the policy", error);
    let session = start(context, parent, SessionType::Policy)?;
    let policy = PolicySession::try_from(session).map_err(failed)?;
    let selection = pcr::list(pcrs.bank, pcrs.values.keys().copied())?;
    // Without a digest of ours the TPM takes what the PCRs hold, so that a difference shows here and not as a refusal.
    context.policy_pcr(policy, Digest::default(), selection).map_err(failed)?;
    let found = context.policy_get_digest(policy).map_err(failed)?;
    if found.value() == pcrs.policy { Ok(session) } else { Err(pcr::changed(context, pcrs)) }
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
