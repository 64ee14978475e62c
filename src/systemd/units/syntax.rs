//! Sections, assignments, comments and continued lines (systemd.syntax(7)).

use zeroize::Zeroizing;

/// `key=value` in a section.
pub(super) struct Assignment {
    pub(super) section: String,
    pub(super) key: String,
    /// Without the spaces around it; quotes and escapes are as they were written.
    pub(super) value: Zeroizing<String>,
}

/// Every assignment in its order. What is none is skipped, as systemd skips it with a warning.
pub(super) fn parse(text: &str) -> Vec<Assignment> {
    let mut assignments = Vec::new();
    let mut section = String::new();
    for line in logical_lines(text) {
        let line = line.trim();
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            name.clone_into(&mut section);
        } else if let Some((key, value)) = line.split_once('=') {
            let (key, value) = (key.trim_end().to_owned(), Zeroizing::new(value.trim_start().to_owned()));
            assignments.push(Assignment { section: section.clone(), key, value });
        }
    }
    assignments
}

/// Lines with their continuations: a backslash at the end becomes a space, comments in between do not count.
fn logical_lines(text: &str) -> Vec<Zeroizing<String>> {
    let mut lines = Vec::new();
    let mut open: Option<Zeroizing<String>> = None;
    for line in text.trim_start_matches('\u{feff}').lines() {
        if line.trim_start().starts_with(['#', ';']) {
            continue;
        }
        let mut begun = open.take().unwrap_or_default();
        if let Some(part) = line.strip_suffix('\\') {
            begun.extend([part, " "]);
            open = Some(begun);
        } else {
            begun.push_str(line);
            lines.push(begun);
        }
    }
    lines.extend(open);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, String, String)> {
        parse(text)
            .into_iter()
            .map(|Assignment { section, key, value }| (section, key, value.to_string()))
            .collect()
    }

    #[test]
    fn what_is_written_is_read() {
        let text = "\u{feff}# comment\n; another = comment\n[Unit]\nDescription = It's = here \n\n[Service]\n  \
                    ExecStart=/bin/sh -c 'one \\\n# not a part\n  two'\nnonsense\nEmpty=\nLast=open\\";
        let expected = [
            ("Unit", "Description", "It's = here"),
            ("Service", "ExecStart", "/bin/sh -c 'one    two'"),
            ("Service", "Empty", ""),
            ("Service", "Last", "open"),
        ];
        let expected = expected.map(|(section, key, value)| (section.into(), key.into(), value.into()));
        assert_eq!(pairs(text), expected);
    }
}
