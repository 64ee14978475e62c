//! How many failed rounds prove what.

use super::*;
use crate::api::LogHint;

fn refusal(text: &str) -> Refusal {
    Refusal::parse(500, format!("{{\"errors\":[\"{text}\"]}}").as_bytes(), LogHint::default())
}

fn attempt(candidates: &[&[usize]]) -> Attempt {
    let candidates = candidates.iter().map(|set| set.to_vec()).collect();
    Attempt::new(2, candidates, 0, Round::default(), false)
}

/// After how many rounds of ours alone there is nothing left to try; `right`: each shows that the set is the right one.
fn failures(attempt: &mut Attempt, right: bool) -> usize {
    let refusal = refusal(if right { "Unseal failed, invalid key" } else { "message authentication failed" });
    1 + (0..100).take_while(|_| attempt.failed_alone(refusal, right)).count()
}

#[test]
fn each_set_fails_more_often_where_somebody_else_is_at_work() {
    let sets: [&[usize]; 3] = [&[0, 1], &[0, 2], &[1, 2]];
    // The first twice, the others once.
    let mut alone = attempt(&sets);
    assert_eq!(failures(&mut alone, false), 2 + 1 + 1);
    assert!(!alone.calm(), "he may not have been seen");
    assert_eq!(failures(&mut alone, false), 3);
    assert!(alone.calm());

    let mut disturbed = attempt(&sets);
    disturbed.disturb();
    assert_eq!(failures(&mut disturbed, false), 3 * 4);
    assert!(!disturbed.calm());
    // He is back.
    disturbed.disturb();
    assert!(!disturbed.calm());
}

#[test]
fn only_set_is_proved_wrong_unless_somebody_was_at_work() {
    let mut alone = attempt(&[&[0, 1]]);
    assert_eq!(failures(&mut alone, false), 2);
    assert!(alone.calm());
    let mut disturbed = attempt(&[&[0, 1]]);
    disturbed.disturb();
    assert_eq!(failures(&mut disturbed, false), 4);
    assert!(!disturbed.calm());
}

#[test]
fn set_that_must_be_right_is_tried_once_more_before_the_server_is_called_damaged() {
    let sets: [&[usize]; 2] = [&[0, 1], &[0, 2]];
    let mut alone = attempt(&sets);
    assert_eq!(failures(&mut alone, true), 2);
    assert!(alone.calm());
    let mut disturbed = attempt(&sets);
    disturbed.disturb();
    assert_eq!(failures(&mut disturbed, true), 4);
    assert!(!disturbed.calm());
    // Nobody else is seen any more.
    assert_eq!(failures(&mut disturbed, true), 2);
    assert!(disturbed.calm());
}
