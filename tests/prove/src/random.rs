//! Histories at random, longer and in larger worlds than can be searched; one that breaks a rule is made shorter.

use crate::rules::{Books, Counterexample, Violation};
use crate::schedule;
use crate::step::{Cost, Kind, Move};
use crate::trace;
use crate::world::World;

/// Moves of one history.
const LENGTH: usize = 400;

/// What became of many histories.
#[derive(Default)]
pub(crate) struct Drawn {
    /// Moves that changed the state.
    pub(crate) steps: u64,
    pub(crate) histories: u64,
    pub(crate) books: Books,
    pub(crate) counterexample: Option<Counterexample>,
}

/// Draws histories until so many moves have changed something, or a rule is broken.
pub(crate) fn draw(world: &World, seed: u64, steps: u64) -> Drawn {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut drawn = Drawn::default();
    while drawn.steps < steps {
        drawn.histories += 1;
        let mut moves = Vec::new();
        if let Err(violation) = history(world, &mut rng, &mut moves, &mut drawn) {
            let found = Counterexample { violation, moves };
            drawn.counterexample = Some(shrink(world, found));
            break;
        }
    }
    drawn
}

fn history(
    world: &World,
    rng: &mut fastrand::Rng,
    made: &mut Vec<Move>,
    drawn: &mut Drawn,
) -> Result<(), Violation> {
    let mut scene = schedule::begin(world);
    let mut hash = scene.hash();
    let (mut usual, mut unusual, mut all) = (Vec::new(), Vec::new(), Vec::new());
    // Some histories are calm, some are full of faults.
    let faults = [0.02, 0.1, 0.3][rng.usize(..3)];
    for _ in 0..LENGTH {
        scene.moves(world, &mut all);
        usual.clear();
        unusual.clear();
        for &next in &all {
            let likely = next.kind.cost() == Cost::Nothing && next.kind != Kind::Mend;
            if likely { usual.push(next) } else { unusual.push(next) }
        }
        let from =
            if unusual.is_empty() || (!usual.is_empty() && rng.f64() > faults) { &usual } else { &unusual };
        let Some(next) = rng.choice(from).copied() else { break };
        made.push(next);
        scene.make(next, world, &mut drawn.books)?;
        let after = scene.hash();
        drawn.steps += u64::from(after != hash);
        hash = after;
    }
    schedule::unseals(&scene, world, &mut drawn.books)
}

/// Leaves out whatever is not needed to break the same rule.
pub(crate) fn shrink(world: &World, mut found: Counterexample) -> Counterexample {
    let mut size = found.moves.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < found.moves.len() {
            let mut fewer = found.moves.clone();
            fewer.drain(at..(at + size).min(fewer.len()));
            match trace::replay(world, &fewer, &mut Books::default(), |_, _, _| {}) {
                Err(violation) if violation.rule == found.violation.rule => {
                    found = Counterexample { violation, moves: fewer };
                }
                _ => at += size,
            }
        }
        size /= 2;
    }
    found
}
