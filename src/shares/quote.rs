//! Paths in sentences and in commands that a person pastes into a shell.

use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The path as one word of a POSIX shell. Bytes that would not survive a terminal are written as `$'\ooo'`,
/// which bash, zsh and POSIX.1-2024 understand.
pub(crate) fn shell(path: &Path) -> String {
    let bytes = path.as_os_str().as_bytes();
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+,:@%=".contains(byte);
    match path.to_str() {
        Some(text) if !bytes.is_empty() && bytes.iter().all(plain) => text.to_owned(),
        Some(text) if !text.chars().any(char::is_control) => format!("'{}'", text.replace('\'', "'\\''")),
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

/// The path for a sentence: as it is, or escaped when it would break the line or the terminal.
pub(crate) fn sentence(path: &Path) -> String {
    match path.to_str() {
        Some(text) if !text.chars().any(char::is_control) => text.to_owned(),
        // Debug escapes what Display would pass through to the terminal.
        _ => format!("{:?}", path.as_os_str()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::process::Command;

    #[test]
    fn a_shell_reads_back_the_path_that_was_quoted() {
        let paths: [&[u8]; 7] = [
            b"/etc/vault-unseal/shares.json",
            b"/srv/my keys/$HOME/`id`",
            b"/srv/it's/\"here\"",
            b"/srv/\xc3\xa9t\xc3\xa9/k;ey&s|*?",
            b"/srv/line\nbreak/tab\tstop",
            b"/srv/not\xffutf8 \\ 'quoted' 7\x077",
            b"",
        ];
        for path in paths {
            let quoted = shell(Path::new(OsStr::from_bytes(path)));
            let output = Command::new("bash").args(["-c", &format!("printf %s {quoted}")]).output().unwrap();
            assert_eq!(output.stdout, path, "{quoted}");
            assert!(!quoted.contains('\n'), "{quoted}");
        }
    }

    #[test]
    fn a_path_never_breaks_a_sentence() {
        assert_eq!(sentence(Path::new("/srv/été/a b")), "/srv/été/a b");
        assert_eq!(sentence(Path::new("/srv/a\nb\x1b[31m")), r#""/srv/a\nb\u{1b}[31m""#);
        assert_eq!(sentence(Path::new(OsStr::from_bytes(b"/srv/\xff"))), r#""/srv/\xFF""#);
    }
}
