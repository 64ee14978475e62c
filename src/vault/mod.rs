//! The one thing we speak to: a Vault or OpenBao server's unauthenticated seal API.

pub mod health;
pub mod refusal;
pub mod seal_status;
mod unreachable;

pub use health::{Health, Role};
pub use refusal::{Meaning, Refusal};
pub use seal_status::SealStatus;
pub use unreachable::{TlsFailure, Unreachable};
