//! Where `status` shows what it knows: once, or anew with `--watch`.

use super::arguments::StatusArguments;
use std::io::{self, IsTerminal, Write};

/// The cursor goes to the first line, and all below it is cleared (ECMA-48: CUP, ED).
const TOP: &str = "\x1b[H\x1b[J";

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
        write!(io::stdout(), "{before}{}", text())?;
        self.shown = Some(news);
        io::stdout().flush()
    }
}
