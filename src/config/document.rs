//! One file: its keys and the types of their values held against the table of keys, each with its line; and what a file, a
//! variable or a flag says of one key.

use super::error::{ConfigError, ConfigFault, Location, SyntaxError};
use super::keys::{self, Key, Kind, Scope};
use super::redact::{extract, redact};
use super::value::{self, no_secret};
use crate::external::{self, could_be_secret};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml_edit::{ImDocument, Item, TableLike, Value};

/// One file, its keys known and their values of the right types.
pub(super) struct ConfigDocument {
    pub(super) path: PathBuf,
    /// Whether the file says nothing at all.
    pub(super) is_empty: bool,
    /// What stands above the clusters.
    pub(super) top: Vec<ConfigEntry>,
    /// The clusters in the order of the file.
    pub(super) clusters: Vec<DocumentCluster>,
}

/// One `[[cluster]]` of a file.
pub(super) struct DocumentCluster {
    /// Its name, the default when none is written.
    pub(super) name: String,
    /// Where the name is written.
    pub(super) named: Option<Location>,
    /// The other keys.
    pub(super) entries: Vec<ConfigEntry>,
    /// The `[[cluster]]` line.
    pub(super) location: Location,
}

impl ConfigDocument {
    /// Parses `text` and checks the name and type of every key in it.
    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let tree = match ImDocument::parse(text) {
            Ok(tree) => tree,
            Err(error) => return Err(syntax_error(path, text, &error).into()),
        };
        let reader = Reader { path, lines: line_starts(text) };
        let clusters = cluster_tables(tree.as_table())
            .into_iter()
            .map(|(span, table)| reader.cluster(table, reader.location(span, "cluster".to_owned())))
            .collect::<Result<Vec<_>, _>>()?;
        let top = reader.table(tree.as_table(), Scope::Top, None)?;
        refuse_twins(&clusters)?;
        Ok(Self { path: path.to_owned(), is_empty: tree.as_table().is_empty(), top, clusters })
    }
}

/// The tables of `cluster` and where they start, in either of TOML's two spellings.
fn cluster_tables(root: &toml_edit::Table) -> Vec<(Option<Range<usize>>, &dyn TableLike)> {
    match root.get("cluster") {
        Some(Item::ArrayOfTables(tables)) => {
            tables.iter().map(|table| (table.span(), table as &dyn TableLike)).collect()
        }
        Some(Item::Value(Value::Array(list))) => list
            .iter()
            .filter_map(Value::as_inline_table)
            .map(|table| (table.span(), table as &dyn TableLike))
            .collect(),
        _ => Vec::new(),
    }
}

/// Two clusters of one name in one file are a slip: between files they are one cluster on purpose.
fn refuse_twins(clusters: &[DocumentCluster]) -> Result<(), ConfigError> {
    let mut seen: BTreeMap<&str, &DocumentCluster> = BTreeMap::new();
    for cluster in clusters {
        let Some(first) = seen.insert(&cluster.name, cluster) else { continue };
        return Err(match (&first.named, &cluster.named) {
            (Some(_), Some(named)) => named
                .clone()
                .refuses(ConfigFault::SameName(cluster.name.clone(), Box::new(first.location.clone()))),
            (None, Some(_)) => first.location.clone().refuses(ConfigFault::NameNeeded),
            (_, None) => cluster.location.clone().refuses(ConfigFault::NameNeeded),
        });
    }
    Ok(())
}

/// Reads the tables of one file.
struct Reader<'a> {
    path: &'a Path,
    /// Where each line begins. Every key is asked for its line: counting anew each time made long files slow.
    lines: Vec<usize>,
}

impl Reader<'_> {
    fn cluster(&self, table: &dyn TableLike, location: Location) -> Result<DocumentCluster, ConfigError> {
        let mut entries = self.table(table, Scope::Cluster, None)?;
        let written = entries.iter().position(|entry| entry.key.is(&keys::CLUSTER_NAME));
        let named = written.map(|index| entries.remove(index));
        let name =
            named.as_ref().and_then(ConfigEntry::text).unwrap_or(keys::CLUSTER_NAME.default).to_owned();
        let named = named.map(|entry| entry.location);
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
            return Err(named.unwrap_or(location).refuses(ConfigFault::BadName(redact(&name))));
        }
        Ok(DocumentCluster { name, named, entries, location })
    }

    /// The entries of a table; `header` says whether a table within a cluster has a line of its own.
    fn table(
        &self,
        table: &dyn TableLike,
        scope: Scope,
        header: Option<bool>,
    ) -> Result<Vec<ConfigEntry>, ConfigError> {
        let mut entries = Vec::new();
        for (name, item) in table.iter() {
            let span = table.key(name).and_then(toml_edit::Key::span);
            let location = self.location(span, format!("{}{}", scope.prefix(), redact(name)));
            let Some(key) = keys::find(scope, name) else {
                return Err(location.refuses(ConfigFault::UnknownKey {
                    key: redact(name),
                    table: scope,
                    header: header.unwrap_or_else(|| has_header(item)),
                    // Pins have the same form.
                    secret: scope != Scope::Tls && name != keys::PIN_SHA256.name && has_secret(item),
                }));
            };
            match key.kind {
                // Read before: each is a layer of its own.
                Kind::Clusters if is_list_of_tables(item) => {}
                Kind::Table(inner) => {
                    let Some(table) = item.as_table_like() else {
                        return Err(location.refuses(wrong_type(key, item)));
                    };
                    let inside = self.table(table, inner, Some(has_header(item)))?;
                    if inner == Scope::Shares {
                        one_source(&inside).map_err(|fault| location.refuses(fault))?;
                    }
                    entries.extend(inside);
                }
                _ => match self.value(key, item, &location) {
                    Ok(value) => entries.push(ConfigEntry { key, value, location }),
                    Err(fault) => return Err(location.refuses(fault)),
                },
            }
        }
        Ok(entries)
    }

    /// The value of a key that is no table.
    fn value(&self, key: &'static Key, item: &Item, location: &Location) -> Result<Written, ConfigFault> {
        let wrong_type = || wrong_type(key, item);
        let texts = |text: fn(&Value) -> Option<String>| -> Result<Vec<String>, ConfigFault> {
            let texts: Option<Vec<String>> = item.as_array().and_then(|list| list.iter().map(text).collect());
            texts.ok_or_else(wrong_type)
        };
        match key.kind {
            Kind::Clusters | Kind::Table(_) => Err(wrong_type()),
            Kind::Texts => {
                let texts = texts(|value| value.as_str().map(str::to_owned))?;
                for text in &texts {
                    no_secret(key, text)?;
                }
                let spans = item.as_array().into_iter().flatten().map(Value::span);
                let items = texts.into_iter().zip(spans).enumerate().map(|(index, (value, span))| Sourced {
                    value,
                    location: self.location(span, format!("{}[{index}]", key.path())),
                });
                Ok(Written::List(items.collect()))
            }
            Kind::Accounts => {
                let accounts = texts(|value| {
                    let number = || value.as_integer().map(|uid| uid.to_string());
                    value.as_str().map(str::to_owned).or_else(number)
                })?;
                Ok(Written::list(accounts, location))
            }
            Kind::Boolean => item.as_bool().map(Written::Boolean).ok_or_else(wrong_type),
            Kind::Duration(..) if item.is_integer() || item.is_float() => {
                // Without the comment behind it.
                let integer = item.as_integer().map(|number| number.to_string());
                let number = integer.or_else(|| item.as_float().map(|number| number.to_string()));
                Err(ConfigFault::BareNumber(number.unwrap_or_default()))
            }
            Kind::Text | Kind::Path | Kind::Word(_) | Kind::Duration(..) => {
                let text = item.as_str().ok_or_else(wrong_type)?;
                no_secret(key, text)?;
                Ok(Written::Text(text.to_owned()))
            }
        }
    }

    /// The location at a position of the text.
    fn location(&self, span: Option<Range<usize>>, key: String) -> Location {
        let (line, _) = position(&self.lines, span.map_or(0, |span| span.start));
        Location::File { path: self.path.to_owned(), line, key }
    }
}

fn wrong_type(key: &'static Key, item: &Item) -> ConfigFault {
    ConfigFault::Type {
        key,
        found: found(item),
        text: item.as_str().filter(|text| redact(text) == **text).map(str::to_owned),
        secret: !key.is(&keys::PIN_SHA256) && has_secret(item),
    }
}

/// `shares` names one source, and which TPM only beside a file that one sealed.
fn one_source(shares: &[ConfigEntry]) -> Result<(), ConfigFault> {
    let mut sources = shares.iter().filter(|entry| !entry.key.is(&keys::SHARES_TCTI));
    match (sources.next(), sources.next()) {
        (None, _) => Err(ConfigFault::NoSource),
        (_, Some(_)) => Err(ConfigFault::SeveralSources),
        (Some(source), None) if shares.len() > 1 && !source.key.is(&keys::SHARES_TPM2) => {
            Err(ConfigFault::TctiOfNothing)
        }
        _ => Ok(()),
    }
}

fn is_list_of_tables(item: &Item) -> bool {
    let inline = |list: &toml_edit::Array| !list.is_empty() && list.iter().all(Value::is_inline_table);
    item.is_array_of_tables() || item.as_array().is_some_and(inline)
}

fn found(item: &Item) -> &'static str {
    match item.type_name() {
        "string" => "a string",
        "integer" | "float" => "a number",
        "boolean" => "a boolean",
        "datetime" => "a date",
        "array" => "a list",
        "array of tables" => "a list of tables",
        _ => "a table",
    }
}

/// Whether it has a line of its own, `[tls]` or `[[tls]]`.
fn has_header(item: &Item) -> bool {
    item.as_table().is_some_and(|table| !table.is_dotted()) || item.is_array_of_tables()
}

/// Whether it is, or lists, what could be a share.
fn has_secret(item: &Item) -> bool {
    let list = item.as_array().into_iter().flatten().filter_map(Value::as_str);
    item.as_str().into_iter().chain(list).any(could_be_secret)
}

/// The byte at which each line begins.
fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

/// The line of a byte, counted from 1, and the byte at which that begins.
fn position(lines: &[usize], byte: usize) -> (usize, usize) {
    let line = lines.partition_point(|start| *start <= byte);
    (line, line.checked_sub(1).and_then(|index| lines.get(index)).copied().unwrap_or(0))
}

fn syntax_error(path: &Path, text: &str, error: &toml_edit::TomlError) -> SyntaxError {
    let at = error.span().map_or(0, |span| span.start);
    let (line, start) = position(&line_starts(text), at);
    // In characters, counted from 1.
    let column = text.char_indices().filter(|(byte, _)| (start..at).contains(byte)).count() + 1;
    let message = external::error::toml(error);
    let extract = extract(text.lines().nth(line - 1).unwrap_or_default());
    SyntaxError { path: path.to_owned(), line, column, message, extract }
}

/// A value, and where it is written.
#[derive(Clone)]
pub(super) struct Sourced<T> {
    pub(super) value: T,
    pub(super) location: Location,
}

impl<T> Sourced<T> {
    /// The error that this value cannot be used.
    pub(super) fn refused(&self, fault: impl Into<ConfigFault>) -> ConfigError {
        self.location.clone().refuses(fault)
    }
}

/// A value of the type of its key, not yet read further: it may be overruled.
pub(super) enum Written {
    Text(String),
    List(Vec<Sourced<String>>),
    Boolean(bool),
}

impl Written {
    /// A list whose items have the same location.
    pub(super) fn list(items: impl IntoIterator<Item = String>, location: &Location) -> Self {
        Self::List(items.into_iter().map(|value| Sourced { value, location: location.clone() }).collect())
    }
}

/// What one layer says of one key.
pub(super) struct ConfigEntry {
    pub(super) key: &'static Key,
    pub(super) value: Written,
    pub(super) location: Location,
}

impl ConfigEntry {
    /// Reads the text of a variable or flag as a value of `key`.
    pub(super) fn read(key: &'static Key, location: Location, text: &str) -> Result<Self, ConfigError> {
        let value = value::no_secret(key, text).and_then(|()| match key.kind {
            Kind::Texts | Kind::Accounts => {
                let texts = text.split(',').map(str::trim).filter(|text| !text.is_empty());
                Ok(Written::list(texts.map(str::to_owned), &location))
            }
            Kind::Boolean => value::boolean(text).map(Written::Boolean),
            _ => Ok(Written::Text(text.to_owned())),
        });
        match value {
            Ok(value) => Ok(Self { key, value, location }),
            Err(problem) => Err(location.refuses(problem)),
        }
    }

    /// The text, of a key that is one.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.value {
            Written::Text(text) => Some(text),
            Written::List(_) | Written::Boolean(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_count_from_one() {
        let text = "äöü = 1\nb = 2\n";
        let lines = line_starts(text);
        let of = |needle| position(&lines, text.find(needle).expect("needle")).0;
        assert_eq!((of("ä"), of("= 1"), of("\n"), of("b")), (1, 1, 1, 2));
        assert_eq!(position(&lines, text.len()).0, 3);
        assert_eq!(position(&line_starts(""), 0).0, 1);
    }

    #[test]
    fn columns_count_characters_from_one() {
        let error = ConfigDocument::parse(Path::new("x"), "a = 1\n\"äöü\" = = 1\n").err().expect("an error");
        assert!(error.to_string().contains("x:2:9: "), "{error}");
    }

    #[test]
    fn the_example_of_every_key_is_accepted() {
        for key in keys::KEYS.iter().filter(|key| key.kind != Kind::Clusters) {
            let line = format!("{} = {}", key.name, key.example);
            let text = match key.scope {
                Scope::Top | Scope::Everywhere => line,
                Scope::Cluster => format!("[[cluster]]\n{line}"),
                Scope::Shares if key.is(&keys::SHARES_TCTI) => {
                    format!("[[cluster]]\nshares = {{ tpm2 = \"/shares.tpm2\", {line} }}")
                }
                Scope::Shares => format!("[[cluster]]\nshares = {{ {line} }}"),
                Scope::Tls => format!("[[cluster]]\ntls = {{ {line} }}"),
            };
            assert!(ConfigDocument::parse(Path::new("/config.toml"), &text).is_ok(), "{text}");
        }
    }
}
