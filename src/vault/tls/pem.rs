//! PEM (RFC 7468), read so that nothing of a file's content gets into an error: where a flaw is, and of what kind.

use super::remedy;
use base64ct::{Base64Unpadded, Encoding};
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
};
use std::path::Path;
use zeroize::Zeroizing;

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What is wrong with a PEM file, and in which line; the first is 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: Option<usize>,
    pub(super) flaw: Flaw,
}

/// Kinds of flaws.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Flaw {
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
    NoCertificate(Label),
    /// A block of another kind is in the place of a private key.
    #[error("it holds {0}, not a private key")]
    NoKey(Label),
}

/// What a block says that it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Label {
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

impl Label {
    fn of(text: &[u8]) -> Self {
        match text {
            b"CERTIFICATE" => Self::Certificate,
            b"TRUSTED CERTIFICATE" => Self::TrustedCertificate,
            b"PRIVATE KEY" => Self::Pkcs8,
            b"RSA PRIVATE KEY" => Self::Pkcs1,
            b"EC PRIVATE KEY" => Self::Sec1,
            b"ENCRYPTED PRIVATE KEY" => Self::EncryptedKey,
            b"OPENSSH PRIVATE KEY" => Self::SshKey,
            b"CERTIFICATE REQUEST" | b"NEW CERTIFICATE REQUEST" => Self::Request,
            b"PUBLIC KEY" | b"RSA PUBLIC KEY" => Self::PublicKey,
            b"X509 CRL" => Self::RevocationList,
            b"PKCS7" => Self::Bundle,
            _ => Self::Other,
        }
    }
}

/// Every certificate, in the order of the file, with the line that it begins in.
pub(super) fn certificates(text: &[u8]) -> Result<Vec<(usize, CertificateDer<'static>)>, Fault> {
    let mut found = Vec::new();
    let mut other = None;
    for block in Blocks::of(text) {
        let block = block?;
        if block.label == Label::Certificate {
            found.push((block.line, CertificateDer::from(block.decode()?.to_vec())));
        } else {
            other.get_or_insert((block.line, block.label));
        }
    }
    match other {
        _ if !found.is_empty() => Ok(found),
        Some((line, label)) => Err(Fault { line: Some(line), flaw: Flaw::NoCertificate(label) }),
        None => Err(without_blocks(text)),
    }
}

/// The first private key: PKCS#8, PKCS#1 or SEC 1.
pub(super) fn private_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, Fault> {
    let mut other = None;
    for block in Blocks::of(text) {
        let block = block?;
        // A vector without room to spare, which does not move when it is handed on.
        let der = |block: &Block<'_>| block.decode().map(|der| der.to_vec());
        return match block.label {
            Label::Pkcs8 => Ok(PrivatePkcs8KeyDer::from(der(&block)?).into()),
            Label::Pkcs1 => Ok(PrivatePkcs1KeyDer::from(der(&block)?).into()),
            Label::Sec1 => Ok(PrivateSec1KeyDer::from(der(&block)?).into()),
            Label::EncryptedKey => Err(Fault { line: Some(block.line), flaw: Flaw::Encrypted }),
            label => {
                other.get_or_insert((block.line, label));
                continue;
            }
        };
    }
    match other {
        Some((line, label)) => Err(Fault { line: Some(line), flaw: Flaw::NoKey(label) }),
        None => Err(without_blocks(text)),
    }
}

fn without_blocks(text: &[u8]) -> Fault {
    let flaw = match text {
        text if text.iter().all(u8::is_ascii_whitespace) => Flaw::Empty,
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Flaw::Utf16,
        // A SEQUENCE whose length takes one or two bytes: a certificate or a key (X.690, 8.1.3).
        [0x30, 0x20..=0x7f | 0x81 | 0x82, ..] if std::str::from_utf8(text).is_err() => Flaw::Der,
        _ => Flaw::NoBlock,
    };
    Fault { line: None, flaw }
}

/// From one `-----BEGIN` line to its `-----END` line.
struct Block<'a> {
    line: usize,
    label: Label,
    lines: Vec<&'a [u8]>,
}

impl Block<'_> {
    fn decode(&self) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let fault = |flaw| Fault { line: Some(self.line), flaw };
        // Headers (RFC 1421) are what OpenSSL writes above an encrypted key.
        if self.lines.iter().any(|line| line.starts_with(b"Proc-Type:") || line.starts_with(b"DEK-Info:")) {
            return Err(fault(Flaw::Encrypted));
        }
        let mut base64 = Zeroizing::new(Vec::with_capacity(self.lines.iter().map(|line| line.len()).sum()));
        for line in &self.lines {
            base64.extend(line.iter().filter(|byte| !byte.is_ascii_whitespace()));
        }
        while base64.last() == Some(&b'=') {
            base64.pop();
        }
        let mut der = Zeroizing::new(vec![0; base64.len()]);
        let length = match Base64Unpadded::decode(base64.as_slice(), &mut der) {
            Ok(decoded) if !decoded.is_empty() => decoded.len(),
            _ => return Err(fault(Flaw::BadBase64)),
        };
        der.truncate(length);
        Ok(der)
    }
}

struct Blocks<'a> {
    rest: Option<&'a [u8]>,
    line: usize,
}

impl<'a> Blocks<'a> {
    fn of(text: &'a [u8]) -> Self {
        Self { rest: Some(text), line: 0 }
    }

    /// The next line, without its end: LF, CR LF or CR.
    fn next_line(&mut self) -> Option<&'a [u8]> {
        let rest = self.rest?;
        self.line += 1;
        let Some(at) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
            self.rest = None;
            return Some(rest);
        };
        let (line, rest) = rest.split_at(at);
        self.rest = rest.strip_prefix(b"\r\n").or_else(|| rest.get(1..));
        Some(line)
    }

    fn next_block(&mut self) -> Result<Option<Block<'a>>, Flaw> {
        let label = loop {
            let Some(line) = self.next_line() else { return Ok(None) };
            if let Some(label) = begin(line)? {
                break label;
            }
        };
        let mut block = Block { line: self.line, label: Label::of(label), lines: Vec::new() };
        while let Some(line) = self.next_line() {
            if let Some(ended) = line.strip_prefix(END) {
                let other = ended.strip_prefix(label).and_then(|rest| rest.strip_prefix(DASHES));
                return match other {
                    Some(rest) if find(rest, BEGIN).is_some() => Err(lost(line)),
                    Some(_) => Ok(Some(block)),
                    None if find(ended, DASHES).is_some() => Err(Flaw::OtherEnd),
                    None => Err(Flaw::BadMarker),
                };
            }
            if find(line, END).is_some() || find(line, b"\\n").is_some() {
                return Err(lost(line));
            }
            if find(line, BEGIN).is_some() {
                break;
            }
            block.lines.push(line);
        }
        self.line = block.line;
        Err(Flaw::Truncated)
    }
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Result<Block<'a>, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_block().map_err(|flaw| Fault { line: Some(self.line), flaw }).transpose()
    }
}

/// The label of a block that begins with this line.
fn begin(line: &[u8]) -> Result<Option<&[u8]>, Flaw> {
    let Some(at) = find(line, BEGIN).filter(|_| !line.starts_with(b"#")) else { return Ok(None) };
    let (before, marker) = line.split_at(at);
    let label = marker.strip_prefix(BEGIN).unwrap_or_default();
    let Some(end) = find(label, DASHES) else { return Err(Flaw::BadMarker) };
    let (label, after) = label.split_at(end);
    let after = after.strip_prefix(DASHES).unwrap_or_default();
    if !after.iter().all(u8::is_ascii_whitespace) {
        return Err(lost(line));
    }
    match before {
        [] => Ok(Some(label)),
        before if before.starts_with(BYTE_ORDER_MARK) => Err(Flaw::ByteOrderMark),
        before if before.iter().all(u8::is_ascii_whitespace) => Err(Flaw::Indented),
        _ => Err(lost(line)),
    }
}

fn lost(line: &[u8]) -> Flaw {
    let has = |part| find(line, part).is_some();
    if has(b"\\n") { Flaw::WrittenOut { quoted: has(b"\\r") || has(b"\"") } } else { Flaw::BreaksLost }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

impl Flaw {
    /// The kind for machines.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Empty | Self::NoBlock | Self::NoCertificate(_) | Self::NoKey(_) => "tls-file-empty",
            Self::Encrypted => "tls-file-encrypted",
            _ => "tls-file-malformed",
        }
    }

    /// What to do. A command writes into the file that is there, or gives the new one its owner, group, mode and ACL, as
    /// GNU sed does: nobody can read it who could not before. `key` says that a private key belongs there.
    pub(super) fn advice(self, path: &Path, key: bool) -> String {
        let program = if key { "pkey" } else { "x509" };
        let command = match self {
            Self::WrittenOut { quoted: false } => remedy::sed(r"s/\\n/\n/g", path),
            Self::WrittenOut { quoted: true } => remedy::sed(r#"s/"//g; s/\\r//g; s/\\n/\n/g"#, path),
            Self::BreaksLost => remedy::sed(
                r"s/[[:space:]]*\(-----\(BEGIN\|END\) [A-Z0-9 ]*-----\)[[:space:]]*/\n\1\n/g",
                path,
            ),
            Self::Indented => remedy::sed(r"s/^[[:space:]]*//", path),
            Self::ByteOrderMark => remedy::sed(r"1s/^\xEF\xBB\xBF//", path),
            Self::Utf16 => remedy::through("iconv -f UTF-16 -t UTF-8", path),
            Self::Der => remedy::through(&format!("openssl {program} -inform der -in"), path),
            Self::NoCertificate(Label::TrustedCertificate) => remedy::through("openssl x509 -in", path),
            Self::NoCertificate(Label::Bundle) => remedy::through("openssl pkcs7 -print_certs -in", path),
            Self::Encrypted => {
                let command = remedy::through("openssl pkey -in", path);
                return format!(
                    "There is nobody to ask for the passphrase when the machine starts. To store the key without it, \
                     readable as the file is now: `{command}`"
                );
            }
            Self::NoKey(Label::SshKey) => {
                return "Use the private key that the certificate was issued for.".to_owned();
            }
            Self::NoKey(Label::Certificate)
            | Self::NoCertificate(Label::Pkcs8 | Label::Pkcs1 | Label::Sec1) => {
                return "Check which file `ca_file`, `client_cert` and `client_key` name: a certificate and its key are \
                        in the place of each other. Others may read a certificate, and nobody the key."
                    .to_owned();
            }
            Self::Empty | Self::NoBlock | Self::NoKey(_) | Self::NoCertificate(_) => {
                let what = if key { "private key" } else { "certificate" };
                return format!("Check the path in `tls`: the file must have the {what} in PEM form.");
            }
            Self::Truncated | Self::BadMarker | Self::OtherEnd | Self::BadBase64 => {
                return "Copy the file again from where it was made: a part of it is lost or changed."
                    .to_owned();
            }
        };
        format!("This fixes it, and keeps its owner, group and mode: `{command}`")
    }
}
