//! The observation socket: the heads of requests, answers in chunks, and the documents in them.

use serde_json::{from_slice, to_vec};
use vault_unseal::external::ExternalText;
use vault_unseal::observe::{EventList, Snapshot, fuzzing};

pub(crate) fn check(data: &[u8]) -> bool {
    let asked = match fuzzing::asked(data) {
        Ok(asked) => {
            assert!(data.starts_with(b"GET "), "{asked}");
            true
        }
        Err(status) => {
            assert!([400, 404, 405, 505].contains(&status), "{status}");
            false
        }
    };
    let answered = match fuzzing::body(data) {
        Ok(body) => {
            assert_eq!(
                joined(data).as_deref(),
                Some(body.as_slice()),
                "another reader makes something else of it"
            );
            for size in [1, 7, body.len()] {
                let again = fuzzing::answer(&body, size);
                assert_eq!(fuzzing::body(&again).as_deref(), Ok(body.as_slice()));
                // Cut short anywhere in what is written last, it is refused.
                let last = again.len() - b"0\r\n\r\n".len();
                assert!(fuzzing::body(&again[..last]).is_err());
            }
            document(&body)
        }
        Err(_) => document(data),
    };
    asked || answered
}

/// The chunks put together (RFC 9112, section 7.1) from the end of the head on, one byte at a time.
fn joined(answer: &[u8]) -> Option<Vec<u8>> {
    let head = answer.windows(4).position(|part| part == b"\r\n\r\n")?;
    let mut rest = answer[head + 4..].iter().copied();
    let mut whole = Vec::new();
    loop {
        let mut size: usize = 0;
        let mut digits = 0;
        loop {
            match rest.next()? {
                b'\r' => break,
                digit => {
                    let digit = char::from(digit).to_digit(16)?;
                    size = size.checked_mul(16)?.checked_add(digit.try_into().ok()?)?;
                    digits += 1;
                }
            }
        }
        if digits == 0 || rest.next()? != b'\n' {
            return None;
        }
        if size == 0 {
            return Some(whole);
        }
        for _ in 0..size {
            whole.push(rest.next()?);
        }
        if (rest.next()?, rest.next()?) != (b'\r', b'\n') {
            return None;
        }
    }
}

fn document(data: &[u8]) -> bool {
    if let Some(written) = fuzzing::passed_on(data) {
        assert!(written.bytes().all(|byte| (b' '..=b'~').contains(&byte)), "{written:?}");
        let again = fuzzing::passed_on(written.as_bytes()).expect("it was written by us");
        // A fraction is read to the nearest that there is, twice.
        assert!(again == written || written.contains('.'), "{written} became {again}");
    }
    let snapshot = from_slice::<Snapshot<ExternalText>>(data);
    let events = from_slice::<EventList<ExternalText>>(data);
    if let Ok(snapshot) = &snapshot {
        let again: Snapshot<ExternalText> =
            from_slice(&to_vec(snapshot).expect("it was read from JSON")).expect("it was written by us");
        assert_eq!(
            (again.nodes.len(), again.clusters.len()),
            (snapshot.nodes.len(), snapshot.clusters.len())
        );
    }
    if let Ok(events) = &events {
        let again: EventList<ExternalText> =
            from_slice(&to_vec(events).expect("it was read from JSON")).expect("it was written by us");
        assert_eq!(again.events.len(), events.events.len());
    }
    snapshot.is_ok() || events.is_ok()
}
