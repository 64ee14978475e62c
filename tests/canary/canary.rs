//! Secrets that may be found nowhere, in the forms in which they lie in files and in those in which an error could show them.

use std::fmt::Write as _;

use base64ct::{Base64, Encoding};

/// One secret.
pub(crate) struct Canary {
    pub(crate) text: String,
    /// Every form of a part of it.
    traces: Vec<String>,
}

/// So many characters in a row are no chance.
const PART: usize = 12;

impl Canary {
    /// A share in hex, one in base64, and a token: the `index`th of them in turn, random each time.
    pub(crate) fn new(index: usize) -> Self {
        let bytes: [u8; 33] = std::array::from_fn(|_| fastrand::u8(..));
        let text = match index % 3 {
            0 => bytes.iter().fold(String::new(), |mut text, byte| {
                write!(text, "{byte:02x}").unwrap();
                text
            }),
            1 => Base64::encode_string(&bytes),
            _ => "hvs.".to_owned() + &(0..24).map(|_| fastrand::alphanumeric()).collect::<String>(),
        };
        let secret = text.strip_prefix("hvs.").unwrap_or(&text);
        let mut traces: Vec<String> =
            secret.as_bytes().windows(PART).map(|part| String::from_utf8(part.to_vec()).unwrap()).collect();
        for bytes in [secret.as_bytes(), &bytes] {
            for part in bytes.windows(6) {
                let joined = |form: fn(&u8) -> String, between| {
                    part.iter().map(form).collect::<Vec<_>>().join(between)
                };
                let list = |form| joined(form, ",");
                traces.push(list(|byte| format!("{byte}")));
                traces.push(list(|byte| format!("{byte:x}")));
                traces.push(list(|byte| format!("{byte:#x}")));
                traces.push(joined(|byte| format!("\\x{byte:02x}"), ""));
                traces.push(joined(|byte| format!("{byte:02x}"), ""));
            }
        }
        Self { text, traces }
    }

    /// Panics where a part of it was said.
    pub(crate) fn assert_absent(&self, said: &str, where_: &str) {
        // `{:#?}` of bytes has line breaks in it, `{:?}` blanks.
        let dense: String = said.chars().filter(|c| !c.is_whitespace()).collect();
        for trace in &self.traces {
            assert!(!dense.contains(trace.as_str()), "{where_}: {trace:?} of {:?} in\n{said}", self.text);
        }
    }
}

/// A file with a secret somewhere in it, in every way in which files get damaged.
pub(crate) struct Damaged {
    pub(crate) how: String,
    pub(crate) canary: Canary,
    pub(crate) bytes: Vec<u8>,
}

/// Every damage of a file with this text.
pub(crate) fn damage(base: &str) -> Vec<Damaged> {
    let mut all = Vec::new();
    let mut add = |how: String, make: &dyn Fn(&str) -> Vec<u8>| {
        let canary = Canary::new(all.len());
        let bytes = make(&canary.text);
        all.push(Damaged { how, canary, bytes });
    };
    let lines: Vec<&str> = base.lines().collect();
    let middle = lines.len() / 2;
    let put = |line: Vec<u8>, before: usize, after: usize| {
        let mut text = lines[..before].join("\n").into_bytes();
        text.extend_from_slice(b"\n");
        text.extend(line);
        text.extend_from_slice(b"\n");
        text.extend(lines[after..].join("\n").bytes());
        text
    };
    for form in [
        "@",
        "@ = 1",
        "key = @",
        "key = \"@",
        "key = \"@\"",
        "ca_file = \"@\"",
        "\"@\": 1",
        "{\"keys\": [\"@\"",
        "\"keys\": [\"@\\u0041\"]",
        "{\"@\": {\"@\": [@]}}",
        "[@]",
        "[[@",
        "-----BEGIN @-----",
        "-----BEGIN PRIVATE KEY-----@",
        "= \"@\" @",
        "\u{1b}[2J@\u{202e}",
        "@\\",
        "AGE-SECRET-KEY-1@",
    ] {
        let line = |text: &str| form.replace('@', text).into_bytes();
        add(format!("{form} alone"), &|text| line(text));
        add(format!("{form} first"), &|text| put(line(text), 0, 0));
        add(format!("{form} in the middle"), &|text| put(line(text), middle, middle));
        add(format!("{form} in place of a line"), &|text| {
            put(line(text), middle, (middle + 1).min(lines.len()))
        });
        add(format!("{form} last"), &|text| put(line(text), lines.len(), lines.len()));
    }
    add("not UTF-8".to_owned(), &|text| {
        put([text.as_bytes(), b"\xff\xfe", text.as_bytes()].concat(), middle, middle)
    });
    add("UTF-16".to_owned(), &|text| text.encode_utf16().flat_map(u16::to_le_bytes).collect());
    add("broken off".to_owned(), &|text| {
        [lines[..middle].join("\n").as_bytes(), b"\n\"", text.as_bytes()].concat()
    });
    // Line breaks that were lost on the way through an environment variable or a form.
    for (how, between) in [("\\n written out", "\\n"), ("blanks", " "), ("nothing", ""), ("CR", "\r")] {
        add(format!("line breaks became {how}"), &|text| {
            let whole = String::from_utf8(put(text.as_bytes().to_vec(), middle, middle)).unwrap();
            whole.replace('\n', between).into_bytes()
        });
    }
    // In place of every longer word, as a value or a key.
    let words = base.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() >= 4);
    for (number, word) in words.enumerate().filter(|(number, _)| number % 7 == 0).take(12) {
        add(format!("in place of word {number}"), &|text| base.replacen(word, text, 1).into_bytes());
    }
    all
}
