//! What follows a state once nothing goes wrong any more: messages arrive in turn, time passes, nobody else acts.

use crate::daemon::Phase;
use crate::rules::{Books, Rule, Violation};
use crate::scene::Scene;
use crate::step::{Kind, Move};
use crate::world::World;
use std::sync::Arc;
use vault_unseal::cluster::OnOperatorSeal;
use vault_unseal::unseal::{Hold, Observation};

/// Most moves for each daemon until all is well: a failing join may be given a minute and a half of looks, twice a second,
/// three moves each.
const MOST: usize = 800;

/// The state in which a world begins.
pub(crate) fn begin(world: &World) -> Scene {
    let mut scene = Scene::begin(world);
    let Some((kind, word)) = world.after else { return scene };
    let books = &mut Books::default();
    let first = Move::of(kind, 0);
    if scene.can(first, world) {
        let _ = scene.make(first, world, books);
    }
    for _ in 0..MOST {
        if scene.daemons[0].word() == word {
            break;
        }
        let next = next(&scene);
        let _ = scene.make(next, world, books);
    }
    scene.spend_anew(world);
    scene
}

/// Whether the server is unsealed in the end, and every daemon sees it, once all that was wrong is mended.
pub(crate) fn unseals(from: &Scene, world: &World, books: &mut Books) -> Result<(), Violation> {
    run(from, world, books, |_, _| {})
}

/// The same; `see` is shown each move, and what the state is then.
pub(crate) fn run(
    from: &Scene,
    world: &World,
    books: &mut Books,
    mut see: impl FnMut(Move, &Scene),
) -> Result<(), Violation> {
    if from.server.removed || !world.can_unseal() {
        return Ok(());
    }
    books.count(Rule::Unseals);
    // What is seen on the way is not counted as seen in the search.
    let mut own = Books::default();
    let mut scene = from.clone();
    let began = scene.now;
    mend(&mut scene, world, &mut own)?;
    for moves in 0..MOST * world.daemons {
        if !scene.server.sealed
            && scene.daemons.iter().all(|daemon| matches!(daemon.word(), "unsealed" | "held"))
        {
            let time = scene.now.saturating_sub(began).as_secs();
            books.longest = (books.longest.0.max(moves), books.longest.1.max(time));
            return Ok(());
        }
        // An operator's seal of before may be noticed only now.
        resume(&mut scene, world, &mut own)?;
        let next = next(&scene);
        let made = scene.make(next, world, &mut own);
        see(next, &scene);
        made?;
    }
    let text = format!("after {:?} it still is not: {}", scene.now.saturating_sub(began), scene.words());
    Err(Violation::of(Rule::Unseals, text))
}

fn mend(scene: &mut Scene, world: &World, books: &mut Books) -> Result<(), Violation> {
    scene.server.join = None;
    for kind in [Kind::Mend, Kind::Start] {
        let next = Move::of(kind, 0);
        if scene.can(next, world) {
            scene.make(next, world, books)?;
        }
    }
    let now = scene.now;
    for who in 0..scene.daemons.len() {
        let daemon = Arc::make_mut(&mut scene.daemons[who]).touch();
        if daemon.source != world.home(who) {
            daemon.change(world.home(who), now, world, books)?;
        }
    }
    resume(scene, world, books)
}

/// Ends the holds that do not end by themselves.
fn resume(scene: &mut Scene, world: &World, books: &mut Books) -> Result<(), Violation> {
    let endless = world.policy == OnOperatorSeal::Hold { at_most: None };
    let now = scene.now;
    for daemon in &mut scene.daemons {
        if daemon.held_by().is_some_and(|hold| hold == Hold::Request || endless) {
            Arc::make_mut(daemon).touch().tell(now, Observation::Resume, world, books)?;
        }
    }
    Ok(())
}

/// The next move of a schedule without faults.
fn next(scene: &Scene) -> Move {
    for (who, daemon) in scene.daemons.iter().enumerate() {
        match daemon.phase {
            Phase::Answered(_) => return Move::of(Kind::Return, who),
            Phase::Asking => return Move::of(Kind::Arrive, who),
            _ => {}
        }
    }
    Move::of(Kind::Pass, 0)
}
