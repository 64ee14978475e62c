//! Every answer that a real OpenBao was recorded to give, read by the client.

use vault_unseal::api::{Health, LogHint, Meaning, Refusal, Role, SealStatus, UnsealAnswer};

use crate::support::recorded::{Recorded, openbao};

fn path(row: &Recorded) -> &'static str {
    row.path.split('?').next().unwrap()
}

#[test]
fn health_in_every_situation() {
    let mut seen = 0;
    for row in openbao().iter().filter(|row| path(row) == "/v1/sys/health" && row.method == "GET") {
        let parsed = Health::parse(row.response.as_bytes());
        if row.case.starts_with('O') {
            assert_eq!(parsed, None, "{}: plain HTTP on a TLS port", row.case);
            continue;
        }
        let health = parsed.unwrap_or_else(|| panic!("{row:?}"));
        // The code that the server sent of its own accord; 299 and 200 where it was told to.
        let expected = match row.status {
            501 => (false, true, None),
            503 => (true, true, None),
            429 if row.response.contains("\"unknown\"") => (true, false, Some(Role::StandbyWithoutActive)),
            429 => (true, false, Some(Role::Standby)),
            _ => {
                let sealed = row.response.contains("\"sealed\":true");
                let standby = row.response.contains("\"standby\":true");
                let role = if standby { Role::Standby } else { Role::Active };
                (!row.response.contains("\"initialized\":false"), sealed, (!sealed).then_some(role))
            }
        };
        let role = (!health.sealed).then_some(health.role);
        assert_eq!((health.initialized, health.sealed, role), expected, "{row:?}");
        assert_eq!(health.version.unwrap().to_string(), "2.7.2");
        assert!(health.server_time.is_some_and(|time| time > 1_700_000_000));
        assert_eq!(health.membership.is_some(), row.response.contains("cluster_id"), "{row:?}");
        seen += 1;
    }
    assert!(seen >= 30, "{seen}");
}

#[test]
fn seal_status_in_every_situation() {
    let mut seen = 0;
    for row in openbao().iter().filter(|row| path(row) == "/v1/sys/seal-status") {
        let status = SealStatus::parse(row.response.as_bytes()).unwrap_or_else(|| panic!("{row:?}"));
        assert_eq!(status.takes_unseal_shares(), !row.case.starts_with('N'), "{row:?}");
        assert_eq!(
            status.initialized,
            !row.case.contains("uninit") && !row.case.contains("before-join"),
            "{row:?}"
        );
        assert_eq!(status.threshold > 0, status.initialized, "{row:?}");
        assert_eq!(status.nonce.is_empty(), status.progress == 0, "{row:?}");
        assert!(!status.migration && !status.removed);
        seen += 1;
    }
    assert!(seen >= 30, "{seen}");
}

/// What each refusal means to who submitted a share.
const REFUSALS: &[(&str, Meaning)] = &[
    ("Vault is not initialized", Meaning::NotInitialized),
    ("vault is unsealed", Meaning::AlreadyUnsealed),
    ("'key' must be a valid hex or base64 string", Meaning::Malformed),
    ("invalid key: key is shorter than minimum 16 bytes", Meaning::Malformed),
    ("invalid key: key is longer than maximum 33 bytes", Meaning::Malformed),
    ("invalid key: failed to compute combined key: duplicate part detected", Meaning::RoundFailed),
    ("invalid key: failed to compute combined key: all parts must be the same length", Meaning::RoundFailed),
    ("invalid key: failed to setup unseal key: crypto/aes: invalid key size 33", Meaning::RoundFailed),
    (
        "unable to retrieve stored keys: invalid key: failed to decrypt keys from storage: cipher: message \
         authentication failed",
        Meaning::RoundFailed,
    ),
    // Requests that the daemon does not make; they say nothing of its shares.
    ("'key' must be specified in request body as JSON, or 'reset' set to true", Meaning::Transient),
    ("failed to decode JSON input: ", Meaning::Transient),
];

#[test]
fn every_answer_to_a_share_or_a_reset() {
    let rows = openbao();
    let answers =
        rows.iter().filter(|row| path(row) == "/v1/sys/unseal" && ["PUT", "POST"].contains(&row.method));
    let mut met = vec![false; REFUSALS.len()];
    for row in answers {
        match UnsealAnswer::parse(row.status, row.response.as_bytes(), LogHint::default()) {
            UnsealAnswer::Status(status) => {
                assert_eq!(row.status, 200, "{row:?}");
                assert_eq!(status.sealed, row.response.contains("\"sealed\":true"), "{row:?}");
            }
            UnsealAnswer::Refused(refusal) => {
                assert_ne!(row.status, 200, "{row:?}");
                let begins = |text: &str| row.response.contains(&format!("[\"{text}"));
                let known = REFUSALS.iter().position(|(text, _)| begins(text));
                let known =
                    known.unwrap_or_else(|| panic!("a refusal that this test does not know: {row:?}"));
                met[known] = true;
                assert_eq!((refusal.meaning, refusal.from_server), (REFUSALS[known].1, true), "{row:?}");
            }
        }
    }
    for ((text, _), met) in REFUSALS.iter().zip(met) {
        assert!(met, "never recorded: {text}");
    }
}

#[test]
fn words_on_a_page_that_is_not_the_servers_mean_nothing() {
    for (text, _) in REFUSALS {
        let refusal = Refusal::parse(400, format!("<html>{text}</html>").as_bytes(), LogHint::default());
        assert_eq!((refusal.meaning, refusal.from_server), (Meaning::Transient, false), "{text}");
    }
}
