//! Tables for people.

use crate::report::Style;

/// Between two columns.
const GAP: &str = "  ";

/// How wide a table is, in characters.
pub(super) fn width(rows: &[Vec<String>]) -> usize {
    let widths = widths(rows);
    widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1)
}

fn widths(rows: &[Vec<String>]) -> Vec<usize> {
    let mut widths = Vec::new();
    for row in rows {
        widths.resize(row.len().max(widths.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    widths
}

/// The lines of a table, its heads first; `folded`, the first cell of each is above the others. `paint` gives the state of a
/// row its colour, which is its second cell.
pub(super) fn columns(
    rows: &[Vec<String>],
    folded: bool,
    style: Style,
    paint: &dyn Fn(usize, &str) -> String,
) -> Vec<String> {
    let widths = widths(rows);
    let mut lines = Vec::new();
    for (line, row) in rows.iter().enumerate() {
        let mut text = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let (last, above) = (column + 1 == row.len(), folded && column == 0);
            let width = if last || above { 0 } else { *width };
            let padded = format!("{cell:width$}");
            text.push_str(&match (line.checked_sub(1), column) {
                (None, _) => style.strong(&padded),
                (Some(line), 1) => paint(line, &padded),
                _ => padded,
            });
            if above {
                text.push('\n');
            }
            if !last {
                text.push_str(GAP);
            }
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
        lines.push(text);
    }
    lines
}
