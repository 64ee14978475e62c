//! Servers that join a raft cluster.

use super::{becomes, pass, secs, world};
use crate::fault::Fault;
use crate::model::{Join, Model};
use crate::simulation::World;
use vault_unseal::api::UnsealAnswer;
use vault_unseal::cluster::Pace;
use vault_unseal::unseal::{Action, Moment, NodeMachine, Observation, ShareCandidates};

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
    let mut machine = NodeMachine::new(Pace::default(), 1);
    machine.start();
    let mut now = Moment::ZERO;
    let mut tried = Vec::new();
    let mut model = Model::new(1, 1);
    model.join = Some(Join { takes: secs(10), fails: true, ..Join::default() });
    let mut seen = Observation::Health(model.health(), model.life());
    while tried.len() < 3 && now < secs(1000) {
        let step = machine.observe(now, seen);
        now += step.wait;
        seen = match step.action {
            Action::AskHealth => Observation::Health(model.health(), model.life()),
            Action::ReadSealStatus => Observation::SealStatus(model.seal_status(), model.life()),
            Action::LoadShares(_) => {
                Observation::Shares(ShareCandidates { candidates: vec![vec![0], vec![1]] })
            }
            Action::Submit { share, .. } => {
                tried.push(share);
                Observation::Answer(UnsealAnswer::Status(model.seal_status().state))
            }
            Action::Reset => panic!("nothing failed"),
        };
    }
    assert_eq!(tried, [0, 1, 0]);
}

#[test]
fn a_join_that_a_peer_set_off_is_left_alone() {
    let mut world = World::new(Model::new(2, 2), vec![vec![0]], 1, vec![]);
    world.model.join = Some(Join { takes: secs(4), ..Join::default() });
    // A node that joins is first seen without anything in it.
    world.model.initialized = false;
    becomes(&mut world, "uninitialized", secs(1));
    world.suffer(Fault::Initialize);
    becomes(&mut world, "waiting-for-peers", secs(2));
    world.suffer(Fault::RightShare(1));
    becomes(&mut world, "joining", secs(2));
    becomes(&mut world, "unsealed", secs(5));
    assert_eq!((world.submissions(), world.model.disturbed_joins), (1, 0));
}

#[test]
fn a_reload_does_not_disturb_a_join() {
    let mut world = world(3, vec![]);
    world.model.join = Some(Join { takes: secs(80), ..Join::default() });
    becomes(&mut world, "joining", secs(1));
    world.suffer(Fault::Woken);
    becomes(&mut world, "unsealed", secs(81));
    assert_eq!((world.submissions(), world.model.disturbed_joins), (3, 0));
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
