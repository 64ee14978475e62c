//! Why a configuration file is refused.

use super::Place;
use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;
use vault_unseal::config::ConfigError;
use vault_unseal::explain::{Explain, Explanation};
use vault_unseal::external::quote::sentence;

/// Why a configuration file is refused.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// It cannot be read, or somebody else can have written it.
    #[error(transparent)]
    File(#[from] ConfigError),
    /// There is none.
    #[error("{}: there is no such file", sentence(.0))]
    Missing(PathBuf),
    /// What stands at a place cannot be used.
    #[error("{0}: {1}")]
    At(Place, Fault),
}

/// What is wrong at a place.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It is not TOML, for this reason.
    #[error("TOML: {0}")]
    Syntax(String),
    /// A key that is not known in its table; the known ones.
    #[error("there is no such key")]
    UnknownKey(String, Vec<&'static str>),
    /// A key is missing; how it is written.
    #[error("`{0}` is missing")]
    MissingKey(&'static str, String),
    /// The wrong type: what is wanted, what it is, and how it is written.
    #[error("needs {0}, and this is {1}")]
    Type(&'static str, &'static str, String),
    /// No duration.
    #[error("this is not a duration")]
    Duration,
    /// A duration out of bounds.
    #[error("{} is {} than {}", format(*.0), if .0 < .1.start() { "shorter" } else { "longer" }, format(if .0 < .1.start() { *.1.start() } else { *.1.end() }))]
    Bounds(Duration, RangeInclusive<Duration>),
    /// A path that depends on where the process is.
    #[error("this path does not begin at /")]
    RelativePath,
    /// Anything else that one place alone tells.
    #[error(transparent)]
    Other(#[from] Explanation),
}

fn format(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

impl Explain for DocumentError {
    fn kind_and_advice(&self) -> (&'static str, Option<Cow<'static, str>>) {
        match self {
            Self::File(error) => error.kind_and_advice(),
            Self::Missing(_) => (
                "config-file-missing",
                Some(
                    "Write it: vault-unseal-observer(8) has an example. Or name another file with --config."
                        .into(),
                ),
            ),
            Self::At(_, fault) => fault.kind_and_advice(),
        }
    }
}

impl Fault {
    fn kind_and_advice(&self) -> (&'static str, Option<Cow<'static, str>>) {
        let (kind, advice) = match self {
            Self::Syntax(_) => (
                "config-syntax",
                "Every text is in double quotes, every table in a line of its own: toml.io tells the rules."
                    .to_owned(),
            ),
            Self::UnknownKey(key, known) => ("config-unknown-key", near(key, known)),
            Self::MissingKey(_, advice) => ("config-missing-key", advice.clone()),
            Self::Type(_, _, advice) => ("config-type", advice.clone()),
            Self::Duration => {
                ("config-duration", "Write a number and a unit, as \"90s\", \"5m\" or \"1h 30m\".".to_owned())
            }
            Self::Bounds(_, bounds) => {
                let (least, most) = (format(*bounds.start()), format(*bounds.end()));
                ("config-duration", format!("Write from \"{least}\" to \"{most}\"."))
            }
            Self::RelativePath => {
                let advice = "Write the whole path: a service has no directory to begin at.";
                ("config-path", advice.to_owned())
            }
            Self::Other(explanation) => return explanation.kind_and_advice(),
        };
        (kind, Some(advice.into()))
    }
}

/// The nearest of the known words, or all of them.
pub fn near(word: &str, known: &[&'static str]) -> String {
    let distance = |known: &&&str| strsim::damerau_levenshtein(word, known);
    match known.iter().min_by_key(distance) {
        Some(nearest) if distance(&nearest) <= 2 => format!("Did you mean `{nearest}`?"),
        Some(_) => format!("Here may stand: {}.", known.join(", ")),
        None => "Nothing may stand here.".to_owned(),
    }
}
