//! Reads what is to be enrolled, and gets rid of the plain file that it came from, as far as that can be done.

use crate::accounts::Trusted;
use crate::cli::start::{fail, say};
use crate::cli::{EnrollArguments, Exit};
use crate::explain::{Explain, Explanation};
use crate::external::{error, quote};
use crate::shares::load::{self, Given};
use crate::shares::store::ShareStore;
use crate::shares::{LoadedShares, Notice};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, fstat, openat, statat, unlink};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use zeroize::Zeroizing;

/// What was read.
pub(super) struct Input {
    /// The shares, and what is odd about them.
    pub(super) loaded: LoadedShares,
    /// The file they came from, still open, where it was one.
    pub(super) given: Option<Given>,
    /// Whether they come from the store itself: a part of them was chosen when they were first put there.
    pub(super) chosen: bool,
}

impl Input {
    /// That others than its owner can read the file.
    pub(super) fn exposed(&self) -> Option<Explanation> {
        let given = self.given.as_ref()?;
        let (file, mode) = (quote::sentence(given.path()), given.exposed()?);
        Some(Explanation::new(
            "source-exposed",
            format!(
                "others than its owner can read {file} (mode {mode:04o}): its shares may be known already"
            ),
            "If somebody has read them, make new ones: vault operator rekey -init, or bao operator rotate-keys -init of \
             OpenBao",
        ))
    }

    /// Whether a root token lies beside the shares.
    pub(super) fn has_root_token(&self) -> bool {
        self.loaded.notices.iter().any(|notice| matches!(notice, Notice::RootToken { .. }))
    }
}

/// Whether this stands for standard input.
pub(super) fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Reads a file.
pub(super) fn file(path: &Path) -> Result<Input, Exit> {
    let given = Given::open(path).map_err(unreadable)?;
    Ok(Input { loaded: given.read().map_err(unreadable)?, given: Some(given), chosen: false })
}

/// Reads standard input; on a terminal, asks.
pub(super) fn standard_input() -> Result<Input, Exit> {
    let loaded = if io::stdin().is_terminal() {
        let typed = ask_for_shares().map_err(|error| {
            say(format_args!("error: cannot read from the terminal: {}", error::io(&error)));
            Exit::Failed
        })?;
        let Some(text) = typed else {
            say("interrupted, nothing was changed");
            return Err(Exit::Failed);
        };
        load::text(&text, Path::new(load::STANDARD_INPUT))
    } else {
        Given::standard_input().and_then(|given| given.read())
    };
    Ok(Input { loaded: loaded.map_err(unreadable)?, given: None, chosen: false })
}

/// The most that is typed, in bytes: more than any file of shares has.
const MOST: usize = 64 * 1024;

const END_OF_TEXT: u8 = 0x03;
const END_OF_TRANSMISSION: u8 = 0x04;
const BACKSPACE: u8 = 0x08;
const DELETE: u8 = 0x7f;
/// Ctrl-U.
const KILL_LINE: u8 = 0x15;

/// Reads lines until one is empty; `None` when it was interrupted. Errors: the terminal.
fn ask_for_shares() -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let terminal = io::stdin().as_fd().try_clone_to_owned()?;
    let mut errors = io::stderr();
    let quiet = WithoutEcho::make(terminal)?;
    // Only now: whoever is asked may answer at once.
    writeln!(errors, "Type or paste the shares, one a line. They are not shown. An empty line ends.")?;
    let mut input = File::from(quiet.terminal.try_clone()?);
    let mut text = Zeroizing::new(Vec::with_capacity(MOST));
    let mut start = 0;
    loop {
        let mut byte = Zeroizing::new([0]);
        let count = match input.read(byte.as_mut_slice()) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let [typed] = *byte;
        match typed {
            END_OF_TEXT => return Ok(None),
            END_OF_TRANSMISSION => return Ok(Some(text)),
            _ if count == 0 => return Ok(Some(text)),
            b'\r' | b'\n' => {
                let length = text.len() - start;
                if length == 0 {
                    return Ok(Some(text));
                }
                writeln!(errors, "  {length} characters")?;
                text.push(b'\n');
                start = text.len();
            }
            DELETE | BACKSPACE => {
                let shorter = text.len().saturating_sub(1).max(start);
                text.truncate(shorter);
            }
            KILL_LINE => text.truncate(start),
            other => text.push(other),
        }
        if text.len() + 1 >= MOST {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
    }
}

/// A terminal that shows nothing and hands over every byte as it comes; as it was when dropped.
struct WithoutEcho {
    terminal: OwnedFd,
    before: Termios,
}

impl WithoutEcho {
    fn make(terminal: OwnedFd) -> io::Result<Self> {
        let before = tcgetattr(&terminal)?;
        let mut quiet = before.clone();
        // Ctrl-C too comes as a byte: a signal would leave the terminal as it is now.
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(&terminal, OptionalActions::Drain, &quiet)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for WithoutEcho {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.terminal, OptionalActions::Drain, &self.before);
    }
}

/// Opens the store itself or, where it no longer opens, reads what else was named.
pub(super) fn store(store: &ShareStore, otherwise: Option<&Path>, trusted: &Trusted) -> Result<Input, Exit> {
    match (store.open(trusted), otherwise) {
        (Ok(loaded), _) => Ok(Input { loaded, given: None, chosen: true }),
        (Err(_), Some(path)) if is_standard_input(path) => standard_input(),
        (Err(_), Some(path)) => file(path),
        (Err(error), None) => {
            let advice = "If the machine has changed, the shares must come from where they are kept: \
                          vault-unseal enroll --rebind FILE";
            Err(fail(&Explanation::new(error.kind(), error.to_string(), advice), Exit::Failed))
        }
    }
}

fn unreadable(error: impl Explain) -> Exit {
    fail(&error, Exit::Config)
}

/// What shredding is worth.
pub(super) const WORTH: &str = "\
On flash (SD card, SSD, eMMC) and on file systems that copy on write, what was overwritten may survive on the disk.
The only sure way is to make the old shares worthless: vault operator rekey, or bao operator rotate-keys of OpenBao.";

/// What became of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SourceFate {
    /// There was no file: a pipe, standard input, the old store.
    NoFile,
    /// It is where it was.
    Kept,
    /// Overwritten and deleted.
    Shredded,
    /// Overwritten; its name is a link, or belongs to another file now, the new one perhaps.
    Overwritten,
}

impl SourceFate {
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
) -> io::Result<SourceFate> {
    let Some((given, file)) = given.and_then(|given| Some((given, given.regular()?))) else {
        return Ok(SourceFate::NoFile);
    };
    let wanted = options.shred || (!options.keep && ask(given, lost)?);
    if wanted { shred(given, file) } else { Ok(SourceFate::Kept) }
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
fn shred(given: &Given, file: &File) -> io::Result<SourceFate> {
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
        return Ok(SourceFate::Overwritten);
    }
    unlink(given.path())?;
    Ok(SourceFate::Shredded)
}
