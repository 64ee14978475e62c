//! Why the content of a source was refused.

use super::encoding::Flaw;
use super::encrypted::Encrypted;
use super::found::{MOST_SHARES, Place, Spot};
use super::name::Label;
use crate::external::quote;
use crate::shares::source::{STANDARD_INPUT, Source};
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
    /// Bytes that are not UTF-8.
    #[error("it is not UTF-8 at {spot}")]
    InvalidUtf8 {
        /// The first byte that is not.
        spot: Spot,
    },
    /// The JSON ends before it is complete.
    #[error("its JSON ends too early, at {spot}")]
    JsonTruncated {
        /// The end.
        spot: Spot,
    },
    /// Not JSON, though it begins like it.
    #[error("it is not valid JSON at {spot}")]
    JsonSyntax {
        /// The first byte that does not fit.
        spot: Spot,
    },
    /// A backslash in the JSON. Shares have none, and resolving one would copy a share.
    #[error("its JSON has a backslash at {spot}, which no share needs")]
    JsonEscape {
        /// The backslash.
        spot: Spot,
    },
    /// More than one document.
    #[error("something follows its JSON, at {spot}")]
    JsonTrailing {
        /// What follows.
        spot: Spot,
    },
    /// YAML that is not written as the servers' command line writes it.
    #[error("it is YAML, of a kind that is not read at {spot}")]
    YamlSyntax {
        /// The first line that is not read, or what is wrong in it.
        spot: Spot,
    },
    /// A member with shares is there twice.
    #[error("it has {name} for a second time at {spot}")]
    JsonTwice {
        /// The member.
        name: Label,
        /// Its second occurrence.
        spot: Spot,
    },
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
    /// Nothing but strings that look like shares, or some beside the shares, under a name that does not say so.
    #[error("{}", elsewhere(*count, name.as_ref(), *spot))]
    OtherName {
        /// How many stand under the name.
        count: usize,
        /// The name; `None` where there is none.
        name: Option<Label>,
        /// The first of them.
        spot: Spot,
    },
    /// Each share in it is encrypted.
    #[error("its shares are encrypted with PGP")]
    Pgp,
    /// The file as a whole is encrypted.
    #[error("{}", by_whom(*by))]
    Encrypted {
        /// What encrypted it.
        by: Encrypted,
    },
    /// More than a split key can have.
    #[error("it holds {count} shares, more than the {MOST_SHARES} a key can be split into")]
    TooMany {
        /// How many.
        count: usize,
    },
    /// One of the strings is not a share.
    #[error("{place} {flaw}")]
    Share {
        /// Which one.
        place: Place,
        /// What is wrong with it.
        flaw: Flaw,
    },
    /// Two lists do not hold the same shares.
    #[error("it holds two sets of shares: {} and {} differ, from share {position} on", name(first.as_ref()), name(second.as_ref()))]
    ListsDiffer {
        /// The first list; `None` if it has no name.
        first: Option<Label>,
        /// The second.
        second: Option<Label>,
        /// The first share that differs or is missing, counted from 1.
        position: usize,
    },
    /// Two shares of the same number.
    #[error("it holds two sets of shares: key {number} at {first} and key {number} at {second} differ")]
    TwoSets {
        /// The number.
        number: usize,
        /// The one.
        first: Spot,
        /// The other.
        second: Spot,
    },
    /// Two shares that cannot belong together.
    #[error(
        "share {first} has {first_bytes} bytes and share {second} has {second_bytes}; those of one key \
         have the same length"
    )]
    UnequalLengths {
        /// The position of the one.
        first: usize,
        /// Its length.
        first_bytes: usize,
        /// The position of the other.
        second: usize,
        /// Its length.
        second_bytes: usize,
    },
    /// A share at x = 0, where the key itself would be.
    #[error("share {position} is damaged: its last byte is 0, which no share has")]
    ZeroX {
        /// Its position.
        position: usize,
    },
    /// Two shares for the same x.
    #[error("shares {first} and {second} exclude each other: same last byte, but they differ before it")]
    Conflict {
        /// The position of the one.
        first: usize,
        /// The position of the other.
        second: usize,
    },
}

impl ContentRefusal {
    /// A stable word for each refusal.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::OnlyComments => "only-comments",
            Self::Binary => "binary",
            Self::InvalidUtf8 { .. } => "invalid-utf8",
            Self::JsonTruncated { .. } => "json-truncated",
            Self::JsonSyntax { .. } => "json-syntax",
            Self::JsonEscape { .. } => "json-escape",
            Self::JsonTrailing { .. } => "json-trailing",
            Self::YamlSyntax { .. } => "yaml-syntax",
            Self::JsonTwice { .. } => "json-twice",
            Self::JsonType { .. } => "json-type",
            Self::NoShares => "no-shares",
            Self::OnlyToken => "token",
            Self::RecoveryKeys => "recovery-keys",
            Self::OtherName { .. } => "shares-under-other-name",
            Self::Pgp => "pgp-encrypted",
            Self::Encrypted { by } => by.kind(),
            Self::TooMany { .. } => "too-many-shares",
            Self::Share { flaw, .. } => flaw.kind(),
            Self::ListsDiffer { .. } => "lists-differ",
            Self::TwoSets { .. } => "two-sets",
            Self::UnequalLengths { .. } => "unequal-lengths",
            Self::ZeroX { .. } => "share-zero-x",
            Self::Conflict { .. } => "conflicting-shares",
        }
    }

    /// What to do about it; `origin` is the source.
    pub(crate) fn advice(&self, origin: &Source) -> String {
        let file = match origin {
            Source::File(path) if path != Path::new(STANDARD_INPUT) => quote::shell(path),
            Source::File(_) | Source::Credential(_) | Source::Tpm2 { .. } => "FILE".to_owned(),
        };
        let piped = matches!(origin, Source::File(path) if path == Path::new(STANDARD_INPUT));
        let advice = match self {
            Self::Binary => {
                return format!("See what it is: file {file}. From UTF-16: iconv -f UTF-16 -t UTF-8");
            }
            Self::InvalidUtf8 { .. } => return format!("See what it is: file {file}"),
            Self::JsonSyntax { .. } => return format!("See what is wrong there: jq empty {file}"),
            Self::JsonTwice { name, .. } => return format!("Leave only one {name} in it."),
            Self::Encrypted { by } => {
                let path = match origin {
                    Source::File(path) if *by == Encrypted::Tpm2 => path.to_string_lossy().into_owned(),
                    _ => file,
                };
                return by.advice(&path);
            }
            Self::Empty if piped => {
                "If a command was to print the shares, it failed: see what it says. Nothing was changed."
            }
            Self::Empty | Self::OnlyComments | Self::NoShares => {
                "Put the shares there as the server printed them: the output of \
                 vault (or bao) operator init -format=json, or one share a line, hex or base64."
            }
            Self::JsonTrailing { .. } => {
                "One file holds one document. If it is the output of a later init, rekey or rotate-keys, only the \
                 newest unseals: keep that."
            }
            Self::YamlSyntax { .. } => {
                "Write one share a line, hex or base64, or a list as the servers print it:\n\
                 unseal_keys_b64:\n- ...\n- ..."
            }
            Self::OtherName { .. } => {
                "If they are the shares, name them so: {\"unseal_keys\": [\"...\", \"...\"]}, or one share a line and \
                 nothing else. If they are not, keep them elsewhere."
            }
            Self::ListsDiffer { .. } | Self::TwoSets { .. } => {
                "Only the newest unseals: a rekey or rotate-keys puts an end to the shares before it. Keep that in the \
                 file, and what is older elsewhere until the server has been unsealed with the newest. If they should \
                 be the same, one is damaged."
            }
            Self::JsonTruncated { .. } => {
                "It was not written to its end. Copy it again from where the shares are kept."
            }
            Self::JsonEscape { .. } => {
                "Write a slash without a backslash before it, and leave out members with other escapes."
            }
            Self::JsonType { .. } => {
                "Each share is a string in quotes, in a list: {\"keys\": [\"...\", \"...\"]}"
            }
            Self::OnlyToken | Self::Share { flaw: Flaw::Token, .. } => {
                "A token cannot unseal. Configure the file with the unseal keys that \
                 vault (or bao) operator init printed."
            }
            Self::RecoveryKeys => {
                "They are for making a root token, and are never sent. A server with auto-unseal needs no daemon: \
                 remove it from the configuration."
            }
            Self::Pgp | Self::Share { flaw: Flaw::Pgp, .. } => {
                "Decrypt each share with the key it was made for: base64 -d | gpg --decrypt"
            }
            Self::Share { flaw: Flaw::DoublyEncoded, .. } => {
                "Undo the outer encoding of each share: base64 -d, or xxd -r -p"
            }
            Self::TooMany { .. } => "Is it the right file? A key has at most 255 shares.",
            Self::UnequalLengths { .. } => {
                "One is incomplete, or of another server: 33 bytes are a share, 32 the key of a server \
                 with a single share. Remove what does not belong."
            }
            Self::Conflict { .. } => {
                "One is damaged, or they are of different servers or from before a rekey. Remove the \
                 wrong one."
            }
            Self::ZeroX { .. } | Self::Share { .. } => {
                "Copy it again from where the shares are kept: 66 hex digits or 44 characters of base64 \
                 (64 or 44 for a server with a single share)."
            }
        };
        advice.to_owned()
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

/// What encrypted a file, as a sentence goes on after "the shares in FILE: ".
fn by_whom(by: Encrypted) -> &'static str {
    match by {
        Encrypted::Age { passphrase: true } => "it is encrypted with age, by a passphrase",
        Encrypted::Age { passphrase: false } => "it is encrypted with age",
        Encrypted::AnsibleVault => "it is encrypted with ansible-vault",
        Encrypted::AnsibleValue => "a value in it is encrypted with ansible-vault",
        Encrypted::Sops { .. } => "it is encrypted with sops",
        Encrypted::OpenPgp => "it is encrypted with OpenPGP (gpg)",
        Encrypted::Credential => "it is a credential that systemd-creds encrypted",
        Encrypted::OpensslEnc { .. } => "it is encrypted with openssl enc",
        Encrypted::Tpm2 => "it is a file that vault-unseal sealed to a TPM",
    }
}
