//! The ratios to the bare loop as a picture: for each its median, the interval in which that surely lies, and its limit.

use super::table::{Row, Table, Unit, Verdict};

const WIDTH: f64 = 1080.0;
const LEFT: f64 = 590.0;
const LINE: f64 = 22.0;
const TOP: f64 = 52.0;
/// The ratios at the ends of the axis.
const AXIS: (f64, f64) = (0.8, 2.0);

pub(crate) fn svg(table: &Table) -> String {
    let has_bare =
        |row: &Row| table.rows.iter().any(|it| it.measure == row.measure && it.of.starts_with("bare"));
    let is_shown = |row: &&Row| matches!(row.unit, Unit::Ratio) && row.interval.is_some() && has_bare(row);
    let rows: Vec<&Row> = table.rows.iter().filter(is_shown).collect();
    let height = TOP + LINE * rows.len() as f64 + 16.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\" font-family=\"sans-serif\" font-size=\"12\" fill=\"#e6edf3\">\n\
         <title>Ratios to the bare loop: median, 95 % interval, limit</title>\n\
         <rect x=\"0.5\" y=\"0.5\" width=\"{}\" height=\"{}\" rx=\"8\" fill=\"#0d1117\" stroke=\"#484f58\"/>\n\
         <text x=\"18\" y=\"24\" font-size=\"13\">Ratio to the bare loop: median (dot), 95 % interval (bar), limit (line)</text>\n",
        WIDTH - 1.0,
        height - 1.0
    );
    for tenth in (8..=20).step_by(2) {
        let ratio = f64::from(tenth) / 10.0;
        svg += &format!(
            "<path d=\"M{0:.1} {1}V{2}\" stroke=\"#21262d\"/><text x=\"{0:.1}\" y=\"{3}\" text-anchor=\"middle\" fill=\"#8b949e\">{ratio:.1}</text>\n",
            x(ratio),
            TOP - 8.0,
            height - 10.0,
            TOP - 12.0
        );
    }
    for (number, row) in rows.iter().enumerate() {
        svg += &line(row, TOP + LINE * number as f64 + 8.0);
    }
    svg + "</svg>\n"
}

/// Where a ratio is; beyond the axis at its end.
fn x(ratio: f64) -> f64 {
    let (least, most) = AXIS;
    LEFT + (WIDTH - LEFT - 30.0) * (ratio.clamp(least, most) - least) / (most - least)
}

fn line(row: &Row, y: f64) -> String {
    let colour = match row.verdict() {
        None => "#8b949e",
        Some(Verdict::Kept) => "#56d364",
        Some(Verdict::Perhaps) => "#e3b341",
        Some(Verdict::Over) => "#ff7b72",
    };
    let (low, high) = row.interval.unwrap_or((row.value, row.value));
    let whose = row.of.strip_suffix(", compared").map_or(String::new(), |peer| format!(" ({peer})"));
    let limit = row.limit.map_or(String::new(), |limit| {
        format!("<path d=\"M{:.1} {:.1}v14\" stroke=\"#e6edf3\" stroke-width=\"2\"/>", x(limit), y - 7.0)
    });
    format!(
        "<text x=\"18\" y=\"{:.1}\">{}{whose}</text>{limit}<path d=\"M{:.1} {y:.1}H{:.1}\" stroke=\"{colour}\" stroke-width=\"4\"/>\
         <circle cx=\"{:.1}\" cy=\"{y:.1}\" r=\"5\" fill=\"{colour}\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{:.2}</text>\n",
        y + 4.0,
        row.measure,
        x(low),
        x(high),
        x(row.value),
        LEFT - 14.0,
        y + 4.0,
        row.value
    )
}
