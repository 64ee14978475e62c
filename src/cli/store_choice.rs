//! How shares are to be stored, as `enroll` and `init` are told.

use crate::cluster::ShareSource;
use crate::config::Settings;
use crate::explain::Explanation;
use crate::shares::store::{CredentialKey, CredentialSealing, ShareStore};
use crate::shares::tpm::{PcrBank, PcrSelection, Sealing};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use std::path::{Path, PathBuf};

/// Where shares are stored unless --output says otherwise.
const DIRECTORY: &str = "/etc/vault-unseal";

/// Options that say how shares are stored, and where.
#[derive(Debug, Args)]
pub struct StoreChoice {
    /// Seal to this machine's TPM, for `shares = { tpm2 = … }`
    #[arg(long, group = "store")]
    pub tpm2: bool,
    /// Encrypt as a systemd credential with these keys: host, tpm2 or host+tpm2
    ///
    /// The host key is on this machine's disk: it protects a copied file, but not a stolen disk. The TPM protects a stolen
    /// disk. systemd's `auto` is not offered: it falls back to the host key silently.
    #[arg(long, group = "store", value_name = "KEYS",
          value_parser = PossibleValuesParser::new(["host", "tpm2", "host+tpm2"]).map(|word| key(&word)))]
    pub credential: Option<CredentialKey>,
    /// Write them unencrypted: only owner and mode protect them
    #[arg(long, group = "store")]
    pub plain: bool,
    /// PCRs to bind to, such as 7 or 7+11: once they change, the shares do not open
    ///
    /// 0 and 2 change with the firmware, 4 and 11 with the kernel, 7 with Secure Boot. By default --tpm2 binds to no PCR, and
    /// --credential to systemd's choice (7, in most versions). Boards whose firmware measures nothing, such as the Raspberry
    /// Pi, gain nothing; you are told so.
    #[arg(long, value_name = "PCR+…")]
    pub pcrs: Option<PcrSelection>,
    /// Where to write; default: shares.tpm2, shares.cred or shares.json in /etc/vault-unseal
    #[arg(long, short, value_name = "PATH")]
    pub output: Option<PathBuf>,
    /// Name of the credential
    #[arg(long, value_name = "NAME", default_value = "shares")]
    pub name: String,
    /// Which TPM, such as `device:/dev/tpmrm0`; --tpm2 takes the configured one by default
    #[arg(long, value_name = "TCTI", hide_short_help = true)]
    pub tcti: Option<String>,
}

/// What is taken where neither --tpm2 nor --credential nor --plain is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DefaultStore {
    /// Nothing: it must be said.
    Refused,
    /// The TPM.
    Tpm2,
    /// A plain file in the current directory, to be carried elsewhere.
    Carried,
}

impl StoreChoice {
    /// The store that was chosen. Errors: the options make no sense together.
    pub(super) fn chosen(&self, unsaid: DefaultStore) -> Result<ShareStore, Explanation> {
        let pcrs_without_tpm = || {
            let message = "--pcrs needs a TPM: --tpm2, --credential tpm2 or --credential host+tpm2";
            Err(Explanation::usage(message, "Leave --pcrs out, or name a TPM."))
        };
        let carried = unsaid == DefaultStore::Carried;
        let path = |name: &str| {
            let default = if carried { PathBuf::from(name) } else { Path::new(DIRECTORY).join(name) };
            let path = self.output.clone().unwrap_or(default);
            // As units and configurations need it. Fails only for an empty path, which is refused where it is written.
            std::path::absolute(&path).unwrap_or(path)
        };
        let pcrs = self.pcrs.clone();
        if let Some(key) = self.credential {
            if pcrs.is_some() && key == CredentialKey::Host {
                return pcrs_without_tpm();
            }
            if let Some(bank) = pcrs.as_ref().map(PcrSelection::bank).filter(|bank| *bank != PcrBank::Sha256)
            {
                let bank = bank.word();
                let message = format!("systemd credentials are bound to PCRs of the bank sha256, not {bank}");
                return Err(Explanation::usage(message, "Leave the bank out: --pcrs 7+11."));
            }
            let (name, device) = (self.name.clone(), self.tcti.clone());
            let sealing = CredentialSealing { name, key, pcrs, device };
            return Ok(ShareStore::Credential(path("shares.cred"), sealing));
        }
        if self.tpm2 || unsaid == DefaultStore::Tpm2 {
            let sealing = Sealing { pcrs, tcti: self.tcti.clone() };
            return Ok(ShareStore::Tpm2(path("shares.tpm2"), sealing));
        }
        if !self.plain && !carried {
            return Err(Explanation::usage(
                "choose how to store the shares",
                "--tpm2              sealed to this machine's TPM\n\
                 --credential KEYS   a systemd credential, with host, tpm2 or host+tpm2\n\
                 --plain             a file that only its owner can read",
            ));
        }
        match pcrs {
            Some(_) => pcrs_without_tpm(),
            None => Ok(ShareStore::Plain(path("shares.json"))),
        }
    }
}

/// Has a store that was told no TPM use the one that the daemon is configured to open it with.
pub(super) fn at_configured_tpm(store: &mut ShareStore, settings: &Settings) {
    if let ShareStore::Tpm2(path, sealing) = store {
        if sealing.tcti.is_none() {
            sealing.tcti = configured_tpm(settings, path);
        }
    }
}

/// The TPM of the cluster whose shares are at `path`; or else the only one that any cluster has.
fn configured_tpm(settings: &Settings, path: &Path) -> Option<String> {
    let sources = || {
        settings.clusters.iter().filter_map(|cluster| match &cluster.shares {
            Some(ShareSource::Tpm2 { path, tcti }) => Some((path, tcti.as_deref())),
            _ => None,
        })
    };
    let is_it = |other: &Path| std::path::absolute(other).is_ok_and(|other| other == path);
    if let Some((_, tcti)) = sources().find(|(other, _)| is_it(other)) {
        return tcti.map(str::to_owned);
    }
    let mut tctis = sources().map(|(_, tcti)| tcti);
    let first = tctis.next()??;
    tctis.all(|tcti| tcti == Some(first)).then(|| first.to_owned())
}

fn key(word: &str) -> CredentialKey {
    match word {
        "host" => CredentialKey::Host,
        "tpm2" => CredentialKey::Tpm2,
        _ => CredentialKey::HostAndTpm2,
    }
}
