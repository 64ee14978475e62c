//! How often something took how long, in buckets that never change.

use std::time::Duration;

/// How many buckets each has.
pub(super) const BUCKETS: usize = 12;

/// Observations in buckets, as Prometheus counts them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    /// Upper bounds in microseconds, ascending; what is above the last is in none.
    bounds: &'static [u32; BUCKETS],
    /// Of each bucket alone.
    counts: [u64; BUCKETS],
    sum: Duration,
    count: u64,
}

impl Histogram {
    /// One without observations.
    pub fn new(bounds: &'static [u32; BUCKETS]) -> Self {
        Self { bounds, counts: [0; BUCKETS], sum: Duration::ZERO, count: 0 }
    }

    /// Counts one.
    pub fn observe(&mut self, took: Duration) {
        let bucket = self.bounds.iter().position(|bound| took <= micros(*bound));
        if let Some(count) = bucket.and_then(|bucket| self.counts.get_mut(bucket)) {
            *count += 1;
        }
        self.sum = self.sum.saturating_add(took);
        self.count += 1;
    }

    /// Each upper bound, and how many observations are not above it.
    pub fn cumulative(&self) -> impl Iterator<Item = (Duration, u64)> + '_ {
        let add = |sum: &mut u64, (bound, count): (&u32, &u64)| {
            *sum += count;
            Some((micros(*bound), *sum))
        };
        self.bounds.iter().zip(&self.counts).scan(0, add)
    }

    /// All observations together.
    pub fn sum(&self) -> Duration {
        self.sum
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.count
    }
}

fn micros(bound: u32) -> Duration {
    Duration::from_micros(bound.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn observation_is_counted_in_its_bucket_and_in_those_above() {
        const BOUNDS: [u32; BUCKETS] = {
            let mut bounds = [30_000_000; BUCKETS];
            (bounds[0], bounds[1]) = (100_000, 1_000_000);
            bounds
        };
        let mut histogram = Histogram::new(&BOUNDS);
        for millis in [100, 101, 1_000, 60_000] {
            histogram.observe(Duration::from_millis(millis));
        }
        let counted: Vec<_> = histogram.cumulative().map(|(_, count)| count).take(3).collect();
        assert_eq!(counted, [1, 3, 3], "a bound is in its bucket");
        assert_eq!((histogram.count(), histogram.sum()), (4, Duration::from_millis(61_201)));
    }
}
