//! TLS 1.2 and 1.3 on rustls with ring: whom we trust and who we are. The only place that knows the library.

mod anchors;
mod error;
mod failure;
mod files;
mod pem;
mod renewed;
mod verifier;
mod x509;

pub use error::TlsFileError;
pub(super) use failure::handshake;
pub use files::{certificate_chain, private_key};
pub(super) use renewed::Renewed;
pub(crate) use verifier::{Inspection, Lifetimes};
pub(crate) use x509::is_self_issued;
pub(super) use x509::{Validity, validity};
