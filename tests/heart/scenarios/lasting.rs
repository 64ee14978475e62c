//! Trouble that does not pass by itself is told: errors of the server's own, a rate limit, several servers behind one
//! address, no active node.

use super::{becomes, pass, secs, world};
use crate::fault::Fault;
use crate::model::{Model, refused};
use std::time::Duration;
use vault_unseal::api::{
    AnswerText, ConnectionEpoch, LogHint, Meaning, Refusal, Role, Unreachable, UnsealAnswer,
};
use vault_unseal::cluster::Pace;
use vault_unseal::external::ExternalText;
use vault_unseal::unseal::{Action, Delay, Event, Moment, NodeMachine, Observation, ShareCandidates, State};

fn failing(event: &Event) -> Option<(u32, bool)> {
    match event {
        Event::KeepsFailing { times, severe, to_shares: true, .. } => Some((*times, *severe)),
        _ => None,
    }
}

#[test]
fn errors_of_the_server_are_told_after_three_and_again_after_five_minutes() {
    let mut world = world(3, vec![(secs(0), Fault::Trouble(Meaning::Transient))]);
    pass(&mut world, secs(290));
    let told: Vec<_> = world.events().iter().filter_map(failing).collect();
    assert_eq!(told, [(3, false)]);
    pass(&mut world, secs(3600));
    let told: Vec<_> = world.events().iter().filter_map(failing).collect();
    assert_eq!(told.len(), 2, "once each: {told:?}");
    assert!(told[1].1);

    // What is over is over.
    world.suffer(Fault::TroubleOver);
    becomes(&mut world, "unsealed", secs(40));
    world.suffer(Fault::Trouble(Meaning::Transient));
    world.suffer(Fault::Crash);
    world.suffer(Fault::Start);
    pass(&mut world, secs(60));
    assert_eq!(world.events().iter().filter_map(failing).next_back(), Some((3, false)));
}

#[test]
fn one_error_or_two_are_not_told() {
    let mut world = world(3, vec![(secs(0), Fault::Trouble(Meaning::Transient))]);
    world.run(secs(5), |world| world.submissions() == 2);
    world.suffer(Fault::TroubleOver);
    becomes(&mut world, "unsealed", secs(10));
    assert_eq!(world.events(), [Event::Unsealed]);
}

#[test]
fn mid_join_is_no_error_of_the_server() {
    let mut world = world(3, vec![(secs(0), Fault::Trouble(Meaning::NoKeyring))]);
    pass(&mut world, secs(3600));
    assert_eq!(world.events(), []);
}

/// A machine and the time that passes for it.
struct Asked {
    machine: NodeMachine,
    now: Moment,
}

impl Asked {
    fn new() -> Self {
        let mut machine = NodeMachine::new(Pace::default(), 7);
        machine.start();
        // What its health says counts at once.
        machine.observe(Moment::ZERO, Observation::Woken);
        Self { machine, now: Moment::ZERO }
    }

    /// Sees the same each time it looks, for so long.
    fn sees(&mut self, time: Duration, seen: &Observation) -> Vec<Event> {
        let until = self.now + time;
        while self.now < until {
            let step = self.machine.observe(self.now, seen.clone());
            assert!(step.wait > Duration::ZERO);
            self.now += step.wait;
        }
        self.machine.take_events()
    }
}

fn unreachable(cause: Unreachable) -> Observation {
    Observation::Unreachable(cause)
}

#[test]
fn health_that_stays_an_error_is_severe_after_five_minutes() {
    let text = AnswerText::Text(ExternalText::new("Service Unavailable"));
    let mut asked = Asked::new();
    let page = unreachable(Unreachable::NotVault { status: 503, text: text.clone() });
    assert_eq!(asked.sees(secs(290), &page), []);
    let told = asked.sees(secs(600), &page);
    let [Event::KeepsFailing { status: 503, to_shares: false, severe: true, lasted, .. }] = told[..] else {
        panic!("{told:?}")
    };
    assert!((300..310).contains(&lasted.as_secs()), "{lasted:?}");

    // A page that was there for other reasons, or an answer in between, ends it.
    let mut asked = Asked::new();
    for _ in 0..10 {
        assert_eq!(asked.sees(secs(290), &page), []);
        assert_eq!(asked.sees(secs(1), &unreachable(Unreachable::Closed)), []);
    }
    let found = unreachable(Unreachable::NotVault { status: 404, text });
    assert_eq!(asked.sees(secs(600), &found), [], "that is no error of a server's own");
}

#[test]
fn seal_status_that_stays_an_error_is_told_and_asked_ever_more_rarely() {
    let text = AnswerText::Text(ExternalText::new("1 error occurred"));
    let page = unreachable(Unreachable::ServerError { status: 500, text });
    let health = Observation::Health(crate::model::Model::new(3, 3).health(), ConnectionEpoch::of(1));
    let mut machine = NodeMachine::new(Pace::default(), 7);
    let (mut step, mut now, mut asked, mut words) = (machine.start(), Moment::ZERO, 0, Vec::new());
    while now < secs(600) {
        now += step.wait;
        asked += 1;
        let seen = if step.action == Action::AskHealth { health.clone() } else { page.clone() };
        step = machine.observe(now, seen);
        words.push(machine.state().map(State::word));
    }
    assert!(asked < 120, "{asked}");
    words.dedup();
    assert_eq!(words, [None, Some("sealed")], "no flapping");
    let told = machine.take_events();
    assert!(matches!(told[..], [Event::KeepsFailing { status: 500, severe: true, .. }]), "{told:?}");
}

#[test]
fn rate_limit_is_obeyed_up_to_slow_interval() {
    for (asks, waits) in [(None, 1..2), (Some(7), 7..8), (Some(3600), 30..31)] {
        let mut machine = NodeMachine::new(Pace::default(), 7);
        machine.start();
        machine.observe(secs(5), Observation::Woken);
        let retry_after = asks.map(secs);
        let step = machine.observe(secs(5), unreachable(Unreachable::TooManyRequests { retry_after }));
        assert_eq!(step.action, Action::AskHealth);
        assert!(waits.contains(&step.wait.as_secs()), "{asks:?}: {:?}", step.wait);
        // That the connection ends meanwhile changes nothing.
        let after = machine.observe(secs(6), Observation::Left);
        if asks.is_some() {
            assert_eq!(after.wait, step.wait.saturating_sub(secs(1)));
        }
    }
}

#[test]
fn cluster_without_an_active_node_is_told_after_a_minute() {
    let health = |role| {
        let health = crate::model::Model::new(1, 1).health();
        Observation::Health(
            vault_unseal::api::Health { sealed: false, role, ..health },
            ConnectionEpoch::of(1),
        )
    };
    let (lost, found) = (health(Role::StandbyWithoutActive), health(Role::Standby));
    let mut asked = Asked::new();
    for _ in 0..3 {
        // An election.
        assert_eq!(asked.sees(secs(50), &lost), []);
        assert_eq!(asked.sees(secs(1), &found), []);
    }
    let told = asked.sees(secs(3600), &lost);
    let [Event::NoActiveNode { lasted }] = told[..] else { panic!("{told:?}") };
    assert!((60..63).contains(&lasted.as_secs()), "{lasted:?}");
    assert!(matches!(asked.machine.state(), Some(State::Unsealed { role: Role::StandbyWithoutActive })));
}

/// What is seen of a server that answers questions, and what becomes of its shares.
fn answers(
    time: Duration,
    submitted: impl Fn(&mut Model, usize, bool) -> Observation,
) -> (Vec<State>, Vec<Event>) {
    let mut model = Model::new(3, 3);
    let mut machine = NodeMachine::new(Pace::default(), 7);
    let (mut now, mut step, mut states) = (Moment::ZERO, machine.start(), Vec::new());
    let mut events = Vec::new();
    while now < time {
        now += step.wait + Duration::from_millis(1);
        let seen = match step.action {
            Action::LoadShares(_) => Observation::Shares(ShareCandidates { candidates: vec![vec![0, 1, 2]] }),
            Action::AskHealth => Observation::Health(model.health(), ConnectionEpoch::of(1)),
            Action::ReadSealStatus => Observation::SealStatus(model.seal_status(), ConnectionEpoch::of(1)),
            Action::Submit { share, completes } => submitted(&mut model, share, completes),
            Action::Reset => Observation::Answer(model.reset()),
        };
        step = machine.observe(now, seen);
        events.extend(machine.take_events());
        let state = machine.state().cloned();
        states.extend(state.filter(|state| states.last() != Some(state)));
    }
    (states, events)
}

fn words(states: &[State]) -> Vec<&'static str> {
    let mut words: Vec<_> = states.iter().map(State::word).collect();
    words.dedup();
    words
}

#[test]
fn shares_that_the_server_fails_to_use_are_one_state_and_told() {
    // It takes all but the last.
    let (states, events) = answers(secs(3600), |model, share, completes| {
        if completes {
            model.reset();
            return Observation::Answer(refused(Meaning::Transient));
        }
        Observation::Answer(model.submit(share, Moment::ZERO))
    });
    assert_eq!(words(&states), ["sealed", "unsealing", "sealed"], "{states:?}");
    assert!(matches!(states.last(), Some(State::Sealed { delay: Some(Delay::Refused(_)) })), "{states:?}");
    let told: Vec<_> = events.iter().filter_map(failing).map(|(_, severe)| severe).collect();
    assert_eq!(told, [false, true], "{events:?}");
}

#[test]
fn shares_that_do_not_get_through_are_one_state_whatever_stops_them() {
    let page = || Refusal::parse(502, b"<html>", LogHint::default());
    for cause in [None, Some(Unreachable::Closed), Some(Unreachable::Timeout(secs(1)))] {
        let (states, _) = answers(secs(3600), |_, _, _| match &cause {
            Some(cause) => Observation::Unreachable(cause.clone()),
            None => Observation::Answer(UnsealAnswer::Refused(page())),
        });
        assert_eq!(words(&states), ["sealed", "unsealing", "unreachable", "sealed"], "{states:?}");
        let Some(State::Sealed { delay: Some(Delay::NotThrough(told)) }) = states.last() else {
            panic!("{states:?}");
        };
        assert_eq!(
            *told,
            cause.unwrap_or(Unreachable::NotVault {
                status: 502,
                text: AnswerText::Withheld(LogHint::default())
            })
        );
    }
}

#[test]
fn server_that_went_away_under_a_share_is_not_said_to_be_kept_from_shares() {
    let mut machine = NodeMachine::new(Pace::default(), 7);
    let mut model = Model::new(3, 3);
    machine.start();
    let health = |model: &Model| Observation::Health(model.health(), ConnectionEpoch::of(1));
    let page = || Unreachable::NotVault { status: 502, text: AnswerText::Withheld(LogHint::default()) };
    machine.observe(secs(1), health(&model));
    machine.observe(secs(1), Observation::SealStatus(model.seal_status(), ConnectionEpoch::of(1)));
    machine.observe(secs(1), Observation::Shares(ShareCandidates { candidates: vec![vec![0, 1, 2]] }));
    machine.observe(secs(1), Observation::Unreachable(page()));
    machine.observe(secs(2), Observation::Unreachable(page()));
    assert_eq!(machine.state().map(State::word), Some("unreachable"));
    model.reset();
    machine.observe(secs(3), health(&model));
    assert_eq!(machine.state(), Some(&State::Sealed { delay: None }));
}

#[test]
fn seal_status_that_cannot_be_read_is_one_state_and_asked_for_ever_more_rarely() {
    let page = |status| Unreachable::NotVault { status, text: AnswerText::Withheld(LogHint::default()) };
    for cause in [Unreachable::Closed, page(403), page(502)] {
        let model = Model::new(3, 3);
        let mut machine = NodeMachine::new(Pace::default(), 7);
        let (mut now, mut step, mut states, mut looks) = (Moment::ZERO, machine.start(), Vec::new(), 0);
        while now < secs(3600) {
            now += step.wait + Duration::from_millis(1);
            let seen = match step.action {
                Action::AskHealth => Observation::Health(model.health(), ConnectionEpoch::of(1)),
                _ => Observation::Unreachable(cause.clone()),
            };
            step = machine.observe(now, seen);
            looks += 1;
            let state = machine.state().cloned();
            states.extend(state.filter(|state| states.last() != Some(state)));
        }
        let Some(State::Sealed { delay: Some(Delay::StatusUnread(told)) }) = states.last() else {
            panic!("{states:?}");
        };
        assert_eq!((told, words(&states)), (&cause, vec!["sealed", "unreachable", "sealed"]), "{states:?}");
        // Two questions a look, and a look every 30 s in the end.
        assert!(looks < 2 * 150, "{looks} questions in an hour");
        // Its seal status is read again: nothing of it stays.
        machine.observe(now, Observation::Health(model.health(), ConnectionEpoch::of(1)));
        machine.observe(now, Observation::SealStatus(model.seal_status(), ConnectionEpoch::of(1)));
        assert_eq!(machine.state(), Some(&State::Sealed { delay: None }));
    }
}

#[test]
fn server_that_went_away_before_its_seal_status_is_unreachable() {
    let model = Model::new(3, 3);
    let mut machine = NodeMachine::new(Pace::default(), 7);
    let health = || Observation::Health(model.health(), ConnectionEpoch::of(1));
    machine.start();
    for seen in [
        health(),
        Observation::Unreachable(Unreachable::Closed),
        Observation::Unreachable(Unreachable::Refused),
    ] {
        machine.observe(secs(1), seen);
    }
    assert_eq!(machine.state().map(State::word), Some("unreachable"));
    // Nor is it taken for the same trouble when that happens once more.
    for seen in [health(), Observation::Unreachable(Unreachable::Closed)] {
        machine.observe(secs(2), seen);
    }
    assert_eq!(machine.state().map(State::word), Some("unreachable"));
}
