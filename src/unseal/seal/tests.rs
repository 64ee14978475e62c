//! What answers show to somebody who does not take part, row by row.

use super::*;
use crate::api::{AnswerText, Nonce, Role};

/// An initialised and sealed server's.
fn health(change: impl Fn(&mut Health)) -> Health {
    let mut health = Health {
        initialized: true,
        sealed: true,
        role: Role::Standby,
        removed: false,
        product: Product::OpenBao,
        version: None,
        membership: None,
        secondary: false,
        server_time: None,
    };
    change(&mut health);
    health
}

/// A sealed server's that needs three shares of five.
fn status(change: impl Fn(&mut SealState)) -> SealStatus {
    let mut state = SealState {
        shamir: true,
        initialized: true,
        sealed: true,
        threshold: 3,
        total: 5,
        progress: 0,
        nonce: Nonce::default(),
        recovery_seal: false,
        migration: false,
        removed: false,
        product: Product::OpenBao,
    };
    change(&mut state);
    let seal_type = ExternalText::new(if state.shamir { "shamir" } else { "transit" });
    SealStatus { state, seal_type, version: None }
}

#[test]
fn health_alone_tells_of_servers_that_are_unsealed_or_left_alone() {
    let of = |change: fn(&mut Health)| State::of_health(&health(change));
    assert_eq!(of(|health| health.sealed = false), Some(State::Unsealed { role: Role::Standby }));
    assert_eq!(of(|health| health.removed = true), Some(State::Removed));
    assert_eq!(of(|health| (health.sealed, health.removed) = (false, true)), Some(State::Removed));
    // Only the seal status tells more.
    assert_eq!(of(|_| {}), None);
    assert_eq!(of(|health| health.initialized = false), None);
}

#[test]
fn seal_status_tells_of_servers_that_do_not_serve() {
    let of = |change: fn(&mut SealState), initialised| {
        State::of_seal_status(&status(change), initialised, Objection::SharesHeld)
    };
    let bare = |state: &mut SealState| (state.initialized, state.threshold, state.total) = (false, 0, 0);
    let damaged = |damage| State::Damaged { damage };
    assert_eq!(of(|_| {}, true), State::Sealed { delay: None });
    assert_eq!(of(|state| state.progress = 1, true), State::Unsealing { progress: 1, threshold: 3 });
    assert_eq!(of(|state| state.progress = 2, true), State::Unsealing { progress: 2, threshold: 3 });
    // A share has one of 255 numbers.
    assert_eq!(of(|state| state.threshold = 255, true), State::Sealed { delay: None });
    let beyond = Delay::Because("the server asks for 256 shares, more than can exist".to_owned());
    assert_eq!(of(|state| state.threshold = 256, true), State::Sealed { delay: Some(beyond) });
    assert_eq!(of(|state| state.removed = true, true), State::Removed);
    assert_eq!(of(|state| state.migration = true, true), State::Migrating { product: Product::OpenBao });
    let transit = Some(ExternalText::new("transit"));
    assert_eq!(of(|state| state.shamir = false, true), State::ForeignSeal { seal_type: transit });
    // Nothing that such a server shows invites to initialise it, but that it has no keys and no seal.
    let new = State::Uninitialized { objection: Objection::SharesHeld, product: Product::OpenBao };
    assert_eq!(of(bare, false), new);
    assert_eq!(of(bare, true), damaged(Damage::Contradiction));
    assert_eq!(of(|state| state.threshold = 0, false), damaged(Damage::Contradiction));
    let left = Damage::SealWithoutKeyring { threshold: 3, total: 5 };
    assert_eq!(of(|state| state.initialized = false, false), damaged(left));
}

#[test]
fn error_of_a_server_that_lost_its_seal_is_no_other_error() {
    let error =
        |text| Unreachable::ServerError { status: 500, text: AnswerText::Text(ExternalText::new(text)) };
    let lost = error("core: barrier reports initialized but no seal configuration found");
    assert_eq!(State::of_error(lost), State::Damaged { damage: Damage::NoSealConfiguration });
    for cause in [error("internal error"), Unreachable::Refused] {
        assert_eq!(State::of_error(cause.clone()), State::Unreachable { cause });
    }
}
