//! What `check` wants to know of a certificate that is good now: how long it stays so.

use super::anchors::Issuer;
use super::x509::Validity;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long the trust in a server lasts.
#[derive(Debug, Clone)]
pub(crate) struct Lifetimes {
    /// Of its own certificate.
    pub(crate) server: Validity,
    /// The issuer that ends soon, where no other takes its place.
    pub(crate) issuer: Option<Issuer>,
}

/// Notes the lifetimes of the last certificate that was verified.
#[derive(Debug)]
pub(crate) struct Inspection {
    /// An issuer that ends sooner is told.
    pub(super) ahead: Duration,
    seen: Mutex<Option<Lifetimes>>,
}

impl Inspection {
    pub(in crate::vault) fn new(ahead: Duration) -> Self {
        Self { ahead, seen: Mutex::default() }
    }

    pub(super) fn note(&self, lifetimes: Lifetimes) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(lifetimes);
    }

    /// What was seen since the last call.
    pub(crate) fn take(&self) -> Option<Lifetimes> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
