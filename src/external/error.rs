//! What libraries and the system complain of, in our own words. The one place that formats an error of somebody else's:
//! such a text may quote what was read, and that may be a share, a key or a token. `tests/foreign_text.rs` keeps it so.

use super::ExternalText;
use serde_json::error::Category;
use std::fmt;
use std::io;

/// Words of ours in an [`io::Error`], the only ones there that [`io`](self::io()) shows.
#[derive(Debug, Clone, Copy)]
pub struct OwnWords(pub &'static str);

impl fmt::Display for OwnWords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for OwnWords {}

/// What the operating system says, by its number; what we said ourselves; of anything else the kind.
pub fn io(error: &io::Error) -> String {
    if let Some(number) = error.raw_os_error() {
        return io::Error::from_raw_os_error(number).to_string();
    }
    let Some(inner) = error.get_ref() else { return error.kind().to_string() };
    let words = inner.downcast_ref::<OwnWords>().map(ToString::to_string);
    let words = words.or_else(|| inner.downcast_ref::<io::Error>().map(io));
    let words = words.or_else(|| inner.downcast_ref::<serde_json::Error>().map(json));
    words.unwrap_or_else(|| error.kind().to_string())
}

/// What getaddrinfo(3) says. It has no number that the standard library would give; the text is libc's, without the name
/// that was asked for.
pub fn resolver(error: &io::Error) -> ExternalText {
    const PREFIX: &str = "failed to lookup address information: ";
    if error.raw_os_error().is_some() {
        return ExternalText::new(io(error));
    }
    let text = error.to_string();
    match text.strip_prefix(PREFIX) {
        Some(words) => ExternalText::new(words),
        None => ExternalText::new(io(error)),
    }
}

/// What is wrong with a JSON document, and where.
pub fn json(error: &serde_json::Error) -> String {
    let flaw = match error.classify() {
        Category::Io => "it cannot be read",
        Category::Eof => "it ends too early",
        Category::Syntax => "it is not JSON",
        Category::Data => "a value is missing, or is not of the type that it must be",
    };
    format!("line {}, column {}: {flaw}", error.line(), error.column())
}

/// Why a text is not TOML: what kind of value is malformed and what could stand there. Never a key or a value.
pub fn toml(error: &toml_edit::TomlError) -> String {
    /// What the parser calls the values that it knows.
    const VALUES: &str = "array, basic string, binary integer, date-time, escape sequence, floating-point number, \
                          hexadecimal integer, inline table, integer, key, literal string, multiline basic string, \
                          multiline literal string, octal integer, string, table header, time offset, time, unicode \
                          4-digit hex code, unicode 8-digit hex code";
    let message = error.message();
    if message.starts_with("duplicate key ") {
        return "this key stands here for the second time".to_owned();
    }
    if message.starts_with("dotted key ") {
        return "a dotted key leads through a value that is not a table".to_owned();
    }
    let known = |line: &&str| match line.strip_prefix("invalid ") {
        Some(value) => VALUES.split(", ").any(|known| known == value),
        // What could stand there is fixed in the parser.
        None => line.starts_with("expected "),
    };
    let lines: Vec<&str> = message.lines().filter(known).collect();
    if lines.is_empty() { "this is not TOML".to_owned() } else { lines.join(", ") }
}

/// Why the layers of a configuration do not fit together. Never a value.
pub fn figment(error: &figment::Error) -> &'static str {
    use figment::error::Kind;
    match &error.kind {
        Kind::Message(_) => "the layers do not fit together",
        Kind::InvalidType(..) | Kind::Unsupported(_) | Kind::UnsupportedKey(..) => {
            "a value has the wrong type"
        }
        Kind::InvalidValue(..) | Kind::UnknownVariant(..) => "a value cannot be used",
        Kind::InvalidLength(..) => "a list has the wrong length",
        Kind::UnknownField(..) => "a key is not known",
        Kind::MissingField(_) => "a key is missing",
        Kind::DuplicateField(_) => "a key stands twice",
        Kind::ISizeOutOfRange(_) | Kind::USizeOutOfRange(_) => "a number is out of range",
    }
}

/// Why a text is not a URL.
pub fn url(error: url::ParseError) -> &'static str {
    use url::ParseError as E;
    match error {
        E::EmptyHost => "it has no host",
        E::IdnaError => "its host is not an international domain name",
        E::InvalidPort => "its port is not a number up to 65535",
        E::InvalidIpv4Address => "its host is not an IPv4 address",
        E::InvalidIpv6Address => "its host is not an IPv6 address",
        E::InvalidDomainCharacter => "its host has a character that no name has",
        _ => "it cannot be read as one",
    }
}

/// Why a request over HTTP has no answer that could be used.
pub fn of_exchange(error: &(dyn std::error::Error + 'static)) -> &'static str {
    let Some(error) = error.downcast_ref::<hyper::Error>() else {
        return if error.is::<http_body_util::LengthLimitError>() {
            "the answer is too large"
        } else {
            "the request cannot be made"
        };
    };
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        "the connection was closed before the end of the answer"
    } else if error.is_parse() {
        "the answer is not HTTP"
    } else {
        "the connection failed"
    }
}

/// Why a task has no result.
pub fn task(error: &tokio::task::JoinError) -> &'static str {
    if error.is_cancelled() { "it was given up" } else { "it failed" }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANARY: &str = "canary-3Nn0dYrJzVn0vvfvtC2m";

    #[test]
    fn system_errors_keep_their_words_and_others_lose_theirs() {
        let missing = std::fs::read("/nonexistent").unwrap_err();
        assert_eq!(io(&missing), "No such file or directory (os error 2)");
        assert_eq!(io(&io::Error::other(OwnWords("it has no pipes"))), "it has no pipes");
        assert!(!io(&io::Error::other(CANARY)).contains("canary"));
        assert!(!io(&io::Error::other(io::Error::other(CANARY))).contains("canary"));
        let json = serde_json::from_str::<bool>(&format!("\"{CANARY}\"")).unwrap_err();
        assert!(json.to_string().contains("canary"), "this is why");
        let words = io(&json.into());
        assert!(words.starts_with("line 1, column ") && !words.contains("canary"), "{words}");
    }

    #[test]
    fn resolver_words_are_those_of_libc() {
        let error =
            std::net::ToSocketAddrs::to_socket_addrs(&("no.such.name.invalid", 1)).map(drop).unwrap_err();
        let words = resolver(&error).to_string();
        assert!(!words.contains("lookup") && !words.is_empty(), "{words}");
    }

    #[test]
    fn toml_errors_name_the_flaw_and_no_text() {
        for (text, words) in [
            (format!("{CANARY} = 1\n{CANARY} = 2"), "this key stands here for the second time"),
            (format!("a = {CANARY}"), "invalid string, expected `\"`, `'`"),
            (format!("a = 1\na.{CANARY} = 1"), "a dotted key leads through a value that is not a table"),
            ("a = 99999999999999999999".to_owned(), "this is not TOML"),
        ] {
            let error = text.parse::<toml_edit::ImDocument<String>>().unwrap_err();
            assert_eq!(toml(&error), words, "{text}");
        }
    }
}
