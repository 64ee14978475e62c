//! `PUT /v1/sys/unseal`: what a server answers to a share or a reset.

use super::refusal::LogHint;
use super::seal_status::SealState;
use super::{Refusal, SealStatus};

/// The path that takes shares and resets.
pub const PATH: &str = "/v1/sys/unseal";

/// What a server answers to a submitted share or a reset. It may repeat the share wherever it has room for text, so that
/// nothing is kept of it but numbers and flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnsealAnswer {
    /// Its seal status after the request.
    Status(SealState),
    /// An error.
    Refused(Refusal),
}

impl UnsealAnswer {
    /// Sorts an answer by its code and body.
    pub fn parse(status: u16, body: &[u8], hint: LogHint) -> Self {
        match SealStatus::parse(body) {
            Some(seal_status) if status == 200 => Self::Status(seal_status.state),
            _ => Self::Refused(Refusal::parse(status, body, hint)),
        }
    }
}
