//! Every history of a world, the short ones first, each state once.

use crate::rules::{Books, Counterexample, Violation};
use crate::scene::Scene;
use crate::schedule;
use crate::step::Move;
use crate::world::World;
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

/// The hashes of states are hashes already.
#[derive(Default)]
struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, number: u64) {
        self.0 = number;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// What became of a search.
pub(crate) struct Found {
    pub(crate) states: usize,
    pub(crate) moves: u64,
    /// All histories of so many moves were visited.
    pub(crate) depth: usize,
    /// There are no others.
    pub(crate) whole: bool,
    pub(crate) counterexample: Option<Counterexample>,
    pub(crate) books: Books,
}

struct Search<'a> {
    world: &'a World,
    seen: HashSet<u64, BuildHasherDefault<AsItIs>>,
    /// For each state the one before, and the move between them.
    ways: Vec<(u32, Move)>,
    books: Books,
    moves: u64,
}

/// Visits the states of a world up to its limit.
pub(crate) fn search(world: &World) -> Found {
    let mut search =
        Search { world, seen: HashSet::default(), ways: Vec::new(), books: Books::default(), moves: 0 };
    let mut first = schedule::begin(world);
    search.seen.insert(first.hash());
    search.ways.push((0, Move { kind: crate::step::Kind::Pass, who: 0 }));
    let mut level = vec![(first, 0)];
    let mut depth = 0;
    let mut counterexample = None;
    while !level.is_empty() && search.ways.len() < world.limit {
        match search.next_level(&level) {
            Ok(Some(next)) => level = next,
            Ok(None) => break,
            Err(found) => {
                counterexample = Some(found);
                break;
            }
        }
        depth += 1;
    }
    Found {
        states: search.ways.len(),
        moves: search.moves,
        depth,
        whole: level.is_empty(),
        counterexample,
        books: search.books,
    }
}

impl Search<'_> {
    /// The states that are one move further; none when there are too many.
    fn next_level(&mut self, level: &[(Scene, u32)]) -> Result<Option<Vec<(Scene, u32)>>, Counterexample> {
        let mut next = Vec::new();
        let mut moves = Vec::new();
        for (scene, from) in level {
            scene.moves(self.world, &mut moves);
            for &step in &moves {
                let mut scene = scene.clone();
                self.moves += 1;
                if let Err(violation) = scene.make(step, self.world, &mut self.books) {
                    return Err(self.counterexample(*from, Some(step), violation));
                }
                if !self.seen.insert(scene.hash()) {
                    continue;
                }
                let place = u32::try_from(self.ways.len()).unwrap_or(u32::MAX);
                self.ways.push((*from, step));
                if let Err(violation) = schedule::unseals(&scene, self.world, &mut self.books) {
                    return Err(self.counterexample(place, None, violation));
                }
                next.push((scene, place));
                if self.ways.len() >= self.world.limit {
                    return Ok(None);
                }
            }
        }
        Ok(Some(next))
    }

    fn counterexample(&self, mut place: u32, last: Option<Move>, violation: Violation) -> Counterexample {
        let mut moves: Vec<Move> = last.into_iter().collect();
        while place > 0 {
            let (before, step) = self.ways[place as usize];
            moves.push(step);
            place = before;
        }
        moves.reverse();
        Counterexample { violation, moves }
    }
}
