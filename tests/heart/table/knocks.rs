//! How often a closed port is tried.

use super::answers::{gone, health};
use super::situation::{When, machine};
use std::time::Duration;
use vault_unseal::api::Unreachable;
use vault_unseal::unseal::knock_pause;

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
        (0, false, 1, 1, millis(9)),
        (1, false, 1, 1, millis(9)),
        (6, false, 1, 1, millis(50)),
        (30, false, 1, 1, millis(250)),
        (30, false, 4, 4, millis(1000)),
        (119, false, 1, 1, Some(at(119) / 120)),
        (0, true, 1000, 1000, millis(1000)),
        // The closed ports of one host are nothing to another's.
        (0, true, 1, 1000, millis(1)),
        (0, false, 1, 36, millis(9)),
        (0, false, 1, 1000, millis(250)),
        (0, false, 5, 10, millis(45)),
        (30, true, 1, 1, None),
        (120, false, 1, 1, None),
    ] {
        assert_eq!(knock_pause(at(refused), own, here, all), pause, "{refused} s, {own}, {here}, {all}");
    }
}

/// Less than a hundredth of an outage passes between two tries at another machine, at no more than 125 a second and 1,000 in
/// all, however many of its nodes are down.
#[test]
fn another_machine_is_tried_as_often_as_an_outage_deserves() {
    for nodes in [1_usize, 3] {
        let mut tries: Vec<Duration> = Vec::new();
        for node in 0..nodes {
            let mut now = Duration::from_millis(u64::try_from(node).unwrap());
            while let Some(pause) = knock_pause(now, false, nodes, nodes) {
                if nodes == 1 {
                    assert!(pause <= Duration::from_millis(10).max(now / 100), "{pause:?} at {now:?}");
                }
                now += pause;
                tries.push(now);
            }
        }
        tries.sort();
        let second = |from: &Duration| {
            tries.iter().filter(|at| (*from..*from + Duration::from_secs(1)).contains(*at)).count()
        };
        let most = tries.iter().map(second).max().unwrap();
        assert!(most <= 115 && tries.len() <= 900, "{most} in a second, {} in all", tries.len());
    }
}
