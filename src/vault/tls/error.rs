//! Why a certificate, key or CA that the configuration names cannot be used, and the commands that mend a file and leave it
//! to whom it belongs. Nothing that such a file holds is in it, and no word of the libraries, which repeat lines of a private
//! key.

use crate::explain::Explain;
use crate::external::quote::{credential_name, sentence, shell};
use crate::files::{FileRefusal, Slow};
use crate::systemd::RUNNING_CREDENTIALS;
use crate::systemd::credentials_directory;
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// Why a TLS file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFileError {
    /// It cannot be read.
    #[error("cannot read {what} {}: {cause}", sentence(path))]
    Unreadable {
        /// What it was to be.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        cause: FileRefusal,
    },
    /// Its file system does not answer.
    #[error(transparent)]
    Slow(#[from] Slow),
    /// It is not PEM, or holds nothing of the wanted kind.
    #[error("cannot use {what} {}{}: {flaw}", sentence(path), in_line(*.line))]
    Malformed {
        /// What it was to be.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// In which line, from 1.
        line: Option<usize>,
        /// What is wrong with it.
        flaw: PemFlaw,
    },
    /// A directory has no certificate in PEM form.
    #[error("no file in {} holds a certificate in PEM form", sentence(.0))]
    EmptyDirectory(PathBuf),
    /// A certificate in it is not X.509.
    #[error("cannot use the certificate in {}{}: {cause}", sentence(path), in_line(Some(*.line)))]
    BadCertificate {
        /// Where.
        path: PathBuf,
        /// In which line it begins, from 1.
        line: usize,
        /// Why not.
        cause: &'static str,
    },
    /// Certificate and key do not belong together.
    #[error(
        "client_cert {} and client_key {} cannot be used together: {cause}",
        sentence(cert),
        sentence(key)
    )]
    Mismatch {
        /// The certificate.
        cert: PathBuf,
        /// The key.
        key: PathBuf,
        /// Why not.
        cause: &'static str,
    },
    /// The machine trusts nobody.
    #[error("this machine's certificate store is empty{0}")]
    NoSystemRoots(String),
    /// The TLS library refused its own settings.
    #[error("the TLS library cannot be set up: {0}")]
    Library(&'static str),
}

fn in_line(line: Option<usize>) -> String {
    line.map(|line| format!(", line {line}")).unwrap_or_default()
}

impl TlsFileError {
    /// A flaw in the file that was to be `what`.
    pub(super) fn malformed(what: &'static str, path: PathBuf, PemFault { line, flaw }: PemFault) -> Self {
        Self::Malformed { what, path, line, flaw }
    }
}

impl Explain for TlsFileError {
    fn kind_and_advice(&self) -> (&'static str, Option<Cow<'static, str>>) {
        let (kind, advice) = match self {
            Self::Unreadable { what, path, cause } => {
                let (kind, advice) = cause.explained(path);
                let kind = match cause {
                    FileRefusal::Missing
                    | FileRefusal::Denied { .. }
                    | FileRefusal::Directory
                    | FileRefusal::NotADirectory
                    | FileRefusal::Symlink
                    | FileRefusal::Io(_) => "tls-file-unreadable",
                    _ => kind,
                };
                let advice = match cause {
                    FileRefusal::Missing if is_credential(path) => format!(
                        "Give it to the service: systemctl edit vault-unseal, [Service], \
                         LoadCredential={}:/etc/vault/tls/vault-ca.crt",
                        credential_name(&file_name(path)).unwrap_or_else(|_| "NAME".to_owned())
                    ),
                    FileRefusal::Missing => {
                        format!("Check the path in `tls`, and who may read it: `ls -l {}`.", shell(path))
                    }
                    FileRefusal::Denied { directory: None, .. } if *what != PRIVATE_KEY => {
                        format!("A certificate is no secret: chmod o+r {}", shell(path))
                    }
                    _ => advice,
                };
                (kind, advice.into())
            }
            Self::Slow(slow) => return slow.kind_and_advice(),
            // The stand-in of a unit, as of systemd/examples/ca.conf.
            Self::Malformed { path, flaw: PemFlaw::Empty, .. } if is_credential(path) => {
                let advice = format!(
                    "The file behind this credential is missing or empty. To see which file LoadCredential={}: names: \
                     systemctl cat vault-unseal. Once it is in place: systemctl restart vault-unseal",
                    file_name(path)
                );
                (EMPTY, advice.into())
            }
            Self::Malformed { what, path, flaw, .. } => flaw.explained(path, *what == PRIVATE_KEY),
            Self::EmptyDirectory(_) => (EMPTY, "Check `ca_dir` in `tls`.".into()),
            Self::BadCertificate { path, .. } => {
                let advice = format!("Inspect it: `openssl x509 -in {} -text`.", shell(path));
                ("tls-file-bad-certificate", advice.into())
            }
            Self::Mismatch { .. } => (
                "tls-key-mismatch",
                "The key must be the one that the certificate was issued for (RSA from 2048 bits, P-256, P-384 or Ed25519), \
                 and the certificate of version 3."
                    .into(),
            ),
            Self::NoSystemRoots(_) => (
                "no-system-roots",
                "Add `ca_file = \"…\"` to `tls`, or `apt install ca-certificates`.".into(),
            ),
            Self::Library(_) => {
                ("tls-setup", "This is a defect of this program: please report it.".into())
            }
        };
        (kind, Some(advice))
    }
}

fn file_name(path: &Path) -> Cow<'_, str> {
    path.file_name().unwrap_or_default().to_string_lossy()
}

/// The kinds of files that hold nothing of what they are to hold, and of those that hold it in a form that cannot be read.
const EMPTY: &str = "tls-file-empty";
const MALFORMED: &str = "tls-file-malformed";

/// Whether systemd was to put it there.
fn is_credential(path: &Path) -> bool {
    path.starts_with(RUNNING_CREDENTIALS)
        || credentials_directory().is_some_and(|directory| path.starts_with(directory))
}

/// What the file of `client_key` is called.
pub(super) const PRIVATE_KEY: &str = "private key";

/// What is wrong with a PEM file, and in which line; the first is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PemFault {
    pub(super) line: Option<usize>,
    pub(super) flaw: PemFlaw,
}

/// Kinds of flaws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PemFlaw {
    /// Nothing is in it.
    #[error("the file is empty")]
    Empty,
    /// No block of any kind.
    #[error("there is no -----BEGIN …----- line")]
    NoBlock,
    /// The bytes that PEM would wrap.
    #[error("it is in DER form, not PEM")]
    Der,
    /// Text of two bytes a character.
    #[error("it is text in UTF-16")]
    Utf16,
    /// The editor's mark is before the first block.
    #[error("a byte order mark is before the block")]
    ByteOrderMark,
    /// White space is before the lines, as in YAML.
    #[error("the lines are indented")]
    Indented,
    /// `\n` in two characters.
    #[error("its line breaks are lost: they are written out as \\n")]
    WrittenOut {
        /// As a string of JSON or YAML, with quotes or `\r`.
        quoted: bool,
    },
    /// Spaces or nothing in their place.
    #[error("its line breaks are lost")]
    BreaksLost,
    /// The first or last line of a block is cut.
    #[error("a -----BEGIN or -----END line is not complete")]
    BadMarker,
    /// No end.
    #[error("the block that begins here is cut off: it has no -----END line")]
    Truncated,
    /// It ends as a block of another kind.
    #[error("the -----END line does not fit the block's -----BEGIN line")]
    OtherEnd,
    /// Something else between the lines.
    #[error("the block has characters that are not base64, or too few of them")]
    BadBase64,
    /// A passphrase protects it.
    #[error("the private key is encrypted with a passphrase")]
    Encrypted,
    /// A block of another kind is in the place of a certificate.
    #[error("it holds {0}, not a certificate")]
    NoCertificate(PemLabel),
    /// A block of another kind is in the place of a private key.
    #[error("it holds {0}, not a private key")]
    NoKey(PemLabel),
}

/// What a block says that it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PemLabel {
    /// X.509.
    #[error("a certificate")]
    Certificate,
    /// OpenSSL's own, with what it is trusted for.
    #[error("a certificate in OpenSSL's TRUSTED form")]
    TrustedCertificate,
    /// PKCS#8.
    #[error("a private key")]
    Pkcs8,
    /// PKCS#1.
    #[error("an RSA private key")]
    Pkcs1,
    /// SEC 1.
    #[error("an EC private key")]
    Sec1,
    /// PKCS#8 under a passphrase.
    #[error("an encrypted private key")]
    EncryptedKey,
    /// OpenSSH's.
    #[error("a private key of OpenSSH")]
    SshKey,
    /// PKCS#10.
    #[error("a certificate request")]
    Request,
    /// No secret.
    #[error("a public key")]
    PublicKey,
    /// Of certificates.
    #[error("a revocation list")]
    RevocationList,
    /// PKCS#7.
    #[error("a PKCS#7 bundle")]
    Bundle,
    /// Anything else.
    #[error("blocks of another kind")]
    Other,
}

impl PemFlaw {
    /// The kind for machines, and what to do. A command writes into the file that is there, or gives the new one its owner,
    /// group, mode and ACL, as GNU sed does: nobody can read it who could not before. `key` says that a private key belongs
    /// there.
    fn explained(self, path: &Path, key: bool) -> (&'static str, Cow<'static, str>) {
        let program = if key { "pkey" } else { "x509" };
        let (kind, command) = match self {
            Self::WrittenOut { quoted: false } => (MALFORMED, sed(r"s/\\n/\n/g", path)),
            Self::WrittenOut { quoted: true } => (MALFORMED, sed(r#"s/"//g; s/\\r//g; s/\\n/\n/g"#, path)),
            Self::BreaksLost => (
                MALFORMED,
                sed(r"s/[[:space:]]*\(-----\(BEGIN\|END\) [A-Z0-9 ]*-----\)[[:space:]]*/\n\1\n/g", path),
            ),
            Self::Indented => (MALFORMED, sed(r"s/^[[:space:]]*//", path)),
            Self::ByteOrderMark => (MALFORMED, sed(r"1s/^\xEF\xBB\xBF//", path)),
            Self::Utf16 => (MALFORMED, through("iconv -f UTF-16 -t UTF-8", path)),
            Self::Der => (MALFORMED, through(&format!("openssl {program} -inform der -in"), path)),
            Self::NoCertificate(PemLabel::TrustedCertificate) => (EMPTY, through("openssl x509 -in", path)),
            Self::NoCertificate(PemLabel::Bundle) => (EMPTY, through("openssl pkcs7 -print_certs -in", path)),
            Self::Encrypted => {
                let command = through("openssl pkey -in", path);
                let advice = format!(
                    "There is nobody to ask for the passphrase when the machine starts. To store the key without it, \
                     readable as the file is now: `{command}`"
                );
                return ("tls-file-encrypted", advice.into());
            }
            Self::NoKey(PemLabel::SshKey) => {
                return (EMPTY, "Use the private key that the certificate was issued for.".into());
            }
            Self::NoKey(PemLabel::Certificate)
            | Self::NoCertificate(PemLabel::Pkcs8 | PemLabel::Pkcs1 | PemLabel::Sec1) => {
                let advice = "Check what the keys of `tls` name: a certificate and its key are in the place of each other. \
                              Others may read a certificate, and nobody the key.";
                return (EMPTY, advice.into());
            }
            Self::Empty | Self::NoBlock | Self::NoKey(_) | Self::NoCertificate(_) => {
                let what = if key { "private key" } else { "certificate" };
                let advice = format!("Check the path in `tls`: the file must have the {what} in PEM form.");
                return (EMPTY, advice.into());
            }
            Self::Truncated | Self::BadMarker | Self::OtherEnd | Self::BadBase64 => {
                let advice = "Copy the file again from where it was made: a part of it is lost or changed.";
                return (MALFORMED, advice.into());
            }
        };
        (kind, format!("This fixes it, and keeps its owner, group and mode: `{command}`").into())
    }
}

/// GNU sed gives the file that it writes the rights of the old one. It would put a file in the place of a symbolic link,
/// so that the link's target is named.
fn sed(script: &str, path: &Path) -> String {
    format!("sed -i '{script}' {}", shell(&target(path)))
}

/// Runs the file through a command that takes it as its last word, and writes the result into the same file.
fn through(command: &str, path: &Path) -> String {
    let path = target(path);
    let mut new = path.clone().into_os_string();
    new.push(".new");
    let (path, new) = (shell(&path), shell(Path::new(&new)));
    format!("(umask 077; {command} {path} >{new} && cat {new} >{path}; rm -f {new})")
}

fn target(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
