//! How long a join is given, and which shares go in after it.

use super::answers::{answer, error, gone, health, healthy, looked, timeout};
use super::situation::{When, machine, path};
use std::time::Duration;
use vault_unseal::api::{ConnectionEpoch, Unreachable};
use vault_unseal::cluster::Pace;
use vault_unseal::unseal::{Action, Moment, NodeMachine, Observation, ShareCandidates, State};

fn millis(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

/// A machine that has seen all this at once.
fn after(seen: Vec<Observation>) -> NodeMachine {
    let mut machine = NodeMachine::new(Pace::default(), 7);
    machine.start();
    for seen in seen {
        machine.observe(Moment::ZERO, seen);
    }
    machine
}

/// Two sets of shares, of which the first goes in first.
fn sets() -> Observation {
    Observation::Shares(ShareCandidates { candidates: vec![vec![0, 1, 2], vec![5, 6, 7]] })
}

/// Which shares go in to a round of ours alone that is begun now.
fn goes_in(machine: &mut NodeMachine, now: Moment, epoch: u64) -> Vec<usize> {
    machine.observe(now, Observation::Health(healthy(true, true), ConnectionEpoch::of(epoch)));
    let status = Observation::SealStatus(super::answers::status(0), ConnectionEpoch::of(epoch));
    let mut shares = Vec::new();
    for seen in [status, sets(), answer(1), answer(2)] {
        if let Action::Submit { share, .. } = machine.observe(now, seen).action {
            shares.push(share);
        }
    }
    shares
}

#[test]
fn join_is_given_time_by_who_may_have_set_it_off() {
    let newcomer = || {
        let mut seen = vec![health(false, true), super::seal(|s| (s.initialized, s.threshold) = (false, 0))];
        seen.extend(path(When::LastOfPeers));
        seen
    };
    for (seen, patience, who) in [
        (path(When::Last), 90_000, "our shares alone"),
        (path(When::LastAfterStranger), 10_000, "our shares and a stranger's, who may have reset the round"),
        (path(When::LastOfPeers), 2_000, "the share of a peer, of a node that hardly joins"),
        (newcomer(), 90_000, "our last share after those of peers, of a node that joins"),
    ] {
        let mut machine = after(seen);
        machine.observe(Moment::ZERO, answer(0));
        let before = machine.observe(millis(patience - 1), health(true, true));
        assert_eq!(machine.state().map(State::word), Some("joining"), "{who}");
        assert_eq!(before.action, Action::AskHealth, "{who}");
        let then = machine.observe(millis(patience), health(true, true));
        assert_eq!(then.action, Action::ReadSealStatus, "{who}");
    }
}

#[test]
fn silence_is_that_of_a_join_for_as_long_as_the_join_is_given_time() {
    for (at, word) in [(89_999, "joining"), (90_000, "unreachable")] {
        let mut machine = machine(When::Joining);
        machine.observe(millis(at), timeout());
        assert_eq!(machine.state().map(State::word), Some(word), "{at} ms");
    }
}

/// Only a round of our shares alone tells that it was not the right set.
#[test]
fn set_that_a_stranger_spoiled_goes_first_again() {
    let spoiled = vec![health(true, true), looked(1), sets(), answer(2), answer(0)];
    assert_eq!(goes_in(&mut after(spoiled), millis(10_000), 1), [0, 1, 2]);
    let alone = vec![health(true, true), looked(0), sets(), answer(1), answer(2), answer(0)];
    assert_eq!(goes_in(&mut after(alone), millis(90_000), 1), [5, 6, 7]);
}

/// Only a round of our shares alone tells that it was the right set.
#[test]
fn set_that_joined_its_cluster_with_a_strangers_share_is_not_known_as_the_good_one() {
    for (found, first) in [(0, [5, 6, 7]), (1, [0, 1, 2])] {
        // The first set led to nothing.
        let mut machine = after(vec![health(true, true), looked(0), sets(), answer(1), answer(2), answer(0)]);
        let mut now = millis(90_000);
        let mut second = vec![health(true, true), looked(found), sets()];
        second.extend((found + 1..3).map(answer));
        second.extend([answer(0), health(true, false)]);
        for seen in second {
            machine.observe(now, seen);
        }
        assert!(machine.state().is_some_and(State::is_unsealed));
        // It restarts.
        now += Duration::from_secs(60);
        machine.observe(now, gone(Unreachable::Refused));
        assert_eq!(goes_in(&mut machine, now, 2), first, "{found} shares of a stranger");
    }
}

#[test]
fn set_that_failed_is_not_known_as_the_good_one() {
    let wrong = || error(400, "cipher: message authentication failed");
    let mut machine = machine(When::Looking);
    let mut next = machine.observe(Moment::ZERO, looked(0)).action;
    let mut now = Moment::ZERO;
    let mut progress = 0;
    while !matches!(machine.state(), Some(State::SharesRejected { .. })) {
        now += millis(5_000);
        let seen = match next {
            Action::LoadShares(_) => sets(),
            Action::Submit { completes: true, .. } => {
                progress = 0;
                wrong()
            }
            Action::Submit { .. } => {
                progress += 1;
                answer(progress)
            }
            Action::Reset => answer(0),
            Action::ReadSealStatus => looked(0),
            Action::AskHealth => health(true, true),
        };
        next = machine.observe(now, seen).action;
    }
    machine.observe(now, Observation::Woken);
    assert_eq!(goes_in(&mut machine, now + millis(60_000), 1), [0, 1, 2]);
}
