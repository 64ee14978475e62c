//! Certificate authorities and certificates, as broken as a test wants them.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub use rcgen::KeyUsagePurpose;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use time::{Duration, OffsetDateTime};

/// When a certificate is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Validity {
    /// Since an hour ago, for 90 days.
    Now,
    /// Until yesterday.
    Expired,
    /// From tomorrow.
    NotYet,
    /// For a week yet.
    EndsSoon,
    /// Since so many hours, for so many more.
    Hours(i64, i64),
    /// Since an hour, for so many seconds more.
    Seconds(i64),
}

impl Validity {
    fn bounds(self) -> (OffsetDateTime, OffsetDateTime) {
        let now = OffsetDateTime::now_utc();
        match self {
            Self::Now => (now - Duration::HOUR, now + Duration::days(90)),
            Self::Expired => (now - Duration::days(30), now - Duration::DAY),
            Self::EndsSoon => (now - Duration::days(30), now + Duration::days(7)),
            Self::Hours(since, left) => (now - Duration::hours(since), now + Duration::hours(left)),
            Self::Seconds(left) => (now - Duration::HOUR, now + Duration::seconds(left)),
            Self::NotYet => (now + Duration::DAY, now + Duration::days(90)),
        }
    }
}

/// What an authority's key is for.
pub const SIGNS: &[KeyUsagePurpose] = &[KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];

/// A certificate authority: a root, or an intermediate under one.
pub struct Authority {
    certificate: Certificate,
    key: KeyPair,
    /// What a server has to send beside its own certificate: the intermediates, nearest first. Empty for a root.
    chain: String,
}

impl Authority {
    /// A root nobody knows.
    pub fn new(name: &str) -> Self {
        Self::made(name, Validity::Now, SIGNS)
    }

    /// A root that is valid then, with a key for this; a key for nothing has no keyUsage at all.
    pub fn made(name: &str, validity: Validity, usages: &[KeyUsagePurpose]) -> Self {
        Self::itself(name, KeyPair::generate().unwrap(), validity, usages)
    }

    /// An authority under this one. What it issues carries the chain; clients need the root alone.
    pub fn intermediate(&self, name: &str) -> Self {
        self.intermediate_made(name, Validity::Now, SIGNS)
    }

    /// The same, valid then, with a key for this.
    pub fn intermediate_made(&self, name: &str, validity: Validity, usages: &[KeyUsagePurpose]) -> Self {
        self.certify(name, KeyPair::generate().unwrap(), validity, usages)
    }

    /// Another certificate for its name and key, valid then.
    pub fn renewed(&self, name: &str, validity: Validity) -> Self {
        Self::itself(name, self.key_again(), validity, SIGNS)
    }

    /// Another certificate for its name and key, from another authority.
    pub fn cross_signed(&self, name: &str, by: &Self) -> Self {
        by.certify(name, self.key_again(), Validity::Now, SIGNS)
    }

    fn key_again(&self) -> KeyPair {
        KeyPair::from_pem(&self.key.serialize_pem()).unwrap()
    }

    fn itself(name: &str, key: KeyPair, validity: Validity, usages: &[KeyUsagePurpose]) -> Self {
        let certificate = Self::params(name, validity, usages).self_signed(&key).unwrap();
        Self { certificate, key, chain: String::new() }
    }

    fn certify(&self, name: &str, key: KeyPair, validity: Validity, usages: &[KeyUsagePurpose]) -> Self {
        let params = Self::params(name, validity, usages);
        let certificate = params.signed_by(&key, &self.certificate, &self.key).unwrap();
        let chain = certificate.pem() + &self.chain;
        Self { certificate, key, chain }
    }

    fn params(name: &str, validity: Validity, usages: &[KeyUsagePurpose]) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = usages.to_vec();
        (params.not_before, params.not_after) = validity.bounds();
        params
    }

    /// A server's certificate for these host names and addresses.
    pub fn issue(&self, names: &[&str], validity: Validity) -> Issued {
        self.sign(&KeyPair::generate().unwrap(), names, validity, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A new certificate for a key that has one.
    pub fn renew(&self, old: &Issued, names: &[&str]) -> Issued {
        let key = KeyPair::from_pem(&old.key_pem).unwrap();
        self.sign(&key, names, Validity::Now, ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A client's certificate.
    pub fn issue_client(&self, name: &str, validity: Validity) -> Issued {
        self.sign(&KeyPair::generate().unwrap(), &[name], validity, ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn sign(
        &self,
        key: &KeyPair,
        names: &[&str],
        validity: Validity,
        usage: ExtendedKeyUsagePurpose,
    ) -> Issued {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names.clone()).unwrap();
        params.distinguished_name.push(DnType::CommonName, names.first().map_or("nameless", String::as_str));
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![usage];
        (params.not_before, params.not_after) = validity.bounds();
        let certificate = params.signed_by(key, &self.certificate, &self.key).unwrap();
        Issued { chain_pem: certificate.pem() + &self.chain, key_pem: key.serialize_pem() }
    }

    /// Its own certificate in PEM.
    pub fn pem(&self) -> String {
        self.certificate.pem()
    }

    /// Its key, PKCS#8.
    pub fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    /// Its own certificate as rustls takes it.
    pub fn der(&self) -> CertificateDer<'static> {
        self.certificate.der().clone()
    }

    /// Writes its own certificate as `name` into `directory`.
    pub fn write(&self, directory: &Path, name: &str) -> PathBuf {
        let path = directory.join(name);
        write(&path, &self.pem(), 0o644);
        path
    }
}

/// A certificate that signed itself and calls itself an authority, for these names: what `openssl req -x509` makes.
pub fn self_signed(names: &[&str], validity: Validity) -> Issued {
    self_signed_made(names, validity, true, &[])
}

/// The same, which calls itself an authority or not, with a key for this.
pub fn self_signed_made(
    names: &[&str],
    validity: Validity,
    authority: bool,
    usages: &[KeyUsagePurpose],
) -> Issued {
    let key = KeyPair::generate().unwrap();
    let mut params =
        CertificateParams::new(names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()).unwrap();
    params.distinguished_name.push(DnType::CommonName, "self-signed");
    if authority {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    params.key_usages = usages.to_vec();
    (params.not_before, params.not_after) = validity.bounds();
    let certificate = params.self_signed(&key).unwrap();
    Issued { chain_pem: certificate.pem(), key_pem: key.serialize_pem() }
}

/// A certificate with its key.
#[derive(Clone)]
pub struct Issued {
    /// The certificate and the intermediates above it.
    pub chain_pem: String,
    /// Its key, PKCS#8.
    pub key_pem: String,
}

impl Issued {
    /// Writes `<stem>.crt`, mode 0644, and `<stem>.key`, mode 0600. Each replaces the old file at one stroke, as a
    /// renewal does.
    pub fn write(&self, directory: &Path, stem: &str) -> (PathBuf, PathBuf) {
        let (chain, key) = (directory.join(format!("{stem}.crt")), directory.join(format!("{stem}.key")));
        write(&chain, &self.chain_pem, 0o644);
        write(&key, &self.key_pem, 0o600);
        (chain, key)
    }

    /// What `pin_sha256` is to say of its key, as the advice has it computed.
    pub fn pin(&self) -> String {
        self.openssl(
            "openssl x509 -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64",
        )
    }

    /// The hash of the whole certificate, which is no pin.
    pub fn fingerprint(&self) -> String {
        self.openssl("openssl x509 -outform der | openssl dgst -sha256 -binary | base64")
    }

    fn openssl(&self, line: &str) -> String {
        let mut shell = Command::new("sh");
        let mut shell =
            shell.args(["-c", line]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        shell.stdin.take().unwrap().write_all(self.chain_pem.as_bytes()).unwrap();
        let output = shell.wait_with_output().unwrap();
        assert!(output.status.success(), "{line}");
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// The chain as rustls takes it: what anybody can copy who connects.
    pub fn certificates(&self) -> Vec<CertificateDer<'static>> {
        CertificateDer::pem_slice_iter(self.chain_pem.as_bytes()).map(Result::unwrap).collect()
    }

    /// The chain and the key as rustls takes them.
    pub fn parts(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        super::http::parse_pem(&self.chain_pem, &self.key_pem)
    }
}

fn write(path: &Path, text: &str, mode: u32) {
    let new = path.with_extension("new");
    let _ = fs::remove_file(&new);
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&new).unwrap();
    file.write_all(text.as_bytes()).unwrap();
    fs::rename(&new, path).unwrap();
}
