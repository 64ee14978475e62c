//! The binary on disk.

use super::table::{Table, Unit};

pub(crate) fn measure(table: &mut Table) {
    // The profile strips it; a size from any other profile means nothing.
    let size = std::fs::metadata(env!("CARGO_BIN_EXE_vault-unseal")).expect("the binary was built").len();
    table.limited("size of the stripped binary", size as f64 / 1e6, Unit::Megabytes, 5.0);
}
