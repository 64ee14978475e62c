//! The picture of the states, docs/states.svg: it has each state and the next one that the table of answers and a fixed set of
//! histories show, and no other. `UPDATE_EXPECT=1 cargo test --test heart states` draws it anew.

use crate::fault::Fault;
use crate::histories::{fault, millis};
use crate::model::Model;
use crate::simulation::World;
use crate::table;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;
use vault_unseal::api::Meaning;
use vault_unseal::unseal::State;

type Pair = (&'static str, &'static str);

/// How many histories are looked at: all that a few seconds allow.
const HISTORIES: usize = 4_000;

/// Everything that can happen, for the worse and for the better.
fn any_fault() -> impl Strategy<Value = Fault> {
    let end = prop_oneof![
        Just(Fault::SealsItselfNoMore),
        Just(Fault::TroubleOver),
        Just(Fault::SourceMended),
        Just(Fault::Initialize),
        Just(Fault::MigrationEnds),
        Just(Fault::Shamir),
        Just(Fault::NewShares),
        Just(Fault::Resume),
        Just(Fault::Start),
    ];
    prop_oneof![
        12 => fault(),
        4 => end,
        1 => Just(Fault::Hold),
        1 => Just(Fault::Remove),
        1 => (1_usize..4).prop_map(Fault::Rekey),
        1 => Just(Fault::Trouble(Meaning::NoSealConfiguration)),
        1 => Just(Fault::Trouble(Meaning::InvalidKey)),
    ]
}

/// What happens to a server, and who looks after it.
type History = ((usize, usize), Vec<(Duration, Fault)>, Duration, bool, u64);

fn any_history() -> impl Strategy<Value = History> {
    let faults = proptest::collection::vec((millis(0..90_000), any_fault()), 0..24);
    ((1_usize..=3, 0_usize..5), faults, millis(1..200), any::<bool>(), any::<u64>())
}

/// The shares that are held are enough, too few, or another server's.
fn world(((threshold, held), faults, latency, holds, seed): History) -> World {
    let shares = match held {
        0 if threshold > 1 => (0..threshold - 1).collect(),
        1 => (700..700 + threshold).collect(),
        _ => (0..threshold).collect(),
    };
    let world = World::new(Model::new(threshold, threshold), vec![shares], seed, faults).slow(latency);
    if holds { world.holding(Some(Duration::from_secs(20))) } else { world }
}

/// Each state and the next one, as they are seen.
fn seen() -> BTreeSet<Pair> {
    let mut runner = TestRunner::deterministic();
    let histories = any_history();
    let mut pairs: BTreeSet<Pair> = table::pairs().collect();
    for _ in 0..HISTORIES {
        let mut world = world(histories.new_tree(&mut runner).unwrap().current());
        world.run(Duration::from_secs(120), |_| false);
        pairs.append(&mut world.daemons[0].pairs);
    }
    pairs.retain(|(before, after)| before != after);
    pairs
}

#[test]
fn states_that_follow_each_other_are_those_of_the_picture() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let seen = seen();
    let mut lines = String::new();
    for (before, after) in &seen {
        writeln!(lines, "{before} -> {after}").unwrap();
    }
    for (path, text) in [("tests/heart/states.txt", lines), ("docs/states.svg", picture(&seen))] {
        let path = root.join(path);
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&path, &text).unwrap();
        }
        let drawn = fs::read_to_string(&path).unwrap();
        let missing: Vec<_> =
            text.lines().filter(|line| !drawn.lines().any(|other| other == *line)).collect();
        let never: Vec<_> = drawn.lines().filter(|line| !text.lines().any(|other| other == *line)).collect();
        assert!(
            drawn == text,
            "{}: seen and not drawn: {missing:#?}, drawn and not seen: {never:#?}",
            path.display()
        );
    }
}

const CELL: usize = 26;
const LEFT: usize = 160;
const TOP: usize = 150;

/// A row for each state, a column for each next one, and a mark where one follows the other.
fn picture(pairs: &BTreeSet<Pair>) -> String {
    let rows: Vec<&str> = ["none"].into_iter().chain(State::WORDS).collect();
    let columns = State::WORDS;
    let (width, height) = (LEFT + CELL * columns.len() + 20, TOP + CELL * rows.len() + 20);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"13\">\n<title>Which state follows which: from the row to the column</title>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n"
    );
    for (row, before) in rows.iter().enumerate() {
        let y = TOP + CELL * row;
        let name = if *before == "none" { "(start)" } else { before };
        writeln!(svg, "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{name}</text>", LEFT - 10, y + 18)
            .unwrap();
        for (column, after) in columns.iter().enumerate() {
            let x = LEFT + CELL * column;
            let fill = match (pairs.contains(&(*before, *after)), before == after) {
                (_, true) => "#ddd",
                (true, _) => "#2d6a4f",
                _ => "#fff",
            };
            writeln!(
                svg,
                "<rect x=\"{x}\" y=\"{y}\" width=\"{CELL}\" height=\"{CELL}\" fill=\"{fill}\" stroke=\"#bbb\">\
                 <title>{name} to {after}</title></rect>"
            )
            .unwrap();
        }
    }
    for (column, after) in columns.iter().enumerate() {
        let (x, y) = (LEFT + CELL * column + 18, TOP - 10);
        writeln!(svg, "<text x=\"{x}\" y=\"{y}\" transform=\"rotate(-60 {x} {y})\">{after}</text>").unwrap();
    }
    svg + "</svg>\n"
}
