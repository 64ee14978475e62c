//! A certificate that no trusted CA has signed: who issued it, and whom the configuration trusts instead.

use super::system;
use super::x509::{is_self_issued, name};
use crate::config::TlsSettings;
use crate::external::ExternalText;
use crate::external::quote::sentence;
use rustls::pki_types::CertificateDer;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use webpki::EndEntityCert;

/// How many names are told of one place.
const NAMES: usize = 3;
/// How much of each, in characters.
const NAME: usize = 80;

/// Whom the configuration, or else the machine, trusts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Authorities {
    /// Where certificates are named; none where the machine's are trusted.
    pub(super) places: Vec<Place>,
    /// The machine's, where none is named.
    machine: Vec<PathBuf>,
    /// Something is said in `tls`.
    configured: bool,
    pinned: bool,
}

/// A key of `tls` that names certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    key: &'static str,
    path: PathBuf,
    /// What the certificates are called.
    pub(super) names: Vec<ExternalText>,
}

impl Authorities {
    pub(super) fn of(settings: &TlsSettings) -> Self {
        let machine = if settings.names_authorities() { Vec::new() } else { system::places() };
        let configured = *settings != TlsSettings::default();
        Self { places: Vec::new(), machine, configured, pinned: !settings.pin_sha256.is_empty() }
    }

    pub(super) fn add(&mut self, key: &'static str, path: &Path, names: Vec<ExternalText>) {
        self.places.push(Place { key, path: path.to_owned(), names });
    }
}

/// Why nobody who is trusted has signed a server's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untrusted {
    /// `None`: itself.
    issuer: Option<Issuer>,
    /// The certificate itself is among those that are named.
    named: bool,
    authorities: Arc<Authorities>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Issuer {
    name: ExternalText,
    /// The CA above what the server sent, where that is another.
    last: Option<ExternalText>,
}

impl Issuer {
    fn of(certificate: &EndEntityCert<'_>, sent: &[CertificateDer<'_>]) -> Self {
        let sent: Vec<_> = sent.iter().filter_map(|sent| EndEntityCert::try_from(sent).ok()).collect();
        let mut last = certificate.issuer();
        // No certificate is passed twice.
        for _ in &sent {
            let next = sent.iter().find(|sent| sent.subject() == last && sent.issuer() != last);
            last = next.map_or(last, |sent| sent.issuer());
        }
        let above = (last != certificate.issuer()).then(|| name(last));
        Self { name: name(certificate.issuer()), last: above }
    }
}

impl Untrusted {
    /// Of the certificate that a server shows, and those that it `sent` along; `named`: the configuration names it.
    pub(super) fn of(
        end_entity: &CertificateDer<'_>,
        certificate: &EndEntityCert<'_>,
        sent: &[CertificateDer<'_>],
        authorities: &Arc<Authorities>,
        named: bool,
    ) -> Self {
        let itself = is_self_issued(end_entity) == Some(true);
        let issuer = (!itself).then(|| Issuer::of(certificate, sent));
        Self { issuer, named, authorities: Arc::clone(authorities) }
    }

    /// One whose issuer has that name.
    #[cfg(test)]
    pub(in crate::vault) fn named_canary() -> Self {
        let issuer = Issuer { name: ExternalText::new("canary"), last: None };
        Self { issuer: Some(issuer), named: false, authorities: Arc::default() }
    }

    /// What to do about it. No text of the certificate's is in it.
    pub(in crate::vault) fn advice(&self) -> String {
        let Authorities { places, configured, pinned, .. } = self.authorities.as_ref();
        let what = match self.issuer {
            Some(_) => "the PEM file of that CA",
            None => "the server's certificate itself, as a PEM file",
        };
        let mut advice = match places.as_slice() {
            [] if *configured => format!("Add `ca_file = \"…\"` to `tls`: it is to name {what}."),
            [] => format!("Write `tls = {{ ca_file = \"…\" }}`: it is to name {what}."),
            [Place { key: "ca_dir", path, .. }] => format!("Put {what} into {}.", sentence(path)),
            [Place { key: "ca_credential", path, .. }] => format!(
                "Let the credential \"{}\" be {what}: `systemctl cat vault-unseal` shows its LoadCredential=.",
                sentence(Path::new(path.file_name().unwrap_or_default()))
            ),
            [Place { key, path, .. }] => {
                format!("Let `{key}` name {what}, or put that into {}.", sentence(path))
            }
            _ => format!("Let `tls` name {what}."),
        };
        if self.issuer.is_some() && !places.is_empty() && !self.named {
            advice.push_str(
                " If a CA that is named there has signed that CA, the server has to send the certificate of that CA too.",
            );
        }
        if *pinned {
            advice.push_str(" A pin does not replace the CA: `pin_sha256` stays beside it.");
        }
        advice
    }
}

impl fmt::Display for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.issuer {
            None => f.write_str("it is self-signed")?,
            Some(Issuer { name, last: None }) => write!(f, "it was issued by \"{name:.NAME$}\"")?,
            Some(Issuer { name, last: Some(last) }) => {
                write!(f, "it was issued by \"{name:.NAME$}\", below \"{last:.NAME$}\"")?;
            }
        }
        let issuer = self.issuer.as_ref().map(|issuer| issuer.last.as_ref().unwrap_or(&issuer.name));
        for Place { key, path, names } in &self.authorities.places {
            write!(f, "; {} ({key}) holds ", sentence(path))?;
            for (index, name) in names.iter().take(NAMES).enumerate() {
                write!(f, "{}\"{name:.NAME$}\"", if index == 0 { "" } else { ", " })?;
            }
            if let Some(more @ 1..) = names.len().checked_sub(NAMES) {
                write!(f, " and {more} more")?;
            }
            if issuer.is_some_and(|issuer| names.contains(issuer)) {
                f.write_str(", another CA of the same name")?;
            }
        }
        if self.named {
            f.write_str(": the server's certificate itself is named, and not its CA")?;
        }
        if let [first, ..] = self.authorities.machine.as_slice() {
            write!(
                f,
                "; no CA is named in `tls`, so that this machine's are trusted, in {}",
                sentence(first)
            )?;
        }
        Ok(())
    }
}
