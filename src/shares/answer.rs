//! The answer to `PUT /v1/sys/init`: the shares of a server that has just got its keys, and its first token.

use super::{ContentRefusal, Scheme, ShareSet, Source, format};
use secrecy::{SecretBox, SecretString};
use serde::Deserialize;

/// What a server hands out once in its life. No Debug, Clone or Serialize.
pub struct InitAnswer {
    /// All its shares, in its order.
    pub shares: ShareSet,
    /// The root token; `None` from a server that gives none.
    pub root_token: Option<SecretString>,
}

#[derive(Deserialize)]
struct Wire<'a> {
    /// Borrowed: an escape, which no token has, would be resolved in memory that does not wipe itself.
    #[serde(borrow)]
    root_token: Option<&'a str>,
}

impl InitAnswer {
    /// Reads the body, which does not say how the key is split: `asked` is what the server was asked for, if that is known
    /// for certain. Errors: there are no shares in it that a server would take.
    pub fn parse(body: &[u8], asked: Option<Scheme>) -> Result<Self, ContentRefusal> {
        // Names the answer in messages only.
        let origin = Source::File("the server's answer".into());
        let shares = format::parse(body, &origin)?.shares.of_scheme(asked);
        let wire: Option<Wire<'_>> = serde_json::from_slice(body).ok();
        let root_token = wire.and_then(|wire| wire.root_token).filter(|token| !token.is_empty());
        // In a box of its final size: a `String` with more room would be moved into one, and leave a copy behind.
        let root_token = root_token.map(|token| SecretBox::new(Box::from(token)));
        Ok(Self { shares, root_token })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret;

    #[test]
    fn shares_and_token_of_an_answer() {
        let (one, two) = ("ab".repeat(32) + "01", "cd".repeat(32) + "02");
        let body = format!(r#"{{"keys":["{one}","{two}"],"root_token":"s.abc"}}"#);
        let answer = InitAnswer::parse(body.as_bytes(), None).unwrap();
        let shares: Vec<_> = answer.shares.iter().map(|share| share.hex().to_string()).collect();
        assert_eq!(shares, [one, two]);
        assert_eq!(answer.root_token.unwrap().expose_secret(), "s.abc");
        // The shares count more than a token that is not there.
        let body = format!(r#"{{"keys":["{}"]}}"#, "ab".repeat(32));
        assert!(InitAnswer::parse(body.as_bytes(), None).unwrap().root_token.is_none());
        assert!(InitAnswer::parse(br#"{"root_token":"s.abc"}"#, None).is_err());
        assert!(InitAnswer::parse(b"<html>", None).is_err());
    }
}
