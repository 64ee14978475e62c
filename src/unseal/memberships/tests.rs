//! Histories of what nodes show, and who is an outsider after each.

mod random;

use super::*;

/// What happens to a node, named by a letter and the configured cluster that it is in.
enum Then {
    /// It shows this id, unsealed by somebody.
    Shows(&'static str, char, &'static str),
    /// The same, unsealed by a round of our shares alone.
    Opened(&'static str, char, &'static str),
    /// It is sealed, or does not answer.
    Silent(&'static str, char),
    /// It has no data.
    Bare(&'static str, char),
    /// Our shares alone failed there.
    Refuted(&'static str, char),
    /// It is configured no longer.
    Struck(&'static str, char),
}
use Then::{Bare, Opened, Refuted, Shows, Silent, Struck};

fn address(node: char) -> NodeAddress {
    format!("https://{node}.example:8200").parse().unwrap()
}

fn shows(id: &str) -> Membership {
    Membership { id: ExternalText::new(id), name: None }
}

/// Clusters `home` with the nodes a, b and c in this order, and `cabin` with n.
fn after(history: &[Then]) -> Memberships {
    let mut memberships = Memberships::default();
    // The addresses stand in another order than the configuration.
    for (rank, node) in ['c', 'a', 'b'].into_iter().enumerate() {
        memberships.enter("home", &address(node), rank);
    }
    memberships.enter("cabin", &address('n'), 0);
    for then in history {
        match *then {
            Shows(cluster, node, id) => memberships.unsealed(cluster, &address(node), &shows(id), false),
            Opened(cluster, node, id) => memberships.unsealed(cluster, &address(node), &shows(id), true),
            Silent(cluster, node) => memberships.silent(cluster, &address(node)),
            Bare(cluster, node) => memberships.forget(cluster, &address(node)),
            Refuted(cluster, node) => memberships.refuted(cluster, &address(node)),
            Struck(cluster, node) => memberships.strike(cluster, &address(node)),
        }
    }
    memberships
}

/// The outsiders: node, what it shows, what its cluster is, whose member it is.
fn outsiders(memberships: &Memberships) -> Vec<String> {
    let nodes = [("home", 'a'), ("home", 'b'), ("home", 'c'), ("cabin", 'n')];
    let found = nodes.into_iter().filter_map(|(cluster, node)| {
        let ForeignNode { shows, own, of } = memberships.outsider(cluster, &address(node))?;
        let own = own.map_or("-".to_owned(), |own| own.id.to_string());
        Some(format!("{node} {} {own} {}", shows.id, of.as_deref().unwrap_or("-")))
    });
    found.collect()
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn who_is_an_outsider_after_what() {
    let table: &[(&str, &[Then], &[&str])] = &[
        ("nothing seen", &[], &[]),
        ("one alone", &[Shows("home", 'a', "X")], &[]),
        ("one cluster", &[Shows("home", 'a', "X"), Shows("home", 'b', "X"), Shows("home", 'c', "X")], &[]),
        (
            "most against one",
            &[
                Shows("home", 'c', "Y"),
                Shows("home", 'a', "X"),
                Shows("home", 'b', "X"),
                Shows("home", 'c', "Y"),
            ],
            &["c Y X -"],
        ),
        (
            "a tie, c stands first",
            &[Shows("home", 'a', "X"), Shows("home", 'c', "Y"), Shows("home", 'a', "X")],
            &["a X Y -"],
        ),
        (
            "a tie, the one that stands behind had no data before",
            &[Bare("home", 'b'), Shows("home", 'a', "X"), Shows("home", 'b', "Y")],
            &["b Y X -"],
        ),
        (
            "sealed since",
            &[Shows("home", 'c', "X"), Shows("home", 'a', "Y"), Silent("home", 'a')],
            &["a Y X -"],
        ),
        ("no data since", &[Shows("home", 'c', "X"), Shows("home", 'a', "Y"), Bare("home", 'a')], &[]),
        ("joined since", &[Shows("home", 'c', "X"), Shows("home", 'a', "Y"), Shows("home", 'a', "X")], &[]),
        (
            "what we opened outweighs most",
            &[
                Shows("home", 'c', "X"),
                Shows("home", 'b', "X"),
                Opened("home", 'a', "Y"),
                Shows("home", 'c', "X"),
            ],
            &["c X Y -"],
        ),
        (
            "what we opened is no outsider, whatever it shows",
            &[Opened("home", 'c', "X"), Opened("home", 'a', "Y"), Shows("home", 'b', "Y")],
            &[],
        ),
        (
            "opened, then another by hand",
            &[
                Opened("home", 'a', "X"),
                Shows("home", 'a', "X"),
                Shows("home", 'b', "Y"),
                Silent("home", 'b'),
            ],
            &["b Y X -"],
        ),
        ("opened, then set up anew by hand", &[Opened("home", 'a', "X"), Shows("home", 'a', "Y")], &[]),
        ("another cluster's", &[Opened("cabin", 'n', "Y"), Shows("home", 'a', "Y")], &["a Y - cabin"]),
        (
            "another cluster's beside our own",
            &[Opened("home", 'c', "X"), Shows("cabin", 'n', "Y"), Shows("home", 'a', "Y")],
            &["a Y X cabin"],
        ),
        (
            "one id in two clusters, opened by neither",
            &[Shows("cabin", 'n', "Y"), Shows("home", 'a', "Y")],
            &[],
        ),
        (
            "one id in two clusters, told both that it is open",
            &[Opened("home", 'c', "X"), Opened("cabin", 'n', "Y"), Opened("home", 'a', "Y")],
            &["a Y X cabin"],
        ),
        (
            "of two that were told so one is refuted",
            &[Opened("cabin", 'n', "Y"), Opened("home", 'a', "Y"), Refuted("home", 'a')],
            &["a Y - cabin"],
        ),
        (
            "a server that lies takes nobody from a cluster of several",
            &[
                Shows("home", 'a', "X"),
                Shows("home", 'b', "X"),
                Opened("cabin", 'n', "X"),
                Silent("home", 'a'),
                Shows("home", 'c', "X"),
            ],
            &[],
        ),
        (
            "and what is proved counts again when the lie is over",
            &[
                Shows("home", 'a', "X"),
                Shows("home", 'b', "X"),
                Opened("cabin", 'n', "X"),
                Opened("home", 'a', "X"),
                Opened("cabin", 'n', "Y"),
                Shows("home", 'b', "Z"),
                Shows("home", 'c', "Z"),
            ],
            &["b Z X -", "c Z X -"],
        ),
        ("taken out", &[Opened("cabin", 'n', "Y"), Shows("home", 'a', "Y"), Struck("cabin", 'n')], &[]),
        // Set up anew, one node after the other; c was switched off meanwhile and cannot show what it is.
        (
            "set up anew by hand",
            &[
                Shows("home", 'a', "X"),
                Shows("home", 'b', "X"),
                Shows("home", 'c', "X"),
                Silent("home", 'c'),
                Bare("home", 'a'),
                Shows("home", 'a', "Y"),
            ],
            &["a Y X -"],
        ),
        (
            "set up anew by hand, most of it",
            &[
                Shows("home", 'a', "X"),
                Shows("home", 'b', "X"),
                Shows("home", 'c', "X"),
                Silent("home", 'c'),
                Bare("home", 'a'),
                Shows("home", 'a', "Y"),
                Bare("home", 'b'),
                Shows("home", 'b', "Y"),
            ],
            &[],
        ),
        (
            "set up anew, the rest goes on",
            &[
                Opened("home", 'a', "X"),
                Shows("home", 'b', "X"),
                Bare("home", 'a'),
                Opened("home", 'a', "Y"),
                Shows("home", 'b', "X"),
            ],
            &["b X Y -"],
        ),
        (
            "set up anew, and the rest while nobody looked",
            &[
                Opened("home", 'a', "X"),
                Shows("home", 'b', "X"),
                Bare("home", 'a'),
                Opened("home", 'a', "Y"),
                Shows("home", 'b', "X"),
                Silent("home", 'b'),
            ],
            &[],
        ),
        (
            "set up anew, but the old one is another cluster's now",
            &[
                Opened("home", 'a', "X"),
                Shows("home", 'b', "X"),
                Bare("home", 'a'),
                Opened("home", 'a', "Y"),
                Opened("cabin", 'n', "X"),
                Shows("home", 'b', "X"),
                Silent("home", 'b'),
            ],
            &["b X Y cabin"],
        ),
        (
            "set up anew and opened by us",
            &[
                Opened("home", 'a', "X"),
                Opened("home", 'b', "X"),
                Bare("home", 'a'),
                Opened("home", 'a', "Y"),
            ],
            &[],
        ),
    ];
    for (name, history, expected) in table {
        assert_eq!(outsiders(&after(history)), *expected, "{name}");
    }
}

#[test]
fn a_verdict_is_not_over_half_of_the_nodes() {
    let most = [Silent("home", 'a'), Shows("home", 'b', "X")];
    assert!(!after(&most).is_complete("home"));
    let all = [Silent("home", 'a'), Shows("home", 'b', "X"), Bare("home", 'c')];
    assert!(after(&all).is_complete("home"));
    assert!(!after(&all).is_complete("cabin") && !after(&all).is_complete("unknown"));
}

#[test]
fn two_clusters_that_are_one_are_named() {
    let memberships = after(&[Shows("cabin", 'n', "Y"), Shows("home", 'a', "Y")]);
    assert_eq!(memberships.twins(), [("cabin", "home", &shows("Y"))]);
    assert!(after(&[Shows("cabin", 'n', "Y"), Shows("home", 'a', "X")]).twins().is_empty());
}

#[test]
fn what_is_no_news_changes_nothing() {
    let mut memberships = after(&[Opened("home", 'a', "X"), Silent("home", 'b')]);
    let revisions =
        |memberships: &Memberships| ['a', 'b', 'c'].map(|node| memberships.revision("home", &address(node)));
    let before = revisions(&memberships);
    for _ in 0..3 {
        memberships.unsealed("home", &address('a'), &shows("X"), false);
        memberships.unsealed("home", &address('a'), &shows("X"), true);
        memberships.silent("home", &address('b'));
        memberships.refuted("home", &address('b'));
        memberships.unsealed("home", &address('z'), &shows("X"), true);
    }
    assert_eq!(revisions(&memberships), before);
    memberships.unsealed("home", &address('b'), &shows("X"), false);
    let after = revisions(&memberships);
    assert!(after[1] > before[1], "its own verdict may be another");
    assert_eq!([after[0], after[2]], [before[0], before[2]], "what the cluster is, it was before");
}

#[test]
fn verdicts_of_all_move_only_with_what_cluster_is() {
    let mut memberships = after(&[]);
    let nodes: Vec<NodeAddress> =
        (0..1000).map(|node| format!("https://n{node}.example:8200").parse().unwrap()).collect();
    for (rank, node) in nodes.iter().enumerate() {
        memberships.enter("home", node, 3 + rank);
    }
    let mut revisions = BTreeSet::new();
    for node in &nodes {
        memberships.unsealed("home", node, &shows("X"), true);
        revisions.insert(memberships.revision("home", &address('a')));
    }
    assert_eq!(revisions.len(), 1, "the first of them shows what the cluster is");
    memberships.unsealed("home", &address('a'), &shows("Y"), false);
    assert_eq!(outsiders(&memberships), ["a Y X -"]);
}

#[test]
fn reload_that_moves_nodes_one_by_one_makes_no_foreign_node_a_member() {
    // One shows X, another Y, nothing is proved: who stands first has the word.
    let mut memberships = after(&[Shows("home", 'c', "X"), Shows("home", 'a', "Y"), Silent("home", 'a')]);
    assert_eq!(outsiders(&memberships), ["a Y X -"]);
    // A node is put in front: for a moment both stand in the same place.
    memberships.enter("home", &address('z'), 0);
    memberships.enter("home", &address('c'), 1);
    memberships.enter("home", &address('a'), 2);
    assert_eq!(outsiders(&memberships), ["a Y X -"]);
}

#[test]
fn verdict_that_hangs_on_a_proof_elsewhere_is_given_anew() {
    let mut memberships = after(&[
        Opened("cabin", 'n', "X"),
        Shows("home", 'c', "Y"),
        Shows("home", 'a', "X"),
        Shows("home", 'b', "X"),
        Refuted("cabin", 'n'),
    ]);
    let verdict = |memberships: &Memberships| {
        (memberships.revision("home", &address('a')), memberships.outsider("home", &address('a')).is_some())
    };
    let (before, was) = verdict(&memberships);
    memberships.forget("home", &address('b'));
    let (now, is) = verdict(&memberships);
    assert!((was, is) == (false, true) && now > before, "{was} at {before:?}, {is} at {now:?}");
}

#[test]
fn verdict_that_names_another_cluster_is_given_anew_when_that_is_one_no_longer() {
    // The cabin's node shows what was the home's at first, so that the cabin was nothing by itself when it last changed.
    let mut memberships = after(&[
        Opened("home", 'c', "X"),
        Opened("home", 'a', "Y"),
        Shows("cabin", 'n', "Y"),
        Refuted("home", 'a'),
    ]);
    assert_eq!(outsiders(&memberships), ["a Y X cabin"]);
    let before = memberships.revision("home", &address('a'));
    memberships.forget("cabin", &address('n'));
    assert_eq!(outsiders(&memberships), ["a Y X -"]);
    assert!(memberships.revision("home", &address('a')) > before);
}

#[test]
fn verdict_on_several_is_given_anew_when_what_one_server_says_takes_nothing_from_them_any_more() {
    let mut memberships = after(&[Opened("home", 'a', "Y")]);
    memberships.enter("cabin", &address('m'), 1);
    memberships.enter("hut", &address('h'), 0);
    // While two prove it, it is what the cabin's two nodes are; then one alone does, who came before them.
    memberships.unsealed("hut", &address('h'), &shows("Y"), true);
    memberships.unsealed("cabin", &address('n'), &shows("Y"), false);
    memberships.unsealed("cabin", &address('m'), &shows("Y"), false);
    memberships.refuted("hut", &address('h'));
    assert_eq!(outsiders(&memberships), ["n Y - home"]);
    let before = memberships.revision("cabin", &address('n'));
    memberships.unsealed("home", &address('b'), &shows("Y"), true);
    assert!(outsiders(&memberships).is_empty());
    assert!(memberships.revision("cabin", &address('n')) > before);
}
