//! When healthy nodes are looked at: at times that they share with each other and with the loop.
//!
//! The loop keeps its timers in slots of 64 ms, counted from its own beginning, and wakes at the beginning of a slot to sort
//! what is due in it. A timer that is due at that very moment takes one wake-up, any other two: of a look each second that
//! is a third of all.

use std::pin::Pin;
use std::time::{Duration, Instant};
use tokio::task::unconstrained;
use tokio::time::{Sleep, sleep_until};

/// A slot of the loop's timers, in milliseconds.
const SLOT_MILLIS: u64 = 64;
/// The same.
const SLOT: Duration = Duration::from_millis(SLOT_MILLIS);
/// Shorter pauses are kept to the millisecond.
const SHORTEST: Duration = Duration::from_secs(1);
/// So many nodes share a wake-up: 3 ms of work. The next ones have the next slot.
const TOGETHER: u64 = 64;
/// How much later than the loop itself its beginning may be noted: timers are rounded up to whole milliseconds.
const LATE: Duration = Duration::from_micros(750);

/// The slots of the loop's timers.
#[derive(Debug, Clone, Copy)]
pub struct Grid {
    began: Instant,
}

impl Grid {
    /// To be called as soon as the loop is made: its timers count from then. Where that is noted too late, looks take a
    /// wake-up more, and nothing else.
    pub fn begin() -> Self {
        let now = Instant::now();
        Self { began: now.checked_sub(LATE).unwrap_or(now) }
    }

    /// The time of the look that follows in about `interval` at a node of this `place`: never more than a slot later, and
    /// always the same slot of so many as there are in an interval, so that many nodes are spread over it. Only the first
    /// of a node may come much sooner.
    fn next(self, now: Instant, interval: Duration, place: u64) -> Instant {
        let slots = |time: Duration| u64::try_from(time.as_nanos() / SLOT.as_nanos()).unwrap_or(u64::MAX);
        let every = slots(interval.saturating_add(SLOT / 2)).max(1);
        let asked = now + interval;
        let last = slots((asked + SLOT).saturating_duration_since(self.began));
        let ahead = (last % every + every - place % every) % every;
        self.began
            .checked_add(Duration::from_millis(last.saturating_sub(ahead).saturating_mul(SLOT_MILLIS)))
            .unwrap_or(asked)
    }
}

/// One node's timer. It stays with the loop from look to look: each new one would wake the loop once more.
pub(super) struct Alarm {
    grid: Grid,
    place: u64,
    sleep: Pin<Box<Sleep>>,
    /// Of a node at rest, for the look after the next. When no timer that is due earlier is with the loop, each that is set
    /// wakes it once more, that of a request's limit too. It stays when the node is at rest no longer, and rings for nobody.
    ahead: Option<Pin<Box<Sleep>>>,
    /// The loop counts whole milliseconds, and at once means at once: an unsealing has six steps.
    at_once: bool,
    /// That of a node at rest.
    interval: Option<Duration>,
}

impl Alarm {
    /// Of the node before which so many were begun to be watched: [`TOGETHER`] have a slot in common.
    pub(super) fn of(grid: Grid, earlier: u64) -> Self {
        let sleep = Box::pin(sleep_until(Instant::now().into()));
        Self { grid, place: earlier / TOGETHER, sleep, ahead: None, at_once: true, interval: None }
    }

    /// Rings after `wait`; where that is the `interval` of a healthy node, about then. Returns when.
    pub(super) fn set(&mut self, wait: Duration, interval: Option<Duration>) -> Instant {
        let now = Instant::now();
        self.interval = interval.filter(|interval| wait == *interval && wait >= SHORTEST);
        let due = if self.interval.is_some() { self.grid.next(now, wait, self.place) } else { now + wait };
        self.at_once = wait.is_zero();
        if !self.at_once && self.sleep.deadline() != due.into() {
            self.sleep.as_mut().reset(due.into());
        }
        due
    }

    /// Before a node at rest is asked: sets the timer of its next look, which will most likely stay as it is after its answer,
    /// and that of the look after it.
    pub(super) fn set_ahead(&mut self) {
        let Some(interval) = self.interval else { return };
        let ahead = self.ahead.get_or_insert_with(|| Box::pin(sleep_until(self.grid.began.into())));
        std::mem::swap(&mut self.sleep, ahead);
        let due = self.set(interval, Some(interval));
        let after = self.grid.next(due, interval, self.place).into();
        if let Some(ahead) = self.ahead.as_mut().filter(|ahead| ahead.deadline() != after) {
            ahead.as_mut().reset(after);
        }
    }

    /// Returns when it rings, and whenever it is asked again until it is set anew.
    pub(super) async fn rings(&mut self) {
        if !self.at_once {
            // A server that never stops sending uses up what one turn may read, and would keep this from ringing.
            unconstrained(self.sleep.as_mut()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::future::Future;
    use std::task::{Context, Poll, Waker};

    const SECOND: Duration = Duration::from_secs(1);

    fn slots(grid: Grid, time: Instant) -> u64 {
        let since = time - grid.began;
        assert_eq!(since.as_nanos() % SLOT.as_nanos(), 0, "{since:?}");
        u64::try_from(since.as_nanos() / SLOT.as_nanos()).unwrap()
    }

    #[test]
    fn looks_keep_their_place_however_long_an_answer_takes_and_never_come_late() {
        let grid = Grid::begin();
        for (interval, every) in [(1000, 16), (1001, 16), (1500, 23), (5000, 78), (60_000, 938)] {
            let interval = Duration::from_millis(interval);
            for place in [0, 1, 15, 1000, u64::MAX] {
                let mut now = grid.began + Duration::from_millis(777);
                for look in 0..200 {
                    let next = grid.next(now, interval, place);
                    let slot = slots(grid, next);
                    assert_eq!(slot % every, place % every, "{interval:?} {place}");
                    assert!(next > now && next <= now + interval + SLOT, "{interval:?} {place} {look}");
                    if look > 0 {
                        let earlier = slots(grid, now) / every;
                        assert_eq!(slot / every, earlier + 1, "none is left out");
                    }
                    // What an answer takes, up to most of a second, is not added up.
                    let answered = next + Duration::from_millis(look * 4);
                    now = next;
                    if answered + interval + SLOT < next + SLOT * u32::try_from(2 * every).unwrap() {
                        assert_eq!(grid.next(answered, interval, place), grid.next(next, interval, place));
                    }
                }
            }
        }
    }

    #[tokio::test]
    async fn nodes_are_spread_over_the_interval() {
        let grid = Grid::begin();
        let now = grid.began + SECOND;
        let mut at = BTreeMap::<u64, usize>::new();
        for node in 0..2048 {
            let place = Alarm::of(grid, node).place;
            *at.entry(slots(grid, grid.next(now, SECOND, place))).or_default() += 1;
            let few = node < 64;
            assert!(!few || at.len() == 1, "few share all their wake-ups");
        }
        assert_eq!(at.len(), 16);
        assert!(at.values().all(|nodes| *nodes == 128), "{at:?}");
    }

    fn rings(alarm: &mut Alarm) -> bool {
        let mut rings = std::pin::pin!(alarm.rings());
        rings.as_mut().poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
    }

    #[tokio::test]
    async fn an_alarm_rings_when_it_was_set_last() {
        let mut alarm = Alarm::of(Grid::begin(), 700);
        assert!(rings(&mut alarm), "a node is looked at at once");
        let hour = 3600 * SECOND;
        let due = alarm.set(hour, None);
        assert!(!rings(&mut alarm));
        assert!(alarm.set(Duration::ZERO, None) < due);
        assert!(rings(&mut alarm));
        alarm.set(hour, Some(hour));
        assert!(!rings(&mut alarm), "at once was before");
        alarm.set(Duration::from_millis(1), None);
        alarm.rings().await;
        assert!(rings(&mut alarm), "until it is set anew");
        alarm.set(hour, Some(hour));
        assert!(!rings(&mut alarm));
    }

    #[tokio::test]
    async fn the_timer_of_the_look_after_the_next_is_with_the_loop_when_one_rings() {
        let mut alarm = Alarm::of(Grid::begin(), 700);
        let interval = 3 * SECOND;
        let due = alarm.set(interval, Some(interval));
        assert!(alarm.ahead.is_none(), "not for what may never come to rest");
        alarm.set_ahead();
        for look in 0..3 {
            // As if it had rung.
            let earlier = alarm.grid.began;
            alarm.sleep.as_mut().reset(earlier.into());
            let ahead = alarm.ahead.as_mut().unwrap();
            ahead.as_mut().reset(due.into());
            let ahead: *const Sleep = &raw const **ahead;
            alarm.set_ahead();
            assert!(std::ptr::eq(ahead, &raw const *alarm.sleep), "{look}: it was there");
            assert_eq!(alarm.sleep.deadline(), due.into(), "{look}");
            let after = alarm.grid.next(due, interval, alarm.place);
            assert_eq!(alarm.ahead.as_ref().unwrap().deadline(), after.into(), "{look}");
        }
    }

    #[tokio::test]
    async fn only_pauses_of_healthy_nodes_are_moved() {
        let mut alarm = Alarm::of(Grid::begin(), 700);
        let interval = 3 * SECOND;
        let mut exact = |wait: Duration, interval| {
            let before = Instant::now();
            let due = alarm.set(wait, interval);
            before + wait <= due && due <= Instant::now() + wait
        };
        for wait in [1, 20, 999, 1000, 2999, 3001, 60_000].map(Duration::from_millis) {
            assert!(exact(wait, None), "{wait:?}");
            assert!(exact(wait, Some(interval)), "{wait:?}, of a node that is looked at every {interval:?}");
        }
        let often = Duration::from_millis(500);
        assert!(exact(often, Some(often)));
        let grid = alarm.grid;
        alarm.set(often, Some(often));
        let due = alarm.sleep.deadline();
        alarm.set_ahead();
        assert_eq!(alarm.sleep.deadline(), due, "it is not at rest");
        let due = alarm.set(interval, Some(interval));
        assert_eq!(slots(grid, due) % 47, alarm.place % 47);
        alarm.set(Duration::ZERO, Some(interval));
        alarm.set_ahead();
        assert_eq!(alarm.sleep.deadline(), due.into(), "it was set and stays so");
        alarm.set(interval, Some(interval));
        alarm.sleep.as_mut().reset(grid.began.into());
        alarm.set_ahead();
        let due = alarm.sleep.deadline().into_std();
        assert_eq!(slots(grid, due) % 47, alarm.place % 47, "of a node at rest, the same");
    }
}
