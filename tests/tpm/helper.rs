//! The helper, run as the daemon runs it.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::swtpm::Swtpm;

/// What it said: bytes, or kind and text.
pub(crate) type Answer = Result<Vec<u8>, (String, String)>;

pub(crate) fn run(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_vault-unseal-tpm"))
        .args(arguments)
        .env_clear()
        .env("TSS2_LOG", "all+NONE")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end before it has read anything.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn answer(arguments: &[&str], input: &[u8]) -> Answer {
    let output = run(arguments, input);
    let said = String::from_utf8(output.stderr).unwrap();
    if output.status.success() {
        assert_eq!(said, "", "a success has nothing to explain");
        return Ok(output.stdout);
    }
    assert_eq!(output.status.code(), Some(1), "{:?}: {said}", output.status);
    assert!(output.stdout.is_empty(), "a failure gives nothing");
    let Value::Object(told) = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said}"))
    else {
        panic!("{said}");
    };
    assert_eq!(told.keys().collect::<Vec<_>>(), ["kind", "text"]);
    assert_eq!(said.lines().count(), 1, "{said}");
    let word = |key: &str| told[key].as_str().unwrap().to_owned();
    Err((word("kind"), word("text")))
}

pub(crate) fn seal_at(tcti: &str, text: &str, pcrs: Option<&str>) -> Answer {
    let mut arguments = vec!["seal", "--tcti", tcti];
    if let Some(pcrs) = pcrs {
        arguments.extend(["--pcrs", pcrs]);
    }
    answer(&arguments, text.as_bytes())
}

pub(crate) fn open_at(tcti: &str, file: &[u8]) -> Answer {
    answer(&["open", "--tcti", tcti], file)
}

/// A file with this text that the TPM sealed.
pub(crate) fn sealed(tpm: &Swtpm, text: &str, pcrs: Option<&str>) -> Vec<u8> {
    seal_at(&tpm.tcti(), text, pcrs).expect("sealed")
}

pub(crate) fn open(tpm: &Swtpm, file: &[u8]) -> Answer {
    open_at(&tpm.tcti(), file)
}

/// Asserts that it opens, to this.
pub(crate) fn opens(tpm: &Swtpm, file: &[u8], text: &str) {
    match open(tpm, file) {
        Ok(opened) => assert!(opened == text.as_bytes(), "another text"),
        Err(told) => panic!("{told:?}"),
    }
}

/// Asserts that it is refused with this kind; the words.
pub(crate) fn refused(tpm: &Swtpm, file: &[u8], kind: &str) -> String {
    match open(tpm, file) {
        Ok(_) => panic!("it opens, and should be {kind}"),
        Err((told, text)) => {
            assert_eq!(told, kind, "{text}");
            text
        }
    }
}
