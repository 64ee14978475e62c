//! What was measured, for people and for machines.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// A number, the unit it is in, and what it must not exceed.
struct Row {
    measure: String,
    value: f64,
    unit: Unit,
    limit: Option<f64>,
}

/// What a number counts.
#[derive(Clone, Copy)]
pub(crate) enum Unit {
    Megabytes,
    Kibibytes,
    Milliseconds,
    /// Of one core.
    Percent,
    Ratio,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Self::Megabytes => "MB",
            Self::Kibibytes => "KiB",
            Self::Milliseconds => "ms",
            Self::Percent => "%",
            Self::Ratio => "ratio",
        }
    }

    fn show(self, value: f64) -> String {
        match self {
            Self::Megabytes => format!("{value:.2} MB"),
            Self::Kibibytes => format!("{value:.0} KiB"),
            Self::Milliseconds if value < 1.0 => format!("{value:.3} ms"),
            Self::Milliseconds => format!("{value:.1} ms"),
            Self::Percent => format!("{value:.1} %"),
            Self::Ratio => format!("{value:.2} x"),
        }
    }
}

/// The rows, in the order they were measured, and what could not be.
#[derive(Default)]
pub(crate) struct Table(Vec<Row>, Vec<String>);

impl Table {
    /// A number that must not exceed `limit`.
    pub(crate) fn limited(&mut self, measure: &str, value: f64, unit: Unit, limit: f64) {
        self.0.push(Row { measure: measure.to_owned(), value, unit, limit: Some(limit) });
    }

    /// A number that explains others.
    pub(crate) fn shown(&mut self, measure: &str, value: f64, unit: Unit) {
        self.0.push(Row { measure: measure.to_owned(), value, unit, limit: None });
    }

    /// What cannot be measured here, and why.
    pub(crate) fn absent(&mut self, measure: &str, why: &str) {
        self.1.push(format!("not measured: {measure} ({why})"));
    }

    /// No limit is exceeded.
    pub(crate) fn all_kept(&self) -> bool {
        self.0.iter().all(Row::is_kept)
    }

    /// Aligned columns.
    pub(crate) fn text(&self) -> String {
        let header = ["measure", "value", "limit", ""].map(str::to_owned);
        let lines: Vec<[String; 4]> = std::iter::once(header).chain(self.0.iter().map(Row::cells)).collect();
        let width = |column: usize| lines.iter().map(|line| line[column].len()).max().unwrap_or(0);
        let (first, second, third) = (width(0), width(1), width(2));
        let mut text = String::new();
        for [measure, value, limit, verdict] in &lines {
            let line = format!("{measure:first$}  {value:>second$}  {limit:>third$}  {verdict}");
            let _ = writeln!(text, "{}", line.trim_end());
        }
        for absent in &self.1 {
            let _ = writeln!(text, "{absent}");
        }
        text
    }

    /// An array of objects.
    pub(crate) fn json(&self) -> Value {
        let row = |row: &Row| json!({ "measure": row.measure, "value": row.value, "unit": row.unit.name(), "limit": row.limit, "ok": row.is_kept() });
        self.0.iter().map(row).collect()
    }
}

impl Row {
    fn is_kept(&self) -> bool {
        self.limit.is_none_or(|limit| self.value <= limit)
    }

    fn cells(&self) -> [String; 4] {
        let verdict = match self.limit {
            None => "",
            Some(_) if self.is_kept() => "ok",
            Some(_) => "over",
        };
        let limit = self.limit.map_or(String::new(), |limit| self.unit.show(limit));
        [self.measure.clone(), self.unit.show(self.value), limit, verdict.to_owned()]
    }
}

/// The middle of the values.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (low, high) = ((values.len() - 1) / 2, values.len() / 2);
    f64::midpoint(values[low], values[high])
}
