//! Encrypted systemd credentials, made and opened by systemd-creds(1) over pipes.
//!
//! The keys are always named: `auto` would take the host key alone where systemd does not find the TPM good enough, on
//! boards whose firmware does not measure for instance, and say nothing of it.

use super::protection::{CredentialKind, StoreProtection};
use crate::external::{ExternalText, error};
use crate::program;
use crate::shares::tpm::PcrSelection;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// Where Debian and everybody else has it. Never looked for in a PATH that somebody else set.
const PROGRAMS: [&str; 2] = ["/usr/bin/systemd-creds", "/bin/systemd-creds"];
/// How long one call may take. A TPM that makes a primary key first takes ten seconds.
const LIMIT: Duration = Duration::from_secs(60);
/// The longest text or file that is taken back, in bytes.
const MOST: usize = crate::shares::share::LIMIT;
/// What it says of PCRs into which the firmware measures nothing (versions 252 to 257).
const UNMEASURED: &str = "PCR policy effectively unenforced";

/// Which keys encrypt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialKey {
    /// The host key, a file on this machine's disk: protects a copy of the share file that is taken elsewhere.
    Host,
    /// The TPM: protects a disk that is taken elsewhere.
    Tpm2,
    /// Both.
    HostAndTpm2,
}

impl CredentialKey {
    /// As `--with-key=` of systemd-creds has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Tpm2 => "tpm2",
            Self::HostAndTpm2 => "host+tpm2",
        }
    }

    /// Whether the TPM takes part.
    pub fn needs_tpm2(self) -> bool {
        self != Self::Host
    }
}

/// How a credential is encrypted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialSealing {
    /// The name it can be loaded by, and by no other.
    pub name: String,
    /// Which keys.
    pub key: CredentialKey,
    /// The PCRs that must not change; `None` takes those that systemd takes by itself (7, in versions 252 to 257).
    pub pcrs: Option<PcrSelection>,
    /// Which TPM, as `--tpm2-device=` has it; `None` takes the machine's.
    pub device: Option<String>,
}

/// Why a credential could not be made or opened. Never carries a byte of a share.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SystemdCredsError {
    /// No `systemd-creds`.
    #[error("there is no {}", PROGRAMS[0])]
    Missing,
    /// It cannot be started, or its pipes failed.
    #[error("systemd-creds cannot be used: {}", error::io(.0))]
    Io(std::io::Error),
    /// It did not end in time.
    #[error("systemd-creds did not end within {}", humantime::format_duration(LIMIT))]
    Timeout,
    /// What it refuses, to `encrypt` or to `open it`, and which keys it was told to use; the last line of what it said.
    #[error("systemd-creds cannot {0}: {2}")]
    Refused(&'static str, CredentialKey, ExternalText),
    /// It encrypted with other keys than it was told.
    #[error("systemd-creds was told to use {} and used {}", .0.word(), .1)]
    OtherKeys(CredentialKey, CredentialKind),
    /// What it wrote is no credential.
    #[error("what systemd-creds wrote is no credential")]
    Strange,
}

impl SystemdCredsError {
    /// A stable word for each, and what to do about it.
    pub(super) fn explained(&self) -> (&'static str, String) {
        let (kind, advice) = match self {
            Self::Missing => (
                "systemd-creds-missing",
                "It comes with systemd 250 or newer: apt install systemd. Without it: --plain, or --tpm2.",
            ),
            Self::Timeout => (
                "systemd-creds-timeout",
                "If the TPM is what hangs, the kernel says so: journalctl -k | grep -i tpm",
            ),
            Self::Refused(_, key, _) if key.needs_tpm2() => (
                "systemd-creds-refused",
                "See whether systemd can use the TPM: systemd-creds has-tpm2 (its libraries: apt install \
                 libtss2-esys-3.0.2-0 libtss2-rc0 libtss2-mu0 libtss2-tcti-device0). Without a TPM: --credential host.",
            ),
            Self::Refused("encrypt", ..) => {
                ("systemd-creds-refused", "Run this as root: the host key is root's.")
            }
            Self::Refused(..) => (
                "systemd-creds-refused",
                "The host key is root's and this machine's alone: ls -l /var/lib/systemd/credential.secret. If it is \
                 another by now, encrypt the shares anew, from where they are kept: vault-unseal enroll",
            ),
            Self::Io(_) => ("systemd-creds-io", "Nothing was changed."),
            Self::OtherKeys(..) => ("systemd-creds-other-keys", "Nothing was changed."),
            Self::Strange => ("systemd-creds-strange", "Nothing was changed."),
        };
        (kind, advice.to_owned())
    }
}

/// Encrypts; the file, and what its header says of the keys.
pub(super) fn encrypt(
    text: &[u8],
    sealing: &CredentialSealing,
) -> Result<(Vec<u8>, StoreProtection), SystemdCredsError> {
    let mut command = command(sealing, "encrypt")?;
    command.arg(format!("--with-key={}", sealing.key.word()));
    if let Some(pcrs) = sealing.pcrs.as_ref().filter(|_| sealing.key.needs_tpm2()) {
        let numbers: Vec<String> = pcrs.numbers().map(|number| number.to_string()).collect();
        command.arg(format!("--tpm2-pcrs={}", numbers.join("+")));
    }
    let (mut file, said) = run(command.args(["-", "-"]), text, "encrypt", sealing.key)?;
    let kind = CredentialKind::of(&file).ok_or(SystemdCredsError::Strange)?;
    // A kind from after this program was written is believed: what it opens is compared all the same.
    if kind != CredentialKind::Unknown && kind.word() != sealing.key.word() {
        return Err(SystemdCredsError::OtherKeys(sealing.key, kind));
    }
    let pcrs =
        kind.tpm2().map(|binding| binding.pcrs.iter().map(u8::to_string).collect::<Vec<_>>().join("+"));
    let protection = StoreProtection {
        kind: Some(kind),
        pcrs: pcrs.filter(|pcrs| !pcrs.is_empty()),
        unmeasured: String::from_utf8_lossy(&said).contains(UNMEASURED),
    };
    Ok((std::mem::take(&mut *file), protection))
}

/// Opens what [`encrypt`] made.
pub(super) fn decrypt(
    file: &[u8],
    sealing: &CredentialSealing,
) -> Result<Zeroizing<Vec<u8>>, SystemdCredsError> {
    let mut command = command(sealing, "decrypt")?;
    run(command.args(["--newline=no", "-", "-"]), file, "open it", sealing.key).map(|(text, _)| text)
}

fn command(sealing: &CredentialSealing, verb: &str) -> Result<Command, SystemdCredsError> {
    let program = PROGRAMS.iter().find(|path| Path::new(path).exists()).ok_or(SystemdCredsError::Missing)?;
    let mut command = program::command(Path::new(program));
    command.arg(verb).arg(format!("--name={}", sealing.name));
    if let Some(device) = &sealing.device {
        command.arg(format!("--tpm2-device={device}"));
    }
    Ok(command)
}

/// Runs it over `input`, within the limit: what it wrote, and what it said on standard error.
fn run(
    command: &mut Command,
    input: &[u8],
    doing: &'static str,
    key: CredentialKey,
) -> Result<(Zeroizing<Vec<u8>>, Vec<u8>), SystemdCredsError> {
    let deadline = Instant::now() + LIMIT;
    let (status, answer) = program::ask(command, input, MOST, deadline)
        .map_err(SystemdCredsError::Io)?
        .ok_or(SystemdCredsError::Timeout)?;
    if !status.success() {
        let output = answer.stdout.as_ref().map(|output| output.as_slice()).unwrap_or_default();
        let said = last_line(&answer.stderr, &[input, output])
            .unwrap_or_else(|| ExternalText::new(format!("it ended with {status}")));
        return Err(SystemdCredsError::Refused(doing, key, said));
    }
    Ok((answer.stdout.ok_or(SystemdCredsError::Strange)?, answer.stderr))
}

/// The last line that says something, fit for a terminal.
fn last_line(stderr: &[u8], secrets: &[&[u8]]) -> Option<ExternalText> {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty())?;
    Some(program::sentence(line, secrets))
}
