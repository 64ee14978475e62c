//! A child process that is given an input and gives an answer, both at once, so that neither side waits for the other,
//! and not for ever.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::process::{ChildStderr, ChildStdin, ChildStdout};
use std::time::Instant;
use zeroize::Zeroizing;

/// The most that a child has to say about a failure, in bytes; the rest is dropped.
const COMPLAINT_LIMIT: usize = 4096;

/// The ends of the child's pipes.
pub(super) type Pipes = (ChildStdin, ChildStdout, ChildStderr);

/// What came out of the pipes.
pub(super) struct Answer {
    /// Standard output; `None` when it was too long.
    pub(super) output: Option<Zeroizing<Vec<u8>>>,
    /// The beginning of standard error.
    pub(super) complaint: Vec<u8>,
}

/// Writes all of `input` and reads to the end; `None` when the deadline comes first. A child that does not read its
/// input is no error here: it says why on standard error.
pub(super) fn hold(
    (stdin, mut stdout, mut stderr): Pipes,
    input: &[u8],
    most: usize,
    deadline: Instant,
) -> io::Result<Option<Answer>> {
    unblock(&stdin)?;
    unblock(&stdout)?;
    unblock(&stderr)?;
    let mut stdin = Some(stdin);
    let mut unwritten = input;
    // One byte more tells what is too long. No buffer grows: growing would leave shares behind.
    let mut output = Filling { buffer: Zeroizing::new(vec![0; most + 1]), filled: 0, open: true };
    let mut complaint = Filling { buffer: Zeroizing::new(vec![0; COMPLAINT_LIMIT]), filled: 0, open: true };
    while output.open || complaint.open {
        let Some(left) = deadline.checked_duration_since(Instant::now()) else { return Ok(None) };
        let mut ends = Vec::with_capacity(3);
        if let Some(stdin) = &stdin {
            ends.push(PollFd::new(stdin, PollFlags::OUT));
        }
        if output.open {
            ends.push(PollFd::new(&stdout, PollFlags::IN));
        }
        if complaint.open {
            ends.push(PollFd::new(&stderr, PollFlags::IN));
        }
        let limit = Timespec::try_from(left).unwrap_or_default();
        match poll(&mut ends, Some(&limit)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        drop(ends);
        stdin = stdin.take_if(|_| true).and_then(|pipe| write(pipe, &mut unwritten));
        output.read(&mut stdout)?;
        complaint.read(&mut stderr)?;
    }
    let complaint = complaint.buffer.get(..complaint.filled).unwrap_or_default().to_vec();
    Ok(Some(Answer { output: output.finish(most), complaint }))
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
struct Filling {
    buffer: Zeroizing<Vec<u8>>,
    filled: usize,
    open: bool,
}

impl Filling {
    fn read(&mut self, pipe: &mut impl Read) -> io::Result<()> {
        let mut dropped = Zeroizing::new([0; 256]);
        while self.open {
            let free = self.buffer.get_mut(self.filled..).unwrap_or_default();
            let full = free.is_empty();
            match pipe.read(if full { &mut dropped[..] } else { free }) {
                Ok(0) => self.open = false,
                Ok(count) if !full => self.filled += count,
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
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
        let answer = hold(pipes, input, most, Instant::now() + Duration::from_secs(600)).unwrap().unwrap();
        child.wait().unwrap();
        (answer.output.map(|output| output.to_vec()), String::from_utf8_lossy(&answer.complaint).into_owned())
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
        assert_eq!((output.unwrap().len(), complaint.len()), (0, COMPLAINT_LIMIT));
    }

    #[test]
    fn a_child_that_hangs_is_left_at_the_deadline() {
        let (mut child, pipes) = shell("exec sleep 600");
        assert!(hold(pipes, b"input", 10, Instant::now()).unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
