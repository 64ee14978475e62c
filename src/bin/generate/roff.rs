//! Text for man(7).

/// Longest line of source. Roff does not mind, people who read the source do.
const WIDTH: usize = 78;

/// Text in which nothing is taken for markup.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\e"),
            '-' => escaped.push_str("\\-"),
            '\'' => escaped.push_str("\\(aq"),
            '`' => escaped.push_str("\\(ga"),
            '^' => escaped.push_str("\\(ha"),
            '~' => escaped.push_str("\\(ti"),
            '…' => escaped.push_str("..."),
            _ => escaped.push(character),
        }
    }
    // A line that begins so would be a request.
    if escaped.starts_with('.') { format!("\\&{escaped}") } else { escaped }
}

/// Bold text.
pub(crate) fn bold(text: &str) -> String {
    format!("\\fB{}\\fR", escape(text))
}

/// Text to be replaced by something.
pub(crate) fn italic(text: &str) -> String {
    format!("\\fI{}\\fR", escape(text))
}

/// A paragraph of running text: `code` is bold, lines are broken between words.
pub(crate) fn paragraph(text: &str) -> String {
    let marked: String = text
        .split('`')
        .enumerate()
        .map(|(place, part)| if place % 2 == 1 { bold(part) } else { escape(part) })
        .collect();
    let (mut lines, mut length) = (String::new(), 0);
    for word in marked.split_whitespace() {
        if length > 0 && length + 1 + word.len() > WIDTH {
            lines.push('\n');
            length = 0;
        } else if length > 0 {
            lines.push(' ');
            length += 1;
        }
        if length == 0 && word.starts_with('.') {
            lines.push_str("\\&");
        }
        lines.push_str(word);
        length += word.len();
    }
    lines.push('\n');
    lines
}

/// An entry of a list: its term, already marked up, and what there is to say of it.
pub(crate) fn entry(term: &str, text: &str) -> String {
    format!(".TP\n{term}\n{}", paragraph(text))
}
