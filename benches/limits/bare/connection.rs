//! One kept-alive connection, with nothing around it.

use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

use super::Task;
use crate::support::http::{Stream, read_body, read_head};

/// The pause between two tries to connect.
pub(super) const TICK: Duration = Duration::from_millis(1);

/// A server, and whom to believe about it.
pub(super) struct Peer {
    address: SocketAddr,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
}

impl Peer {
    pub(super) fn of(task: &Task) -> Self {
        let tls = task.tls.as_ref().map(|(authority, name)| (trusting(authority), named(name)));
        Self { address: task.nodes[0], tls }
    }

    /// Connects every so often until a connection is accepted.
    pub(super) fn accepted(&self) -> TcpStream {
        loop {
            match TcpStream::connect(self.address) {
                Ok(socket) => return socket,
                Err(_) => sleep(TICK),
            }
        }
    }

    /// Talks over this connection.
    pub(super) fn over(&self, socket: TcpStream) -> io::Result<Connection> {
        socket.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match &self.tls {
            None => Box::new(socket),
            Some((tls, name)) => {
                let session =
                    ClientConnection::new(Arc::clone(tls), name.clone()).map_err(io::Error::other)?;
                Box::new(StreamOwned::new(session, socket))
            }
        };
        Ok(Connection { host: self.address, stream: BufReader::new(stream) })
    }
}

/// As the daemon: every connection proves who the server is.
pub(super) fn trusting(authority: &str) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let mut tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.resumption = Resumption::disabled();
    Arc::new(tls)
}

/// An address, or a name.
pub(super) fn named(name: &str) -> ServerName<'static> {
    ServerName::try_from(name.to_owned()).unwrap()
}

/// Requests and answers.
pub(super) struct Connection {
    host: SocketAddr,
    stream: BufReader<Box<dyn Stream>>,
}

impl Connection {
    /// Sends a request and reads the answer's JSON, whatever the status code.
    pub(super) fn ask(&mut self, line: &str, body: &str) -> io::Result<Value> {
        let (host, length) = (self.host, body.len());
        let request = format!("{line} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n{body}");
        let stream = self.stream.get_mut();
        stream.write_all(request.as_bytes())?;
        stream.flush()?;
        let (_, headers) = read_head(&mut self.stream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let body = read_body(&mut self.stream, &headers, false)?;
        serde_json::from_slice(&body).map_err(io::Error::other)
    }

    /// Waits for its end, which comes with the server's.
    pub(super) fn end(mut self) {
        let _ = self.stream.read(&mut [0]);
    }
}
