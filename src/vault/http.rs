//! The HTTP client of one cluster: TLS as configured, renewed when its files are; no proxies, no redirects.

use super::tls::{self, Stamps, TlsFileError};
use crate::config::TlsSettings;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often the TLS files are looked at while all is well.
const LOOK_AT_FILES: Duration = Duration::from_secs(10);
/// How often they are looked at while connections fail.
const LOOK_AT_FILES_IN_TROUBLE: Duration = Duration::from_secs(1);
/// How long a TCP connection may be silent before the kernel asks whether the peer is there, and how long sent
/// data may stay unacknowledged.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// A client for the nodes of one cluster. Its connections are kept alive between polls.
#[derive(Debug)]
pub(super) struct Http {
    tls: Option<TlsSettings>,
    ahead: Duration,
    /// The name in URLs stands for this host when a server name is configured.
    host_of_name: Option<String>,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    client: reqwest::Client,
    stamps: Option<Stamps>,
    /// Files that could not be used: said once, not at every look.
    refused: Option<Stamps>,
    looked: Instant,
    failing: bool,
}

impl Http {
    /// Reads the TLS files (`None`: every address is http) and sets up a client that judges certificates as if it were `ahead` later.
    ///
    /// With `host_of_name`, URLs carry `tls.server_name` in place of this host: the name goes into SNI, the
    /// certificate check and the Host header, the connection to the host.
    pub(super) fn new(
        tls: Option<&TlsSettings>,
        ahead: Duration,
        host_of_name: Option<&str>,
    ) -> Result<Self, TlsFileError> {
        let stamps = tls.map(Stamps::take);
        let client = build(tls, ahead, host_of_name)?;
        let current =
            Mutex::new(Current { client, stamps, refused: None, looked: Instant::now(), failing: false });
        Ok(Self { tls: tls.cloned(), ahead, host_of_name: host_of_name.map(str::to_owned), current })
    }

    /// The client to use now: a new one when the TLS files changed and can be read.
    ///
    /// A renewal in progress (half a file, a key without its certificate) keeps the old client until it is done.
    pub(super) fn client(&self) -> reqwest::Client {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = if current.failing { LOOK_AT_FILES_IN_TROUBLE } else { LOOK_AT_FILES };
        if current.looked.elapsed() >= pause {
            current.looked = Instant::now();
            let stamps = self.tls.as_ref().map(Stamps::take);
            if stamps != current.stamps {
                match build(self.tls.as_ref(), self.ahead, self.host_of_name.as_deref()) {
                    Ok(client) => {
                        current.client = client;
                        current.stamps = stamps;
                        current.refused = None;
                        tracing::info!("certificates changed on disk: new connections use them");
                    }
                    Err(error) => {
                        if current.refused != stamps {
                            tracing::warn!("certificates changed on disk, but {error}; the old ones stay");
                        }
                        current.refused = stamps;
                    }
                }
            }
        }
        current.client.clone()
    }

    /// Whether connections fail: then renewed files are noticed sooner.
    pub(super) fn report(&self, failing: bool) {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).failing = failing;
    }
}

fn build(
    tls: Option<&TlsSettings>,
    ahead: Duration,
    host_of_name: Option<&str>,
) -> Result<reqwest::Client, TlsFileError> {
    let config = match tls {
        Some(settings) => tls::client_config(settings, ahead)?,
        None => tls::unused()?,
    };
    reqwest::Client::builder()
        .tls_backend_preconfigured(config)
        .dns_resolver(SystemResolver { host_of_name: host_of_name.map(str::to_owned) })
        .user_agent(name_and_version())
        .redirect(redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .http1_only()
        .retry(reqwest::retry::never())
        .pool_max_idle_per_host(1)
        .tcp_keepalive(KEEPALIVE)
        .tcp_keepalive_interval(KEEPALIVE)
        .tcp_user_timeout(KEEPALIVE)
        .build()
        .map_err(|error| TlsFileError::Http(error.to_string()))
}

/// `vault-unseal/1.2.3`: the User-Agent.
pub fn name_and_version() -> &'static str {
    concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"))
}

/// Names as the system resolves them (hosts file, DNS with search domains, mDNS), with an error of our own.
#[derive(Debug)]
struct SystemResolver {
    host_of_name: Option<String>,
}

/// A name has no address.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct NameError(std::io::Error);

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let host = self.host_of_name.clone().unwrap_or_else(|| name.as_str().to_owned());
        Box::pin(async move {
            let addresses: Vec<SocketAddr> =
                tokio::net::lookup_host((host, 0)).await.map_err(NameError)?.collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
