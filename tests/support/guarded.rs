//! Child processes that never outlive the test that started them.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::{PATIENCE, poll};

/// A process that is killed and waited for when this is dropped, so at the end of a failed test too, and when this
/// test binary dies without unwinding.
pub struct Guarded {
    child: Child,
    reaper: Reaper,
}

impl Guarded {
    /// Starts it.
    pub fn spawn(command: &mut Command) -> Self {
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let reaper = Reaper::watch(child.id());
        Self { child, reaper }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its standard output and standard error, where they are pipes; once.
    pub fn pipes(&mut self) -> (Option<ChildStdout>, Option<ChildStderr>) {
        (self.child.stdout.take(), self.child.stderr.take())
    }

    /// Sends a signal. It must not have been seen to end: its pid may be another's then.
    pub fn signal(&mut self, signal: Signal) {
        assert_eq!(self.ended(), None, "cannot signal a process that ended");
        kill_process(Pid::from_child(&self.child), signal).expect("our own child can be signalled");
    }

    /// Stops it, and waits until it really stands still: SIGSTOP reaches a thread that runs on another processor only
    /// a little later.
    pub fn pause(&mut self) {
        self.signal(Signal::STOP);
        let tasks = format!("/proc/{}/task", self.pid());
        let stands = || {
            let mut threads = fs::read_dir(&tasks).expect("it runs");
            threads.all(|thread| state(&thread.expect("a thread").path()) == Some('T')).then_some(())
        };
        poll(PATIENCE, stands).expect("SIGSTOP stops every thread");
    }

    /// Ends [`Guarded::pause`].
    pub fn resume(&mut self) {
        self.signal(Signal::CONT);
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("our own child can be waited for")
    }

    /// Waits for its end; `None` if it still runs after `patience`.
    pub fn wait(&mut self, patience: Duration) -> Option<ExitStatus> {
        poll(patience, || self.ended())
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.reaper.dismiss();
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The state of a thread, the letter behind its name in `stat` (proc(5)); `None` when it has just ended.
fn state(thread: &Path) -> Option<char> {
    let stat = fs::read_to_string(thread.join("stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

/// A shell that waits on a pipe from this process. `Drop` covers a test that fails; this covers a test binary that
/// is killed or runs into a timeout, where the pipe closes by itself.
struct Reaper {
    shell: Child,
    pipe: Option<ChildStdin>,
}

impl Reaper {
    fn watch(pid: u32) -> Self {
        let mut shell = Command::new("/bin/sh")
            .args(["-c", "trap '' HUP INT TERM; read -r dismissed || kill -KILL \"$1\"", "reaper"])
            .arg(pid.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("/bin/sh starts");
        let pipe = shell.stdin.take();
        Self { shell, pipe }
    }

    /// Before the process is waited for: afterwards its pid may be another's.
    fn dismiss(&mut self) {
        if let Some(mut pipe) = self.pipe.take() {
            // Fails only when somebody killed the shell, and then nothing is left to dismiss.
            let _ = pipe.write_all(b"dismissed\n");
        }
        let _ = self.shell.wait();
    }
}
