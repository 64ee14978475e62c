//! The configuration that takes the place of what the old script or the old configuration says.

use super::old_setup::{Authority, AuthoritySource, OldSetup};
use super::{COPIED_AUTHORITY, handed_over};
use crate::cluster::NodeAddress;
use crate::external::quote;
use std::fmt::Write as _;

/// What `config.toml` has to say.
pub(super) fn configuration(this: &OldSetup) -> String {
    let it = if this.config.is_some() { "old configuration" } else { "script" };
    let mut text = String::from("[[cluster]]\n");
    if this.addresses.is_empty() {
        let _ = writeln!(
            text,
            "# The {it} does not show the address of the server. This is the usual one: correct it."
        );
        text.push_str("nodes  = [\"https://127.0.0.1:8200\"]\n");
    } else {
        let nodes: Vec<String> =
            this.addresses.iter().map(|address| quote::toml(&address.to_string())).collect();
        let _ = writeln!(text, "nodes  = [{}]", nodes.join(", "));
    }
    if let Some((path, config)) = this.config.as_ref().filter(|(_, config)| config.unreadable > 0) {
        let (number, path) = (config.unreadable, quote::sentence(path));
        let _ = writeln!(text, "# {number} more of the vault_nodes in {path} are no addresses of servers.");
    }
    text.push_str("shares = { credential = \"shares\" }\n");
    let (remarks, mut keys) = authority(this, it);
    text.push_str(&remarks);
    if let Some((_, config)) = &this.config {
        keys.extend(config.server_name.iter().map(|name| format!("server_name = {}", quote::toml(name))));
        if let Some((certificate, key)) = &config.client {
            text.push_str("# The service has a user of its own, who must be able to read both files: see `vault-unseal check`.\n");
            keys.push(format!("client_cert = {}", quote::toml(certificate)));
            keys.push(format!("client_key = {}", quote::toml(key)));
        }
        for name in &config.inline {
            let _ = writeln!(
                text,
                "# Its tls.{name} is no path. Put what it says into a file, and name that here."
            );
        }
    }
    if !keys.is_empty() {
        let _ = writeln!(text, "tls    = {{ {} }}", keys.join(", "));
    }
    if this.addresses.iter().any(is_plaintext) {
        let _ = writeln!(
            text,
            "# As the {it} did: shares go unencrypted to another machine. Use https as soon as you can."
        );
        text.push_str("allow_plaintext = true\n");
    }
    text
}

/// How the servers are authenticated: what is to be said of it, and keys of `tls`.
fn authority(this: &OldSetup, it: &str) -> (String, Vec<String>) {
    let (path, known, readable) = match &this.authority {
        Authority::File { path, known, readable } => (path, known, *readable),
        Authority::Usual => {
            let directory = this.config.as_ref().and_then(|(_, config)| config.authorities.as_deref());
            // The system's own, under the name that many programs know it by.
            let directory = directory.filter(|path| *path != "/etc/ssl/certs");
            return (
                String::new(),
                directory.iter().map(|path| format!("ca_dir = {}", quote::toml(path))).collect(),
            );
        }
        Authority::Unknown => {
            let remarks = format!(
                "# The {it} checked no certificate. If the system does not trust the server's, name its authority:\n\
                 #tls    = {{ ca_file = \"/etc/vault-unseal/vault-ca.crt\" }}\n"
            );
            return (remarks, Vec::new());
        }
    };
    let handed_over = handed_over(this).is_some();
    let remarks = match (known, handed_over) {
        (AuthoritySource::Named, _) => String::new(),
        (AuthoritySource::Unchecked, _) => {
            format!("# The {it} checked no certificate; this file was found on the machine.\n")
        }
        (AuthoritySource::Beside, _) => {
            let rest = if handed_over {
                "If it did not sign that, leave the next line out, and the step of the authority's file."
            } else {
                "Leave the next line out if it did not sign that."
            };
            format!(
                "# The {it} trusted the system's authorities; this one was found beside the server's certificate. {rest}\n"
            )
        }
    };
    if handed_over {
        return (remarks, vec!["ca_credential = \"ca\"".to_owned()]);
    }
    // Words of a script that was text: UTF-8.
    let path = if readable { path.to_string_lossy() } else { COPIED_AUTHORITY.into() };
    (remarks, vec![format!("ca_file = {}", quote::toml(&path))])
}

fn is_plaintext(address: &NodeAddress) -> bool {
    !address.tls && !address.is_loopback()
}
