//! Where secrets are shown to a person, and nowhere else.

use rustix::fs::{CWD, Mode, OFlags, openat};
use std::fs::File;
use std::io::{self, Write};
use zeroize::Zeroizing;

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
    pub(super) fn show(&mut self, text: &Secret) -> io::Result<()> {
        self.0.write_all(text.0.as_bytes())
    }
}

/// A text with secrets, of a size that is known before.
pub(super) struct Secret(Zeroizing<String>);

impl Secret {
    /// Room for so many bytes.
    pub(super) fn with_room(bytes: usize) -> Self {
        Self(Zeroizing::new(String::with_capacity(bytes)))
    }

    /// Adds a piece. What does not fit moves to more room, and the old room is wiped.
    pub(super) fn push(&mut self, piece: &str) {
        if self.0.len() + piece.len() > self.0.capacity() {
            let mut larger = Zeroizing::new(String::with_capacity(2 * self.0.len() + piece.len()));
            larger.push_str(&self.0);
            self.0 = larger;
        }
        self.0.push_str(piece);
    }

    /// The bytes.
    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}
