//! One parsed file: its values for the layers, and the line of each for the errors.

use super::error::{ConfigError, SyntaxError};
use super::place::Place;
use super::shape;
use super::shown::{extract, masked};
use figment::value::Dict;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml_edit::{ImDocument, Item, TableLike, Value};

/// The name of the cluster that has none.
pub(super) const UNNAMED: &str = "default";

/// One file, its keys known and of the right types.
pub(super) struct Document {
    path: PathBuf,
    tree: ImDocument<String>,
    /// What stands above the clusters.
    pub(super) top: Dict,
    /// The clusters in the order of the file.
    pub(super) clusters: Vec<DocumentCluster>,
}

/// One `[[cluster]]` of a file.
pub(super) struct DocumentCluster {
    /// Its name, [`UNNAMED`] when none is written.
    pub(super) name: String,
    /// Whether the name is written.
    pub(super) named: bool,
    /// The other keys.
    pub(super) values: Dict,
    /// The `[[cluster]]` line.
    pub(super) place: Place,
}

impl Document {
    /// Parses `text` and checks the name and type of every key in it.
    pub(super) fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let tree = match ImDocument::parse(text.to_owned()) {
            Ok(tree) => tree,
            Err(error) => return Err(syntax_error(path, text, &error).into()),
        };
        let mut document = Self { path: path.to_owned(), tree, top: Dict::new(), clusters: Vec::new() };
        (document.top, document.clusters) = shape::read(&document)?;
        document.refuse_twins()?;
        Ok(document)
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The outermost table.
    pub(super) fn root(&self) -> &dyn TableLike {
        self.tree.as_table()
    }

    /// Whether the file says nothing at all.
    pub(super) fn is_empty(&self) -> bool {
        self.tree.as_table().is_empty()
    }

    /// The place at a position of the text.
    pub(super) fn place(&self, span: Option<Range<usize>>, key: String) -> Place {
        let (line, _) = position(self.tree.raw(), span.map_or(0, |span| span.start));
        Place::File { path: self.path.clone(), line, key }
    }

    /// The place of a key below the top level.
    pub(super) fn place_of_top(&self, keys: &[&str]) -> Place {
        self.place(find(self.root(), keys), keys.join("."))
    }

    /// The place of a key of the cluster of this name; a number is the index in a list.
    pub(super) fn place_in_cluster(&self, name: &str, keys: &[&str]) -> Place {
        let table = self.table_of(|cluster| cluster.name == name);
        let key = keys.iter().fold("cluster".to_owned(), |path, key| match key.parse::<usize>() {
            Ok(index) => format!("{path}[{index}]"),
            Err(_) => format!("{path}.{key}"),
        });
        self.place(table.and_then(|table| find(table, keys)), key)
    }

    /// The tables of `cluster` and where they start, in either of TOML's two spellings.
    pub(super) fn cluster_tables(&self) -> Vec<(Option<Range<usize>>, &dyn TableLike)> {
        match self.root().get("cluster") {
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
    fn refuse_twins(&self) -> Result<(), ConfigError> {
        let mut seen: BTreeMap<&str, &DocumentCluster> = BTreeMap::new();
        for cluster in &self.clusters {
            let Some(first) = seen.insert(&cluster.name, cluster) else { continue };
            return Err(if first.named && cluster.named {
                ConfigError::SameName {
                    place: self.place_in_twin(cluster),
                    name: cluster.name.clone(),
                    first: Box::new(first.place.clone()),
                }
            } else {
                let unnamed = if cluster.named { first } else { cluster };
                ConfigError::NameNeeded { place: unnamed.place.clone() }
            });
        }
        Ok(())
    }

    fn place_in_twin(&self, cluster: &DocumentCluster) -> Place {
        let table = self.table_of(|other| std::ptr::eq(other, cluster));
        self.place(table.and_then(|table| find(table, &["name"])), "cluster.name".to_owned())
    }

    /// The table of the first cluster that `is` it.
    fn table_of(&self, is: impl Fn(&DocumentCluster) -> bool) -> Option<&dyn TableLike> {
        let mut tables = self.clusters.iter().zip(self.cluster_tables());
        tables.find(|(cluster, _)| is(cluster)).map(|(_, (_, table))| table)
    }
}

/// The span of the key at the end of `keys`, or of as much of them as there is.
fn find(table: &dyn TableLike, keys: &[&str]) -> Option<Range<usize>> {
    let (first, rest) = keys.split_first()?;
    let (key, item) = table.get_key_value(first)?;
    let deeper = match (item.as_table_like(), item.as_array(), rest.first()) {
        (Some(table), ..) => find(table, rest),
        (_, Some(list), Some(index)) => list.get(index.parse().ok()?).and_then(Value::span),
        _ => None,
    };
    deeper.or_else(|| key.span()).or_else(|| item.span())
}

/// Line and column of a byte, both counted from 1, the column in characters.
fn position(text: &str, byte: usize) -> (usize, usize) {
    let before: String = text.char_indices().take_while(|(at, _)| *at < byte).map(|(_, c)| c).collect();
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before.get(line_start..).map_or(0, |line| line.chars().count());
    (before.matches('\n').count() + 1, column + 1)
}

fn syntax_error(path: &Path, text: &str, error: &toml_edit::TomlError) -> SyntaxError {
    let (line, column) = position(text, error.span().map_or(0, |span| span.start));
    // A heading and, on the next line, what was expected; that of a duplicate key repeats the key.
    let message = masked(&error.message().lines().collect::<Vec<_>>().join(", "));
    let extract = extract(text.lines().nth(line - 1).unwrap_or_default());
    SyntaxError { path: path.to_owned(), line, column, message, extract }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_and_lines_from_one() {
        let text = "äöü = 1\nb = 2\n";
        let of = |needle| position(text, text.find(needle).expect("needle"));
        assert_eq!(of("ä"), (1, 1));
        assert_eq!(of("= 1"), (1, 5));
        assert_eq!(of("b"), (2, 1));
        assert_eq!(position(text, text.len()), (3, 1));
    }
}
