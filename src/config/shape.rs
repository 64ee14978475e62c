//! Holds a file against the table of keys: unknown names, wrong types, and the values of the rest.

use super::document::{Document, DocumentCluster, UNNAMED};
use super::error::ConfigError;
use super::keys::{self, Key, Kind, Scope};
use super::place::Place;
use super::shown::shown;
use super::value::{ValueError, no_secret};
use crate::external::could_be_secret;
use figment::value::{Dict, Value};
use toml_edit::{Item, TableLike};

/// What stands above the clusters, and the clusters.
pub(super) fn read(document: &Document) -> Result<(Dict, Vec<DocumentCluster>), ConfigError> {
    let shape = Shape { document };
    let mut clusters = Vec::new();
    for (span, table) in document.cluster_tables() {
        let place = document.place(span, "cluster".to_owned());
        clusters.push(shape.cluster(table, place)?);
    }
    let top = shape.table(document.root(), Scope::Top)?;
    Ok((top, clusters))
}

const PINS: &str = "pin_sha256";

struct Shape<'a> {
    document: &'a Document,
}

impl Shape<'_> {
    fn cluster(&self, table: &dyn TableLike, place: Place) -> Result<DocumentCluster, ConfigError> {
        let mut values = self.table(table, Scope::Cluster)?;
        let name = values.remove("name").and_then(Value::into_string);
        let named = name.is_some();
        let name = name.unwrap_or_else(|| UNNAMED.to_owned());
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        if name.is_empty() || name.len() > 64 || !name.chars().all(fits) {
            let place = self.place(table, "name", Scope::Cluster);
            return Err(ConfigError::BadName { place, name: shown(&name) });
        }
        Ok(DocumentCluster { name, named, values, place })
    }

    fn table(&self, table: &dyn TableLike, scope: Scope) -> Result<Dict, ConfigError> {
        let mut values = Dict::new();
        for (name, item) in table.iter() {
            let place = || self.place(table, name, scope);
            let Some(key) = keys::find(scope, name) else {
                return Err(ConfigError::UnknownKey {
                    place: place(),
                    key: shown(name),
                    table: scope,
                    header: has_header(item),
                    // Pins have the same form.
                    secret: scope != Scope::Tls && name != PINS && has_secret(item),
                });
            };
            let value = self.value(key, item).map_err(|problem| problem.at(place(), key, item))?;
            let Some(value) = value else { continue };
            if key.scope == Scope::Everywhere {
                // Tables of their own in the fragments, so that the keys are listed there once.
                let common = values.entry("pace".to_owned()).or_insert_with(|| Value::from(Dict::new()));
                if let Value::Dict(_, common) = common {
                    common.insert(name.to_owned(), value);
                }
            } else {
                values.insert(name.to_owned(), value);
            }
        }
        Ok(values)
    }

    /// The value of a key for the layers; `None` for the clusters, which become layers of their own.
    fn value(&self, key: &Key, item: &Item) -> Result<Option<Value>, Problem> {
        let value = match key.kind {
            Kind::Clusters => {
                let inline = |value: &toml_edit::Value| value.is_inline_table();
                let tables = item.is_array_of_tables()
                    || item.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(inline));
                return if tables { Ok(None) } else { Err(Problem::Type) };
            }
            Kind::Table(scope) => {
                let table = item.as_table_like().ok_or(Problem::Type)?;
                let values = self.table(table, scope).map_err(|error| {
                    Problem::Inside(match error {
                        ConfigError::UnknownKey { place, key, table, secret, .. } => {
                            ConfigError::UnknownKey { place, key, table, header: has_header(item), secret }
                        }
                        error => error,
                    })
                })?;
                if scope == Scope::Shares { source(&values)? } else { Value::from(values) }
            }
            Kind::Texts => {
                let list = item.as_array().ok_or(Problem::Type)?;
                let texts: Option<Vec<&str>> = list.iter().map(toml_edit::Value::as_str).collect();
                let texts = texts.ok_or(Problem::Type)?;
                for text in &texts {
                    no_secret(key, text).map_err(Problem::Value)?;
                }
                Value::from(texts)
            }
            Kind::Accounts => {
                let list = item.as_array().ok_or(Problem::Type)?;
                let account = |value: &toml_edit::Value| {
                    value
                        .as_str()
                        .map(str::to_owned)
                        .or_else(|| value.as_integer().map(|uid| uid.to_string()))
                };
                Value::from(list.iter().map(account).collect::<Option<Vec<_>>>().ok_or(Problem::Type)?)
            }
            Kind::Boolean => Value::from(item.as_bool().ok_or(Problem::Type)?),
            Kind::Duration(..) if item.is_integer() || item.is_float() => return Err(Problem::BareNumber),
            Kind::Text | Kind::Path | Kind::Word(_) | Kind::Duration(..) => {
                let text = item.as_str().ok_or(Problem::Type)?;
                no_secret(key, text).map_err(Problem::Value)?;
                Value::from(text)
            }
        };
        Ok(Some(value))
    }

    fn place(&self, table: &dyn TableLike, name: &str, scope: Scope) -> Place {
        let span = table.key(name).and_then(toml_edit::Key::span);
        self.document.place(span, format!("{}{}", scope.prefix(), shown(name)))
    }
}

/// What is wrong with a value, before its place is known.
enum Problem {
    Type,
    BareNumber,
    Value(ValueError),
    Sources { several: bool },
    TctiOfNothing,
    Inside(ConfigError),
}

impl Problem {
    fn at(self, place: Place, key: &'static Key, item: &Item) -> ConfigError {
        match self {
            Self::Type => ConfigError::Type {
                place,
                key,
                found: found(item),
                text: item.as_str().filter(|text| shown(text) == **text).map(str::to_owned),
                secret: key.name != PINS && has_secret(item),
            },
            Self::BareNumber => {
                // Without the comment behind it.
                let number = item.as_integer().map(|number| number.to_string());
                let number =
                    number.or_else(|| item.as_float().map(|number| number.to_string())).unwrap_or_default();
                ConfigError::BareNumber { place, number }
            }
            Self::Value(problem) => ConfigError::Value { place, problem },
            Self::Sources { several: true } => ConfigError::SeveralSources { place },
            Self::Sources { several: false } => ConfigError::NoSource { place },
            Self::TctiOfNothing => ConfigError::TctiOfNothing { place },
            Self::Inside(error) => error,
        }
    }
}

/// `shares` as the list of its key and value, and which TPM if one is named: a list is replaced as a whole by a later
/// layer, a table is merged.
fn source(values: &Dict) -> Result<Value, Problem> {
    let tcti = values.get("tcti");
    let mut pairs = values.iter().filter(|(key, _)| *key != "tcti");
    match (pairs.next(), pairs.next()) {
        (Some((kind, _)), None) if kind != "tpm2" && tcti.is_some() => Err(Problem::TctiOfNothing),
        (Some((kind, value)), None) => Ok(Value::from(
            [vec![Value::from(kind.as_str()), value.clone()], tcti.cloned().into_iter().collect()].concat(),
        )),
        (None, _) => Err(Problem::Sources { several: false }),
        _ => Err(Problem::Sources { several: true }),
    }
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
    let list = item.as_array().into_iter().flatten().filter_map(toml_edit::Value::as_str);
    item.as_str().into_iter().chain(list).any(could_be_secret)
}
