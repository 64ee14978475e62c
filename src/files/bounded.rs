//! Reading that ends: whole files into memory that wipes itself, up to a limit; one thread at a time in one file;
//! blocking work under a deadline, before there is a loop; and whether a file is still the one that was read.

use crate::explain::Explain;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, Stat, openat, statat};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;
use zeroize::Zeroizing;

/// The largest file that is read, in bytes.
pub(crate) const LARGEST: usize = 1024 * 1024;

/// For reading, without waiting for the other end of a fifo, and without making a terminal ours.
pub(super) const READING: OFlags =
    OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// The text of a file of the machine itself, such as passwd(5): whoever can change it has the machine.
///
/// Errors: it is not there, not regular, above [`LARGEST`], or not UTF-8.
pub(crate) fn text(path: &Path) -> Option<Zeroizing<String>> {
    let _turn = Turn::take(&std::path::absolute(path).ok()?)?;
    let file = File::from(openat(CWD, path, READING, Mode::empty()).ok()?);
    file.metadata().ok().filter(std::fs::Metadata::is_file)?;
    let bytes = read_bounded(&file, LARGEST).ok()??;
    std::str::from_utf8(&bytes).ok().map(|text| Zeroizing::new(text.to_owned()))
}

/// Reads to the end; `None` when there are more than `limit` bytes, whatever size the file claimed to have.
///
/// The buffer has its final size before the first byte arrives; a file that grows meanwhile gets another.
/// `Read::read_to_end` would not do: it may grow the buffer, and probes for the end through a buffer on the stack.
/// A buffer of the largest size for every file would stay resident: it is wiped, and so touched, as a whole.
pub fn read_bounded(mut file: &File, limit: usize) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let claimed = usize::try_from(file.metadata()?.len()).map_or(limit, |size| size.min(limit));
    let mut buffer = Zeroizing::new(vec![0; claimed + 1]);
    let mut filled = 0;
    loop {
        let rest = buffer.get_mut(filled..).unwrap_or_default();
        if rest.is_empty() {
            if buffer.len() > limit {
                return Ok(None);
            }
            let mut largest = Zeroizing::new(vec![0; limit + 1]);
            largest.iter_mut().zip(buffer.iter()).for_each(|(to, from)| *to = *from);
            buffer = largest;
            continue;
        }
        match file.read(rest) {
            Ok(0) => {
                buffer.truncate(filled);
                return Ok(Some(buffer));
            }
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// How long others wait for the file before they are refused.
const PATIENCE: Duration = Duration::from_secs(5);

static BUSY: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
static FREED: Condvar = Condvar::new();

/// The right to be in a file, until it is dropped.
pub(super) struct Turn(PathBuf);

impl Turn {
    /// Waits for the file at this absolute path; `None` when others are in it for too long.
    pub(super) fn take(path: &Path) -> Option<Self> {
        Self::take_within(path, PATIENCE)
    }

    fn take_within(path: &Path, patience: Duration) -> Option<Self> {
        let waited = FREED.wait_timeout_while(busy(), patience, |busy| busy.contains(path));
        let (mut busy, _) = waited.unwrap_or_else(PoisonError::into_inner);
        busy.insert(path.to_owned()).then(|| Self(path.to_owned()))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        busy().remove(&self.0);
        FREED.notify_all();
    }
}

fn busy() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    BUSY.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Identity, size and times of a file: two equal versions mean that nothing was rewritten between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileVersion {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds of the last write.
    modified: (i64, i64),
    /// Seconds and nanoseconds of the last change of content, owner or mode.
    changed: (i64, i64),
}

impl FileVersion {
    /// Of the file itself, or of the link; `None` while it cannot be looked at. Blocks on the file system.
    pub fn of(path: &Path) -> Option<Self> {
        Self::look(path, AtFlags::SYMLINK_NOFOLLOW)
    }

    /// Of what a link leads to.
    pub fn of_target(path: &Path) -> Option<Self> {
        Self::look(path, AtFlags::empty())
    }

    fn look(path: &Path, flags: AtFlags) -> Option<Self> {
        let _turn = Turn::take(&std::path::absolute(path).ok()?)?;
        let stat: Stat = statat(CWD, path, flags).ok()?;
        // The types of these fields differ between architectures.
        Some(Self {
            device: wide(stat.st_dev)?,
            inode: wide(stat.st_ino)?,
            size: wide(stat.st_size)?,
            modified: (signed(stat.st_mtime)?, signed(stat.st_mtime_nsec)?),
            changed: (signed(stat.st_ctime)?, signed(stat.st_ctime_nsec)?),
        })
    }
}

fn wide<N: TryInto<u64>>(number: N) -> Option<u64> {
    number.try_into().ok()
}

fn signed<N: TryInto<i64>>(number: N) -> Option<i64> {
    number.try_into().ok()
}

/// How long all files of one configuration may take together.
pub const READ_LIMIT: Duration = Duration::from_secs(10);

/// Files that are not read in time.
#[derive(Debug, thiserror::Error)]
#[error("the configuration and the files that it names are still being read")]
pub struct Slow;

impl Explain for Slow {
    fn kind_and_advice(&self) -> (&'static str, Option<Cow<'static, str>>) {
        ("files-slow", Some("See whether the file systems that they lie on answer: findmnt -T FILE".into()))
    }
}

/// Does the work in a thread of its own; `None` when it is not done within `limit`. The thread then goes on for as long
/// as the work takes.
pub fn within<T: Send + 'static>(limit: Duration, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let work = move || drop(sender.send(work()));
    thread::Builder::new().name("files".to_owned()).spawn(work).ok()?;
    receiver.recv_timeout(limit).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const LIMIT: usize = 64 * 1024;

    #[test]
    fn a_size_that_is_not_true_loses_nothing_and_the_limit_holds() {
        // What proc(5) shows claims to be empty: a file that grew after it was looked at.
        let grown =
            read_bounded(&File::open("/proc/self/status").unwrap(), LIMIT).unwrap().expect("below the limit");
        assert!(grown.starts_with(b"Name:") && grown.ends_with(b"\n"), "{}", String::from_utf8_lossy(&grown));

        let directory = crate::testing::directory();
        let path = directory.path().join("shares");
        for (size, fits) in [(0, true), (1, true), (LIMIT, true), (LIMIT + 1, false)] {
            fs::write(&path, vec![b'x'; size]).unwrap();
            let got = read_bounded(&File::open(&path).unwrap(), LIMIT).unwrap();
            assert_eq!(got.map(|bytes| bytes.len()), fits.then_some(size));
        }
    }

    #[test]
    fn file_in_use_is_refused_to_others_until_it_is_free() {
        let [one, other] = ["/turn/one", "/turn/other"].map(Path::new);
        let turn = Turn::take(one).expect("free");
        assert!(Turn::take_within(one, Duration::ZERO).is_none());
        assert!(Turn::take_within(other, Duration::ZERO).is_some(), "another file");
        let waiting = std::thread::spawn(move || Turn::take(one).is_some());
        drop(turn);
        assert!(waiting.join().expect("a thread"));
        assert!(Turn::take_within(one, Duration::ZERO).is_some());
    }

    #[test]
    fn work_that_hangs_is_given_up_and_other_work_is_not() {
        assert_eq!(within(READ_LIMIT, || 7), Some(7));
        let (_open, gate) = mpsc::channel::<()>();
        assert_eq!(within(Duration::ZERO, move || gate.recv()), None);
    }
}
