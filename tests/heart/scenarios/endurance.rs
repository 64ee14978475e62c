//! What lasts: contradictions, long times, absurd intervals.

use super::{becomes, pass, secs, world};
use crate::fault::Fault;
use crate::model::Model;
use std::time::Duration;
use vault_unseal::cluster::Pace;
use vault_unseal::unseal::{Action, Moment, NodeMachine, Observation, ShareCandidates};

#[test]
fn a_server_that_contradicts_itself_does_not_spin_us() {
    let mut machine = NodeMachine::new(Pace::default(), 1);
    machine.start();
    let (mut now, mut requests) = (Moment::ZERO, 0);
    let sealed = Model::new(1, 1);
    let mut open = sealed.clone();
    open.sealed = false;
    let mut seen = Observation::Health(sealed.health(), sealed.life());
    while now < secs(60) && requests < 1000 {
        let step = machine.observe(now, seen);
        (now, requests) = (now + step.wait, requests + 1);
        seen = match step.action {
            Action::AskHealth => Observation::Health(sealed.health(), sealed.life()),
            Action::ReadSealStatus => Observation::SealStatus(open.seal_status(), open.life()),
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
        presence: true,
        resolve_interval: long,
        forget_after: long,
    };
    for pace in [Pace::default(), pace] {
        for now in [Moment::ZERO, secs(86_400 * 10_000), Moment::MAX] {
            for wrong in [false, true] {
                let mut machine = NodeMachine::new(pace.clone(), 3);
                machine.start();
                let mut model = Model::new(2, 2);
                let mut seen = Observation::Health(model.health(), model.life());
                for _ in 0..100 {
                    let step = machine.observe(now, seen);
                    seen = match step.action {
                        Action::AskHealth => Observation::Health(model.health(), model.life()),
                        Action::ReadSealStatus => Observation::SealStatus(model.seal_status(), model.life()),
                        Action::LoadShares(_) => {
                            let first = if wrong { 50 } else { 0 };
                            Observation::Shares(ShareCandidates { candidates: vec![vec![first, first + 1]] })
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
