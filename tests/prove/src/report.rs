//! What is printed.

use crate::kept;
use crate::random::Drawn;
use crate::rules::{Books, Rule};
use crate::search::Found;
use crate::trace;
use crate::world::World;
use std::collections::BTreeSet;

/// A row a world. True when a rule was broken that is not known to be, or one that is known no longer is.
pub(crate) fn searched(worlds: &[World], found: &[Found], known: &BTreeSet<String>) -> bool {
    println!("{:<56} {:>9} {:>10} {:>6}  end", "world", "states", "moves", "depth");
    let mut failed = false;
    for (world, found) in worlds.iter().zip(found) {
        let known = world.known.filter(|name| known.contains(*name));
        let end = match (&found.counterexample, known) {
            (Some(_), Some(name)) => format!("known: {name}"),
            (Some(_), None) => "BROKEN".to_owned(),
            (None, Some(name)) => format!("no longer broken: strike {name} from known.txt"),
            (None, None) if found.whole => "all".to_owned(),
            (None, None) => "all so short".to_owned(),
        };
        failed |= found.counterexample.is_some() != known.is_some();
        println!("{:<56} {:>9} {:>10} {:>6}  {end}", world.name, found.states, found.moves, found.depth);
    }
    for (world, found) in worlds.iter().zip(found) {
        if let Some(counterexample) = found.counterexample.as_ref().filter(|_| world.known.is_none()) {
            println!("\nBROKEN: {}", trace::story(world, counterexample));
        }
    }
    failed
}

/// A row a world. True when a rule was broken.
pub(crate) fn drawn(worlds: &[World], drawn: &[Drawn]) -> bool {
    println!("{:<56} {:>9} {:>10}", "world", "steps", "histories");
    let mut failed = false;
    for (world, drawn) in worlds.iter().zip(drawn) {
        println!("{:<56} {:>9} {:>10}", world.name, drawn.steps, drawn.histories);
        if let Some(found) = &drawn.counterexample {
            failed = true;
            kept::keep(world, found);
            println!("\nBROKEN, made shorter and kept in kept.txt: {}", trace::story(world, found));
        }
    }
    failed
}

/// A row a rule. True when one was never put to the test.
pub(crate) fn rules(books: &Books) -> bool {
    println!("\n{:<78} {:>11}  counted", "promise", "times");
    let mut failed = false;
    for rule in Rule::ALL {
        let times = books.premise(rule);
        println!("{:<78} {times:>11}  {}", rule.words(), rule.premise());
        if times == 0 {
            println!("  NEVER put to the test");
            failed = true;
        }
    }
    let (moves, seconds) = books.longest;
    println!(
        "The longest way to an unsealed server without faults took {moves} moves, the slowest {seconds} s."
    );
    failed
}
