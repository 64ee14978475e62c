//! How often a closed port is tried.

use super::answers::{gone, health};
use super::situation::{When, machine};
use std::time::Duration;
use vault_unseal::api::Unreachable;
use vault_unseal::unseal::{ProbeBudget, probe_pause};

#[test]
fn only_a_closed_port_is_probed_and_only_while_it_is_new() {
    let mut machine = machine(When::Unsealed);
    let at = |seconds| Duration::from_secs(seconds);
    let mut probes = |seconds, cause| machine.observe(at(seconds), gone(cause)).refused_since;
    assert_eq!(probes(10, Unreachable::Closed), None, "it may accept and close for ever");
    assert_eq!(probes(11, Unreachable::Timeout(at(10))), None, "it swallows what it is sent");
    assert_eq!(probes(12, Unreachable::Refused), Some(at(12)));
    assert_eq!(probes(40, Unreachable::Refused), Some(at(12)), "the same outage");
    assert_eq!(machine.observe(at(50), health(true, false)).refused_since, None);
    assert_eq!(machine.observe(at(60), gone(Unreachable::Refused)).refused_since, Some(at(60)));
    let millis = |millis| Some(Duration::from_millis(millis));
    for (refused, own, here, all, pause) in [
        (0, true, 1, 1, millis(1)),
        (4, true, 1, 1, millis(1)),
        (5, true, 1, 1, millis(10)),
        (29, true, 1, 1, millis(10)),
        (0, false, 1, 1, millis(3)),
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
        (0, false, 5, 10, millis(15)),
        (30, true, 1, 1, None),
        (120, false, 1, 1, None),
    ] {
        assert_eq!(probe_pause(at(refused), own, here, all), pause, "{refused} s, {own}, {here}, {all}");
    }
}

/// A node of another machine: from when until when its port is closed, and how often its daemon asks it meanwhile, and then
/// plans its next try anew.
type Outage = (Duration, Duration, Duration);

/// When the machine is tried, and for which node: in the order in which it happens, as the budget is one for all.
fn tries(outages: &[Outage]) -> Vec<(Duration, usize)> {
    let mut budget = ProbeBudget::default();
    // The next try of each, if it is planned, and its next question.
    let mut nodes: Vec<(Option<Duration>, Duration)> =
        outages.iter().map(|(closed, ..)| (None, *closed)).collect();
    let mut tries = Vec::new();
    loop {
        let next = |(tried, asked): &(Option<Duration>, Duration)| tried.unwrap_or(*asked).min(*asked);
        let (at, now) = nodes.iter().map(next).enumerate().min_by_key(|(_, now)| *now).unwrap();
        if now == Duration::MAX {
            return tries;
        }
        let ((closed, opens, asks), (tried, asked)) = (outages[at], nodes[at]);
        if now >= opens {
            nodes[at] = (None, Duration::MAX);
            continue;
        }
        if tried == Some(now) && budget.take(now) {
            tries.push((now, at));
        }
        let here = outages.iter().filter(|(closed, opens, _)| *closed <= now && now < *opens).count();
        let pause = probe_pause(now.saturating_sub(closed), false, here, here);
        let asked = if asked == now { now + asks } else { asked };
        nodes[at] = (pause.map(|pause| now + budget.wait(now, pause)), asked);
    }
}

fn most_in_a_second(tries: &[(Duration, usize)]) -> usize {
    let second = |from: Duration| tries.iter().filter(|(at, _)| (from..from + SECOND).contains(at)).count();
    tries.iter().map(|(at, _)| second(*at)).max().unwrap_or_default()
}

const SECOND: Duration = Duration::from_secs(1);
/// No more than 125 with the questions of one node.
const A_SECOND: usize = 122;
const NEVER: Duration = Duration::from_secs(3600);

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn another_machine_that_is_soon_back_is_tried_closely_and_else_as_often_as_its_outage_deserves() {
    for nodes in [1_usize, 3] {
        let tries = tries(&vec![(Duration::ZERO, 150 * SECOND, NEVER); nodes]);
        assert!(tries.len() <= 900 && most_in_a_second(&tries) <= A_SECOND, "{}", tries.len());
        assert!(tries.len() > 600 && tries.last().unwrap().0 > 110 * SECOND, "{}", tries.len());
        for next in tries.windows(2).filter(|_| nodes == 1) {
            let ((earlier, _), (later, _)) = (next[0], next[1]);
            let most = if later < millis(90) { 3 } else { 10 };
            let lost = later.saturating_sub(earlier);
            assert!(lost <= millis(most).max(later / 100), "{lost:?} before {later:?}");
        }
    }
}

#[test]
fn a_machine_that_is_gone_again_and_again_is_tried_no_more_often_and_each_time() {
    for (down, up) in [(20, 1), (50, 10), (100, 100), (100, 500), (110, 890), (300, 700), (2000, 1)] {
        let outage = |at: u64| (millis(at * (down + up)), millis(at * (down + up) + down), NEVER);
        let tries = tries(&(0..20).map(outage).collect::<Vec<_>>());
        let most = most_in_a_second(&tries);
        assert!(most <= A_SECOND, "{most} in a second, {down} ms down, {up} ms up");
        let tried = (0..20_usize).filter(|outage| tries.iter().any(|(_, of)| of == outage)).count();
        assert_eq!(tried, 20, "{down} ms down, {up} ms up");
    }
}

#[test]
fn a_node_that_just_left_is_tried_closely_beside_others_of_its_host_that_are_long_away() {
    for others in [1, 2, 5] {
        let left = 100 * SECOND;
        let mut outages = vec![(Duration::ZERO, 110 * SECOND, SECOND); others];
        outages.push((left, 110 * SECOND, millis(500)));
        let tries = tries(&outages);
        let soon = tries.iter().filter(|(at, of)| *of == others && *at < left + SECOND).count();
        assert!(soon >= 40, "{soon} in its first second, beside {others}");
    }
}

/// A hundred nodes of one host plan more tries than are made: each question cuts a pause short.
#[test]
fn tries_that_are_given_up_keep_nobody_from_later_ones() {
    let mut outages = vec![(Duration::ZERO, 30 * SECOND, millis(500)); 100];
    outages.push((32 * SECOND, 33 * SECOND, millis(500)));
    let tries = tries(&outages);
    assert!(most_in_a_second(&tries) <= A_SECOND);
    let later = tries.iter().filter(|(_, of)| *of == 100).count();
    assert!(later > 90, "{later}");
}

#[test]
fn a_budget_that_was_used_up_is_full_again_after_a_quiet_time() {
    let mut budget = ProbeBudget::default();
    assert!(budget.is_full(Duration::ZERO));
    while budget.take(Duration::ZERO) {}
    assert!(!budget.is_full(millis(200)) && budget.is_full(millis(220)));
}
