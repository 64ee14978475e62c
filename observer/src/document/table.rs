//! A table of a file, read key by key; what was not asked for is an error.

use super::{DocumentError, Fault};
use std::cell::RefCell;
use std::fmt;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml_edit::{Item, TableLike, Value};
use vault_unseal::external::quote::sentence;
use vault_unseal::external::{ExternalText, could_be_secret};

/// Where something is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    path: PathBuf,
    line: usize,
    key: String,
}

impl Place {
    /// The error that what stands here cannot be used.
    pub fn refuses(&self, fault: impl Into<Fault>) -> DocumentError {
        DocumentError::At(self.clone(), fault.into())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", sentence(&self.path), self.line)?;
        if self.key.is_empty() { Ok(()) } else { write!(f, ": {}", self.key) }
    }
}

/// A value, and where it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written<T> {
    /// The value.
    pub value: T,
    /// Where.
    pub place: Place,
}

/// Where each line of the file begins.
pub(super) struct Lines<'a> {
    path: &'a Path,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn of(path: &'a Path, text: &str) -> Self {
        let starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
        Self { path, starts: starts.collect() }
    }

    pub(super) fn place(&self, span: Option<Range<usize>>, key: String) -> Place {
        let byte = span.map_or(0, |span| span.start);
        let line = self.starts.partition_point(|start| *start <= byte);
        Place { path: self.path.to_owned(), line, key }
    }
}

/// A table.
pub struct Table<'a> {
    lines: &'a Lines<'a>,
    /// Its name with a dot behind it; empty for the file's own.
    prefix: String,
    place: Place,
    items: &'a dyn TableLike,
    /// The keys that were asked for.
    known: RefCell<Vec<&'static str>>,
}

impl<'a> Table<'a> {
    pub(super) fn new(lines: &'a Lines<'a>, name: String, table: &'a toml_edit::Table) -> Self {
        Self::at(lines, name, table.span(), table)
    }

    fn at(lines: &'a Lines<'a>, name: String, span: Option<Range<usize>>, table: &'a dyn TableLike) -> Self {
        let prefix = if name.is_empty() { String::new() } else { format!("{name}.") };
        Self { lines, prefix, place: lines.place(span, name), items: table, known: RefCell::default() }
    }

    /// Where it begins.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// The error that this key is missing, with how it is written.
    pub fn lacks(&self, key: &'static str, advice: impl Into<String>) -> DocumentError {
        self.place.refuses(Fault::MissingKey(key, advice.into()))
    }

    /// Whether the key is written at all.
    pub fn has(&self, key: &'static str) -> bool {
        self.item(key).is_some()
    }

    /// Where a key is written.
    fn place_of(&self, key: &str) -> Place {
        let span = self.items.key(key).and_then(toml_edit::Key::span);
        // A key may be anything, so also what was pasted by mistake.
        let shown =
            if could_be_secret(key) { "…".to_owned() } else { format!("{:.60}", ExternalText::new(key)) };
        self.lines.place(span, format!("{}{shown}", self.prefix))
    }

    fn item(&self, key: &'static str) -> Option<&'a Item> {
        let mut known = self.known.borrow_mut();
        if !known.contains(&key) {
            known.push(key);
        }
        self.items.get(key)
    }

    fn read<T>(
        &self,
        key: &'static str,
        wanted: &'static str,
        advice: impl FnOnce() -> String,
        read: impl FnOnce(&'a Item) -> Option<T>,
    ) -> Result<Option<Written<T>>, DocumentError> {
        let Some(item) = self.item(key) else { return Ok(None) };
        let place = self.place_of(key);
        match read(item) {
            Some(value) => Ok(Some(Written { value, place })),
            None => Err(place.refuses(Fault::Type(wanted, found(item), advice()))),
        }
    }

    /// A text.
    pub fn text(&self, key: &'static str) -> Result<Option<Written<&'a str>>, DocumentError> {
        self.read(key, "a string", || format!("Write it as {key} = \"…\"."), Item::as_str)
    }

    /// A list of texts.
    pub fn texts(&self, key: &'static str) -> Result<Option<Vec<Written<&'a str>>>, DocumentError> {
        let advice = || format!("Write it as {key} = [\"…\"].");
        self.read_texts(key, "a list of strings", advice, texts_of)
    }

    /// A text, or a list of them.
    pub fn text_or_texts(&self, key: &'static str) -> Result<Option<Vec<Written<&'a str>>>, DocumentError> {
        let advice = || format!("Write it as {key} = \"…\" or {key} = [\"…\", \"…\"].");
        self.read_texts(key, "a string or a list of strings", advice, |item| match item.as_str() {
            Some(text) => Some(vec![(text, item.span())]),
            None => texts_of(item),
        })
    }

    fn read_texts(
        &self,
        key: &'static str,
        wanted: &'static str,
        advice: impl FnOnce() -> String,
        texts: impl FnOnce(&'a Item) -> Option<FoundTexts<'a>>,
    ) -> Result<Option<Vec<Written<&'a str>>>, DocumentError> {
        let read = self.read(key, wanted, advice, texts)?;
        Ok(read.map(|list| {
            let name = list.place.key;
            let items = list.value.into_iter();
            items
                .map(|(value, span)| Written { value, place: self.lines.place(span, name.clone()) })
                .collect()
        }))
    }

    /// Yes or no.
    pub fn boolean(&self, key: &'static str) -> Result<Option<Written<bool>>, DocumentError> {
        self.read(key, "a boolean", || "Write true or false, without quotes.".to_owned(), Item::as_bool)
    }

    /// A duration between two bounds.
    pub fn duration(
        &self,
        key: &'static str,
        bounds: RangeInclusive<Duration>,
    ) -> Result<Option<Duration>, DocumentError> {
        let read = self.read(key, "a string", || format!("Write it as {key} = \"5m\"."), Item::as_str)?;
        let Some(Written { value, place }) = read else { return Ok(None) };
        let duration = humantime::parse_duration(value).map_err(|_| place.refuses(Fault::Duration))?;
        if bounds.contains(&duration) {
            return Ok(Some(duration));
        }
        Err(place.refuses(Fault::Bounds(duration, bounds)))
    }

    /// A path from the root.
    pub fn path(&self, key: &'static str) -> Result<Option<Written<PathBuf>>, DocumentError> {
        let Some(Written { value, place }) = self.text(key)? else { return Ok(None) };
        if value.starts_with('/') {
            return Ok(Some(Written { value: value.into(), place }));
        }
        Err(place.refuses(Fault::RelativePath))
    }

    /// A table in it.
    pub fn table(&self, key: &'static str) -> Result<Option<Table<'a>>, DocumentError> {
        let tables = |item: &'a Item| Some((item.as_table_like()?, item.span()));
        let read = self.read(key, "a table", || format!("Write it as {key} = {{ … }}."), tables)?;
        Ok(read.map(|Written { value: (table, span), place }| {
            // Of dotted keys there is none: then where the first stands.
            let mut inner = Self::at(self.lines, format!("{}{key}", self.prefix), span, table);
            inner.place = place;
            inner
        }))
    }

    /// The tables of a list.
    pub fn tables(&self, key: &'static str) -> Result<Vec<Table<'a>>, DocumentError> {
        type Found<'a> = Vec<(&'a dyn TableLike, Option<Range<usize>>)>;
        let tables = |item: &'a Item| -> Option<Found<'a>> {
            if let Some(tables) = item.as_array_of_tables() {
                return Some(tables.iter().map(|table| (table as &dyn TableLike, table.span())).collect());
            }
            let list = item.as_array()?.iter();
            list.map(|value| Some((value.as_inline_table()? as &dyn TableLike, value.span()))).collect()
        };
        let advice = || format!("Begin it with a line [[{key}]].");
        let read = self.read(key, "a list of tables", advice, tables)?;
        let found = read.map(|list| list.value).unwrap_or_default().into_iter();
        Ok(found
            .map(|(table, span)| Self::at(self.lines, format!("{}{key}", self.prefix), span, table))
            .collect())
    }

    /// Everything that may stand here was asked for: what else is written is an error.
    pub fn finish(&self) -> Result<(), DocumentError> {
        let known = self.known.borrow();
        match self.items.iter().find(|(key, _)| !known.contains(key)) {
            None => Ok(()),
            Some((key, _)) => {
                Err(self.place_of(key).refuses(Fault::UnknownKey(key.to_owned(), known.clone())))
            }
        }
    }
}

type FoundTexts<'a> = Vec<(&'a str, Option<Range<usize>>)>;

fn texts_of(item: &Item) -> Option<FoundTexts<'_>> {
    item.as_array()?.iter().map(|value| Some((value.as_str()?, value.span()))).collect()
}

fn found(item: &Item) -> &'static str {
    match item {
        Item::Value(Value::String(_)) => "a string",
        Item::Value(Value::Integer(_) | Value::Float(_)) => "a number",
        Item::Value(Value::Boolean(_)) => "a boolean",
        Item::Value(Value::Datetime(_)) => "a date",
        Item::Value(Value::Array(_)) => "a list",
        Item::ArrayOfTables(_) => "a list of tables",
        _ => "a table",
    }
}
