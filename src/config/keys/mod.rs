//! Every key there is: one table for the unknown-key errors, the names in the environment and the manual.

mod table;

pub use table::KEYS;

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

/// One key of the configuration.
#[derive(Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name in the file.
    pub name: &'static str,
    /// Where it stands.
    pub scope: Scope,
    /// What its value is.
    pub kind: Kind,
    /// The value when nothing is written, as it would be written; `None` when there is none.
    pub default: Option<&'static str>,
    /// What it does, in one paragraph.
    pub documentation: &'static str,
    /// A value as written in the file.
    pub example: &'static str,
    /// The environment variable that says the same; `None` when only files can say it.
    pub variable: Option<&'static str>,
}

impl Key {
    /// The key with its tables, as in `cluster.tls.ca_file`.
    pub fn path(&self) -> String {
        format!("{}{}", self.scope.prefix(), self.name)
    }

    /// Whether the key may stand in `table`.
    pub fn stands_in(&self, table: Scope) -> bool {
        self.scope == table || self.scope == Scope::Everywhere && matches!(table, Scope::Top | Scope::Cluster)
    }
}

/// The variable that names the configuration file, as `--config` does.
pub const CONFIG_VARIABLE: &str = "VAULT_UNSEAL_CONFIG";

/// What every environment variable of ours starts with.
pub const VARIABLE_PREFIX: &str = "VAULT_UNSEAL_";

/// The key of this name in `table`.
pub fn find(table: Scope, name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name && key.stands_in(table))
}

/// The key that an environment variable speaks of.
pub fn of_variable(variable: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.variable == Some(variable))
}

/// The names that may stand in `table`, its own before those of every table.
pub fn names(table: Scope) -> impl Iterator<Item = &'static str> + Clone {
    let own = KEYS.iter().filter(move |key| key.scope == table);
    let common = KEYS.iter().filter(move |key| key.scope != table && key.stands_in(table));
    own.chain(common).map(|key| key.name)
}

/// Of `known`, the word that `written` was most likely meant to be; `None` when nothing is near.
pub fn nearest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase().replace('-', "_");
    known
        .map(|word| (strsim::osa_distance(&written, &word.to_lowercase()), word))
        .filter(|(distance, word)| *distance <= 1 + word.len() / 5)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
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
