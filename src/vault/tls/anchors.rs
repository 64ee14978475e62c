//! The certificates that the configuration or the machine trusts, and the path from one of them to a server's.

use super::failure::{flaw, refused, rejected, wrong_name};
use super::x509::{Facts, Validity, is_own_issuer, name};
use crate::api::{NamedAuthorities, TlsFailure, Unsupported, Untrusted, UntrustedIssuer};
use crate::external::ExternalText;
use rustls::Error;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use webpki::{EndEntityCert, KeyUsage, VerifiedPath};

/// More CAs than these are no longer one's own: two roots and two intermediates of a renewal.
const FEW: usize = 4;

/// Trust anchors. To webpki they are names and keys; when they are valid and what their keys are for is kept here.
#[derive(Debug, Default)]
pub(super) struct Anchors {
    trusted: Vec<TrustAnchor<'static>>,
    /// Those of each anchor, in the same order.
    facts: Vec<Facts>,
    /// The certificates that the configuration names.
    named: Vec<CertificateDer<'static>>,
    /// Where it names them.
    pub(super) authorities: Arc<NamedAuthorities>,
}

/// What a server shows of itself, and when.
pub(super) struct Presented<'a> {
    pub(super) end_entity: &'a CertificateDer<'a>,
    pub(super) intermediates: &'a [CertificateDer<'a>],
    /// The name that it must have.
    pub(super) name: &'a ServerName<'a>,
    /// That name is `server_name`, and not the server's own.
    pub(super) fixed: bool,
    pub(super) now: UnixTime,
}

/// A certificate that vouches for the server's.
#[derive(Debug, Clone)]
pub(crate) struct Issuer {
    anchor: bool,
    name: ExternalText,
    /// When it is valid.
    pub(crate) validity: Validity,
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, of) = (&self.name, if self.anchor { "trusted here" } else { "sent by the server" });
        write!(f, "the CA certificate \"{name}\", {of},")
    }
}

/// Why a path is not taken.
enum PathRefusal {
    Malformed,
    MayNotSign(Issuer),
    NotYetValid(Issuer),
    Ended(Issuer),
}

impl From<PathRefusal> for Error {
    fn from(refusal: PathRefusal) -> Self {
        refused(match refusal {
            PathRefusal::Malformed => return rejected(webpki::Error::BadDer),
            PathRefusal::MayNotSign(issuer) => TlsFailure::IssuerMayNotSign(issuer.to_string()),
            PathRefusal::NotYetValid(issuer) => {
                TlsFailure::IssuerNotYetValid(format!("{issuer} begins on {}", issuer.validity.begin()))
            }
            PathRefusal::Ended(issuer) => {
                TlsFailure::IssuerExpired(format!("{issuer} ended on {}", issuer.validity.end()))
            }
        })
    }
}

impl Anchors {
    /// Trusts a certificate, or says what is wrong with it.
    pub(super) fn add(&mut self, certificate: &CertificateDer<'_>) -> Result<(), &'static str> {
        let anchor = webpki::anchor_from_trusted_cert(certificate).map_err(|error| flaw(&error))?;
        self.facts.push(Facts::of(certificate).ok_or_else(|| flaw(&webpki::Error::BadDer))?);
        self.trusted.push(anchor.to_owned());
        Ok(())
    }

    /// Trusts a certificate that the configuration names: as a server's own, too, if it signed itself. Gives what it is
    /// called.
    pub(super) fn add_named(
        &mut self,
        certificate: CertificateDer<'static>,
    ) -> Result<ExternalText, &'static str> {
        self.add(&certificate)?;
        self.named.push(certificate);
        Ok(self.trusted.last().map(|anchor| name(&anchor.subject)).unwrap_or_default())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.trusted.is_empty()
    }

    /// Whether the server's certificate is for its name, valid now, and signed on a path of issuers that are valid now
    /// and may sign.
    pub(super) fn verify(
        &self,
        algorithms: &WebPkiSupportedAlgorithms,
        presented: &Presented<'_>,
    ) -> Result<(), Error> {
        let certificate = EndEntityCert::try_from(presented.end_entity).map_err(|error| {
            let facts =
                Facts::of(presented.end_entity).filter(|_| error == webpki::Error::UnsupportedCertVersion);
            facts.map_or_else(
                || rejected(error),
                |facts| refused(of_server(Unsupported::Version(facts.version))),
            )
        })?;
        match self.search(algorithms, &certificate, presented, Duration::ZERO) {
            // `openssl req -x509` makes self-signed server certificates that call themselves a CA, and Vault's own
            // packages use it. Being named in the CA file is as good as a signature by a CA in it. The validity period
            // was checked before this error arose.
            Err((_, webpki::Error::CaUsedAsEndEntity)) if self.is_named(presented.end_entity) => {}
            Err((mut refusals, error)) => {
                // One that would be good but for a flaw tells more than those whose time is over.
                let flawed = refusals.iter().position(|refusal| !matches!(refusal, PathRefusal::Ended(_)));
                let refusal = match flawed {
                    Some(flawed) => Some(refusals.swap_remove(flawed)),
                    None => last_ended(refusals).map(PathRefusal::Ended).or_else(|| above(presented, &error)),
                };
                if let Some(failure) = self.unsupported(presented, &error).filter(|_| refusal.is_none()) {
                    return Err(refused(failure));
                }
                return Err(match (refusal, error) {
                    (Some(refusal), _) => refusal.into(),
                    // A self-signed one with CA:TRUE that is not named itself; what another CA of the same name leaves.
                    (
                        None,
                        webpki::Error::UnknownIssuer
                        | webpki::Error::CaUsedAsEndEntity
                        | webpki::Error::InvalidSignatureForPublicKey,
                    ) => {
                        let untrusted = self.untrusted(presented, &certificate);
                        refused(TlsFailure::UnknownCa(Some(Box::new(untrusted))))
                    }
                    (None, error) => rejected(error),
                });
            }
            Ok(()) => {}
        }
        certificate
            .verify_is_valid_for_subject_name(presented.name)
            .map_err(|error| wrong_name(error, presented.fixed, self.are_own()))
    }

    /// The CAs are somebody's own, who signs for his servers alone: a bundle of public ones, which is often named too, signs
    /// for everybody.
    fn are_own(&self) -> bool {
        (1..=FEW).contains(&self.named.len())
    }

    /// From when until when the first of one's own CAs to end is valid.
    pub(super) fn first_own_to_end(&self) -> Option<Validity> {
        let own = self.facts.iter().filter(|_| self.are_own()).map(|facts| facts.validity);
        own.min_by_key(|validity| validity.ends)
    }

    /// The issuer that ends within `ahead`, if there is no path that lasts longer. Of a server that is verified now.
    pub(super) fn ending(
        &self,
        algorithms: &WebPkiSupportedAlgorithms,
        presented: &Presented<'_>,
        ahead: Duration,
    ) -> Option<Issuer> {
        let certificate = EndEntityCert::try_from(presented.end_entity).ok()?;
        self.search(algorithms, &certificate, presented, ahead)
            .err()
            .and_then(|(refusals, _)| last_ended(refusals))
    }

    /// Looks for a path whose issuers last for `ahead`; without one, says why each was not taken.
    fn search(
        &self,
        algorithms: &WebPkiSupportedAlgorithms,
        certificate: &EndEntityCert<'_>,
        presented: &Presented<'_>,
        ahead: Duration,
    ) -> Result<(), (Vec<PathRefusal>, webpki::Error)> {
        let refusals = RefCell::new(Vec::new());
        let judge = |path: &VerifiedPath<'_>| {
            self.judge(path, presented, ahead).map_err(|reason| {
                refusals.borrow_mut().push(reason);
                // The lowest of its ranks: other paths are tried.
                webpki::Error::UnknownIssuer
            })
        };
        certificate
            .verify_for_usage(
                algorithms.all,
                &self.trusted,
                presented.intermediates,
                presented.now,
                KeyUsage::server_auth(),
                None,
                Some(&judge),
            )
            .map(drop)
            .map_err(|error| (refusals.take(), error))
    }

    /// webpki does not check when an anchor is valid, nor what the key of any issuer is for.
    fn judge(
        &self,
        path: &VerifiedPath<'_>,
        presented: &Presented<'_>,
        ahead: Duration,
    ) -> Result<(), PathRefusal> {
        let sent = path
            .intermediate_certificates()
            .map(|certificate| (Facts::of(&certificate.der()), name(certificate.subject()), false));
        let anchor = path.anchor();
        let itself =
            anchor.subject.as_ref() == path.end_entity().subject() && self.is_named(presented.end_entity);
        let own = self.trusted.iter().zip(&self.facts).find(|(known, _)| std::ptr::eq(*known, anchor));
        let trusted = (!itself).then(|| (own.map(|(_, facts)| *facts), name(&anchor.subject), true));
        let mut ended: Option<Issuer> = None;
        for (facts, name, anchor) in sent.chain(trusted) {
            let Facts { validity, signs, .. } = facts.ok_or(PathRefusal::Malformed)?;
            let issuer = Issuer { anchor, name, validity };
            if !signs {
                return Err(PathRefusal::MayNotSign(issuer));
            }
            if !validity.has_begun(presented.now) {
                return Err(PathRefusal::NotYetValid(issuer));
            }
            let earliest = ended.as_ref().is_none_or(|other| validity.ends < other.validity.ends);
            if validity.has_ended(later(presented.now, ahead)) && earliest {
                ended = Some(issuer);
            }
        }
        ended.map_or(Ok(()), |issuer| Err(PathRefusal::Ended(issuer)))
    }

    /// The certificate, and what of it, that keeps webpki from verifying the path. Its error names neither.
    fn unsupported(&self, presented: &Presented<'_>, error: &webpki::Error) -> Option<TlsFailure> {
        use webpki::Error as E;
        let signature = matches!(
            error,
            E::InvalidSignatureForPublicKey
                | E::UnsupportedSignatureAlgorithmContext(_)
                | E::UnsupportedSignatureAlgorithmForPublicKeyContext(_)
        );
        if !signature && *error != E::UnsupportedCertVersion {
            return None;
        }
        let own = Facts::of(presented.end_entity)?;
        if let Some(what) = own.as_issuer().or(own.as_signed()) {
            return Some(of_server(what));
        }
        let mut issuers = vec![EndEntityCert::try_from(presented.end_entity).ok()?.issuer().to_vec()];
        for sent in presented.intermediates {
            let facts = Facts::of(sent)?;
            if let Some(what) = facts.as_issuer().or(facts.as_signed()) {
                return Some(of_sent(what));
            }
            match EndEntityCert::try_from(sent) {
                Ok(certificate) => issuers.push(certificate.issuer().to_vec()),
                Err(_) => return Some(of_sent(Unsupported::Version(facts.version))),
            }
        }
        self.trusted.iter().zip(&self.facts).find_map(|(anchor, facts)| {
            let issuer = Issuer { anchor: true, name: name(&anchor.subject), validity: facts.validity };
            let what = facts
                .as_issuer()
                .filter(|_| issuers.iter().any(|name| name.as_slice() == anchor.subject.as_ref()));
            Some(TlsFailure::Unsupported { issuer: Some(issuer.to_string()), what: what? })
        })
    }

    /// Who signed the server's certificate in place of somebody trusted.
    fn untrusted(&self, presented: &Presented<'_>, certificate: &EndEntityCert<'_>) -> Untrusted {
        let itself = is_own_issuer(presented.end_entity) == Some(true);
        Untrusted {
            issuer: (!itself).then(|| issuer_of(certificate, presented.intermediates)),
            named: self.is_named(presented.end_entity),
            authorities: Arc::clone(&self.authorities),
        }
    }

    fn is_named(&self, certificate: &CertificateDer<'_>) -> bool {
        self.named.iter().any(|named| named.as_ref() == certificate.as_ref())
    }
}

/// What is not accepted of the certificate that the server shows.
pub(super) fn of_server(what: Unsupported) -> TlsFailure {
    TlsFailure::Unsupported { issuer: None, what }
}

/// What is not accepted of a CA certificate that the server sends. Anybody could have named that.
fn of_sent(what: Unsupported) -> TlsFailure {
    TlsFailure::Unsupported { issuer: Some("a CA certificate that the server sends".to_owned()), what }
}

fn issuer_of(certificate: &EndEntityCert<'_>, sent: &[CertificateDer<'_>]) -> UntrustedIssuer {
    let sent: Vec<_> = sent.iter().filter_map(|sent| EndEntityCert::try_from(sent).ok()).collect();
    let mut last = certificate.issuer();
    // No certificate is passed twice.
    for _ in &sent {
        let next = sent.iter().find(|sent| sent.subject() == last && sent.issuer() != last);
        last = next.map_or(last, |sent| sent.issuer());
    }
    let above = (last != certificate.issuer()).then(|| name(last));
    UntrustedIssuer { name: name(certificate.issuer()), last: above }
}

/// Of the issuers that end the paths, the one of the path that lasts longest.
fn last_ended(refusals: Vec<PathRefusal>) -> Option<Issuer> {
    let issuers = refusals.into_iter().filter_map(|refusal| match refusal {
        PathRefusal::Ended(issuer) => Some(issuer),
        _ => None,
    });
    issuers.max_by_key(|issuer| issuer.validity.ends)
}

/// The certificate above the server's that webpki found ended, or not begun. Its error does not tell whose it is.
fn above(presented: &Presented<'_>, error: &webpki::Error) -> Option<PathRefusal> {
    let now = presented.now;
    let reason: fn(Issuer) -> PathRefusal = match error {
        webpki::Error::CertExpired { .. } => PathRefusal::Ended,
        webpki::Error::CertNotValidYet { .. } => PathRefusal::NotYetValid,
        _ => return None,
    };
    let is_out = |validity: Validity| validity.has_ended(now) || !validity.has_begun(now);
    if is_out(Facts::of(presented.end_entity)?.validity) {
        return None;
    }
    presented.intermediates.iter().find_map(|sent| {
        let validity = Facts::of(sent)?.validity;
        let name = EndEntityCert::try_from(sent).map(|certificate| name(certificate.subject())).ok()?;
        is_out(validity).then(|| reason(Issuer { anchor: false, name, validity }))
    })
}

fn later(now: UnixTime, ahead: Duration) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(now.as_secs()).saturating_add(ahead))
}
