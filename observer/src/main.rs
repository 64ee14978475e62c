//! The `vault-unseal-observer` command: a thin shell over its library.
#![forbid(unsafe_code)]

use std::alloc::System;
use std::process::ExitCode;
use zeroizing_alloc::ZeroAlloc;

/// Wipes what is freed: URLs and passwords of targets are in buffers of the HTTP and TLS libraries, too.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    vault_unseal_observer::cli::main().into()
}
