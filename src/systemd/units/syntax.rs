//! How unit files are written: sections, assignments, comments and continued lines (systemd.syntax(7)); command lines
//! (systemd.service(5), "COMMAND LINES"); `%` specifiers, as far as they are the same on every machine (systemd.unit(5),
//! "SPECIFIERS"); and where a credential comes from: `LoadCredential=` and its relatives (systemd.exec(5)).

use std::path::{Path, PathBuf};
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
            (_, '\\') => word.get_or_insert_default().extend(characters.next().map(escaped)),
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
fn escaped(character: char) -> char {
    match character {
        'n' => '\n',
        't' => '\t',
        's' => ' ',
        other => other,
    }
}

/// The text with its specifiers replaced, for the unit of this name and the system manager; `None` where only the
/// running systemd knows what one stands for.
pub(super) fn expand(text: &str, unit: &str) -> Option<String> {
    let (stem, _) = unit.rsplit_once('.').unwrap_or((unit, ""));
    let (prefix, instance) = stem.split_once('@').unwrap_or((stem, ""));
    let mut expanded = String::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        if character != '%' {
            expanded.push(character);
            continue;
        }
        match rest.next() {
            // A lone one at the end is itself.
            Some('%') | None => expanded.push('%'),
            Some('n') => expanded.push_str(unit),
            Some('N') => expanded.push_str(stem),
            Some('p') => expanded.push_str(prefix),
            Some('i') => expanded.push_str(instance),
            Some('P') => expanded.push_str(&unescaped(prefix)?),
            Some('I') => expanded.push_str(&unescaped(instance)?),
            Some('E') => expanded.push_str("/etc"),
            Some('S') => expanded.push_str("/var/lib"),
            Some('C') => expanded.push_str("/var/cache"),
            Some('L') => expanded.push_str("/var/log"),
            Some('t') => expanded.push_str("/run"),
            // The host's name, its identity, its temporary directories, and what newer versions add.
            Some(_) => return None,
        }
    }
    Some(expanded)
}

/// What `systemd-escape` made, back again: `-` was a slash, `\x2d` a byte.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        rest = rest.get(first.len_utf8()..)?;
        match first {
            '-' => bytes.push(b'/'),
            '\\' => {
                let (number, after) = rest.strip_prefix('x')?.split_at_checked(2)?;
                bytes.push(u8::from_str_radix(number, 16).ok()?);
                rest = after;
            }
            other => bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    String::from_utf8(bytes).ok()
}

/// Where systemd takes a credential from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialOrigin {
    /// A file.
    File {
        /// Absolute; or a plain name, which systemd looks up in its credential stores (`/etc/credstore` and others).
        path: PathBuf,
        /// Whether it is encrypted (`systemd-creds encrypt`).
        encrypted: bool,
        /// Whether the unit itself gives a value for when there is no such file.
        stand_in: bool,
    },
    /// A file whose path has a `%` specifier that only the running systemd knows; as it stands in the unit.
    Specifier(PathBuf),
    /// The text of the unit itself, `SetCredential=` or `SetCredentialEncrypted=`.
    Unit,
}

/// Where systemd looks for credentials that a unit names without a path (systemd.exec(5)).
const STORES: [&str; 4] = ["/etc", "/run", "/usr/local/lib", "/usr/lib"];

impl CredentialOrigin {
    /// Where its file may be, in the order in which systemd looks; nothing for what is none.
    pub fn places(&self) -> Vec<PathBuf> {
        match self {
            Self::File { path, .. } if path.is_absolute() => vec![path.clone()],
            Self::File { path, encrypted, .. } => {
                let store = if *encrypted { "credstore.encrypted" } else { "credstore" };
                STORES.iter().map(|parent| Path::new(parent).join(store).join(path)).collect()
            }
            Self::Specifier(_) | Self::Unit => Vec::new(),
        }
    }
}

/// Follows the assignments of `[Service]` in their order: the last one that names the credential counts.
pub(super) fn credential_origin<'a>(
    assignments: impl Iterator<Item = (&'a str, &'a str)> + Clone,
    name: &str,
    unit: &str,
) -> Option<CredentialOrigin> {
    let mut set = false;
    for (key, value) in assignments.clone() {
        match key {
            "SetCredential" | "SetCredentialEncrypted" if value.is_empty() => set = false,
            "SetCredential" | "SetCredentialEncrypted" => {
                set = set
                    || unquoted(value).split_once(':').is_some_and(|(id, _)| identifier(id, unit) == name);
            }
            _ => {}
        }
    }
    match loads(assignments, unit).into_iter().rfind(|load| load.id == name) {
        Some(load) => Some(load.origin(unit, None, set)),
        None => set.then_some(CredentialOrigin::Unit),
    }
}

/// The entry of a directory that is loaded: its credential has the assignment's name, `_` and the entry's.
pub(super) fn credential_in_directory<'a>(
    assignments: impl Iterator<Item = (&'a str, &'a str)>,
    name: &str,
    unit: &str,
) -> Option<CredentialOrigin> {
    loads(assignments, unit).into_iter().rev().find_map(|load| {
        let entry = name.strip_prefix(&load.id)?.strip_prefix('_')?;
        Some(load.origin(unit, Some(entry), false))
    })
}

/// The names of all that is loaded.
pub(super) fn credential_names<'a>(
    assignments: impl Iterator<Item = (&'a str, &'a str)>,
    unit: &str,
) -> Vec<String> {
    loads(assignments, unit).into_iter().map(|load| load.id).collect()
}

/// What one assignment loads.
struct Load {
    id: String,
    /// As it stands in the unit.
    path: String,
    encrypted: bool,
}

impl Load {
    fn origin(self, unit: &str, entry: Option<&str>, stand_in: bool) -> CredentialOrigin {
        let Some(path) = expand(&self.path, unit).map(PathBuf::from) else {
            return CredentialOrigin::Specifier(PathBuf::from(self.path));
        };
        let path = entry.map_or(path.clone(), |entry| path.join(entry));
        CredentialOrigin::File { path, encrypted: self.encrypted, stand_in }
    }
}

/// Both settings fill one table, which an empty assignment of either empties.
fn loads<'a>(assignments: impl Iterator<Item = (&'a str, &'a str)>, unit: &str) -> Vec<Load> {
    let mut loads = Vec::new();
    for (key, value) in assignments {
        match key {
            "LoadCredential" | "LoadCredentialEncrypted" if value.is_empty() => loads.clear(),
            "LoadCredential" | "LoadCredentialEncrypted" => {
                let value = unquoted(value);
                let (id, path) = value.split_once(':').unwrap_or((value, value));
                loads.push(Load {
                    id: identifier(id, unit),
                    path: path.trim().to_owned(),
                    encrypted: key == "LoadCredentialEncrypted",
                });
            }
            _ => {}
        }
    }
    loads
}

/// The name of a credential: a backslash in it is doubled. In a path it is itself.
fn identifier(text: &str, unit: &str) -> String {
    let text = text.trim().replace("\\\\", "\\");
    expand(&text, unit).unwrap_or(text)
}

/// Without quotes around all of it: one within a name or a path is a part of that.
fn unquoted(value: &str) -> &str {
    let value = value.trim();
    match value.as_bytes() {
        [first @ (b'"' | b'\''), .., last] if first == last => value.get(1..value.len() - 1).unwrap_or(value),
        _ => value,
    }
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
