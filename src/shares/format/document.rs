//! What JSON and YAML hold, in the text they were read from.
//!
//! JSON: the answer of `sys/init`, what `vault operator init -format=json` makes of it, or what a person wrote. Strings are
//! borrowed from the buffer of the source, which wipes itself: parsing copies none. An escape in a string would be resolved
//! in memory that does not wipe itself, so there may be none. Messages of the JSON parser may quote what they complain of,
//! so none of them is ever shown or even made.
//!
//! YAML: what `vault operator init -format=yaml` prints, and what a person writes in its manner. Lists and mappings in
//! blocks, strings on one line. It is no reader of all YAML, which needs memory of its own for strings; here they stay in
//! the buffer of the source. What is not read is refused, never guessed; a text of several lines is passed over as one.

use super::found::Spot;
use super::refusal::ContentRefusal;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use std::fmt;

/// Deeper than anybody writes.
const DEEPEST: usize = 16;
/// More digits are no number but a share.
const LONGEST_NUMBER: usize = 9;

/// A line that says something.
#[derive(Clone, Copy)]
struct Line<'a> {
    indent: usize,
    text: &'a str,
}

/// Whether a text is YAML: it has a name whose value stands below it, or is a list in brackets.
pub(super) fn is_yaml(text: &str) -> bool {
    let lines = lines(text);
    let first = lines.first().is_some_and(|line| line.text == "---");
    let block = |pair: &[Line<'_>]| {
        let [name, below] = pair else { return false };
        key(name.text).is_some_and(|(name, value)| is_name(name) && value.is_empty())
            && (is_item(below.text) && below.indent >= name.indent
                || below.indent > name.indent && key(below.text).is_some())
    };
    let flow = |line: &Line<'_>| {
        key(line.text)
            .is_some_and(|(name, value)| is_name(name) && value.starts_with('[') && value.ends_with(']'))
    };
    first || lines.windows(2).any(block) || lines.iter().any(flow)
}

/// Reads the document.
pub(crate) fn read_yaml(text: &str) -> Result<Value<'_>, ContentRefusal> {
    let mut reader = Reader { text, lines: lines(text), next: 0 };
    if reader.peek().is_some_and(|line| line.text == "---") {
        reader.next += 1;
    }
    let Some(first) = reader.peek() else { return Err(ContentRefusal::NoShares) };
    let document = reader.block(first.indent, 0)?;
    match reader.peek() {
        Some(rest) if rest.text != "..." => Err(reader.refusal(rest.text)),
        _ => Ok(document),
    }
}

fn lines(text: &str) -> Vec<Line<'_>> {
    let line = |line: &str| line.len() - line.trim_start_matches(' ').len();
    text.lines()
        .map(|whole| Line { indent: line(whole), text: whole.trim() })
        .filter(|line| !line.text.is_empty() && !line.text.starts_with('#'))
        .collect()
}

fn is_item(line: &str) -> bool {
    line == "-" || line.starts_with("- ")
}

/// A name as programs write them; not a sentence before a colon, nor a label with spaces.
fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c))
}

/// The name and the value of a line of a mapping, the quotes of the name taken off.
fn key(line: &str) -> Option<(&str, &str)> {
    let (name, value) = match line.chars().next()? {
        quote @ ('"' | '\'') => {
            let (name, rest) = line.get(1..)?.split_once(quote)?;
            (name, rest.strip_prefix(':')?)
        }
        _ => line.split_once(": ").or_else(|| line.strip_suffix(':').map(|name| (name, "")))?,
    };
    Some((name.trim_end(), value.trim()))
}

/// What a text of several lines begins with (YAML 1.2, 8.1).
fn is_block(value: &str) -> bool {
    let mark = value.split_once(" #").map_or(value, |(mark, _)| mark.trim_end());
    matches!(mark, "|" | "|-" | "|+" | ">" | ">-" | ">+")
}

struct Reader<'a> {
    text: &'a str,
    lines: Vec<Line<'a>>,
    next: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<Line<'a>> {
        self.lines.get(self.next).copied()
    }

    fn refusal(&self, at: &str) -> ContentRefusal {
        ContentRefusal::YamlSyntax(Spot::of_part(self.text, at))
    }

    /// The list or mapping whose lines begin in this column.
    fn block(&mut self, indent: usize, depth: usize) -> Result<Value<'a>, ContentRefusal> {
        let (mut items, mut members) = (Vec::new(), Vec::new());
        while let Some(line) = self.peek().filter(|line| line.indent >= indent) {
            let out_of_place = line.indent > indent || depth > DEEPEST || line.text.contains('\t');
            let item = is_item(line.text);
            if out_of_place || item && !members.is_empty() || !item && !items.is_empty() {
                // A list ends where the mapping that it stands in goes on in the same column.
                if line.indent == indent && !item && depth > 0 {
                    break;
                }
                return Err(self.refusal(line.text));
            }
            if item {
                let rest = line.text.get(1..).unwrap_or_default().trim_start();
                let column = line.indent + line.text.len() - rest.len();
                items.push(if rest.is_empty() {
                    self.next += 1;
                    self.below(indent + 1, depth)?
                } else if key(rest).is_some() || is_item(rest) {
                    if let Some(line) = self.lines.get_mut(self.next) {
                        *line = Line { indent: column, text: rest };
                    }
                    self.block(column, depth + 1)?
                } else {
                    self.next += 1;
                    self.scalar(rest)?
                });
            } else {
                let (name, value) = key(line.text).ok_or_else(|| self.refusal(line.text))?;
                self.next += 1;
                let value = if is_block(value) {
                    while self.peek().is_some_and(|inside| inside.indent > indent) {
                        self.next += 1;
                    }
                    Value::Lines
                } else if !value.is_empty() && !value.starts_with('#') {
                    self.scalar(value)?
                } else if self.peek().is_some_and(|below| below.indent == indent && is_item(below.text)) {
                    self.block(indent, depth + 1)?
                } else {
                    self.below(indent + 1, depth)?
                };
                members.push((name, value));
            }
        }
        Ok(if members.is_empty() { Value::List(items) } else { Value::Object(members) })
    }

    /// What stands in this column or further right; nothing, if nothing does.
    fn below(&mut self, least: usize, depth: usize) -> Result<Value<'a>, ContentRefusal> {
        match self.peek() {
            Some(line) if line.indent >= least => self.block(line.indent, depth + 1),
            _ => Ok(Value::Null),
        }
    }

    fn scalar(&self, text: &'a str) -> Result<Value<'a>, ContentRefusal> {
        if let Some(inside) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            let items = inside.split(',').map(str::trim).filter(|item| !item.is_empty());
            return items.map(|item| self.plain(item)).collect::<Result<_, _>>().map(Value::List);
        }
        if text == "{}" { Ok(Value::Object(Vec::new())) } else { self.plain(text) }
    }

    fn plain(&self, text: &'a str) -> Result<Value<'a>, ContentRefusal> {
        let quoted = |quote: char| {
            let (inside, rest) = text.strip_prefix(quote)?.split_once(quote)?;
            let rest = rest.trim_start();
            ((rest.is_empty() || rest.starts_with('#')) && !inside.contains('\\')).then_some(inside)
        };
        match text.chars().next() {
            Some(quote @ ('"' | '\'')) => quoted(quote).map(Value::Text).ok_or_else(|| self.refusal(text)),
            Some(c) if "[]{}&*!|>%@`,?".contains(c) => Err(self.refusal(text)),
            _ => {
                let text = text.split_once(" #").map_or(text, |(text, _)| text.trim_end());
                let digits = text.len() <= LONGEST_NUMBER && text.bytes().all(|byte| byte.is_ascii_digit());
                Ok(match text {
                    "" | "~" | "null" | "Null" | "NULL" => Value::Null,
                    "true" | "True" => Value::Bool(true),
                    "false" | "False" => Value::Bool(false),
                    number if digits => Value::Number(number.parse().ok()),
                    text => Value::Text(text),
                })
            }
        }
    }
}

/// A document whose strings lie in the text it was read from. No Debug.
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    /// Its value, if it is whole and not negative.
    Number(Option<usize>),
    Text(&'a str),
    /// A text of several lines, which is not looked at.
    Lines,
    List(Vec<Value<'a>>),
    Object(Vec<(&'a str, Value<'a>)>),
}

impl<'a> Value<'a> {
    /// The member of this name of an object.
    pub(crate) fn member(&self, wanted: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value),
            _ => None,
        }
    }

    /// A string.
    pub(crate) fn text(&self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::Lines => "a text of several lines",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

/// Whether a text begins as JSON does. A prompt in brackets (`[root@host ~]#`) does not.
pub(super) fn is_json(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with('{')
        || text.strip_prefix('[').is_some_and(|rest| {
            rest.trim_start().chars().next().is_none_or(|c| "\"{[]-".contains(c) || c.is_ascii_digit())
        })
}

/// Reads the document.
pub(super) fn read_json(text: &str) -> Result<Value<'_>, ContentRefusal> {
    if let Some(offset) = text.find('\\') {
        return Err(ContentRefusal::JsonEscape(Spot::of(text.as_bytes(), offset)));
    }
    let spot = |error: &serde_json::Error| Spot { line: error.line(), column: error.column() };
    let mut reader = serde_json::Deserializer::from_str(text);
    let document = Value::deserialize(&mut reader).map_err(|error| match error.classify() {
        Category::Eof => ContentRefusal::JsonTruncated(spot(&error)),
        _ => ContentRefusal::JsonSyntax(spot(&error)),
    })?;
    reader.end().map_err(|error| ContentRefusal::JsonTrailing(spot(&error)))?;
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

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Value::Bool(value))
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
