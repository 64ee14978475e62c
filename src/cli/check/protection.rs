//! What protects shares where they are stored: read from the files themselves, never from what was meant.

use super::finding::{Severity, Topic};
use crate::cli::enroll::by_tpm;
use crate::cli::machine::{Machine, PLAIN_SHARES};
use crate::cluster::ShareSource;
use crate::config::LoadedConfig;
use crate::explain::Explanation;
use crate::external::quote;
use crate::files;
use crate::ordered;
use crate::report::state::counted;
use crate::shares::Notice;
use crate::shares::store::{self, CredentialKind, StoreProtection};
use crate::shares::tpm::{self, SealedFile};
use crate::systemd::units::{CredentialOrigin, Unit};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The TPM as the kernel shares it out; its absence is the absence of a TPM for us and for systemd.
const DEVICE: &str = "/dev/tpmrm0";
/// Where the kernel shows what PCRs hold (Linux 5.12).
const PCRS: &str = "/sys/class/tpm/tpm0/pcr-sha256";
const UNMEASURED_REMEDY: &str = "The firmware does not measure (a Raspberry Pi's does not). The TPM itself still \
                                 protects the shares on a disk that is taken elsewhere; without PCRs there is less to \
                                 be locked out by.";

/// Where to look for a TPM that is not there.
pub(super) const ABSENT: &str =
    "See whether it is switched on in the firmware: ls -l /dev/tpm*; journalctl -k | grep -i tpm";

/// Whether the machine has a TPM that can be used.
pub(super) fn has_tpm(machine: &Machine) -> bool {
    machine.look(Path::new(DEVICE)).is_some()
}

/// A file of shares as they are.
pub(super) fn plain(machine: &Machine, path: &Path, topic: &mut Topic<'_>) {
    const MESSAGE: &str = "not encrypted: whoever has the disk, or a backup of it, has the shares";
    let file = quote::shell(&machine.name(path));
    let remedy = has_tpm(machine)
        .then(|| format!("This machine's TPM could seal them: vault-unseal enroll {file} --tpm2"));
    let what = Explanation { advice: remedy, ..Explanation::without_advice("protection-none", MESSAGE) };
    topic.add(Severity::Ok, what);
}

/// An encrypted credential of this name, in a file of the machine.
pub(super) fn credential(
    machine: &Machine,
    kind: &CredentialKind,
    path: &Path,
    name: &str,
    topic: &mut Topic<'_>,
) {
    let anew = |from: &str| format!("Seal them anew: {}", enroll_credential(machine, from, path, name));
    match kind {
        CredentialKind::Host if has_tpm(machine) => topic.warn(
            "protection-host",
            "protected by the host key alone, though this machine has a TPM: a copied disk opens them. systemd-creds \
             falls back to that by itself (--with-key=auto)",
            anew("--rebind"),
        ),
        CredentialKind::Host => topic.note(
            "protection-host",
            "protected by the host key alone: a copied /etc does not open them, a copied disk does",
        ),
        CredentialKind::Nothing => topic.warn(
            "protection-none",
            "encrypted with a key that everybody knows: whoever has the disk, or a backup of it, has the shares",
            anew("FILE") + " --force",
        ),
        CredentialKind::Unknown => topic.note("protection-unknown", format!("protected by {kind}")),
        CredentialKind::Tpm2(binding) | CredentialKind::HostAndTpm2(binding)
            if !binding.pcrs.is_empty() && binding.pcrs.iter().all(|pcr| is_zero(machine, *pcr)) =>
        {
            let message =
                format!("protected by {kind}, but nothing has been measured into them: they protect nothing, whatever \
                         the machine starts");
            topic.warn("pcrs-unmeasured", message, UNMEASURED_REMEDY);
        }
        CredentialKind::Tpm2(_) | CredentialKind::HostAndTpm2(_) => {
            topic.note("protection-tpm2", format!("protected by {kind}"));
        }
    }
    if kind.tpm2().is_some() && !has_tpm(machine) {
        topic.problem(
            "tpm-absent",
            format!("there is no {DEVICE}, and without this machine's TPM systemd cannot open them"),
            ABSENT,
        );
    }
}

/// The command that makes such a credential, from `from`, as well as this machine can.
pub(super) fn enroll_credential(machine: &Machine, from: &str, path: &Path, name: &str) -> String {
    let keys = if has_tpm(machine) { "host+tpm2" } else { "host" };
    let mut command = format!("vault-unseal enroll {from} --credential {keys}");
    if path != Path::new("/etc/vault-unseal/shares.cred") {
        command = command + " --output " + &quote::shell(path);
    }
    if name != "shares" {
        command = command + " --name " + &quote::shell_word(name);
    }
    command
}

/// A file sealed to the TPM.
pub(super) fn tpm2(blob: &tpm::Blob, topic: &mut Topic<'_>) {
    let StoreProtection { pcrs, unmeasured, .. } = StoreProtection::of_tpm2(blob);
    let protected = by_tpm(pcrs.as_deref());
    if pcrs.is_some() && unmeasured {
        topic.warn(
            "pcrs-unmeasured",
            format!(
                "protected {protected}, but nothing had been measured into them when the shares were sealed: where nothing \
                 ever is, they protect nothing"
            ),
            UNMEASURED_REMEDY,
        );
    } else {
        topic.note("protection-tpm2", format!("protected {protected}"));
    }
}

/// Whether the PCR holds zeros now; one that cannot be read does not.
fn is_zero(machine: &Machine, pcr: u8) -> bool {
    let value = files::text(&machine.at(&Path::new(PCRS).join(pcr.to_string())));
    value.is_some_and(|value| !value.trim().is_empty() && value.trim().chars().all(|digit| digit == '0'))
}

/// A credential without the file that it is made from.
pub(super) fn missing(path: &Path, name: &str, advice: String, topic: &mut Topic<'_>) {
    let message = format!("credential \"{name}\": there is no file {}", quote::sentence(path));
    topic.problem("credential-file-missing", message, advice);
}

/// The most files of one directory that are looked into.
const MOST: usize = 100;

/// Looks into the directories of sealed shares. Only root can. Where the sealed file is not there, or is none, a plain one
/// may be the only copy, and nothing is said against it.
pub(super) fn plain_beside_sealed(
    machine: &Machine,
    loaded: &LoadedConfig,
    unit: &Unit,
    topic: &mut Topic<'_>,
) {
    let (mut sealed, mut used) = (BTreeSet::new(), BTreeSet::new());
    for source in loaded.settings.clusters.iter().filter_map(|cluster| cluster.shares.as_ref()) {
        match source {
            ShareSource::Tpm2 { path, .. } => {
                let path = machine.name(path);
                let file = SealedFile::itself(&machine.at(&path));
                if tpm::look(&file, &machine.trusted).is_ok() {
                    sealed.insert(path);
                }
            }
            // What it opens lies where its unit says, and what was opened by hand before beside the configuration.
            ShareSource::Socket(_) => drop(sealed.insert(PathBuf::from(PLAIN_SHARES))),
            ShareSource::File(path) => drop(used.insert(machine.name(path))),
            ShareSource::Credential(name) => match unit.credential(name) {
                Some(CredentialOrigin::File { path, encrypted: true, .. })
                    if store::credential_kind(&machine.at(&path)).is_ok_and(|kind| kind.is_some()) =>
                {
                    sealed.insert(path);
                }
                Some(CredentialOrigin::File { path, .. }) => drop(used.insert(path)),
                _ => {}
            },
        }
    }
    let directories = sealed.iter().filter(|path| path.is_absolute()).filter_map(|path| path.parent());
    for directory in ordered::set(directories) {
        for path in regular_files(machine, directory).into_iter().filter(|path| !used.contains(path)) {
            leftover(machine, &path, topic);
        }
    }
}

/// The regular files in a directory of the machine, in order.
fn regular_files(machine: &Machine, directory: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(machine.at(directory)).into_iter().flatten().flatten();
    let regular = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()));
    ordered::set(regular.take(MOST).map(|entry| directory.join(entry.file_name())))
}

fn leftover(machine: &Machine, path: &Path, topic: &mut Topic<'_>) {
    let Ok(loaded) = ShareSource::load_unjudged(&machine.at(path)) else { return };
    let shares = counted(loaded.shares.count(), "share");
    let (shown, file) = (quote::sentence(path), quote::shell(path));
    let token = loaded.notices.iter().any(|notice| matches!(notice, Notice::RootToken { .. }));
    let first = if token { "Keep the root token that is in it as well, if it is nowhere else. " } else { "" };
    topic.warn(
        "plain-beside-sealed",
        format!("{shown} holds {shares} as they are, beside sealed ones: whoever reads the disk, or a backup of it, \
                 has them"),
        format!("{first}Once the service has unsealed a server with the sealed ones, and a copy is kept on another \
                 machine: shred -u {file}"),
    );
}
