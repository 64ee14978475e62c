//! What there is to say of one key.

use std::fmt;
use std::time::Duration;

/// The table of the file in which a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Above the first `[[cluster]]`.
    Top,
    /// In a `[[cluster]]`, or above the first one as the default of all clusters.
    Everywhere,
    /// In a `[[cluster]]`.
    Cluster,
    /// In a cluster's `shares`.
    Shares,
    /// In a cluster's `tls`.
    Tls,
}

impl Scope {
    /// The table as a reader of the file knows it.
    pub fn table(self) -> &'static str {
        match self {
            Self::Top | Self::Everywhere => "the top level",
            Self::Cluster => "[[cluster]]",
            Self::Shares => "shares",
            Self::Tls => "tls",
        }
    }

    /// What stands before a key's name in its path; empty at the top level.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Top | Self::Everywhere => "",
            Self::Cluster => "cluster.",
            Self::Shares => "cluster.shares.",
            Self::Tls => "cluster.tls.",
        }
    }
}

/// What a key's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `[[cluster]]` tables.
    Clusters,
    /// A table with keys of its own.
    Table(Scope),
    /// A list of strings.
    Texts,
    /// A list of accounts, each by its name or its number.
    Accounts,
    /// Any string.
    Text,
    /// The path of a file or directory.
    Path,
    /// One of these words.
    Word(&'static [&'static str]),
    /// `true` or `false`.
    Boolean,
    /// A humantime string between two bounds, both allowed.
    Duration(Duration, Duration),
}

impl Kind {
    /// The type as a noun, for errors and the manual.
    pub fn word(self) -> &'static str {
        match self {
            Self::Clusters => "list of tables",
            Self::Table(_) => "table",
            Self::Texts => "list of strings",
            Self::Accounts => "list of names or numbers",
            Self::Text => "string",
            Self::Path => "path",
            Self::Word(_) => "word",
            Self::Boolean => "boolean",
            Self::Duration(..) => "duration",
        }
    }
}

/// One key of the configuration, with a default of the type `T`.
pub struct Key<T: ?Sized = dyn DefaultValue> {
    /// Its name in the file.
    pub name: &'static str,
    /// Where it stands.
    pub scope: Scope,
    /// What its value is.
    pub kind: Kind,
    /// What it does, in one paragraph.
    pub documentation: &'static str,
    /// A value as written in the file.
    pub example: &'static str,
    /// The environment variable that says the same; `None` when only files can say it.
    pub variable: Option<&'static str>,
    /// The flag that says the same.
    pub flag: Option<Flag>,
    /// The value when nothing is written; `()` when there is none.
    pub default: T,
}

/// A flag of the command line that says what a key does.
#[derive(Debug, Clone, Copy)]
pub struct Flag {
    /// Its place among the flags in the help, counted from 1.
    pub order: u8,
    /// Its name, without the dashes.
    pub long: &'static str,
    /// What stands for its value in the help; empty when it takes none.
    pub value: &'static str,
    /// What it does, in a few words.
    pub help: &'static str,
    /// Whether `-h` shows it, or only `--help`.
    pub in_short_help: bool,
}

/// A value when nothing is written.
pub trait DefaultValue: Sync {
    /// As it would be written in a file; `None` when there is none.
    fn written(&self) -> Option<String>;

    /// It, of a key that is a duration.
    fn duration(&self) -> Option<Duration> {
        None
    }
}

impl DefaultValue for () {
    fn written(&self) -> Option<String> {
        None
    }
}

impl DefaultValue for bool {
    fn written(&self) -> Option<String> {
        Some(self.to_string())
    }
}

impl DefaultValue for &'static str {
    fn written(&self) -> Option<String> {
        Some(format!("\"{self}\""))
    }
}

impl<const N: usize> DefaultValue for [&'static str; N] {
    fn written(&self) -> Option<String> {
        Some(format!("{self:?}"))
    }
}

impl DefaultValue for Duration {
    fn written(&self) -> Option<String> {
        Some(format!("\"{}\"", humantime::format_duration(*self)))
    }

    fn duration(&self) -> Option<Duration> {
        Some(*self)
    }
}

impl<T: ?Sized> Key<T> {
    /// The key with its tables, as in `cluster.tls.ca_file`.
    pub fn path(&self) -> String {
        format!("{}{}", self.scope.prefix(), self.name)
    }

    /// Whether the key may stand in `table`.
    pub fn stands_in(&self, table: Scope) -> bool {
        self.scope == table || self.scope == Scope::Everywhere && matches!(table, Scope::Top | Scope::Cluster)
    }

    /// Whether it is the same row of the table.
    pub fn is<U: ?Sized>(&self, other: &Key<U>) -> bool {
        self.name == other.name && self.scope == other.scope
    }
}

impl<T: ?Sized> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path())
    }
}

/// The variable that names the configuration file, as `--config` does.
pub const CONFIG_VARIABLE: &str = "VAULT_UNSEAL_CONFIG";

/// What every environment variable of ours starts with.
pub const VARIABLE_PREFIX: &str = "VAULT_UNSEAL_";

/// Of `known`, the word that `written` was most likely meant to be; `None` when nothing is near.
pub(super) fn nearest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase().replace('-', "_");
    known
        .map(|word| (strsim::osa_distance(&written, &word.to_lowercase()), word))
        .filter(|(distance, word)| *distance <= 1 + word.len() / 5)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::super::keys::{KEYS, names};
    use super::*;

    #[test]
    fn no_name_stands_twice_in_a_table_and_no_variable_twice_at_all() {
        for (index, key) in KEYS.iter().enumerate() {
            for other in &KEYS[index + 1..] {
                assert!(key.name != other.name || key.scope != other.scope, "{}", key.path());
                assert!(key.variable.is_none() || key.variable != other.variable, "{}", key.path());
            }
        }
    }

    #[test]
    fn the_manual_names_the_bounds_that_are_checked() {
        for key in KEYS {
            let Kind::Duration(least, most) = key.kind else { continue };
            for bound in [least, most] {
                let bound = humantime::format_duration(bound).to_string();
                assert!(key.documentation.contains(&bound), "{}: {bound}", key.name);
            }
        }
    }

    #[test]
    fn the_nearest_key_is_near() {
        let nearest = |written| nearest(written, names(Scope::Cluster));
        assert_eq!(nearest("pol_interval"), Some("poll_interval"));
        assert_eq!(nearest("Poll-Interval"), Some("poll_interval"));
        assert_eq!(nearest("node"), Some("nodes"));
        assert_eq!(nearest("share"), Some("shares"));
        assert_eq!(nearest("interval"), None);
        assert_eq!(nearest("token"), None);
    }
}
