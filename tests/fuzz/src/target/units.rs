//! Unit files and drop-ins. The first line is the unit's name, the rest its text.

use std::path::Path;
use vault_unseal::external::quote;
use vault_unseal::systemd::units::{CredentialOrigin, Unit, UnitFile};

pub(crate) fn check(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data);
    let (name, text) = text.split_once('\n').unwrap_or(("vault-unseal.service", &text));
    // A name that a file can have.
    let name = if name.is_empty() || name.contains(['/', '\0']) || name == "." || name == ".." {
        "a.service"
    } else {
        name
    };
    let path = Path::new("/etc/systemd/system").join(name);
    let (file, read) = UnitFile::fuzzed(&path, text);
    let known: Vec<[String; 3]> = read;
    written_again(&path, &known);
    let _ = (file.starts_us(), file.only_loads("shares"), file.is_local());
    let keys: Vec<String> = file.service_keys().map(str::to_owned).collect();
    assert!(keys.len() <= known.len());
    let unit = Unit::new(file, Vec::new());
    for key in keys.iter().take(32) {
        let _ = (unit.values(key), unit.value(key), unit.is_on(key));
        for command in unit.commands(key) {
            assert!(!command.program.is_empty());
            let _ = command.name();
        }
    }
    for credential in unit.loaded_credentials().iter().take(32) {
        let origin = unit.credential(credential);
        assert!(origin.is_some(), "{credential:?} is loaded, and comes from nowhere");
        for place in origin.iter().flat_map(CredentialOrigin::places) {
            assert!(place.is_absolute(), "{}", place.display());
        }
        let _ = unit.credential_in_directory(&format!("{credential}_entry"));
        given_again(credential, &known);
    }
    !unit.loaded_credentials().is_empty()
}

/// What was read and written again is the same.
fn written_again(path: &Path, known: &[[String; 3]]) {
    // A blank behind the value: a backslash there would join the next line. An assignment before any section is in none.
    let mut text = String::new();
    let mut within = "";
    for [section, key, value] in known {
        if section != within {
            text.extend(["[", section, "]\n"]);
            within = section;
        }
        text.extend([key, "=", value, " \n"]);
    }
    let plain = |[_, key, value]: &[String; 3]| {
        // Of lines that were joined some are read in another way alone: a comment, a section.
        let line = format!("{key}={value}");
        !(line.starts_with(['#', ';', '[', '\u{feff}']) || line.contains(['\r', '\n']))
    };
    if known.iter().all(|it| plain(it) && !it[0].contains(['\r', '\n'])) {
        assert_eq!(UnitFile::fuzzed(path, &text).1, known, "{text:?}");
    }
}

/// The setting that we advise to write for a file is read as that file.
fn given_again(name: &str, known: &[[String; 3]]) {
    // Of quotes around a whole setting we make none.
    if name.starts_with(['"', '\'']) {
        return;
    }
    for [_, _, value] in known.iter().take(32) {
        let path = Path::new("/").join(value);
        let Ok(setting) = quote::load_credential(name, &path) else { continue };
        let text = format!("[Service]\nLoadCredential={setting}\n");
        let (file, _) = UnitFile::fuzzed(Path::new("/etc/systemd/system/vault-unseal.service"), &text);
        let origin = Unit::new(file, Vec::new()).credential(name);
        let expected = CredentialOrigin::File { path, encrypted: false, stand_in: false };
        assert_eq!(origin, Some(expected), "{text:?}");
    }
}
