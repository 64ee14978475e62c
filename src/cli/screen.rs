//! Where `status` shows what it knows: once, or anew with `--watch`.

use super::arguments::StatusArguments;
use rustix::termios::tcgetwinsize;
use std::io::{self, IsTerminal, Write};

/// The cursor goes to the first line, and all below it is cleared (ECMA-48: CUP, ED).
const TOP: &str = "\x1b[H\x1b[J";

/// Where the terminal is too low; with room for the number.
const LEFT_OUT: &str = "… lines left out:      ";

/// Standard output.
pub(super) struct Screen {
    /// Shown anew in the same place: how long each thing is ago is part of it.
    in_place: bool,
    lines: bool,
    shown: Option<String>,
}

impl Screen {
    /// As the options say, and as a terminal can that knows more than lines.
    pub(super) fn new(options: &StatusArguments) -> Self {
        let moves_cursor =
            || io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let in_place = options.watch && !options.json && moves_cursor();
        Self { in_place, lines: options.json, shown: None }
    }

    /// Shows a text. Where the one before it stays in sight, only if there is `news`: whatever else changes, as times do, is
    /// none.
    pub(super) fn show(&mut self, news: String, text: &dyn Fn() -> String) -> io::Result<()> {
        let before = match &self.shown {
            _ if self.in_place => TOP,
            Some(shown) if *shown == news => return Ok(()),
            Some(_) if !self.lines => "\n",
            _ => "",
        };
        let mut text = text();
        if self.in_place {
            text = fitting(&text, columns_of_terminal(), rows_of_terminal());
        }
        write!(io::stdout(), "{before}{text}")?;
        self.shown = Some(news);
        io::stdout().flush()
    }
}

/// How wide standard output is: a terminal that does not know it is as most are, and what is no terminal has no end.
pub(super) fn columns_of_terminal() -> usize {
    tcgetwinsize(io::stdout())
        .map_or(usize::MAX, |size| if size.ws_col == 0 { 80 } else { size.ws_col.into() })
}

fn rows_of_terminal() -> usize {
    tcgetwinsize(io::stdout())
        .map_or(usize::MAX, |size| if size.ws_row == 0 { 24 } else { size.ws_row.into() })
}

/// The lines that the terminal has room for above the cursor, and how many more there are: what runs out of it is lost, and
/// cannot be shown anew in its place.
fn fitting(text: &str, columns: usize, rows: usize) -> String {
    let height = |line: &str| width(line).div_ceil(columns.max(1)).max(1);
    let rows = rows.saturating_sub(1);
    if text.lines().map(height).sum::<usize>() <= rows {
        return text.to_owned();
    }
    let (mut shown, mut taken, mut left_out) = (String::new(), height(LEFT_OUT), 0);
    for line in text.lines() {
        taken += height(line);
        if taken > rows {
            left_out += 1;
        } else {
            shown = shown + line + "\n";
        }
    }
    shown + LEFT_OUT.trim_end() + &format!(" {left_out}\n")
}

/// Without what gives it a colour (ECMA-48: SGR).
fn width(line: &str) -> usize {
    let mut colour = false;
    let is_seen = |character: &char| {
        colour |= *character == '\x1b';
        let seen = !colour;
        colour &= *character != 'm';
        seen
    };
    line.chars().filter(is_seen).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_terminal_has_no_room_for_is_counted() {
        let text = "NODE\n1\n2\n3\n";
        assert_eq!(fitting(text, 80, 5), text);
        assert_eq!(fitting(text, 80, 4), "NODE\n1\n… lines left out: 2\n");
        assert_eq!(fitting(text, 80, 1), "… lines left out: 4\n");
        // A line that is too wide takes two, the last one too, and a colour no place.
        let wide = "NODE\n\x1b[32m0123456789\x1b[0m\n\x1b[32m01234567890\x1b[0m\n";
        assert_eq!(fitting(wide, 10, 5), wide);
        assert_eq!(fitting(wide, 10, 4), "… lines left out: 3\n");
    }
}
