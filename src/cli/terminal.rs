//! The terminal: asks for shares and does not show them; shows secrets to a person, and nowhere else.

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use zeroize::Zeroizing;

/// The most that is taken, in bytes: more than any file of shares has.
const MOST: usize = 64 * 1024;

const END_OF_TEXT: u8 = 0x03;
const END_OF_TRANSMISSION: u8 = 0x04;
const BACKSPACE: u8 = 0x08;
const DELETE: u8 = 0x7f;
/// Ctrl-U.
const KILL_LINE: u8 = 0x15;

/// Reads lines until one is empty; `None` when it was interrupted. Errors: the terminal.
pub(super) fn ask() -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let terminal = io::stdin().as_fd().try_clone_to_owned()?;
    let mut errors = io::stderr();
    let quiet = WithoutEcho::make(terminal)?;
    // Only now: whoever is asked may answer at once.
    writeln!(errors, "Type or paste the shares, one a line. They are not shown. An empty line ends.")?;
    let mut input = std::fs::File::from(quiet.terminal.try_clone()?);
    let mut text = Zeroizing::new(Vec::with_capacity(MOST));
    let mut start = 0;
    loop {
        let mut byte = Zeroizing::new([0]);
        let count = match input.read(byte.as_mut_slice()) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let [typed] = *byte;
        match typed {
            END_OF_TEXT => return Ok(None),
            END_OF_TRANSMISSION => return Ok(Some(text)),
            _ if count == 0 => return Ok(Some(text)),
            b'\r' | b'\n' => {
                let length = text.len() - start;
                if length == 0 {
                    return Ok(Some(text));
                }
                writeln!(errors, "  {length} characters")?;
                text.push(b'\n');
                start = text.len();
            }
            DELETE | BACKSPACE => {
                let shorter = text.len().saturating_sub(1).max(start);
                text.truncate(shorter);
            }
            KILL_LINE => text.truncate(start),
            other => text.push(other),
        }
        if text.len() + 1 >= MOST {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
    }
}

/// A terminal that shows nothing and hands over every byte as it comes; as it was when dropped.
struct WithoutEcho {
    terminal: OwnedFd,
    before: Termios,
}

impl WithoutEcho {
    fn make(terminal: OwnedFd) -> io::Result<Self> {
        let before = tcgetattr(&terminal)?;
        let mut quiet = before.clone();
        // Ctrl-C too comes as a byte: a signal would leave the terminal as it is now.
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        tcsetattr(&terminal, OptionalActions::Drain, &quiet)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for WithoutEcho {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.terminal, OptionalActions::Drain, &self.before);
    }
}

/// The terminal of whoever started this, wherever standard output and error go.
pub(super) struct Terminal(File);

impl Terminal {
    /// Opens it; `None` where there is none.
    pub(super) fn open() -> Option<Self> {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        openat(CWD, "/dev/tty", flags, Mode::empty()).ok().map(|terminal| Self(terminal.into()))
    }

    /// Standard error, for what must not be lost.
    pub(super) fn last_resort() -> Option<Self> {
        use std::os::fd::AsFd;
        io::stderr().as_fd().try_clone_to_owned().ok().map(|error| Self(error.into()))
    }

    /// Shows a text. Written at once: no buffer keeps a copy.
    pub(super) fn show(&mut self, text: &SecretText) -> io::Result<()> {
        self.0.write_all(text.0.as_bytes())
    }
}

/// A text with secrets, of a size that is known before.
pub(super) struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Room for so many bytes.
    pub(super) fn with_room(bytes: usize) -> Self {
        Self(Zeroizing::new(String::with_capacity(bytes)))
    }

    /// The bytes.
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Write for SecretText {
    /// What does not fit moves to more room, and the old room is wiped.
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        if self.0.len() + piece.len() > self.0.capacity() {
            let mut larger = Zeroizing::new(String::with_capacity(2 * self.0.len() + piece.len()));
            larger.push_str(&self.0);
            self.0 = larger;
        }
        self.0.push_str(piece);
        Ok(())
    }
}
