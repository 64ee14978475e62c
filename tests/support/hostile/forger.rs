//! Signatures of a handshake by who has no key of the certificate.

use std::sync::Arc;

use rcgen::{KeyPair, SignatureAlgorithm as KeyKind};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::{Signer, SigningKey};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};

/// Signs a handshake with a key of its own, or with nothing.
#[derive(Debug, Clone)]
pub enum Forger {
    /// A good signature by another key.
    Another(Arc<dyn SigningKey>),
    /// Bytes that are none, in a scheme that the client may not even have offered.
    Rubbish(SignatureScheme),
}

impl Forger {
    /// With a new key of this kind.
    pub fn with_key(kind: &'static KeyKind) -> Self {
        let key = KeyPair::generate_for(kind).unwrap().serialize_der();
        let key = PrivateKeyDer::try_from(key).unwrap();
        Self::Another(rustls::crypto::ring::sign::any_supported_type(&key).unwrap())
    }
}

impl SigningKey for Forger {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        match self {
            Self::Another(key) => key.choose_scheme(offered),
            Self::Rubbish(scheme) => Some(Box::new(Rubbish(*scheme))),
        }
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        use SignatureScheme as S;
        match self {
            Self::Another(key) => key.algorithm(),
            Self::Rubbish(
                S::ECDSA_NISTP256_SHA256
                | S::ECDSA_NISTP384_SHA384
                | S::ECDSA_NISTP521_SHA512
                | S::ECDSA_SHA1_Legacy,
            ) => SignatureAlgorithm::ECDSA,
            Self::Rubbish(_) => SignatureAlgorithm::RSA,
        }
    }
}

#[derive(Debug)]
struct Rubbish(SignatureScheme);

impl Signer for Rubbish {
    fn sign(&self, _message: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(vec![0x30; 256])
    }

    fn scheme(&self) -> SignatureScheme {
        self.0
    }
}
