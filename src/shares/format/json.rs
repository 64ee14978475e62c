//! JSON: the answer of `sys/init`, what `vault operator init -format=json` makes of it, or a bare array.
//!
//! Strings are borrowed from the buffer of the source, which wipes itself: parsing copies none. An escape in
//! a string would be resolved in memory that does not wipe itself, so there may be none. Messages of the
//! JSON parser may quote what they complain of, so none of them is ever shown or even made.

use super::{ContentRefusal, Entry, Found, MOST_SHARES, Place, Scheme, Spot};
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use std::fmt;

/// Members that hold shares: of the command line and of the HTTP API.
const LISTS: [&str; 4] = ["unseal_keys_b64", "unseal_keys_hex", "keys_base64", "keys"];

/// Members that hold recovery keys, which unseal nothing.
const RECOVERY: [&str; 4] =
    ["recovery_keys_b64", "recovery_keys_hex", "recovery_keys_base64", "recovery_keys"];

/// Members that say of how many shares the server needs how many: of the command line.
const THRESHOLD: &str = "unseal_threshold";
const TOTAL: &str = "unseal_shares";

const FINGERPRINTS: &str = "pgp_fingerprints";
const ROOT_TOKEN: &str = "root_token";

/// Finds the strings that should be shares.
pub(super) fn read(text: &str) -> Result<Found<'_>, ContentRefusal> {
    if let Some(offset) = text.find('\\') {
        return Err(ContentRefusal::JsonEscape { spot: Spot::of(text.as_bytes(), offset) });
    }
    let document = serde_json::from_str(text).map_err(|error| {
        let spot = Spot { line: error.line(), column: error.column() };
        match error.classify() {
            Category::Eof => ContentRefusal::JsonTruncated { spot },
            _ => ContentRefusal::JsonSyntax { spot },
        }
    })?;
    match document {
        Json::Object(members) => object(text, &members),
        other => {
            let entries = strings(text, &other, None)?;
            let found = Found { entries, again: Vec::new(), root_token: false, json: true, scheme: None };
            if found.entries.is_empty() { Err(ContentRefusal::NoShares) } else { Ok(found) }
        }
    }
}

fn object<'a>(text: &'a str, members: &[(&'a str, Json<'a>)]) -> Result<Found<'a>, ContentRefusal> {
    let member = |name: &'static str| {
        let mut same = members.iter().filter(|(key, _)| *key == name);
        let first = same.next();
        match same.next() {
            Some((key, _)) => Err(ContentRefusal::JsonTwice { name, spot: Spot::of_part(text, key) }),
            None => Ok(first),
        }
    };
    let filled =
        |name| member(name).map(|found| matches!(found, Some((_, Json::List(items))) if !items.is_empty()));
    if filled(FINGERPRINTS)? {
        return Err(ContentRefusal::Pgp);
    }
    let mut lists = Vec::new();
    for name in LISTS {
        if let Some((key, value)) = member(name)? {
            let entries = strings(text, value, Some((name, Spot::of_part(text, key))))?;
            if !entries.is_empty() {
                lists.push((name, entries));
            }
        }
    }
    let root_token = matches!(member(ROOT_TOKEN)?, Some((_, Json::Text(token))) if !token.is_empty());
    let mut lists = lists.into_iter();
    if let Some((_, entries)) = lists.next() {
        let number = |name| {
            member(name).map(|found| match found {
                Some((_, Json::Number(Some(number)))) => {
                    Some(*number).filter(|n| (1..=MOST_SHARES).contains(n))
                }
                _ => None,
            })
        };
        // One without the other, or what no server can have, says nothing.
        let scheme = match (number(THRESHOLD)?, number(TOTAL)?) {
            (Some(threshold), Some(total)) if threshold <= total => Some(Scheme { threshold, total }),
            _ => None,
        };
        return Ok(Found { entries, again: lists.collect(), root_token, json: true, scheme });
    }
    for name in RECOVERY {
        if filled(name)? {
            return Err(ContentRefusal::RecoveryKeys);
        }
    }
    Err(if root_token { ContentRefusal::OnlyToken } else { ContentRefusal::NoShares })
}

/// The strings of a list of shares; none for `null`, which stands for an empty one.
fn strings<'a>(
    text: &'a str,
    value: &Json<'a>,
    list: Option<(&'static str, Spot)>,
) -> Result<Vec<Entry<'a>>, ContentRefusal> {
    let wrong = |entry, found: &Json<'_>| ContentRefusal::JsonType { list, entry, found: found.name() };
    let items = match value {
        Json::List(items) => items,
        Json::Null => return Ok(Vec::new()),
        other => return Err(wrong(None, other)),
    };
    let entry = |(index, item): (usize, &Json<'a>)| match item {
        Json::Text(share) => {
            let place = Place { position: index + 1, spot: Spot::of_part(text, share) };
            Ok(Entry { text: share, place })
        }
        other => Err(wrong(Some(index + 1), other)),
    };
    items.iter().enumerate().map(entry).collect()
}

/// A JSON document whose strings lie in the text it was read from. No Debug.
enum Json<'a> {
    Null,
    Bool,
    /// Its value, if it is whole and not negative.
    Number(Option<usize>),
    Text(&'a str),
    List(Vec<Json<'a>>),
    Object(Vec<(&'a str, Json<'a>)>),
}

impl Json<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

/// Takes every type itself, so that serde never puts a value into a message.
struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Json::Bool)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Json::Number(None))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Json::Number(usize::try_from(number).ok()))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Json::Number(None))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Json::Text(text))
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
        Err(E::custom("a string with an escape"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut object = Vec::new();
        while let Some(member) = members.next_entry()? {
            object.push(member);
        }
        Ok(Json::Object(object))
    }
}
