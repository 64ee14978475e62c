//! Shares sealed to a TPM 2.0.

mod pcrs;

pub use pcrs::{PcrBank, PcrSelection, PcrSelectionError};

/// How shares are sealed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sealing {
    /// The PCRs that must not change until they are opened; `None` binds them to the TPM alone.
    pub pcrs: Option<PcrSelection>,
    /// Which TPM; `None` looks for one as the daemon does.
    pub tcti: Option<String>,
}
