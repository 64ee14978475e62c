//! What each test did, for the summary of `./x test`: spoke with a server, or was not run, and why not.

use std::collections::HashSet;
use std::fs::File;
use std::io::Write as _;
use std::sync::{LazyLock, Mutex};

/// Says and counts that a test, or a part of it, is not run because this machine lacks something: a test that is not run
/// passes, and what it would have printed is not shown.
pub fn untested(reason: &str) {
    eprintln!("NOT TESTED: {reason}");
    note("untested", reason);
}

/// The test harness names a test's thread after it.
pub(super) fn this_test() -> String {
    std::thread::current().name().filter(|name| *name != "main").unwrap_or("*").to_owned()
}

/// A line in the file `SERVER_TALLY`, once a test: the binary, the test (`*` where it is not known), what it did.
pub(super) fn note(what: &str, reason: &str) {
    static NOTED: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);
    let Some(path) = std::env::var_os("SERVER_TALLY") else { return };
    let program = std::env::current_exe().unwrap();
    let name = program.file_stem().unwrap().to_string_lossy().into_owned();
    // cargo puts a hash behind it.
    let binary = name.rsplit_once('-').map_or(&*name, |(binary, _)| binary);
    let line = format!("{binary}\t{}\t{what}\t{reason}\n", this_test());
    if NOTED.lock().unwrap().insert(line.clone()) {
        let mut tally = File::options().create(true).append(true).open(path).unwrap();
        // One write: other test binaries append to the same file.
        tally.write_all(line.as_bytes()).unwrap();
    }
}
