//! The text that is stored: shares in hex under the name that the servers' API gives them, `{"keys": […]}`. Every version of
//! this program reads it, and so do scripts that were written for the answer of `sys/init`. Of how many shares the server
//! needs how many, if the source said it, under the names of the servers' command line.

use crate::shares::Scheme;
use std::hint::black_box;
use zeroize::Zeroizing;

const HEAD: &[u8] = b"{\"keys\": [";
const TAIL: &[u8] = b"\n]";
const END: &[u8] = b"}\n";

/// The text of these shares, in memory that wipes itself and never had to grow.
pub(super) fn of<'a>(
    shares: impl Iterator<Item = &'a [u8]> + Clone,
    scheme: Option<Scheme>,
) -> Zeroizing<Vec<u8>> {
    let numbers = scheme.map(numbers).unwrap_or_default();
    let frame = HEAD.len() + TAIL.len() + numbers.len() + END.len();
    // Two digits a byte, two quotes, a comma, a newline and two spaces.
    let length: usize = shares.clone().map(|share| 2 * share.len() + 6).sum::<usize>() + frame;
    let mut text = Zeroizing::new(Vec::with_capacity(length));
    text.extend_from_slice(HEAD);
    for (index, share) in shares.enumerate() {
        text.extend_from_slice(if index == 0 { b"\n  \"" } else { b",\n  \"" });
        let start = text.len();
        text.resize(start + base16ct::encoded_len(share), b'0');
        if let Some(digits) = text.get_mut(start..) {
            // Cannot fail: the room was measured by the same crate.
            let encoded = base16ct::lower::encode(share, digits);
            debug_assert!(encoded.is_ok());
        }
        text.push(b'"');
    }
    text.extend_from_slice(TAIL);
    text.extend_from_slice(numbers.as_bytes());
    text.extend_from_slice(END);
    debug_assert!(text.len() <= length);
    text
}

fn numbers(scheme: Scheme) -> String {
    let Scheme { threshold, total } = scheme;
    format!(",\n\"unseal_shares\": {total},\n\"unseal_threshold\": {threshold}")
}

/// Whether two texts are the same, in a time that depends on their lengths alone.
pub(super) fn same(one: &[u8], other: &[u8]) -> bool {
    let differences = one.iter().zip(other).fold(0, |sum, (a, b)| black_box(sum | (a ^ b)));
    one.len() == other.len() && black_box(differences) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shares::{Source, format};

    #[test]
    fn what_is_stored_is_what_is_read_and_never_grew() {
        let scheme = Some(Scheme { threshold: 3, total: 5 });
        for (count, length, scheme) in [(1, 16, None), (1, 32, None), (5, 33, scheme), (255, 33, None)] {
            let shares: Vec<Vec<u8>> = (1..=count).map(|x: u8| vec![x; length]).collect();
            let text = of(shares.iter().map(Vec::as_slice), scheme);
            let numbers = scheme.map(numbers).unwrap_or_default().len();
            let bound = shares.len() * (2 * length + 6) + HEAD.len() + TAIL.len() + numbers + END.len();
            assert!(text.len() <= bound && text.capacity() == bound, "a buffer that grew left a copy behind");
            let loaded = format::parse(&text, &Source::File("shares.json".into())).unwrap();
            let read: Vec<&[u8]> = loaded.shares.iter().map(crate::shares::Share::bytes).collect();
            assert_eq!((read, loaded.shares.scheme()), (shares.iter().map(Vec::as_slice).collect(), scheme));
            assert!(loaded.notices.is_empty());
        }
    }

    #[test]
    fn texts_are_compared_to_the_last_byte() {
        assert!(same(b"", b"") && same(b"abc", b"abc"));
        for other in [&b"abd"[..], b"ab", b"abcd", b"", b"Abc"] {
            assert!(!same(b"abc", other) && !same(other, b"abc"));
        }
    }
}
