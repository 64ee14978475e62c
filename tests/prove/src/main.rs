//! Searches the core for a history that breaks a promise: `./x prove`.
mod canon;
mod daemon;
#[allow(dead_code, reason = "tests/heart uses all of it")]
#[path = "../../heart/model.rs"]
mod model;
mod random;
mod rules;
mod scene;
mod schedule;
mod search;
mod step;
mod trace;
mod world;

fn main() {
    let scale = std::env::args().nth(1).map_or(1, |n| n.parse().unwrap());
    let _ = scale;
    let only = std::env::args().nth(2);
    for world in world::worlds(1) {
        if only.as_ref().is_some_and(|only| !world.name.contains(only.as_str())) { continue; }
        let world = world::World { limit: world.limit.min(scale * 1000), ..world };
        let t = std::time::Instant::now();
        let found = search::search(&world);
        println!("{:60} {:8} {:9} {:4} {} {:?} longest {:?}", world.name, found.states, found.moves, found.depth, found.whole, t.elapsed(), found.books.longest);
        if let Some(c) = found.counterexample { println!("{}", trace::story(&world, &c)); }
    }
    if only.is_some() { return; }
    for world in world::random_worlds() {
        let t = std::time::Instant::now();
        let drawn = random::draw(&world, 1, 20000);
        println!("{:60} {:8} {:9} {:?}", world.name, drawn.steps, drawn.histories, t.elapsed());
        if let Some(c) = drawn.counterexample { println!("{}", trace::story(&world, &c)); }
    }
}
