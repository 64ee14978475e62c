//! What JSON and YAML hold, in the text they were read from.

/// A document whose strings lie in the text it was read from. No Debug.
pub(super) enum Value<'a> {
    Null,
    Bool,
    /// Its value, if it is whole and not negative.
    Number(Option<usize>),
    Text(&'a str),
    List(Vec<Value<'a>>),
    Object(Vec<(&'a str, Value<'a>)>),
}

impl Value<'_> {
    pub(super) fn name(&self) -> &'static str {
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
