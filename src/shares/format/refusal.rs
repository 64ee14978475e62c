//! Why the content of a source was refused.

use super::encoding::{COPY_AGAIN, ShareFlaw};
use super::encrypted::Encrypted;
use super::found::Label;
use super::found::{MOST_SHARES, SharePosition, Spot};
use crate::external::quote;
use crate::shares::source::{STANDARD_INPUT, ShareSource};
use std::path::Path;

/// Why what a source holds cannot be used. Names places and positions, never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContentRefusal {
    /// No bytes, or nothing but white space.
    #[error("it is empty")]
    Empty,
    /// Text without a line that is not a comment.
    #[error("it holds nothing but comments")]
    OnlyComments,
    /// Control characters.
    #[error("it is not text")]
    Binary,
    /// Bytes that are not UTF-8, and where the first of them is.
    #[error("it is not UTF-8 at {0}")]
    InvalidUtf8(Spot),
    /// The JSON ends before it is complete.
    #[error("its JSON ends too early, at {0}")]
    JsonTruncated(Spot),
    /// Not JSON from here on, though it begins like it.
    #[error("it is not valid JSON at {0}")]
    JsonSyntax(Spot),
    /// A backslash in the JSON. Shares have none, and resolving one would copy a share.
    #[error("its JSON has a backslash at {0}, which no share needs")]
    JsonEscape(Spot),
    /// More than one document.
    #[error("something follows its JSON, at {0}")]
    JsonTrailing(Spot),
    /// YAML that is not written as the servers' command line writes it, from this line on.
    #[error("it is YAML, of a kind that is not read at {0}")]
    YamlSyntax(Spot),
    /// A member with shares is there twice, the second time here.
    #[error("it has {0} for a second time at {1}")]
    JsonTwice(Label, Spot),
    /// Something else where a list of strings should be.
    #[error("{} {found}, not {}", subject(list.as_ref(), *entry), wanted(*entry))]
    JsonType {
        /// The member and where it is; `None` for a bare array.
        list: Option<(Label, Spot)>,
        /// Which entry, counted from 1; `None` when the member itself is no list.
        entry: Option<usize>,
        /// What is there instead.
        found: &'static str,
    },
    /// JSON without a member that holds shares, or text without a line that does.
    #[error("it holds no shares")]
    NoShares,
    /// A token and nothing else.
    #[error("it holds a token, not shares")]
    OnlyToken,
    /// Recovery keys and nothing else.
    #[error("it holds recovery keys, which cannot unseal: the server unseals itself (auto-unseal)")]
    RecoveryKeys,
    /// Strings that look like shares, alone or beside the shares, under a name that does not say so, or none: how many,
    /// and where the first is.
    #[error("{}", elsewhere(*.0, .1.as_ref(), *.2))]
    OtherName(usize, Option<Label>, Spot),
    /// Each share in it is encrypted.
    #[error("its shares are encrypted with PGP")]
    Pgp,
    /// The file as a whole is encrypted.
    #[error("{0}")]
    Encrypted(Encrypted),
    /// More than a split key can have.
    #[error("it holds {0} shares, more than the {MOST_SHARES} a key can be split into")]
    TooMany(usize),
    /// One of the strings is not a share.
    #[error("{0} {1}")]
    Share(SharePosition, ShareFlaw),
    /// Two lists do not hold the same shares.
    #[error("it holds two sets of shares: {} and {} differ, from share {position} on", name(first.as_ref()), name(second.as_ref()))]
    ListsDiffer {
        /// `None` for a list without a name.
        first: Option<Label>,
        /// The same of the second list.
        second: Option<Label>,
        /// The first share that differs or is missing, counted from 1.
        position: usize,
    },
    /// Two shares of the same number, and where each is.
    #[error("it holds two sets of shares: key {0} at {1} and key {0} at {2} differ")]
    TwoSets(usize, Spot, Spot),
    /// Two shares that cannot belong together: position and length of each.
    #[error(
        "share {} has {} bytes and share {} has {}; those of one key have the same length", .0.0, .0.1, .1.0, .1.1
    )]
    UnequalLengths((usize, usize), (usize, usize)),
    /// The share at this position has x = 0, where the key itself would be.
    #[error("share {0} is damaged: its last byte is 0, which no share has")]
    ZeroX(usize),
    /// The shares at these positions have the same x.
    #[error("shares {0} and {1} exclude each other: same last byte, but they differ before it")]
    Conflict(usize, usize),
}

impl ContentRefusal {
    /// A stable word for each refusal, and what to do about it; `origin` is the source.
    pub(crate) fn explained(&self, origin: &ShareSource) -> (&'static str, String) {
        let piped = matches!(origin, ShareSource::File(path) if path == Path::new(STANDARD_INPUT));
        let file = match origin {
            ShareSource::File(path) if !piped => quote::shell(path),
            ShareSource::File(_)
            | ShareSource::Credential(_)
            | ShareSource::Socket(_)
            | ShareSource::Tpm2 { .. } => "FILE".to_owned(),
        };
        let put = "Put the shares there as the server printed them: the output of \
                   vault (or bao) operator init -format=json, or one share a line, hex or base64.";
        let newest = "Only the newest unseals: a rekey or rotate-keys puts an end to the shares before it. Keep that in the \
                      file, and what is older elsewhere until the server has been unsealed with the newest. If they should \
                      be the same, one is damaged.";
        let (kind, advice) = match self {
            Self::Empty if piped => (
                "empty",
                "If a command was to print the shares, it failed: see what it says. Nothing was changed.",
            ),
            Self::Empty => ("empty", put),
            Self::OnlyComments => ("only-comments", put),
            Self::NoShares => ("no-shares", put),
            Self::Binary => {
                return (
                    "binary",
                    format!("See what it is: file {file}. From UTF-16: iconv -f UTF-16 -t UTF-8"),
                );
            }
            Self::InvalidUtf8(_) => return ("invalid-utf8", format!("See what it is: file {file}")),
            Self::JsonSyntax(_) => {
                return ("json-syntax", format!("See what is wrong there: jq empty {file}"));
            }
            Self::JsonTwice(name, _) => return ("json-twice", format!("Leave only one {name} in it.")),
            Self::Encrypted(by) => {
                let path = match origin {
                    ShareSource::File(path) if *by == Encrypted::Tpm2 => path.to_string_lossy().into_owned(),
                    _ => file,
                };
                return by.explained(&path);
            }
            Self::Share(_, flaw) => flaw.explained(),
            Self::JsonTruncated(_) => (
                "json-truncated",
                "It was not written to its end. Copy it again from where the shares are kept.",
            ),
            Self::JsonEscape(_) => (
                "json-escape",
                "Write a slash without a backslash before it, and leave out members with other escapes.",
            ),
            Self::JsonTrailing(_) => (
                "json-trailing",
                "One file holds one document. If it is the output of a later rekey or rotate-keys, the newest unseals: keep \
                 that in the file, and the older elsewhere until the server has been unsealed with the newest.",
            ),
            Self::YamlSyntax(_) => (
                "yaml-syntax",
                "Write one share a line, hex or base64, or a list as the servers print it:\n\
                 unseal_keys_b64:\n- ...\n- ...",
            ),
            Self::JsonType { .. } => {
                ("json-type", "Each share is a string in quotes, in a list: {\"keys\": [\"...\", \"...\"]}")
            }
            Self::OnlyToken => ShareFlaw::Token.explained(),
            Self::Pgp => ShareFlaw::Pgp.explained(),
            Self::RecoveryKeys => (
                "recovery-keys",
                "They are for making a root token, and are never sent. A server with auto-unseal needs no daemon: \
                 remove it from the configuration.",
            ),
            Self::OtherName(..) => (
                "shares-under-other-name",
                "If they are the shares, name them so: {\"unseal_keys\": [\"...\", \"...\"]}, or one share a line and \
                 nothing else. If they are not, keep them elsewhere.",
            ),
            Self::TooMany(_) => ("too-many-shares", "Is it the right file? A key has at most 255 shares."),
            Self::ListsDiffer { .. } => ("lists-differ", newest),
            Self::TwoSets(..) => ("two-sets", newest),
            Self::UnequalLengths(..) => (
                "unequal-lengths",
                "One is incomplete, or of another server: 33 bytes are a share, 32 the key of a server \
                 with a single share. Remove what does not belong.",
            ),
            Self::ZeroX(_) => ("share-zero-x", COPY_AGAIN),
            Self::Conflict(..) => (
                "conflicting-shares",
                "One is damaged, or they are of different servers or from before a rekey. Remove the \
                 wrong one.",
            ),
        };
        (kind, advice.to_owned())
    }
}

/// What a list of shares, or an entry of it, should be.
fn wanted(entry: Option<usize>) -> &'static str {
    if entry.is_some() { "a string" } else { "a list of strings" }
}

/// The beginning of a sentence about a member, or an entry of it.
fn subject(list: Option<&(Label, Spot)>, entry: Option<usize>) -> String {
    let member = list.map(|(name, spot)| format!("{name} ({spot})"));
    match (entry, member) {
        (Some(entry), Some(member)) => format!("entry {entry} of {member} is"),
        (Some(entry), None) => format!("entry {entry} of its list is"),
        (None, Some(member)) => format!("{member} is"),
        (None, None) => "it is".to_owned(),
    }
}

/// What stands where it says nothing.
fn elsewhere(count: usize, name: Option<&Label>, spot: Spot) -> String {
    let strings = match count {
        1 => "1 string that looks like a share stands".to_owned(),
        many => format!("{many} strings that look like shares stand"),
    };
    match name {
        Some(name) => format!("{strings} under {name} ({spot}), which does not say unseal key"),
        None => format!("{strings} under no name that says unseal key ({spot})"),
    }
}

/// The name of a list.
fn name(label: Option<&Label>) -> String {
    label.map_or_else(|| "a list without a name".to_owned(), Label::to_string)
}
