//! PEM (RFC 7468), read so that nothing of a file's content gets into an error: where a flaw is, and of what kind.

use super::error::{PemFault, PemFlaw, PemLabel};
use base64ct::{Base64Unpadded, Encoding};
use rustls::pki_types::{
    CertificateDer, PrivateKeyDer, PrivatePkcs1KeyDer, PrivatePkcs8KeyDer, PrivateSec1KeyDer,
};
use zeroize::Zeroizing;

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

fn label(text: &[u8]) -> PemLabel {
    match text {
        b"CERTIFICATE" => PemLabel::Certificate,
        b"TRUSTED CERTIFICATE" => PemLabel::TrustedCertificate,
        b"PRIVATE KEY" => PemLabel::Pkcs8,
        b"RSA PRIVATE KEY" => PemLabel::Pkcs1,
        b"EC PRIVATE KEY" => PemLabel::Sec1,
        b"ENCRYPTED PRIVATE KEY" => PemLabel::EncryptedKey,
        b"OPENSSH PRIVATE KEY" => PemLabel::SshKey,
        b"CERTIFICATE REQUEST" | b"NEW CERTIFICATE REQUEST" => PemLabel::Request,
        b"PUBLIC KEY" | b"RSA PUBLIC KEY" => PemLabel::PublicKey,
        b"X509 CRL" => PemLabel::RevocationList,
        b"PKCS7" => PemLabel::Bundle,
        _ => PemLabel::Other,
    }
}

/// Every certificate, in the order of the file, with the line that it begins in.
pub(super) fn certificates(text: &[u8]) -> Result<Vec<(usize, CertificateDer<'static>)>, PemFault> {
    let mut found = Vec::new();
    let mut other = None;
    for block in Blocks::of(text) {
        let block = block?;
        if block.label == PemLabel::Certificate {
            found.push((block.line, CertificateDer::from(block.decode()?.to_vec())));
        } else {
            other.get_or_insert((block.line, block.label));
        }
    }
    match other {
        _ if !found.is_empty() => Ok(found),
        Some((line, label)) => Err(PemFault { line: Some(line), flaw: PemFlaw::NoCertificate(label) }),
        None => Err(without_blocks(text)),
    }
}

/// The first private key: PKCS#8, PKCS#1 or SEC 1.
pub(super) fn private_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, PemFault> {
    let mut other = None;
    for block in Blocks::of(text) {
        let block = block?;
        // A vector without room to spare, which does not move when it is handed on.
        let der = |block: &Block<'_>| block.decode().map(|der| der.to_vec());
        return match block.label {
            PemLabel::Pkcs8 => Ok(PrivatePkcs8KeyDer::from(der(&block)?).into()),
            PemLabel::Pkcs1 => Ok(PrivatePkcs1KeyDer::from(der(&block)?).into()),
            PemLabel::Sec1 => Ok(PrivateSec1KeyDer::from(der(&block)?).into()),
            PemLabel::EncryptedKey => Err(PemFault { line: Some(block.line), flaw: PemFlaw::Encrypted }),
            label => {
                other.get_or_insert((block.line, label));
                continue;
            }
        };
    }
    match other {
        Some((line, label)) => Err(PemFault { line: Some(line), flaw: PemFlaw::NoKey(label) }),
        None => Err(without_blocks(text)),
    }
}

fn without_blocks(text: &[u8]) -> PemFault {
    let flaw = match text {
        text if text.iter().all(u8::is_ascii_whitespace) => PemFlaw::Empty,
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => PemFlaw::Utf16,
        // A SEQUENCE whose length takes one or two bytes: a certificate or a key (X.690, 8.1.3).
        [0x30, 0x20..=0x7f | 0x81 | 0x82, ..] if std::str::from_utf8(text).is_err() => PemFlaw::Der,
        _ => PemFlaw::NoBlock,
    };
    PemFault { line: None, flaw }
}

/// From one `-----BEGIN` line to its `-----END` line.
struct Block<'a> {
    line: usize,
    label: PemLabel,
    lines: Vec<&'a [u8]>,
}

impl Block<'_> {
    fn decode(&self) -> Result<Zeroizing<Vec<u8>>, PemFault> {
        let fault = |flaw| PemFault { line: Some(self.line), flaw };
        // Headers (RFC 1421) are what OpenSSL writes above an encrypted key.
        if self.lines.iter().any(|line| line.starts_with(b"Proc-Type:") || line.starts_with(b"DEK-Info:")) {
            return Err(fault(PemFlaw::Encrypted));
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
            _ => return Err(fault(PemFlaw::BadBase64)),
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

    fn next_block(&mut self) -> Result<Option<Block<'a>>, PemFlaw> {
        let label = loop {
            let Some(line) = self.next_line() else { return Ok(None) };
            if let Some(label) = begin(line)? {
                break label;
            }
        };
        let mut block = Block { line: self.line, label: self::label(label), lines: Vec::new() };
        while let Some(line) = self.next_line() {
            if let Some(ended) = line.strip_prefix(END) {
                let other = ended.strip_prefix(label).and_then(|rest| rest.strip_prefix(DASHES));
                return match other {
                    Some(rest) if find(rest, BEGIN).is_some() => Err(lost(line)),
                    Some(_) => Ok(Some(block)),
                    None if find(ended, DASHES).is_some() => Err(PemFlaw::OtherEnd),
                    None => Err(PemFlaw::BadMarker),
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
        Err(PemFlaw::Truncated)
    }
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Result<Block<'a>, PemFault>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_block().map_err(|flaw| PemFault { line: Some(self.line), flaw }).transpose()
    }
}

/// The label of a block that begins with this line.
fn begin(line: &[u8]) -> Result<Option<&[u8]>, PemFlaw> {
    let Some(at) = find(line, BEGIN).filter(|_| !line.starts_with(b"#")) else { return Ok(None) };
    let (before, marker) = line.split_at(at);
    let label = marker.strip_prefix(BEGIN).unwrap_or_default();
    let Some(end) = find(label, DASHES) else { return Err(PemFlaw::BadMarker) };
    let (label, after) = label.split_at(end);
    let after = after.strip_prefix(DASHES).unwrap_or_default();
    if !after.iter().all(u8::is_ascii_whitespace) {
        return Err(lost(line));
    }
    match before {
        [] => Ok(Some(label)),
        before if before.starts_with(BYTE_ORDER_MARK) => Err(PemFlaw::ByteOrderMark),
        before if before.iter().all(u8::is_ascii_whitespace) => Err(PemFlaw::Indented),
        _ => Err(lost(line)),
    }
}

fn lost(line: &[u8]) -> PemFlaw {
    let has = |part| find(line, part).is_some();
    if has(b"\\n") { PemFlaw::WrittenOut { quoted: has(b"\\r") || has(b"\"") } } else { PemFlaw::BreaksLost }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}
