//! Share files in every format, and the answer to an init.

use crate::said;
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;
use vault_unseal::cluster::Scheme;
use vault_unseal::shares::load;
use vault_unseal::shares::{InitAnswer, LoadedShares, ShareSet};

const FILE: &str = "/etc/vault-unseal/shares.json";

pub(crate) fn check(data: &[u8]) -> bool {
    let _ = InitAnswer::parse(data, None).map_err(|refusal| said::text(&refusal.to_string(), data));
    match load::text(data, Path::new(FILE)) {
        Ok(loaded) => {
            accepted(&loaded, data);
            true
        }
        Err(error) => {
            said::check(&error, data);
            false
        }
    }
}

fn accepted(loaded: &LoadedShares, data: &[u8]) {
    let shares = &loaded.shares;
    let texts: Vec<String> = shares.iter().map(|share| share.hex().to_string()).collect();
    assert!((1..=255).contains(&shares.count()), "{} shares", shares.count());
    let lengths: BTreeSet<usize> = texts.iter().map(|text| text.len() / 2).collect();
    assert!(
        lengths.len() == 1 && lengths.iter().all(|length| (16..=33).contains(length)),
        "{lengths:?} bytes"
    );
    assert_eq!(texts.iter().collect::<BTreeSet<_>>().len(), texts.len(), "a share is there twice");
    if lengths.contains(&33) {
        let xs: BTreeSet<&str> = texts.iter().filter_map(|text| text.get(64..)).collect();
        assert!(xs.len() == texts.len() && !xs.contains("00"), "x is there twice, or is 0: {xs:?}");
    }
    for (share, text) in shares.iter().zip(&texts) {
        assert_eq!(*share.unseal_request(), format!("{{\"key\":\"{text}\"}}").into_bytes());
    }
    for notice in &loaded.notices {
        said::check(notice, data);
        let told = notice.to_string();
        assert!(!texts.iter().any(|text| told.contains(text)), "a share is repeated: {told}");
    }
    same(shares, texts.join("\n").as_bytes());
    same(shares, json!({ "keys": texts }).to_string().as_bytes());
    planned(shares);
}

/// What was accepted and written again is the same.
fn same(shares: &ShareSet, written: &[u8]) {
    match load::text(written, Path::new(FILE)) {
        Ok(again) => assert!(again.shares.is_same_as(shares)),
        Err(error) => panic!("what was accepted is refused when it is written again: {error}"),
    }
}

/// No index is submitted that is not held, and never more at once than the threshold.
fn planned(shares: &ShareSet) {
    for threshold in [1, 2, 3] {
        // The search is bounded for a server's patience, not for that of a fuzzer.
        if shares.count() > 6 {
            return;
        }
        for set in shares.plan(Scheme::needing(threshold)).candidates {
            assert!(
                set.len() <= threshold && set.iter().all(|index| shares.get(*index).is_some()),
                "{set:?}"
            );
        }
    }
}
