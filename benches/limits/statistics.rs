//! What many values say: the median, the 95th percentile, and how sure that is.

/// Times that values are drawn again.
const DRAWS: usize = 2000;

/// The value below which this part of the values is, interpolated.
pub(crate) fn quantile(mut values: Vec<f64>, part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = part * (values.len() - 1) as f64;
    let (low, high) = (values[at.floor() as usize], values[at.ceil() as usize]);
    low + (high - low) * at.fract()
}

/// The middle of the values.
pub(crate) fn median(values: Vec<f64>) -> f64 {
    quantile(values, 0.5)
}

/// The middle 95 % of what a statistic is when `count` rounds are drawn anew from themselves, some twice and some never
/// (bootstrap). The statistic gets the rounds that were drawn: values of one round stay together.
pub(crate) fn interval(count: usize, statistic: impl Fn(&[usize]) -> f64) -> (f64, f64) {
    // The same draws each time: the same values have the same verdict.
    let mut random = fastrand::Rng::with_seed(1);
    let draws: Vec<f64> = (0..DRAWS)
        .map(|_| statistic(&(0..count).map(|_| random.usize(..count)).collect::<Vec<_>>()))
        .collect();
    (quantile(draws.clone(), 0.025), quantile(draws, 0.975))
}

/// The median of the drawn ones.
pub(crate) fn median_of(values: &[f64], drawn: &[usize]) -> f64 {
    median(drawn.iter().map(|round| values[*round]).collect())
}
