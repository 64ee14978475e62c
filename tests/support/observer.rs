//! The observer's executable: of another package, of which cargo says nothing here.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A command line of it. It is built beside the daemon, and as that is, released or not.
pub fn observer(arguments: &[&str]) -> Command {
    let mut command = Command::new(executable());
    command.args(arguments).env_clear();
    command
}

/// Where it is.
pub fn executable() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let daemon = Path::new(env!("CARGO_BIN_EXE_vault-unseal"));
        let cargo = env::var_os("CARGO").unwrap_or_else(|| env!("CARGO").into());
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "--locked", "--package", "vault-unseal-observer"]);
        if daemon.parent().is_some_and(|directory| directory.ends_with("release")) {
            build.arg("--release");
        }
        // What cargo tells this program of itself would have others be built again: ring's build asks for it.
        let own = |name: &str| {
            ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"]
                .iter()
                .any(|own| name.starts_with(own))
        };
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_str().is_some_and(own)) {
            build.env_remove(name);
        }
        let built = build.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo");
        assert!(built.success(), "the observer is not built");
        daemon.with_file_name("vault-unseal-observer")
    })
}
