//! Rounds that others take part in.

use super::{becomes, failed, pass, secs, world};
use crate::fault::Fault;
use crate::model::{Join, Model};
use crate::simulation::World;
use std::time::Duration;
use vault_unseal::unseal::Event;

#[test]
fn one_of_one() {
    let mut world = world(1, vec![]);
    becomes(&mut world, "unsealed", secs(1));
    assert_eq!((world.submissions(), world.resets()), (1, 0));
    assert_eq!(world.events(), [Event::Unsealed]);
}

#[test]
fn an_operators_partial_round_is_completed() {
    let mut world = world(3, vec![(secs(0), Fault::Share(4))]);
    becomes(&mut world, "unsealed", secs(1));
    assert_eq!((world.submissions(), world.resets()), (2, 0));
    assert_eq!(world.events(), [Event::Unsealed], "right shares are no alarm");
}

#[test]
fn a_poisoned_round_is_reset_and_proves_nothing() {
    let mut world = world(3, vec![(secs(0), Fault::Share(999))]);
    becomes(&mut world, "unsealed", secs(1));
    assert_eq!((world.submissions(), world.resets()), (5, 1));
    let stranger = Event::StrangerInRound { progress: 3, ours: 2 };
    assert_eq!(world.events(), [stranger, failed(false), Event::Unsealed]);
}

#[test]
fn last_share_that_never_arrived_is_offered_again_at_once() {
    // Its connection ended, and the server counts as many shares as before.
    for threshold in 2..=5 {
        let mut world = world(threshold, vec![(secs(0), Fault::LoseLastShares(1))]);
        becomes(&mut world, "unsealed", Duration::from_millis(200));
        assert_eq!((world.submissions(), world.resets()), (2 * threshold, 0));
        assert_eq!(world.events(), [Event::Unsealed]);
    }
    // Those who hold too few do so, too: the others' shares are in.
    let faults = vec![
        (secs(0), Fault::RightShare(1)),
        (secs(0), Fault::RightShare(2)),
        (secs(0), Fault::LoseLastShares(1)),
    ];
    let mut world = World::new(Model::new(3, 3), vec![vec![0]], 1, faults);
    becomes(&mut world, "unsealed", Duration::from_millis(200));
    assert_eq!(world.submissions(), 2);
}

#[test]
fn last_shares_that_never_arrive_are_offered_no_more_often_than_rounds() {
    let mut world = world(3, vec![(secs(0), Fault::LoseLastShares(usize::MAX))]);
    pass(&mut world, secs(60));
    // Two that arrived, and one in each round after them.
    assert!((25..=45).contains(&world.submissions()), "{}", world.submissions());
    world.suffer(Fault::LoseLastShares(0));
    becomes(&mut world, "unsealed", secs(5));
}

#[test]
fn last_share_that_arrived_is_awaited_though_its_answer_was_lost() {
    let join = Join { takes: Duration::from_millis(1500), ..Join::default() };
    let mut world = world(3, vec![(secs(0), Fault::JoinNext(join))]);
    world.run(secs(1), |world| world.submissions() == 3);
    world.suffer(Fault::LoseAnswers(1));
    becomes(&mut world, "unsealed", secs(3));
    assert_eq!((world.submissions(), world.model.disturbed_joins), (3, 0), "{}", world.story());
}

#[test]
fn an_earlier_run_of_ours_is_no_stranger() {
    let mut world = world(3, vec![(secs(0), Fault::Share(0)), (secs(0), Fault::Share(1))]);
    becomes(&mut world, "unsealed", secs(1));
    assert_eq!(world.events(), [Event::Unsealed]);
    // The same with wrong shares: they are known as ours, and so is the failure.
    let faults = vec![(secs(0), Fault::Share(700)), (secs(0), Fault::Share(701))];
    let mut world = World::new(Model::new(3, 3), vec![vec![700, 701, 702]], 1, faults);
    becomes(&mut world, "shares-rejected", secs(1));
    assert_eq!(world.events(), [failed(true), failed(true)]);
}

#[test]
fn two_full_sets_at_once() {
    for seed in 0..100 {
        let right = || vec![vec![0, 1, 2]];
        let mut world = World::new(Model::new(3, 3), right(), seed, vec![]).beside(right());
        becomes(&mut world, "unsealed", secs(1));
        assert_eq!(world.resets(), 0);
        let mut events = world.daemons.iter().flat_map(|daemon| &daemon.events);
        assert!(events.all(|event| *event == Event::Unsealed), "{:?}", world.events());

        let wrong = || vec![vec![700, 701, 702]];
        let mut world = World::new(Model::new(3, 3), wrong(), seed, vec![]).beside(wrong());
        becomes(&mut world, "shares-rejected", secs(30));
    }
}

#[test]
fn right_shares_win_beside_a_daemon_with_wrong_ones() {
    for seed in 0..100 {
        let mut world =
            World::new(Model::new(3, 3), vec![vec![0, 1, 2]], seed, vec![]).beside(vec![vec![700, 701, 702]]);
        becomes(&mut world, "unsealed", secs(30));
    }
}

#[test]
fn no_set_is_called_good_for_what_others_did() {
    // While the first set fails, an operator unseals the server: our second set proved nothing.
    let mut world = World::new(Model::new(2, 3), vec![vec![0, 500], vec![0, 1]], 1, vec![]);
    assert!(world.run(secs(1), |world| !world.events().is_empty()));
    world.suffer(Fault::Share(1));
    world.suffer(Fault::Share(2));
    becomes(&mut world, "unsealed", secs(2));
    let unwanted = |event: &Event| matches!(event, Event::FoundGoodShares { .. } | Event::Unsealed);
    assert!(!world.events().iter().any(unwanted), "{:?}", world.events());
}

#[test]
fn a_corrupt_share_among_more_than_enough_is_found() {
    // Share 500 is corrupt, and three shares do not tell which one it is.
    let candidates = vec![vec![0, 500], vec![1, 500], vec![0, 1]];
    let mut world = World::new(Model::new(2, 3), candidates.clone(), 1, vec![]);
    becomes(&mut world, "unsealed", secs(2));
    let found = Event::FoundGoodShares { shares: vec![0, 1] };
    assert_eq!(world.events()[3..], [found.clone(), Event::Unsealed]);
    assert_eq!(world.submissions(), 2 * 2 + 2 + 2, "the first set twice, the others once");
    // Also when the good set happens to be tried first.
    let mut world = World::new(Model::new(2, 3), candidates.into_iter().rev().collect(), 1, vec![]);
    becomes(&mut world, "unsealed", secs(2));
    assert_eq!(world.events(), [found, Event::Unsealed]);
}

#[test]
fn found_good_set_goes_first_at_the_next_unsealing() {
    let candidates = vec![vec![0, 500], vec![1, 500], vec![0, 1]];
    let mut world = World::new(Model::new(2, 3), candidates, 1, vec![]);
    becomes(&mut world, "unsealed", secs(2));
    let found = world.submissions();
    for restart in 1..=10 {
        world.suffer(Fault::Start);
        assert!(world.run(world.now + secs(2), |world| !world.all("unsealed")));
        becomes(&mut world, "unsealed", secs(10));
        assert_eq!(world.submissions(), found + 2 * restart);
    }
}

#[test]
fn set_that_was_good_after_a_join_goes_first_at_the_next_unsealing() {
    let candidates = vec![vec![0, 500], vec![1, 500], vec![0, 1]];
    let join = Join { takes: secs(3), ..Join::default() };
    let faults = vec![(secs(0), Fault::JoinNext(join))];
    let mut world = World::new(Model::new(2, 3), candidates, 1, faults);
    becomes(&mut world, "joining", secs(2));
    becomes(&mut world, "unsealed", secs(5));
    let found = world.submissions();
    world.suffer(Fault::Start);
    assert!(world.run(world.now + secs(2), |world| !world.all("unsealed")));
    becomes(&mut world, "unsealed", secs(10));
    assert_eq!(world.submissions(), found + 2);
}

#[test]
fn third_party_at_work_does_not_disprove_the_right_set() {
    // He submits garbage so often that rounds of the right set fail, too, and look like ours alone.
    let faults = vec![(secs(0), Fault::Attack { every: Duration::from_micros(8_246), times: 4_000 })];
    for seed in 0..20 {
        let candidates = vec![vec![1, 500], vec![0, 500], vec![0, 1]];
        let mut world =
            World::new(Model::new(2, 3), candidates, seed, faults.clone()).slow(Duration::from_millis(20));
        becomes(&mut world, "unsealed", secs(60));
    }
}

#[test]
fn two_acts_of_a_third_party_do_not_disprove_the_right_set() {
    // While the right set's last share is on the way, he completes its round and begins one of his own.
    let candidates = vec![vec![0, 500], vec![1, 500], vec![0, 1]];
    let mut world = World::new(Model::new(2, 3), candidates, 1, vec![]);
    assert!(world.run(secs(5), |world| world.submissions() == 2 * 2 + 2 + 2));
    world.suffer(Fault::Share(900));
    world.suffer(Fault::Share(901));
    becomes(&mut world, "unsealed", secs(20));
    assert!(!world.story().contains("shares-rejected"), "{}", world.story());
    assert!(world.events().contains(&failed(true)), "and it looked like a round of ours alone");
}

#[test]
fn disturbances_do_not_undo_what_failed_rounds_proved() {
    // Ten sets are wrong, and somebody resets the round ten times a second.
    let mut candidates: Vec<Vec<usize>> = (0..10).map(|i| vec![0, 500 + i]).collect();
    candidates.push(vec![0, 1]);
    let faults = (0..3000).map(|i| (Duration::from_millis(100 * i), Fault::StrangerReset)).collect();
    let mut world = World::new(Model::new(2, 3), candidates, 1, faults).slow(Duration::from_millis(50));
    becomes(&mut world, "unsealed", secs(200));
}
