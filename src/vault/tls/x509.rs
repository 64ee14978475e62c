//! What webpki does not tell of a certificate: from when until when it is valid, whether its key may sign others, and
//! what it is called (RFC 5280). And of those that webpki does not read, their key.

use super::pem;
use crate::api::{Unsupported, UnsupportedKey};
use crate::external::ExternalText;
use der::asn1::{AnyRef, BitStringRef, GeneralizedTime, OctetStringRef, UtcTime};
use der::{Decode, Reader, SliceReader, Tag, TagNumber, Tagged};
use rustls::pki_types::{SubjectPublicKeyInfoDer, UnixTime};
use std::time::{Duration, SystemTime};

/// id-at-commonName, 2.5.4.3.
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
/// id-ce-keyUsage, 2.5.29.15.
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
/// The bit of `KeyUsage` that lets a key sign certificates (section 4.2.1.3).
const KEY_CERT_SIGN: usize = 5;
/// rsaEncryption, 1.2.840.113549.1.1.1 (RFC 3279, section 2.3.1).
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
/// id-ecPublicKey, 1.2.840.10045.2.1 (RFC 5480, section 2.1.1), and its curves.
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const P384: &[u8] = &[0x2b, 0x81, 4, 0, 0x22];
const P521: &[u8] = &[0x2b, 0x81, 4, 0, 0x23];
/// id-Ed25519, 1.3.101.112 (RFC 8410, section 3).
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];
/// sha1WithRSAEncryption, 1.2.840.113549.1.1.5, and ecdsa-with-SHA1, 1.2.840.10045.4.1 (RFC 3279, section 2.2).
const SHA1: [&[u8]; 2] =
    [&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 5], &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1]];

/// Seconds of the longest time in which an end is called near: 60 days. A quarter of ten years is no warning.
const ENDS_SOON: u64 = 60 * 24 * 60 * 60;

/// From when until when a certificate is valid, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Validity {
    begins: UnixTime,
    pub(super) ends: UnixTime,
}

impl Validity {
    pub(super) fn has_begun(self, at: UnixTime) -> bool {
        self.begins <= at
    }

    pub(super) fn has_ended(self, at: UnixTime) -> bool {
        at > self.ends
    }

    /// Its first moment, as RFC 3339 writes it.
    pub(super) fn begin(self) -> String {
        date(self.begins)
    }

    /// Its last moment, as RFC 3339 writes it.
    pub(crate) fn end(self) -> String {
        date(self.ends)
    }

    /// Its first and its last moment, in seconds since 1970.
    pub(in crate::vault) fn seconds(self) -> (u64, u64) {
        (self.begins.as_secs(), self.ends.as_secs())
    }

    /// Less than a quarter of it is left, and less than 60 days.
    pub(crate) fn ends_soon(self, now: SystemTime) -> bool {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let whole = self.ends.as_secs().saturating_sub(self.begins.as_secs());
        self.ends.as_secs().saturating_sub(now).saturating_mul(4) < whole.min(4 * ENDS_SOON)
    }
}

pub(in crate::vault) fn date(time: UnixTime) -> String {
    let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(time.as_secs()));
    time.map_or_else(String::new, |time| humantime::format_rfc3339_seconds(time).to_string())
}

/// What concerns a certificate as the issuer of another, and what is not accepted of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) validity: Validity,
    /// Its key may sign certificates: it says so, or does not say what its key is for.
    pub(super) signs: bool,
    /// 1 to 3.
    pub(super) version: u8,
    pub(super) unsupported_key: Option<UnsupportedKey>,
    sha1: bool,
    /// Subject and issuer are the same.
    self_issued: bool,
}

/// A `TBSCertificate` (section 4.1), by the fields that are used.
struct Tbs<'a> {
    head: Head<'a>,
    subject: &'a [u8],
    /// With tag and length.
    key: &'a [u8],
    signs: bool,
}

/// What of it is read of every server's certificate: its fields up to its validity.
struct Head<'a> {
    version: u8,
    signature: &'a [u8],
    issuer: &'a [u8],
    validity: Validity,
}

impl Facts {
    /// Those of a certificate in DER; `None` if it is malformed.
    pub(super) fn of(certificate: &[u8]) -> Option<Self> {
        let Tbs { head, subject, key, signs } = Tbs::of(certificate)?;
        let unsupported_key = SliceReader::new(key)
            .and_then(|mut key| key.decode::<AnyRef<'_>>()?.sequence(key_problem))
            .unwrap_or(Some(UnsupportedKey::Other));
        Some(Self {
            validity: head.validity,
            signs,
            version: head.version,
            unsupported_key,
            sha1: is_sha1(head.signature).unwrap_or(false),
            self_issued: head.issuer == subject,
        })
    }

    /// Why this one's signature on others cannot be verified.
    pub(super) fn as_issuer(&self) -> Option<Unsupported> {
        self.unsupported_key.map(Unsupported::Key)
    }

    /// Why the signature on this one cannot be verified. That on one that signed itself says nothing.
    pub(super) fn as_signed(&self) -> Option<Unsupported> {
        (self.sha1 && !self.self_issued).then_some(Unsupported::Sha1)
    }
}

/// Whether the first certificate of a PEM file is its own issuer, so that it stays the one to trust until its key is changed.
pub(crate) fn is_self_issued(pem: &[u8]) -> bool {
    let certificates = pem::certificates(pem).ok();
    let first = certificates.as_ref().and_then(|certificates| certificates.first());
    first.and_then(|(_, certificate)| is_own_issuer(certificate)).unwrap_or(false)
}

/// Whether a certificate in DER is its own issuer; `None` if it is malformed.
pub(super) fn is_own_issuer(certificate: &[u8]) -> Option<bool> {
    Some(Facts::of(certificate)?.self_issued)
}

/// The key of a certificate in DER, whatever its version; `None` if it is malformed.
pub(super) fn public_key(certificate: &[u8]) -> Option<SubjectPublicKeyInfoDer<'_>> {
    Some(Tbs::of(certificate)?.key.into())
}

/// What is wrong with a `SubjectPublicKeyInfo`.
fn key_problem(key: &mut SliceReader<'_>) -> der::Result<Option<UnsupportedKey>> {
    let algorithm: AnyRef<'_> = key.decode()?;
    let bits: BitStringRef<'_> = key.decode()?;
    key_flaw(algorithm.value(), bits.raw_bytes())
}

/// What is wrong with a key: its `AlgorithmIdentifier`, without tag and length, and the bits.
fn key_flaw(algorithm: &[u8], key: &[u8]) -> der::Result<Option<UnsupportedKey>> {
    let mut algorithm = SliceReader::new(algorithm)?;
    let kind: AnyRef<'_> = algorithm.decode()?;
    Ok(match kind.value() {
        RSA => {
            let mut key = SliceReader::new(key)?;
            let modulus: der::asn1::UintRef<'_> = key.decode::<AnyRef<'_>>()?.sequence(|key| {
                let modulus = key.decode()?;
                key.tlv_bytes()?;
                Ok::<_, der::Error>(modulus)
            })?;
            // ring counts whole bytes as well.
            match modulus.as_bytes().len().saturating_mul(8) {
                bits @ ..2048 => Some(UnsupportedKey::ShortRsa(bits)),
                2048..=8192 => None,
                bits => Some(UnsupportedKey::LongRsa(bits)),
            }
        }
        EC => match algorithm.decode::<AnyRef<'_>>()?.value() {
            P256 | P384 => None,
            P521 => Some(UnsupportedKey::P521),
            _ => Some(UnsupportedKey::Other),
        },
        ED25519 => None,
        _ => Some(UnsupportedKey::Other),
    })
}

/// Whether a signature's `AlgorithmIdentifier`, without tag and length, is of SHA-1.
fn is_sha1(algorithm: &[u8]) -> der::Result<bool> {
    let kind: AnyRef<'_> = SliceReader::new(algorithm)?.decode()?;
    Ok(SHA1.contains(&kind.value()))
}

impl<'a> Head<'a> {
    fn read(tbs: &mut SliceReader<'a>) -> der::Result<Self> {
        // Version 1 is the default and is left out.
        let mut version = 1;
        if Tag::peek(tbs)? == (Tag::ContextSpecific { constructed: true, number: TagNumber(0) }) {
            let field: AnyRef<'_> = tbs.decode()?;
            version = u8::from_der(field.value())?.saturating_add(1);
        }
        // Serial number.
        skip(tbs, 1)?;
        let (signature, issuer) = (tbs.decode::<AnyRef<'a>>()?.value(), tbs.tlv_bytes()?);
        let validity = tbs
            .decode::<AnyRef<'_>>()?
            .sequence(|times| Ok::<_, der::Error>(Validity { begins: time(times)?, ends: time(times)? }))?;
        Ok(Self { version, signature, issuer, validity })
    }
}

impl<'a> Tbs<'a> {
    fn of(certificate: &'a [u8]) -> Option<Self> {
        let certificate = AnyRef::from_der(certificate).ok()?;
        certificate
            .sequence(|certificate| {
                let tbs = certificate.decode::<AnyRef<'a>>()?.sequence(Self::read)?;
                skip(certificate, 2)?;
                Ok::<_, der::Error>(tbs)
            })
            .ok()
    }

    fn read(tbs: &mut SliceReader<'a>) -> der::Result<Self> {
        let head = Head::read(tbs)?;
        let (subject, key) = (tbs.tlv_bytes()?, tbs.tlv_bytes()?);
        let mut signs = true;
        while !tbs.is_finished() {
            let field: AnyRef<'_> = tbs.decode()?;
            // Before the extensions, [3], are the identifiers that nobody uses.
            if field.tag() == (Tag::ContextSpecific { constructed: true, number: TagNumber(3) }) {
                signs = SliceReader::new(field.value())?.decode::<AnyRef<'_>>()?.sequence(signs_by)?;
            }
        }
        Ok(Self { head, subject, key, signs })
    }
}

/// When a certificate in DER is valid; `None` if it is malformed up to there.
pub(in crate::vault) fn validity(certificate: &[u8]) -> Option<Validity> {
    let head = fields(AnyRef::from_der(certificate).ok()?)
        .and_then(|mut certificate| fields(certificate.decode()?))
        .and_then(|mut tbs| Head::read(&mut tbs));
    Some(head.ok()?.validity)
}

/// The fields of a sequence, of which not all have to be read.
fn fields(sequence: AnyRef<'_>) -> der::Result<SliceReader<'_>> {
    sequence.tag().assert_eq(Tag::Sequence)?;
    SliceReader::new(sequence.value())
}

/// Whether these extensions let the key sign certificates.
fn signs_by(extensions: &mut SliceReader<'_>) -> der::Result<bool> {
    let mut signs = true;
    while !extensions.is_finished() {
        extensions.decode::<AnyRef<'_>>()?.sequence(|extension| {
            let id: AnyRef<'_> = extension.decode()?;
            if Tag::peek(extension)? == Tag::Boolean {
                skip(extension, 1)?;
            }
            let value: &OctetStringRef = extension.decode()?;
            if id.value() == KEY_USAGE {
                signs &= BitStringRef::from_der(value.as_bytes())?.get(KEY_CERT_SIGN).unwrap_or(false);
            }
            Ok::<_, der::Error>(())
        })?;
    }
    Ok(signs)
}

fn time(times: &mut SliceReader<'_>) -> der::Result<UnixTime> {
    let time: AnyRef<'_> = times.decode()?;
    let since = if time.tag() == Tag::UtcTime {
        time.decode_as::<UtcTime>()?.to_unix_duration()
    } else {
        time.decode_as::<GeneralizedTime>()?.to_unix_duration()
    };
    Ok(UnixTime::since_unix_epoch(since))
}

fn skip(reader: &mut SliceReader<'_>, fields: usize) -> der::Result<()> {
    for _ in 0..fields {
        reader.tlv_bytes()?;
    }
    Ok(())
}

/// What a subject, without its tag and length, is called: its common name, else its last attribute.
pub(super) fn name(subject: &[u8]) -> ExternalText {
    let mut name = None;
    let mut common = None;
    let _ = read_attributes(subject, |kind, value| {
        name = Some(value);
        if kind == COMMON_NAME {
            common = Some(value);
        }
    });
    ExternalText::of_bytes(common.or(name).unwrap_or_default())
}

fn read_attributes<'a>(subject: &'a [u8], mut each: impl FnMut(&'a [u8], &'a [u8])) -> der::Result<()> {
    let mut sets = SliceReader::new(subject)?;
    while !sets.is_finished() {
        let set: AnyRef<'a> = sets.decode()?;
        let mut attributes = SliceReader::new(set.value())?;
        while !attributes.is_finished() {
            attributes.decode::<AnyRef<'a>>()?.sequence(|attribute| {
                let (kind, value): (AnyRef<'a>, AnyRef<'a>) = (attribute.decode()?, attribute.decode()?);
                each(kind.value(), value.value());
                Ok::<_, der::Error>(())
            })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DnType, KeyPair, KeyUsagePurpose};
    use time::OffsetDateTime;

    fn certificate(usages: &[KeyUsagePurpose], ends: i64) -> Vec<u8> {
        let mut params = CertificateParams::new(["vault.example".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::OrganizationName, "Example Ltd");
        params.distinguished_name.push(DnType::CommonName, "Private\u{202e} CA");
        params.key_usages = usages.to_vec();
        params.not_before = OffsetDateTime::from_unix_timestamp(1_700_000_000).unwrap();
        params.not_after = OffsetDateTime::from_unix_timestamp(ends).unwrap();
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn certificate_has_its_validity_and_its_use() {
        use KeyUsagePurpose::{DecipherOnly, DigitalSignature, KeyCertSign};
        // The second is after 2049, which has another form (RFC 5280, section 4.1.2.5).
        for ends in [1_800_000_000, 3_000_000_000] {
            for (usages, signs) in [
                (&[][..], true),
                (&[KeyCertSign], true),
                (&[DigitalSignature, KeyCertSign, DecipherOnly], true),
                (&[DigitalSignature], false),
                (&[DecipherOnly], false),
            ] {
                let facts = Facts::of(&certificate(usages, ends)).unwrap();
                assert_eq!(facts.signs, signs, "{usages:?}");
                assert_eq!(validity(&certificate(usages, ends)), Some(facts.validity));
                assert_eq!(facts.validity.begins.as_secs(), 1_700_000_000);
                assert_eq!(facts.validity.ends.as_secs(), u64::try_from(ends).unwrap());
            }
        }
    }

    /// By OpenSSL 3.0, without extensions; newer ones always write version 3.
    const VERSION_1: &str = "-----BEGIN CERTIFICATE-----\n\
MIIBFzCBvQIUPnz0f/iWY+wME7/yURkfzESNRrQwCgYIKoZIzj0EAwIwDjEMMAoG\n\
A1UEAwwDb2xkMB4XDTI2MTEyNzEyMDMyOVoXDTI2MTIyNzEyMDMyOVowDjEMMAoG\n\
A1UEAwwDb2xkMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEzZ9Sgrs3y1DJ9dkh\n\
KcedfgGQIsV3fgUmhHMZSfR4CmwK6cFrwiSBgXWLUh0bBnp72WWLOGTiWEPH0C37\n\
3EqsQTAKBggqhkjOPQQDAgNJADBGAiEAieHWhZOwyoV8h4UhaIurdFk2gra+vrZe\n\
QeE3fzUscn4CIQD9OgoafEPurzzrkCoQfGsrsYamuPlCAu0ONLaJWAWZSg==\n\
-----END CERTIFICATE-----\n";

    #[test]
    fn certificate_of_version_1_has_facts_too() {
        let (_, certificate) = pem::certificates(VERSION_1.as_bytes()).unwrap().remove(0);
        let error = webpki::EndEntityCert::try_from(&certificate).err();
        assert_eq!(error, Some(webpki::Error::UnsupportedCertVersion));
        assert!(Facts::of(&certificate).unwrap().signs);
    }

    #[test]
    fn system_s_authorities_all_have_facts() {
        let Ok(text) = std::fs::read("/etc/ssl/certs/ca-certificates.crt") else {
            println!("NOT TESTED: no ca-certificates here");
            return;
        };
        for (line, certificate) in pem::certificates(&text).unwrap() {
            assert!(Facts::of(&certificate).is_some_and(|facts| facts.signs), "line {line}");
            let subject = webpki::anchor_from_trusted_cert(&certificate).unwrap().subject.to_vec();
            assert!(!name(&subject).is_empty(), "line {line}");
        }
    }

    #[test]
    fn subject_is_called_by_its_common_name() {
        let certificate = certificate(&[], 1_800_000_000).into();
        let anchor = webpki::anchor_from_trusted_cert(&certificate).unwrap();
        assert_eq!(name(&anchor.subject).to_string(), "Private\u{fffd} CA");
        assert_eq!(name(b"\x31\xff").to_string(), "");
    }

    proptest! {
        #[test]
        fn damaged_certificate_is_no_panic(at in 0..400_usize, byte: u8, end in 0..400_usize) {
            let mut damaged = certificate(&[KeyUsagePurpose::KeyCertSign], 1_800_000_000);
            let at = at % damaged.len();
            damaged[at] = byte;
            let _ = (Facts::of(&damaged), validity(&damaged), name(&damaged));
            damaged.truncate(end);
            let _ = (Facts::of(&damaged), validity(&damaged), name(&damaged));
        }

        #[test]
        fn any_text_is_no_panic(text in r"(-----(BEGIN|END) |CERTIFICATE-----|PRIVATE KEY-----|\n|\\n|[A-Za-z0-9+/=]{0,9}| )*") {
            let _ = (pem::certificates(text.as_bytes()), pem::private_key(text.as_bytes()).is_ok());
        }
    }
}
