//! Short pauses, one after the other.

use std::pin::Pin;
use std::time::{Duration, Instant};
use tokio::time::{Sleep, sleep_until};

/// Waits from tick to tick. The timer of the one that follows is with the loop already when one is due: a timer that is due
/// before all others of the loop wakes it once more when it is set, and its turns are most of what a short pause costs.
pub(super) struct Ticker {
    /// The last tick.
    due: Instant,
    sleep: Pin<Box<Sleep>>,
    /// For the tick after it, if its pause is the same.
    ahead: Pin<Box<Sleep>>,
}

impl Ticker {
    /// The first pause begins now.
    pub(super) fn begin() -> Self {
        let now = Instant::now();
        Self { due: now, sleep: Box::pin(sleep_until(now.into())), ahead: Box::pin(sleep_until(now.into())) }
    }

    /// Returns `pause` after the last tick: timers count whole milliseconds, and a short pause from the end of one would be
    /// twice as long. What is missed is not made up for.
    pub(super) async fn tick(&mut self, pause: Duration) {
        self.due = (self.due + pause).max(Instant::now());
        std::mem::swap(&mut self.sleep, &mut self.ahead);
        for (sleep, due) in [(&mut self.sleep, self.due), (&mut self.ahead, self.due + pause)] {
            if sleep.deadline() != due.into() {
                sleep.as_mut().reset(due.into());
            }
        }
        self.sleep.as_mut().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn ticks_come_after_their_pauses_and_those_missed_do_not_come_at_all() {
        let began = Instant::now();
        let mut ticker = Ticker::begin();
        let mut least = Duration::ZERO;
        for pause in [1, 1, 1, 5, 5, 2, 1, 20, 1].map(Duration::from_millis) {
            ticker.tick(pause).await;
            least += pause;
            assert!(began.elapsed() >= least, "{pause:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
        let late = Instant::now();
        ticker.tick(Duration::from_millis(1)).await;
        assert!(ticker.due >= late, "at once");
        let next = ticker.due + Duration::from_millis(1);
        ticker.tick(Duration::from_millis(1)).await;
        assert!(ticker.due >= next && Instant::now() >= next);
    }

    #[tokio::test]
    async fn the_timer_of_the_next_tick_is_set_before_one_comes() {
        let mut ticker = Ticker::begin();
        let pause = Duration::from_millis(1);
        for _ in 0..3 {
            ticker.tick(pause).await;
            assert_eq!(ticker.ahead.deadline(), (ticker.due + pause).into());
        }
    }
}
