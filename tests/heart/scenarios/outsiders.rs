//! Nodes that are members of other clusters.

use vault_unseal::cluster::Pace;
use vault_unseal::unseal::{Action, Delay, Moment, NodeMachine, Observation, ShareCandidates, State, Step};

use crate::model::Model;

/// Does what the machine wants, until it does nothing but look for an hour. What it submitted, and its longest wait.
fn follow(machine: &mut NodeMachine, model: &mut Model, mut step: Step) -> (Vec<usize>, Moment) {
    let (mut now, mut submitted, mut longest) = (Moment::ZERO, Vec::new(), Moment::ZERO);
    for _ in 0..200 {
        now += step.wait;
        longest = longest.max(step.wait);
        let seen = match step.action {
            Action::AskHealth => Observation::Health(model.health(), model.life()),
            Action::ReadSealStatus => Observation::SealStatus(model.seal_status(), model.life()),
            Action::LoadShares(_) => Observation::Shares(ShareCandidates { candidates: vec![vec![0, 1]] }),
            Action::Submit { share, .. } => {
                submitted.push(share);
                Observation::Answer(model.submit(share, now))
            }
            Action::Reset => Observation::Answer(model.reset()),
        };
        step = machine.observe(now, seen);
    }
    (submitted, longest)
}

#[test]
fn they_get_no_shares_until_they_are_none() {
    let (mut machine, mut model) = (NodeMachine::new(Pace::default(), 1), Model::new(2, 3));
    let step = machine.start();
    machine.set_outsider(Some("it is a member of another cluster".to_owned()));
    let (submitted, longest) = follow(&mut machine, &mut model, step);
    assert_eq!(submitted, [] as [usize; 0]);
    assert_eq!(longest, Pace::default().slow_interval);
    let delay = Some(Delay::Because("it is a member of another cluster".to_owned()));
    assert_eq!(machine.state(), Some(&State::Sealed { delay }));

    machine.set_outsider(None);
    let step = machine.observe(Moment::ZERO, Observation::Health(model.health(), model.life()));
    let (submitted, _) = follow(&mut machine, &mut model, step);
    assert_eq!(submitted, [0, 1]);
    assert!(machine.state().is_some_and(State::is_unsealed) && machine.unsealed_by_us(model.life()));
}

#[test]
fn a_round_under_way_ends_with_the_verdict() {
    let (mut machine, mut model) = (NodeMachine::new(Pace::default(), 1), Model::new(2, 3));
    machine.start();
    machine.observe(Moment::ZERO, Observation::Health(model.health(), model.life()));
    machine.observe(Moment::ZERO, Observation::SealStatus(model.seal_status(), model.life()));
    let shares = Observation::Shares(ShareCandidates { candidates: vec![vec![0, 1]] });
    let step = machine.observe(Moment::ZERO, shares);
    assert_eq!(step.action, Action::Submit { share: 0, completes: false });
    machine.set_outsider(Some("it is a member of another cluster".to_owned()));
    let step = machine.observe(Moment::ZERO, Observation::Answer(model.submit(0, Moment::ZERO)));
    assert_eq!(step.action, Action::AskHealth);
    assert!(!step.keep_shares);
}

#[test]
fn what_others_unsealed_proves_nothing() {
    // Another's share was there before ours.
    let (mut machine, mut model) = (NodeMachine::new(Pace::default(), 1), Model::new(2, 3));
    model.submit(2, Moment::ZERO);
    let step = machine.start();
    let (submitted, _) = follow(&mut machine, &mut model, step);
    assert_eq!(submitted, [0]);
    assert!(machine.state().is_some_and(State::is_unsealed) && !machine.unsealed_by_us(model.life()));

    // What we unsealed ourselves is proof until it is sealed again.
    let (mut machine, mut model) = (NodeMachine::new(Pace::default(), 1), Model::new(2, 3));
    let step = machine.start();
    follow(&mut machine, &mut model, step);
    assert!(machine.unsealed_by_us(model.life()));
    model.sealed = true;
    machine.observe(Moment::ZERO, Observation::Health(model.health(), model.life()));
    assert!(!machine.unsealed_by_us(model.life()));

    // And it says nothing of who is there after the connection ended.
    let (mut machine, mut model) = (NodeMachine::new(Pace::default(), 1), Model::new(2, 3));
    let step = machine.start();
    follow(&mut machine, &mut model, step);
    machine.observe(Moment::ZERO, Observation::Left);
    let before = model.life();
    model.restart();
    assert!(machine.unsealed_by_us(before));
    assert!(!machine.unsealed_by_us(model.life()));
}
