//! JSON that is printed: every string exactly as it is for a machine, and nothing in it that a terminal obeys.

use super::text::is_plain;
use serde::Serialize;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, Serializer};
use std::io::{self, Write};

/// The document in one line, without a line's end. Characters that are invisible or that a terminal obeys are written as
/// `\u202e`: JSON's own rules leave them as they are from U+007F on.
pub fn line(document: &impl Serialize) -> serde_json::Result<String> {
    let mut text = Vec::new();
    document.serialize(&mut Serializer::with_formatter(&mut text, Plain(CompactFormatter)))?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

struct Plain(CompactFormatter);

impl Formatter for Plain {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        for c in fragment.chars() {
            if is_plain(c) {
                write!(writer, "{c}")?;
            } else {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }

    fn write_char_escape<W: ?Sized + Write>(&mut self, writer: &mut W, escape: CharEscape) -> io::Result<()> {
        self.0.write_char_escape(writer, escape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_text_is_read_back_and_printed_plainly(texts: Vec<String>) {
            let printed = line(&texts).unwrap();
            proptest::prop_assert!(printed.chars().all(is_plain), "{printed:?}");
            proptest::prop_assert_eq!(serde_json::from_str::<Vec<String>>(&printed).unwrap(), texts);
        }
    }

    #[test]
    fn terminal_sequences_become_escapes() {
        assert_eq!(line(&"a\u{9b}31m\u{202e}\n\u{e0041}").unwrap(), r#""a\u009b31m\u202e\n\udb40\udc41""#);
        assert_eq!(line(&serde_json::json!({"a": [1, null, "é"]})).unwrap(), r#"{"a":[1,null,"é"]}"#);
    }
}
