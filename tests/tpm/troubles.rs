//! TPMs that are full, locked, taken or silent.

use std::path::Path;

use crate::helper::{open_at, opens, refused, seal_at, sealed};
use crate::support::home::{lines, shares_of_nobody};
use crate::support::swtpm::Swtpm;
use crate::tools;

#[test]
fn a_tpm_full_of_others_sessions_or_keys_is_busy_until_they_go() {
    let tpm = Swtpm::start();
    let directory = crate::support::directory::directory();
    let text = lines(&shares_of_nobody(3, 2));
    let file = sealed(&tpm, &text, Some("7"));
    let fill: [&[&str]; 2] = [
        &["tpm2_startauthsession", "--policy-session", "-S", "session.ctx"],
        &["tpm2_createprimary", "-Q", "-C", "n", "-c", "key.ctx"],
    ];
    for command in fill {
        // Without a resource manager nothing is removed by itself.
        while tpm.tool(directory.path(), command).status.success() {}
        let words = refused(&tpm, &file, "tpm-busy");
        assert!(words.starts_with("the TPM is busy or full: "), "{words}");
        tpm.flush();
        opens(&tpm, &file, &text);
    }
}

#[test]
fn a_lockout_concerns_only_others() {
    let tpm = Swtpm::start();
    let directory = crate::support::directory::directory();
    let here = directory.path();
    let text = lines(&shares_of_nobody(3, 2));
    let files = [sealed(&tpm, &text, Some("7")), sealed(&tpm, &text, None)];
    tpm.does(here, &["tpm2_dictionarylockout", "-s", "-n", "1", "-t", "1000", "-l", "1000"]);
    // A key whose password can be guessed, and a wrong guess.
    tpm.does(
        here,
        &["tpm2_createprimary", "-Q", "-C", "o", "-c", "primary.ctx", "-p", "right", "-a", PROTECTED],
    );
    let guess = ["tpm2_create", "-Q", "-C", "primary.ctx", "-P", "wrong", "-u", "public", "-r", "private"];
    tpm.flush();
    assert!(!tpm.tool(here, &guess).status.success());
    tpm.flush();
    let locked =
        tpm.tool(here, &["tpm2_create", "-Q", "-C", "primary.ctx", "-P", "right", "-u", "u", "-r", "r"]);
    assert!(!locked.status.success(), "the TPM is not locked, this test would prove nothing");
    tpm.flush();
    for file in &files {
        opens(&tpm, file, &text);
    }
    let again = sealed(&tpm, &text, Some("7"));
    opens(&tpm, &again, &text);
}

/// A storage key that is protected against guessing.
const PROTECTED: &str = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|decrypt";

#[test]
fn an_owner_with_a_password_needs_a_storage_root_key_that_is_kept() {
    let tpm = Swtpm::start();
    let directory = crate::support::directory::directory();
    let here = directory.path();
    let text = lines(&shares_of_nobody(3, 2));
    let before = sealed(&tpm, &text, Some("7"));
    tpm.does(here, &["tpm2_changeauth", "-c", "o", "secret"]);
    let words = refused(&tpm, &before, "tpm-failed");
    assert_eq!(
        words,
        "the owner hierarchy of the TPM has a password, and no storage root key is kept at 0x81000001"
    );
    assert_eq!(seal_at(&tpm.tcti(), &text, None).unwrap_err().1, words);

    // As an installer leaves it.
    tpm.does(here, &["tpm2_changeauth", "-c", "o", "-p", "secret", ""]);
    tools::primary(&tpm, here);
    tpm.does(here, &["tpm2_evictcontrol", "-Q", "-C", "o", "-c", "primary.ctx", "0x81000001"]);
    tpm.does(here, &["tpm2_changeauth", "-c", "o", "secret"]);
    tpm.flush();
    opens(&tpm, &before, &text);
    let after = sealed(&tpm, &text, None);
    opens(&tpm, &after, &text);
    assert_eq!(tpm.handles(), "");
}

#[test]
fn a_storage_root_key_with_a_password_of_its_own_is_not_the_owners_password() {
    let tpm = Swtpm::start();
    let directory = crate::support::directory::directory();
    let here = directory.path();
    let file = sealed(&tpm, &lines(&shares_of_nobody(3, 2)), None);
    tools::primary(&tpm, here);
    let attributes = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt";
    let key =
        ["-g", "sha256", "-G", "ecc", "-a", attributes, "-u", "unique", "-p", "secret", "-c", "primary.ctx"];
    tpm.does(here, &[&["tpm2_createprimary", "-Q", "-C", "o"], &key[..]].concat());
    tpm.flush();
    tpm.does(here, &["tpm2_evictcontrol", "-Q", "-C", "o", "-c", "primary.ctx", "0x81000001"]);
    tpm.flush();
    let words = refused(&tpm, &file, "tpm-failed");
    assert!(words.contains("its storage root key has a password"), "{words}");
}

#[test]
fn another_key_at_the_customary_handle_is_passed_over() {
    let tpm = Swtpm::start();
    let directory = crate::support::directory::directory();
    let here = directory.path();
    let text = lines(&shares_of_nobody(3, 2));
    let before = sealed(&tpm, &text, None);
    tpm.does(here, &["tpm2_createprimary", "-Q", "-C", "o", "-G", "rsa", "-c", "other.ctx"]);
    tpm.flush();
    tpm.does(here, &["tpm2_evictcontrol", "-Q", "-C", "o", "-c", "other.ctx", "0x81000001"]);
    tpm.flush();
    opens(&tpm, &before, &text);
    let after = sealed(&tpm, &text, Some("7"));
    opens(&tpm, &after, &text);
    // With a password, no other key takes its place.
    tpm.does(here, &["tpm2_changeauth", "-c", "o", "secret"]);
    assert_eq!(seal_at(&tpm.tcti(), &text, None).unwrap_err().0, "tpm-failed");
}

#[test]
fn a_tpm_that_is_not_there_is_absent() {
    let mut tpm = Swtpm::start();
    let text = lines(&shares_of_nobody(3, 2));
    let file = sealed(&tpm, &text, None);
    tpm.switch_off();
    let words = refused(&tpm, &file, "tpm-absent");
    assert_eq!(words, format!("there is no TPM at {}: no connection (code 0xa000a)", tpm.tcti()));
    tpm.switch_on();
    opens(&tpm, &file, &text);

    for (tcti, words) in [
        ("device:/nowhere/tpmrm0", "there is no TPM: /nowhere/tpmrm0 does not exist"),
        ("device:/", "/ cannot be opened: Is a directory (os error 21)"),
    ] {
        assert_eq!(open_at(tcti, &file), Err(("tpm-absent".to_owned(), words.to_owned())));
    }
    assert!(!Path::new("/nowhere").exists());
}
