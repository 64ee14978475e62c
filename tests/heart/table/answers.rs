//! Answers of servers, proxies and networks.

use std::time::Duration;
use vault_unseal::api::{
    ConnectionEpoch, Health, LogHint, Nonce, Role, SealState, SealStatus, Unreachable, UnsealAnswer,
};
use vault_unseal::external::ExternalText;
use vault_unseal::unseal::Observation;

pub(crate) fn health(initialized: bool, sealed: bool) -> Observation {
    Observation::Health(healthy(initialized, sealed), ConnectionEpoch::of(1))
}

pub(super) fn healthy(initialized: bool, sealed: bool) -> Health {
    Health {
        initialized,
        sealed,
        role: Role::Active,
        removed: false,
        product: vault_unseal::api::Product::Unknown,
        version: None,
        membership: None,
        secondary: false,
        server_time: None,
    }
}

pub(crate) fn status(progress: usize) -> SealStatus {
    let state = SealState {
        shamir: true,
        initialized: true,
        sealed: true,
        threshold: 3,
        total: 5,
        progress,
        nonce: if progress > 0 { Nonce::of("one") } else { Nonce::default() },
        recovery_seal: false,
        migration: false,
        removed: false,
        product: vault_unseal::api::Product::Unknown,
    };
    SealStatus { state, seal_type: ExternalText::new("shamir"), version: None }
}

pub(super) fn seal(change: impl Fn(&mut SealState)) -> Observation {
    let mut status = status(0);
    change(&mut status.state);
    if !status.shamir {
        status.seal_type = ExternalText::new("static");
    }
    Observation::SealStatus(status, ConnectionEpoch::of(1))
}

pub(super) fn looked(progress: usize) -> Observation {
    seal(|status| *status = self::status(progress).state)
}

pub(super) fn answer(progress: usize) -> Observation {
    Observation::Answer(UnsealAnswer::Status(status(progress).state))
}

pub(super) fn answered(change: impl Fn(&mut SealState)) -> Observation {
    let mut status = status(0).state;
    change(&mut status);
    Observation::Answer(UnsealAnswer::Status(status))
}

pub(super) fn error(code: u16, text: &str) -> Observation {
    let body = format!("{{\"errors\":[\"{text}\"]}}");
    Observation::Answer(UnsealAnswer::parse(code, body.as_bytes(), LogHint::default()))
}

pub(super) fn page(code: u16) -> Observation {
    Observation::Answer(UnsealAnswer::parse(code, b"<html></html>", LogHint::default()))
}

pub(super) fn gone(cause: Unreachable) -> Observation {
    Observation::Unreachable(cause)
}

pub(super) fn timeout() -> Observation {
    gone(Unreachable::Timeout(Duration::from_secs(10)))
}
