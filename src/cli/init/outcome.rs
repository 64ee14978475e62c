//! What was done: for people, for machines, and for whoever must write shares down because something failed.

use super::request::Request;
use crate::cli::enroll::protection;
use crate::cli::next_steps::steps;
use crate::cli::terminal::Secret;
use crate::config::{NodeAddress, TlsSettings};
use crate::discovery::Node;
use crate::external::quote::{self, shell, shell_word};
use crate::report;
use crate::report::state::counted;
use crate::shares::InitAnswer;
use crate::shares::home::{CredentialKind, Stored};
use crate::shares::offline::Copied;
use crate::vault::{Product, WRAP_TTL};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::{Path, absolute};
use zeroize::Zeroizing;

/// What was done.
pub(super) struct Outcome {
    pub(super) node: NodeAddress,
    pub(super) stored: Stored,
    pub(super) copies: Vec<Copied>,
    pub(super) token: Token,
    /// Whose commands are shown.
    pub(super) product: Product,
    /// What they begin with.
    pub(super) client: String,
}

/// What became of the root token.
pub(super) enum Token {
    /// To be shown.
    Plain(SecretString),
    /// The token that gives it out once.
    Wrapped(SecretString),
    /// It is worthless.
    Revoked,
}

#[derive(Serialize)]
struct Document<'a> {
    node: String,
    shares: u8,
    threshold: u8,
    home: DocumentHome<'a>,
    offline: Vec<DocumentCopy<'a>>,
    root_token: DocumentToken<'a>,
}

#[derive(Serialize)]
struct DocumentHome<'a> {
    kind: &'static str,
    path: String,
    shares: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pcrs: Option<&'a str>,
}

#[derive(Serialize)]
struct DocumentCopy<'a> {
    path: String,
    recipient: String,
    shares: &'a [usize],
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum DocumentToken<'a> {
    Shown { token: &'a str },
    Wrapped { wrapping_token: &'a str, ttl: &'static str },
    Revoked {},
}

/// `--json`: one line. `None` when it cannot be made.
pub(super) fn json(outcome: &Outcome, request: &Request) -> Option<Zeroizing<Vec<u8>>> {
    let document = Document {
        node: outcome.node.to_string(),
        shares: request.shares,
        threshold: request.threshold,
        home: DocumentHome {
            kind: outcome.stored.home.word(),
            path: quote::sentence(outcome.stored.home.path()),
            shares: outcome.stored.count,
            keys: outcome.stored.protection.kind.as_ref().map(CredentialKind::word),
            pcrs: outcome.stored.protection.pcrs.as_deref(),
        },
        offline: outcome
            .copies
            .iter()
            .map(|copy| DocumentCopy {
                path: quote::sentence(&copy.path),
                recipient: copy.recipient.to_string(),
                shares: &copy.shares,
            })
            .collect(),
        root_token: match &outcome.token {
            Token::Plain(token) => DocumentToken::Shown { token: token.expose_secret() },
            Token::Wrapped(token) => {
                DocumentToken::Wrapped { wrapping_token: token.expose_secret(), ttl: WRAP_TTL }
            }
            Token::Revoked => DocumentToken::Revoked {},
        },
    };
    // Measured first, without the token in anything that grows.
    let mut length = Length(0);
    serde_json::to_writer(&mut length, &document).ok()?;
    let mut text = Zeroizing::new(Vec::with_capacity(length.0 + 1));
    serde_json::to_writer(&mut *text, &document).ok()?;
    text.push(b'\n');
    Some(text)
}

/// Counts what is written.
struct Length(usize);

impl std::io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// For people; nothing secret but a wrapping token.
pub(super) fn text(outcome: &Outcome, request: &Request) -> Secret {
    let home = &outcome.stored.home;
    let total = usize::from(request.shares);
    let (shares, needed) = (counted(total, "share"), request.threshold);
    let mut lines = format!("{} is initialised: {shares}, {needed} needed\n", outcome.node);
    let (count, path) = (outcome.stored.count, quote::sentence(home.path()));
    let which = if count == total { "all of them".to_owned() } else { format!("{count} of them") };
    let protected = protection(&outcome.stored);
    let _ = writeln!(lines, "  {which} in {path}, protected {protected}");
    for copy in &outcome.copies {
        let list = copy.shares.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let word = if copy.shares.len() == 1 { "share" } else { "shares" };
        let _ = writeln!(
            lines,
            "  {word} {list} in {}, encrypted to {}",
            quote::sentence(&copy.path),
            copy.recipient
        );
    }
    for (recipient, held) in whole_keys(outcome, request) {
        let _ = writeln!(
            lines,
            "  {recipient} has {held} shares, enough to open the server without anybody else"
        );
    }
    if outcome.copies.is_empty() && !home.is_sealed() {
        lines.push_str("  there is no other copy: keep one elsewhere too\n");
    }
    let mut text = Secret::with_room(lines.len() + outcome.client.len() + 600);
    text.push(&lines);
    match &outcome.token {
        Token::Plain(_) => {}
        Token::Wrapped(token) => {
            text.push("  the root token, once and within ");
            text.push(WRAP_TTL);
            text.push(": ");
            text.push(&outcome.client);
            text.push(" unwrap ");
            text.push(token.expose_secret());
            text.push("\n");
        }
        Token::Revoked => {
            text.push("  the root token is revoked; for a new one: ");
            text.push(&outcome.client);
            text.push(" operator generate-root, with enough shares\n");
            if outcome.product != Product::Vault {
                text.push(
                    "  (OpenBao 2.5.3 and newer: disable_unauthed_generate_root_endpoints = false in the listener)\n",
                );
            }
        }
    }
    if outcome.product == Product::Unknown && !matches!(outcome.token, Token::Plain(_)) {
        text.push("  (OpenBao: bao in place of vault)\n");
    }
    // Refused before anything was done, unless an earlier process began.
    match steps(home, &request.name, &request.destination, std::path::Path::new("/")) {
        Ok(steps) => text.push(&steps),
        Err(error) => text.push(&format!("\n{}\n", report::error::render_warning(&error))),
    }
    text
}

/// Recipients of several who could open the server alone.
fn whole_keys(outcome: &Outcome, request: &Request) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for recipient in request.recipients.iter().filter(|_| request.recipients.len() > 1) {
        let theirs = outcome.copies.iter().filter(|copy| copy.recipient == *recipient);
        let held = theirs.map(|copy| copy.shares.len()).sum();
        if held >= usize::from(request.threshold) {
            found.push((recipient.to_string(), held));
        }
    }
    found
}

/// The root token, shown once.
pub(super) fn root_token(token: &SecretString, client: &str) -> Secret {
    let token = token.expose_secret();
    let mut text = Secret::with_room(token.len() + client.len() + 200);
    text.push("Root token: ");
    text.push(token);
    text.push("\n  It is shown once and stored nowhere. Revoke it when the server is set up: ");
    text.push(client);
    text.push(" token revoke -self\n");
    text
}

/// Everything that the server gave, to be written down.
pub(super) fn to_be_written_down(answer: Option<&InitAnswer>, raw: &[u8]) -> Secret {
    let mut text = Secret::with_room(raw.len() * 2 + 1024);
    text.push("\nWRITE THIS DOWN NOW. It is what opens the server, and it is shown once.\n\n");
    if let Some(answer) = answer {
        for share in &answer.shares {
            text.push("  Unseal Key ");
            text.push(&share.position().to_string());
            text.push(": ");
            text.push(&share.hex());
            text.push("\n");
        }
        if let Some(token) = &answer.root_token {
            text.push("  Initial Root Token: ");
            text.push(token.expose_secret());
            text.push("\n");
        }
    } else {
        // As it came, but fit for a terminal.
        for &byte in raw {
            let plain = if (b' '..=b'~').contains(&byte) { char::from(byte) } else { '.' };
            text.push(plain.encode_utf8(&mut [0; 4]));
        }
        text.push("\n");
    }
    text.push("\n");
    text
}

/// The beginning of a command, up to the word for the client: `BAO_ADDR=… BAO_CACERT=… bao`. `OpenBao` reads the variables
/// of Vault too, so that those are named where nothing is known.
pub(super) fn client_command(product: Product, node: &Node, tls: &TlsSettings) -> String {
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
            client_command(Product::OpenBao, &node("https://[::1]:8200"), &tls),
            "BAO_ADDR='https://[::1]:8200' BAO_CACERT='/srv/my ca.crt' BAO_TLS_SERVER_NAME=vault.example bao"
        );
        assert_eq!(
            client_command(Product::Unknown, &node("http://127.0.0.1:1"), &tls),
            "VAULT_ADDR=http://127.0.0.1:1 vault"
        );
        let unchecked = TlsSettings { skip_verify: true, ..TlsSettings::default() };
        let told = client_command(Product::Vault, &node("https://localhost:1"), &unchecked);
        assert_eq!(told, "VAULT_ADDR=https://localhost:1 VAULT_SKIP_VERIFY=true vault");
        let pinned = TlsSettings { pin_sha256: vec![Pin::from([0; 32])], ..unchecked };
        assert!(
            !client_command(Product::Vault, &node("https://localhost:1"), &pinned).contains("SKIP_VERIFY")
        );
    }
}
