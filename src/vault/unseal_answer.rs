//! `PUT /v1/sys/unseal`: what a server answers to a share or a reset.

use super::{Refusal, SealStatus};

/// The path that takes shares and resets.
pub const PATH: &str = "/v1/sys/unseal";

/// What a server answers to a submitted share or a reset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnsealAnswer {
    /// Its seal status after the request.
    Status(SealStatus),
    /// An error.
    Refused(Refusal),
}

impl UnsealAnswer {
    /// Sorts an answer by its code and body.
    pub fn parse(status: u16, body: &[u8]) -> Self {
        match SealStatus::parse(body) {
            Some(seal_status) if status == 200 => Self::Status(seal_status),
            _ => Self::Refused(Refusal::parse(status, body)),
        }
    }
}
