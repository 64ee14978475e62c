//! JSON: the answer of `sys/init`, what `vault operator init -format=json` makes of it, or what a person wrote.
//!
//! Strings are borrowed from the buffer of the source, which wipes itself: parsing copies none. An escape in
//! a string would be resolved in memory that does not wipe itself, so there may be none. Messages of the
//! JSON parser may quote what they complain of, so none of them is ever shown or even made.

use super::value::Value;
use super::{ContentRefusal, Spot};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use std::fmt;

/// Whether a text begins as JSON does. A prompt in brackets (`[root@host ~]#`) does not.
pub(super) fn is_json(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with('{')
        || text.strip_prefix('[').is_some_and(|rest| {
            rest.trim_start().chars().next().is_none_or(|c| "\"{[]-".contains(c) || c.is_ascii_digit())
        })
}

/// Reads the document.
pub(super) fn read(text: &str) -> Result<Value<'_>, ContentRefusal> {
    if let Some(offset) = text.find('\\') {
        return Err(ContentRefusal::JsonEscape { spot: Spot::of(text.as_bytes(), offset) });
    }
    let spot = |error: &serde_json::Error| Spot { line: error.line(), column: error.column() };
    let mut reader = serde_json::Deserializer::from_str(text);
    let document = Value::deserialize(&mut reader).map_err(|error| match error.classify() {
        Category::Eof => ContentRefusal::JsonTruncated { spot: spot(&error) },
        _ => ContentRefusal::JsonSyntax { spot: spot(&error) },
    })?;
    reader.end().map_err(|error| ContentRefusal::JsonTrailing { spot: spot(&error) })?;
    Ok(document)
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

/// Takes every type itself, so that serde never puts a value into a message.
struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Value::Bool)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Value::Number(None))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Value::Number(usize::try_from(number).ok()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Value::Number(None))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
        Err(E::custom("a string with an escape"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut object = Vec::new();
        while let Some(member) = members.next_entry()? {
            object.push(member);
        }
        Ok(Value::Object(object))
    }
}
