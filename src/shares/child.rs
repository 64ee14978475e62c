//! A program of the system's that is given an input and gives an answer: with pipes, with nothing of our environment, and
//! not for ever.

use super::conversation::{self, Answer, Pipes};
use crate::external::error::OwnWords;
use crate::external::{ExternalText, could_be_secret};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How often a process whose pipes are closed is asked for its exit status.
const LOOK_FOR_EXIT: Duration = Duration::from_millis(2);
/// So many bytes in a row are no chance.
const REPEATED: usize = 8;

/// The program, without its arguments, with pipes and with nothing of this process's environment.
pub(super) fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("LC_ALL", "C.UTF-8").current_dir("/");
    // Ctrl-C is for whoever started it: what that one holds must not get lost here.
    command.process_group(0);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it over `input` to its end; `None` when the deadline comes first, and then it is killed. An answer longer than
/// `most` bytes has no output.
pub(super) fn ask(
    command: &mut Command,
    input: &[u8],
    most: usize,
    deadline: Instant,
) -> io::Result<Option<(ExitStatus, Answer)>> {
    let mut running = Running(command.spawn()?);
    let pipes = running.pipes().ok_or_else(|| io::Error::other(OwnWords("it has no pipes")))?;
    let Some(answer) = conversation::hold(pipes, input, most, deadline)? else { return Ok(None) };
    loop {
        if let Some(status) = running.0.try_wait()? {
            return Ok(Some((status, answer)));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        std::thread::sleep(LOOK_FOR_EXIT);
    }
}

/// A line of what it complained of; nothing of it where it repeats a part of the `secrets` that went in and out, or has
/// anything in it that could be a share or a token in another form.
pub(super) fn sentence(line: &str, secrets: &[&[u8]]) -> ExternalText {
    let line = line.trim_end_matches('.');
    let of = |secret: &[u8], part: &[u8]| secret.windows(REPEATED).any(|of_secret| of_secret == part);
    let repeated = |part: &[u8]| secrets.iter().any(|secret| of(secret, part));
    let mut words = line.split(|part: char| !part.is_ascii_alphanumeric() && !"+/=-_.".contains(part));
    if words.any(could_be_secret) || line.as_bytes().windows(REPEATED).any(repeated) {
        return ExternalText::new("what it said repeats its input or output, and is not shown");
    }
    ExternalText::new(line)
}

/// The process; killed when dropped before its end was seen.
struct Running(Child);

impl Running {
    fn pipes(&mut self) -> Option<Pipes> {
        Some((self.0.stdin.take()?, self.0.stdout.take()?, self.0.stderr.take()?))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails only if it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaint_that_repeats_a_secret_in_any_form_is_withheld() {
        let share = "2c4bff69347f1f9f4fa7c30b26a6196c5de52bb242815db98df815b1b87a68a5d5";
        let given = format!("{{\"keys\": [\"{share}\"]}}");
        let said = |line: &str| sentence(line, &[given.as_bytes()]).to_string();
        for line in [
            format!("cannot read {share}"),
            "odd character after 1f9f4fa7c".to_owned(),
            format!("cannot read '{}'", share.to_uppercase()),
            "in LEv/aTR/H59Pp8MLJqYZbF3lK7JCgV25jfgVsbh6aKXV: odd".to_owned(),
            "token hvs.CAESIJ2mUMrbPDkmS1s7gVRzDl3 expired".to_owned(),
        ] {
            assert_eq!(said(&line), "what it said repeats its input or output, and is not shown", "{line}");
        }
        assert_eq!(said("no such file: /etc/keys/anna.asc."), "no such file: /etc/keys/anna.asc");
        assert!(!said("\u{1b}[2Jgone\u{202e}").contains(['\u{1b}', '\u{202e}']));
    }
}
