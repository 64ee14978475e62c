//! Builds the targets: with counters of the code that ran, and the values that were compared. All of it is in the stable
//! compiler; they are the flags of cargo-fuzz (its src/project.rs) without a sanitizer. Memory is safe here: the daemon and
//! the targets forbid unsafe code.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

const FLAGS: [&str; 5] = [
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
];

/// The fuzzer of the package in this directory.
pub(crate) fn targets(package: &Path) -> io::Result<PathBuf> {
    let began = Instant::now();
    println!("building the targets");
    let directory = crate::target_directory()?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let version = Command::new(rustc).arg("-vV").output()?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let host =
        version.lines().find_map(|line| line.strip_prefix("host: ")).ok_or_else(|| failed("rustc -vV"))?;
    let flags = format!("{} {}", std::env::var("RUSTFLAGS").unwrap_or_default(), FLAGS.join(" "));
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--features", "targets", "--bin", "target", "--manifest-path"])
        .arg(package.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&directory)
        // With a target named, the flags are not those of build scripts and macros.
        .args(["--target", host])
        .env("RUSTFLAGS", flags.trim())
        .status()?;
    if !built.success() {
        return Err(failed("cargo build"));
    }
    println!("  done in {} s", began.elapsed().as_secs());
    Ok(directory.join(host).join("debug/target"))
}

fn failed(what: &str) -> io::Error {
    io::Error::other(format!("{what} failed"))
}
