//! A clock of a process's own, which can be set: libfaketime (faketime(1), and the README of libfaketime).

use std::fs;
use std::path::PathBuf;

/// The clock of a process that was started with its environment.
pub struct Clock {
    file: PathBuf,
    library: String,
}

impl Clock {
    /// A clock that is right as yet, kept in this file; `None` where libfaketime is not installed, which is said and counted.
    pub fn new(file: PathBuf) -> Option<Self> {
        let library = ["x86_64-linux-gnu", "aarch64-linux-gnu", "arm-linux-gnueabihf"]
            .map(|triple| format!("/usr/lib/{triple}/faketime/libfaketime.so.1"))
            .into_iter()
            .find(|path| fs::exists(path).is_ok_and(|exists| exists));
        let Some(library) = library else {
            super::untested("clocks that jump need libfaketime (package faketime)");
            return None;
        };
        let clock = Self { file, library };
        clock.set(0);
        Some(clock)
    }

    /// It is so many seconds off from now on.
    pub fn set(&self, seconds: i64) {
        // At one stroke: it is read at any time.
        let new = self.file.with_extension("new");
        fs::write(&new, format!("{seconds:+}\n")).unwrap();
        fs::rename(new, &self.file).unwrap();
    }

    /// How many seconds it is off.
    pub fn off(&self) -> i64 {
        fs::read_to_string(&self.file).unwrap().trim().parse().unwrap()
    }

    /// What its process is started with; `sleeps`: the monotonic clock jumps with it, as when some virtual machines are resumed.
    pub fn environment(&self, sleeps: bool) -> [(String, String); 4] {
        let file = self.file.display().to_string();
        [
            ("LD_PRELOAD", self.library.as_str()),
            ("FAKETIME_TIMESTAMP_FILE", &file),
            // Looks into the file each time.
            ("FAKETIME_NO_CACHE", "1"),
            ("FAKETIME_DONT_FAKE_MONOTONIC", if sleeps { "0" } else { "1" }),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
    }
}
