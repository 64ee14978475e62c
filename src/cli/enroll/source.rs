//! Reads what is to be enrolled, and gets rid of the plain file that it came from, as far as that can be done.

use super::failure::Failure;
use super::request::From;
use crate::accounts::Trusted;
use crate::cli::start::say;
use crate::cli::{EnrollArguments, Exit, terminal};
use crate::explain::Explain;
use crate::external::{error, quote};
use crate::report;
use crate::shares::Loaded;
use crate::shares::given::{self, Given};
use crate::shares::home::{Home, HomeError};
use rustix::fs::{AtFlags, CWD, Mode, OFlags, fstat, openat, statat, unlink};
use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// What was read.
pub(super) struct Input {
    /// The shares, and what is odd about them.
    pub(super) loaded: Loaded,
    /// The file they came from, still open, where it was one.
    pub(super) given: Option<Given>,
    /// Whether they come from the home itself: a part of them was chosen when they were first put there.
    pub(super) chosen: bool,
}

/// The file could be read by others than its owner.
#[derive(Debug, thiserror::Error)]
#[error(
    "others than its owner can read {} (mode {mode:04o}): its shares may be known already",
    quote::sentence(path)
)]
pub(super) struct Exposed {
    path: PathBuf,
    mode: u32,
}

impl Explain for Exposed {
    fn kind(&self) -> &'static str {
        "source-exposed"
    }

    fn advice(&self) -> Option<String> {
        Some(
            "If somebody has read them, make new ones: vault operator rekey -init, or bao operator rotate-keys -init of \
             OpenBao"
                .to_owned(),
        )
    }
}

impl Input {
    /// What is to be warned of beside the notices.
    pub(super) fn exposed(&self) -> Option<Exposed> {
        let given = self.given.as_ref()?;
        Some(Exposed { path: given.path().to_owned(), mode: given.exposed()? })
    }
}

/// Reads a file that was named, before anything else is done; `None` when the shares come from elsewhere.
pub(super) fn named(from: &From) -> Result<Option<Input>, Failure> {
    let From::File(path) = from else { return Ok(None) };
    file(path).map(Some)
}

/// Reads from wherever it is.
pub(super) fn read(from: &From, home: &Home, trusted: &Trusted) -> Result<Input, Failure> {
    match from {
        From::File(path) => file(path),
        From::StandardInput if io::stdin().is_terminal() => typed(),
        From::StandardInput => {
            let given = Given::standard_input()?;
            Ok(Input { loaded: given.read()?, given: None, chosen: false })
        }
        From::Home(otherwise) => match (home.open(trusted), otherwise) {
            (Ok(loaded), _) => Ok(Input { loaded, given: None, chosen: true }),
            (Err(_), Some(path)) if path.as_os_str() == "-" => read(&From::StandardInput, home, trusted),
            (Err(_), Some(path)) => file(path),
            (Err(error), None) => Err(Failure::from(Unopened { error })),
        },
    }
}

fn file(path: &Path) -> Result<Input, Failure> {
    let given = Given::open(path)?;
    Ok(Input { loaded: given.read()?, given: Some(given), chosen: false })
}

fn typed() -> Result<Input, Failure> {
    match terminal::ask() {
        Ok(Some(text)) => Ok(Input {
            loaded: given::text(&text, Path::new(given::STANDARD_INPUT))?,
            given: None,
            chosen: false,
        }),
        Ok(None) => {
            say("interrupted, nothing was changed");
            Err(Failure::Told(Exit::Failed))
        }
        Err(error) => {
            say(format_args!("error: cannot read from the terminal: {}", error::io(&error)));
            Err(Failure::Told(Exit::Failed))
        }
    }
}

/// The old file does not open, and there is nothing else to seal.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Unopened {
    error: HomeError,
}

impl Explain for Unopened {
    fn kind(&self) -> &'static str {
        self.error.kind()
    }

    fn advice(&self) -> Option<String> {
        Some(
            "If the machine has changed, the shares must come from where they are kept: \
             vault-unseal enroll --rebind FILE"
                .to_owned(),
        )
    }
}

impl std::convert::From<Unopened> for Failure {
    fn from(error: Unopened) -> Self {
        Self::Error(Box::new(error), Exit::Failed)
    }
}

/// Tells what is odd, on standard error.
pub(super) fn warn(warnings: &[Box<dyn Explain>]) {
    for warning in warnings {
        say(report::error::render_warning(warning.as_ref()));
    }
}

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
