//! What unit tests stand on.

use rustix::fs::Mode;
use rustix::process::umask;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

#[path = "../tests/support/metrics_text.rs"]
pub(crate) mod metrics_text;

/// A directory that goes away with the test, mode 0700, whatever the umask is; what is made in it is writable by its owner
/// alone. Debian 13 gives users 0002, and a directory that a group may write is none that shares are read from.
pub(crate) fn directory() -> TempDir {
    umask(Mode::from_raw_mode(0o022));
    tempfile::Builder::new().permissions(Permissions::from_mode(0o700)).tempdir().unwrap()
}
