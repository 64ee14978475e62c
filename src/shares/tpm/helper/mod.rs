//! Starts the executable that speaks with the TPM, and takes its answer.

mod place;
mod slot;

use super::TEXT_LIMIT;
use super::pcrs::PcrSelection;
use super::refusal::{TpmRefusal, TpmTrouble};
use crate::external::quote;
use crate::external::{ExternalText, error};
use crate::shares::conversation::{self, Pipes};
pub use place::{INSTALLED, find};
use slot::Slot;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
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
/// How often a process whose pipes are closed is asked for its exit status.
const LOOK_FOR_EXIT: Duration = Duration::from_millis(2);

/// The text in `file`, which is `length` bytes long.
pub(super) fn open(file: &[u8], length: usize, tcti: &str) -> Result<Zeroizing<Vec<u8>>, TpmRefusal> {
    let text = run(&["open", "--tcti", tcti], file, length, OPEN_LIMIT)?;
    if text.len() == length { Ok(text) } else { Err(strange("it gave a text of another length")) }
}

/// The file that holds `text`.
pub(super) fn seal(text: &[u8], pcrs: Option<&PcrSelection>, tcti: &str) -> Result<Vec<u8>, TpmRefusal> {
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
) -> Result<Zeroizing<Vec<u8>>, TpmRefusal> {
    let program = place::find()?;
    // Several nodes may want shares at once, and a TPM does one thing after the other.
    let slot = turn(TURN_LIMIT)?;
    // From here on it is the TPM that is slow, and not who was before.
    let deadline = Instant::now() + limit;
    let late = || TpmRefusal::new(TpmTrouble::Timeout, format!("the TPM did not answer within {limit:?}"));
    let (mut helper, pipes) = Running::start(&program, arguments, slot)?;
    let answer = conversation::hold(pipes, input, most, deadline)
        .map_err(|error| strange(&format!("its pipes failed: {}", error::io(&error))))?
        .ok_or_else(late)?;
    let Some(status) = helper.exit(deadline) else { return Err(late()) };
    if !status.success() {
        return Err(refusal(&answer.complaint, status));
    }
    answer.output.ok_or_else(|| strange("it wrote more than it can have to say"))
}

/// The right to start a helper, had within `limit`.
fn turn(limit: Duration) -> Result<Slot, TpmRefusal> {
    Slot::take(Instant::now() + limit).ok_or_else(|| {
        TpmRefusal::new(
            TpmTrouble::Busy,
            format!("the TPM was busy for {limit:?} with what others here had asked of it before"),
        )
    })
}

/// The process; killed when dropped before its end was seen.
struct Running {
    /// The process and the slot it takes, until its end was seen.
    alive: Option<(Child, Slot)>,
}

impl Running {
    fn start(program: &Path, arguments: &[&str], slot: Slot) -> Result<(Self, Pipes), TpmRefusal> {
        let mut child = Command::new(program)
            .args(arguments)
            // Nothing of this process's environment is its business; libtss2 would write to standard error.
            .env_clear()
            .env("TSS2_LOG", "all+NONE")
            .current_dir("/")
            // Ctrl-C is for whoever started it: what that one holds must not get lost here.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                let program = quote::sentence(program);
                let error = error::io(&error);
                TpmRefusal::new(TpmTrouble::HelperMissing, format!("{program} cannot be started: {error}"))
            })?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let running = Self { alive: Some((child, slot)) };
        match pipes {
            (Some(stdin), Some(stdout), Some(stderr)) => Ok((running, (stdin, stdout, stderr))),
            _ => Err(strange("it has no pipes")),
        }
    }

    /// How it ended; `None` when it goes on beyond the deadline.
    fn exit(&mut self, deadline: Instant) -> Option<ExitStatus> {
        loop {
            let (child, _) = self.alive.as_mut()?;
            if let Ok(Some(status)) = child.try_wait() {
                self.alive = None;
                return Some(status);
            }
            if Instant::now() >= deadline {
                return None;
            }
            std::thread::sleep(LOOK_FOR_EXIT);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some((mut child, slot)) = self.alive.take() else { return };
        // Fails only if it has ended.
        let _ = child.kill();
        // A driver that hangs keeps even a killed process: nobody waits for that, and no second one joins it.
        let reaper = std::thread::Builder::new().name("tpm-reaper".to_owned());
        let _ = reaper.spawn(move || {
            let _ = child.wait();
            drop(slot);
        });
    }
}

/// What the helper said, or how it died without a word.
fn refusal(complaint: &[u8], status: ExitStatus) -> TpmRefusal {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Complaint {
        kind: ExternalText,
        text: ExternalText,
    }
    // A library may have had its say before.
    let line = complaint.trim_ascii_end().rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let said: Option<Complaint> = serde_json::from_slice(line).ok();
    let known = said.and_then(|said| {
        Some((TpmTrouble::ALL.into_iter().find(|known| said.kind == *known.word())?, said.text))
    });
    match (known, status.signal()) {
        (Some((trouble, text)), _) => TpmRefusal::new(trouble, format!("{text:.2000}")),
        (None, Some(signal)) => strange(&format!("it was ended by signal {signal}")),
        // The dynamic linker's exit code when a library is missing.
        (None, None) if status.code() == Some(127) => TpmRefusal::new(
            TpmTrouble::HelperMissing,
            "vault-unseal-tpm cannot be started: libraries of tpm2-tss are missing",
        ),
        (None, None) => strange(&format!("it ended with {status} and without a reason")),
    }
}

fn strange(what: &str) -> TpmRefusal {
    TpmRefusal::new(TpmTrouble::Failed, format!("vault-unseal-tpm is not what it should be: {what}"))
}
