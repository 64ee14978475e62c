//! Where a machine is when an answer comes.

use super::answers::{answer, error, gone, health, healthy, looked};
use vault_unseal::api::{ConnectionEpoch, Health, Unreachable};
use vault_unseal::cluster::Pace;
use vault_unseal::external::ExternalText;
use vault_unseal::unseal::{Action, Moment, NodeMachine, Observation, ShareCandidates, State, Step};

/// Where the machine is when the answer comes: it holds three shares of a threshold of three, unless said.
#[derive(Debug, Clone, Copy)]
pub(super) enum When {
    /// It was just started, and asked for the seal status.
    Started,
    /// It could not be told that, and asked for the health.
    AskedHealth,
    /// It saw the server unsealed, then its port closed and open again, and asked for the seal status.
    Returned,
    /// The same of a server that it never saw before.
    Reopened,
    /// The same, and it gave its shares up before.
    RejectedAndReturned,
    /// It saw the server unsealed.
    Unsealed,
    /// It asked for the seal status of a sealed server.
    Looking,
    /// Its first share is on the way.
    First,
    /// Its last share is on the way.
    Last,
    /// The same, with one stranger's share in the round.
    LastAfterStranger,
    /// Its round failed once and the reset is on the way.
    Resetting,
    /// A join is under way.
    Joining,
    /// It holds one share of three, which is in.
    Waiting,
    /// It holds one share of three, which is on the way after two of its peers'.
    LastOfPeers,
    /// Its round failed twice, and it looks whether others are at work.
    Doubting,
    /// It gave its shares up.
    Rejected,
    /// It asked for the seal status of a server that says that it is not initialised.
    Bare,
    /// The same, of one that it saw unsealed.
    LostSight,
}

/// A machine in that situation.
pub(super) fn machine(when: When) -> NodeMachine {
    at(when).0
}

/// The same, and its last step.
fn at(when: When) -> (NodeMachine, Step) {
    let mut machine = NodeMachine::new(Pace::default(), 7);
    let mut step = machine.start();
    for seen in path(when) {
        step = machine.observe(Moment::ZERO, seen);
    }
    (machine, step)
}

/// What leads to that situation.
pub(super) fn path(when: When) -> Vec<Observation> {
    let three = || Observation::Shares(ShareCandidates { candidates: vec![vec![0, 1, 2]] });
    let back = || vec![gone(Unreachable::Refused), Observation::Returned];
    let one = || Observation::Shares(ShareCandidates { candidates: vec![vec![0]] });
    let look = || vec![health(true, true), looked(0)];
    let wrong = || error(400, "cipher: message authentication failed");
    let last = || [look(), vec![three(), answer(1), answer(2)]].concat();
    let doubting = || [last(), vec![wrong(), answer(0), answer(1), answer(2), wrong()]].concat();
    match when {
        When::Started => vec![],
        When::AskedHealth => vec![gone(Unreachable::Closed)],
        When::Returned => [vec![health(true, false)], back()].concat(),
        When::Reopened => back(),
        When::RejectedAndReturned => [path(When::Rejected), back()].concat(),
        When::Unsealed => vec![health(true, false)],
        When::Looking => vec![health(true, true)],
        When::Bare => vec![health(false, true)],
        When::LostSight => vec![health(true, false), health(false, true)],
        When::First => [look(), vec![three()]].concat(),
        When::Last => last(),
        When::LastAfterStranger => {
            vec![health(true, true), looked(1), three(), answer(2)]
        }
        When::Resetting => [last(), vec![wrong()]].concat(),
        When::Joining => [last(), vec![answer(0)]].concat(),
        When::Waiting => [look(), vec![one(), answer(1)]].concat(),
        When::LastOfPeers => vec![health(true, true), looked(2), one()],
        When::Doubting => doubting(),
        When::Rejected => [doubting(), vec![looked(0); 9]].concat(),
    }
}

#[test]
fn the_situations_are_what_they_claim() {
    for (when, word, keep_shares) in [
        (When::Started, "none", false),
        (When::AskedHealth, "none", false),
        (When::Returned, "unreachable", false),
        (When::Reopened, "unreachable", false),
        (When::RejectedAndReturned, "unreachable", false),
        (When::Unsealed, "unsealed", false),
        (When::Looking, "sealed", false),
        (When::First, "unsealing", true),
        (When::Last, "unsealing", true),
        (When::LastAfterStranger, "unsealing", true),
        (When::Resetting, "sealed", true),
        (When::Joining, "joining", false),
        (When::Waiting, "waiting-for-peers", false),
        (When::LastOfPeers, "unsealing", true),
        (When::Doubting, "sealed", true),
        (When::Rejected, "shares-rejected", false),
        (When::Bare, "none", false),
        (When::LostSight, "sealed", false),
    ] {
        let (machine, step) = at(when);
        assert_eq!(machine.state().map_or("none", State::word), word, "{when:?}");
        assert_eq!(step.keep_shares, keep_shares, "{when:?}");
    }
}

/// Other shares may be in the source before all sets of these are proved wrong.
#[test]
fn the_source_is_watched_while_rounds_fail() {
    for (when, watched) in [(When::First, false), (When::Resetting, true), (When::Doubting, true)] {
        assert_eq!(at(when).1.watch_share_source, watched, "{when:?}");
    }
}

/// A keyring that the stored keys do not decrypt may be another server's, and so may the shares be.
#[test]
fn the_source_is_watched_where_other_shares_may_mend_a_damage() {
    for (text, watched) in [
        ("Unseal failed, invalid key", true),
        ("core: barrier reports initialized but no seal configuration found", false),
    ] {
        let mut machine = NodeMachine::new(Pace::default(), 7);
        machine.start();
        let version = Some(ExternalText::new("2.7.2"));
        let health = Health { version, ..healthy(true, true) };
        machine.observe(Moment::ZERO, Observation::Health(health, ConnectionEpoch::of(1)));
        for seen in path(When::LastOfPeers).into_iter().skip(1) {
            machine.observe(Moment::ZERO, seen);
        }
        let step = machine.observe(Moment::ZERO, error(500, text));
        assert_eq!(machine.state().map(State::word), Some("damaged"), "{text}");
        assert_eq!(step.watch_share_source, watched, "{text}");
    }
}

/// Another is left time to see nobody, however slow the one look was that showed him; but not for long.
#[test]
fn one_slow_look_does_not_put_the_next_round_off_for_long() {
    for seed in 0..100 {
        let mut machine = NodeMachine::new(Pace::default(), seed);
        machine.start();
        for seen in path(When::Doubting) {
            machine.observe(Moment::ZERO, seen);
        }
        let next = machine.observe(Moment::from_secs(9), looked(1));
        assert!(next.action == Action::Reset && next.wait <= Moment::from_secs(12), "{next:?}");
    }
}
