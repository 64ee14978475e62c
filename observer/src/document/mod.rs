//! A configuration file, each value with the line that it stands at. Who may have written it is judged as for the daemon's.

mod fault;
mod table;

pub use fault::{DocumentError, Fault, near};
pub use table::{Place, Table, Written};

use std::path::Path;
use toml_edit::ImDocument;
use vault_unseal::config::{self, ConfigError};
use vault_unseal::external;

/// The file, as its top table is handed to `with`. `decides` completes "and it decides …", why nobody else may write it.
pub fn read<T>(
    path: &Path,
    decides: &'static str,
    with: impl FnOnce(&Table<'_>) -> Result<T, DocumentError>,
) -> Result<T, DocumentError> {
    let text = config::read_file(path, decides)
        .map_err(ConfigError::from)?
        .ok_or_else(|| DocumentError::Missing(path.to_owned()))?;
    parse(path, &text, with)
}

/// The same for a text that is in memory.
pub fn parse<T>(
    path: &Path,
    text: &str,
    with: impl FnOnce(&Table<'_>) -> Result<T, DocumentError>,
) -> Result<T, DocumentError> {
    let lines = table::Lines::of(path, text);
    let tree = ImDocument::parse(text).map_err(|error| {
        let place = lines.place(error.span(), String::new());
        place.refuses(Fault::Syntax(external::error::toml(&error)))
    })?;
    let top = Table::new(&lines, String::new(), tree.as_table());
    let read = with(&top)?;
    top.finish()?;
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use vault_unseal::explain::Explain;
    use vault_unseal::report::in_one_line;

    fn refused(text: &str) -> String {
        let read = parse(Path::new("/etc/x.toml"), text, |top| {
            top.text("name")?;
            top.boolean("plain")?;
            top.duration("after", Duration::from_secs(1)..=Duration::from_secs(60))?;
            top.texts("events")?;
            for table in top.tables("notify")? {
                table.text("name")?;
                table.finish()?;
            }
            if let Some(tls) = top.table("tls")? {
                tls.path("file")?;
                tls.finish()?;
            }
            Ok(())
        });
        match read {
            Ok(()) => String::new(),
            Err(error) => format!("[{}] {}", error.kind(), in_one_line(&error)),
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_file_line_key_and_remedy() {
        for (text, said) in [
            (
                "name = 'a'\nplain = true\nafter = '2s'\nevents = ['a']\n[[notify]]\nname = 'b'\n[tls]\nfile = '/x'",
                "",
            ),
            (
                "\nnmae = 'x'",
                "[config-unknown-key] /etc/x.toml:2: nmae: there is no such key. Did you mean `name`?",
            ),
            (
                "zzzzzz = 'x'",
                "[config-unknown-key] /etc/x.toml:1: zzzzzz: there is no such key. Here may stand: name, plain, after, events, notify, tls.",
            ),
            (
                "[[notify]]\n\ntls.x = 1",
                "[config-unknown-key] /etc/x.toml:3: notify.tls: there is no such key. Here may stand: name.",
            ),
            (
                "name = 1",
                "[config-type] /etc/x.toml:1: name: needs a string, and this is a number. Write it as name = \"…\".",
            ),
            (
                "plain = 'yes'",
                "[config-type] /etc/x.toml:1: plain: needs a boolean, and this is a string. Write true or false, without quotes.",
            ),
            (
                "events = 'a'",
                "[config-type] /etc/x.toml:1: events: needs a list of strings, and this is a string. Write it as events = [\"…\"].",
            ),
            (
                "after = 5",
                "[config-type] /etc/x.toml:1: after: needs a string, and this is a number. Write it as after = \"5m\".",
            ),
            (
                "after = '5'",
                "[config-duration] /etc/x.toml:1: after: this is not a duration. Write a number and a unit, as \"90s\", \"5m\" or \"1h 30m\".",
            ),
            (
                "after = '2m'",
                "[config-duration] /etc/x.toml:1: after: 2m is longer than 1m. Write from \"1s\" to \"1m\".",
            ),
            (
                "notify = 3",
                "[config-type] /etc/x.toml:1: notify: needs a list of tables, and this is a number. Begin it with a line [[notify]].",
            ),
            (
                "tls = 3",
                "[config-type] /etc/x.toml:1: tls: needs a table, and this is a number. Write it as tls = { … }.",
            ),
            (
                "tls.file = 'x'",
                "[config-path] /etc/x.toml:1: tls.file: this path does not begin at /. Write the whole path: a service has no directory to begin at.",
            ),
            (
                "name = 'x",
                "[config-syntax] /etc/x.toml:1: TOML: invalid literal string. Every text is in double quotes, every table in a line of its own: toml.io tells the rules.",
            ),
        ] {
            assert_eq!(refused(text), said, "{text}");
        }
    }
}
