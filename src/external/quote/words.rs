//! Paths and names in sentences, in commands of a shell and in strings of TOML.

use crate::external::text::is_plain;
use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The path as one word of a POSIX shell (POSIX.1-2024, XCU 2.2) that no command takes for an option: a relative one that
/// begins with `-` gets `./` before it.
pub fn shell(path: &Path) -> String {
    if path.as_os_str().as_bytes().starts_with(b"-") {
        return shell_word(Path::new(".").join(path).as_os_str());
    }
    shell_word(path.as_os_str())
}

/// Any text as one word of a POSIX shell. Bytes that would not survive a terminal, or not be seen there, are written as
/// `$'\ooo'`, which bash, zsh and POSIX.1-2024 understand. An option where it begins with `-`: see [`shell`].
pub fn shell_word(word: impl AsRef<OsStr>) -> String {
    let bytes = word.as_ref().as_bytes();
    let bare = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+,:@%=".contains(byte);
    match word.as_ref().to_str() {
        Some(text) if !bytes.is_empty() && bytes.iter().all(bare) => text.to_owned(),
        Some(text) if text.chars().all(is_plain) => format!("'{}'", text.replace('\'', "'\\''")),
        _ => {
            let mut word = String::from("$'");
            for &byte in bytes {
                match byte {
                    b'\'' | b'\\' => word.extend(['\\', char::from(byte)]),
                    b' '..=b'~' => word.push(char::from(byte)),
                    _ => drop(write!(word, "\\{byte:03o}")),
                }
            }
            word.push('\'');
            word
        }
    }
}

/// The path for a sentence: as it is; or in quotes, with `\n`, `\u{202e}` and `\xff` for what would break the line, do
/// something to the terminal or mislead its reader.
pub fn sentence(path: &Path) -> String {
    if let Some(text) = path.to_str().filter(|text| text.chars().all(is_plain)) {
        return text.to_owned();
    }
    let mut text = String::from("\"");
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' | '\\' => text.extend(['\\', c]),
                c if is_plain(c) => text.push(c),
                c if c.is_ascii() => text.extend(c.escape_default()),
                c => text.extend(c.escape_unicode()),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text.push('"');
    text
}

/// The text as a basic string of TOML 1.0, in one line.
pub fn toml(text: &str) -> String {
    let mut string = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => string.extend(['\\', c]),
            c if is_plain(c) => string.push(c),
            c => drop(write!(string, "\\U{:08X}", u32::from(c))),
        }
    }
    string.push('"');
    string
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::process::Command;

    /// What bash makes of each line's one word.
    fn read_back(quoted: &[String]) -> Vec<Vec<u8>> {
        let script =
            quoted.iter().map(|word| format!("printf '%s\\0' {word}\n")).collect::<Vec<_>>().concat();
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
        let quoted: Vec<String> =
            paths.iter().map(|path| shell(Path::new(OsStr::from_bytes(path)))).collect();
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
}
