//! `vault-unseal-tpm`: seals a text with shares to a TPM 2.0, and opens it again.
//!
//!     vault-unseal-tpm open [--tcti TCTI] < FILE > SHARES
//!     vault-unseal-tpm seal [--tcti TCTI] [--pcrs sha256:7+11] < SHARES > FILE
//!
//! vault-unseal starts it for a moment. Shares go through its pipes and are nowhere else: not in arguments, environment
//! or files. When it fails it writes nothing to standard output, one line of JSON to standard error,
//! `{"kind": "tpm-…", "text": "…"}`, and exits with 1; with 2 when it was called wrongly.
#![forbid(unsafe_code)]

mod failure;
mod primary;
mod seal;

use failure::Failure;
use std::alloc::System;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use vault_unseal::shares::tpm::{PcrSelection, TEXT_LIMIT, TpmErrorKind};
use zeroize::Zeroizing;
use zeroizing_alloc::ZeroAlloc;

/// Wipes what is freed. What libtss2 frees is its own affair.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

/// How long a TPM may say that it is busy, or full of others' sessions and keys, before that is the answer.
const PATIENCE: Duration = Duration::from_secs(4);
/// The pause between two attempts.
const PAUSE: Duration = Duration::from_millis(100);
/// The longest file that is opened, in bytes.
const FILE_LIMIT: usize = 2 * TEXT_LIMIT;

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args_os().skip(1)) {
        Ok(arguments) => arguments,
        Err(wrong) => {
            eprintln!("vault-unseal-tpm: {wrong}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match answer(&arguments).and_then(|answer| write(&answer)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{}", failure.line());
            ExitCode::FAILURE
        }
    }
}

fn answer(arguments: &Arguments) -> Result<Zeroizing<Vec<u8>>, Failure> {
    // Not left behind, however its parent ends.
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    vault_unseal::process::protect_memory()
        .map_err(|error| Failure::of_system("the kernel does not let it protect its memory", &error))?;
    match &arguments.verb {
        Verb::Open => {
            let file = read(FILE_LIMIT)?;
            persistently(|| seal::open(&file, &arguments.tcti))
        }
        Verb::Seal { pcrs } => {
            let text = read(TEXT_LIMIT)?;
            persistently(|| seal::seal(&text, pcrs.as_ref(), &arguments.tcti)).map(Zeroizing::new)
        }
    }
}

/// Tries again while the TPM says that it will be ready later.
fn persistently<T>(attempt: impl Fn() -> Result<T, Failure>) -> Result<T, Failure> {
    let began = Instant::now();
    loop {
        match attempt() {
            Err(failure) if failure.kind() == TpmErrorKind::Busy && began.elapsed() < PATIENCE => {
                std::thread::sleep(PAUSE);
            }
            outcome => return outcome,
        }
    }
}

/// Reads standard input into memory that wipes itself.
fn read(most: usize) -> Result<Zeroizing<Vec<u8>>, Failure> {
    // Past the buffer of `Stdin`, which would keep a copy.
    let input = io::stdin().as_fd().try_clone_to_owned();
    input
        .and_then(|input| vault_unseal::files::read_bounded(&File::from(input), most))
        .map_err(|error| Failure::of_system("its standard input cannot be read", &error))?
        .ok_or_else(|| Failure::new(TpmErrorKind::Failed, format!("more than {most} bytes were given to it")))
}

fn write(answer: &[u8]) -> Result<(), Failure> {
    // Past the buffer of `Stdout`, for the same reason.
    let output = io::stdout().as_fd().try_clone_to_owned();
    output
        .and_then(|output| File::from(output).write_all(answer))
        .map_err(|error| Failure::of_system("its standard output cannot be written", &error))
}

/// How it is called.
const USAGE: &str = "\
usage: vault-unseal-tpm open [--tcti TCTI] < FILE > SHARES
       vault-unseal-tpm seal [--tcti TCTI] [--pcrs sha256:7+11] < SHARES > FILE
vault-unseal starts it; `vault-unseal enroll` is for people.";

/// The command line.
struct Arguments {
    verb: Verb,
    /// Which TPM, in the words of tpm2-tss.
    tcti: String,
}

/// What to do.
enum Verb {
    Open,
    Seal { pcrs: Option<PcrSelection> },
}

impl Arguments {
    fn parse(words: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let mut words =
            words.map(|word| word.into_string().map_err(|_| "an argument is not text".to_owned()));
        let mut next = || words.next().transpose();
        let mut verb = match next()?.as_deref() {
            Some("open") => Verb::Open,
            Some("seal") => Verb::Seal { pcrs: None },
            Some(word) => return Err(format!("there is no verb {word:?}")),
            None => return Err("no verb was given".to_owned()),
        };
        let mut tcti = "device:/dev/tpmrm0".to_owned();
        while let Some(option) = next()? {
            let value = next()?.ok_or_else(|| format!("{option} needs a value"))?;
            match (option.as_str(), &mut verb) {
                ("--tcti", _) => tcti = value,
                ("--pcrs", Verb::Seal { pcrs }) => {
                    *pcrs = Some(value.parse().map_err(|error| format!("--pcrs: {error}"))?);
                }
                _ => return Err(format!("{option} is not known here")),
            }
        }
        Ok(Self { verb, tcti })
    }
}
