//! `ExecStart=` and its relatives: systemd.service(5), "COMMAND LINES".

use super::Inexpressible;
use crate::external::text::is_plain;
use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The word as one argument of a command line: C escapes in double quotes, `%` and `$` doubled, so that no specifier and no
/// variable stands in it.
///
/// Errors: a NUL, which no argument of a process can have.
pub fn exec_argument(word: impl AsRef<OsStr>) -> Result<String, Inexpressible> {
    let word = word.as_ref();
    if word.as_bytes().contains(&0) {
        return Err(Inexpressible::new("ExecStart=", Path::new(word), "it has a NUL in it"));
    }
    let bare = |byte: &u8| byte.is_ascii_alphanumeric() || b"/._-+,:@=".contains(byte);
    if let Some(text) = word.to_str().filter(|text| !text.is_empty() && text.bytes().all(|byte| bare(&byte)))
    {
        return Ok(text.to_owned());
    }
    let mut quoted = String::from("\"");
    for chunk in word.as_bytes().utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '"' | '\\' => quoted.extend(['\\', c]),
                '%' | '$' => quoted.extend([c, c]),
                c if is_plain(c) => quoted.push(c),
                c => c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| escape(&mut quoted, byte)),
            }
        }
        for byte in chunk.invalid() {
            escape(&mut quoted, *byte);
        }
    }
    quoted.push('"');
    Ok(quoted)
}

fn escape(quoted: &mut String, byte: u8) {
    let _ = write!(quoted, "\\x{byte:02x}");
}
