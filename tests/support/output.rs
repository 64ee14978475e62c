//! What a command printed, as a person sees it.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use snapbox::Data;

use super::process::run;

/// Runs what must succeed.
pub fn succeeds(command: &mut Command) -> Output {
    let output = run(command);
    assert!(output.status.success(), "{command:?}: {}", text(&output));
    output
}

/// Runs what must succeed with `--json`; what it printed.
pub fn document(command: &mut Command) -> Value {
    serde_json::from_slice(&succeeds(command.arg("--json")).stdout).unwrap()
}

/// Exit code and output, without a terminal's carriage returns.
pub fn text(output: &Output) -> String {
    let mut text = format!("exit {}\n", output.status.code().unwrap_or(-1));
    for (name, stream) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        if !stream.is_empty() {
            text = text + "--- " + name + "\n" + &String::from_utf8_lossy(stream).replace('\r', "");
        }
    }
    text
}

/// Compares with the snapshot at `path`, from the root of the repository.
pub fn is_as_in(path: &str, actual: String) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    snapbox::Assert::new()
        .action_env(snapbox::assert::DEFAULT_ACTION_ENV)
        .eq(actual, Data::read_from(&path, None));
}
