//! A program of the system's that is given an input and gives an answer: with pipes, both at once, so that neither side waits
//! for the other, and not for ever.

use crate::external::error::OwnWords;
use crate::external::{ExternalText, could_be_secret};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use std::ffi::OsStr;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use zeroize::Zeroizing;

/// The most that a program prints which is asked for what it knows, in bytes.
const PRINTED: usize = 256 * 1024;
/// How often a process whose pipes are closed is asked for its exit status.
const LOOK_FOR_EXIT: Duration = Duration::from_millis(2);
/// How long a killed process is waited for.
const GONE_WITHIN: Duration = Duration::from_millis(200);
/// So many bytes in a row are no chance.
const REPEATED: usize = 8;

/// The program, without its arguments, with pipes and with nothing of this process's environment.
pub(crate) fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().env("LC_ALL", "C.UTF-8").current_dir("/");
    // Ctrl-C is for whoever started it: what that one holds must not get lost here.
    command.process_group(0);
    piped(&mut command);
    command
}

fn piped(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped())
}

/// What a program says that is only asked for what it knows: its standard output, and how it ended. `None` when it cannot be
/// run, prints too much, or is not done within `limit`, and then it is killed.
pub(crate) fn printed(
    program: impl AsRef<OsStr>,
    arguments: &[&str],
    limit: Duration,
) -> Option<(ExitStatus, Zeroizing<Vec<u8>>)> {
    let mut command = Command::new(program);
    piped(&mut command).args(arguments).env("LC_ALL", "C.UTF-8");
    let (status, output) = ask(&mut command, &[], PRINTED, Instant::now() + limit).ok()??;
    Some((status, output.stdout?))
}

/// Runs it over `input` to its end; `None` when the deadline comes first, and then it is killed. An answer longer than
/// `most` bytes has no output.
pub(crate) fn ask(
    command: &mut Command,
    input: &[u8],
    most: usize,
    deadline: Instant,
) -> io::Result<Option<(ExitStatus, ChildOutput)>> {
    Running::start(command, ())?.ask(input, most, deadline)
}

/// The process; killed when dropped before its end was seen. What it holds meanwhile is given back when it has ended.
pub(crate) struct Running<Held: Send + 'static>(Option<(Child, Held)>);

impl<Held: Send + 'static> Running<Held> {
    pub(crate) fn start(command: &mut Command, held: Held) -> io::Result<Self> {
        Ok(Self(Some((command.spawn()?, held))))
    }

    /// As [`ask`], of a process that was started.
    pub(crate) fn ask(
        mut self,
        input: &[u8],
        most: usize,
        deadline: Instant,
    ) -> io::Result<Option<(ExitStatus, ChildOutput)>> {
        let pipes = self
            .0
            .as_mut()
            .and_then(|(child, _)| Some((child.stdin.take()?, child.stdout.take()?, child.stderr.take()?)));
        let pipes = pipes.ok_or_else(|| io::Error::other(OwnWords("it has no pipes")))?;
        let Some(output) = exchange(pipes, input, most, deadline)? else { return Ok(None) };
        while let Some((child, _)) = &mut self.0 {
            if let Some(status) = child.try_wait()? {
                self.0 = None;
                return Ok(Some((status, output)));
            }
            if Instant::now() >= deadline {
                break;
            }
            std::thread::sleep(LOOK_FOR_EXIT);
        }
        Ok(None)
    }
}

impl<Held: Send + 'static> Drop for Running<Held> {
    fn drop(&mut self) {
        let Some((mut child, held)) = self.0.take() else { return };
        // Fails only if it has ended.
        let _ = child.kill();
        // With what it has of ours it is gone before the caller goes on, in all but one case.
        let deadline = Instant::now() + GONE_WITHIN;
        while Instant::now() < deadline {
            if !matches!(child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(LOOK_FOR_EXIT);
        }
        // A driver that hangs keeps even a killed process: nobody waits for that, and nothing that it holds is given away.
        let reaper = std::thread::Builder::new().name("reaper".to_owned());
        let _ = reaper.spawn(move || {
            let _ = child.wait();
            drop(held);
        });
    }
}

/// A line of its standard error; nothing of it where it repeats a part of the `secrets` that went in and out, or has
/// anything in it that could be a share or a token in another form.
pub(crate) fn sentence(line: &str, secrets: &[&[u8]]) -> ExternalText {
    let line = line.trim_end_matches('.');
    let of = |secret: &[u8], part: &[u8]| secret.windows(REPEATED).any(|of_secret| of_secret == part);
    let repeated = |part: &[u8]| secrets.iter().any(|secret| of(secret, part));
    let mut words = line.split(|part: char| !part.is_ascii_alphanumeric() && !"+/=-_.".contains(part));
    if words.any(could_be_secret) || line.as_bytes().windows(REPEATED).any(repeated) {
        return ExternalText::new("what it said repeats its input or output, and is not shown");
    }
    ExternalText::new(line)
}

/// The most that a child has to say about a failure, in bytes; the rest is dropped.
const STDERR_LIMIT: usize = 4096;

/// The ends of the child's pipes.
type Pipes = (ChildStdin, ChildStdout, ChildStderr);

/// What came out of the pipes.
pub(crate) struct ChildOutput {
    /// Standard output; `None` when it was too long.
    pub(crate) stdout: Option<Zeroizing<Vec<u8>>>,
    /// The beginning of standard error.
    pub(crate) stderr: Vec<u8>,
}

/// Writes all of `input` and reads to the end; `None` when the deadline comes first. A child that does not read its
/// input is no error here: it says why on standard error.
fn exchange(
    (stdin, mut stdout_pipe, mut stderr_pipe): Pipes,
    input: &[u8],
    most: usize,
    deadline: Instant,
) -> io::Result<Option<ChildOutput>> {
    unblock(&stdin)?;
    unblock(&stdout_pipe)?;
    unblock(&stderr_pipe)?;
    let mut stdin = Some(stdin);
    let mut unwritten = input;
    // One byte more tells what is too long. No buffer grows: growing would leave shares behind.
    let mut stdout = FilledBuffer { buffer: Zeroizing::new(vec![0; most + 1]), filled: 0, open: true };
    let mut stderr = FilledBuffer { buffer: Zeroizing::new(vec![0; STDERR_LIMIT]), filled: 0, open: true };
    while stdout.open || stderr.open {
        let Some(left) = deadline.checked_duration_since(Instant::now()) else { return Ok(None) };
        let mut ends = Vec::with_capacity(3);
        if let Some(stdin) = &stdin {
            ends.push(PollFd::new(stdin, PollFlags::OUT));
        }
        if stdout.open {
            ends.push(PollFd::new(&stdout_pipe, PollFlags::IN));
        }
        if stderr.open {
            ends.push(PollFd::new(&stderr_pipe, PollFlags::IN));
        }
        let limit = Timespec::try_from(left).unwrap_or_default();
        match poll(&mut ends, Some(&limit)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        drop(ends);
        stdin = stdin.take_if(|_| true).and_then(|pipe| write(pipe, &mut unwritten));
        if stdout.open {
            stdout.read(&mut stdout_pipe)?;
        }
        if stderr.open {
            stderr.read(&mut stderr_pipe)?;
        }
    }
    let stderr = stderr.buffer.get(..stderr.filled).unwrap_or_default().to_vec();
    Ok(Some(ChildOutput { stdout: stdout.finish(most), stderr }))
}

/// Writes what the pipe takes; gives it back while there is more, and else closes it.
fn write(mut pipe: ChildStdin, unwritten: &mut &[u8]) -> Option<ChildStdin> {
    while !unwritten.is_empty() {
        match pipe.write(unwritten) {
            Ok(count) => *unwritten = unwritten.get(count..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Some(pipe),
            // The reader is gone.
            Err(_) => return None,
        }
    }
    None
}

/// A buffer that takes what fits and drops the rest.
struct FilledBuffer {
    buffer: Zeroizing<Vec<u8>>,
    filled: usize,
    open: bool,
}

impl FilledBuffer {
    /// Takes what is there, once: whoever writes faster than this reads keeps nobody from the deadline.
    fn read(&mut self, pipe: &mut impl Read) -> io::Result<()> {
        let mut dropped = Zeroizing::new([0; 256]);
        let free = self.buffer.get_mut(self.filled..).unwrap_or_default();
        let full = free.is_empty();
        match pipe.read(if full { &mut dropped[..] } else { free }) {
            Ok(0) => self.open = false,
            Ok(count) if !full => self.filled += count,
            Ok(_) => {}
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn finish(mut self, most: usize) -> Option<Zeroizing<Vec<u8>>> {
        self.buffer.truncate(self.filled);
        (self.filled <= most).then_some(self.buffer)
    }
}

fn unblock(pipe: &impl AsFd) -> io::Result<()> {
    Ok(fcntl_setfl(pipe, fcntl_getfl(pipe)? | OFlags::NONBLOCK)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Child, Command, Stdio};
    use std::time::Duration;

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

    fn shell(script: &str) -> (Child, Pipes) {
        let mut child = Command::new("sh")
            .args(["-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pipes = (child.stdin.take().unwrap(), child.stdout.take().unwrap(), child.stderr.take().unwrap());
        (child, pipes)
    }

    fn held(script: &str, input: &[u8], most: usize) -> (Option<Vec<u8>>, String) {
        let (mut child, pipes) = shell(script);
        let output =
            exchange(pipes, input, most, Instant::now() + Duration::from_secs(600)).unwrap().unwrap();
        child.wait().unwrap();
        (output.stdout.map(|bytes| bytes.to_vec()), String::from_utf8_lossy(&output.stderr).into_owned())
    }

    #[test]
    fn more_than_the_pipes_hold_goes_through_in_both_directions() {
        let input: Vec<u8> = (0..200_000_u32).flat_map(u32::to_be_bytes).collect();
        let (output, complaint) = held("cat; echo done >&2", &input, input.len());
        assert!(output.unwrap() == input);
        assert_eq!(complaint, "done\n");
    }

    #[test]
    fn what_is_not_read_or_too_long_blocks_nothing() {
        let input = vec![b'x'; 1 << 20];
        assert_eq!(held("echo no >&2", &input, 10), (Some(Vec::new()), "no\n".to_owned()));
        assert_eq!(held("head -c 11 /dev/zero", &[], 10).0, None);
        assert_eq!(held("head -c 10 /dev/zero", &[], 10).0.unwrap().len(), 10);
        let (output, complaint) = held("head -c 1000000 /dev/zero >&2", &[], 10);
        assert_eq!((output.unwrap().len(), complaint.len()), (0, STDERR_LIMIT));
    }

    /// Whether it says nothing or does not stop talking. What it started itself is not followed.
    #[test]
    fn a_program_that_does_not_end_is_killed_at_its_limit() {
        let said = |script: &str, limit| {
            printed("sh", &["-c", script], limit).map(|(status, said)| (status.code(), said.to_vec()))
        };
        assert_eq!(said("echo yes; exit 4", Duration::from_secs(600)), Some((Some(4), b"yes\n".to_vec())));
        let directory = crate::testing::directory();
        for (script, name) in [("exec sleep 600", "silent"), ("while :; do echo y; done", "chatty")] {
            let file = directory.path().join(name);
            let script = format!("echo $$ > {}; {script}", file.display());
            assert_eq!(said(&script, Duration::from_millis(500)), None);
            let number = std::fs::read_to_string(file).unwrap();
            assert!(!Path::new("/proc").join(number.trim()).exists(), "{name}");
        }
    }

    #[test]
    fn a_child_that_hangs_is_left_at_the_deadline() {
        let (mut child, pipes) = shell("exec sleep 600");
        assert!(exchange(pipes, b"input", 10, Instant::now()).unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
