//! Paths and names in sentences.

use crate::external::text::is_plain;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

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

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

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
}
