//! Shares that wait for those of peers, and how the end of their round is told.

use std::time::Duration;

use vault_unseal::api::{ConnectionEpoch, Health, Nonce, Product, Role, SealState, SealStatus, UnsealAnswer};
use vault_unseal::cluster::Pace;
use vault_unseal::external::ExternalText;
use vault_unseal::unseal::{Action, Event, NodeMachine, Observation, ShareCandidates, State};

fn sealed() -> Health {
    Health {
        initialized: true,
        sealed: true,
        role: Role::Active,
        removed: false,
        product: Product::Unknown,
        version: None,
        membership: None,
        secondary: false,
        server_time: None,
    }
}

fn status(progress: usize, name: &str) -> SealStatus {
    let state = SealState {
        shamir: true,
        initialized: true,
        sealed: true,
        threshold: 3,
        total: 5,
        progress,
        nonce: if progress > 0 { Nonce::of(name) } else { Nonce::default() },
        recovery_seal: false,
        migration: false,
        removed: false,
        product: Product::Unknown,
    };
    SealStatus { state, seal_type: ExternalText::new("shamir"), version: None }
}

/// Two of three shares go in; then the round is looked at in these epochs, and is over in that one.
fn round_is_over(name: &str, looked_at: &[u64], over_in: u64) -> (Option<State>, Vec<Event>, Action) {
    let mut machine = NodeMachine::new(Pace::default(), 1);
    let mut now = Duration::ZERO;
    let mut see = |machine: &mut NodeMachine, seen| {
        now += Duration::from_secs(2);
        machine.observe(now, seen)
    };
    let epoch = ConnectionEpoch::of;
    machine.start();
    see(&mut machine, Observation::Health(sealed(), epoch(1)));
    see(&mut machine, Observation::SealStatus(status(0, name), epoch(1)));
    see(&mut machine, Observation::Shares(ShareCandidates { candidates: vec![vec![0, 1]] }));
    for progress in [1, 2] {
        see(&mut machine, Observation::Answer(UnsealAnswer::Status(status(progress, name).state)));
    }
    for &look in looked_at {
        see(&mut machine, Observation::SealStatus(status(2, name), epoch(look)));
    }
    machine.take_events();
    let step = see(&mut machine, Observation::SealStatus(status(0, name), epoch(over_in)));
    (machine.state().cloned(), machine.take_events(), step.action)
}

#[test]
fn round_that_a_peer_completes_is_awaited_whichever_connections_showed_it() {
    // On the kept connection, and on another one, which showed the same round.
    for (looked_at, over_in) in [(&[1, 1][..], 1), (&[1, 2, 2], 2), (&[2, 3], 3), (&[], 1)] {
        let (state, events, action) = round_is_over("one", looked_at, over_in);
        assert!(matches!(state, Some(State::Joining)), "{looked_at:?} {over_in}: {state:?}");
        assert_eq!((events, action), (Vec::new(), Action::AskHealth), "{looked_at:?} {over_in}");
    }
}

#[test]
fn round_that_went_with_its_connection_is_lost_and_begun_anew() {
    for (name, looked_at, over_in) in
        [("one", &[1, 1][..], 2), ("one", &[1, 2], 3), ("one", &[], 2), ("", &[1, 1], 2), ("", &[1, 2], 2)]
    {
        let (state, events, action) = round_is_over(name, looked_at, over_in);
        assert!(matches!(state, Some(State::Sealed { .. })), "{name} {looked_at:?} {over_in}: {state:?}");
        assert_eq!(events, [Event::RoundLost], "{name} {looked_at:?} {over_in}");
        assert!(matches!(action, Action::LoadShares(_)), "{name} {looked_at:?} {over_in}: {action:?}");
    }
}
