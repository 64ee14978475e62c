//! How often a closed port is tried.

use super::answers::{gone, health};
use super::situation::{When, machine};
use std::time::Duration;
use vault_unseal::api::Unreachable;
use vault_unseal::unseal::{KnockBudget, knock_pause};

#[test]
fn only_a_closed_port_is_knocked_at_and_only_while_it_is_new() {
    let mut machine = machine(When::Unsealed);
    let at = |seconds| Duration::from_secs(seconds);
    let mut knocks = |seconds, cause| machine.observe(at(seconds), gone(cause)).refused_since;
    assert_eq!(knocks(10, Unreachable::Closed), None, "it may accept and close for ever");
    assert_eq!(knocks(11, Unreachable::Timeout(at(10))), None, "it swallows what it is sent");
    assert_eq!(knocks(12, Unreachable::Refused), Some(at(12)));
    assert_eq!(knocks(40, Unreachable::Refused), Some(at(12)), "the same outage");
    assert_eq!(machine.observe(at(50), health(true, false)).refused_since, None);
    assert_eq!(machine.observe(at(60), gone(Unreachable::Refused)).refused_since, Some(at(60)));
    let millis = |millis| Some(Duration::from_millis(millis));
    for (refused, own, here, all, pause) in [
        (0, true, 1, 1, millis(1)),
        (4, true, 1, 1, millis(1)),
        (5, true, 1, 1, millis(10)),
        (29, true, 1, 1, millis(10)),
        (0, false, 1, 1, millis(2)),
        (1, false, 1, 1, Some(at(1) / 120)),
        (6, false, 1, 1, millis(50)),
        (30, false, 1, 1, millis(250)),
        (30, false, 4, 4, millis(1000)),
        (119, false, 1, 1, Some(at(119) / 120)),
        (0, true, 1000, 1000, millis(1000)),
        // The closed ports of one host are nothing to another's.
        (0, true, 1, 1000, millis(1)),
        (0, false, 1, 36, millis(9)),
        (0, false, 1, 1000, millis(250)),
        (0, false, 5, 10, millis(10)),
        (30, true, 1, 1, None),
        (120, false, 1, 1, None),
    ] {
        assert_eq!(knock_pause(at(refused), own, here, all), pause, "{refused} s, {own}, {here}, {all}");
    }
}

/// When another machine is tried, one of whose nodes has its port closed during each of these `outages`: from when until when.
fn tries(outages: &[(Duration, Duration)]) -> Vec<Duration> {
    let mut budget = KnockBudget::default();
    let mut nodes: Vec<_> = outages.iter().map(|(closed, opens)| (*closed, *closed, *opens)).collect();
    let mut tries = Vec::new();
    // In the order in which they happen: the budget is one for all.
    while let Some(node) = nodes.iter_mut().min_by_key(|(next, ..)| *next) {
        let (next, closed, opens) = *node;
        let here = outages.iter().filter(|(closed, opens)| *closed <= next && next < *opens).count();
        match knock_pause(next.saturating_sub(closed), false, here, here).filter(|_| next < opens) {
            Some(pause) => {
                if next > closed {
                    tries.push(next);
                }
                node.0 = next + budget.book(next, pause);
            }
            None => node.0 = Duration::MAX,
        }
        nodes.retain(|(next, ..)| *next < Duration::MAX);
    }
    tries
}

fn most_in_a_second(tries: &[Duration]) -> usize {
    let second = |from: &Duration| {
        tries.iter().filter(|at| (*from..*from + Duration::from_secs(1)).contains(*at)).count()
    };
    tries.iter().map(second).max().unwrap_or_default()
}

/// No more than 125 a second, with two questions, however many of its nodes are down and however often.
const A_SECOND: usize = 123;

#[test]
fn another_machine_that_is_soon_back_is_tried_closely_and_else_as_often_as_its_outage_deserves() {
    let long = Duration::from_secs(150);
    for nodes in [1_usize, 3] {
        let tries = tries(&vec![(Duration::ZERO, long); nodes]);
        assert!(tries.len() <= 900 && most_in_a_second(&tries) <= A_SECOND, "{}", tries.len());
        for next in tries.windows(2).filter(|_| nodes == 1) {
            let lost = next[1].saturating_sub(next[0]);
            let most = if next[1] < Duration::from_millis(100) { 2 } else { 14 };
            assert!(lost <= Duration::from_millis(most).max(next[1] / 100), "{lost:?} at {next:?}");
        }
    }
}

#[test]
fn a_machine_that_is_gone_again_and_again_is_tried_no_more_often() {
    let millis = Duration::from_millis;
    for (down, up) in [(10, 1), (50, 10), (100, 100), (100, 500), (110, 890), (300, 700), (2000, 1)] {
        let outages: Vec<_> =
            (0..20).map(|at| (millis(at * (down + up)), millis(at * (down + up) + down))).collect();
        let most = most_in_a_second(&tries(&outages));
        assert!(most <= A_SECOND, "{most} in a second, {down} ms down, {up} ms up");
    }
}

#[test]
fn what_is_spared_for_a_machine_is_there_again_after_a_quiet_time() {
    let mut budget = KnockBudget::default();
    assert!(budget.is_whole(Duration::ZERO));
    let mut now = Duration::ZERO;
    while budget.book(now, Duration::from_millis(2)) == Duration::from_millis(2) {
        now += Duration::from_millis(2);
    }
    assert!(
        !budget.is_whole(now + Duration::from_millis(600))
            && budget.is_whole(now + Duration::from_millis(800))
    );
}
