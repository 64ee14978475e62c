//! From files, environment and flags to [`Settings`].

use super::cluster::Clusters;
use super::document::Document;
use super::environment::{ClientVariable, Environment};
use super::error::ConfigError;
use super::file::{self, FileError};
use super::fragment::{ClusterFragment, Fragment};
use super::keys::{self, Scope};
use super::layers::Layers;
use super::notice::ConfigNotice;
use super::overrides::Overrides;
use super::settings::{Purpose, Settings};
use super::value;
use crate::accounts::Trusted;
use figment::value::magic::Tagged;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tracing::level_filters::LevelFilter;

/// Which files are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// `etc/vault-unseal/config.toml` and `etc/vault-unseal/config.d/*.toml` below this directory, as far as they
    /// exist.
    Standard {
        /// `/`, or the root of a test.
        root: PathBuf,
    },
    /// This file alone; it must exist.
    File(PathBuf),
}

impl Origin {
    /// The root directory of the machine.
    fn root(&self) -> &Path {
        match self {
            Self::Standard { root } => root,
            Self::File(_) => Path::new("/"),
        }
    }

    /// The file that everything can be written to.
    fn main_file(&self) -> PathBuf {
        match self {
            Self::Standard { root } => root.join("etc/vault-unseal/config.toml"),
            Self::File(path) => path.clone(),
        }
    }
}

/// A configuration that holds.
#[derive(Debug)]
pub struct Loaded {
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
) -> Result<Loaded, ConfigError> {
    let mut notices = Vec::new();
    let documents = read(origin, &mut notices)?;
    let sources = documents.iter().map(|document| document.path().to_owned()).collect();
    let mut layers = Layers::of_files(documents)?;
    for given in environment.given()?.into_iter().chain(flags.given()?) {
        layers.lay(&given)?;
    }
    fill_silence(&mut layers, environment, &mut notices)?;
    let fragment = layers.fragment()?;
    let log_level = log_level(&layers, &fragment)?;
    let trusted = Arc::new(server_users(&layers, &fragment, &mut notices)?);
    let file = origin.main_file();
    let mut checked = Clusters::new(&layers, purpose, &trusted, origin.root(), &file);
    let names = layers.names().iter();
    let clusters = names.map(|name| checked.check(name, &fragment)).collect::<Result<_, _>>()?;
    notices.extend(checked.into_notices());
    Ok(Loaded { settings: Settings { clusters, log_level, trusted }, notices, sources })
}

fn read(origin: &Origin, notices: &mut Vec<ConfigNotice>) -> Result<Vec<Document>, ConfigError> {
    let root = match origin {
        Origin::Standard { root } => root.join("etc/vault-unseal"),
        Origin::File(path) => {
            let text = file::read(path)?.ok_or_else(|| FileError::Missing { path: path.clone() })?;
            return Ok(vec![Document::parse(path, &text)?]);
        }
    };
    let mut documents = Vec::new();
    let main = root.join("config.toml");
    if let Some(text) = file::read(&main)? {
        documents.push(Document::parse(&main, &text)?);
    }
    for path in file::fragments(&root.join("config.d"))? {
        // Gone since the directory was read, or a link to nowhere: both are somebody's work in progress.
        let text = file::read(&path)?.ok_or_else(|| FileError::Missing { path: path.clone() })?;
        let document = Document::parse(&path, &text)?;
        if document.is_empty() {
            notices.push(ConfigNotice::EmptyFragment { path });
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
    let fragment = layers.fragment()?;
    let [name] = layers.names() else {
        let ignored = |variable: ClientVariable<'_>| ConfigNotice::VariableIgnored {
            name: variable.name,
            reason: "it is meant for one server, and several clusters are configured".to_owned(),
        };
        notices.extend(variables.into_iter().map(ignored));
        return Ok(());
    };
    let nothing = ClusterFragment::default();
    let said = fragment.cluster.get(name).unwrap_or(&nothing);
    for variable in variables {
        match answer(said, variable.key.name) {
            None => layers.lay(&variable.given()?)?,
            Some(_) if variable.agrees_with(said) => {}
            Some(key) => notices.push(ConfigNotice::VariableIgnored {
                name: variable.name,
                reason: format!("the configuration says `{key}`"),
            }),
        }
    }
    Ok(())
}

/// The key that is said and answers the same question as `key`: where, whom to trust, who we are, what name.
fn answer(cluster: &ClusterFragment, key: &str) -> Option<&'static str> {
    let tls = &cluster.tls;
    let said: &[(&'static str, bool)] = match key {
        "nodes" => &[("nodes", cluster.nodes.is_some())],
        "ca_file" | "ca_dir" | "skip_verify" => &[
            ("ca_file", tls.ca_file.is_some()),
            ("ca_dir", tls.ca_dir.is_some()),
            ("ca_credential", tls.ca_credential.is_some()),
            // `false` asks for a check and leaves open by whom.
            ("skip_verify", tls.skip_verify.as_ref().is_some_and(|on| **on || key == "skip_verify")),
        ],
        "client_cert" | "client_key" => {
            &[("client_cert", tls.client_cert.is_some()), ("client_key", tls.client_key.is_some())]
        }
        _ => &[("server_name", tls.server_name.is_some())],
    };
    said.iter().find(|(_, said)| *said).map(|(key, _)| *key)
}

fn log_level(layers: &Layers, fragment: &Fragment) -> Result<LevelFilter, ConfigError> {
    let Some(text) = &fragment.log_level else { return Ok(LevelFilter::INFO) };
    let words = keys::find(Scope::Top, "log_level").map_or(&[][..], value::words);
    match value::word(text, words) {
        Ok("error") => Ok(LevelFilter::ERROR),
        Ok("warn") => Ok(LevelFilter::WARN),
        Ok("debug") => Ok(LevelFilter::DEBUG),
        Ok("trace") => Ok(LevelFilter::TRACE),
        Ok(_) => Ok(LevelFilter::INFO),
        Err(problem) => {
            Err(ConfigError::Value { place: layers.place_of_top(text.tag(), &["log_level"]), problem })
        }
    }
}

fn server_users(
    layers: &Layers,
    fragment: &Fragment,
    notices: &mut Vec<ConfigNotice>,
) -> Result<Trusted, ConfigError> {
    let Some(texts) = &fragment.server_users else { return Ok(Trusted::default()) };
    let place = |tag| layers.place_of_top(tag, &["server_users"]);
    let user = |text: &Tagged<String>| {
        value::account(text).map_err(|problem| ConfigError::Value { place: place(text.tag()), problem })
    };
    let trusted = Trusted::with(texts.iter().map(user).collect::<Result<_, _>>()?);
    let unknown =
        |name: &str| ConfigNotice::UnknownAccount { place: place(texts.tag()), name: name.to_owned() };
    notices.extend(trusted.unknown_names().into_iter().map(unknown));
    Ok(trusted)
}
