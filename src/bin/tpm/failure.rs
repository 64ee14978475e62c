//! Why it failed, told from the codes of libtss2 and the TPM.

use std::io;
use tss_esapi::Error;
use tss_esapi::constants::response_code::Tss2ResponseCode;
use vault_unseal::external::error;
use vault_unseal::shares::tpm::{TpmError, TpmErrorKind};

/// A failure in the words of the library.
pub(crate) struct Failure(TpmError);

/// The layers of tpm2-tss that codes come from (TCG TSS 2.0 Overview and Common Structures).
const LAYER_ESYS: u32 = 7;
const LAYER_TCTI: u32 = 10;
const LAYER_RESOURCE_MANAGER_TPM: u32 = 11;
const LAYER_RESOURCE_MANAGER: u32 = 12;
/// The HMAC of an answer is wrong, as ESYS says it (the same document).
const RESPONSE_AUTH_FAILED: u32 = 27;

/// What of the TPM's codes (TPM 2.0 Library, part 2, 6.6) is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// It has no room for another session or key, or is busy: passes.
    Busy,
    /// Too many wrong authorizations.
    Lockout,
    /// The owner hierarchy, or a key, wants a password; or a session's authorization is wrong.
    Password,
    /// What it answers in a session is not authenticated by the session's key.
    Answer,
    /// The owner hierarchy is switched off.
    Hierarchy,
    /// A structure that was given to it does not hold together.
    Structure,
    /// There is nothing at a handle.
    Handle,
    /// The policy of a key is not fulfilled.
    Policy,
    /// No answer came through.
    Gone,
    /// Anything else.
    Other,
}

impl Failure {
    pub(crate) fn new(kind: TpmErrorKind, text: impl Into<String>) -> Self {
        Self(TpmError::new(kind, text))
    }

    /// The kernel, not the TPM.
    pub(crate) fn of_system(what: &str, error: &io::Error) -> Self {
        Self::new(TpmErrorKind::Failed, format!("{what}: {}", error::io(error)))
    }

    /// A command of the TPM that failed for no reason that is special to it.
    pub(crate) fn of_command(what: &str, error: Error) -> Self {
        let told = told(error);
        let (kind, text) = match cause(error) {
            Cause::Busy => (TpmErrorKind::Busy, format!("the TPM is busy or full: {told}")),
            Cause::Lockout => (
                TpmErrorKind::Lockout,
                format!("the TPM is locked after too many wrong authorizations: {told}"),
            ),
            Cause::Hierarchy => {
                (TpmErrorKind::Failed, "the owner hierarchy of the TPM is switched off".to_owned())
            }
            // In a session: its key is not the TPM's, or what was sent is not what arrived.
            Cause::Password => (
                TpmErrorKind::Failed,
                format!(
                    "the TPM refused {what}, as no part of the session (something on the way to it changes what is \
                     sent, its storage root key has a password, or it is faulty): {told}"
                ),
            ),
            Cause::Answer => (
                TpmErrorKind::Failed,
                format!(
                    "the TPM's answer is no part of the session (something on the way from it changes what is said, \
                     or it is faulty): {told}"
                ),
            ),
            Cause::Gone => (TpmErrorKind::Absent, format!("the TPM went away: {told}")),
            _ => (TpmErrorKind::Failed, format!("the TPM refused {what}: {told}")),
        };
        Self::new(kind, text)
    }

    pub(crate) fn kind(&self) -> TpmErrorKind {
        self.0.kind()
    }

    /// The one line for standard error.
    pub(crate) fn line(&self) -> String {
        serde_json::json!({ "kind": self.0.kind().word(), "text": self.0.to_string() }).to_string()
    }
}

impl From<TpmError> for Failure {
    fn from(refusal: TpmError) -> Self {
        Self(refusal)
    }
}

/// The kind of a code.
pub(crate) fn cause(error: Error) -> Cause {
    let Some(code) = code(error) else { return Cause::Other };
    let (layer, code) = (code >> 16 & 0xff, code & 0xffff);
    match layer {
        LAYER_TCTI => Cause::Gone,
        LAYER_ESYS if code == RESPONSE_AUTH_FAILED => Cause::Answer,
        0 | LAYER_RESOURCE_MANAGER_TPM | LAYER_RESOURCE_MANAGER => of_tpm(code),
        _ => Cause::Other,
    }
}

fn of_tpm(code: u32) -> Cause {
    // Format one: about a handle, a session or a parameter, whose number is left out here.
    if code & 0x80 != 0 {
        return match code & 0x3f {
            0x05 => Cause::Hierarchy,
            0x0b => Cause::Handle,
            0x0e | 0x22 => Cause::Password,
            0x1d => Cause::Policy,
            // With bit 6: about a parameter.
            _ if code & 0x40 != 0 => Cause::Structure,
            _ => Cause::Other,
        };
    }
    match code {
        // Context gap, object memory, session memory, memory, session handles, object handles, yielded, testing, NV
        // rate, retry.
        0x901..=0x906 | 0x908 | 0x90a | 0x920 | 0x922 => Cause::Busy,
        0x921 => Cause::Lockout,
        0x128 => Cause::Policy,
        _ => Cause::Other,
    }
}

/// The number that libtss2 gave; the wrapper shows it, and nothing else hands it out.
fn code(error: Error) -> Option<u32> {
    let shown = match error {
        Error::Tss2Error(Tss2ResponseCode::FormatZero(code)) => code.to_string(),
        Error::Tss2Error(Tss2ResponseCode::FormatOne(code)) => code.to_string(),
        _ => return None,
    };
    u32::from_str_radix(shown.rsplit_once("0x")?.1, 16).ok()
}

/// The error in the wrapper's words, with the code.
pub(crate) fn told(error: Error) -> String {
    match code(error) {
        Some(code) if code >> 16 == LAYER_TCTI => format!("no connection (code {code:#x})"),
        Some(code) => format!("{error} (code {code:#x})"),
        None => error.to_string(),
    }
}
