//! The `vault-unseal` command: a thin shell over the library.
#![forbid(unsafe_code)]

use std::alloc::System;
use std::process::ExitCode;
use zeroizing_alloc::ZeroAlloc;

/// Wipes what is freed: an answer that repeats a share is in buffers of the HTTP and TLS libraries, too.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    vault_unseal::cli::main().into()
}
