//! Finds a share, or sixteen bytes of one in any of its forms, in a text or in a process.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use crate::support::home::unhex;
use crate::support::server::Init;

const WINDOW: usize = 16;

/// What is looked for.
pub(crate) struct Needles {
    windows: HashMap<[u8; WINDOW], String>,
    /// Which first two bytes a window can have: rules out nearly every place at once.
    beginnings: Vec<bool>,
}

impl Needles {
    /// The shares that a server handed out: raw, in hex of both cases, in base64.
    pub(crate) fn of(init: &Init) -> Self {
        Self::new(
            init.keys_hex
                .iter()
                .zip(&init.keys_base64)
                .map(|(hex, base64)| (hex.as_str(), Some(base64.as_str()))),
        )
    }

    /// Shares known in hex alone.
    pub(crate) fn of_hex(shares: &[String]) -> Self {
        Self::new(shares.iter().map(|hex| (hex.as_str(), None)))
    }

    fn new<'a>(shares: impl Iterator<Item = (&'a str, Option<&'a str>)>) -> Self {
        let (mut windows, mut beginnings) = (HashMap::new(), vec![false; 1 << 16]);
        for (number, (hex, base64)) in shares.enumerate() {
            let forms = [
                ("raw", unhex(hex)),
                ("in hex", hex.to_lowercase().into_bytes()),
                ("in upper-case hex", hex.to_uppercase().into_bytes()),
                ("in base64", base64.unwrap_or_default().as_bytes().to_vec()),
            ];
            for (form, bytes) in forms {
                for window in bytes.windows(WINDOW) {
                    let window: [u8; WINDOW] = window.try_into().unwrap();
                    windows.insert(window, format!("share {} {form}", number + 1));
                    beginnings[beginning(&window)] = true;
                }
            }
        }
        Self { windows, beginnings }
    }

    /// What of them is in `hay`.
    pub(crate) fn find(&self, hay: &[u8]) -> BTreeSet<String> {
        hay.windows(WINDOW)
            .filter(|window| self.beginnings[beginning(window)])
            .filter_map(|window| self.windows.get(window))
            .cloned()
            .collect()
    }

    /// What of them is in the memory that a process can write to, and in which mapping.
    pub(crate) fn find_in_process(&self, pid: u32) -> BTreeSet<String> {
        let memory = File::open(format!("/proc/{pid}/mem")).expect("root may read it");
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("it runs");
        let (mut found, mut bytes) = (BTreeSet::new(), 0);
        for line in maps.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            if !words[1].starts_with("rw") {
                continue;
            }
            let (start, end) = words[0].split_once('-').unwrap();
            let [start, end] = [start, end].map(|address| u64::from_str_radix(address, 16).unwrap());
            let mut hay = vec![0; usize::try_from(end - start).unwrap()];
            // Gone since the list was read: a thread's stack.
            if memory.read_exact_at(&mut hay, start).is_err() {
                continue;
            }
            bytes += hay.len();
            let name = words.get(5).unwrap_or(&"anonymous memory");
            found.extend(self.find(&hay).into_iter().map(|what| format!("{what} in {name}")));
        }
        assert!(bytes > 100_000, "only {bytes} bytes of memory were read:\n{maps}");
        found
    }
}

fn beginning(window: &[u8]) -> usize {
    usize::from(window[0]) << 8 | usize::from(window[1])
}
