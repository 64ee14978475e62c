//! TLS, from files that are renewed.

use super::exporter::Exporter;
use super::http::ask;
use super::{daemon, directory};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

#[test]
fn certificate_of_the_configuration_is_shown() {
    let directory = directory();
    daemon(directory.path());
    let made = rcgen::generate_simple_self_signed(["exporter.home".to_owned()]).unwrap();
    let (certificate, key) = (directory.path().join("cert.pem"), directory.path().join("key.pem"));
    fs::write(&certificate, made.cert.pem()).unwrap();
    fs::write(&key, made.key_pair.serialize_pem()).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let tls = format!(
        "tls = {{ certificate_file = '{}', key_file = '{}' }}\n",
        certificate.display(),
        key.display()
    );
    let exporter = Exporter::start(directory.path(), &tls, None);

    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("exporter.home").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let stream = StreamOwned::new(connection, TcpStream::connect(exporter.address).unwrap());
    let answer = ask(stream, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(answer.values().last(), Some(&"vault_unseal_daemon_up 1"));

    // Nothing is said without it.
    let mut plain = TcpStream::connect(exporter.address).unwrap();
    plain.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut said = Vec::new();
    let _ = plain.read_to_end(&mut said);
    assert!(!said.starts_with(b"HTTP"), "{}", String::from_utf8_lossy(&said));
    // Whoever says nothing is given up.
    let mut silent = TcpStream::connect(exporter.address).unwrap();
    assert!(matches!(silent.read(&mut [0; 1]), Ok(0) | Err(_)));
}
