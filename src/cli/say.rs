//! Words on standard error.

use std::fmt::Display;
use std::io::{self, Write};

/// Writes a line to standard error, which may have been closed: whoever closed it does not want to know, and what
/// the verb does and how it exits is the same. `eprintln!` would panic.
pub(super) fn say(line: impl Display) {
    let _ = writeln!(io::stderr(), "{line}");
}
