//! The executable that speaks with the TPM: where it is, which TPM it is told, in the words of tpm2-tss
//! (`device:/dev/tpmrm0`, `tabrmd:`, `swtpm:host=…,port=…`), and its answer. One runs at a time.

use super::blob::TEXT_LIMIT;
use super::error::{TpmError, TpmErrorKind};
use super::pcrs::PcrSelection;
use crate::external::{ExternalText, error, quote};
use crate::program::{self, Running};
use rustix::fs::{AtFlags, CWD, FileType, statat};
use rustix::process::geteuid;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// How long an opening may take, once it is its turn. A discrete TPM needs about a second.
pub const OPEN_LIMIT: Duration = Duration::from_secs(10);
/// How long a sealing may take, once it is its turn. It opens once as well.
pub const SEAL_LIMIT: Duration = Duration::from_secs(30);
/// How long somebody may wait for others who are before him at the TPM.
pub const TURN_LIMIT: Duration = Duration::from_secs(30);

/// The longest sealed file, in bytes.
const FILE_LIMIT: usize = 2 * TEXT_LIMIT;
/// The text in `file`, which is `length` bytes long.
pub(super) fn open(file: &[u8], length: usize, tcti: &str) -> Result<Zeroizing<Vec<u8>>, TpmError> {
    let text = run(&["open", "--tcti", tcti], file, length, OPEN_LIMIT)?;
    if text.len() == length { Ok(text) } else { Err(strange("it gave a text of another length")) }
}

/// The file that holds `text`.
pub(super) fn seal(text: &[u8], pcrs: Option<&PcrSelection>, tcti: &str) -> Result<Vec<u8>, TpmError> {
    let selection = pcrs.map(ToString::to_string);
    let mut arguments = vec!["seal", "--tcti", tcti];
    if let Some(selection) = &selection {
        arguments.extend(["--pcrs", selection]);
    }
    run(&arguments, text, FILE_LIMIT, SEAL_LIMIT).map(|mut file| std::mem::take(&mut *file))
}

/// Runs the helper over `input` within `limit`, once it is its turn. It writes at most `most` bytes.
fn run(
    arguments: &[&str],
    input: &[u8],
    most: usize,
    limit: Duration,
) -> Result<Zeroizing<Vec<u8>>, TpmError> {
    let program = find()?;
    // Several nodes may want shares at once, and a TPM does one thing after the other.
    let slot = turn(TURN_LIMIT)?;
    // From here on it is the TPM that is slow, and not who was before.
    let deadline = Instant::now() + limit;
    let mut command = program::command(&program);
    // libtss2 would write to standard error.
    command.args(arguments).env("TSS2_LOG", "all+NONE");
    let running = Running::start(&mut command, slot).map_err(|error| {
        let (program, error) = (quote::sentence(&program), error::io(&error));
        TpmError::new(TpmErrorKind::HelperMissing, format!("{program} cannot be started: {error}"))
    })?;
    let (status, answer) = running
        .ask(input, most, deadline)
        .map_err(|error| strange(&format!("its pipes failed: {}", error::io(&error))))?
        .ok_or_else(|| {
            TpmError::new(TpmErrorKind::Timeout, format!("the TPM did not answer within {limit:?}"))
        })?;
    if !status.success() {
        return Err(refusal(&answer.stderr, status));
    }
    answer.stdout.ok_or_else(|| strange("it wrote more than it can have to say"))
}

/// The right to start a helper, had within `limit`.
fn turn(limit: Duration) -> Result<Slot, TpmError> {
    Slot::take(Instant::now() + limit).ok_or_else(|| {
        TpmError::new(
            TpmErrorKind::Busy,
            format!("the TPM was busy for {limit:?} with what others here had asked of it before"),
        )
    })
}

/// What the helper said, or how it died without a word.
fn refusal(stderr: &[u8], status: ExitStatus) -> TpmError {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Complaint {
        kind: ExternalText,
        text: ExternalText,
    }
    // A library may have had its say before.
    let line = stderr.trim_ascii_end().rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let said: Option<Complaint> = serde_json::from_slice(line).ok();
    let known = said.and_then(|said| Some((TpmErrorKind::find(|word| said.kind == *word)?, said.text)));
    match (known, status.signal()) {
        (Some((kind, text)), _) => TpmError::new(kind, format!("{text:.2000}")),
        (None, Some(signal)) => strange(&format!("it was ended by signal {signal}")),
        // The dynamic linker's exit code when a library is missing.
        (None, None) if status.code() == Some(127) => TpmError::new(
            TpmErrorKind::HelperMissing,
            "vault-unseal-tpm cannot be started: libraries of tpm2-tss are missing",
        ),
        (None, None) => strange(&format!("it ended with {status} and without a reason")),
    }
}

fn strange(what: &str) -> TpmError {
    TpmError::new(TpmErrorKind::Failed, format!("vault-unseal-tpm is not what it should be: {what}"))
}

const NAME: &str = "vault-unseal-tpm";
/// Below the prefix, such as /usr/local, that an executable in `bin` has.
const BELOW_PREFIX: &str = "libexec/vault-unseal/vault-unseal-tpm";
/// Where Debian's package has it.
pub const INSTALLED: &str = "/usr/libexec/vault-unseal/vault-unseal-tpm";

/// The helper beside the running executable, where cargo puts both; else that below the same prefix, such as /usr/local, where
/// they are not Debian's; else the installed one.
///
/// Errors: there is neither ([`TpmErrorKind::HelperMissing`]).
pub fn find() -> Result<PathBuf, TpmError> {
    let running = std::env::current_exe().ok();
    let own = running.as_deref().and_then(|running| belonging_to(running, geteuid().as_raw()));
    let installed = || Some(PathBuf::from(INSTALLED)).filter(|path| path.is_file());
    own.or_else(installed).ok_or_else(|| {
        TpmError::new(
            TpmErrorKind::HelperMissing,
            format!("there is no {INSTALLED}, which speaks with the TPM"),
        )
    })
}

/// The helper that came with the executable `running`.
fn belonging_to(running: &Path, user: u32) -> Option<PathBuf> {
    let below_prefix = || unless_open(running, &running.parent()?.parent()?.join(BELOW_PREFIX), user);
    unless_open(running, &running.with_file_name(NAME), user).or_else(below_prefix)
}

/// The helper at `path`, unless others than root and the user may write it more freely than the running executable itself.
fn unless_open(running: &Path, path: &Path, user: u32) -> Option<PathBuf> {
    let look = |path: &Path| statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW).ok();
    let (ours, theirs) = (look(running)?, look(path)?);
    let regular = FileType::from_raw_mode(theirs.st_mode) == FileType::RegularFile;
    let owned = theirs.st_uid == 0 || theirs.st_uid == user;
    let same_group_writes = ours.st_mode & 0o020 != 0 && ours.st_gid == theirs.st_gid;
    let closed = theirs.st_mode & 0o002 == 0 && (theirs.st_mode & 0o020 == 0 || same_group_writes);
    if regular && owned && closed {
        return Some(path.to_owned());
    }
    tracing::warn!("{} is not used: others can write to it", quote::sentence(path));
    None
}

static TAKEN: Mutex<bool> = Mutex::new(false);
static FREED: Condvar = Condvar::new();

/// The right to have a helper running; given back when dropped.
struct Slot(());

impl Slot {
    /// Waits for the slot; `None` when the deadline comes first.
    fn take(deadline: Instant) -> Option<Self> {
        let mut taken = lock();
        while *taken {
            let left = deadline.checked_duration_since(Instant::now())?;
            (taken, _) = FREED.wait_timeout(taken, left).unwrap_or_else(PoisonError::into_inner);
        }
        *taken = true;
        Some(Self(()))
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        *lock() = false;
        FREED.notify_one();
    }
}

fn lock() -> MutexGuard<'static, bool> {
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The kernel's resource manager: shares the TPM among its users and cleans up after them.
const DEVICE: &str = "/dev/tpmrm0";

/// The device through which the service, whose environment names no TPM, reaches the configured one; `None` where that is
/// no device of the kernel's.
pub fn device(configured: Option<&str>) -> Option<PathBuf> {
    let configured = configured.unwrap_or("device");
    let (kind, path) = configured.split_once(':').unwrap_or((configured, ""));
    (kind == "device").then(|| PathBuf::from(if path.is_empty() { DEVICE } else { path }))
}

/// The configured TPM, else that of tpm2-tools' variables, else the kernel's, else that of the daemon tpm2-abrmd.
pub(super) fn resolve(configured: Option<&str>) -> String {
    let variable = |name: &str| std::env::var(name).ok();
    choose(configured, variable, |path| Path::new(path).exists())
}

fn choose(
    configured: Option<&str>,
    variable: impl Fn(&str) -> Option<String>,
    exists: impl Fn(&str) -> bool,
) -> String {
    let set = |name| variable(name).filter(|text| !text.is_empty());
    let named = configured.map(str::to_owned).or_else(|| set("TPM2TOOLS_TCTI")).or_else(|| set("TCTI"));
    named.unwrap_or_else(|| {
        // Without the kernel's manager (before Linux 4.12) and with a bus, a daemon may be there instead.
        if !exists(DEVICE) && exists("/dev/tpm0") && exists("/run/dbus/system_bus_socket") {
            "tabrmd:".to_owned()
        } else {
            format!("device:{DEVICE}")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    #[test]
    fn a_helper_beside_the_executable_is_used_unless_others_can_write_it() {
        let directory = crate::testing::directory();
        let [running, helper] = ["vault-unseal", NAME].map(|name| directory.path().join(name));
        let user = geteuid().as_raw();
        let write = |path: &Path, mode| {
            fs::write(path, "").unwrap();
            fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        };
        write(&running, 0o755);
        assert_eq!(belonging_to(&running, user), None);
        for (mode, used) in [(0o755, true), (0o700, true), (0o757, false), (0o775, false)] {
            write(&helper, mode);
            assert_eq!(belonging_to(&running, user).is_some(), used, "{mode:o}");
        }
        // What a umask of 002 gives: no more open than what runs already.
        write(&running, 0o775);
        assert_eq!(belonging_to(&running, user), Some(helper.clone()));
        if user == 0 {
            std::os::unix::fs::chown(&helper, Some(12345), None).unwrap();
            assert_eq!(belonging_to(&running, user), None, "another user's");
        }
        fs::remove_file(&helper).unwrap();
        std::os::unix::fs::symlink(&running, &helper).unwrap();
        assert_eq!(belonging_to(&running, user), None, "a link");
    }

    #[test]
    fn a_helper_below_the_prefix_of_the_executable_is_used() {
        let directory = crate::testing::directory();
        let [running, helper] = ["bin/vault-unseal", BELOW_PREFIX].map(|name| directory.path().join(name));
        for path in [&running, &helper] {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
            fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
        }
        let user = geteuid().as_raw();
        assert_eq!(belonging_to(&running, user), Some(helper.clone()));
        fs::set_permissions(&helper, Permissions::from_mode(0o757)).unwrap();
        assert_eq!(belonging_to(&running, user), None);
    }

    #[test]
    fn the_second_waits_for_the_first_or_its_own_deadline() {
        let first = Slot::take(Instant::now()).unwrap();
        assert!(Slot::take(Instant::now()).is_none());
        let refusal = turn(Duration::ZERO).err().unwrap();
        assert_eq!(
            (refusal.kind().word(), refusal.to_string().as_str()),
            ("tpm-busy", "the TPM was busy for 0ns with what others here had asked of it before")
        );
        let second = std::thread::spawn(|| Slot::take(Instant::now() + Duration::from_secs(600)).is_some());
        drop(first);
        assert!(second.join().unwrap());
        assert!(Slot::take(Instant::now() + Duration::from_secs(600)).is_some(), "given back");
    }

    #[test]
    fn a_device_is_told_from_other_ways_to_a_tpm() {
        let shown = |configured| device(configured).map(|path| path.display().to_string());
        for configured in [None, Some("device"), Some("device:"), Some("device:/dev/tpmrm0")] {
            assert_eq!(shown(configured).as_deref(), Some("/dev/tpmrm0"), "{configured:?}");
        }
        assert_eq!(shown(Some("device:/dev/tpm0")).as_deref(), Some("/dev/tpm0"));
        for configured in ["tabrmd:", "swtpm:host=127.0.0.1,port=2321"] {
            assert_eq!(shown(Some(configured)), None);
        }
    }

    #[test]
    fn what_is_said_wins_and_then_the_kernel() {
        let nothing = |_: &str| None;
        let both = |name: &str| Some(format!("of {name}"));
        let tcti = |name: &str| (name == "TCTI").then(|| "of TCTI".to_owned());
        let empty = |name: &str| Some(if name == "TCTI" { "of TCTI".to_owned() } else { String::new() });
        assert_eq!(choose(Some("configured"), both, |_| true), "configured");
        assert_eq!(choose(None, both, |_| true), "of TPM2TOOLS_TCTI");
        assert_eq!(choose(None, tcti, |_| true), "of TCTI");
        assert_eq!(choose(None, empty, |_| true), "of TCTI");
        assert_eq!(choose(None, nothing, |_| true), "device:/dev/tpmrm0");
        assert_eq!(choose(None, nothing, |path| path != DEVICE), "tabrmd:");
        assert_eq!(choose(None, nothing, |_| false), "device:/dev/tpmrm0", "what is missing is named");
    }
}
