//! Servers and sources that only time or a person mends.

use super::{becomes, pass, secs, world};
use crate::fault::Fault;
use crate::model::Model;
use crate::simulation::World;
use vault_unseal::api::Meaning;

#[test]
fn removed_stays_removed() {
    let mut world = world(3, vec![(secs(0), Fault::Remove)]);
    pass(&mut world, secs(3600));
    assert!(world.all("removed"));
    assert_eq!(world.submissions(), 0);
}

#[test]
fn what_is_none_of_our_business_is_left_alone_until_it_is() {
    for (begins, ends, word) in [
        (Fault::MigrationBegins, Fault::MigrationEnds, "migrating"),
        (Fault::Foreign, Fault::Shamir, "foreign-seal"),
        (Fault::Uninitialize, Fault::Initialize, "uninitialized"),
    ] {
        let mut world = world(3, vec![(secs(0), begins)]);
        becomes(&mut world, word, secs(1));
        pass(&mut world, secs(3600));
        assert!(world.all(word));
        assert_eq!(world.submissions(), 0);
        assert!(world.daemons[0].log.len() <= 3, "no flapping: {}", world.story());
        world.suffer(ends);
        becomes(&mut world, "unsealed", secs(35));
    }
}

#[test]
fn a_source_that_fails_is_told_and_used_when_mended() {
    let mut world = world(3, vec![(secs(0), Fault::SourceBreaks)]);
    becomes(&mut world, "shares-unavailable", secs(1));
    pass(&mut world, secs(600));
    assert!(world.all("shares-unavailable"));
    world.suffer(Fault::SourceMended);
    becomes(&mut world, "unsealed", secs(3));
}

#[test]
fn rejected_shares_are_tried_again_for_a_reason_or_seldom() {
    let wrong = || World::new(Model::new(3, 3), vec![vec![700, 701, 702]], 1, vec![]);
    let mut world = wrong();
    becomes(&mut world, "shares-rejected", secs(1));
    pass(&mut world, secs(290));
    assert_eq!(world.submissions(), 6, "nobody asked");
    pass(&mut world, secs(30));
    assert_eq!(world.submissions(), 12, "after five minutes");
    world.suffer(Fault::Woken);
    pass(&mut world, secs(1));
    assert_eq!(world.submissions(), 18, "a person asked");
    assert!(world.all("shares-rejected"));
    world.suffer(Fault::NewShares);
    becomes(&mut world, "unsealed", secs(3));

    // A server that comes back may have other data.
    let mut world = wrong();
    becomes(&mut world, "shares-rejected", secs(1));
    pass(&mut world, secs(29));
    world.suffer(Fault::Crash);
    becomes(&mut world, "unreachable", secs(1));
    world.suffer(Fault::Start);
    pass(&mut world, secs(5));
    assert_eq!(world.submissions(), 12);
}

#[test]
fn an_initialisation_after_a_verdict_is_a_new_server() {
    let mut world = World::new(Model::new(3, 3), vec![vec![700, 701, 702]], 1, vec![]);
    becomes(&mut world, "shares-rejected", secs(1));
    world.suffer(Fault::Uninitialize);
    becomes(&mut world, "uninitialized", secs(32));
    world.suffer(Fault::NewShares);
    world.suffer(Fault::Initialize);
    becomes(&mut world, "unsealed", secs(3));
}

#[test]
fn trouble_of_the_server_is_waited_out() {
    for meaning in [Meaning::Transient, Meaning::NoKeyring] {
        let mut world = world(3, vec![(secs(0), Fault::Trouble(meaning))]);
        pass(&mut world, secs(3600));
        // Half a second at first, half a minute in the end.
        assert!((100..180).contains(&world.submissions()), "{}", world.submissions());
        world.suffer(Fault::TroubleOver);
        becomes(&mut world, "unsealed", secs(40));
    }
}
