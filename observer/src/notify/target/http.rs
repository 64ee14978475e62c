//! Requests to addresses that are secret as a whole. No error and no message repeats one.

use super::names::Names;
use super::secret::{Secret, remedy};
use super::{Undelivered, cause};
use crate::document::{DocumentError, Table};
use crate::service::Looking;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, StatusCode};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use url::{Host, Url};
use vault_unseal::accounts::Trusted;
use vault_unseal::explain::Explanation;
use vault_unseal::external::error;
use vault_unseal::external::quote::{sentence, shell};
use vault_unseal::files::{self, Content};

/// Longest pause that another side may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);

/// An address over HTTP.
#[derive(Debug)]
pub(super) struct HttpTarget {
    url: Secret,
    ca_file: Option<PathBuf>,
    plain_http: bool,
    /// Made once: reading the machine's authorities takes longer than a request.
    client: Mutex<Option<(bool, Client)>>,
}

impl HttpTarget {
    pub(super) fn read(table: &Table<'_>) -> Result<Self, DocumentError> {
        let url = Secret::read(table, "url")?.ok_or_else(|| {
            table.lacks("url", "Write url = { credential = \"NAME\" } or url = { file = \"/…\" }.")
        })?;
        Ok(Self {
            url,
            ca_file: ca_file(table)?,
            plain_http: table.boolean("plain_http")?.is_some_and(|plain| plain.value),
            client: Mutex::default(),
        })
    }

    /// The credential that has the address, if one has.
    pub(super) fn credential(&self) -> Option<&str> {
        self.url.credential()
    }

    /// Whether the address and the authorities are there and make sense. Blocks on files.
    pub(super) fn check(&self, looking: Looking<'_>) -> Result<(), Explanation> {
        if let Some(text) = self.url.look(looking)? {
            self.url(&text)?;
        }
        authorities_are_read(self.ca_file.as_deref(), looking)?;
        make_client(self.ca_file.as_deref(), false).map(drop)
    }

    fn url(&self, text: &str) -> Result<Url, Explanation> {
        let url = Url::parse(text).map_err(|error| {
            Explanation::new(
                "target-url",
                format!("the URL of the target is none: {}", error::url(error)),
                "Write it as the service shows it, beginning with https://.",
            )
        })?;
        match url.scheme() {
            "https" => Ok(url),
            "http" if self.plain_http || is_here(&url) => Ok(url),
            "http" => Err(Explanation::new(
                "target-url",
                "the URL of the target would cross a network unencrypted, and it is a secret",
                "Use https://, or write plain_http = true where the network is trusted.",
            )),
            _ => Err(Explanation::new(
                "target-url",
                "the URL of the target is neither https:// nor http://",
                "What other programs take as URL, as Apprise does, belongs to them: see `command` in \
                 vault-unseal-observer(8).",
            )),
        }
    }

    /// Sends a request to the address, or to what `which` makes of it.
    pub(super) async fn send(
        &self,
        which: impl FnOnce(&mut Url),
        request: impl FnOnce(Client, Url) -> RequestBuilder,
    ) -> Result<(), Undelivered> {
        let mut url = self.url(&self.url.open_aside().await?)?;
        which(&mut url);
        let client = self.client(url.scheme() == "http").await?;
        let answer = request(client, url).send().await;
        let answer = answer.map_err(|error| {
            // The authorities may have been replaced.
            *self.client.lock().unwrap_or_else(PoisonError::into_inner) = None;
            unsent(&error)
        })?;
        // What it says in many words nobody reads.
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let retry_after = answer.headers().get(reqwest::header::RETRY_AFTER);
        let retry_after =
            retry_after.and_then(|value| value.to_str().ok()).and_then(|value| value.parse().ok());
        let retry_after = retry_after.map(|seconds| Duration::from_secs(seconds).min(LONGEST_PAUSE));
        Err(Undelivered { retry_after, ..refusal(status) })
    }

    /// What is not encrypted goes straight to where it is meant for: a proxy would read it, and has another loopback.
    async fn client(&self, straight: bool) -> Result<Client, Explanation> {
        let made = self.client.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, client)) = made.filter(|(other, _)| *other == straight) {
            return Ok(client);
        }
        let ca_file = self.ca_file.clone();
        let client = tokio::task::spawn_blocking(move || make_client(ca_file.as_deref(), straight)).await;
        let client = client.unwrap_or_else(|_| {
            Err(Explanation::without_advice("target-tls", "the authorities were not read"))
        })?;
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = Some((straight, client.clone()));
        Ok(client)
    }
}

/// This machine, by a name or address that cannot mean another.
fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// `tls.ca_file` of a target.
pub(super) fn ca_file(table: &Table<'_>) -> Result<Option<PathBuf>, DocumentError> {
    let Some(tls) = table.table("tls")? else { return Ok(None) };
    let path = tls.path("ca_file")?;
    tls.finish()?;
    Ok(path.map(|path| path.value))
}

/// Whether the service can read a file with authorities.
pub(super) fn authorities_are_read(path: Option<&Path>, looking: Looking<'_>) -> Result<(), Explanation> {
    let opened = |path| format!("Let others read it, as it is not secret: chmod o+r {}", shell(path));
    path.map_or(Ok(()), |path| looking.cannot_read(path, &opened(path)))
}

/// The certificates of a file with authorities. Blocks on it.
pub(super) fn authorities(path: &Path) -> Result<Vec<CertificateDer<'static>>, Explanation> {
    let refused = |why: String, advice: String| {
        Explanation::new("target-ca", format!("{}: {why}", sentence(path)), advice)
    };
    let bytes = files::read(path, Content::Authority, &Trusted::without_servers(), 1024 * 1024)
        .map_err(|refusal| refused(refusal.to_string(), remedy(&refusal, path)))?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match read {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(refused(
            "there is no certificate in it, or a broken one".to_owned(),
            "It takes certificates of authorities in PEM.".to_owned(),
        )),
    }
}

fn make_client(ca_file: Option<&Path>, straight: bool) -> Result<Client, Explanation> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(path) => drop(roots.add_parsable_certificates(authorities(path)?)),
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    if roots.is_empty() {
        return Err(Explanation::new(
            "target-ca",
            "this machine knows no authorities",
            "Install the package ca-certificates, or name yours: tls = { ca_file = \"/…\" }.",
        ));
    }
    let broken = || Explanation::without_advice("target-tls", "TLS cannot be set up");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.map_err(|_| broken())?.with_root_certificates(roots).with_no_client_auth();
    let builder = Client::builder();
    let builder = if straight { builder.no_proxy() } else { builder };
    builder
        .use_preconfigured_tls(config)
        // A body that is meant for one address is sent to no other.
        .redirect(Policy::none())
        .connect_timeout(CONNECT)
        .dns_resolver(Arc::new(Names))
        // The next message is hours away.
        .pool_max_idle_per_host(0)
        .user_agent(concat!("vault-unseal-observer/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|_| broken())
}

/// In words of ours: the library's repeat the address, and the resolver's the name in it.
fn unsent(error: &reqwest::Error) -> Undelivered {
    let (tls, io) = (cause::is_tls(error), cause::of_system(error));
    let (kind, what, advice) = if cause::is_name(error) {
        ("target-name", "its name cannot be looked up".to_owned(), cause::NAME_ADVICE)
    } else if error.is_timeout() {
        (
            "target-timeout",
            "it did not answer in time".to_owned(),
            "Look whether it can be reached from this machine.",
        )
    } else if tls {
        ("target-tls", cause::NO_TLS.to_owned(), cause::TLS_ADVICE)
    } else if let Some(io) = io {
        (
            "target-unreachable",
            io,
            "Look whether it can be reached from this machine, and whether a proxy is needed.",
        )
    } else if error.is_connect() {
        (
            "target-unreachable",
            "a proxy refuses, or it broke off".to_owned(),
            "A proxy is named by HTTPS_PROXY in the unit. Look whether the target can be reached from this machine.",
        )
    } else {
        ("target-answer", "it gave no proper answer".to_owned(), "Look what is behind the URL.")
    };
    Undelivered::new(kind, what, advice)
}

fn refusal(status: StatusCode) -> Undelivered {
    let advice = match status.as_u16() {
        300..=399 => {
            "It leads elsewhere, and is not followed: what is sent is meant for this URL alone. Write the new one."
        }
        401 | 403 | 404 | 410 => {
            "The URL is not, or no longer, the right one. Make a new one where it came from."
        }
        429 => "It takes no more messages for a while: a longer `batch` sends fewer.",
        _ => "It is tried again.",
    };
    Undelivered::new("target-status", format!("it answers with HTTP status {}", status.as_u16()), advice)
}
