//! Sealed, rebooted, opened; and opened by nobody else.

use std::path::Path;

use crate::helper::{open_at, opens, refused, run, seal_at, sealed};
use crate::needles::Needles;
use crate::support::home::{hex, lines, shares_of_nobody, unhex};
use crate::support::swtpm::Swtpm;

#[test]
fn what_was_sealed_opens_after_a_reboot_and_leaves_nothing_in_the_tpm() {
    let mut tpm = Swtpm::start();
    let text = lines(&shares_of_nobody(5, 3));
    for pcrs in [None, Some("7"), Some("sha256:0+7+16"), Some("sha384:7"), Some("0+1+2+3+4+5+6+7+8+9+10")] {
        let file = sealed(&tpm, &text, pcrs);
        opens(&tpm, &file, &text);
        tpm.reboot();
        opens(&tpm, &file, &text);
        assert_eq!(tpm.handles(), "", "{pcrs:?}");
    }
}

#[test]
fn every_sealing_is_another_file() {
    let tpm = Swtpm::start();
    let text = lines(&shares_of_nobody(1, 1));
    let [one, two] = [sealed(&tpm, &text, None), sealed(&tpm, &text, None)].map(|file| {
        let file: serde_json::Value = serde_json::from_slice(&file).unwrap();
        ["private", "nonce", "ciphertext"].map(|key| file[key].as_str().unwrap().to_owned())
    });
    assert!(one.iter().zip(&two).all(|(one, two)| one != two), "{one:?} {two:?}");
}

#[test]
fn another_tpm_and_a_cleared_one_say_so() {
    let (tpm, other) = (Swtpm::start(), Swtpm::start());
    let text = lines(&shares_of_nobody(3, 2));
    for pcrs in [None, Some("7")] {
        let file = sealed(&tpm, &text, pcrs);
        let words = refused(&other, &file, "tpm-other");
        assert!(words.contains("another TPM") && words.contains("cleared"), "{words}");
    }
    let file = sealed(&tpm, &text, None);
    tpm.does(Path::new("/"), &["tpm2_clear", "-c", "p"]);
    refused(&tpm, &file, "tpm-other");
    // And is as good as new.
    let file = sealed(&tpm, &text, None);
    opens(&tpm, &file, &text);
}

#[test]
fn the_file_holds_no_share_in_any_form() {
    let tpm = Swtpm::start();
    let shares = shares_of_nobody(5, 3);
    let needles = Needles::of_hex(&shares);
    let text = lines(&shares);
    assert!(!needles.find(text.as_bytes()).is_empty(), "they would be found");
    let file = sealed(&tpm, &text, Some("7"));
    assert!(needles.find(&file).is_empty());
    // What is base64 in the file, as bytes.
    let document: serde_json::Value = serde_json::from_slice(&file).unwrap();
    for key in ["public", "private", "ciphertext"] {
        let bytes = base64(document[key].as_str().unwrap());
        assert!(needles.find(&bytes).is_empty(), "{key}");
    }
    assert_eq!(document["shares"], 5);
    assert_eq!(unhex(&hex(b"both ways")), b"both ways");
}

#[test]
fn what_holds_no_shares_is_not_sealed() {
    let tpm = Swtpm::start();
    for text in ["", "# nothing\n", "rubbish\n", &"ab".repeat(20_000)] {
        let (kind, words) = seal_at(&tpm.tcti(), text, None).unwrap_err();
        assert_eq!(kind, "tpm-failed", "{words}");
    }
}

#[test]
fn wrong_calls_are_answered_with_the_usage() {
    for arguments in
        [&[][..], &["unseal"], &["open", "--pcrs", "7"], &["seal", "--pcrs", "24"], &["open", "--tcti"]]
    {
        let output = run(arguments, b"");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("usage: vault-unseal-tpm open"), "{said}");
    }
    let (kind, words) =
        open_at("cmd:true", &sealed(&Swtpm::start(), "ab".repeat(33).as_str(), None)).unwrap_err();
    assert_eq!(
        (kind.as_str(), words.as_str()),
        ("tpm-absent", "\"cmd:true\" is no way to a TPM that is known here")
    );
}

fn base64(text: &str) -> Vec<u8> {
    let mut decoder = std::process::Command::new("base64")
        .arg("-d")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut decoder.stdin.take().unwrap(), text.as_bytes()).unwrap();
    decoder.wait_with_output().unwrap().stdout
}
