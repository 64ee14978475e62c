//! Two lists that are kept: histories that broke a rule once (kept.txt), gone through before anything else, and what is
//! known to be broken (known.txt), left out by name.

use crate::rules::{Books, Counterexample};
use crate::step::Move;
use crate::trace;
use crate::world::{self, World};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;

const KEPT: &str = "kept.txt";

/// What is in a list. One that cannot be read is no empty one: the search ends.
fn read(name: &str) -> String {
    let path = crate::here().join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()))
}

/// Lines of a list, without its comments.
pub(crate) fn lines(name: &str) -> Vec<String> {
    let text = read(name);
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

/// The names of what is known to be broken.
pub(crate) fn known() -> BTreeSet<String> {
    lines("known.txt").iter().filter_map(|line| Some(line.split_once(": ")?.0.to_owned())).collect()
}

/// Goes through the histories that broke a rule once. True when one still does.
pub(crate) fn replay() -> bool {
    let worlds: Vec<World> = world::random_worlds();
    let mut failed = false;
    let lines = lines(KEPT);
    for line in &lines {
        let Some((name, moves)) = line.split_once(" | ") else { continue };
        let moves: Option<Vec<Move>> = moves.split(' ').map(Move::read).collect();
        let world = worlds.iter().find(|world| world.name == name);
        let (Some(moves), Some(world)) = (moves, world) else {
            println!("kept.txt: this is no history of any world: {line}");
            failed = true;
            continue;
        };
        if let Err(violation) = trace::replay(world, &moves, &mut Books::default(), |_, _, _| {}) {
            println!("A history of kept.txt, {}", trace::story(world, &Counterexample { violation, moves }));
            failed = true;
        }
    }
    println!("Histories that were kept because they broke a rule once: {}.", lines.len());
    failed
}

/// Keeps a history, so that it is gone through first from now on.
pub(crate) fn keep(world: &World, found: &Counterexample) {
    let codes: Vec<String> = found.moves.iter().map(|step| step.code()).collect();
    let line = format!("{} | {}", world.name, codes.join(" "));
    let mut text = read(KEPT);
    if !text.lines().any(|known| known == line) {
        let _ = writeln!(text, "# {}\n{line}", found.violation);
        if let Err(error) = fs::write(crate::here().join(KEPT), text) {
            println!("it could not be kept in {KEPT}: {error}");
        }
    }
}
