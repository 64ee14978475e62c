//! Names of device units: systemd.unit(5), "STRING ESCAPING FOR INCLUSION IN UNIT NAMES".

use super::Inexpressible;
use super::inexpressible::absolute;
use std::fmt::Write;
use std::path::Path;

/// The unit of a device, as in `dev-tpmrm0.device` for `/dev/tpmrm0`.
///
/// Errors: as for [`super::bind_path`].
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
