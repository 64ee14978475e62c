//! A document as it came from the daemon, whatever later versions add to it. Not the library's type for that: it takes tables
//! to write a number, and a map for each object.

use super::json::Text;
use crate::external::ExternalText;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt::{self, Display, Write};
use std::time::Duration;

/// A value in JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ObservedValue {
    /// Null, or a number below 0: there is none in the schema.
    Nothing,
    /// Yes or no.
    Flag(bool),
    /// A number, and what is behind its point in millionths.
    Number(u64, u32),
    /// A text.
    Text(String),
    /// Items.
    List(Vec<Self>),
    /// Members.
    Object(Vec<(String, Self)>),
}

impl ObservedValue {
    /// A member.
    pub(crate) fn get(&self, name: &str) -> Option<&Self> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(member, _)| member == name).map(|(_, value)| value)
    }

    /// A member that is text.
    pub(crate) fn text(&self, name: &str) -> Option<ExternalText> {
        match self.get(name)? {
            Self::Text(text) => Some(ExternalText::new(text.as_str())),
            _ => None,
        }
    }

    /// A member that is this text.
    pub(crate) fn is(&self, name: &str, text: &str) -> bool {
        matches!(self.get(name), Some(Self::Text(member)) if member == text)
    }

    /// A member that is yes or no.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        match self.get(name)? {
            Self::Flag(flag) => Some(*flag),
            _ => None,
        }
    }

    /// A member that is a whole number; 0 where there is none.
    pub(crate) fn number(&self, name: &str) -> u64 {
        match self.get(name) {
            Some(Self::Number(whole, 0)) => *whole,
            _ => 0,
        }
    }

    /// A member that is a time since 1970, or a duration.
    pub(crate) fn seconds(&self, name: &str) -> Option<Duration> {
        match self.get(name)? {
            Self::Number(whole, millionths) => Some(Duration::new(*whole, millionths * 1000)),
            _ => None,
        }
    }

    /// The items of a member that is a list.
    pub(crate) fn items(&self, name: &str) -> &[Self] {
        match self.get(name) {
            Some(Self::List(items)) => items,
            _ => &[],
        }
    }
}

/// One line of ASCII.
impl Display for ObservedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("null"),
            Self::Flag(flag) => flag.fmt(f),
            Self::Number(whole, 0) => whole.fmt(f),
            Self::Number(whole, millionths) => write!(f, "{whole}.{millionths:06}"),
            Self::Text(text) => Text(text).fmt(f),
            Self::List(items) => {
                f.write_char('[')?;
                for (at, item) in items.iter().enumerate() {
                    f.write_str(if at == 0 { "" } else { "," })?;
                    item.fmt(f)?;
                }
                f.write_char(']')
            }
            Self::Object(members) => {
                f.write_char('{')?;
                for (at, (name, value)) in members.iter().enumerate() {
                    f.write_str(if at == 0 { "" } else { "," })?;
                    write!(f, "{}:{value}", Text(name))?;
                }
                f.write_char('}')
            }
        }
    }
}

impl<'de> Deserialize<'de> for ObservedValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = ObservedValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<ObservedValue, E> {
        Ok(ObservedValue::Nothing)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<ObservedValue, E> {
        Ok(ObservedValue::Flag(flag))
    }

    fn visit_u64<E>(self, number: u64) -> Result<ObservedValue, E> {
        Ok(ObservedValue::Number(number, 0))
    }

    fn visit_i64<E>(self, _: i64) -> Result<ObservedValue, E> {
        Ok(ObservedValue::Nothing)
    }

    fn visit_f64<E>(self, number: f64) -> Result<ObservedValue, E> {
        let number = Duration::try_from_secs_f64(number).ok();
        // To the nearest: the number is never quite what was written.
        let number = number.and_then(|number| number.checked_add(Duration::from_nanos(500)));
        Ok(number.map_or(ObservedValue::Nothing, |number| {
            ObservedValue::Number(number.as_secs(), number.subsec_micros())
        }))
    }

    fn visit_str<E>(self, text: &str) -> Result<ObservedValue, E> {
        Ok(ObservedValue::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<ObservedValue, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(ObservedValue::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<ObservedValue, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = object.next_entry()? {
            members.push(member);
        }
        Ok(ObservedValue::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn value(text: &str) -> ObservedValue {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn document_is_written_as_it_was_read_and_in_ascii() {
        for text in [
            r#"{"a":[],"b":{},"c":[1,18446744073709551615,true,false,null,"x"],"d":{"e":"f"}}"#,
            "[1764320712.251,0.0025,10.0001]",
            "\"\u{7f} \\u001b[31m \\\" \\\\ \u{202e} é 😀\"",
        ] {
            let written = value(text).to_string();
            assert!(written.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{written}");
            let (read, was): (Value, Value) =
                (serde_json::from_str(&written).unwrap(), serde_json::from_str(text).unwrap());
            assert_eq!(read, was);
        }
    }

    #[test]
    fn members_are_what_they_are_asked_as_or_nothing() {
        let value =
            value(r#"{"text":"a","flag":true,"number":7,"time":1764320712.251,"before":-1,"list":[1]}"#);
        assert_eq!(value.text("text").map(|text| text.to_string()).as_deref(), Some("a"));
        assert!(value.is("text", "a") && !value.is("text", "b") && !value.is("none", "a"));
        assert_eq!((value.flag("flag"), value.flag("text"), value.flag("none")), (Some(true), None, None));
        assert_eq!((value.number("number"), value.number("text"), value.number("time")), (7, 0, 0));
        assert_eq!(value.seconds("time"), Some(Duration::from_millis(1_764_320_712_251)));
        assert_eq!((value.seconds("before"), value.seconds("list")), (None, None));
        assert_eq!((value.items("list").len(), value.items("text").len()), (1, 0));
    }
}
