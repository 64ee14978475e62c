//! A history as a person reads it.

use crate::rules::{Books, Counterexample, Violation};
use crate::scene::Scene;
use crate::schedule;
use crate::step::Move;
use crate::world::World;
use std::fmt::Write as _;

/// Goes through a history from the beginning, and on without faults, which `see` is told. Moves that cannot be made are left
/// out.
pub(crate) fn replay(
    world: &World,
    moves: &[Move],
    books: &mut Books,
    mut see: impl FnMut(Move, &Scene, bool),
) -> Result<(), Violation> {
    let mut scene = schedule::begin(world);
    for &step in moves {
        if scene.can(step, world) {
            let made = scene.make(step, world, books);
            see(step, &scene, false);
            made?;
        }
    }
    schedule::run(&scene, world, books, |step, scene| see(step, scene, true))
}

/// Each move with the time, what the server is, and what each daemon does next and shows.
pub(crate) fn story(world: &World, found: &Counterexample) -> String {
    let begins = world
        .after
        .map_or(String::new(), |(_, word)| format!(", which begins with a daemon that shows {word}"));
    let mut text = format!("in the world \"{}\"{begins}:\n", world.name);
    let mut lines: Vec<String> = Vec::new();
    let mut goes_on = false;
    let _ = replay(world, &found.moves, &mut Books::default(), |step, scene, alone| {
        if alone && !goes_on {
            goes_on = true;
            lines.push("     from here on nothing goes wrong any more:".to_owned());
        }
        let server = &scene.server;
        let condition = match (server.up, server.sealed, server.seal_status().progress) {
            (false, ..) => "down".to_owned(),
            (true, false, _) => "unsealed".to_owned(),
            (true, true, progress) => format!("sealed, {progress} of {}", server.threshold),
        };
        let steps: Vec<String> = scene
            .daemons
            .iter()
            .map(|daemon| format!("{} (next {})", daemon.word(), short(&format!("{:?}", daemon.step.action))))
            .collect();
        lines.push(format!(
            "{:>12}  {:<52} server {condition:<16} daemons {}",
            format!("{:.3} s", scene.now.as_secs_f64()),
            step.to_string(),
            steps.join("; ")
        ));
    });
    let (begin, end) = (lines.len().min(60), lines.len().saturating_sub(20).max(60));
    for line in &lines[..begin] {
        let _ = writeln!(text, "{line}");
    }
    if let Some(last) = lines.get(end..).filter(|_| lines.len() > begin) {
        if end > begin {
            let _ = writeln!(text, "     … {} lines …", end - begin);
        }
        for line in last {
            let _ = writeln!(text, "{line}");
        }
    }
    let _ = writeln!(text, "     broken: {}", found.violation);
    text
}

fn short(action: &str) -> String {
    action
        .replace(" { share: ", " ")
        .replace(", completes: false }", "")
        .replace(", completes: true }", ", the last one")
}
