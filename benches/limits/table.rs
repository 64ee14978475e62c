//! What was measured: rows, and the verdict on each that has a limit.

use serde_json::{Value, json};

use super::statistics::{interval, median, median_of, quantile};

/// Whose a number is, where nobody is compared.
pub(crate) const DAEMON: &str = "daemon";
/// The daemon beside the bare loop.
pub(crate) const COMPARED: &str = "compared";

/// A number, the unit it is in, and what it must not exceed.
pub(crate) struct Row {
    pub(crate) part: String,
    pub(crate) measure: String,
    /// Which column of its measure it is: the daemon, the bare loop, their ratio, another program.
    pub(crate) of: String,
    pub(crate) unit: Unit,
    /// How many values it stands for.
    pub(crate) n: usize,
    /// The median of them.
    pub(crate) value: f64,
    pub(crate) p95: Option<f64>,
    /// Where the median lies, with 95 % certainty.
    pub(crate) interval: Option<(f64, f64)>,
    pub(crate) limit: Option<f64>,
}

/// What a number counts.
#[derive(Clone, Copy)]
pub(crate) enum Unit {
    Megabytes,
    Kibibytes,
    Milliseconds,
    Microseconds,
    /// Of one core.
    Percent,
    Ratio,
    Count,
}

impl Unit {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Megabytes => "MB",
            Self::Kibibytes => "KiB",
            Self::Milliseconds => "ms",
            Self::Microseconds => "µs",
            Self::Percent => "%",
            Self::Ratio => "x",
            Self::Count => "",
        }
    }

    /// Without the unit.
    pub(crate) fn figure(self, value: f64) -> String {
        match self {
            Self::Megabytes | Self::Ratio => format!("{value:.2}"),
            Self::Milliseconds if value.abs() < 1.0 => format!("{value:.3}"),
            Self::Milliseconds if value.abs() < 100.0 => format!("{value:.1}"),
            Self::Percent => format!("{value:.1}"),
            Self::Count if value.fract() != 0.0 && value < 100.0 => format!("{value:.1}"),
            Self::Kibibytes | Self::Milliseconds | Self::Microseconds | Self::Count => format!("{value:.0}"),
        }
    }

    pub(crate) fn show(self, value: f64) -> String {
        format!("{} {}", self.figure(value), self.name()).trim_end().to_owned()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Kept,
    /// The median is within, or cannot be told from what is; the interval reaches above.
    Perhaps,
    /// All of the interval is above.
    Over,
}

impl Row {
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        let limit = self.limit?;
        let (low, high) = self.interval.unwrap_or((self.value, self.value));
        Some(if low > limit {
            Verdict::Over
        } else if high > limit {
            Verdict::Perhaps
        } else {
            Verdict::Kept
        })
    }

    /// `5.4 ms (p95 6.2), 1.18 x [1.12 to 1.25] ≤ 1.10: OVER`.
    pub(crate) fn show(&self) -> String {
        let mut text = self.unit.show(self.value);
        if let Some((low, high)) = self.interval.filter(|_| self.limit.is_some() || self.p95.is_none()) {
            text += &format!(" [{} to {}]", self.unit.figure(low), self.unit.figure(high));
        } else if let Some(p95) = self.p95 {
            text += &format!(" (p95 {})", self.unit.figure(p95));
        }
        if let (Some(limit), Some(verdict)) = (self.limit, self.verdict()) {
            let verdict = match verdict {
                Verdict::Kept => "ok",
                Verdict::Perhaps => "perhaps over",
                Verdict::Over => "OVER",
            };
            text += &format!(" ≤ {}: {verdict}", self.unit.figure(limit));
        }
        text
    }

    fn json(&self) -> Value {
        let verdict = self.verdict().map(|verdict| match verdict {
            Verdict::Kept => "kept",
            Verdict::Perhaps => "warning",
            Verdict::Over => "over",
        });
        json!({
            "part": self.part, "measure": self.measure, "of": self.of, "unit": self.unit.name(), "n": self.n,
            "median": self.value, "p95": self.p95, "interval": self.interval.map(|(low, high)| [low, high]),
            "limit": self.limit, "verdict": verdict,
        })
    }
}

/// The rows, in the order they were measured, and what could not be.
#[derive(Default)]
pub(crate) struct Table {
    /// What is being measured just now.
    pub(crate) part: String,
    pub(crate) rows: Vec<Row>,
    /// What is missing here, and why; no fault of the program's.
    pub(crate) absent: Vec<String>,
    /// What failed while it was measured: its rows are lost.
    pub(crate) failed: Vec<String>,
}

impl Table {
    /// One number that must not exceed `limit`.
    pub(crate) fn limited(&mut self, measure: &str, value: f64, unit: Unit, limit: f64) {
        self.sample(measure, DAEMON, &[value], unit, Some(limit));
    }

    /// One number that explains others.
    pub(crate) fn shown(&mut self, measure: &str, value: f64, unit: Unit) {
        self.sample(measure, DAEMON, &[value], unit, None);
    }

    /// Values of somebody, judged by the interval of their median.
    pub(crate) fn sample(&mut self, measure: &str, of: &str, values: &[f64], unit: Unit, limit: Option<f64>) {
        if values.is_empty() {
            return;
        }
        let sure = interval(values.len(), |drawn| median_of(values, drawn));
        let several = values.len() > 1;
        let row = Row {
            n: values.len(),
            value: median(values.to_vec()),
            p95: several.then(|| quantile(values.to_vec(), 0.95)),
            interval: several.then_some(sure),
            ..self.row(measure, of, unit, limit)
        };
        self.rows.push(row);
    }

    /// Values of which not one may exceed the limit.
    pub(crate) fn most(&mut self, measure: &str, of: &str, values: &[f64], unit: Unit, limit: Option<f64>) {
        let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let row = Row { n: values.len(), value: most, ..self.row(measure, of, unit, limit) };
        self.rows.push(row);
    }

    /// The medians of two, round by round, the one divided by the other.
    pub(crate) fn ratio(
        &mut self,
        measure: &str,
        of: &str,
        (ours, bare): (&[f64], &[f64]),
        limit: Option<f64>,
    ) {
        self.compare(measure, of, (ours, bare), Unit::Ratio, limit, |ours, bare| ours / bare);
    }

    /// The medians of two, round by round, the one less the other.
    pub(crate) fn difference(
        &mut self,
        measure: &str,
        of: &str,
        (ours, bare): (&[f64], &[f64]),
        unit: Unit,
        limit: f64,
    ) {
        self.compare(measure, of, (ours, bare), unit, Some(limit), |ours, bare| ours - bare);
    }

    fn compare(
        &mut self,
        measure: &str,
        of: &str,
        (ours, bare): (&[f64], &[f64]),
        unit: Unit,
        limit: Option<f64>,
        how: fn(f64, f64) -> f64,
    ) {
        let rounds = ours.len().min(bare.len());
        if rounds == 0 {
            return;
        }
        let statistic = |drawn: &[usize]| how(median_of(ours, drawn), median_of(bare, drawn));
        let all: Vec<usize> = (0..rounds).collect();
        let row = Row {
            n: rounds,
            value: statistic(&all),
            interval: (rounds > 1).then(|| interval(rounds, statistic)),
            ..self.row(measure, of, unit, limit)
        };
        self.rows.push(row);
    }

    fn row(&self, measure: &str, of: &str, unit: Unit, limit: Option<f64>) -> Row {
        let (part, measure, of) = (self.part.clone(), measure.to_owned(), of.to_owned());
        Row { part, measure, of, unit, n: 0, value: 0.0, p95: None, interval: None, limit }
    }

    /// What cannot be measured here, and why.
    pub(crate) fn absent(&mut self, measure: &str, why: &str) {
        self.absent.push(format!("not measured: {measure} ({why})"));
    }

    /// What failed and has no rows.
    pub(crate) fn failed(&mut self, what: &str) {
        self.failed.push(what.to_owned());
    }

    /// No limit is surely exceeded, and nothing is lost.
    pub(crate) fn is_good(&self) -> bool {
        self.failed.is_empty() && self.rows.iter().all(|row| row.verdict() != Some(Verdict::Over))
    }

    /// Each part as its title and a grid: a line a measure, a column for whoever was measured. The first line heads them.
    pub(crate) fn grids(&self) -> Vec<(&str, Vec<Vec<String>>)> {
        self.rows
            .chunk_by(|row, next| row.part == next.part)
            .map(|rows| (rows[0].part.as_str(), grid(rows)))
            .collect()
    }

    /// For people: aligned.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for (part, grid) in self.grids() {
            text += &format!("{part}\n");
            let width =
                |column: usize| grid.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
            let widths: Vec<usize> = (0..grid[0].len()).map(width).collect();
            for line in &grid {
                let cells: Vec<String> =
                    line.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
                text += &format!("  {}\n", cells.join("  ").trim_end());
            }
            text += "\n";
        }
        for line in &self.absent {
            text += &format!("{line}\n");
        }
        for line in &self.failed {
            text += &format!("FAILED: {line}\n");
        }
        text
    }

    /// For machines.
    pub(crate) fn json(&self) -> Value {
        let rows: Vec<Value> = self.rows.iter().map(Row::json).collect();
        json!({ "rows": rows, "not_measured": self.absent, "failed": self.failed })
    }
}

fn grid(rows: &[Row]) -> Vec<Vec<String>> {
    let (mut measures, mut columns): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
    for row in rows {
        if !measures.contains(&row.measure.as_str()) {
            measures.push(&row.measure);
        }
        if !columns.contains(&row.of.as_str()) {
            columns.push(&row.of);
        }
    }
    let head = std::iter::once("").chain(columns.iter().copied()).map(str::to_owned).collect();
    let cell = |measure: &str, of: &str| {
        rows.iter().find(|row| row.measure == measure && row.of == of).map_or(String::new(), Row::show)
    };
    let line = |measure: &&str| {
        std::iter::once((*measure).to_owned()).chain(columns.iter().map(|of| cell(measure, of))).collect()
    };
    std::iter::once(head).chain(measures.iter().map(line)).collect()
}
