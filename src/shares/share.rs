//! One share, and the set of all that a source gave.

use crate::cluster::Scheme;
use crate::ordered;
use ring::digest::{self, Digest};
use secrecy::{ExposeSecret, ExposeSecretMut, SecretBox};
use zeroize::Zeroizing;

/// The largest source that is read, in bytes: 255 shares in hex and base64 are below 32 KiB.
pub(super) const LIMIT: usize = 64 * 1024;

/// Bytes of a share of a split key, the longest there is: 32 y bytes and one x byte. 1-of-1 servers have a bare key of
/// 32 bytes.
const SPLIT_LENGTH: usize = 33;

const REQUEST_HEAD: &[u8] = b"{\"key\":\"";
const REQUEST_TAIL: &[u8] = b"\"}";

/// One key share: 16 to 33 bytes that are wiped when dropped.
///
/// Vault's layout for more than one share: the y bytes, then one x byte. A 1-of-1 "share" is the 32-byte
/// unseal key itself. No Debug, Display, Clone or Serialize.
pub struct Share {
    bytes: SecretBox<[u8; SPLIT_LENGTH]>,
    length: usize,
    position: usize,
}

impl Share {
    /// Copies the decoded bytes of the share that stood at `position`, counted from 1; `None` if they are more than a share
    /// has.
    pub(super) fn new(bytes: &[u8], position: usize) -> Option<Self> {
        // Zeros first, filled where they stay: no copy of the share is on the stack.
        let mut room = SecretBox::new(Box::new([0; SPLIT_LENGTH]));
        room.expose_secret_mut().get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(Self { bytes: room, length: bytes.len(), position })
    }

    /// Where the share stood in its source, counted from 1 as a person would.
    pub fn position(&self) -> usize {
        self.position
    }

    /// The body of `PUT /v1/sys/unseal` that submits this share, in memory that wipes itself.
    pub fn unseal_request(&self) -> Zeroizing<Vec<u8>> {
        let digits = base16ct::encoded_len(self.bytes());
        let mut body = Zeroizing::new(Vec::with_capacity(REQUEST_HEAD.len() + digits + REQUEST_TAIL.len()));
        body.extend_from_slice(REQUEST_HEAD);
        // In its place at once: no second copy of the share.
        body.resize(REQUEST_HEAD.len() + digits, b'0');
        if let Some(hex) = body.get_mut(REQUEST_HEAD.len()..) {
            // Cannot fail: the room was measured by the same crate.
            let encoded = base16ct::lower::encode(self.bytes(), hex);
            debug_assert!(encoded.is_ok());
        }
        body.extend_from_slice(REQUEST_TAIL);
        body
    }

    /// Its bytes in lower-case hex, in memory that wipes itself: for whoever writes it down.
    pub fn hex(&self) -> Zeroizing<String> {
        Zeroizing::new(base16ct::lower::encode_string(self.bytes()))
    }

    /// The decoded bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        self.bytes.expose_secret().get(..self.length).unwrap_or_default()
    }

    /// x and the y bytes of a share of a split key; `None` for any other length.
    pub(super) fn point(&self) -> Option<Point<'_>> {
        match self.bytes().split_last() {
            Some((&x, y)) if self.length == SPLIT_LENGTH => Some(Point { x, y }),
            _ => None,
        }
    }
}

/// A share of a split key as a point: each y byte belongs to its own polynomial, all at the same x.
///
/// The layout is that of `shamir.Split` in the servers' source: the x byte comes last and is never 0.
#[derive(Clone, Copy)]
pub(super) struct Point<'a> {
    pub(super) x: u8,
    pub(super) y: &'a [u8],
}

/// The shares of one source, in its order, without duplicates. No Debug, Clone or Serialize.
pub struct ShareSet {
    shares: Vec<Share>,
    scheme: Option<Scheme>,
}

impl ShareSet {
    /// The same for two sets that have the same shares, in whatever order (SHA-256).
    pub(crate) fn digest(&self) -> Digest {
        let shares =
            self.iter().map(|share| digest::digest(&digest::SHA256, share.bytes()).as_ref().to_vec());
        let mut all = digest::Context::new(&digest::SHA256);
        for share in ordered::set(shares) {
            all.update(&share);
        }
        all.finish()
    }

    /// Takes shares that were checked against each other: of one length, no two the same, no x twice.
    pub(super) fn new(shares: Vec<Share>) -> Self {
        Self { shares, scheme: None }
    }

    /// The same, of a server that has this scheme.
    #[must_use]
    pub(super) fn of_scheme(self, scheme: Option<Scheme>) -> Self {
        Self { scheme, ..self }
    }

    /// What the source says of the server that the shares are of, if it does.
    pub fn scheme(&self) -> Option<Scheme> {
        self.scheme
    }

    /// How many different shares there are; at least one.
    pub fn count(&self) -> usize {
        self.shares.len()
    }

    /// Whether another set has the same shares, in whatever order.
    pub fn is_same_as(&self, other: &Self) -> bool {
        self.digest().as_ref() == other.digest().as_ref()
    }

    /// The share at `index`, counted from 0.
    pub fn get(&self, index: usize) -> Option<&Share> {
        self.shares.get(index)
    }

    /// The shares at `indices` as a set of its own, in memory of its own.
    #[must_use]
    pub fn only(&self, indices: &[usize]) -> Self {
        let copy = |share: &Share| Share::new(share.bytes(), share.position);
        let shares = indices.iter().filter_map(|&index| self.get(index)).filter_map(copy).collect();
        Self { shares, scheme: self.scheme }
    }

    /// Where the shares at `indices` stood in the source, as a person counts.
    pub fn positions(&self, indices: &[usize]) -> Vec<usize> {
        indices.iter().filter_map(|&index| self.get(index)).map(Share::position).collect()
    }

    /// The shares in the order of the source.
    pub fn iter(&self) -> std::slice::Iter<'_, Share> {
        self.shares.iter()
    }
}

impl<'a> IntoIterator for &'a ShareSet {
    type Item = &'a Share;
    type IntoIter = std::slice::Iter<'a, Share>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(bytes: &[u8]) -> Share {
        Share::new(bytes, 1).expect("at most 33 bytes")
    }

    /// Compiles only if the type lacks each of these traits: of one that it has, there are two `check`s.
    macro_rules! lacks {
        ($type:ty: $($bound:path),+) => {$({
            trait Check<Marker> {
                fn check() {}
            }
            struct Has;
            impl<T> Check<()> for T {}
            impl<T: $bound> Check<Has> for T {}
            <$type as Check<_>>::check();
        })+};
    }

    #[test]
    fn types_that_hold_shares_have_no_debug_clone_or_serialize() {
        lacks!(Share: std::fmt::Debug, std::fmt::Display, Clone, serde::Serialize);
        lacks!(ShareSet: std::fmt::Debug, std::fmt::Display, Clone, serde::Serialize);
        lacks!(super::super::LoadedShares: std::fmt::Debug, std::fmt::Display, Clone, serde::Serialize);
        lacks!(super::super::InitAnswer: std::fmt::Debug, std::fmt::Display, Clone, serde::Serialize);
    }

    #[test]
    fn memory_that_wipes_itself_does_not_show_what_is_in_it() {
        // Up to zeroize 1.9.0 it did.
        assert_eq!(format!("{:?}", Zeroizing::new(vec![42_u8; 33])).find("42"), None);
    }

    #[test]
    fn share_has_the_bytes_it_was_made_of_and_none_more() {
        for length in 16..=33 {
            let bytes: Vec<u8> = (1..=length).collect();
            assert_eq!(share(&bytes).bytes(), bytes);
        }
        assert!(Share::new(&[1; 34], 1).is_none());
    }

    #[test]
    fn the_request_is_the_key_in_lowercase_hex_and_nothing_else() {
        for (bytes, body) in [
            (vec![0xab; 16], format!("{{\"key\":\"{}\"}}", "ab".repeat(16))),
            (
                (0x00..0x21).collect(),
                "{\"key\":\"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20\"}".into(),
            ),
        ] {
            let request = share(&bytes).unseal_request();
            assert_eq!(std::str::from_utf8(&request).unwrap(), body);
        }
    }

    #[test]
    fn the_request_is_written_where_it_stays() {
        // A buffer that had to grow would have left a copy of the share behind.
        for length in 16..=33 {
            let request = share(&vec![1; length]).unseal_request();
            assert_eq!(request.capacity(), request.len());
        }
    }

    #[test]
    fn only_a_share_of_a_split_key_is_a_point() {
        let share = |length: u8| share(&(1..=length).collect::<Vec<_>>());
        let split = share(33);
        let point = split.point().unwrap();
        assert_eq!((point.x, point.y.len(), point.y[0]), (33, 32, 1));
        assert!(share(32).point().is_none());
        assert!(share(16).point().is_none());
    }
}
