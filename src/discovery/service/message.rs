//! One question and its answer in the format of DNS (RFC 1035, section 4). The only place that knows the library.

use crate::external::ExternalText;
use crate::external::error::OwnWords;
use domain::base::iana::Rcode;
use domain::base::{Message, MessageBuilder, Name, Rtype};
use domain::dep::octseq::Array;
use domain::rdata::Srv;
use ring::rand::{SecureRandom, SystemRandom};
use std::io;

/// One target of an SRV record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::discovery) struct SrvTarget {
    /// Its name, in lower case and without a dot at its end; empty for the root, which means "no service".
    pub(in crate::discovery) host: String,
    pub(in crate::discovery) port: u16,
}

/// Largest answer over UDP without EDNS is 512 bytes; servers that send more are read too.
pub(super) const LARGEST: usize = 4096;
/// Room for a header and one question: a name has at most 255 bytes.
const ROOM: usize = 512;

/// A question for an SRV record.
pub(in crate::discovery) struct DnsQuery(Vec<u8>);

/// What a server answered.
pub(in crate::discovery) enum DnsAnswer {
    /// The targets; none when the name has no such record.
    Targets(Vec<SrvTarget>),
    /// NXDOMAIN.
    NoSuchName,
}

impl DnsQuery {
    /// Asks for the SRV record `name`, under a number that nobody can guess.
    pub(in crate::discovery) fn new(name: &str) -> io::Result<Self> {
        let name: Name<Array<255>> = name.parse().map_err(invalid)?;
        let mut number = [0; 2];
        SystemRandom::new().fill(&mut number).map_err(|_| io::Error::other(OwnWords("no random numbers")))?;
        let mut builder = MessageBuilder::from_target(Array::<ROOM>::new()).map_err(invalid)?;
        builder.header_mut().set_id(u16::from_be_bytes(number));
        builder.header_mut().set_rd(true);
        let mut question = builder.question();
        question.push((name, Rtype::SRV)).map_err(invalid)?;
        Ok(Self(question.finish().as_ref().to_vec()))
    }

    /// What goes to the server.
    pub(in crate::discovery) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether this is the answer to this very question.
    pub(in crate::discovery) fn is_answered_by(&self, reply: &[u8]) -> bool {
        match (Message::from_octets(reply), Message::from_octets(self.bytes())) {
            (Ok(reply), Ok(query)) => reply.header().qr() && reply.is_answer(&query),
            _ => false,
        }
    }
}

impl DnsAnswer {
    /// Reads an answer; `None` when it was cut short.
    ///
    /// Errors: the response code, or what is wrong with the answer.
    pub(in crate::discovery) fn read(reply: &[u8]) -> Result<Option<Self>, ExternalText> {
        let broken = |_| ExternalText::new("what cannot be read");
        let reply = Message::from_octets(reply).map_err(|_| ExternalText::new("what cannot be read"))?;
        match reply.header().rcode() {
            Rcode::NOERROR => {}
            Rcode::NXDOMAIN => return Ok(Some(DnsAnswer::NoSuchName)),
            rcode => return Err(ExternalText::new(word(rcode))),
        }
        if reply.header().tc() {
            return Ok(None);
        }
        let mut targets = Vec::new();
        for record in reply.answer().map_err(broken)?.limit_to::<Srv<_>>() {
            let record = record.map_err(broken)?;
            let host = record.data().target().to_string().trim_end_matches('.').to_ascii_lowercase();
            targets.push(SrvTarget { host, port: record.data().port() });
        }
        Ok(Some(DnsAnswer::Targets(targets)))
    }
}

/// The name of a response code (IANA, "DNS RCODEs"), or its number.
fn word(rcode: Rcode) -> String {
    match rcode {
        Rcode::FORMERR => "FORMERR".to_owned(),
        Rcode::SERVFAIL => "SERVFAIL".to_owned(),
        Rcode::NOTIMP => "NOTIMP".to_owned(),
        Rcode::REFUSED => "REFUSED".to_owned(),
        other => format!("the response code {}", other.to_int()),
    }
}

/// What the library does not take as a question; its words may repeat the name.
fn invalid<E>(_: E) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, OwnWords("no question of DNS can be made of this name"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An answer to `query` with one SRV record whose target's labels are these bytes.
    fn answer(query: &DnsQuery, flags: [u8; 2], target: &[u8]) -> Vec<u8> {
        let mut reply = query.bytes().to_vec();
        reply[2..4].copy_from_slice(&flags);
        reply[7] = 1;
        reply.extend([0xc0, 12, 0, 33, 0, 1, 0, 0, 0, 0, 0, u8::try_from(target.len()).expect("short") + 6]);
        reply.extend([0, 1, 0, 1, 0x20, 0x08]);
        reply.extend(target);
        reply
    }

    proptest::proptest! {
        #[test]
        fn damaged_answer_is_never_quoted(at: usize, byte: u8, cut: usize, flags: [u8; 2]) {
            let query = query();
            let mut reply = answer(&query, [flags[0] | 0x80, flags[1]], b"\x0fcanary-3Nn0dYrJ\x00");
            let at = at % reply.len();
            reply[at] = byte;
            reply.truncate(cut % (reply.len() + 1));
            if let Err(said) = DnsAnswer::read(&reply) {
                proptest::prop_assert!(!said.to_string().contains("canary"), "{said}");
            }
            let said = invalid("canary-3Nn0dYrJ".parse::<Name<Array<255>>>().map(drop));
            proptest::prop_assert!(!crate::external::error::io(&said).contains("canary"));
        }
    }

    fn query() -> DnsQuery {
        DnsQuery::new("_vault._tcp.example").expect("a name")
    }

    #[test]
    fn targets_are_read_in_lower_case_without_the_last_dot() {
        let query = query();
        let reply = answer(&query, [0x81, 0x80], b"\x02V1\x07Example\0");
        assert!(query.is_answered_by(&reply));
        let Ok(Some(DnsAnswer::Targets(targets))) = DnsAnswer::read(&reply) else { panic!("no targets") };
        assert_eq!(targets, [SrvTarget { host: "v1.example".to_owned(), port: 8200 }]);
        // The root: no service.
        let Ok(Some(DnsAnswer::Targets(targets))) = DnsAnswer::read(&answer(&query, [0x81, 0x80], b"\0"))
        else {
            panic!("no targets")
        };
        assert_eq!(targets, [SrvTarget { host: String::new(), port: 8200 }]);
    }

    #[test]
    fn only_the_answer_to_the_question_counts() {
        let asked = query();
        let reply = answer(&asked, [0x81, 0x80], b"\x02v1\0");
        let mut forged = reply.clone();
        forged[0] ^= 1;
        assert!(!asked.is_answered_by(&forged), "another number");
        let mut forged = reply.clone();
        forged[13] ^= 1;
        assert!(!asked.is_answered_by(&forged), "another name");
        assert!(!asked.is_answered_by(asked.bytes()), "the question itself");
        assert!(!asked.is_answered_by(&reply[..11]));
    }

    #[test]
    fn what_came_instead_of_targets_is_told_apart() {
        let query = query();
        let with = |flags| DnsAnswer::read(&answer(&query, flags, b"\x02v1\0"));
        assert!(matches!(with([0x83, 0x80]), Ok(None)), "cut short");
        assert!(matches!(with([0x81, 0x83]), Ok(Some(DnsAnswer::NoSuchName))));
        assert!(matches!(with([0x81, 0x82]), Err(code) if code == *"SERVFAIL"));
        assert!(DnsAnswer::read(b"nonsense").is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_reply_does_harm(place in 0_usize..60, byte: u8, cut in 0_usize..80, tail: Vec<u8>) {
            let mut reply = answer(&query(), [0x81, 0x80], b"\x02v1\xc0\x0c");
            if let Some(at) = reply.get_mut(place) {
                *at = byte;
            }
            reply.truncate(cut);
            reply.extend(&tail);
            let _ = DnsAnswer::read(&reply);
            let _ = query().is_answered_by(&reply);
            let _ = DnsAnswer::read(&tail);
        }
    }
}
