//! Searches the core for a history that breaks a promise: `./x prove`. docs/development/testing.md says how to read it.

#![allow(clippy::indexing_slicing, reason = "a search that cannot go on ends")]

mod canon;
mod daemon;
mod kept;
#[allow(dead_code, reason = "tests/heart uses all of it")]
#[path = "../../heart/model.rs"]
mod model;
mod patch;
mod planted;
mod random;
mod report;
mod rules;
mod scene;
mod schedule;
mod search;
mod step;
mod trace;
mod transitions;
mod workers;
mod world;

use rules::Books;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

/// Moves that change something, drawn at random, times the scale.
const STEPS: u64 = 1_000_000;
const SEED: u64 = 20_261_128;
/// By how much the limits of the worlds, and [`STEPS`], are multiplied.
const SCALE: usize = 2;
/// The same with `--long`: ten times as much.
const LONG: usize = 10 * SCALE;

/// Where the lists are that a person reads and changes.
fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["planted", ref names @ ..] => planted::run(names),
        // One world alone, by a part of its name.
        ["world", name] => alone(name),
        // For a core with a planted fault: a counterexample to this promise.
        ["find", breaks] => find(breaks),
        _ => {
            let mut long = false;
            let mut seed = SEED;
            let mut rest = words.iter();
            while let Some(word) = rest.next() {
                match (*word, rest.as_slice().first().map(|number| number.parse())) {
                    ("--long", _) => long = true,
                    ("--seed", Some(Ok(number))) => {
                        seed = number;
                        rest.next();
                    }
                    _ => {
                        eprintln!("prove takes --long, --seed N and planted [NAME…], not '{word}'");
                        return ExitCode::from(2);
                    }
                }
            }
            prove(long, seed)
        }
    }
}

/// Everything: what once failed, what can be searched, what is drawn.
fn prove(long: bool, seed: u64) -> ExitCode {
    let scale = if long { LONG } else { SCALE };
    let began = Instant::now();
    let mut failed = patch::any_unfit(&here().join("planted"), &here().join("../..")).unwrap_or(true);
    failed |= kept::replay();
    let known = kept::known();
    let worlds = world::worlds(scale);
    println!("Searching {} worlds, the shortest histories first, each state once.\n", worlds.len());
    let found = workers::all(&worlds, search::search);
    let searched = began.elapsed();
    let mut books = Books::default();
    for found in &found {
        books.add(&found.books);
    }
    failed |= report::searched(&worlds, &found, &known);

    let random = world::random_worlds();
    let each = STEPS * scale as u64 / random.len() as u64 + 1;
    println!(
        "\nAt random: histories of 400 moves in larger worlds, with sleeping machines, from the seed {seed}.\n"
    );
    let numbered: Vec<_> = random.iter().zip(seed..).collect();
    let drawn = workers::all(&numbered, |(world, seed)| random::draw(world, *seed, each));
    failed |= report::drawn(&random, &drawn);

    let pairs = std::mem::take(&mut books.pairs);
    for drawn in &drawn {
        books.add(&drawn.books);
    }
    failed |= report::rules(&books);
    failed |= transitions::check(&pairs, long || seed != SEED);
    let states: usize = found.iter().map(|found| found.states).sum();
    let steps: u64 = drawn.iter().map(|drawn| drawn.steps).sum();
    println!(
        "\n{}: {} worlds, {states} states in {} s; {steps} random steps in {} s.",
        if failed { "FAILED" } else { "Held" },
        worlds.len(),
        searched.as_secs(),
        began.elapsed().saturating_sub(searched).as_secs()
    );
    ExitCode::from(u8::from(failed))
}

fn alone(name: &str) -> ExitCode {
    let worlds: Vec<_> = world::worlds(1).into_iter().filter(|world| world.name.contains(name)).collect();
    let found = workers::all(&worlds, search::search);
    let failed = report::searched(&worlds, &found, &kept::known());
    let mut books = Books::default();
    for found in &found {
        books.add(&found.books);
    }
    for (before, after) in books.pairs {
        println!("{before} -> {after}");
    }
    ExitCode::from(u8::from(failed))
}

/// The first counterexample to a promise, in the small worlds first.
fn find(breaks: &str) -> ExitCode {
    for mut world in world::worlds(1).into_iter().rev().filter(|world| world.known.is_none()) {
        world.limit = world.limit.min(50_000);
        let Some(found) = search::search(&world).counterexample else { continue };
        if format!("{:?}", found.violation.rule) == breaks {
            println!("breaks {}", trace::story(&world, &found));
            return ExitCode::from(1);
        }
    }
    ExitCode::SUCCESS
}
