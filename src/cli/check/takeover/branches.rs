//! What a shell script does not do: the branches of an `if` whose condition compares two words that are known.

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
    let mut rest = Zeroizing::new(String::with_capacity(text.len()));
    for line in text.lines() {
        let mut words =
            line.split(|c: char| c.is_whitespace() || ";|&".contains(c)).filter(|word| !word.is_empty());
        match (words.next(), open.last_mut()) {
            // All in one line: it stays.
            (Some("if"), _) if words.any(|word| word == "fi") => {}
            (Some("if"), _) => {
                let mut branches = If { live: true, decided: false };
                branches.enter(condition(line));
                open.push(branches);
            }
            (Some("elif"), Some(branches)) => branches.enter(condition(line)),
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

/// What `[ A = B ]` says in a line, alone before `;`; `None` where a word is not known.
fn condition(line: &str) -> Option<bool> {
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
        let word = word.trim_matches(['"', '\'']);
        (!word.contains(['$', '`', '*', '?', '\\'])).then(|| word.to_owned())
    };
    let same = word(left)? == word(right)?;
    match *operator {
        "=" | "==" => Some(same),
        "!=" => Some(!same),
        _ => None,
    }
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
}
