//! Files that hold shares under a key of somebody else's: told from each other by how they begin, never opened here.

use crate::external::quote;
use crate::shares::store::is_credential_id;
use base64ct::{Base64, Encoding};
use zeroize::Zeroizing;

/// Bytes at the beginning in which a mark must stand.
const HEAD: usize = 512;
/// Lines of base64 are no longer, unless `openssl enc -A` wrote one.
const LONGEST_LINE: usize = 76;

/// What encrypted a file, as a sentence goes on after "the shares in FILE: ".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Encrypted {
    /// age (age-encryption.org/v1), with or without armour.
    #[error("it is encrypted with age{}", if *passphrase { ", by a passphrase" } else { "" })]
    Age {
        /// Whether a passphrase opens it, and no identity.
        passphrase: bool,
    },
    /// ansible-vault, the file as a whole.
    #[error("it is encrypted with ansible-vault")]
    AnsibleVault,
    /// ansible-vault, a value in a file of YAML.
    #[error("a value in it is encrypted with ansible-vault")]
    AnsibleValue,
    /// sops; what `--input-type` calls its format.
    #[error("it is encrypted with sops")]
    Sops(&'static str),
    /// OpenPGP (RFC 9580): `gpg -c`, `gpg -e`, with or without armour.
    #[error("it is encrypted with OpenPGP (gpg)")]
    OpenPgp,
    /// systemd-creds(1).
    #[error("it is a credential that systemd-creds encrypted")]
    Credential,
    /// openssl-enc(1); the options for its base64.
    #[error("it is encrypted with openssl enc")]
    OpensslEnc(&'static str),
    /// This program: a file for `tpm2 =`.
    #[error("it is a file that vault-unseal sealed to a TPM")]
    Tpm2,
}

impl Encrypted {
    /// What encrypted these bytes, if something did that is known.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let text = bytes.trim_ascii_start();
        let head = text.get(..HEAD.min(text.len())).unwrap_or(text);
        let line = head.split(|byte| *byte == b'\n').next().unwrap_or(head).trim_ascii_end();
        if text.starts_with(b"age-encryption.org/") {
            return Some(Self::Age { passphrase: contains(head, b"-> scrypt ") });
        }
        if text.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----") {
            return Some(Self::Age { passphrase: has_scrypt_below(head) });
        }
        if text.starts_with(b"Salted__") {
            return Some(Self::OpensslEnc(""));
        }
        if text.starts_with(b"U2FsdGVkX1") {
            let base64 = if line.len() > LONGEST_LINE { " -a -A" } else { " -a" };
            return Some(Self::OpensslEnc(base64));
        }
        if text.starts_with(b"$ANSIBLE_VAULT;") {
            return Some(Self::AnsibleVault);
        }
        if contains(text, b"$ANSIBLE_VAULT;") {
            return Some(Self::AnsibleValue);
        }
        if contains(text, b"ENC[AES256_GCM,data:") && contains(text, b"sops") {
            return Some(Self::Sops(sops_format(text)));
        }
        if text.starts_with(b"{") && contains(head, b"\"vault-unseal-tpm2\"") {
            return Some(Self::Tpm2);
        }
        if contains(text, b"-----BEGIN PGP MESSAGE-----") || is_openpgp_file(bytes) {
            return Some(Self::OpenPgp);
        }
        is_credential(line).then_some(Self::Credential)
    }

    /// A stable word for each, and what to do about it, where `file` is the file for a shell, or its path with
    /// [`Encrypted::Tpm2`].
    pub(super) fn explained(self, file: &str) -> (&'static str, String) {
        let (kind, before, command) = match self {
            Self::Age { passphrase: true } => ("age-encrypted", "", format!("age --decrypt {file}")),
            Self::Age { passphrase: false } => (
                "age-encrypted",
                "With the identity it was made for:\n",
                format!("age --decrypt --identity KEYFILE {file}"),
            ),
            Self::AnsibleVault => {
                ("ansible-vault-encrypted", "", format!("ansible-vault decrypt --output - {file}"))
            }
            Self::AnsibleValue => (
                "ansible-vault-encrypted",
                "",
                format!(
                    "sed -n 's/^ *//; s/^.*[$]ANSIBLE_VAULT/$ANSIBLE_VAULT/p; /^[0-9a-f][0-9a-f]*$/p' {file} | \
                     ansible-vault decrypt --output -"
                ),
            ),
            Self::Sops(format) => (
                "sops-encrypted",
                "",
                format!("sops --decrypt --input-type {format} --output-type {format} {file}"),
            ),
            Self::OpenPgp => ("openpgp-encrypted", "", format!("gpg --decrypt {file}")),
            Self::Credential => (
                "systemd-credential",
                "The service takes it as it is, with shares = { credential = \"NAME\" } and a drop-in with \
                 LoadCredentialEncrypted=NAME:FILE. Or make a new one of it:\n",
                format!("systemd-creds decrypt --name= {file} -"),
            ),
            Self::OpensslEnc(base64) => (
                "openssl-encrypted",
                "The file does not say which cipher and options it was made with. With these, for example:\n",
                format!("openssl enc -d -aes-256-cbc -pbkdf2{base64} -in {file}"),
            ),
            Self::Tpm2 => {
                let advice =
                    format!("Configure it as what it is: shares = {{ tpm2 = {} }}", quote::toml(file));
                return ("tpm2-sealed", advice);
            }
        };
        let advice = format!(
            "{before}{command} | vault-unseal enroll - --credential host\n\
             With a TPM, --tpm2 in place of --credential host. Nothing of it is then written to a plain file."
        );
        (kind, advice)
    }
}

fn contains(bytes: &[u8], mark: &[u8]) -> bool {
    bytes.windows(mark.len()).any(|window| window == mark)
}

/// Whether the first line of an armour holds the recipient of a passphrase.
fn has_scrypt_below(head: &[u8]) -> bool {
    let line = head.split(|byte| *byte == b'\n').nth(1).unwrap_or_default().trim_ascii();
    let mut bytes = [0; 64];
    line.get(..48)
        .and_then(|line| Base64::decode(line, &mut bytes).ok())
        .is_some_and(|text| contains(text, b"-> scrypt"))
}

/// As which type sops is to read it, by where its own part stands.
fn sops_format(text: &[u8]) -> &'static str {
    if text.starts_with(b"{") {
        return if is_sops_binary(text) { "binary" } else { "json" };
    }
    let begins = |mark: &[u8]| text.split(|byte| *byte == b'\n').any(|line| line.starts_with(mark));
    if begins(b"[sops]") {
        "ini"
    } else if begins(b"sops_") {
        "dotenv"
    } else {
        "yaml"
    }
}

/// What is no JSON of its own, sops puts into the only member beside its own.
fn is_sops_binary(text: &[u8]) -> bool {
    let compact: Vec<u8> = text.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let Some(value) = compact.strip_prefix(b"{\"data\":\"") else { return false };
    let end = value.iter().position(|byte| *byte == b'"').unwrap_or_default();
    value.get(end..).is_some_and(|rest| rest.starts_with(b"\",\"sops\":"))
}

/// Whether a file is an OpenPGP message: its first packet holds a session key, for a passphrase (tag 3) or a public key
/// (tag 1), in the old or the new format (RFC 9580, sections 4.2, 5.1 and 5.3).
fn is_openpgp_file(bytes: &[u8]) -> bool {
    let version = |at: usize, known: &[u8]| bytes.get(at).is_some_and(|version| known.contains(version));
    match bytes.first() {
        Some(0x8c | 0xc3) => version(2, &[4, 5, 6]),
        Some(0x84) => version(2, &[3, 6]),
        Some(0x85) => version(3, &[3, 6]),
        Some(0xc1) => version(2, &[3, 6]) || version(3, &[3, 6]),
        _ => false,
    }
}

/// Whether a line of base64 begins as the files of systemd-creds do: with the name of the keys.
fn is_credential(line: &[u8]) -> bool {
    let mut bytes = Zeroizing::new([0; 18]);
    let Some(head) = line.get(..24).filter(|_| line.len() > 44) else { return false };
    Base64::decode(head, bytes.as_mut_slice())
        .ok()
        .and_then(|bytes| bytes.first_chunk::<16>())
        .is_some_and(is_credential_id)
}
