//! Directories that go away with the test, and are closed to others whatever the umask is: Debian 13 gives users 0002, and
//! a directory that a group may write is none that shares, configuration or certificates are read from.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use rustix::fs::Mode;
use rustix::process::umask;
use tempfile::TempDir;

/// A new one, mode 0700. What is made in it from now on is writable by its owner alone.
pub fn directory() -> TempDir {
    named("vault-unseal-")
}

/// The same, whose name begins so.
pub fn named(prefix: &str) -> TempDir {
    umask(Mode::from_raw_mode(0o022));
    tempfile::Builder::new()
        .prefix(prefix)
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .expect("a directory")
}
