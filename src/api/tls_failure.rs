//! Why TLS with a node cannot be: each cause has another remedy.

use super::untrusted::Untrusted;
use crate::cluster::{COMPUTE_PIN, Pin};
use crate::explain::Explain;
use crate::external::ExternalText;
use std::borrow::Cow;
use std::fmt::Display;
use std::net::IpAddr;

/// Why a TLS handshake failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFailure {
    /// The server's certificate has run out.
    #[error("the server's certificate has expired{0}")]
    Expired(String),
    /// It is not valid yet: one of the two clocks is wrong.
    #[error("the server's certificate is not valid yet{0}")]
    NotYetValid(String),
    /// It is for other names.
    #[error("the server's certificate is not for this name{}", if_known(" ", .names.as_ref()))]
    WrongName {
        /// The one that was asked for, and those that it has. Never known where a secret was sent.
        names: Option<ExternalText>,
        /// What can be done.
        remedy: NameRemedy,
    },
    /// It has the node's address as the name of a host, where no address is looked for (RFC 9525, section 6.5).
    #[error(
        "the server's certificate has {address} as a DNS name, and an address must be in it as an IP address"
    )]
    AddressAsName {
        /// The address.
        address: IpAddr,
        /// It has the name of a host too, which can be asked for.
        other_names: bool,
    },
    /// No authority that we trust signed it. Who did is never known where a secret was sent.
    #[error("the server's certificate is not signed by a CA that is trusted here{}", if_known(": ", .0.as_deref()))]
    UnknownCa(Option<Box<Untrusted>>),
    /// A certificate above it has run out, and no other path leads to a CA that is trusted.
    #[error("the server's certificate is no longer vouched for: {0}")]
    IssuerExpired(String),
    /// A certificate above it is not valid yet.
    #[error("the server's certificate is not vouched for yet: {0}")]
    IssuerNotYetValid(String),
    /// The key of a certificate above it is not for signing certificates.
    #[error("the server's certificate is refused: {0} may not sign it: its keyUsage lacks keyCertSign")]
    IssuerMayNotSign(String),
    /// It, or one above it, is of a form that is not accepted.
    #[error("{} {what}", .issuer.as_deref().unwrap_or("the server's certificate"))]
    Unsupported {
        /// The certificate above the server's; `None` for the server's own.
        issuer: Option<String>,
        /// What is not accepted of it.
        what: Unsupported,
    },
    /// The handshake is signed with another key than the certificate's.
    #[error("the server does not prove that it holds the key of its certificate: its signature is wrong")]
    KeyNotProven,
    /// It is broken or forbidden in another way.
    #[error("the server's certificate was refused: {0}")]
    BadCertificate(&'static str),
    /// It may be good, but its key is none of `pin_sha256`.
    #[error("the server's key is not one of pin_sha256: it is {found}")]
    PinMismatch {
        /// The pin of the key that the server has.
        found: Pin,
        /// Its whole certificate has a hash that is pinned.
        certificate_pinned: bool,
    },
    /// The server wants a certificate of ours.
    #[error("the server demands a client certificate")]
    ClientCertificateWanted,
    /// The server does not accept the certificate that we showed.
    #[error("the server does not accept our client certificate: {0}")]
    ClientCertificateRefused(&'static str),
    /// The port answers in plain HTTP (or another protocol): no TLS there.
    #[error("the port does not speak TLS")]
    NotTls,
    /// No TLS version or cipher in common.
    #[error("no TLS version or cipher suite in common: {0}")]
    Incompatible(&'static str),
    /// It begins another handshake after a request.
    #[error("the server negotiates TLS anew after a request, which is not supported")]
    Renegotiation,
    /// Anything else.
    #[error("TLS handshake failed: {0}")]
    Other(&'static str),
}

/// `what` behind `before`, or nothing where nothing is known.
pub(super) fn if_known(before: &str, what: Option<impl Display>) -> String {
    what.map(|what| format!("{before}{what}")).unwrap_or_default()
}

impl TlsFailure {
    /// The same without anything that the other end may have chosen: names and dates of certificates.
    pub(crate) fn without_text(self) -> Self {
        let issuer = || "a CA certificate above it".to_owned();
        match self {
            Self::WrongName { .. } => Self::WrongName { names: None, remedy: NameRemedy::Choose },
            Self::AddressAsName { address, .. } => Self::AddressAsName { address, other_names: false },
            Self::UnknownCa(_) => Self::UnknownCa(None),
            Self::Expired(_) => Self::Expired(String::new()),
            Self::NotYetValid(_) => Self::NotYetValid(String::new()),
            Self::IssuerExpired(_) => Self::IssuerExpired(format!("{} has ended", issuer())),
            Self::IssuerNotYetValid(_) => Self::IssuerNotYetValid(format!("{} has not begun", issuer())),
            Self::IssuerMayNotSign(_) => Self::IssuerMayNotSign(issuer()),
            Self::Unsupported { issuer: Some(_), what } => Self::Unsupported { issuer: Some(issuer()), what },
            other => other,
        }
    }
}

const SET_CLOCK: &str =
    "Set this machine's clock (`timedatectl`): a board without a battery starts in the past.";

impl Explain for TlsFailure {
    fn kind_and_advice(&self) -> (&'static str, Option<Cow<'static, str>>) {
        let (kind, advice) = match self {
            Self::Expired(_) => (
                "certificate-expired",
                "Renew the server's certificate. If it is new, this machine's clock is wrong: see `timedatectl`.",
            ),
            Self::IssuerExpired(_) => (
                "issuer-expired",
                "Renew that CA certificate, where the server has it and where `tls` names it. If it is new, this \
                 machine's clock is wrong: see `timedatectl`.",
            ),
            Self::IssuerMayNotSign(_) => (
                "issuer-may-not-sign",
                "Make that CA certificate anew with keyUsage keyCertSign, and sign the server's with it.",
            ),
            Self::NotYetValid(_) => ("certificate-not-yet-valid", SET_CLOCK),
            Self::IssuerNotYetValid(_) => ("issuer-not-yet-valid", SET_CLOCK),
            Self::WrongName { remedy, .. } => {
                return ("certificate-wrong-name", Some(remedy.advice().into()));
            }
            Self::AddressAsName { address: ip, other_names } => {
                let meanwhile = if *other_names {
                    " Until then a host name that is in it can be asked for: add `server_name = \"…\"` to `tls`."
                } else {
                    ""
                };
                let advice = format!(
                    "Make it anew with `subjectAltName = IP:{ip}` in place of `DNS:{ip}`.{meanwhile}"
                );
                return ("certificate-wrong-name", Some(advice.into()));
            }
            Self::Unsupported { issuer, what } => ("certificate-unsupported", what.advice(issuer.is_none())),
            Self::KeyNotProven => (
                "certificate-key-not-proven",
                "No shares go there. Anybody can show the server's certificate, which is public. Find out who answers at \
                 this address before you change anything.",
            ),
            Self::UnknownCa(Some(untrusted)) => {
                return ("certificate-unknown-ca", Some(untrusted.advice().into()));
            }
            Self::UnknownCa(None) => (
                "certificate-unknown-ca",
                "Let `ca_file` in `tls` name the PEM file of the CA that signed it.",
            ),
            Self::BadCertificate(_) => {
                ("certificate-bad", "Inspect it with `openssl s_client -connect HOST:PORT -showcerts`.")
            }
            Self::PinMismatch { certificate_pinned: true, .. } => (
                "pin-mismatch",
                "pin_sha256 has the hash of the server's whole certificate, which changes with every renewal. Put in its \
                 place the hash of the key, which is the one named here.",
            ),
            Self::PinMismatch { certificate_pinned: false, .. } => {
                let advice = format!(
                    "No shares go there. If you gave the server a new key (a renewal makes one, unless it is told to \
                     reuse the old), compute the pin on the server itself: `{COMPUTE_PIN}`. If it is the one named \
                     here, put it into pin_sha256. If it is not, or nobody renewed anything, somebody else answers at \
                     this address: find out who before you change anything."
                );
                return ("pin-mismatch", Some(advice.into()));
            }
            Self::ClientCertificateWanted => {
                ("client-certificate-wanted", "Set `client_cert` and `client_key` in `tls`.")
            }
            Self::ClientCertificateRefused(_) => (
                "client-certificate-refused",
                "Check that `client_cert` is current and signed by a CA the server trusts.",
            ),
            Self::NotTls => (
                "not-tls",
                "Write http:// if the server really has no TLS (loopback only), or check the port.",
            ),
            Self::Incompatible(_) => (
                "tls-incompatible",
                "TLS 1.2 or newer is needed, and with TLS 1.2 a key that is not on curve P-521: look at `tls_min_version` and \
                 `tls_cipher_suites` of the listener, and at its key. Some servers say the same when they want a client \
                 certificate: `client_cert` and `client_key` in `tls`.",
            ),
            Self::Renegotiation => (
                "tls-renegotiation",
                "A proxy does so that wants a client certificate for a part of its paths (Apache: SSLVerifyClient in \
                 <Location>). Have it want one for all of the listener, or name the nodes themselves.",
            ),
            Self::Other(_) => ("tls", "Inspect the port with `openssl s_client -connect HOST:PORT`."),
        };
        (kind, Some(Cow::Borrowed(advice)))
    }
}

/// What can be done about a certificate that is for other names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NameRemedy {
    /// `server_name` is set, to none of them.
    Correct,
    /// This one can be asked for: a CA that the configuration names has signed it.
    Ask(ExternalText),
    /// None of them is suggested: a public CA gives everybody a certificate for a name of his own.
    Choose,
    /// It has none: it is made anew, with this subjectAltName.
    MakeAnew(String),
}

impl NameRemedy {
    fn advice(&self) -> String {
        match self {
            Self::Correct => {
                "Set `server_name` in `tls` to a name that the certificates of all nodes have.".to_owned()
            }
            Self::Ask(name) => format!(
                "Use a name that is in the certificate. If it is your server, and the certificates of all nodes have one name, as those of a \
                 service in Kubernetes do, the address can stay: add `server_name = \"{name}\"` to `tls`."
            ),
            Self::Choose => {
                "Use a name that is in the certificate, or add `server_name = \"…\"` to `tls`.".to_owned()
            }
            Self::MakeAnew(name) => format!(
                "Make it anew with the name in it: `openssl req -x509` and `openssl req` take \
                 `-addext subjectAltName={name}`. The common name (CN) is not looked at."
            ),
        }
    }
}

/// What is not accepted of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsupported {
    /// Not of version 3 (RFC 5280, section 4.1.2.1).
    #[error("is of X.509 version {0}, and version 3 is needed")]
    Version(u8),
    /// A key that ring does not take.
    #[error("has {0}")]
    Key(UnsupportedKey),
    /// Its signature.
    #[error("is signed with SHA-1, which can be forged")]
    Sha1,
}

/// Keys that ring cannot verify signatures of, or does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnsupportedKey {
    /// The bits of its modulus.
    #[error("an RSA key of {0} bits, and fewer than 2048 are not accepted")]
    ShortRsa(usize),
    /// The bits of its modulus.
    #[error("an RSA key of {0} bits, and more than 8192 are not supported")]
    LongRsa(usize),
    /// The curve of NIST.
    #[error("a key on the curve P-521, which is not supported")]
    P521,
    /// Any other.
    #[error("a key of a kind that is not supported")]
    Other,
}

impl Unsupported {
    /// What to do about it, with a server's own certificate or one above it.
    fn advice(self, own: bool) -> &'static str {
        match self {
            Self::Version(_) if own => {
                "Make it anew as version 3: `openssl x509 -req` needs `-extfile` with a subjectAltName for that. Or pin \
                 its key: `tls = { skip_verify = true, pin_sha256 = [\"…\"] }`."
            }
            Self::Version(_) => "Make it anew as version 3, with basicConstraints CA:TRUE.",
            Self::Key(_) if own => {
                "Make it anew with a key on P-256 or of RSA with 2048 bits or more. A pin does not help: with such a key \
                 the server cannot prove here that it holds it."
            }
            Self::Key(_) => {
                "Make it anew with a key on P-256 or of RSA with 2048 bits or more, and sign the server's certificate \
                 with that."
            }
            Self::Sha1 => {
                "Have it signed anew with SHA-256, which OpenSSL and Vault's own PKI use by themselves."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{LogHint, Unreachable};

    #[test]
    fn nothing_of_a_certificate_is_told_after_a_secret() {
        let canary = || "canary".to_owned();
        let names = Some(ExternalText::new(canary()));
        for failure in [
            TlsFailure::Expired(canary()),
            TlsFailure::NotYetValid(canary()),
            TlsFailure::WrongName { names, remedy: NameRemedy::Ask(ExternalText::new(canary())) },
            TlsFailure::IssuerExpired(canary()),
            TlsFailure::IssuerNotYetValid(canary()),
            TlsFailure::IssuerMayNotSign(canary()),
            TlsFailure::Unsupported { issuer: Some(canary()), what: Unsupported::Key(UnsupportedKey::Other) },
            TlsFailure::UnknownCa(Some(Box::new(Untrusted::named_canary()))),
        ] {
            let told = |failure: &Unreachable| {
                format!("{failure} {failure:?} {}", failure.advice().unwrap_or_default())
            };
            let failure = Unreachable::Tls(failure);
            assert!(told(&failure).contains("canary"), "{failure}");
            let kind = failure.kind();
            let failure = failure.without_text(LogHint::default());
            assert!(!told(&failure).contains("canary"), "{failure}");
            assert_eq!(failure.kind(), kind);
        }
    }
}
