//! The `vault-unseal` command: a thin shell over the library.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    vault_unseal::cli::main().into()
}
