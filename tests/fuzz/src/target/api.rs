//! What servers answer: health, seal status, and the answer to a share.

use crate::said;
use serde_json::json;
use vault_unseal::api::{Health, LogHint, Product, Release, SealStatus, UnsealAnswer};

/// Of an answer to a share.
const CODES: [u16; 8] = [200, 204, 299, 400, 403, 429, 500, 503];

pub(crate) fn check(data: &[u8]) -> bool {
    let health = Health::parse(data);
    let status = SealStatus::parse(data);
    health.as_ref().inspect(|health| healthy(health));
    status.as_ref().inspect(|status| sealed(status));
    for code in CODES {
        match UnsealAnswer::parse(code, data, LogHint::default()) {
            UnsealAnswer::Status(state) => {
                assert!(code == 200 && status.as_ref().is_some_and(|status| status.state == state), "{code}");
            }
            UnsealAnswer::Refused(refusal) => {
                assert!(code != 200 || status.is_none(), "a status is taken for a refusal");
                assert_eq!(refusal.status, code);
                said::text(&format!("{refusal:?}"), data);
            }
        }
    }
    health.is_some() || status.is_some()
}

fn healthy(health: &Health) {
    let membership = health.own_membership();
    if let Some(membership) = membership {
        assert!(health.initialized && !health.sealed && !health.secondary && membership.id != *"");
        line(&membership.to_string(), 700);
    }
    if let Some(version) = &health.version {
        line(&version.to_string(), 301);
        let _ = Release::of(Some(version));
    }
}

fn sealed(status: &SealStatus) {
    line(&status.seal_type.to_string(), 301);
    assert_eq!(status.foreign_type().is_some(), !status.shamir);
    assert!(!status.takes_unseal_shares() || status.shamir && !status.recovery_seal);
    // What is decided by, written again, is the same. The name of the round is not kept, nor which program it is.
    let state = status.state;
    let written = json!({
        "type": if state.shamir { "shamir" } else { "other" },
        "sealed": state.sealed, "initialized": state.initialized,
        "t": state.threshold, "n": state.total, "progress": state.progress,
        "recovery_seal": state.recovery_seal, "migration": state.migration,
        "removed_from_cluster": state.removed,
    });
    let again = SealStatus::parse(written.to_string().as_bytes()).expect("it was written by us").state;
    let mut same = state;
    same.nonce = again.nonce;
    same.product = Product::Unknown;
    assert_eq!(again, same);
}

/// Text of a server's: one line of so many characters.
fn line(text: &str, most: usize) {
    assert!(text.chars().count() <= most && !text.contains('\n'), "{text:?}");
    said::text(text, &[]);
}
