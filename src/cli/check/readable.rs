//! What the service can read: it runs as a user of its own, and root, who checks, can read more.

use super::finding::Findings;
use crate::cli::machine::{CONFIG_FRAGMENTS, Machine, PLAIN_SHARES};
use crate::cluster::ShareSource;
use crate::config::LoadedConfig;
use crate::external::quote;
use crate::listener;
use crate::shares::SocketRefusal;
use crate::systemd::access::{ServiceAccess, Unreadable};
use crate::systemd::units::Unit;
use std::path::Path;

/// Finds what root can read and the service cannot.
pub(super) fn check(machine: &Machine, loaded: &LoadedConfig, unit: &Unit, findings: &mut Findings) {
    // With a user of the administrator's choice the question is his.
    if !unit.is_on("DynamicUser") {
        return;
    }
    let access = ServiceAccess::of(Some(unit), machine.root());
    let mut look = |subject: &str, path: &Path, remedy: &dyn Fn(&Path, &Unreadable) -> String| {
        let path = machine.name(path);
        if let Some(refusal) = access.refusal(&path) {
            let file = quote::sentence(&path);
            let does = if listener::is_socket(&machine.at(&path)) { "connect to" } else { "read" };
            // It would not start.
            findings.about(subject).problem(
                "service-cannot-read",
                format!("the service, a user of its own, cannot {does} {file}: {refusal}"),
                remedy(&path, &refusal),
            );
        }
    };
    let fragments = Path::new(CONFIG_FRAGMENTS);
    let closed = access.refusal(fragments).is_some();
    if closed {
        look("configuration", fragments, &opened);
    }
    for path in loaded.sources.iter().filter(|path| !closed || !machine.name(path).starts_with(fragments)) {
        look("configuration", path, &opened);
    }
    for cluster in &loaded.settings.clusters {
        let tls = &cluster.tls;
        if let Some(path) = &tls.ca_file {
            // One name is one file in the unit.
            let name = match loaded.settings.clusters.len() {
                1 => "ca".to_owned(),
                _ => format!("ca-{}", cluster.name),
            };
            look("tls", path, &|path, refusal| handed_over(&name, path, refusal));
        }
        for path in [&tls.ca_dir, &tls.client_cert].into_iter().flatten() {
            look("tls", path, &opened_or_copied);
        }
        if let Some(path) = &tls.client_key {
            look("tls", path, &for_a_group);
        }
        match &cluster.shares {
            Some(ShareSource::File(path)) => look("shares", path, &by_credential),
            Some(ShareSource::Socket(path)) => look("shares", path, &by_group),
            _ => {}
        }
    }
}

/// A file of ours, with nothing secret in it.
fn opened(path: &Path, refusal: &Unreadable) -> String {
    match refusal {
        Unreadable::Directory { path, .. } => format!("chmod o+x {}", quote::shell(path)),
        Unreadable::Mode { directory: true, .. } => format!("chmod o+rx {}", quote::shell(path)),
        _ => format!("chmod o+r {}", quote::shell(path)),
    }
}

/// An authority's certificate: not secret, and a directory need not be opened for it.
fn handed_over(name: &str, path: &Path, refusal: &Unreadable) -> String {
    match (refusal, quote::load_credential(name, path)) {
        (Unreadable::Mode { .. }, _) | (_, Err(_)) => opened_or_copied(path, refusal),
        (_, Ok(value)) => format!(
            "Let systemd hand it over: ca_credential = {} in the place of ca_file in the configuration, and in a drop-in \
             (systemctl edit vault-unseal, and the same for vault-unsealed-wait), [Service]: LoadCredential={value}",
            quote::toml(name)
        ),
    }
}

/// A certificate: not secret itself, but what lies beside it may be.
fn opened_or_copied(path: &Path, refusal: &Unreadable) -> String {
    match refusal {
        Unreadable::Mode { .. } => opened(path, refusal),
        _ => format!(
            "Give it a copy, and name that in the configuration:\ncp -rL --no-preserve=mode,ownership {} /etc/vault-unseal/",
            quote::shell(path)
        ),
    }
}

/// A private key, which others must not read.
fn for_a_group(path: &Path, refusal: &Unreadable) -> String {
    let place = match refusal {
        Unreadable::Mode { .. } => String::new(),
        _ => "Move it to a directory that can be passed, /etc/vault-unseal for example. ".to_owned(),
    };
    format!(
        "{place}Let a group read it that a drop-in gives to the service (systemctl edit vault-unseal, [Service], \
         SupplementaryGroups=ssl-cert):\nchgrp ssl-cert {file}; chmod 0640 {file}",
        file = quote::shell(path)
    )
}

/// The socket of a service that gives shares to whoever connects.
fn by_group(_: &Path, refusal: &Unreadable) -> String {
    match refusal {
        Unreadable::Mode { .. } => SocketRefusal::MAY_CONNECT,
        _ => "Have the .socket unit listen in a directory that can be passed: ListenStream=/run/vault-unseal-shares.sock",
    }
    .to_owned()
}

/// Shares, which nobody but root should read: systemd hands them over.
fn by_credential(path: &Path, _: &Unreadable) -> String {
    let drop_in = if path == Path::new(PLAIN_SHARES) {
        String::new()
    } else {
        match quote::load_credential("shares", path) {
            Ok(value) => {
                format!(", and in a drop-in (systemctl edit vault-unseal), [Service]: LoadCredential={value}")
            }
            Err(error) => format!(", from another place: {error}"),
        }
    };
    format!(
        "Let systemd hand them over: shares = {{ credential = \"shares\" }} in the configuration{drop_in}"
    )
}
