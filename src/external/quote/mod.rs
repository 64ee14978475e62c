//! Paths and names in sentences, in commands to paste, in strings of TOML, and in unit files (systemd.syntax(7)): one
//! function for each grammar. What a grammar cannot express is refused with the reason.

use super::text::is_plain;
use crate::explain::Explain;
use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

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

/// A path or name that a directive of a unit, or a configuration file, cannot express.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{directive} cannot name {what}: {reason}")]
pub struct Inexpressible {
    /// The directive, as in `LoadCredential=`.
    directive: &'static str,
    /// What was to be named, fit for a sentence.
    what: String,
    /// Why not.
    reason: &'static str,
}

impl Inexpressible {
    fn new(directive: &'static str, what: &Path, reason: &'static str) -> Self {
        Self { directive, what: sentence(what), reason }
    }
}

impl Explain for Inexpressible {
    fn kind_and_advice(&self) -> (&'static str, Option<Cow<'static, str>>) {
        let advice = "Take another path or name: letters, digits and `/._-` are good everywhere.";
        ("not-expressible", Some(advice.into()))
    }
}

/// The path, if it is absolute and of characters that systemd reads from a unit file (systemd.syntax(7)) and a person can
/// see there. systemd refuses `..` in the paths of units.
fn absolute<'a>(directive: &'static str, path: &'a Path) -> Result<&'a str, Inexpressible> {
    let refused = |reason| Err(Inexpressible::new(directive, path, reason));
    let Some(text) = path.to_str() else { return refused("it is not UTF-8 text") };
    if !text.chars().all(is_plain) {
        return refused("it has a line break or another invisible character in it");
    }
    if !path.is_absolute() {
        return refused("it does not begin with `/`");
    }
    if path.components().any(|part| part == Component::ParentDir) || text.split('/').any(|part| part == ".") {
        return refused("it has `.` or `..` in it");
    }
    Ok(text)
}

/// The path as one word of `BindPaths=`, `BindReadOnlyPaths=` (systemd.exec(5)) or `DeviceAllow=`
/// (systemd.resource-control(5)), where blanks and `:` separate and `%` begins a specifier. There
/// are no escapes for characters; `-` for "if it is there" goes before it.
///
/// Errors: not absolute, `..`, not UTF-8, or an invisible character such as a line break.
pub fn bind_path(directive: &'static str, path: &Path) -> Result<String, Inexpressible> {
    let text = absolute(directive, path)?;
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-+,@=".contains(&byte)) {
        return Ok(text.to_owned());
    }
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%");
    Ok(format!("\"{escaped}\""))
}

const LOAD_CREDENTIAL: &str = "LoadCredential=";

/// The value of `LoadCredential=` or `LoadCredentialEncrypted=` (systemd.exec(5)) that gives the file at `path` to a
/// service as the credential `name`.
///
/// Errors: a name that systemd does not take; a path that is not absolute or UTF-8, has `..` or an invisible character in
/// it, or ends in what would not be read as a part of it.
pub fn load_credential(name: &str, path: &Path) -> Result<String, Inexpressible> {
    let name = credential_name(name)?;
    let text = absolute(LOAD_CREDENTIAL, path)?;
    let refused = |reason| Err(Inexpressible::new(LOAD_CREDENTIAL, path, reason));
    if text.ends_with(' ') {
        return refused("it ends with a blank");
    }
    if text.ends_with('\\') {
        return refused("it ends with a backslash, which would join the next line to it");
    }
    Ok(format!("{name}:{}", text.replace('%', "%%")))
}

/// The name of a credential, as it stands before the `:`.
///
/// Errors: what systemd does not take (`credential_name_valid`: a file name of up to 255 characters of printable ASCII
/// without `:`), and blanks around it.
pub fn credential_name(name: &str) -> Result<String, Inexpressible> {
    let refused = |reason| Err(Inexpressible::new(LOAD_CREDENTIAL, Path::new(name), reason));
    let fits = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'/' && byte != b':';
    if name.is_empty() || name.len() > 255 || matches!(name, "." | "..") || !name.bytes().all(fits) {
        return refused("the name of a credential is a file name of printable ASCII without `:`");
    }
    if name.trim() != name {
        return refused("it begins or ends with a blank");
    }
    Ok(name.replace('\\', "\\\\").replace('%', "%%"))
}

/// The unit of a device (systemd.unit(5), "STRING ESCAPING FOR INCLUSION IN UNIT NAMES"), as in `dev-tpmrm0.device` for
/// `/dev/tpmrm0`.
///
/// Errors: as for [`bind_path`].
pub fn device_unit(path: &Path) -> Result<String, Inexpressible> {
    let text = absolute("After=", path)?;
    let mut name = String::new();
    for part in text.split('/').filter(|part| !part.is_empty()) {
        if !name.is_empty() {
            name.push('-');
        }
        for byte in part.bytes() {
            let first = name.is_empty();
            match byte {
                b'.' if first => name.push_str("\\x2e"),
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b':' | b'_' | b'.' => name.push(char::from(byte)),
                _ => drop(write!(name, "\\x{byte:02x}")),
            }
        }
    }
    if name.is_empty() {
        name.push('-');
    }
    Ok(name + ".device")
}

#[cfg(test)]
mod tests;
