//! `BindPaths=`, `BindReadOnlyPaths=` and `DeviceAllow=`: systemd.exec(5), systemd.resource-control(5).

use super::Inexpressible;
use super::inexpressible::absolute;
use std::path::Path;

/// The path as one word of `BindPaths=` or `DeviceAllow=`, where blanks and `:` separate and `%` begins a specifier. There
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
