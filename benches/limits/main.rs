//! The limits the project promises to keep, measured: `./x bench`, which is `cargo bench --bench limits`.
//!
//! Times depend on the machine, so they are ratios to a bare loop in the same run, round by round; whoever is measured says
//! neither when a time begins nor when it ends. A limit is exceeded when all of the interval in which the median surely
//! lies is above it. What each part measures is told where it begins.
#![allow(missing_docs, reason = "a program, not a library")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::format_push_string,
    reason = "a benchmark that cannot go on says so by a panic; its numbers and texts are small"
)]

mod asking;
mod bare;
mod cell;
mod contender;
mod door;
mod fleet;
mod frozen;
mod ground;
mod libraries;
mod memory;
mod observed;
mod options;
mod page;
mod peak;
mod plot;
mod polls;
mod prober;
mod process;
mod rest;
mod sealed;
mod size;
mod soak;
mod start;
mod statistics;
mod table;
mod unseal;

#[path = "../../tests/support/mod.rs"]
mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;

use options::{Extent, Options};
use page::Circumstances;
use table::Table;

/// A part of the benchmark.
struct Part {
    name: &'static str,
    /// What heads its rows.
    title: &'static str,
    /// The runs that have it, beside those that name it: these and larger ones.
    from: Extent,
    measure: fn(&Options, &mut Table),
}

const PARTS: [Part; 9] = [
    Part { name: "size", title: "Size", from: Extent::Quick, measure: |_, table| size::measure(table) },
    Part { name: "start", title: "Start", from: Extent::Quick, measure: start::measure },
    Part {
        name: "unseal",
        title: "First accepted connection to unsealed",
        from: Extent::Quick,
        measure: unseal::measure,
    },
    Part { name: "fleet", title: "Many nodes", from: Extent::Quick, measure: fleet::measure },
    Part { name: "memory", title: "Memory", from: Extent::Usual, measure: |_, table| memory::measure(table) },
    Part {
        name: "polls",
        title: "Polls back to back",
        from: Extent::Usual,
        measure: |_, table| polls::measure(table),
    },
    Part {
        name: "sealed",
        title: "Shares sealed to a TPM",
        from: Extent::Usual,
        measure: |_, table| sealed::measure(table),
    },
    Part { name: "observed", title: "Being observed", from: Extent::Usual, measure: observed::measure },
    Part { name: "rest", title: "One node at rest", from: Extent::Full, measure: rest::measure },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["bare", word, file] => {
            bare::run(word, Path::new(file));
            return ExitCode::SUCCESS;
        }
        [asking::WORD, file] => {
            asking::run(Path::new(file));
            return ExitCode::SUCCESS;
        }
        [libraries::WORD, file] => {
            libraries::run(Path::new(file));
            return ExitCode::SUCCESS;
        }
        ["soak", rest @ ..] => return soak::run(rest),
        // `cargo test --all-targets` runs benchmarks too, unoptimised.
        _ if !words.contains(&"--bench") => {
            println!("not measured: run ./x bench");
            return ExitCode::SUCCESS;
        }
        _ => {}
    }
    let options = match Options::of(arguments.into_iter()).and_then(known) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("limits: {error}");
            return ExitCode::from(2);
        }
    };
    let mut circumstances = Circumstances::begin(&options);
    let table = measure(&options);
    if table.rows.is_empty() {
        eprintln!("limits: nothing that is measured there has '{}' in its name", options.cell);
        return ExitCode::from(2);
    }
    circumstances.end();
    if options.write {
        page::write(&circumstances, &table);
    }
    if options.json {
        println!("{}", circumstances.json(&table));
    } else {
        print!("{circumstances}\n{}", table.text());
    }
    if table.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Only parts that there are, and only while the frozen files are as they were.
fn known(options: Options) -> Result<Options, String> {
    frozen::check()?;
    match options.parts.iter().find(|part| !PARTS.iter().any(|known| known.name == part.as_str())) {
        Some(part) => Err(format!("there is no part '{part}': {}", PARTS.map(|part| part.name).join(", "))),
        None => Ok(options),
    }
}

/// Each part for itself: one that panics loses its own rows.
fn measure(options: &Options) -> Table {
    let mut table = Table::default();
    for part in PARTS {
        let named = options.parts.iter().any(|name| name == part.name);
        if !named && (!options.parts.is_empty() || part.from > options.extent) {
            continue;
        }
        eprintln!("measuring {} …", part.name);
        part.title.clone_into(&mut table.part);
        let rows = table.rows.len();
        if catch_unwind(AssertUnwindSafe(|| (part.measure)(options, &mut table))).is_err() {
            table.rows.truncate(rows);
            table.failed(part.name);
        }
    }
    table
}
