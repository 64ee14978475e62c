//! The configuration of lrstanley's program of our name: YAML, as config.go of its version 1.0.0 reads it.
//!
//! Its tokens are shares, and the URLs of its notifications have secrets in them: neither is kept.

use super::script::{Script, has_secret};
use crate::cluster::NodeAddress;
use crate::shares::{ContentRefusal, DocumentValue as Value, read_yaml};
use std::path::{Path, PathBuf};

/// Where its package puts it, and its unit names it.
pub(crate) const OLD_CONFIG: &str = "/etc/vault-unseal.yaml";

/// What the configuration says beside its servers and their authority.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct OldConfig {
    /// Those of its servers that are none for us, as many as they are.
    pub(super) unreadable: usize,
    /// The name that the certificates of its servers have.
    pub(super) server_name: Option<String>,
    /// The files of the certificate that it shows, and of its key.
    pub(super) client: Option<(String, String)>,
    /// The directory of its authorities.
    pub(super) authorities: Option<String>,
    /// Its settings that hold a certificate or a key themselves: no file can be named for them.
    pub(super) inline: Vec<&'static str>,
    /// How many targets are told of errors, mail among them.
    pub(super) targets: usize,
}

impl OldConfig {
    /// What a text says, and of that what a script could say as well.
    pub(super) fn read(text: &str) -> Result<(Self, Script), ContentRefusal> {
        let document = read_yaml(text)?;
        let at = |path: &[&str]| path.iter().try_fold(&document, |value, name| value.member(name));
        let mut this = Self::default();
        let mut script = Script { unseals: true, ..Script::default() };
        for node in at(&["vault_nodes"]).map(strings).unwrap_or_default() {
            match address(node).filter(|_| !has_secret(node)) {
                Some(address) if script.addresses.contains(&address) => {}
                Some(address) => script.addresses.push(address),
                None => this.unreadable += 1,
            }
        }
        script.unverified = [&["tls", "skip_verify"][..], &["tls_skip_verify"]]
            .iter()
            .any(|path| at(path).is_some_and(is_true));
        let mut file = |name: &'static str| {
            let value = at(&["tls", name])?;
            let path = value.text().filter(|text| text.starts_with('/') && !has_secret(text));
            if path.is_none()
                && (matches!(value, Value::Lines) || value.text().is_some_and(|text| !text.is_empty()))
            {
                this.inline.push(name);
            }
            path.map(str::to_owned)
        };
        // Version 1.0.0 reads a path from the first, and never looks at the second.
        let authority = [file("ca_cert"), file("ca_cert_path")].into_iter().flatten().next();
        let client = (file("client_cert"), file("client_key"));
        script.authorities.extend(authority.map(PathBuf::from));
        this.authorities = file("ca_path");
        if let (Some(certificate), Some(key)) = client {
            this.client = Some((certificate, key));
        }
        let name = at(&["tls", "server_name"])
            .and_then(Value::text)
            .filter(|name| !name.is_empty() && !has_secret(name));
        this.server_name = name.map(str::to_owned);
        this.targets = at(&["notify", "urls"]).map_or(0, |urls| strings(urls).len());
        this.targets += usize::from(at(&["email", "enabled"]).is_some_and(is_true));
        Ok((this, script))
    }
}

/// The configuration that a command line of the program names: `--config PATH`, `-c PATH`.
pub(super) fn named(arguments: &[String]) -> Option<PathBuf> {
    let mut before = "";
    for argument in arguments {
        let path = if before == "--config" || before == "-c" {
            Some(argument.as_str())
        } else {
            argument.strip_prefix("--config=")
        };
        if let Some(path) = path.map(Path::new).filter(|path| path.is_absolute()) {
            return Some(path.to_owned());
        }
        before = argument;
    }
    None
}

/// A URL without a port has that of its scheme.
fn address(url: &str) -> Option<NodeAddress> {
    let url = url.trim_end_matches('/');
    url.parse().ok().or_else(|| {
        let port = if url.starts_with("https://") { 443 } else { 80 };
        format!("{url}:{port}").parse().ok()
    })
}

fn strings<'a>(value: &Value<'a>) -> Vec<&'a str> {
    match value {
        Value::List(items) => items.iter().filter_map(Value::text).collect(),
        other => other.text().into_iter().collect(),
    }
}

fn is_true(value: &Value<'_>) -> bool {
    let words = ["true", "yes", "on"];
    matches!(value, Value::Bool(true))
        || value.text().is_some_and(|text| words.iter().any(|word| text.eq_ignore_ascii_case(word)))
}

/// The URLs of the notifications of such a configuration; `None` where the text is none.
pub fn notification_urls(text: &str) -> Option<Vec<&str>> {
    let document = read_yaml(text).ok()?;
    let urls = document.member("notify").and_then(|notify| notify.member("urls")).map(strings);
    urls.or_else(|| document.member("vault_nodes").map(|_| Vec::new()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERYTHING: &str = "\
---
environment: home
check_interval: 15s
vault_nodes:
  - https://10.0.0.1:8200
  - https://vault.home/
  - https://10.0.0.1:8200   # once more
  - ftp://10.0.0.3
unseal_tokens:
  - aaaa
tls:
  skip_verify: true
  server_name: vault.home
  ca_cert: |
    -----BEGIN CERTIFICATE-----
    x: y
    -----END CERTIFICATE-----
  ca_cert_path: /etc/ssl/home.pem
  client_cert: /etc/ssl/client.pem
  client_key: /etc/ssl/client.key
notify:
  max_elapsed: 2m
  urls:
    - \"slack://token:token@channel?color=good&icon=x\"
    - discord://token@id
email:
  enabled: true
";

    #[test]
    fn everything_that_it_says_is_read_but_secrets() {
        let (config, script) = OldConfig::read(EVERYTHING).unwrap();
        assert_eq!(
            config,
            OldConfig {
                unreadable: 1,
                server_name: Some("vault.home".to_owned()),
                client: Some(("/etc/ssl/client.pem".to_owned(), "/etc/ssl/client.key".to_owned())),
                authorities: None,
                inline: vec!["ca_cert"],
                targets: 3,
            }
        );
        let addresses: Vec<String> = script.addresses.iter().map(ToString::to_string).collect();
        assert_eq!(addresses, ["https://10.0.0.1:8200", "https://vault.home:443"]);
        assert_eq!(script.authorities, [Path::new("/etc/ssl/home.pem")]);
        assert!(script.unverified);
        assert_eq!(
            notification_urls(EVERYTHING).unwrap(),
            ["slack://token:token@channel?color=good&icon=x", "discord://token@id"]
        );
    }

    #[test]
    fn share_or_token_in_the_wrong_place_is_not_repeated() {
        for secret in [
            "2c4bff69347f1f9f4fa7c30b26a6196c5de52bb242815db98df815b1b87a68a5d5",
            "hvs.CAESIJ0123456789abcdefghij",
        ] {
            let text = format!(
                "vault_nodes:\n- https://{secret}:8200\ntls:\n  server_name: {secret}\n  ca_cert: /etc/{secret}\n  \
                 ca_path: /{secret}/x\n  client_cert: /{secret}\n  client_key: {secret}\n"
            );
            let (config, script) = OldConfig::read(&text).unwrap();
            let kept = format!("{config:?} {script:?}").to_lowercase();
            assert!(!kept.contains(&secret.to_lowercase()), "{kept}");
            assert_eq!(config.unreadable, 1);
            let script =
                Script::read(&format!("curl --cacert /etc/{secret} https://{secret}:8200/v1/sys/unseal\n"));
            assert!(!format!("{script:?}").contains(secret) && script.unseals, "{script:?}");
        }
    }

    #[test]
    fn text_that_is_no_such_configuration_has_no_urls() {
        assert_eq!(notification_urls("discord://token@id\n"), None);
        assert_eq!(notification_urls("vault_nodes: []\n"), Some(vec![]));
        let (config, script) =
            OldConfig::read("vault_nodes:\n- http://127.0.0.1\ntls_skip_verify: yes\n").unwrap();
        assert_eq!((config, script.unverified), (OldConfig::default(), true));
        assert!(OldConfig::read("vault_nodes: &x\n").is_err());
    }

    #[test]
    fn configuration_is_named_in_three_ways() {
        for words in [&["--log.json", "--config", "/x.yaml"][..], &["-c", "/x.yaml"], &["--config=/x.yaml"]] {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            assert_eq!(named(&words), Some(PathBuf::from("/x.yaml")));
        }
        assert_eq!(named(&["--nodes".to_owned(), "https://x".to_owned()]), None);
    }
}
