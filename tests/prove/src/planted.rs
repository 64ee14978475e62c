//! Faults that are planted into a copy of the core: the search must find each of them. `./x prove planted`.

use crate::patch::{apply, mirror, read};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

/// What the copy is made of, from the root of the repository.
const PARTS: [&str; 8] = [
    "src/api",
    "src/cluster",
    "src/explain.rs",
    "src/external",
    "src/unseal",
    "tests/heart/model.rs",
    "tests/prove",
    "rustfmt.toml",
];

/// Plants each of these, or all, and looks whether the search finds it.
pub(crate) fn run(names: &[&str]) -> ExitCode {
    match plant(names) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            println!("the faults could not be planted: {error}");
            ExitCode::FAILURE
        }
    }
}

fn plant(names: &[&str]) -> io::Result<bool> {
    let began = Instant::now();
    let root = crate::here().join("../..").canonicalize()?;
    let target =
        std::env::current_exe()?.ancestors().nth(2).map(|target| target.join("planted")).unwrap_or_default();
    let copy = target.join("copy");
    let mut patches = read(&crate::here().join("planted"))?;
    patches.retain(|patch| names.is_empty() || names.contains(&patch.name.as_str()));
    println!("Planting {} faults into copies of the core.", patches.len());
    // What was taken out of the core since.
    match fs::remove_dir_all(&copy) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut found = 0;
    for patch in &patches {
        for part in PARTS {
            mirror(&root.join(part), &copy.join(part))?;
        }
        println!("\n== {}: {}", patch.name, patch.prose);
        if let Err(hunk) = apply(patch, &copy)? {
            println!("NOT PLANTED: {} has no such lines any more:\n{}", hunk.file, hunk.before);
            continue;
        }
        let Some(search) = build(&copy, &target)? else {
            println!("NOT PLANTED: with it the core cannot be built");
            continue;
        };
        let output = Command::new(search).args(["find", &patch.breaks]).output()?;
        print!("{}", String::from_utf8_lossy(&output.stdout));
        if output.status.code() == Some(1) {
            found += 1;
        } else {
            println!("NOT FOUND: it breaks {}, and no history shows it", patch.breaks);
        }
    }
    println!("\n{found} of {} planted faults were found, in {} s.", patches.len(), began.elapsed().as_secs());
    Ok(found == patches.len() && found > 0)
}

/// Builds the search of the copy; `None` when that fails, of which the compiler has said why.
fn build(copy: &Path, target: &Path) -> io::Result<Option<PathBuf>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--quiet", "--offline", "--manifest-path"])
        .arg(copy.join("tests/prove/Cargo.toml"))
        .arg("--target-dir")
        .arg(target)
        // What a fault leaves unused is none of its business.
        .env("RUSTFLAGS", format!("{} -Awarnings", std::env::var("RUSTFLAGS").unwrap_or_default()))
        .status()?;
    Ok(built.success().then(|| target.join("debug/prove")))
}
