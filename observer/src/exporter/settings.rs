//! `exporter.toml`.

use crate::document::{self, DocumentError, Table, Written};
use std::collections::BTreeSet;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use vault_unseal::explain::Explanation;

/// Where the exporter listens unless told otherwise. 9410 is `vault_exporter`'s.
const DEFAULT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9412);
/// Most addresses.
const MOST: usize = 16;

/// Where and how metrics are served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExporterSettings {
    /// The addresses that are listened at.
    pub listen: Vec<SocketAddr>,
    /// What is shown to whoever connects; without it what is said is in plain text.
    pub tls: Option<TlsFiles>,
}

/// The files of TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and those of the authorities between it and one that clients trust, in PEM form.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl Default for ExporterSettings {
    fn default() -> Self {
        Self { listen: vec![DEFAULT], tls: None }
    }
}

impl ExporterSettings {
    /// Reads the file.
    pub fn read(path: &Path) -> Result<Self, DocumentError> {
        document::read(path, "to whom the state of servers is shown, and with which key", Self::of)
    }

    fn of(top: &Table<'_>) -> Result<Self, DocumentError> {
        let listen = top.text_or_texts("listen")?;
        let tls = top.table("tls")?.map(|table| TlsFiles::of(&table)).transpose()?;
        let plain = top.boolean("plain_http")?;
        if let (Some(Written { value: true, place }), Some(_)) = (&plain, &tls) {
            let advice = "Take out one of `tls` and `plain_http`: with `tls`, nothing is served without it.";
            return Err(place.refuses(Explanation::new("config-tls", "contradicts `tls`", advice)));
        }
        let protected = tls.is_some() || plain.is_some_and(|plain| plain.value);
        let Some(listen) = listen else { return Ok(Self { tls, ..Self::default() }) };
        let mut addresses = BTreeSet::new();
        for written in &listen {
            let address = address(written)?;
            if !protected && !address.ip().to_canonical().is_loopback() {
                return Err(written.place.refuses(unprotected(address)));
            }
            if !addresses.insert(address) {
                let message = format!("{address} is named twice");
                let refusal = Explanation::new("config-duplicate", message, "Take one of them out.");
                return Err(written.place.refuses(refusal));
            }
        }
        if addresses.is_empty() || addresses.len() > MOST {
            let message =
                format!("`listen` needs from 1 to {MOST} addresses, and these are {}", addresses.len());
            let advice = format!("Without `listen`, the exporter listens at {DEFAULT}.");
            return Err(top.place().refuses(Explanation::new("config-listen", message, advice)));
        }
        Ok(Self { listen: addresses.into_iter().collect(), tls })
    }
}

impl TlsFiles {
    /// Judges the files: whether they can be used, and together.
    pub(crate) fn judge(&self) -> Result<(), Explanation> {
        super::certificates::server_config(self).map(drop)
    }

    fn of(table: &Table<'_>) -> Result<Self, DocumentError> {
        let missing =
            |key| table.lacks(key, format!("Write it as {key} = \"/etc/vault-unseal/exporter.pem\"."));
        let certificate = table.path("certificate_file")?;
        let key = table.path("key_file")?;
        let files = Self {
            certificate: certificate.ok_or_else(|| missing("certificate_file"))?.value,
            key: key.ok_or_else(|| missing("key_file"))?.value,
        };
        table.finish()?;
        Ok(files)
    }
}

fn address(written: &Written<&str>) -> Result<SocketAddr, DocumentError> {
    written.value.parse().map_err(|_| {
        let message = "this is not an address with a port";
        let advice =
            format!("Write it as \"{DEFAULT}\", or \"[::1]:9412\": in numbers, as names may change.");
        written.place.refuses(Explanation::new("config-listen", message, advice))
    })
}

fn unprotected(address: SocketAddr) -> Explanation {
    let message =
        format!("{address} is not of this machine alone, and what is served there is in plain text");
    let advice = "Serve TLS: tls = { certificate_file = \"…\", key_file = \"…\" }. Where the network is yours alone, or \
                  a proxy adds TLS, say so: plain_http = true.";
    Explanation::new("config-listen", message, advice)
}

/// What it says, in a few words.
impl fmt::Display for ExporterSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        for (place, address) in self.listen.iter().enumerate() {
            let separator = if place == 0 { "" } else { ", " };
            write!(f, "{separator}{scheme}://{address}/metrics")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vault_unseal::explain::Explain;
    use vault_unseal::report::in_one_line;

    fn said(text: &str) -> String {
        match document::parse(Path::new("/etc/x.toml"), text, ExporterSettings::of) {
            Ok(settings) => settings.to_string(),
            Err(error) => format!("[{}] {}", error.kind(), in_one_line(&error)),
        }
    }

    #[test]
    fn loopback_is_served_without_more() {
        for (text, served) in [
            ("", "http://127.0.0.1:9412/metrics"),
            ("listen = '127.0.0.1:80'", "http://127.0.0.1:80/metrics"),
            ("listen = '[::1]:9412'", "http://[::1]:9412/metrics"),
            ("listen = '[::ffff:127.0.0.1]:9412'", "http://[::ffff:127.0.0.1]:9412/metrics"),
            (
                "listen = ['[::1]:9412', '127.0.0.2:9412']",
                "http://127.0.0.2:9412/metrics, http://[::1]:9412/metrics",
            ),
            ("plain_http = true\nlisten = '0.0.0.0:9412'", "http://0.0.0.0:9412/metrics"),
            (
                "listen = '[::]:9412'\ntls = { certificate_file = '/c', key_file = '/k' }",
                "https://[::]:9412/metrics",
            ),
            (
                "plain_http = false\ntls = { certificate_file = '/c', key_file = '/k' }",
                "https://127.0.0.1:9412/metrics",
            ),
        ] {
            assert_eq!(said(text), served, "{text}");
        }
    }

    /// As it is, and with each of its comments that is a key.
    #[test]
    fn example_has_every_key() {
        let example = include_str!("../../../config/exporter.toml");
        assert_eq!(said(example), "http://127.0.0.1:9412/metrics, http://[::1]:9412/metrics");
        let keys: Vec<_> = example.lines().filter_map(|line| line.strip_prefix('#')).collect();
        let keys: Vec<_> = keys.into_iter().filter(|line| !line.starts_with(' ')).collect();
        assert_eq!(keys.len(), 2);
        for key in keys {
            assert!(said(&format!("{example}\n{key}")).contains("://127.0.0.1:9412/metrics"), "{key}");
        }
    }

    #[test]
    fn what_is_off_loopback_without_protection_is_refused() {
        for (address, plain) in [
            ("0.0.0.0:9412", ""),
            ("[::]:9412", "plain_http = false"),
            ("192.0.2.1:9412", ""),
            ("[::ffff:10.0.0.1]:9412", ""),
        ] {
            let expected = format!(
                "[config-listen] /etc/x.toml:2: listen: {address} is not of this machine alone, and what is served there is \
                 in plain text. Serve TLS: tls = {{ certificate_file = \"…\", key_file = \"…\" }}. Where the network is \
                 yours alone, or a proxy adds TLS, say so: plain_http = true."
            );
            assert_eq!(said(&format!("{plain}\nlisten = ['127.0.0.1:1', '{address}']")), expected);
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_file_line_key_and_remedy() {
        for (text, refused) in [
            (
                "\nlisten = 'localhost:9412'",
                "[config-listen] /etc/x.toml:2: listen: this is not an address with a port. Write it as \"127.0.0.1:9412\", or \
                 \"[::1]:9412\": in numbers, as names may change.",
            ),
            (
                "listen = 9412",
                "[config-type] /etc/x.toml:1: listen: needs a string or a list of strings, and this is a number. Write it as \
                 listen = \"…\" or listen = [\"…\", \"…\"].",
            ),
            (
                "listen = []",
                "[config-listen] /etc/x.toml:1: `listen` needs from 1 to 16 addresses, and these are 0. Without `listen`, the exporter \
                 listens at 127.0.0.1:9412.",
            ),
            (
                "listen = [\n'127.0.0.1:1',\n'127.0.0.1:1']",
                "[config-duplicate] /etc/x.toml:3: listen: 127.0.0.1:1 is named twice. Take one of them out.",
            ),
            (
                "listne = '127.0.0.1:1'",
                "[config-unknown-key] /etc/x.toml:1: listne: there is no such key. Did you mean `listen`?",
            ),
            (
                "\ntls = { certificate_file = '/c' }",
                "[config-missing-key] /etc/x.toml:2: tls: `key_file` is missing. Write it as key_file = \
                 \"/etc/vault-unseal/exporter.pem\".",
            ),
            (
                "tls = { certificate_file = 'c', key_file = '/k' }",
                "[config-path] /etc/x.toml:1: tls.certificate_file: this path does not begin at /. Write the whole path: a \
                 service has no directory to begin at.",
            ),
            (
                "tls = { certificate_file = '/c', key_file = '/k', ca_file = '/a' }",
                "[config-unknown-key] /etc/x.toml:1: tls.ca_file: there is no such key. Here may stand: certificate_file, \
                 key_file.",
            ),
            (
                "plain_http = true\ntls = { certificate_file = '/c', key_file = '/k' }",
                "[config-tls] /etc/x.toml:1: plain_http: contradicts `tls`. Take out one of `tls` and `plain_http`: with `tls`, \
                 nothing is served without it.",
            ),
        ] {
            assert_eq!(said(text), refused, "{text}");
        }
    }
}
