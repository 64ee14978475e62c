//! The limits the project promises to keep, measured: `cargo bench --bench limits`.
//!
//! `-- --json` prints for machines; any other word, `-- memory`, measures only what has it in its name. Resources are
//! measured in absolute numbers. The time of an unsealing depends on the machine, so it is a ratio to a bare loop in
//! the same run.
#![allow(missing_docs, reason = "a program, not a library")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    reason = "a benchmark that cannot go on says so by a panic; its numbers are small"
)]

mod bare;
mod conversation;
mod door;
mod ground;
mod memory;
mod peak;
mod polls;
mod process;
mod race;
mod sealed;
mod size;
mod start;
mod table;
mod thousand;

#[path = "../../tests/support/mod.rs"]
mod support;

use std::process::ExitCode;

use table::Table;

/// A part of the benchmark: what it is called, and what measures it.
type Part = (&'static str, fn(&mut Table));

const PARTS: [Part; 7] = [
    ("size", size::measure),
    ("start", start::measure),
    ("memory", memory::measure),
    ("polls", polls::measure),
    ("unseal", race::measure),
    ("sealed", sealed::measure),
    ("thousand", thousand::measure),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (options, words): (Vec<_>, Vec<_>) =
        arguments.iter().map(String::as_str).partition(|argument| argument.starts_with("--"));
    if !options.contains(&"--bench") {
        // `cargo test --all-targets` runs benchmarks too, unoptimised.
        println!("not measured: run `cargo bench --bench limits`");
        return ExitCode::SUCCESS;
    }
    let mut table = Table::default();
    for (name, measure) in PARTS {
        if words.is_empty() || words.iter().any(|word| name.contains(word)) {
            eprintln!("measuring {name} …");
            measure(&mut table);
        }
    }
    if options.contains(&"--json") {
        println!("{}", table.json());
    } else {
        print!("{}", table.text());
    }
    if table.all_kept() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
