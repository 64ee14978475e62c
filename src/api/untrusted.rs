//! A certificate that no trusted CA has signed: who issued it, and whom the configuration trusts instead.

use crate::external::ExternalText;
use crate::external::quote::sentence;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How many names are told of one place.
const NAMES: usize = 3;
/// How much of each, in characters.
const NAME: usize = 80;

/// Whom the configuration, or else the machine, trusts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NamedAuthorities {
    /// Where certificates are named; none where the machine's are trusted.
    pub places: Vec<AuthoritiesPlace>,
    /// The machine's, where none is named.
    pub machine: Vec<PathBuf>,
    /// Something is said in `tls`.
    pub configured: bool,
    /// `pin_sha256` has pins.
    pub pinned: bool,
}

/// A key of `tls` that names certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthoritiesPlace {
    /// `ca_file`, `ca_dir` or `ca_credential`.
    pub key: &'static str,
    /// The file or directory.
    pub path: PathBuf,
    /// What the certificates are called.
    pub names: Vec<ExternalText>,
}

/// Why nobody who is trusted has signed a server's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untrusted {
    /// `None`: itself.
    pub issuer: Option<UntrustedIssuer>,
    /// The certificate itself is among those that are named.
    pub named: bool,
    /// Who is trusted.
    pub authorities: Arc<NamedAuthorities>,
}

/// Who signed a server's certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UntrustedIssuer {
    /// The issuer of the certificate itself.
    pub name: ExternalText,
    /// The CA above what the server sent, where that is another.
    pub last: Option<ExternalText>,
}

impl Untrusted {
    /// One whose issuer has that name.
    #[cfg(test)]
    pub(crate) fn named_canary() -> Self {
        let issuer = UntrustedIssuer { name: ExternalText::new("canary"), last: None };
        Self { issuer: Some(issuer), named: false, authorities: Arc::default() }
    }

    /// What to do about it. No text of the certificate's is in it.
    pub(crate) fn advice(&self) -> String {
        let NamedAuthorities { places, configured, pinned, .. } = self.authorities.as_ref();
        let what = match self.issuer {
            Some(_) => "the PEM file of that CA",
            None => "the server's certificate itself, as a PEM file",
        };
        let mut advice = match places.as_slice() {
            [] if *configured => format!("Add `ca_file = \"…\"` to `tls`: it is to name {what}."),
            [] => format!("Write `tls = {{ ca_file = \"…\" }}`: it is to name {what}."),
            [AuthoritiesPlace { key: "ca_dir", path, .. }] => format!("Put {what} into {}.", sentence(path)),
            [AuthoritiesPlace { key: "ca_credential", path, .. }] => format!(
                "Let the credential \"{}\" be {what}: `systemctl cat vault-unseal` shows its LoadCredential=.",
                sentence(Path::new(path.file_name().unwrap_or_default()))
            ),
            [AuthoritiesPlace { key, path, .. }] => {
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
            Some(UntrustedIssuer { name, last: None }) => write!(f, "it was issued by \"{name:.NAME$}\"")?,
            Some(UntrustedIssuer { name, last: Some(last) }) => {
                write!(f, "it was issued by \"{name:.NAME$}\", below \"{last:.NAME$}\"")?;
            }
        }
        let issuer = self.issuer.as_ref().map(|issuer| issuer.last.as_ref().unwrap_or(&issuer.name));
        for AuthoritiesPlace { key, path, names } in &self.authorities.places {
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
