//! Certificates that rcgen makes none of, by OpenSSL: old keys, old signatures, an old version.

use std::fs;
use std::process::Command;

use der::{AnyRef, Decode, Reader, SliceReader};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use super::certs::{Authority, Issued};
use super::directory::directory;

/// A new private key, PKCS#8: `P-256`, `P-521`, or the bits of an RSA key.
pub fn key(kind: &str) -> String {
    let (algorithm, option) = match kind.strip_prefix("P-") {
        Some(_) => ("EC", format!("ec_paramgen_curve:{kind}")),
        None => ("RSA", format!("rsa_keygen_bits:{kind}")),
    };
    let mut openssl = Command::new("openssl");
    let output = openssl.args(["genpkey", "-algorithm", algorithm, "-pkeyopt", &option]).output().unwrap();
    String::from_utf8(checked(output)).unwrap()
}

/// A certificate for this key that the key signed itself. `names` as OpenSSL writes them: `IP:127.0.0.1`.
pub fn self_signed(key: &str, names: &str) -> Issued {
    issue(key, names, "-sha256", None)
}

/// A certificate for this key from an authority.
pub fn signed(key: &str, names: &str, digest: &str, authority: &Authority) -> Issued {
    issue(key, names, digest, Some((authority.pem(), authority.key_pem())))
}

/// A certificate for this key from an authority of RSA keys, which rcgen has not.
pub fn signed_by(key: &str, names: &str, authority: &Issued) -> Issued {
    issue(key, names, "-sha256", Some((authority.chain_pem.clone(), authority.key_pem.clone())))
}

fn issue(key: &str, names: &str, digest: &str, authority: Option<(String, String)>) -> Issued {
    let home = directory();
    let put = |name: &str, text: &str| {
        fs::write(home.path().join(name), text).unwrap();
    };
    put("own.key", key);
    put("extensions", &format!("subjectAltName = {names}\n"));
    let run = |arguments: &[&str]| {
        checked(Command::new("openssl").args(arguments).current_dir(home.path()).output().unwrap())
    };
    let subject = ["-key", "own.key", "-subj", "/CN=by OpenSSL"];
    let pem = match authority {
        None => {
            let names = format!("subjectAltName = {names}");
            run(&[&["req", "-x509", "-new", "-days", "90", digest, "-addext", &names][..], &subject].concat())
        }
        Some((certificate, authority_key)) => {
            put("ca.crt", &certificate);
            put("ca.key", &authority_key);
            run(&[&["req", "-new", "-out", "own.csr"][..], &subject].concat());
            run(&[
                "x509",
                "-req",
                "-in",
                "own.csr",
                "-CA",
                "ca.crt",
                "-CAkey",
                "ca.key",
                "-set_serial",
                "7",
                "-days",
                "90",
                digest,
                "-extfile",
                "extensions",
            ])
        }
    };
    Issued { chain_pem: String::from_utf8(pem).unwrap(), key_pem: key.to_owned() }
}

/// A certificate of version 1 for this key, which the key signed itself. Newer releases of OpenSSL make none, so that it
/// only signs.
pub fn version_1(key: &str) -> Issued {
    let newer = self_signed(key, "IP:127.0.0.1");
    let newer = CertificateDer::from_pem_slice(newer.chain_pem.as_bytes()).unwrap();
    let certificate: AnyRef<'_> = AnyRef::from_der(&newer).unwrap();
    let (mut tbs, signature_algorithm) = certificate
        .sequence(|certificate| {
            let tbs = certificate.decode::<AnyRef<'_>>()?.value();
            let algorithm = certificate.tlv_bytes()?;
            certificate.tlv_bytes()?;
            Ok::<_, der::Error>((SliceReader::new(tbs)?, algorithm))
        })
        .unwrap();
    // Of [0] version, serial number, signature, issuer, validity, subject, key, [3] extensions: all but first and last.
    tbs.tlv_bytes().unwrap();
    let fields: Vec<u8> = (0..6).flat_map(|_| tbs.tlv_bytes().unwrap().to_vec()).collect();
    let tbs = tagged(0x30, &fields);

    let home = directory();
    fs::write(home.path().join("tbs"), &tbs).unwrap();
    fs::write(home.path().join("own.key"), key).unwrap();
    let mut openssl = Command::new("openssl");
    let openssl = openssl.args(["dgst", "-sha256", "-sign", "own.key", "tbs"]).current_dir(home.path());
    let signature = [&[0][..], &checked(openssl.output().unwrap())].concat();
    let certificate = tagged(0x30, &[&tbs[..], signature_algorithm, &tagged(3, &signature)].concat());
    let der = home.path().join("der");
    fs::write(&der, certificate).unwrap();
    let mut openssl = Command::new("openssl");
    let pem = checked(openssl.args(["x509", "-inform", "der", "-in"]).arg(&der).output().unwrap());
    Issued { chain_pem: String::from_utf8(pem).unwrap(), key_pem: key.to_owned() }
}

fn tagged(tag: u8, value: &[u8]) -> Vec<u8> {
    let [high, low] = u16::try_from(value.len()).unwrap().to_be_bytes();
    let length = match (high, low) {
        (0, 0..=127) => vec![low],
        (0, _) => vec![0x81, low],
        _ => vec![0x82, high, low],
    };
    [&[tag][..], &length, value].concat()
}

fn checked(output: std::process::Output) -> Vec<u8> {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
