//! The one thing we speak to: a Vault or OpenBao server's unauthenticated seal API.

mod access;
mod budget;
mod connection;
mod dial;
mod failure;
pub mod health;
mod line;
mod peer;
mod product;
pub mod refusal;
mod release;
pub mod seal_status;
mod server;
mod tls;
mod unreachable;
pub mod unseal_answer;

pub use access::Access;
pub use health::{Health, Membership, Role};
pub use line::{Life, name_and_version};
pub use peer::PeerRefusal;
pub use product::Product;
pub use refusal::{LogHint, Meaning, Refusal};
pub use release::Release;
pub use seal_status::{Nonce, SealState, SealStatus};
pub use server::Server;
pub use server::init::InitFailure;
pub use server::token::{TokenFailure, WRAP_TTL};
pub(crate) use tls::{Lifetimes, is_self_issued};
pub use tls::{NameRemedy, TlsFailure, TlsFileError, Unsupported, UnsupportedKey, Untrusted};
pub use unreachable::{Said, Unreachable};
pub use unseal_answer::UnsealAnswer;
