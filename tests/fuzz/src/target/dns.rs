//! DNS messages: answers to the question for an SRV record. The format itself is read by `domain`; that this and what is
//! made of it do no harm is for us to know.

use crate::said;
use vault_unseal::discovery::fuzzing::{dns_answer, dns_query};

/// The response codes (RFC 1035, section 4.1.1).
const NO_ERROR: u8 = 0;
const NO_SUCH_NAME: u8 = 3;

pub(crate) fn check(data: &[u8]) -> bool {
    let (query, answered) = dns_query("_vault._tcp.example", data).expect("a name");
    // Nobody guesses the number of a question that was not asked yet, and a question is no answer.
    assert!(!answered || data.get(..2) == query.get(..2));
    let head = (data.get(2).copied().unwrap_or_default(), data.get(3).copied().unwrap_or_default() & 0x0f);
    match dns_answer(data) {
        Err(told) => {
            said::text(&told, data);
            assert!(!told.is_empty() && !told.contains('\n'), "{told:?}");
            false
        }
        Ok(None) => {
            assert!(head.0 & 2 != 0, "it was not cut short");
            false
        }
        Ok(Some(targets)) => {
            assert!(
                head.1 == NO_SUCH_NAME || head == (head.0 & !2, NO_ERROR),
                "it was cut short, or refused"
            );
            assert!(head.1 == NO_ERROR || targets.is_empty());
            let count = usize::from(u16::from_be_bytes([data[6], data[7]]));
            assert!(targets.len() <= count, "{} targets of {count} records", targets.len());
            for (host, _) in &targets {
                assert!(
                    host.len() <= 4 * 255 && host.bytes().all(|byte| (b' '..=b'~').contains(&byte)),
                    "{host:?}"
                );
                assert!(!host.ends_with('.') && !host.contains(|c: char| c.is_ascii_uppercase()), "{host:?}");
            }
            !targets.is_empty()
        }
    }
}
