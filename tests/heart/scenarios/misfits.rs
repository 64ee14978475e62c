//! Shares that cannot be the server's, by what their source says.

use std::time::Duration;
use vault_unseal::api::UnsealAnswer;
use vault_unseal::cluster::Pace;
use vault_unseal::cluster::{Misfit, Scheme};
use vault_unseal::explain::Explain;
use vault_unseal::unseal::{Action, Moment, NodeMachine, Observation, ShareCandidates, State};

use crate::model::Model;

#[test]
fn they_are_never_submitted_and_looked_at_again_at_the_slow_pace() {
    let misfit = Misfit::AnotherScheme {
        source_says: Scheme { threshold: 3, total: 5 },
        server: Scheme { threshold: 2, total: 3 },
    };
    let model = Model::new(2, 3);
    let mut machine = NodeMachine::new(Pace::default(), 1);
    machine.start();
    let (mut now, mut loads) = (Moment::ZERO, Vec::new());
    let mut seen = Observation::Health(model.health(), model.life());
    while now < Duration::from_secs(3600) {
        let step = machine.observe(now, seen);
        now += step.wait;
        if !loads.is_empty() {
            let Some(State::SharesRejected { kind, text, advice: Some(advice) }) = machine.state() else {
                panic!("{:?}", machine.state());
            };
            assert_eq!((*kind, text.as_str()), (misfit.kind(), misfit.to_string().as_str()));
            assert!(advice.starts_with(&misfit.advice().unwrap_or_default()), "{advice}");
            assert!(step.watch_share_source, "a change of the source cuts the wait short");
        }
        seen = match step.action {
            Action::AskHealth => Observation::Health(model.health(), model.life()),
            Action::ReadSealStatus => Observation::SealStatus(model.seal_status(), model.life()),
            Action::LoadShares(_) => {
                loads.push(now);
                Observation::Misfit(misfit)
            }
            action @ (Action::Submit { .. } | Action::Reset) => panic!("{action:?}"),
        };
    }
    assert!((100..=121).contains(&loads.len()), "every half minute: {}", loads.len());
}

#[test]
fn the_right_ones_are_tried_as_soon_as_they_are_there() {
    let mut model = Model::new(1, 1);
    let mut machine = NodeMachine::new(Pace::default(), 1);
    machine.start();
    let mut seen = Observation::Health(model.health(), model.life());
    let mut mended = false;
    for _ in 0..20 {
        let step = machine.observe(Moment::ZERO, seen);
        if !mended && matches!(machine.state(), Some(State::SharesRejected { .. })) {
            mended = true;
            seen = Observation::Woken;
            continue;
        }
        seen = match step.action {
            Action::AskHealth => Observation::Health(model.health(), model.life()),
            Action::ReadSealStatus => Observation::SealStatus(model.seal_status(), model.life()),
            Action::LoadShares(_) if mended => {
                Observation::Shares(ShareCandidates { candidates: vec![vec![0]] })
            }
            Action::LoadShares(_) => Observation::Misfit(Misfit::SplitKey),
            Action::Submit { share, .. } => Observation::Answer(model.submit(share, Moment::ZERO)),
            Action::Reset => Observation::Answer(UnsealAnswer::Status(model.seal_status().state)),
        };
    }
    assert!(mended && machine.state().is_some_and(State::is_unsealed), "{:?}", machine.state());
}
