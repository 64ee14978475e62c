//! One parsed file: its values for the layers, and the line of each for the errors.

use super::error::{ConfigError, SyntaxError};
use super::place::Place;
use super::shape;
use super::shown::extract;
use crate::external;
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
    /// Where each line begins. Every key is asked for its line: counting anew each time made long files slow.
    lines: Vec<usize>,
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
        let lines = line_starts(text);
        let mut document =
            Self { path: path.to_owned(), tree, lines, top: Dict::new(), clusters: Vec::new() };
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
        let (line, _) = position(&self.lines, span.map_or(0, |span| span.start));
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
        let error = Document::parse(Path::new("x"), "a = 1\n\"äöü\" = = 1\n").err().expect("an error");
        assert!(error.to_string().contains("x:2:9: "), "{error}");
    }
}
