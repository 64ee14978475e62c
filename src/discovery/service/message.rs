//! One question and its answer in the format of DNS (RFC 1035, section 4). The only place that knows the library.

use super::Target;
use domain::base::iana::Rcode;
use domain::base::{Message, MessageBuilder, Name, Rtype};
use domain::dep::octseq::Array;
use domain::rdata::Srv;
use ring::rand::{SecureRandom, SystemRandom};
use std::io;

/// Largest answer over UDP without EDNS is 512 bytes; servers that send more are read too.
pub(super) const LARGEST: usize = 4096;
/// Room for a header and one question: a name has at most 255 bytes.
const ROOM: usize = 512;

/// A question for an SRV record.
pub(super) struct Query(Vec<u8>);

/// What a server answered.
pub(super) enum Answer {
    /// The targets; none when the name has no such record.
    Targets(Vec<Target>),
    /// NXDOMAIN.
    NoSuchName,
}

impl Query {
    /// Asks for the SRV record `name`, under a number that nobody can guess.
    pub(super) fn new(name: &str) -> io::Result<Self> {
        let name: Name<Array<255>> = name.parse().map_err(invalid)?;
        let mut number = [0; 2];
        SystemRandom::new().fill(&mut number).map_err(|_| io::Error::other("no random numbers"))?;
        let mut builder = MessageBuilder::from_target(Array::<ROOM>::new()).map_err(invalid)?;
        builder.header_mut().set_id(u16::from_be_bytes(number));
        builder.header_mut().set_rd(true);
        let mut question = builder.question();
        question.push((name, Rtype::SRV)).map_err(invalid)?;
        Ok(Self(question.finish().as_ref().to_vec()))
    }

    /// What goes to the server.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether this is the answer to this very question.
    pub(super) fn is_answered_by(&self, reply: &[u8]) -> bool {
        match (Message::from_octets(reply), Message::from_octets(self.bytes())) {
            (Ok(reply), Ok(query)) => reply.header().qr() && reply.is_answer(&query),
            _ => false,
        }
    }
}

impl Answer {
    /// Reads an answer; `None` when it was cut short.
    ///
    /// Errors: the response code, or what is wrong with the answer.
    pub(super) fn read(reply: &[u8]) -> Result<Option<Self>, String> {
        let broken = |_| "what cannot be read".to_owned();
        let reply = Message::from_octets(reply).map_err(|_| "what cannot be read".to_owned())?;
        match reply.header().rcode() {
            Rcode::NOERROR => {}
            Rcode::NXDOMAIN => return Ok(Some(Answer::NoSuchName)),
            rcode => return Err(rcode.to_string()),
        }
        if reply.header().tc() {
            return Ok(None);
        }
        let mut targets = Vec::new();
        for record in reply.answer().map_err(broken)?.limit_to::<Srv<_>>() {
            let record = record.map_err(broken)?;
            let host = record.data().target().to_string().trim_end_matches('.').to_ascii_lowercase();
            targets.push(Target { host, port: record.data().port() });
        }
        Ok(Some(Answer::Targets(targets)))
    }
}

fn invalid(error: impl std::fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error.to_string())
}
