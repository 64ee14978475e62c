//! The server's own client, with all that it needs to reach this server: by itself it asks 127.0.0.1, and trusts the
//! authorities of the machine.

use crate::config::TlsSettings;
use crate::discovery::Node;
use crate::external::quote::{shell, shell_word};
use crate::vault::Product;
use std::fmt::Write as _;
use std::path::{Path, absolute};

/// The beginning of a command, up to the word for the client: `BAO_ADDR=… BAO_CACERT=… bao`. `OpenBao` reads the variables
/// of Vault too, so that those are named where nothing is known.
pub(super) fn client(product: Product, node: &Node, tls: &TlsSettings) -> String {
    let brand = if product == Product::OpenBao { "BAO" } else { "VAULT" };
    let mut command = format!("{brand}_ADDR={}", shell_word(node.address.to_string()));
    let mut set = |variable: &str, value: &str| {
        let _ = write!(command, " {brand}_{variable}={value}");
    };
    if node.address.tls {
        let path = |path: &Path| shell(&absolute(path).unwrap_or_else(|_| path.to_owned()));
        let credential = tls.ca_credential.as_ref().map(|credential| &credential.path);
        for (variable, file) in [
            ("CACERT", tls.ca_file.as_ref().or(credential)),
            ("CAPATH", tls.ca_dir.as_ref()),
            ("CLIENT_CERT", tls.client_cert.as_ref()),
            ("CLIENT_KEY", tls.client_key.as_ref()),
        ] {
            if let Some(file) = file {
                set(variable, &path(file));
            }
        }
        if let Some(name) = tls.server_name.as_ref().or(node.name.as_ref()) {
            set("TLS_SERVER_NAME", &shell_word(name));
        }
        // The client has no pins: what they check here would be checked by nothing.
        if tls.skip_verify && tls.pin_sha256.is_empty() {
            set("SKIP_VERIFY", "true");
        }
    }
    command.push(' ');
    command.push_str(product.program());
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Pin;

    #[test]
    fn client_is_told_how_the_server_is_reached_and_no_more() {
        let node = |text: &str| Node::from(text.parse::<crate::config::NodeAddress>().unwrap());
        let tls = TlsSettings {
            ca_file: Some("/srv/my ca.crt".into()),
            server_name: Some("vault.example".to_owned()),
            ..TlsSettings::default()
        };
        assert_eq!(
            client(Product::OpenBao, &node("https://[::1]:8200"), &tls),
            "BAO_ADDR='https://[::1]:8200' BAO_CACERT='/srv/my ca.crt' BAO_TLS_SERVER_NAME=vault.example bao"
        );
        assert_eq!(
            client(Product::Unknown, &node("http://127.0.0.1:1"), &tls),
            "VAULT_ADDR=http://127.0.0.1:1 vault"
        );
        let unchecked = TlsSettings { skip_verify: true, ..TlsSettings::default() };
        let told = client(Product::Vault, &node("https://localhost:1"), &unchecked);
        assert_eq!(told, "VAULT_ADDR=https://localhost:1 VAULT_SKIP_VERIFY=true vault");
        let pinned = TlsSettings { pin_sha256: vec![Pin::from([0; 32])], ..unchecked };
        assert!(!client(Product::Vault, &node("https://localhost:1"), &pinned).contains("SKIP_VERIFY"));
    }
}
