//! Sessions with the TPM in which nobody on the bus can read or change anything.
//!
//! Salted to the primary key: the session's key is sent encrypted to it (ECDH), and everything after is authenticated
//! (HMAC) and, where a secret passes, encrypted (AES-128-CFB) with keys that follow from it. The salt goes to the public
//! area that libtss2 keeps with the handle: of that one [`Primary`] has the name.

use super::failure::Failure;
use super::primary::Primary;
use tss_esapi::Context;
use tss_esapi::attributes::SessionAttributesBuilder;
use tss_esapi::constants::SessionType;
use tss_esapi::interface_types::algorithm::HashingAlgorithm;
use tss_esapi::interface_types::session_handles::AuthSession;
use tss_esapi::structures::SymmetricDefinition;
use vault_unseal::shares::tpm::TpmTrouble;

/// What of the next command is secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Secret {
    /// Its first parameter.
    Command,
    /// The first parameter of its answer.
    Answer,
}

/// Starts a session of this type.
pub(crate) fn start(
    context: &mut Context,
    primary: &Primary,
    kind: SessionType,
) -> Result<AuthSession, Failure> {
    context
        .start_auth_session(
            Some(primary.handle),
            None,
            None,
            kind,
            SymmetricDefinition::AES_128_CFB,
            HashingAlgorithm::Sha256,
        )
        .map_err(|error| Failure::of_command("a session", error))?
        .ok_or_else(|| Failure::new(TpmTrouble::Failed, "libtss2 gave no session"))
}

/// Says what of the next command in the session is encrypted.
pub(crate) fn conceal(context: &mut Context, session: AuthSession, what: Secret) -> Result<(), Failure> {
    // The TPM decrypts commands and encrypts answers.
    let (attributes, mask) = SessionAttributesBuilder::new()
        .with_decrypt(what == Secret::Command)
        .with_encrypt(what == Secret::Answer)
        .build();
    context
        .tr_sess_set_attributes(session, attributes, mask)
        .map_err(|error| Failure::of_command("encryption", error))
}
