//! What unit tests stand on.

use rustix::fs::Mode;
use rustix::process::umask;
use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex, PoisonError};
use tempfile::TempDir;

#[path = "../tests/support/metrics_text.rs"]
pub(crate) mod metrics_text;

/// A directory that goes away with the test, mode 0700, whatever the umask is; what is made in it is writable by its owner
/// alone. Debian 13 gives users 0002, and a directory that a group may write is none that shares are read from.
pub(crate) fn directory() -> TempDir {
    umask(Mode::from_raw_mode(0o022));
    tempfile::Builder::new().permissions(Permissions::from_mode(0o700)).tempdir().unwrap()
}

/// Lines of a log.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The lines that the work logs.
pub(crate) fn logged(work: impl FnOnce()) -> Vec<String> {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
    tracing::subscriber::with_default(subscriber, work);
    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    text.lines().map(str::to_owned).collect()
}
