//! Single scenarios, as an operator would tell them.

use crate::fault::Fault;
use crate::model::{Join, Model};
use crate::simulation::World;
use std::time::Duration;
use vault_unseal::config::Pace;
use vault_unseal::unseal::{Action, Event, Holding, Machine, Moment, Observation};
use vault_unseal::vault::Meaning;

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A server that needs `threshold` shares, and one daemon that holds as many.
fn world(threshold: usize, faults: Vec<(Moment, Fault)>) -> World {
    World::new(Model::new(threshold, threshold + 2), vec![(0..threshold).collect()], 1, faults)
}

fn failed(ours_alone: bool) -> Event {
    let text = "cipher: message authentication failed".to_owned();
    Event::RoundFailed { ours_alone, text }
}

#[track_caller]
fn becomes(world: &mut World, word: &str, within: Duration) {
    let until = world.now + within;
    assert!(world.run(until, |world| world.all(word)), "stays {:?}:\n{}", world.state(), world.story());
}

/// Lets time pass.
fn pass(world: &mut World, time: Duration) {
    world.run(world.now + time, |_| false);
}

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
fn split_custody_unseals_every_node_through_restarts() {
    for seed in 0..50 {
        // Three servers, each asked by three daemons that hold AB, BC and AC.
        for restarts in 0..4 {
            let faults =
                (0..restarts).map(|i| (Duration::from_millis(2 + 3 * i), Fault::DaemonRestart)).collect();
            let mut world = World::new(Model::new(3, 3), vec![vec![0, 1]], seed, faults)
                .beside(vec![vec![1, 2]])
                .beside(vec![vec![0, 2]]);
            becomes(&mut world, "unsealed", secs(3));
            assert_eq!(world.resets(), 0);
            // And again when the server comes back.
            world.suffer(Fault::Crash);
            becomes(&mut world, "unreachable", secs(3));
            world.suffer(Fault::Start);
            becomes(&mut world, "unsealed", secs(3));
        }
    }
}

#[test]
fn a_peer_alone_waits_and_says_so() {
    let mut world = World::new(Model::new(3, 3), vec![vec![0, 1]], 1, vec![]);
    becomes(&mut world, "waiting-for-peers", secs(1));
    pass(&mut world, secs(3600));
    assert!(world.all("waiting-for-peers"));
    assert_eq!((world.submissions(), world.resets()), (2, 0));
    // The round is lost: ours go in again, once it is clear that it was not completed.
    world.suffer(Fault::StrangerReset);
    pass(&mut world, secs(8));
    assert_eq!(world.submissions(), 4);
    // More shares come into the source: they are noticed and enough.
    let mut right = world.model.right();
    right.truncate(3);
    world.daemons[0].candidates = vec![right];
    let now = world.now;
    world.daemons[0].change_source(now);
    becomes(&mut world, "unsealed", secs(3));
}

#[test]
fn what_peers_unseal_is_shown_soon() {
    let mut world = World::new(Model::new(2, 2), vec![vec![0]], 1, vec![]);
    becomes(&mut world, "waiting-for-peers", secs(1));
    pass(&mut world, secs(60));
    world.suffer(Fault::RightShare(1));
    // One poll, and health right after it.
    becomes(&mut world, "unsealed", Duration::from_millis(1100));
    // Once more, after it was unsealed for long.
    pass(&mut world, secs(60));
    world.suffer(Fault::OperatorSeal);
    becomes(&mut world, "waiting-for-peers", secs(2));
    world.suffer(Fault::RightShare(1));
    becomes(&mut world, "unsealed", Duration::from_millis(1100));
}

#[test]
fn a_server_that_names_no_rounds_does_not_lose_peers() {
    let mut model = Model::new(3, 3);
    model.names_rounds = false;
    let mut world = World::new(model, vec![vec![0]], 1, vec![]);
    becomes(&mut world, "waiting-for-peers", secs(1));
    // Between two looks our share is lost and a peer's takes its place: nothing shows it.
    for fault in [Fault::StrangerReset, Fault::Share(1)] {
        world.suffer(fault);
    }
    pass(&mut world, secs(40));
    assert!(world.daemons[0].log.iter().all(|(_, line)| line != "waiting-for-peers -> unsealing"));
    world.suffer(Fault::Share(2));
    becomes(&mut world, "unsealed", secs(3));
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
fn disturbances_do_not_undo_what_failed_rounds_proved() {
    // Ten sets are wrong, and somebody resets the round ten times a second.
    let mut candidates: Vec<Vec<usize>> = (0..10).map(|i| vec![0, 500 + i]).collect();
    candidates.push(vec![0, 1]);
    let faults = (0..3000).map(|i| (Duration::from_millis(100 * i), Fault::StrangerReset)).collect();
    let mut world = World::new(Model::new(2, 3), candidates, 1, faults).slow(Duration::from_millis(50));
    becomes(&mut world, "unsealed", secs(200));
}

#[test]
fn joins_take_their_time() {
    for takes in [5, 80, 95] {
        for (holds_state, holds_health) in [(false, false), (true, false), (true, true)] {
            let mut world = world(3, vec![]);
            world.model.join = Some(Join { takes: secs(takes), fails: false, holds_state, holds_health });
            becomes(&mut world, "unsealed", secs(takes + 12));
            let (submissions, disturbed) = (world.submissions(), world.model.disturbed_joins);
            if takes < 90 {
                assert_eq!((submissions, disturbed), (3, 0), "{takes} {holds_state} {holds_health}");
            }
            let words = world.story();
            assert!(words.contains("-> joining") || holds_state, "{words}");
            assert!(!words.contains("unreachable") || takes > 90, "{words}");
        }
    }
}

#[test]
fn a_join_that_fails_is_tried_again() {
    for holds_state in [false, true] {
        let mut world = world(3, vec![]);
        world.model.join = Some(Join { takes: secs(20), fails: true, holds_state, holds_health: false });
        pass(&mut world, secs(80));
        assert_eq!(world.submissions(), 3, "it is given its time");
        becomes(&mut world, "unsealed", secs(40));
        assert_eq!(world.submissions(), 6);
    }
}

#[test]
fn a_join_with_the_wrong_set_leads_to_the_next_set() {
    // A joining server cannot check the shares: it reports no error and stays sealed.
    let mut machine = Machine::new(Pace::default(), 1);
    machine.start();
    let mut now = Moment::ZERO;
    let mut tried = Vec::new();
    let mut model = Model::new(1, 1);
    model.join = Some(Join { takes: secs(10), fails: true, ..Join::default() });
    let mut seen = Observation::Health(model.health());
    while tried.len() < 3 && now < secs(1000) {
        let step = machine.observe(now, seen);
        now += step.wait;
        seen = match step.action {
            Action::AskHealth => Observation::Health(model.health()),
            Action::ReadSealStatus => Observation::SealStatus(model.seal_status()),
            Action::LoadShares { .. } => Observation::Shares(Holding { candidates: vec![vec![0], vec![1]] }),
            Action::Submit { share, .. } => {
                tried.push(share);
                Observation::Answer(vault_unseal::vault::UnsealAnswer::Status(model.seal_status()))
            }
            Action::Reset => panic!("nothing failed"),
        };
    }
    assert_eq!(tried, [0, 1, 0]);
}

#[test]
fn a_restart_ends_the_patience_with_a_join() {
    let mut world = world(3, vec![]);
    world.model.join = Some(Join { takes: secs(80), ..Join::default() });
    becomes(&mut world, "joining", secs(1));
    world.suffer(Fault::Crash);
    becomes(&mut world, "unreachable", secs(2));
    world.suffer(Fault::Start);
    becomes(&mut world, "unsealed", secs(2));
}

#[test]
fn a_lost_answer_is_awaited_before_shares_go_in_again() {
    let mut world = world(1, vec![]);
    world.model.join = Some(Join { takes: secs(1), ..Join::default() });
    // The third answer is that to the share.
    assert!(world.run(secs(1), |world| world.submissions() == 1));
    world.suffer(Fault::LoseAnswers(1));
    becomes(&mut world, "unsealed", secs(3));
    assert_eq!((world.submissions(), world.model.disturbed_joins), (1, 0));
}

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
    world.suffer(Fault::Crash);
    becomes(&mut world, "unreachable", secs(31));
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

#[test]
fn a_server_that_contradicts_itself_does_not_spin_us() {
    let mut machine = Machine::new(Pace::default(), 1);
    machine.start();
    let (mut now, mut requests) = (Moment::ZERO, 0);
    let sealed = Model::new(1, 1);
    let mut open = sealed.clone();
    open.sealed = false;
    let mut seen = Observation::Health(sealed.health());
    while now < secs(60) && requests < 1000 {
        let step = machine.observe(now, seen);
        (now, requests) = (now + step.wait, requests + 1);
        seen = match step.action {
            Action::AskHealth => Observation::Health(sealed.health()),
            Action::ReadSealStatus => Observation::SealStatus(open.seal_status()),
            other => panic!("{other:?} to a server that says it is unsealed"),
        };
    }
    assert!(requests < 140, "{requests}");
}

#[test]
fn days_and_absurd_intervals_do_no_harm() {
    let long = Duration::MAX;
    let pace = Pace {
        poll_interval: long,
        slow_interval: long,
        retry_min: long,
        retry_max: long,
        request_timeout: long,
        unseal_timeout: long,
    };
    for pace in [Pace::default(), pace] {
        for now in [Moment::ZERO, secs(86_400 * 10_000), Moment::MAX] {
            for wrong in [false, true] {
                let mut machine = Machine::new(pace.clone(), 3);
                machine.start();
                let mut model = Model::new(2, 2);
                let mut seen = Observation::Health(model.health());
                for _ in 0..100 {
                    let step = machine.observe(now, seen);
                    seen = match step.action {
                        Action::AskHealth => Observation::Health(model.health()),
                        Action::ReadSealStatus => Observation::SealStatus(model.seal_status()),
                        Action::LoadShares { .. } => {
                            let first = if wrong { 50 } else { 0 };
                            Observation::Shares(Holding { candidates: vec![vec![first, first + 1]] })
                        }
                        Action::Submit { share, .. } => Observation::Answer(model.submit(share, now)),
                        Action::Reset => Observation::Answer(model.reset()),
                    };
                }
            }
        }
    }
}

#[test]
fn runs_for_days() {
    let mut world = world(3, vec![]);
    becomes(&mut world, "unsealed", secs(1));
    pass(&mut world, secs(3 * 86_400));
    assert!(world.all("unsealed"));
    world.suffer(Fault::OperatorSeal);
    becomes(&mut world, "sealed", secs(2));
    becomes(&mut world, "unsealed", secs(1));
}
