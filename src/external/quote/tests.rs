//! What bash reads of a word that our functions wrote; and what systemd itself reads from a unit: `systemd-analyze verify`,
//! which at the level "debug" prints the unit as it was read.

use super::*;
use crate::external::text::is_plain;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is printed about a service with these lines; `None`, and said, where there is no systemd-analyze.
fn verify(lines: &str) -> Option<Vec<u8>> {
    let directory = crate::testing::directory();
    let unit = directory.path().join("quoted.service");
    std::fs::write(&unit, format!("[Service]\nExecStart=/bin/true\n{lines}")).unwrap();
    let output = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .arg(&unit)
        .env("SYSTEMD_LOG_LEVEL", "debug")
        .env("LC_ALL", "C.UTF-8")
        .output();
    let said = output.map(|output| [output.stdout, output.stderr].concat()).unwrap_or_default();
    if said.windows(22).any(|part| part == b"-> Unit quoted.service") {
        return Some(said);
    }
    eprintln!("NOT TESTED: this needs a systemd-analyze that prints units");
    None
}

/// What stands behind `label` in each line that has it.
fn behind<'a>(said: &'a [u8], label: &'a str) -> impl Iterator<Item = &'a [u8]> {
    said.split(|byte| *byte == b'\n')
        .filter_map(move |line| line.trim_ascii_start().strip_prefix(label.as_bytes()))
}

/// Paths with everything in them that means something to any of the grammars.
fn paths() -> impl proptest::strategy::Strategy<Value = Vec<String>> {
    let part = "[a-zA-Z%$:;#=~'\"\\\\ é漢,{}\\[\\]*?!&|<>().-]{1,12}";
    proptest::collection::vec(proptest::collection::vec(part, 1..4), 1..40).prop_map(|paths| {
        paths
            .into_iter()
            .map(|parts| parts.into_iter().fold(String::new(), |path, part| path + "/" + &part))
            .collect()
    })
}

use proptest::strategy::Strategy as _;

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(8))]

    #[test]
    fn bind_paths_are_read_back_by_systemd(paths in paths()) {
        let expressible: BTreeSet<_> = paths.iter().filter(|path| bind_path("BindPaths=", Path::new(path)).is_ok()).collect();
        let line = |path: &&String| format!("BindPaths=-{0} {0}:/other\nDeviceAllow={0} rw\n", bind_path("BindPaths=", Path::new(path)).unwrap());
        let Some(said) = verify(&expressible.iter().map(line).collect::<String>()) else { return Ok(()) };
        let read: BTreeSet<&[u8]> = behind(&said, "BindPaths: ").collect();
        for path in expressible {
            proptest::prop_assert!(read.contains(format!("-{path}:{path}:rbind").as_bytes()), "{path}");
            proptest::prop_assert!(read.contains(format!("{path}:/other:rbind").as_bytes()), "{path}");
        }
    }

    #[test]
    fn credential_paths_are_read_back_by_systemd(paths in paths()) {
        let expressible: BTreeSet<_> = paths.iter().filter(|path| load_credential("a", Path::new(path)).is_ok()).collect();
        // A path with `..` behind it is refused by systemd, with its own words for what it read.
        let line = |path: &&String| format!("LoadCredential={}/../x\n", load_credential("na%me", Path::new(path)).unwrap());
        let Some(said) = verify(&expressible.iter().map(line).collect::<String>()) else { return Ok(()) };
        let said = String::from_utf8(said).unwrap();
        for path in expressible {
            proptest::prop_assert!(said.contains(&format!("Credential source \"{path}/../x\" not valid")), "{path}\n{said}");
        }
    }

    #[test]
    fn credential_names_are_read_back_by_systemd(names in proptest::collection::vec("[ -9;-~]{1,20}", 1..30)) {
        let expressible: BTreeSet<_> = names.iter().filter(|name| credential_name(name).is_ok()).collect();
        // No name ends in é, so that systemd says what it read.
        let line = |name: &&String| format!("LoadCredential={}é:/x\n", credential_name(name).unwrap());
        let Some(said) = verify(&expressible.iter().map(line).collect::<String>()) else { return Ok(()) };
        let said = String::from_utf8(said).unwrap();
        for name in expressible {
            proptest::prop_assert!(said.contains(&format!("Credential name \"{name}é\" not valid")), "{name}\n{said}");
        }
    }

    #[test]
    fn device_units_are_named_as_systemd_does(paths in paths()) {
        let expressible: Vec<_> = paths.iter().filter(|path| device_unit(Path::new(path)).is_ok()).collect();
        let escaped = Command::new("systemd-escape").args(["--path", "--suffix=device", "--"]).args(&expressible).output();
        let Ok(escaped) = escaped else { eprintln!("NOT TESTED: this needs systemd-escape"); return Ok(()) };
        let units: Vec<String> = expressible.iter().map(|path| device_unit(Path::new(path)).unwrap()).collect();
        let escaped = String::from_utf8(escaped.stdout).unwrap();
        proptest::prop_assert_eq!(escaped.trim_end(), units.join(" "));
    }
}

#[test]
fn what_a_grammar_cannot_say_is_refused_with_the_reason() {
    let refused = |path: &[u8]| {
        let path = PathBuf::from(OsStr::from_bytes(path));
        let load = load_credential("shares", &path);
        (load.map_err(|error| error.to_string()), bind_path("BindPaths=", &path).is_err())
    };
    for (path, reason, bind) in [
        (&b"/x/a\nLoadCredential=b:/etc/shadow"[..], "line break", true),
        (b"/x/\xff", "UTF-8", true),
        ("/x/\u{202e}y".as_bytes(), "invisible", true),
        (b"/x/a ", "ends with a blank", false),
        (b"/x/a\\", "backslash", false),
        (b"x", "begin with `/`", true),
        (b"/x/../y", "`..`", true),
    ] {
        let (load, refused) = refused(path);
        let error = load.unwrap_err();
        assert!(error.contains(reason) && error.chars().all(is_plain), "{error}");
        assert_eq!(refused, bind, "{error}");
    }
    for name in ["", "a:b", "a/b", "é", " a", "a ", "a\nb", ".."] {
        assert!(credential_name(name).is_err(), "{name}");
    }
}

/// What bash makes of each line's one word.
fn read_back(quoted: &[String]) -> Vec<Vec<u8>> {
    let script = quoted.iter().map(|word| format!("printf '%s\\0' {word}\n")).collect::<Vec<_>>().concat();
    let output = Command::new("bash").args(["-c", &script]).env("LC_ALL", "C.UTF-8").output().unwrap();
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut words: Vec<_> = output.stdout.split(|byte| *byte == 0).map(<[u8]>::to_vec).collect();
    words.pop();
    words
}

#[test]
fn quoted_path_is_read_back_by_a_shell() {
    let paths: [&[u8]; 9] = [
        b"/etc/vault-unseal/shares.json",
        b"/srv/my keys/$HOME/`id`",
        b"/srv/it's/\"here\"",
        b"/srv/\xc3\xa9t\xc3\xa9/k;ey&s|*?",
        b"/srv/line\nbreak/tab\tstop",
        b"/srv/not\xffutf8 \\ 'quoted' 7\x077",
        b"",
        b"~root",
        b"x;touch ${HOME}pwned;.service",
    ];
    let quoted: Vec<String> = paths.iter().map(|path| shell(Path::new(OsStr::from_bytes(path)))).collect();
    assert_eq!(read_back(&quoted), paths);
    assert!(quoted.iter().all(|word| !word.contains('\n')), "{quoted:?}");
    assert_eq!(shell(Path::new("-rf")), "./-rf");
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(32))]
    #[test]
    fn any_word_is_read_back_by_a_shell(
        bytes in proptest::collection::vec(proptest::collection::vec(1_u8.., 0..20), 1..50),
        texts in proptest::collection::vec("[^\0]{0,20}", 1..50),
    ) {
        let words: Vec<Vec<u8>> = bytes.into_iter().chain(texts.into_iter().map(String::into_bytes)).collect();
        let quoted: Vec<String> = words.iter().map(|word| shell_word(OsStr::from_bytes(word))).collect();
        proptest::prop_assert!(quoted.iter().all(|word| word.chars().all(is_plain)));
        proptest::prop_assert_eq!(read_back(&quoted), words);
    }
}

#[test]
fn hostile_path_stays_one_visible_line() {
    for (path, shown) in [
        (&b"/srv/\xc3\xa9t\xc3\xa9/a b"[..], "/srv/été/a b"),
        (b"/srv/a\nb\x1b[31m", r#""/srv/a\nb\u{1b}[31m""#),
        (b"/srv/\xff\"\\", r#""/srv/\xff\"\\""#),
        ("/srv/\u{202e}txt.exe\u{200b}".as_bytes(), r#""/srv/\u{202e}txt.exe\u{200b}""#),
        ("/srv/\u{2028}\u{9b}\u{e0041}".as_bytes(), r#""/srv/\u{2028}\u{9b}\u{e0041}""#),
    ] {
        assert_eq!(sentence(Path::new(OsStr::from_bytes(path))), shown);
    }
}

proptest::proptest! {
    #[test]
    fn any_path_is_shown_in_plain_characters(bytes: Vec<u8>, text: String) {
        for path in [OsStr::from_bytes(&bytes), OsStr::new(&text)] {
            proptest::prop_assert!(sentence(Path::new(path)).chars().all(is_plain));
        }
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_back_from_toml(text: String) {
        let quoted = toml(&text);
        proptest::prop_assert!(quoted.chars().all(is_plain));
        let document: toml_edit::ImDocument<String> = format!("a = {quoted}\n").parse().unwrap();
        proptest::prop_assert_eq!(document["a"].as_str(), Some(text.as_str()));
    }
}
