//! Fewer shares than needed in one hand.

use super::{becomes, pass, secs};
use crate::fault::Fault;
use crate::model::Model;
use crate::simulation::World;
use std::time::Duration;
use vault_unseal::api::UnsealAnswer;
use vault_unseal::cluster::Pace;
use vault_unseal::unseal::{Action, Event, Moment, NodeMachine, Observation, ShareCandidates};

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

/// A server that seals itself is said to wait while it does: only peers can give what it lacks. How far its unsealing has come
/// is no news otherwise, until it lasts.
#[test]
fn server_that_seals_itself_and_lacks_peers_is_said_to_wait_for_them() {
    let mut world = World::new(Model::new(2, 2), vec![vec![0]], 1, vec![]);
    world.model.seals_after = Some(Duration::from_millis(1500));
    becomes(&mut world, "waiting-for-peers", secs(1));
    world.suffer(Fault::RightShare(1));
    becomes(&mut world, "seals-itself", secs(3));
    becomes(&mut world, "waiting-for-peers", secs(3));
    world.suffer(Fault::RightShare(1));
    becomes(&mut world, "seals-itself", secs(3));
    world.suffer(Fault::SealsItselfNoMore);
    becomes(&mut world, "unsealed", secs(5));
}

#[test]
fn a_peer_alone_waits_and_says_so() {
    let mut world = World::new(Model::new(3, 3), vec![vec![0, 1]], 1, vec![]);
    becomes(&mut world, "waiting-for-peers", secs(1));
    pass(&mut world, secs(3600));
    assert!(world.all("waiting-for-peers"));
    assert_eq!((world.submissions(), world.resets()), (2, 0));
    // The round is lost: ours go in again, once it is clear that it was not completed, and soon enough for peers.
    world.suffer(Fault::StrangerReset);
    pass(&mut world, secs(4));
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
fn round_that_a_wrong_share_completed_is_said_to_be_lost() {
    let mut world = World::new(Model::new(2, 3), vec![vec![0]], 1, vec![]);
    becomes(&mut world, "waiting-for-peers", secs(1));
    let before = world.events().len();
    // What a wrong share of somebody else leaves: the last one of the round, so that it may have unsealed the server.
    world.suffer(Fault::StrangerReset);
    pass(&mut world, secs(10));
    assert!(world.all("waiting-for-peers"));
    assert_eq!(world.events()[before..], [Event::RoundLost]);
}

#[test]
fn a_round_that_a_restart_took_is_not_taken_for_complete() {
    let mut world = World::new(Model::new(3, 3), vec![vec![0, 1]], 1, vec![]);
    becomes(&mut world, "waiting-for-peers", secs(1));
    // As after a power cut: no connection is refused, the next question goes to the server that came back.
    world.suffer(Fault::Crash);
    world.suffer(Fault::Start);
    pass(&mut world, secs(1));
    assert_eq!((world.submissions(), world.model.seal_status().progress), (4, 2));
}

#[test]
fn an_answer_that_came_after_the_round_had_failed_costs_no_more_than_a_lost_round() {
    // Our share seemed to complete the round; a peer's came before it, and one more between it and its answer.
    let mut model = Model::new(3, 3);
    let mut machine = NodeMachine::new(Pace::default(), 1);
    machine.start();
    let (mut now, mut submitted) = (Moment::ZERO, Vec::new());
    model.submit(1, now);
    model.submit(2, now);
    let mut seen = Observation::Health(model.health(), model.life());
    while submitted.len() < 2 {
        let step = machine.observe(now, seen);
        now += step.wait;
        seen = match step.action {
            Action::AskHealth => Observation::Health(model.health(), model.life()),
            Action::ReadSealStatus => Observation::SealStatus(model.seal_status(), model.life()),
            Action::LoadShares { .. } => Observation::Shares(ShareCandidates { candidates: vec![vec![0]] }),
            Action::Submit { .. } => {
                submitted.push(now);
                let _ = model.reset();
                Observation::Answer(UnsealAnswer::Status(model.seal_status().state))
            }
            Action::Reset => panic!("not ours to reset"),
        };
    }
    assert!(submitted[1] <= submitted[0] + secs(3), "{submitted:?}");
}

#[test]
fn restarts_in_quick_succession_do_not_part_peers() {
    for seed in 0..50 {
        let mut world = World::new(Model::new(3, 3), vec![vec![0, 1]], seed, vec![]).beside(vec![vec![1, 2]]);
        for _ in 0..20 {
            let until = world.now + secs(3);
            assert!(world.run(until, |world| !world.model.sealed), "{}", world.story());
            pass(&mut world, Duration::from_millis(200));
            world.suffer(Fault::Crash);
            pass(&mut world, Duration::from_millis(200));
            world.suffer(Fault::Start);
        }
    }
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
