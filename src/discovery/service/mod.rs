//! SRV records. There is no getaddrinfo(3) for them, so the name servers of resolv.conf are asked as it would.

mod message;
mod servers;

use super::error::LookupError;
use crate::external::ExternalText;
use crate::external::error::{self, OwnWords};
pub(super) use message::Target;
use message::{Answer, Query};
use servers::Servers;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

/// Why one server's answer is of no use.
enum Failure {
    Rcode(ExternalText),
    Io(io::Error),
    Slow,
}

/// The targets of the SRV record `name`, an absolute name, asking every server twice within `limit` if need be.
pub(super) async fn targets(name: &str, limit: Duration) -> Result<Vec<Target>, LookupError> {
    // Read every time: laptops move, and at boot the file may come later than we do.
    let Servers { addresses, attempts, patience } = Servers::read().await;
    let tries = attempts.saturating_mul(u32::try_from(addresses.len()).unwrap_or(1)).max(1);
    let patience = patience.min(limit / tries);
    let mut last = LookupError::Timeout(limit);
    for _ in 0..attempts {
        for server in &addresses {
            match ask(*server, name, patience).await {
                Ok(Answer::Targets(targets)) if targets.is_empty() => return Err(LookupError::NoRecord),
                Ok(Answer::Targets(targets)) => return Ok(targets),
                Ok(Answer::NoSuchName) => return Err(LookupError::NoSuchName),
                Err(Failure::Rcode(rcode)) => {
                    last = LookupError::Refused { server: server.ip(), rcode };
                }
                Err(Failure::Io(error)) => {
                    last = LookupError::NoServer(ExternalText::new(format!(
                        "{}: {}",
                        server.ip(),
                        error::io(&error)
                    )));
                }
                Err(Failure::Slow) => {}
            }
        }
    }
    Err(last)
}

async fn ask(server: SocketAddr, name: &str, patience: Duration) -> Result<Answer, Failure> {
    let query = Query::new(name).map_err(Failure::Io)?;
    let reply = timeout(patience, over_udp(server, &query)).await.unwrap_or(Err(Failure::Slow))?;
    match Answer::read(&reply).map_err(Failure::Rcode)? {
        // Cut short: the whole is to be had over TCP (RFC 7766, section 5).
        None => {
            let reply = timeout(patience, over_tcp(server, &query)).await.unwrap_or(Err(Failure::Slow))?;
            let whole = Answer::read(&reply).map_err(Failure::Rcode)?;
            whole
                .ok_or_else(|| Failure::Rcode(ExternalText::new("an answer that is cut short even over TCP")))
        }
        Some(answer) => Ok(answer),
    }
}

async fn over_udp(server: SocketAddr, query: &Query) -> Result<Vec<u8>, Failure> {
    let any: SocketAddr = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let exchange = async {
        // A port of its own for every question, and connected: answers from elsewhere do not reach it (RFC 5452).
        let socket = UdpSocket::bind(any).await?;
        socket.connect(server).await?;
        socket.send(query.bytes()).await?;
        let mut reply = vec![0; message::LARGEST];
        loop {
            let length = socket.recv(&mut reply).await?;
            let received = reply.get(..length).unwrap_or_default();
            if query.is_answered_by(received) {
                return Ok(received.to_vec());
            }
        }
    };
    exchange.await.map_err(Failure::Io)
}

async fn over_tcp(server: SocketAddr, query: &Query) -> Result<Vec<u8>, Failure> {
    let exchange = async {
        let mut stream = TcpStream::connect(server).await?;
        let length = u16::try_from(query.bytes().len()).map_err(io::Error::other)?;
        stream.write_all(&[&length.to_be_bytes(), query.bytes()].concat()).await?;
        let mut reply = vec![0; usize::from(stream.read_u16().await?)];
        stream.read_exact(&mut reply).await?;
        if !query.is_answered_by(&reply) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                OwnWords("an answer to another question"),
            ));
        }
        Ok(reply)
    };
    exchange.await.map_err(Failure::Io)
}
