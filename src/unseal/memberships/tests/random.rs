//! Histories that nobody thought of: what is counted as nodes change, and who is told to judge anew.

use super::*;

/// The clusters and their nodes.
const NODES: [(&str, char); 8] = [
    ("home", 'a'),
    ("home", 'b'),
    ("home", 'c'),
    ("cabin", 'n'),
    ("cabin", 'm'),
    ("hut", 'h'),
    ("hut", 'i'),
    ("hut", 'j'),
];

/// Anything happens to one of the nodes; returns to which, where it is watched by a new task after that.
fn something_happens(memberships: &mut Memberships, rng: &mut fastrand::Rng) -> Option<(&'static str, char)> {
    let (cluster, node) = NODES[rng.usize(..NODES.len())];
    let (address, id) = (address(node), shows(["X", "Y", "Z"][rng.usize(..3)]));
    match rng.u8(..8) {
        0..4 => memberships.unsealed(cluster, &address, &id, rng.bool()),
        4 => memberships.silent(cluster, &address),
        5 => memberships.refuted(cluster, &address),
        6 => memberships.forget(cluster, &address),
        _ if rng.bool() => memberships.enter(cluster, &address, rng.usize(..4)),
        _ => {
            memberships.strike(cluster, &address);
            memberships.enter(cluster, &address, rng.usize(..4));
            return Some((cluster, node));
        }
    }
    None
}

/// What is counted as nodes change is what a count of all nodes at the end finds.
fn counts_are_right(memberships: &Memberships) {
    let (mut shown, mut proofs) = (BTreeMap::new(), BTreeMap::new());
    for (name, known) in &memberships.clusters {
        let mut votes: BTreeMap<ExternalText, BTreeSet<_>> = BTreeMap::new();
        for (address, node) in &known.nodes {
            let Some(Membership { id, .. }) = &node.shows else { continue };
            votes.entry(id.clone()).or_default().insert((node.rank, address.clone()));
            shown.entry(id.clone()).or_insert_with(BTreeSet::new).insert(name.clone());
            if node.proven {
                *proofs.entry((id.clone(), name.clone())).or_insert(0) += 1;
            }
        }
        assert_eq!(known.votes, votes);
        assert_eq!(known.unseen, known.nodes.values().filter(|node| !node.looked_at).count());
    }
    assert_eq!(memberships.shown, shown);
    let booked = memberships.proofs.iter().flat_map(|(id, clusters)| {
        clusters.iter().map(|(name, proof)| ((id.clone(), name.clone()), proof.nodes))
    });
    assert_eq!(booked.collect::<BTreeMap<_, _>>(), proofs);
}

#[test]
fn counts_are_those_of_all_nodes_and_a_verdict_changes_only_with_its_revision() {
    let mut rng = fastrand::Rng::with_seed(20_261_128);
    for _ in 0..1000 {
        let mut memberships = Memberships::default();
        for (rank, (cluster, node)) in NODES.into_iter().enumerate() {
            memberships.enter(cluster, &address(node), rank);
        }
        let mut judged = BTreeMap::new();
        for _ in 0..rng.usize(1..60) {
            if let Some(struck) = something_happens(&mut memberships, &mut rng) {
                // Who is struck and comes back has a new task, which asks at once.
                judged.retain(|(who, _), _| *who != struck);
            }
            counts_are_right(&memberships);
            for (cluster, node) in NODES {
                let address = address(node);
                let revision = memberships.revision(cluster, &address);
                let verdict = memberships.outsider(cluster, &address);
                let earlier = judged.entry(((cluster, node), revision)).or_insert_with(|| verdict.clone());
                assert_eq!(*earlier, verdict, "nobody asks again for the verdict on {cluster}'s {node}");
            }
        }
    }
}
