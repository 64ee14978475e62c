//! One kept-alive connection over TLS, with nothing around it.

use std::io::{self, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

use super::support::PATIENCE;
use super::support::certs::Authority;
use super::support::http::{read_body, read_head};

/// A server to talk to, and whom to believe about it.
#[derive(Clone)]
pub(crate) struct Peer {
    address: SocketAddr,
    tls: Arc<ClientConfig>,
}

impl Peer {
    pub(crate) fn new(address: SocketAddr, authority: &Authority) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(authority.der()).unwrap();
        let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { address, tls: Arc::new(tls) }
    }

    /// Connects every so often until a connection is accepted; says when it was.
    pub(crate) fn accepted(&self, every: Duration) -> (TcpStream, Instant) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match TcpStream::connect(self.address) {
                Ok(socket) => return (socket, Instant::now()),
                Err(error) => assert!(Instant::now() < deadline, "the server does not come back: {error}"),
            }
            sleep(every);
        }
    }

    /// Talks over this connection.
    pub(crate) fn over(&self, socket: TcpStream) -> io::Result<Conversation> {
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        let session = ClientConnection::new(Arc::clone(&self.tls), ServerName::from(self.address.ip()))
            .map_err(io::Error::other)?;
        Ok(Conversation { host: self.address, stream: BufReader::new(StreamOwned::new(session, socket)) })
    }
}

/// Requests and answers.
pub(crate) struct Conversation {
    host: SocketAddr,
    stream: BufReader<StreamOwned<ClientConnection, TcpStream>>,
}

impl Conversation {
    /// Sends a request and reads the answer's JSON, whatever the status code.
    pub(crate) fn ask(&mut self, line: &str, body: &str) -> io::Result<Value> {
        let (host, length) = (self.host, body.len());
        let request = format!("{line} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n{body}");
        let stream = self.stream.get_mut();
        stream.write_all(request.as_bytes())?;
        stream.flush()?;
        let (_, headers) = read_head(&mut self.stream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let body = read_body(&mut self.stream, &headers, false)?;
        serde_json::from_slice(&body).map_err(io::Error::other)
    }
}
