//! tpm2-tools read the file by docs/tpm2-file.md, and find the same.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::helper::sealed;
use crate::support::home::{hex, lines, shares_of_nobody};
use crate::support::swtpm::Swtpm;

/// The coordinates of the template, as tpm2-tools read them: two of 32 zero bytes in structures that could hold 128, each
/// with its length before it, little endian.
const UNIQUE: &[u8; 260] = &{
    let mut unique = [0; 260];
    unique[0] = 32;
    unique[130] = 32;
    unique
};

/// `key` of the file, by jq and base64 as a person would.
fn take(directory: &Path, key: &str) {
    let script = format!("jq -er .{key} file | base64 -d > {key}");
    let status = Command::new("sh").args(["-ec", &script]).current_dir(directory).status().unwrap();
    assert!(status.success(), "{script}");
}

/// The storage root key by tpm2-tools, in `primary.ctx`; its name.
pub(crate) fn primary(tpm: &Swtpm, directory: &Path) -> String {
    fs::write(directory.join("unique"), UNIQUE).unwrap();
    let attributes = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|restricted|decrypt";
    let arguments =
        ["-C", "o", "-g", "sha256", "-G", "ecc", "-a", attributes, "-u", "unique", "-c", "primary.ctx"];
    tpm.does(directory, &[&["tpm2_createprimary", "-Q"], &arguments[..]].concat());
    tpm.flush();
    let files = ["-n", "primary.name", "-o", "primary.public"];
    tpm.does(directory, &[&["tpm2_readpublic", "-Q", "-c", "primary.ctx"], &files[..]].concat());
    tpm.flush();
    hex(&fs::read(directory.join("primary.name")).unwrap())
}

/// The sealed key of `file`, by tpm2-tools.
pub(crate) fn key(tpm: &Swtpm, directory: &Path, pcrs: Option<&str>) -> Vec<u8> {
    primary(tpm, directory);
    take(directory, "public");
    take(directory, "private");
    let files = ["-u", "public", "-r", "private", "-c", "key.ctx"];
    tpm.does(directory, &[&["tpm2_load", "-Q", "-C", "primary.ctx"], &files[..]].concat());
    tpm.flush();
    let mut unseal = vec!["tpm2_unseal", "-c", "key.ctx"];
    let policy = pcrs.map(|pcrs| format!("pcr:{}", pcrs.replace('+', ",")));
    if let Some(policy) = &policy {
        unseal.extend(["-p", policy]);
    }
    let key = tpm.does(directory, &unseal);
    tpm.flush();
    key
}

#[test]
fn tpm2_tools_make_the_same_primary_key_and_load_and_unseal_the_sealed_one() {
    let tpm = Swtpm::start();
    let directory = crate::support::directory::directory();
    let here = directory.path();
    for pcrs in [Some("sha256:7+16"), None] {
        let file = sealed(&tpm, &lines(&shares_of_nobody(5, 3)), pcrs);
        fs::write(here.join("file"), &file).unwrap();
        let document: serde_json::Value = serde_json::from_slice(&file).unwrap();
        assert_eq!(primary(&tpm, here), document["primary"]["name"]);
        take(here, "public");
        let shown = tpm.does(here, &["tpm2_print", "-t", "TPM2B_PUBLIC", "public"]);
        let shown = String::from_utf8(shown).unwrap();
        let attributes = match pcrs {
            Some(_) => "fixedtpm|fixedparent|adminwithpolicy|noda",
            None => "fixedtpm|fixedparent|userwithauth|adminwithpolicy|noda",
        };
        assert!(shown.contains(&format!("value: {attributes}\n")), "{shown}");
        if pcrs.is_some() {
            assert!(shown.contains(document["pcrs"]["policy"].as_str().unwrap()), "{shown}");
        }
        assert_eq!(key(&tpm, here, pcrs).len(), 32);
        // The password is of no use where a policy is demanded.
        assert_eq!(tpm.tool(here, &["tpm2_unseal", "-c", "key.ctx"]).status.success(), pcrs.is_none());
        tpm.flush();
    }
}
