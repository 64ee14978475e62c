//! Reads what is to be enrolled.

use super::failure::Failure;
use super::prompt;
use super::request::From;
use crate::accounts::Trusted;
use crate::cli::Exit;
use crate::cli::say::say;
use crate::explain::Explain;
use crate::external::error;
use crate::external::quote;
use crate::report;
use crate::shares::Loaded;
use crate::shares::given::{self, Given};
use crate::shares::home::{Home, HomeError};
use std::io::{self, IsTerminal};
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
    match prompt::ask() {
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
