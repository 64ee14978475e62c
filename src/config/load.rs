//! From files, environment and flags to [`Settings`].

use super::cluster::ClusterValidator;
use super::document::ConfigDocument;
use super::document::Sourced;
use super::environment::{ClientVariable, Environment, Overrides};
use super::error::ConfigError;
use super::file::{self, FileError};
use super::keys;
use super::layers::{Layers, Values};
use super::settings::ConfigNotice;
use super::settings::{Purpose, Settings};
use super::value;
use crate::accounts::Trusted;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tracing::level_filters::LevelFilter;

/// Which files are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// `etc/vault-unseal/config.toml` and `etc/vault-unseal/config.d/*.toml` below this directory, `/` or the root of a
    /// test, as far as they exist.
    Standard(PathBuf),
    /// This file alone; it must exist.
    File(PathBuf),
}

impl Origin {
    /// The root directory of the machine.
    fn root(&self) -> &Path {
        match self {
            Self::Standard(root) => root,
            Self::File(_) => Path::new("/"),
        }
    }

    /// The file that everything can be written to.
    fn main_file(&self) -> PathBuf {
        match self {
            Self::Standard(root) => root.join("etc/vault-unseal/config.toml"),
            Self::File(path) => path.clone(),
        }
    }
}

/// A configuration that holds.
#[derive(Debug)]
pub struct LoadedConfig {
    /// The settings.
    pub settings: Settings,
    /// What is odd about it.
    pub notices: Vec<ConfigNotice>,
    /// The files that were read, in their order.
    pub sources: Vec<PathBuf>,
}

/// Reads and checks the configuration. Blocks on the file system; opens no connection and no share file.
pub fn load(
    origin: &Origin,
    environment: &Environment,
    flags: &Overrides,
    purpose: Purpose,
) -> Result<LoadedConfig, ConfigError> {
    let mut notices = Vec::new();
    let documents = read(origin, &mut notices)?;
    let sources = documents.iter().map(|document| document.path.clone()).collect();
    let mut layers = Layers::of_files(documents)?;
    for entry in environment.entries()?.into_iter().chain(flags.entries()?) {
        layers.lay(entry)?;
    }
    fill_silence(&mut layers, environment, &mut notices)?;
    let merged = layers.merged()?;
    let log_level = log_level(merged.top())?;
    let trusted = Arc::new(server_users(merged.top(), &mut notices)?);
    let file = origin.main_file();
    let mut checked = ClusterValidator::new(&layers, purpose, &trusted, origin.root(), &file);
    let clusters = layers.names().map(|name| checked.check(name, merged.cluster(name)));
    let clusters = clusters.collect::<Result<_, _>>()?;
    notices.extend(checked.into_notices());
    Ok(LoadedConfig { settings: Settings { clusters, log_level, trusted }, notices, sources })
}

fn read(origin: &Origin, notices: &mut Vec<ConfigNotice>) -> Result<Vec<ConfigDocument>, ConfigError> {
    let root = match origin {
        Origin::Standard(root) => root.join("etc/vault-unseal"),
        Origin::File(path) => {
            let text = file::read(path)?.ok_or_else(|| FileError::missing(path))?;
            return Ok(vec![ConfigDocument::parse(path, &text)?]);
        }
    };
    let mut documents = Vec::new();
    let main = root.join("config.toml");
    if let Some(text) = file::read(&main)? {
        documents.push(ConfigDocument::parse(&main, &text)?);
    }
    for path in file::fragments(&root.join("config.d"))? {
        // Gone since the directory was read, or a link to nowhere: both are somebody's work in progress.
        let text = file::read(&path)?.ok_or_else(|| FileError::missing(&path))?;
        let document = ConfigDocument::parse(&path, &text)?;
        if document.is_empty {
            notices.push(ConfigNotice::EmptyFragment(path));
        }
        documents.push(document);
    }
    Ok(documents)
}

/// Lets the variables of Vault's and OpenBao's clients speak where nothing else does.
///
/// Keys that answer one question are silent together: a file that names a `ca_file` has said whom it trusts, and no
/// `VAULT_CAPATH` left in a shell may widen that.
fn fill_silence(
    layers: &mut Layers,
    environment: &Environment,
    notices: &mut Vec<ConfigNotice>,
) -> Result<(), ConfigError> {
    let variables = environment.client_variables();
    if layers.names().len() > 1 {
        let ignored = |variable: ClientVariable<'_>| {
            ConfigNotice::VariableIgnored(
                variable.name,
                "it is meant for one server, and several clusters are configured".to_owned(),
            )
        };
        notices.extend(variables.into_iter().map(ignored));
        return Ok(());
    }
    let mut entries = Vec::new();
    let merged = layers.merged()?;
    for name in layers.names() {
        let values = merged.cluster(name);
        for variable in &variables {
            match variable.answered(values) {
                None => entries.push(variable.entry()?),
                Some(_) if variable.agrees_with(values) => {}
                Some(key) => notices.push(ConfigNotice::VariableIgnored(
                    variable.name.clone(),
                    format!("the configuration says `{key}`"),
                )),
            }
        }
    }
    entries.into_iter().try_for_each(|entry| layers.lay(entry))
}

fn log_level(values: Values<'_>) -> Result<LevelFilter, ConfigError> {
    Ok(match values.word(&keys::LOG_LEVEL)? {
        "error" => LevelFilter::ERROR,
        "warn" => LevelFilter::WARN,
        "debug" => LevelFilter::DEBUG,
        "trace" => LevelFilter::TRACE,
        _ => LevelFilter::INFO,
    })
}

fn server_users(values: Values<'_>, notices: &mut Vec<ConfigNotice>) -> Result<Trusted, ConfigError> {
    let Some(users) = values.list(&keys::SERVER_USERS) else { return Ok(Trusted::default()) };
    let user = |text: &Sourced<String>| value::account(&text.value).map_err(|problem| text.refused(problem));
    let trusted = Trusted::with(users.value.iter().map(user).collect::<Result<_, _>>()?);
    let unknown = |name: &str| ConfigNotice::UnknownAccount(users.location.clone(), name.to_owned());
    notices.extend(trusted.unknown_names().into_iter().map(unknown));
    Ok(trusted)
}
