//! What is moved from: the old unit, what starts it, its script or configuration, and what lies around on the machine.

use super::old_config::{OLD_CONFIG, OldConfig};
use super::script::{Program, Script, may_hold_shares};
use crate::cli::machine::{CONFIG, InstalledService, Machine, OWN_UNITS, PLAIN_SHARES, SERVICE, is_foreign};
use crate::cluster::NodeAddress;
use crate::cluster::ShareSource;
use crate::files;
use crate::ordered;
use crate::shares::ShareError;
use crate::systemd::access::ServiceAccess;
use crate::systemd::units::{CredentialOrigin, Unit, UnitFile, resolve};
use crate::vault::is_self_issued;
use std::fs;
use std::path::{Path, PathBuf};

/// Where certificates of authorities lie on machines set up by hand, by roles and by packages.
const AUTHORITIES: [&str; 5] = [
    "/etc/vault/tls/vault-ca.crt",
    "/etc/vault/tls/ca.crt",
    "/etc/vault.d/tls/ca.crt",
    "/etc/vault.d/ca.crt",
    "/opt/vault/tls/ca.crt",
];
/// Where a server's own lies.
const CERTIFICATES: [&str; 3] =
    ["/etc/vault/tls/vault.crt", "/opt/vault/tls/tls.crt", "/opt/openbao/tls/tls.crt"];

/// What is moved from, and what is known of it.
pub(crate) struct OldSetup {
    /// Where.
    pub(super) machine: Machine,
    /// The old unit; `None` where it went with its package.
    pub(super) unit: Option<OldUnit>,
    /// The configuration of the old program, and what it says.
    pub(super) config: Option<(PathBuf, OldConfig)>,
    /// What starts it: timers, paths, sockets.
    pub(super) triggers: Vec<OldUnit>,
    /// Its drop-ins that would apply to ours.
    pub(super) drop_ins: Vec<PathBuf>,
    /// Whether our own unit is installed.
    pub(super) installed: bool,
    /// Whether a configuration is written already.
    pub(super) configured: bool,
    /// The servers; none when the script does not say.
    pub(super) addresses: Vec<NodeAddress>,
    /// How they are authenticated.
    pub(super) authority: Authority,
    /// The share file; `None` when the script does not say.
    pub(super) shares: Option<PathBuf>,
    /// Why the share file cannot be handed over.
    pub(crate) refusal: Option<ShareError>,
    /// Whether our unit takes the shares from there as it is.
    pub(super) shares_taken: bool,
}

/// The authority to trust.
pub(super) enum Authority {
    /// No server speaks TLS, or the script trusted the system's authorities.
    Usual,
    /// The script checked nothing, and no authority was found on the machine.
    Unknown,
    /// A file with one.
    File {
        /// The file.
        path: PathBuf,
        /// How it was found.
        known: AuthoritySource,
        /// Whether the service could read it where it is.
        readable: bool,
    },
}

/// How a file with an authority was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AuthoritySource {
    /// The script names it.
    Named,
    /// It lies on the machine, and the script checked no certificate.
    Unchecked,
    /// It lies on the machine, and the script trusted the system's authorities.
    Beside,
}

impl OldSetup {
    /// Looks at the old unit, its script or configuration, and what lies around on the machine.
    pub(crate) fn from(
        machine: &Machine,
        old: Option<UnitFile>,
        ours: Option<&InstalledService>,
    ) -> (Self, Program) {
        let unit = old.as_ref().map(|old| OldUnit::new(machine, SERVICE.to_owned(), old));
        let all = UnitFile::drop_ins(machine.root(), SERVICE);
        let drop_ins = all.iter().filter(|file| is_foreign(file)).map(|file| file.path.clone()).collect();
        let mut program = match old {
            Some(old) => Program::of(machine, &Unit::new(old, all), &["ExecStart"]),
            None => Program { config: Some(PathBuf::from(OLD_CONFIG)), ..Program::default() },
        };
        let config = program.config.clone().filter(|path| machine.has_file(path)).map(|path| {
            let (config, says) = read_config(machine, &path).unwrap_or_default();
            program.says = says;
            (path, config)
        });
        let configured = machine.has_file(Path::new(CONFIG));
        let given = ours.map(|ours| ours.unit.credential("shares"));
        // After an earlier move, what our unit was given since then counts, and not what the old script reads.
        let kept = match &given {
            Some(Some(CredentialOrigin::File { path, .. })) if configured && machine.has_file(path) => {
                Some(path)
            }
            _ => None,
        };
        let (shares, refusal) = match (kept, &config) {
            (Some(path), _) => (Some(path.clone()), None),
            (None, Some((path, _))) => {
                (Some(path.clone()), machine.as_root.then(|| refusal(machine, path)).flatten())
            }
            (None, None) => share_file(machine, &program),
        };
        let shares_taken = match (&shares, &given) {
            (Some(found), Some(Some(CredentialOrigin::File { path, .. }))) => path == found,
            (Some(found), None) => found == Path::new(PLAIN_SHARES),
            _ => false,
        };
        let this = Self {
            machine: machine.clone(),
            unit,
            config,
            triggers: triggers(machine),
            drop_ins,
            installed: ours.is_some(),
            configured,
            addresses: program.says.addresses.clone(),
            authority: authority(machine, &program, ours),
            shares,
            refusal,
            shares_taken,
        };
        (this, program)
    }
}

/// What the configuration says; nothing where it cannot be read, which is told of its shares.
fn read_config(machine: &Machine, path: &Path) -> Option<(OldConfig, Script)> {
    let bytes = files::read_unjudged(&machine.at(path), files::LARGEST).ok()?;
    OldConfig::read(std::str::from_utf8(&bytes).ok()?).ok()
}

/// The likeliest of the paths that the script names, and why it cannot be handed over: one with shares goes before one
/// that is only there, that before one that is not, JSON before other names. Only root looks into them.
fn share_file(machine: &Machine, program: &Program) -> (Option<PathBuf>, Option<ShareError>) {
    let is_json = |path: &Path| path.extension().is_some_and(|extension| extension == "json");
    let named = program.says.paths.iter().filter(|path| may_hold_shares(path));
    let judged = named.map(|path| (path, machine.as_root.then(|| refusal(machine, path)).flatten()));
    let best =
        judged.min_by_key(|(path, refusal)| (refusal.is_some(), !machine.has_file(path), !is_json(path)));
    match best {
        Some((path, refusal)) if machine.has_file(path) || is_json(path) => (Some(path.clone()), refusal),
        _ => (None, None),
    }
}

/// Reads a share file as systemd does, which asks for no owner and mode; that is judged once it is configured.
fn refusal(machine: &Machine, path: &Path) -> Option<ShareError> {
    ShareSource::load_unjudged(&machine.at(path)).err()
}

fn authority(machine: &Machine, program: &Program, ours: Option<&InstalledService>) -> Authority {
    let says = &program.says;
    if !says.addresses.is_empty() && says.addresses.iter().all(|address| !address.tls) {
        return Authority::Usual;
    }
    let file = |path: &Path, known| Authority::File {
        readable: ServiceAccess::of(ours.map(|ours| &ours.unit), machine.root())
            .refusal(&machine.name(path))
            .is_none(),
        path: path.to_owned(),
        known,
    };
    if let Some(path) = says.authorities.first() {
        return file(path, AuthoritySource::Named);
    }
    let on_machine = |paths: &[&'static str]| {
        paths.iter().map(|path| Path::new(*path)).find(|path| machine.has_file(path))
    };
    // One that another signed, as Let's Encrypt does, is soon replaced: its authority is to be trusted.
    let certificate = on_machine(&CERTIFICATES).filter(|path| {
        let pem = files::read_unjudged(&machine.at(path), files::LARGEST);
        pem.is_ok_and(|pem| is_self_issued(&pem))
    });
    match (on_machine(&AUTHORITIES), certificate) {
        (Some(path), _) if !says.unverified => file(path, AuthoritySource::Beside),
        _ if !says.unverified => Authority::Usual,
        (Some(path), _) | (None, Some(path)) => file(path, AuthoritySource::Unchecked),
        (None, None) => Authority::Unknown,
    }
}

/// The kinds of units that start a service, the section that may name it, and under which key (systemd.timer(5),
/// systemd.path(5), systemd.socket(5)).
const KINDS: [(&str, &str, &str); 3] =
    [("timer", "Timer", "Unit"), ("path", "Path", "Unit"), ("socket", "Socket", "Service")];

/// A unit of the administrator's: one of our service's name, or one that starts it.
pub(crate) struct OldUnit {
    /// Its name.
    pub(crate) name: String,
    /// Its file.
    pub(crate) path: PathBuf,
    /// Whether it is enabled.
    pub(super) enabled: bool,
    /// Where its file leads if it is a link (`systemctl link`): then disabling removes it.
    pub(super) link: Option<PathBuf>,
}

impl OldUnit {
    /// The unit of this name in this file.
    pub(super) fn new(machine: &Machine, name: String, file: &UnitFile) -> Self {
        let path = file.path.clone();
        let is_link = fs::read_link(machine.at(&path)).is_ok();
        let link = is_link.then(|| resolve(machine.root(), &path)).flatten();
        Self { enabled: machine.is_enabled(&name), link, path, name }
    }
}

/// All that start our service, in the order of their names. Our packages bring none.
pub(crate) fn triggers(machine: &Machine) -> Vec<OldUnit> {
    let files = OWN_UNITS.iter().flat_map(|units| machine.entries(Path::new(units)));
    let names = ordered::set(files.filter_map(|path| Some(path.file_name()?.to_str()?.to_owned())));
    names.into_iter().filter_map(|name| trigger(machine, name)).collect()
}

fn trigger(machine: &Machine, name: String) -> Option<OldUnit> {
    let (stem, kind) = name.rsplit_once('.')?;
    let (_, section, key) = KINDS.iter().find(|(known, ..)| *known == kind)?;
    let file = UnitFile::all(machine.root(), &name).into_iter().next().filter(|file| !file.masked)?;
    let is_ours = match file.value_in(section, key) {
        Some(service) => service == SERVICE,
        None => SERVICE.strip_suffix(".service") == Some(stem),
    };
    is_ours.then(|| OldUnit::new(machine, name, &file))
}
