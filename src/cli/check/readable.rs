//! What the service can read: it runs as a user of its own, and root, who checks, can read more.

use super::finding::Findings;
use crate::cli::machine::{Machine, PLAIN_SHARES};
use crate::cluster::ShareSource;
use crate::config::LoadedConfig;
use crate::external::quote;
use crate::files;
use crate::systemd::units::Unit;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Set when an access control list says more than the mode (acl(5)).
const ACCESS_LIST: &str = "system.posix_acl_access";
/// Directories that the service does not see, or sees its own of, while a setting of its unit is on.
const HIDDEN: [(&str, &str); 5] = [
    ("/home", "ProtectHome"),
    ("/root", "ProtectHome"),
    ("/run/user", "ProtectHome"),
    ("/tmp", "PrivateTmp"),
    ("/var/tmp", "PrivateTmp"),
];

/// Who the service is, as far as files are concerned.
pub(super) struct ServiceAccess<'a> {
    machine: &'a Machine,
    /// The groups it is in.
    groups: Vec<u32>,
    /// Directories it does not see.
    hidden: Vec<(&'static str, &'static str)>,
}

/// Why a file cannot be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// The sandbox shows something else there.
    Hidden {
        /// The directory.
        directory: &'static str,
        /// The setting that hides it.
        setting: &'static str,
    },
    /// A directory on the way that others cannot pass.
    Directory {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file, or the directory itself, is not readable for others.
    Mode {
        /// Its permission bits.
        mode: u32,
        /// Whether it is a directory.
        directory: bool,
    },
}

impl<'a> ServiceAccess<'a> {
    /// That of a service with this unit; without one, as our unit is shipped.
    pub(super) fn of(unit: Option<&Unit>, machine: &'a Machine) -> Self {
        let is_on = |(_, setting): &(_, &str)| unit.is_none_or(|unit| unit.is_on(setting));
        let hidden = HIDDEN.into_iter().filter(is_on).collect();
        let named = |key| unit.map(|unit| unit.values(key)).unwrap_or_default();
        let accounts = files::text(&machine.at(Path::new("/etc/group"))).unwrap_or_default();
        let groups = [named("SupplementaryGroups"), named("Group")].concat();
        let groups = groups.iter().flat_map(|names| names.split_whitespace());
        Self { machine, groups: groups.filter_map(|name| number_of(&accounts, name)).collect(), hidden }
    }

    /// Why it cannot read this file or directory; `None` when it can, when there is no such file, or when an access
    /// control list says more than can be seen here.
    pub(super) fn refusal(&self, path: &Path) -> Option<Unreadable> {
        let path = &self.machine.name(path);
        let metadata = self.machine.look(path)?;
        if let Some((directory, setting)) =
            self.hidden.iter().find(|(directory, _)| path.starts_with(directory))
        {
            return Some(Unreadable::Hidden { directory, setting });
        }
        for directory in path.ancestors().skip(1).filter(|directory| directory.parent().is_some()) {
            let Some(metadata) = self.machine.look(directory) else { continue };
            if !self.may(&metadata, 0o1) && !self.has_list(directory) {
                return Some(Unreadable::Directory {
                    path: directory.to_owned(),
                    mode: metadata.mode() & 0o7777,
                });
            }
        }
        let needed = if metadata.is_dir() { 0o5 } else { 0o4 };
        (!self.may(&metadata, needed) && !self.has_list(path))
            .then(|| Unreadable::Mode { mode: metadata.mode() & 0o7777, directory: metadata.is_dir() })
    }

    /// Whether the bits of others, or those of the group if it is a member, grant all that is needed.
    pub(super) fn may(&self, metadata: &Metadata, needed: u32) -> bool {
        let granted =
            if self.groups.contains(&metadata.gid()) { metadata.mode() >> 3 } else { metadata.mode() };
        granted & needed == needed
    }

    fn has_list(&self, path: &Path) -> bool {
        let mut nothing: [u8; 0] = [];
        rustix::fs::getxattr(self.machine.at(path), ACCESS_LIST, &mut nothing).is_ok()
    }
}

/// A group's number in the text of group(5).
fn number_of(accounts: &str, name: &str) -> Option<u32> {
    let fields = |line: &'_ str| {
        let mut fields = line.split(':').map(str::to_owned);
        (fields.next().unwrap_or_default(), fields.nth(1).unwrap_or_default())
    };
    let numbers = accounts.lines().map(fields).find(|(group, _)| group == name);
    numbers.map_or_else(|| name.parse().ok(), |(_, number)| number.parse().ok())
}

/// Finds what root can read and the service cannot.
pub(super) fn check(machine: &Machine, loaded: &LoadedConfig, unit: &Unit, findings: &mut Findings) {
    // With a user of the administrator's choice the question is his.
    if !unit.is_on("DynamicUser") {
        return;
    }
    let access = ServiceAccess::of(Some(unit), machine);
    let mut look = |subject: &str, path: &Path, remedy: &dyn Fn(&Path, &Unreadable) -> String| {
        if let Some(refusal) = access.refusal(path) {
            let path = machine.name(path);
            let (file, why) = (quote::sentence(&path), why(&refusal));
            // It would not start.
            findings.about(subject).problem(
                "service-cannot-read",
                format!("the service, a user of its own, cannot read {file}: {why}"),
                remedy(&path, &refusal),
            );
        }
    };
    let fragments = Path::new("/etc/vault-unseal/config.d");
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
        if let Some(ShareSource::File(path)) = &cluster.shares {
            look("shares", path, &by_credential);
        }
    }
}

fn why(refusal: &Unreadable) -> String {
    match refusal {
        Unreadable::Hidden { directory, setting } => format!("its sandbox hides {directory} ({setting}=yes)"),
        Unreadable::Directory { path, mode } => {
            format!("the directory {} has mode {mode:04o}", quote::sentence(path))
        }
        Unreadable::Mode { mode, .. } => format!("its mode is {mode:04o}"),
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
