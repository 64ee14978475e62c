//! What a shell script does not do: the branches of an `if` whose condition compares two words that are known.
//!
//! A variable is known if the text assigns it once, on a line of its own outside of every `if`, and speaks of it nowhere
//! else but as `$NAME`: neither in `read NAME` nor with a default, which says that it may come from elsewhere.

use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// One `if` that is open.
struct If {
    /// Whether the branch at hand can be taken.
    live: bool,
    /// Whether a branch is taken for certain, so that no later one is.
    decided: bool,
}

impl If {
    fn enter(&mut self, condition: Option<bool>) {
        self.live = !self.decided && condition != Some(false);
        self.decided |= condition == Some(true);
    }
}

/// The text without the lines that are never run. What is not understood stays.
pub(super) fn without_dead_branches(text: &str) -> Zeroizing<String> {
    let mut open: Vec<If> = Vec::new();
    let mut known = BTreeMap::new();
    let mut rest = Zeroizing::new(String::with_capacity(text.len()));
    for line in text.lines() {
        let mut words =
            line.split(|c: char| c.is_whitespace() || ";|&".contains(c)).filter(|word| !word.is_empty());
        // Another file, or text that is run, may assign anything.
        if words.clone().any(|word| [".", "source", "eval"].contains(&word)) {
            known.clear();
        }
        if let Some((name, value)) =
            assignment(line).filter(|(name, _)| open.is_empty() && is_only_one(text, name))
        {
            known.insert(name, value);
        }
        match (words.next(), open.last_mut()) {
            // All in one line: it stays.
            (Some("if"), _) if words.any(|word| word == "fi") => {}
            (Some("if"), _) => {
                let mut branches = If { live: true, decided: false };
                branches.enter(condition(line, &known));
                open.push(branches);
            }
            (Some("elif"), Some(branches)) => branches.enter(condition(line, &known)),
            (Some("else"), Some(branches)) => branches.enter(None),
            (Some("fi"), Some(_)) => drop(open.pop()),
            _ => {}
        }
        if open.iter().all(|branches| branches.live) {
            rest.push_str(line);
            rest.push('\n');
        }
    }
    rest
}

/// `NAME=value`, with nothing else in the line, and a value that is what it says.
fn assignment(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_prefix("export ").or_else(|| line.strip_prefix("readonly ")).unwrap_or(line);
    let (name, value) = line.trim_end().trim_end_matches(';').split_once('=')?;
    let value = value.trim_matches(['"', '\'']);
    let plain = |c: char| !c.is_whitespace() && !"$`*?\\\"';&|()<>#".contains(c);
    (!name.is_empty() && name.chars().all(is_of_name) && value.chars().all(plain)).then_some((name, value))
}

/// Whether a text assigns a variable once, and speaks of it otherwise only as `$NAME` and `${NAME}`.
fn is_only_one(text: &str, name: &str) -> bool {
    let mut assignments = 0;
    for (at, _) in text.match_indices(name) {
        let (before, rest) = text.split_at(at);
        let after = rest.strip_prefix(name).unwrap_or_default();
        if before.ends_with(is_of_name) || after.starts_with(is_of_name) || before.ends_with('$') {
            continue;
        }
        match (before.ends_with("${"), after.chars().next()) {
            (true, Some('}')) => {}
            (false, Some('=')) => assignments += 1,
            _ => return false,
        }
    }
    assignments == 1
}

/// What `[ A = B ]` says in a line, alone before `;`; `None` where a word is not known.
fn condition(line: &str, known: &BTreeMap<&str, &str>) -> Option<bool> {
    let line = line.trim_start();
    let test = line.strip_prefix("if").or_else(|| line.strip_prefix("elif"))?;
    let test = test.strip_suffix("then").unwrap_or(test).trim().trim_end_matches(';').trim();
    let words: Vec<&str> = test.split_whitespace().collect();
    let (["[", left, operator, right, "]"]
    | ["[[", left, operator, right, "]]"]
    | ["test", left, operator, right]) = words.as_slice()
    else {
        return None;
    };
    let word = |word: &&str| {
        // Between these quotes it is no variable.
        let is_literal = word.starts_with('\'');
        let word = word.trim_matches(['"', '\'']);
        let name = word
            .strip_prefix('$')
            .filter(|_| !is_literal)
            .map(|name| name.strip_prefix('{').and_then(|inside| inside.strip_suffix('}')).unwrap_or(name));
        if let Some(value) = name.and_then(|name| known.get(name)) {
            return Some((*value).to_owned());
        }
        (!word.contains(['$', '`', '*', '?', '\\'])).then(|| word.to_owned())
    };
    let same = word(left)? == word(right)?;
    match *operator {
        "=" | "==" => Some(same),
        "!=" => Some(!same),
        _ => None,
    }
}

pub(super) fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &str) -> String {
        let rest = without_dead_branches(text);
        rest.lines().map(str::trim).filter(|line| line.len() == 1).collect()
    }

    #[test]
    fn branch_that_is_never_taken_is_left_out() {
        for (text, expected) in [
            ("if [ true = \"false\" ]\nthen\n a\nelse\n b\nfi\nc", "bc"),
            ("if [ \"true\" = true ]; then\n a\nelse\n b\nfi\nc", "ac"),
            ("if [[ x != y ]]; then\n a\nelif true; then\n b\nelse\n c\nfi", "a"),
            ("if test 1 = 2; then\n a\nelif [ 1 = 1 ]; then\n b\nelse\n c\nfi", "b"),
            ("if [ 1 = 2 ]; then\n if false; then\n a\n else\n b\n fi\nelse\n c\nfi\nd", "cd"),
        ] {
            assert_eq!(kept(text), expected, "{text}");
        }
    }

    #[test]
    fn branch_of_an_unknown_condition_stays() {
        for (text, expected) in [
            ("if [ true = \"$1\" ]; then\n a\nelse\n b\nfi", "ab"),
            ("if [ -f x ]; then\n a\nfi", "a"),
            ("if curl -s x; then\n a\nelse\n b\nfi", "ab"),
            ("if [ 1 = 2 ] || true; then\n a\nfi", "a"),
            ("if [ 1 = 2 ]; then x; fi\na", "a"),
            ("fi\nelse\na", "a"),
        ] {
            assert_eq!(kept(text), expected, "{text}");
        }
    }

    #[test]
    fn only_a_variable_with_one_value_is_known() {
        let branches = "if [ yes = \"$INSECURE\" ]; then\n a\nelse\n b\nfi";
        for (before, expected) in [
            ("INSECURE=no", "b"),
            ("export INSECURE='yes';", "a"),
            ("INSECURE=", "b"),
            ("echo ${INSECURE}\nINSECURE=no", "b"),
            ("INSECURE=no\nINSECURE=yes", "ab"),
            ("INSECURE=no\nwhile getopts k o; do INSECURE=yes; done", "ab"),
            ("INSECURE=no\nread INSECURE", "ab"),
            ("INSECURE=no\n[ -r /etc/x ] && . /etc/x", "ab"),
            ("INSECURE=${INSECURE:-no}", "ab"),
            (": ${INSECURE:=no}", "ab"),
            ("[ -z \"$1\" ] && INSECURE=no", "ab"),
            ("if [ -z \"$1\" ]; then\nINSECURE=no\nfi", "ab"),
            ("", "ab"),
        ] {
            assert_eq!(kept(&format!("{before}\n{branches}")), expected, "{before}");
        }
        for (text, expected) in [
            ("if [ yes = \"${INSECURE:-no}\" ]; then\n a\nfi", "a"),
            ("if [ yes = \"$INSECURE\" ]; then\n a\nfi\nINSECURE=no", "a"),
        ] {
            assert_eq!(kept(text), expected, "{text}");
        }
    }
}
