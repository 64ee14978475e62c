//! PEM files of certificates and keys, and what is read of a certificate.

use crate::said;
use base64ct::{Base64, Encoding};
use std::path::Path;
use vault_unseal::vault::fuzzing::{certificate, certificates, private_key};

const FILE: &str = "/etc/vault-unseal/ca.pem";

pub(crate) fn check(data: &[u8]) -> bool {
    let path = Path::new(FILE);
    let chain = certificates(path, data).map_err(|error| said::check(&error, data));
    if let Ok(found) = &chain {
        assert!(!found.is_empty());
        let mut written = String::new();
        let mut last = 0;
        for (line, der) in found {
            assert!(*line > last && !der.is_empty(), "line {line} of {} bytes", der.len());
            last = *line;
            written.push_str(&block("CERTIFICATE", der));
            if let Some((begins, ends, key)) = certificate(der) {
                assert!(begins.len() == 20 && ends.len() == 20 && !key.is_empty(), "{begins} to {ends}");
            }
        }
        let again = certificates(path, written.as_bytes()).expect("it was written by us");
        assert!(again.iter().map(|(_, der)| der).eq(found.iter().map(|(_, der)| der)));
    }
    let key = private_key(path, data).map_err(|error| said::check(&error, data));
    if let Ok(key) = &key {
        assert!(!key.is_empty());
        assert_eq!(private_key(path, block("PRIVATE KEY", key).as_bytes()).ok().as_ref(), Some(key));
    }
    let _ = certificate(data);
    chain.is_ok() || key.is_ok()
}

fn block(label: &str, der: &[u8]) -> String {
    let text = Base64::encode_string(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
