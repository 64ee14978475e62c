//! Shares bound to how the machine started.

use std::path::Path;

use crate::helper::{opens, refused, seal_at, sealed};
use crate::support::home::{lines, shares_of_nobody};
use crate::support::swtpm::Swtpm;

#[test]
fn a_pcr_that_was_extended_is_named_until_it_is_as_it_was() {
    let mut tpm = Swtpm::start();
    let text = lines(&shares_of_nobody(3, 2));
    let file = sealed(&tpm, &text, Some("7+16"));
    tpm.extend(16);
    assert_eq!(
        refused(&tpm, &file, "tpm-pcr-changed"),
        "PCR 16 (sha256) no longer holds what was there when the shares were sealed: another firmware, kernel or boot \
         loader, or another way of booting"
    );
    tpm.does(Path::new("/"), &["tpm2_pcrreset", "16"]);
    opens(&tpm, &file, &text);
    tpm.extend(7);
    tpm.extend(16);
    assert!(refused(&tpm, &file, "tpm-pcr-changed").starts_with("PCRs 7 and 16 (sha256) no longer hold "));
    assert_eq!(tpm.handles(), "", "a refusal leaves nothing behind");
    tpm.reboot();
    opens(&tpm, &file, &text);
}

#[test]
fn other_pcrs_and_other_banks_are_free_to_change() {
    let tpm = Swtpm::start();
    let text = lines(&shares_of_nobody(3, 2));
    let (bound, other_bank, unbound) =
        (sealed(&tpm, &text, Some("7")), sealed(&tpm, &text, Some("sha384:16")), sealed(&tpm, &text, None));
    tpm.extend(16);
    for file in [bound, other_bank, unbound] {
        opens(&tpm, &file, &text);
    }
}

#[test]
fn what_pcrs_hold_when_the_shares_are_sealed_is_what_counts() {
    let mut tpm = Swtpm::start();
    let text = lines(&shares_of_nobody(3, 2));
    tpm.extend(16);
    let file = sealed(&tpm, &text, Some("16"));
    opens(&tpm, &file, &text);
    tpm.reboot();
    refused(&tpm, &file, "tpm-pcr-changed");
    tpm.extend(16);
    opens(&tpm, &file, &text);
}

#[test]
fn a_bank_that_is_switched_off_is_told() {
    let mut tpm = Swtpm::start();
    tpm.does(Path::new("/"), &["tpm2_pcrallocate", "sha256:all+sha384:none"]);
    tpm.reboot();
    let (kind, words) = seal_at(&tpm.tcti(), &"ab".repeat(33), Some("sha384:7")).unwrap_err();
    assert_eq!(
        (kind.as_str(), words.as_str()),
        ("tpm-failed", "the TPM has no PCR sha384:7: its bank sha384 may be off")
    );
}
