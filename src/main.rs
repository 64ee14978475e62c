//! The `vault-unseal` command.
fn main() {}
