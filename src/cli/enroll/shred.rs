//! Gets rid of the plain file that shares came from, as far as that can be done.

use crate::cli::EnrollArguments;
use crate::external::quote;
use crate::shares::given::Given;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, fstat, openat, statat, unlink};
use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

/// What shredding is worth.
pub(super) const WORTH: &str = "\
On flash (SD card, SSD, eMMC) and on file systems that copy on write, what was overwritten may survive on the disk.
The only sure way is to make the old shares worthless: vault operator rekey, or bao operator rotate-keys of OpenBao.";

/// What became of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// There was no file: a pipe, standard input, the old home.
    NoFile,
    /// It is where it was.
    Kept,
    /// Overwritten and deleted.
    Shredded,
    /// Overwritten; its name is a link, or belongs to another file now, the new one perhaps.
    Overwritten,
}

impl Fate {
    /// A stable word for each; `None` without a file.
    pub(super) fn word(self) -> Option<&'static str> {
        match self {
            Self::NoFile => None,
            Self::Kept => Some("kept"),
            Self::Shredded => Some("shredded"),
            Self::Overwritten => Some("overwritten"),
        }
    }
}

/// Decides by the options or by asking, and does it. `lost` says what else is in the file and nowhere else.
pub(super) fn settle(
    given: Option<&Given>,
    options: &EnrollArguments,
    lost: Option<&str>,
) -> io::Result<Fate> {
    let Some((given, file)) = given.and_then(|given| Some((given, given.regular()?))) else {
        return Ok(Fate::NoFile);
    };
    let wanted = options.shred || (!options.keep && ask(given, lost)?);
    if wanted { shred(given, file) } else { Ok(Fate::Kept) }
}

/// Asks on a terminal; without one the answer is no.
fn ask(given: &Given, lost: Option<&str>) -> io::Result<bool> {
    let (stdin, mut stderr) = (io::stdin(), io::stderr());
    if !stdin.is_terminal() || !stderr.is_terminal() {
        return Ok(false);
    }
    let file = quote::sentence(given.path());
    writeln!(stderr, "\n{file} still holds the shares as they are. {WORTH}")?;
    if let Some(lost) = lost {
        writeln!(stderr, "{lost}")?;
    }
    write!(stderr, "Overwrite and delete {file}? [y/N] ")?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes" | "Yes"))
}

/// Overwrites the file that was read, even if its name belongs to another by now, and deletes the name if not.
fn shred(given: &Given, file: &File) -> io::Result<Fate> {
    let flags = OFlags::WRONLY | OFlags::CLOEXEC;
    let writable = openat(CWD, format!("/proc/self/fd/{}", file.as_raw_fd()), flags, Mode::empty())?;
    let writable = File::from(writable);
    let stat = fstat(file)?;
    let size = usize::try_from(stat.st_size).map_err(io::Error::other)?;
    let noise: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(size).collect();
    writable.write_all_at(&noise, 0)?;
    writable.sync_all()?;
    let named = statat(CWD, given.path(), AtFlags::SYMLINK_NOFOLLOW)?;
    if (named.st_dev, named.st_ino) != (stat.st_dev, stat.st_ino) {
        return Ok(Fate::Overwritten);
    }
    unlink(given.path())?;
    Ok(Fate::Shredded)
}
