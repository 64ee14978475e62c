//! Shares that wait for those of peers, and how the end of their round is told.

use std::time::Duration;

use vault_unseal::api::{ConnectionEpoch, Nonce, SealStatus, UnsealAnswer};
use vault_unseal::cluster::Pace;
use vault_unseal::unseal::{Action, Event, NodeMachine, Observation, ShareCandidates, State};

use crate::table::answers;

/// Of a server that names its rounds, or of one that does not.
fn status(progress: usize, named: bool) -> SealStatus {
    let mut status = answers::status(progress);
    if !named {
        status.state.nonce = Nonce::default();
    }
    status
}

/// Two of three shares go in; then the round is looked at in these epochs, and is over in that one.
fn round_is_over(named: bool, looked_at: &[u64], over_in: u64) -> (Option<State>, Vec<Event>, Action) {
    let mut machine = NodeMachine::new(Pace::default(), 1);
    let mut now = Duration::ZERO;
    let mut see = |machine: &mut NodeMachine, seen| {
        now += Duration::from_secs(2);
        machine.observe(now, seen)
    };
    let epoch = ConnectionEpoch::of;
    machine.start();
    see(&mut machine, answers::health(true, true));
    see(&mut machine, Observation::SealStatus(status(0, named), epoch(1)));
    see(&mut machine, Observation::Shares(ShareCandidates { candidates: vec![vec![0, 1]] }));
    for progress in [1, 2] {
        see(&mut machine, Observation::Answer(UnsealAnswer::Status(status(progress, named).state)));
    }
    for &look in looked_at {
        see(&mut machine, Observation::SealStatus(status(2, named), epoch(look)));
    }
    machine.take_events();
    let step = see(&mut machine, Observation::SealStatus(status(0, named), epoch(over_in)));
    (machine.state().cloned(), machine.take_events(), step.action)
}

#[test]
fn round_that_a_peer_completes_is_awaited_whichever_connections_showed_it() {
    // On the kept connection, and on another one, which showed the same round.
    for (looked_at, over_in) in [(&[1, 1][..], 1), (&[1, 2, 2], 2), (&[2, 3], 3), (&[], 1)] {
        let (state, events, action) = round_is_over(true, looked_at, over_in);
        assert!(matches!(state, Some(State::Joining)), "{looked_at:?} {over_in}: {state:?}");
        assert_eq!((events, action), (Vec::new(), Action::AskHealth), "{looked_at:?} {over_in}");
    }
}

#[test]
fn round_that_went_with_its_connection_is_lost_and_begun_anew() {
    for (named, looked_at, over_in) in
        [(true, &[1, 1][..], 2), (true, &[1, 2], 3), (true, &[], 2), (false, &[1, 1], 2), (false, &[1, 2], 2)]
    {
        let (state, events, action) = round_is_over(named, looked_at, over_in);
        assert!(matches!(state, Some(State::Sealed { .. })), "{named} {looked_at:?} {over_in}: {state:?}");
        assert_eq!(events, [Event::RoundLost], "{named} {looked_at:?} {over_in}");
        assert!(matches!(action, Action::LoadShares(_)), "{named} {looked_at:?} {over_in}: {action:?}");
    }
}

/// A server that does not name its rounds is offered them again after a while: they may be gone.
#[test]
fn shares_wait_for_those_of_peers_while_they_are_made_sure_of() {
    let mut machine = NodeMachine::new(Pace::default(), 1);
    let look = || Observation::SealStatus(status(1, false), ConnectionEpoch::of(1));
    machine.start();
    for seen in [
        answers::health(true, true),
        Observation::SealStatus(status(0, false), ConnectionEpoch::of(1)),
        Observation::Shares(ShareCandidates { candidates: vec![vec![0]] }),
        Observation::Answer(UnsealAnswer::Status(status(1, false).state)),
    ] {
        machine.observe(Duration::ZERO, seen);
    }
    for (seconds, reads) in [(1, false), (29, false), (30, true)] {
        let step = machine.observe(Duration::from_secs(seconds), look());
        assert_eq!(matches!(step.action, Action::LoadShares(_)), reads, "{seconds}");
        // A share more in the source may be the one that is missing.
        assert!(step.watch_share_source, "{seconds}");
        let waits = State::WaitingForPeers { progress: 1, threshold: 3 };
        assert_eq!(machine.state(), Some(&waits), "{seconds}");
    }
}
