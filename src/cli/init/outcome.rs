//! What was done: for people, for machines, on the terminal alone where it is secret, and what a person writes down because
//! something failed.

use super::request::InitRequest;
use crate::api::Product;
use crate::cli::enroll::protection;
use crate::cli::next_steps::steps;
use crate::cluster::Node;
use crate::cluster::NodeAddress;
use crate::config::TlsSettings;
use crate::external::quote::{self, shell, shell_word};
use crate::report;
use crate::report::state::counted;
use crate::shares::InitAnswer;
use crate::shares::offline::OfflineCopy;
use crate::shares::store::{CredentialKind, StoredShares};
use crate::vault::WRAP_TTL;
use rustix::fs::{CWD, Mode, OFlags, openat};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::{Path, absolute};
use zeroize::Zeroizing;

/// What was done.
pub(super) struct InitOutcome {
    pub(super) node: NodeAddress,
    pub(super) stored: StoredShares,
    pub(super) copies: Vec<OfflineCopy>,
    pub(super) token: RootTokenOutcome,
    /// Whose commands are shown.
    pub(super) product: Product,
    /// What they begin with.
    pub(super) client: String,
}

/// What became of the root token.
pub(super) enum RootTokenOutcome {
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
    home: DocumentStore<'a>,
    offline: Vec<DocumentCopy<'a>>,
    root_token: DocumentRootToken<'a>,
}

#[derive(Serialize)]
struct DocumentStore<'a> {
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
enum DocumentRootToken<'a> {
    Shown { token: &'a str },
    Wrapped { wrapping_token: &'a str, ttl: &'static str },
    Revoked {},
}

/// `--json`: one line. `None` when it cannot be made.
pub(super) fn json(outcome: &InitOutcome, request: &InitRequest) -> Option<SecretText> {
    let document = Document {
        node: outcome.node.to_string(),
        shares: request.shares,
        threshold: request.threshold,
        home: DocumentStore {
            kind: outcome.stored.target.word(),
            path: quote::sentence(outcome.stored.target.path()),
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
            RootTokenOutcome::Plain(token) => DocumentRootToken::Shown { token: token.expose_secret() },
            RootTokenOutcome::Wrapped(token) => {
                DocumentRootToken::Wrapped { wrapping_token: token.expose_secret(), ttl: WRAP_TTL }
            }
            RootTokenOutcome::Revoked => DocumentRootToken::Revoked {},
        },
    };
    let mut text = SecretText::with_room(4096);
    serde_json::to_writer(&mut text, &document).ok()?;
    let _ = writeln!(text);
    Some(text)
}

/// For people; nothing secret but a wrapping token.
pub(super) fn text(outcome: &InitOutcome, request: &InitRequest) -> SecretText {
    let store = &outcome.stored.target;
    let total = usize::from(request.shares);
    let (shares, needed) = (counted(total, "share"), request.threshold);
    let mut text = SecretText::with_room(4096);
    let _ = writeln!(text, "{} is initialised: {shares}, {needed} needed", outcome.node);
    let (count, path) = (outcome.stored.count, quote::sentence(store.path()));
    let which = if count == total { "all of them".to_owned() } else { format!("{count} of them") };
    let protected = protection(&outcome.stored);
    let _ = writeln!(text, "  {which} in {path}, protected {protected}");
    for OfflineCopy { path, recipient, shares } in &outcome.copies {
        let list = shares.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let (word, file) = (if shares.len() == 1 { "share" } else { "shares" }, quote::sentence(path));
        let _ = writeln!(text, "  {word} {list} in {file}, encrypted to {recipient}");
    }
    for (recipient, held) in whole_keys(outcome, request) {
        let _ =
            writeln!(text, "  {recipient} has {held} shares, enough to open the server without anybody else");
    }
    if outcome.copies.is_empty() && !store.is_sealed() {
        let _ = writeln!(text, "  there is no other copy: keep one elsewhere too");
    }
    let (client, product) = (&outcome.client, outcome.product);
    match &outcome.token {
        RootTokenOutcome::Plain(_) => {}
        RootTokenOutcome::Wrapped(token) => {
            let token = token.expose_secret();
            let _ = writeln!(text, "  the root token, once and within {WRAP_TTL}: {client} unwrap {token}");
        }
        RootTokenOutcome::Revoked => {
            let _ = writeln!(
                text,
                "  the root token is revoked; for a new one: {client} operator generate-root, with enough shares"
            );
            if product != Product::Vault {
                let _ = writeln!(
                    text,
                    "  (OpenBao 2.5.3 and newer: disable_unauthed_generate_root_endpoints = false in the listener)"
                );
            }
        }
    }
    if product == Product::Unknown && !matches!(outcome.token, RootTokenOutcome::Plain(_)) {
        let _ = writeln!(text, "  (OpenBao: bao in place of vault)");
    }
    // Refused before anything was done, unless an earlier process began.
    let _ = match steps(store, &request.name, &request.destination, Path::new("/")) {
        Ok(steps) => write!(text, "{steps}"),
        Err(error) => writeln!(text, "\n{}", report::render_warning(&error)),
    };
    text
}

/// Recipients of several who could open the server alone.
fn whole_keys(outcome: &InitOutcome, request: &InitRequest) -> Vec<(String, usize)> {
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
pub(super) fn root_token(token: &SecretString, client: &str) -> SecretText {
    let token = token.expose_secret();
    let mut text = SecretText::with_room(token.len() + client.len() + 200);
    let _ = writeln!(
        text,
        "Root token: {token}\n  It is shown once and stored nowhere. Revoke it when the server is set up: {client} token revoke \
         -self"
    );
    text
}

/// Everything that the server gave, to be written down.
pub(super) fn to_be_written_down(answer: Option<&InitAnswer>, raw: &[u8]) -> SecretText {
    let mut text = SecretText::with_room(raw.len() * 2 + 1024);
    let _ = writeln!(text, "\nWRITE THIS DOWN NOW. It is what opens the server, and it is shown once.\n");
    if let Some(answer) = answer {
        for share in &answer.shares {
            let _ = writeln!(text, "  Unseal Key {}: {}", share.position(), *share.hex());
        }
        if let Some(token) = &answer.root_token {
            let _ = writeln!(text, "  Initial Root Token: {}", token.expose_secret());
        }
    } else {
        // As it came, but fit for a terminal.
        for &byte in raw {
            let _ = text.write_all(&[if (b' '..=b'~').contains(&byte) { byte } else { b'.' }]);
        }
        let _ = writeln!(text);
    }
    let _ = writeln!(text);
    text
}

/// The terminal of whoever started this, wherever standard output and error go.
pub(super) struct Terminal(File);

impl Terminal {
    /// Opens it; `None` where there is none.
    pub(super) fn open() -> Option<Self> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        openat(CWD, "/dev/tty", flags, Mode::empty()).ok().map(|terminal| Self(terminal.into()))
    }

    /// Standard error, for what must not be lost.
    pub(super) fn last_resort() -> Option<Self> {
        io::stderr().as_fd().try_clone_to_owned().ok().map(|error| Self(error.into()))
    }

    /// Shows a text. Written at once: no buffer keeps a copy.
    pub(super) fn show(&mut self, text: &SecretText) -> io::Result<()> {
        self.0.write_all(&text.0)
    }
}

/// A text with secrets: where it does not fit, it moves to more room, and the old room is wiped.
pub(super) struct SecretText(Zeroizing<Vec<u8>>);

impl SecretText {
    /// Room for so many bytes.
    pub(super) fn with_room(bytes: usize) -> Self {
        Self(Zeroizing::new(Vec::with_capacity(bytes)))
    }

    /// The bytes.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Write for SecretText {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if self.0.len() + piece.len() > self.0.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(2 * self.0.len() + piece.len()));
            larger.extend_from_slice(&self.0);
            self.0 = larger;
        }
        self.0.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
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
    use crate::cluster::Pin;

    #[test]
    fn client_is_told_how_the_server_is_reached_and_no_more() {
        let node = |text: &str| Node::from(text.parse::<crate::cluster::NodeAddress>().unwrap());
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
