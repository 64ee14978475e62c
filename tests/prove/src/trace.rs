//! A history as a person reads it.

use crate::rules::{Books, Counterexample, Violation};
use crate::scene::Scene;
use crate::schedule;
use crate::step::Move;
use crate::world::World;
use std::fmt::Write as _;
use vault_unseal::unseal::Action;

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

/// Lines that are printed of a history: the first, and the last.
const FIRST: usize = 60;
const LAST: usize = 20;
/// Lines that may recur together.
const TOGETHER: usize = 12;

/// When a move was made, and what is told of it.
struct Line {
    at: String,
    what: String,
}

/// The promise; then each move with the time, what the server is, and what each daemon shows and does next.
pub(crate) fn story(world: &World, found: &Counterexample) -> String {
    let begins = world
        .after
        .map_or(String::new(), |(_, word)| format!(", which begins with a daemon that shows {word}"));
    let rule = found.violation.rule;
    let mut text = format!("\"{}\" ({rule:?}), in the world \"{}\"{begins}:\n", rule.words(), world.name);
    let mut lines: Vec<Line> = Vec::new();
    let mut goes_on = false;
    let _ = replay(world, &found.moves, &mut Books::default(), |step, scene, alone| {
        if alone && !goes_on {
            goes_on = true;
            let what = "from here on nothing goes wrong any more:".to_owned();
            lines.push(Line { at: String::new(), what });
        }
        let at = format!("{:.3} s", scene.now.as_secs_f64());
        lines.push(Line { at, what: told(step, scene) });
    });
    let lines = folded(&lines);
    let (begin, end) = (lines.len().min(FIRST), lines.len().saturating_sub(LAST).max(FIRST));
    for line in &lines[..begin] {
        let _ = writeln!(text, "{line}");
    }
    if let Some(last) = lines.get(end..).filter(|_| lines.len() > begin) {
        if end > begin {
            let _ = writeln!(text, "              … {} lines …", end - begin);
        }
        for line in last {
            let _ = writeln!(text, "{line}");
        }
    }
    let _ = writeln!(text, "     broken: {}", found.violation);
    text
}

/// A move, and what it led to.
fn told(step: Move, scene: &Scene) -> String {
    let server = &scene.server;
    let condition = match (server.up, server.sealed, server.seal_status().progress) {
        (false, ..) => "down".to_owned(),
        (true, false, _) => "unsealed".to_owned(),
        (true, true, progress) => format!("sealed, {progress} of {}", server.threshold),
    };
    let mut text = format!("{:<54}  server {condition:<14}", step.to_string());
    for (number, daemon) in scene.daemons.iter().enumerate() {
        let _ = write!(text, "  daemon {number}: {}, next {}", daemon.word(), next(daemon.step.action));
    }
    text
}

/// Lines that recur after each other, once, with how often they do.
fn folded(lines: &[Line]) -> Vec<String> {
    let mut folded = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let whats = |from: usize, count: usize| {
            lines.get(from..from + count).map(|some| some.iter().map(|it| &it.what))
        };
        let again = |period: usize| {
            let same = |times: &usize| {
                let (first, other) = (whats(at, period), whats(at + times * period, period));
                first.zip(other).is_some_and(|(first, other)| first.eq(other))
            };
            (1..=lines.len()).take_while(same).count()
        };
        let recurring = (1..=TOGETHER).map(|period| (period, again(period))).find(|(_, times)| *times > 1);
        let (period, times) = recurring.unwrap_or((1, 0));
        folded.extend(lines[at..at + period].iter().map(|line| format!("{:>12}  {}", line.at, line.what)));
        at += period * (times + 1);
        if times > 0 {
            let (what, until) = (if period == 1 { "this" } else { "these" }, &lines[at - 1].at);
            folded.push(format!("              … {what} {times} times more, until {until}"));
        }
    }
    folded
}

/// What a daemon does next.
fn next(action: Action) -> String {
    match action {
        Action::AskHealth => "health".to_owned(),
        Action::ReadSealStatus => "seal status".to_owned(),
        Action::LoadShares(_) => "reads shares".to_owned(),
        Action::Submit { share, completes: false } => format!("share {share}"),
        Action::Submit { share, completes: true } => format!("share {share}, the last"),
        Action::Reset => "reset".to_owned(),
    }
}
