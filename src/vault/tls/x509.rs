//! What webpki does not tell of a certificate: from when until when it is valid, whether its key may sign others, and
//! what it is called (RFC 5280). Only of certificates that webpki has parsed.

use crate::external::ExternalText;
use der::asn1::{AnyRef, BitStringRef, GeneralizedTime, OctetStringRef, UtcTime};
use der::{Decode, Reader, SliceReader, Tag, TagNumber, Tagged};
use rustls::pki_types::UnixTime;
use std::time::{Duration, SystemTime};

/// id-at-commonName, 2.5.4.3.
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
/// id-ce-keyUsage, 2.5.29.15.
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
/// The bit of `KeyUsage` that lets a key sign certificates (section 4.2.1.3).
const KEY_CERT_SIGN: usize = 5;

/// From when until when a certificate is valid, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Validity {
    begins: UnixTime,
    ends: UnixTime,
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

    /// Less than a quarter of it is left.
    pub(crate) fn is_in_last_quarter(self, now: SystemTime) -> bool {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let whole = self.ends.as_secs().saturating_sub(self.begins.as_secs());
        self.ends.as_secs().saturating_sub(now).saturating_mul(4) < whole
    }
}

pub(in crate::vault) fn date(time: UnixTime) -> String {
    let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(time.as_secs()));
    time.map_or_else(String::new, |time| humantime::format_rfc3339_seconds(time).to_string())
}

/// What concerns a certificate as the issuer of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Facts {
    pub(super) validity: Validity,
    /// Its key may sign certificates: it says so, or does not say what its key is for.
    pub(super) signs: bool,
}

impl Facts {
    /// Those of a certificate in DER; `None` if it is malformed.
    pub(super) fn of(certificate: &[u8]) -> Option<Self> {
        let certificate = AnyRef::from_der(certificate).ok()?;
        certificate
            .sequence(|certificate| {
                let facts = certificate.decode::<AnyRef<'_>>()?.sequence(Self::of_tbs)?;
                skip(certificate, 2)?;
                Ok::<_, der::Error>(facts)
            })
            .ok()
    }

    /// Those of a `TBSCertificate` (section 4.1).
    fn of_tbs(tbs: &mut SliceReader<'_>) -> der::Result<Self> {
        // Version 1 is the default and is left out.
        if Tag::peek(tbs)? == (Tag::ContextSpecific { constructed: true, number: TagNumber(0) }) {
            skip(tbs, 1)?;
        }
        // Serial number, signature, issuer.
        skip(tbs, 3)?;
        let validity = tbs
            .decode::<AnyRef<'_>>()?
            .sequence(|times| Ok::<_, der::Error>(Validity { begins: time(times)?, ends: time(times)? }))?;
        // Subject, key.
        skip(tbs, 2)?;
        let mut signs = true;
        while !tbs.is_finished() {
            let field: AnyRef<'_> = tbs.decode()?;
            // Before the extensions, [3], are the identifiers that nobody uses.
            if field.tag() == (Tag::ContextSpecific { constructed: true, number: TagNumber(3) }) {
                signs = SliceReader::new(field.value())?.decode::<AnyRef<'_>>()?.sequence(signs_by)?;
            }
        }
        Ok(Self { validity, signs })
    }
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
