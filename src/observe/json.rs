//! Writes JSON, in ASCII: by hand, because the derived code for it takes ten times the room of what this daemon does with it.

use std::fmt::{self, Display, Write as _};
use std::io::Write;
use std::time::Duration;

/// An object that is being written. What is not known is left out.
pub(super) struct Object<'a> {
    text: &'a mut Vec<u8>,
    empty: bool,
}

impl<'a> Object<'a> {
    /// Begins one.
    pub(super) fn begin(text: &'a mut Vec<u8>) -> Self {
        text.push(b'{');
        Self { text, empty: true }
    }

    /// Begins one that is a member.
    pub(super) fn object(&mut self, name: &str) -> Object<'_> {
        self.name(name);
        Object::begin(self.text)
    }

    /// A member that is made of ASCII as it is: a number, or another value.
    pub(super) fn put(&mut self, name: &str, value: Option<&dyn Display>) {
        if let Some(value) = value {
            self.name(name);
            // Into memory: cannot fail.
            let _ = write!(self.text, "{value}");
        }
    }

    /// A text.
    pub(super) fn text(&mut self, name: &str, value: Option<&str>) {
        self.put(name, value.map(Text).as_ref().map(|text| text as &dyn Display));
    }

    /// A whole number.
    pub(super) fn number(&mut self, name: &str, value: Option<u64>) {
        self.put(name, value.as_ref().map(|value| value as &dyn Display));
    }

    /// Yes or no.
    pub(super) fn flag(&mut self, name: &str, value: Option<bool>) {
        self.put(name, value.as_ref().map(|value| value as &dyn Display));
    }

    /// A time since 1970, or a duration: seconds, to the millisecond.
    pub(super) fn seconds(&mut self, name: &str, value: Option<Duration>) {
        self.put(name, value.map(Seconds).as_ref().map(|value| value as &dyn Display));
    }

    /// The members that follow are written by somebody else.
    pub(super) fn list(mut self, name: &str) {
        self.name(name);
        self.text.push(b'[');
    }

    /// Ends it.
    pub(super) fn end(self) {
        self.text.push(b'}');
    }

    fn name(&mut self, name: &str) {
        if !std::mem::replace(&mut self.empty, false) {
            self.text.push(b',');
        }
        let _ = write!(self.text, "\"{name}\":");
    }
}

/// A text in quotes: nothing in it is anything to a terminal.
pub(super) struct Text<'a>(pub(super) &'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            if c.is_ascii_graphic() && c != '"' && c != '\\' || c == ' ' {
                f.write_char(c)?;
                continue;
            }
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(f, "\\u{unit:04x}")?;
            }
        }
        f.write_char('"')
    }
}

/// `1764320712.250`.
pub(crate) struct Seconds(pub(crate) Duration);

impl Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0.as_secs(), self.0.subsec_millis())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    proptest! {
        #[test]
        fn any_text_is_read_as_it_was_and_is_ascii(text in any::<String>()) {
            let mut written = Vec::new();
            let mut object = Object::begin(&mut written);
            object.text("a", Some(&text));
            object.text("b", None);
            object.number("c", Some(u64::MAX));
            object.flag("d", Some(true));
            object.seconds("e", Some(Duration::from_micros(1_500_250)));
            object.end();
            prop_assert!(written.iter().all(|byte| (b' '..=b'~').contains(byte)));
            let read: Value = serde_json::from_slice(&written).unwrap();
            prop_assert_eq!(read, serde_json::json!({"a": text, "c": u64::MAX, "d": true, "e": 1.5}));
        }
    }
}
