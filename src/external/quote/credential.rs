//! `LoadCredential=`, `LoadCredentialEncrypted=` and `SetCredential=`: systemd.exec(5). A name, `:`, and the rest of the line;
//! nothing in it is quoted, and `%` begins a specifier.

use super::Inexpressible;
use super::inexpressible::absolute;
use std::path::Path;

const DIRECTIVE: &str = "LoadCredential=";

/// The value that gives the file at `path` to a service as the credential `name`.
///
/// Errors: a name that systemd does not take; a path that is not absolute or UTF-8, has `..` or an invisible character in
/// it, or ends in what would not be read as a part of it.
pub fn load_credential(name: &str, path: &Path) -> Result<String, Inexpressible> {
    let name = credential_name(name)?;
    let text = absolute(DIRECTIVE, path)?;
    let refused = |reason| Err(Inexpressible::new(DIRECTIVE, path, reason));
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
    let refused = |reason| Err(Inexpressible::new(DIRECTIVE, Path::new(name), reason));
    let fits = |byte: u8| (b' '..=b'~').contains(&byte) && byte != b'/' && byte != b':';
    if name.is_empty() || name.len() > 255 || matches!(name, "." | "..") || !name.bytes().all(fits) {
        return refused("the name of a credential is a file name of printable ASCII without `:`");
    }
    if name.trim() != name {
        return refused("it begins or ends with a blank");
    }
    Ok(name.replace('\\', "\\\\").replace('%', "%%"))
}
