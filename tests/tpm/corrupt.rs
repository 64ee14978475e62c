//! A file that is not what was written.

use std::collections::BTreeMap;

use crate::helper::{open, opens, refused, sealed};
use crate::support::home::{lines, shares_of_nobody};
use crate::support::swtpm::Swtpm;

#[test]
fn a_bit_turned_in_any_byte_is_refused() {
    let tpm = Swtpm::start();
    let text = lines(&shares_of_nobody(1, 1));
    let file = sealed(&tpm, &text, Some("16"));
    let mut kinds = BTreeMap::new();
    for at in 0..file.len() {
        let mut turned = file.clone();
        turned[at] ^= 1 << (at % 8);
        match open(&tpm, &turned) {
            Ok(_) => panic!("byte {at} does not matter"),
            Err((kind, _)) => *kinds.entry(kind).or_insert(0) += 1,
        }
    }
    // Another version, another name of the primary key: each what it then says.
    let expected = ["tpm-blob-corrupt", "tpm-blob-version", "tpm-other"];
    assert!(kinds.keys().all(|kind| expected.contains(&kind.as_str())), "{kinds:?}");
    assert!(kinds["tpm-blob-corrupt"] > file.len() / 2, "{kinds:?}");
    opens(&tpm, &file, &text);
    assert_eq!(tpm.handles(), "");
}

#[test]
fn a_file_cut_short_or_not_one_of_ours_is_refused() {
    let tpm = Swtpm::start();
    let file = sealed(&tpm, &lines(&shares_of_nobody(3, 2)), None);
    for length in [0, 1, 40, file.len() / 2, file.len() - 1] {
        refused(&tpm, &file[..length], "tpm-blob-corrupt");
    }
    refused(&tpm, &[&file, &b"\n"[..]].concat(), "tpm-blob-corrupt");
    refused(&tpm, b"{\"keys\": []}", "tpm-blob-corrupt");
    refused(&tpm, &vec![b'['; 60_000], "tpm-blob-corrupt");
}

#[test]
fn parts_of_two_files_do_not_mix() {
    let tpm = Swtpm::start();
    let [one, two] = [1, 2].map(|_| {
        let file = sealed(&tpm, &lines(&shares_of_nobody(3, 2)), None);
        String::from_utf8(file).unwrap()
    });
    let line = |file: &str, key: &str| {
        file.lines().find(|line| line.trim_start().starts_with(&format!("\"{key}\""))).unwrap().to_owned()
    };
    for key in ["public", "private", "nonce", "ciphertext"] {
        let mixed = one.replace(&line(&one, key), &line(&two, key));
        assert_ne!(mixed, one);
        refused(&tpm, mixed.as_bytes(), "tpm-blob-corrupt");
    }
    // Even what is only told to people.
    refused(&tpm, one.replace("\"shares\": 3", "\"shares\": 2").as_bytes(), "tpm-blob-corrupt");
    let later = one.replace("\"version\": 1", "\"version\": 2");
    assert_eq!(
        refused(&tpm, later.as_bytes(), "tpm-blob-version"),
        "its format has version 2, and this program knows version 1"
    );
}
