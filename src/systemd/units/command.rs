//! Command lines of `ExecStart=` and its relatives (systemd.service(5), "COMMAND LINES").

use std::path::Path;

/// A program and its arguments. Specifiers (`%i`) and variables are as they were written.
pub struct CommandLine {
    /// The path or name of the program, without the prefixes (`-`, `@`, `+`, …) that say how to run it.
    pub program: String,
    /// What follows it.
    pub arguments: Vec<String>,
}

impl CommandLine {
    /// Splits a line into words; `None` when there is no program in it.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = words(line).into_iter();
        let first = words.next()?;
        let program = first.trim_start_matches(['-', '@', ':', '+', '!', '|']);
        if program.is_empty() {
            return None;
        }
        // `@`: the second word is the name the program is told, not an argument.
        let renamed = first.get(..first.len() - program.len()).is_some_and(|prefix| prefix.contains('@'));
        let arguments = words.skip(usize::from(renamed)).collect();
        Some(Self { program: program.to_owned(), arguments })
    }

    /// The program's name without its directory.
    pub fn name(&self) -> &str {
        Path::new(&self.program).file_name().and_then(|name| name.to_str()).unwrap_or(&self.program)
    }
}

/// Words as systemd splits them: quotes may begin at a word's start or within it, a backslash escapes.
pub(super) fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (_, '\\') => word.get_or_insert_default().extend(characters.next().map(unescaped)),
            (Some(open), _) if character == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, _) if character.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    words
}

/// What a backslash and this character stand for. Numbers (`\x20`) stay as they are: no path here needs them.
fn unescaped(character: char) -> char {
    match character {
        'n' => '\n',
        't' => '\t',
        's' => ' ',
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_and_arguments() {
        let parsed = |line| {
            CommandLine::parse(line).map(|command| (command.program, command.arguments)).unwrap_or_default()
        };
        let strings = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        for (line, program, arguments) in [
            ("/etc/vault/vault-unseal.sh", "/etc/vault/vault-unseal.sh", &[][..]),
            ("-+/bin/sh -c 'exec \"$0\" now'", "/bin/sh", &["-c", "exec \"$0\" now"]),
            ("@/usr/bin/vault-unseal unseal run", "/usr/bin/vault-unseal", &["run"]),
            ("\"/opt/my tools/unseal\" --key=\"a b\" ''", "/opt/my tools/unseal", &["--key=a b", ""]),
            ("/bin/echo a\\sb \\\"", "/bin/echo", &["a b", "\""]),
            ("  ", "", &[]),
        ] {
            assert_eq!(parsed(line), (program.to_owned(), strings(arguments)), "{line}");
        }
    }
}
