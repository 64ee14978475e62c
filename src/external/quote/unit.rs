//! Paths and names in unit files (systemd.syntax(7)): one function for each grammar. What a grammar cannot express is
//! refused with the reason.

use super::words::sentence;
use crate::explain::Explain;
use crate::external::text::is_plain;
use std::ffi::OsStr;
use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

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
    fn kind(&self) -> &'static str {
        "not-expressible"
    }

    fn advice(&self) -> Option<String> {
        Some("Take another path or name: letters, digits and `/._-` are good everywhere.".to_owned())
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

/// The value of `LoadCredential=` or `LoadCredentialEncrypted=` (systemd.exec(5)) that gives the file at `path` to a service as the credential `name`.
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

/// The unit of a device (systemd.unit(5), "STRING ESCAPING FOR INCLUSION IN UNIT NAMES"), as in `dev-tpmrm0.device` for `/dev/tpmrm0`.
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

/// The word as one argument of `ExecStart=` and its relatives (systemd.service(5), "COMMAND LINES"): C escapes in double quotes, `%` and `$` doubled, so that no specifier and no
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
