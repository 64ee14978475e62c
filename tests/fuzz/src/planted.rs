//! Faults that are planted into a copy of the daemon's sources, one a target: its fuzzer must find it. `./x fuzz planted`.

use crate::patch::{self, apply, mirror};
use crate::run::{holds, one};
use std::fs;
use std::io;
use std::path::Path;
use std::time::Instant;

/// What the copy is made of, from the root of the repository: this package, and the one that it is about.
const PARTS: [&str; 8] = [
    "Cargo.toml",
    "Cargo.lock",
    "benches",
    "observer",
    "src",
    "systemd",
    "tests/fuzz",
    "tests/prove/src/patch.rs",
];

/// Seconds that a target has to find its fault.
const PATIENCE: u64 = 60;

/// All are planted at once, each into what one target alone reads; whether every target finds its own.
pub(crate) fn run(targets: &[String]) -> io::Result<bool> {
    let root = crate::here().join("../..").canonicalize()?;
    let directory = crate::target_directory()?.join("planted");
    let copy = directory.join("copy");
    let mut patches = patch::read(&crate::here().join("planted"))?;
    patches.retain(|patch| targets.contains(&patch.breaks));
    patches.sort_by(|one, other| one.breaks.cmp(&other.breaks));
    println!("planting {} faults into a copy", patches.len());
    // What was taken out of the sources since.
    remove(&copy)?;
    for part in PARTS {
        mirror(&root.join(part), &copy.join(part))?;
    }
    for patch in &patches {
        if let Err(hunk) = apply(patch, &copy)? {
            println!(
                "{}: NOT PLANTED: {} has no such lines any more:\n{}",
                patch.name, hunk.file, hunk.before
            );
            return Ok(false);
        }
    }
    // What it finds must hold in the sources as they are. Both are built to the same place.
    let without = directory.join("without");
    fs::copy(crate::compile::targets(crate::here())?, &without)?;
    let fuzzer = crate::compile::targets(&copy.join("tests/fuzz"))?;
    println!();
    let mut found = 0;
    for patch in &patches {
        let fresh = directory.join(&patch.breaks);
        remove(&fresh)?;
        let began = Instant::now();
        let run = one(&fuzzer, &patch.breaks, &fresh, PATIENCE)?;
        println!("== {}: {}: {}", patch.breaks, patch.name, patch.prose.replace('\n', " "));
        match run.findings.first() {
            Some(finding) if !holds(&without, &patch.breaks, &fresh, &finding.input)? => {
                println!("   NOT THE PLANTED ONE, it is there without it: {}", finding.input.display());
            }
            Some(finding) => {
                found += 1;
                let by = if run.executions == 0 { "a seed" } else { "the fuzzer" };
                println!(
                    "   found by {by} after {:.1} s: {}",
                    began.elapsed().as_secs_f64(),
                    finding.input.display()
                );
                println!("   {}", finding.said.replace('\n', "\n   "));
            }
            None => println!("   NOT FOUND in {PATIENCE} s: {} executions", run.executions),
        }
    }
    let bare: Vec<&String> =
        targets.iter().filter(|name| !patches.iter().any(|it| it.breaks == **name)).collect();
    for name in &bare {
        println!("{name}: no fault is planted for it");
    }
    println!("\n{found} of {} planted faults were found.", patches.len());
    Ok(found == patches.len() && bare.is_empty())
}

fn remove(directory: &Path) -> io::Result<()> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
