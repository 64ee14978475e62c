//! From the text of a share to its bytes.

use base64ct::{Base64, Base64Unpadded, Encoding};
use std::ops::RangeInclusive;
use zeroize::Zeroizing;

/// Lengths a server takes as a share, in bytes (`sys/unseal`: 16-byte minimum, 32-byte maximum plus x).
const LENGTHS: RangeInclusive<usize> = 16..=33;

/// What tokens of Vault and OpenBao begin with: service, batch and recovery tokens, new and old.
const TOKENS: [&str; 6] = ["hvs.", "hvb.", "hvr.", "s.", "b.", "r."];

/// The shortest PGP session key packet is longer than this many bytes.
const SHORTEST_PGP: usize = 64;

/// Decodes one share, hex or base64, from the buffer of the source into one that wipes itself.
///
/// As the server does: hex if it decodes to a share, else standard base64. Unlike the server, base64 may lack
/// its padding, and what consists of hex digits alone is never base64: that would be a share cut short.
pub(super) fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, ShareFlaw> {
    let text = text.trim();
    if is_token(text) {
        return Err(ShareFlaw::Token);
    }
    let bytes = raw(text.as_bytes())?;
    if LENGTHS.contains(&bytes.len()) {
        return Ok(bytes);
    }
    Err(if is_openpgp(&bytes) {
        ShareFlaw::Pgp
    } else if is_encoded_again(&bytes) {
        ShareFlaw::DoublyEncoded
    } else if bytes.len() < *LENGTHS.start() {
        ShareFlaw::TooShort(bytes.len())
    } else {
        ShareFlaw::TooLong(bytes.len())
    })
}

/// Whether the text begins as a token does. Neither hex nor base64 has a dot.
pub(super) fn is_token(text: &str) -> bool {
    TOKENS.iter().any(|prefix| {
        let rest = text.strip_prefix(prefix);
        rest.is_some_and(|rest| {
            rest.len() >= 8 && rest.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        })
    })
}

/// Whether the bytes are a PGP message to a public key: a packet with tag 1 in the new or old format
/// (RFC 9580, section 4.2), which is where `vault operator init -pgp-keys` output begins.
pub(super) fn is_openpgp(bytes: &[u8]) -> bool {
    bytes.len() > SHORTEST_PGP && matches!(bytes.first(), Some(0xc1 | 0x84..=0x86))
}

/// Whether the bytes, longer than a share, are the text of one.
fn is_encoded_again(bytes: &[u8]) -> bool {
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    bytes.len() > *LENGTHS.end() && bytes.trim_ascii().iter().all(letter)
}

/// A word of at least this many characters may be a share (16 bytes in base64 have 22) and is never skipped.
pub(super) const LONG_WORD: usize = 20;

/// Whether hex and base64 have the character.
pub(super) fn is_letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || "+/=".contains(c)
}

/// Whether the text looks like a share wherever it stands: it decodes to 33 bytes, or to the 32 of a single share.
pub(super) fn looks_like_share(text: &str) -> bool {
    matches!(text.len(), 43 | 44 | 64 | 66)
        && raw(text.as_bytes()).is_ok_and(|bytes| matches!(bytes.len(), 32 | 33))
}

/// The strings in a line that look like shares, whatever stands around them.
pub(super) fn shares_in(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c| !is_letter(c)).filter_map(|run| {
        let body = run.trim_end_matches('=');
        let start = body.rfind('=').map_or(0, |sign| sign + 1);
        run.get(start..).filter(|word| looks_like_share(word))
    })
}

/// Whether a long word may be a damaged share: it is not of letters alone, as those of a language are, and no digest of
/// 16 or 20 bytes, as commits and checksums have.
pub(super) fn may_be_share(word: &str) -> bool {
    let has = |class: fn(&u8) -> bool| word.as_bytes().iter().any(class);
    word.len() >= LONG_WORD
        && word.chars().all(is_letter)
        && has(u8::is_ascii_digit)
        && (has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase)
            || word.bytes().all(|byte| byte.is_ascii_hexdigit()) && !matches!(word.len(), 32 | 40))
}

/// Decodes without judging the length.
fn raw(text: &[u8]) -> Result<Zeroizing<Vec<u8>>, ShareFlaw> {
    // The room for hex is 1/2 of the text, for base64 3/4: enough for either without growing.
    let mut buffer = Zeroizing::new(vec![0; text.len()]);
    let length = if text.iter().all(u8::is_ascii_hexdigit) {
        if text.len() % 2 == 1 {
            return Err(ShareFlaw::OddHex);
        }
        base16ct::mixed::decode(text, &mut buffer).map(<[u8]>::len).map_err(|_| ShareFlaw::Malformed)?
    } else if text.ends_with(b"=") {
        Base64::decode(text, &mut buffer).map(<[u8]>::len).map_err(|_| ShareFlaw::Malformed)?
    } else {
        Base64Unpadded::decode(text, &mut buffer).map(<[u8]>::len).map_err(|_| ShareFlaw::Malformed)?
    };
    buffer.truncate(length);
    Ok(buffer)
}

/// Why a string is not a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ShareFlaw {
    /// Neither hex nor base64.
    #[error("is neither hex nor base64")]
    Malformed,
    /// Hex with a digit too few or too many.
    #[error("has an odd number of hex digits, so one is missing or too many")]
    OddHex,
    /// It decodes to so many bytes, fewer than the server's minimum.
    #[error("has {0} bytes, a share has 33 (32 for a server with a single share)")]
    TooShort(usize),
    /// It decodes to so many bytes, more than the server's maximum.
    #[error("has {0} bytes, a share has 33 (32 for a server with a single share)")]
    TooLong(usize),
    /// Hex or base64 of what is hex or base64 itself.
    #[error("is encoded twice: it decodes to hex or base64, not to a share")]
    DoublyEncoded,
    /// A PGP message.
    #[error("is encrypted with PGP")]
    Pgp,
    /// A token of the server.
    #[error("is a token, not a share")]
    Token,
}

impl ShareFlaw {
    /// A stable word for each flaw, and what to do about it.
    pub(super) fn explained(self) -> (&'static str, &'static str) {
        match self {
            Self::Malformed => ("share-malformed", COPY_AGAIN),
            Self::OddHex => ("share-odd-hex", COPY_AGAIN),
            Self::TooShort(_) => ("share-too-short", COPY_AGAIN),
            Self::TooLong(_) => ("share-too-long", COPY_AGAIN),
            Self::DoublyEncoded => {
                ("share-doubly-encoded", "Undo the outer encoding of each share: base64 -d, or xxd -r -p")
            }
            Self::Pgp => (
                "pgp-encrypted",
                "Decrypt each share with the key it was made for: base64 -d | gpg --decrypt",
            ),
            Self::Token => (
                "token",
                "A token cannot unseal. Configure the file with the unseal keys that \
                 vault (or bao) operator init printed.",
            ),
        }
    }
}

/// What to do about a share that is damaged.
pub(super) const COPY_AGAIN: &str = "Copy it again from where the shares are kept: 66 hex digits or 44 characters of base64 \
                                     (64 or 44 for a server with a single share).";
