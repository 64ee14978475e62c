//! HTTP/1.1 by hand over blocking sockets, as the tests need it: to ask real servers, and to read what the daemon
//! sends to servers that misbehave.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::certs::Issued;
use super::network::Namespace;

/// A connection, encrypted or not.
pub trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// Header lines in the order they came, names in lower case.
pub type Headers = Vec<(String, String)>;

/// A server's answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Headers,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON; panics with the body when it is something else.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("HTTP {} without JSON ({error}): {}", self.status, self.text()))
    }

    /// The body as text, whatever it is.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Asks one server, a connection a request.
#[derive(Clone)]
pub struct Client {
    address: SocketAddr,
    tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    timeout: Duration,
    namespace: Option<Namespace>,
}

impl Client {
    /// Over plain HTTP.
    pub fn plain(address: SocketAddr) -> Self {
        // Longer than a server holds the share that completes a round, 90 s at most.
        Self { address, tls: None, timeout: Duration::from_secs(100), namespace: None }
    }

    /// Over TLS, believing the authorities in `trusted` (PEM; empty: believes nobody), showing `certificate`.
    pub fn tls(address: SocketAddr, trusted: &str, certificate: Option<&Issued>) -> Self {
        let mut roots = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(trusted.as_bytes()) {
            roots.add(root.expect("a certificate in PEM")).expect("a usable authority");
        }
        let config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has the default versions")
            .with_root_certificates(roots);
        let config = match certificate {
            None => config.with_no_client_auth(),
            Some(issued) => {
                let (chain, key) = issued.parts();
                config.with_client_auth_cert(chain, key).expect("a certificate and its key")
            }
        };
        let name = ServerName::from(address.ip());
        Self { tls: Some((Arc::new(config), name)), ..Self::plain(address) }
    }

    /// Gives up after this long without a byte.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Insists on this name in the certificate, and not on the address.
    pub fn named(mut self, name: &str) -> Self {
        if let Some((_, expected)) = &mut self.tls {
            *expected = ServerName::try_from(name.to_owned()).unwrap();
        }
        self
    }

    /// Asks from within this namespace.
    pub fn within(self, namespace: &Namespace) -> Self {
        Self { namespace: Some(namespace.clone()), ..self }
    }

    /// A connection of its own, for request after request.
    pub fn connect(&self) -> io::Result<Session> {
        Ok(Session { reader: BufReader::new(self.open()?), host: self.address })
    }

    fn open(&self) -> io::Result<Box<dyn Stream>> {
        let connect = || TcpStream::connect_timeout(&self.address, self.timeout);
        let tcp = self.namespace.as_ref().map_or_else(connect, |namespace| namespace.inside(connect))?;
        tcp.set_read_timeout(Some(self.timeout))?;
        tcp.set_write_timeout(Some(self.timeout))?;
        Ok(match &self.tls {
            None => Box::new(tcp),
            Some((config, name)) => {
                let connection =
                    ClientConnection::new(Arc::clone(config), name.clone()).map_err(io::Error::other)?;
                Box::new(StreamOwned::new(connection, tcp))
            }
        })
    }

    /// GET.
    pub fn get(&self, path: &str) -> io::Result<Answer> {
        self.request("GET", path, &[], b"")
    }

    /// PUT with a body of JSON.
    pub fn put(&self, path: &str, body: &serde_json::Value) -> io::Result<Answer> {
        self.request("PUT", path, &[("Content-Type", "application/json")], body.to_string().as_bytes())
    }

    /// Any request. `Host`, `Content-Length` and `Connection: close` are added.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<Answer> {
        let mut stream = self.open()?;
        let mut head = vec![
            format!("{method} {path} HTTP/1.1"),
            format!("Host: {}", self.address),
            "Connection: close".to_owned(),
            format!("Content-Length: {}", body.len()),
        ];
        head.extend(headers.iter().map(|(name, value)| format!("{name}: {value}")));
        let head = head.join("\r\n") + "\r\n\r\n";
        stream.write_all(&[head.as_bytes(), body].concat())?;
        stream.flush()?;

        let mut reader = BufReader::new(stream);
        let (first, headers) = read_head(&mut reader)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let status = first
            .split(' ')
            .nth(1)
            .and_then(|word| word.parse().ok())
            .ok_or_else(|| io::Error::other(first))?;
        let bodiless = method == "HEAD" || status == 204;
        let body = if bodiless { Vec::new() } else { read_body(&mut reader, &headers, true)? };
        Ok(Answer { status, headers, body })
    }
}

/// A kept connection to one server.
pub struct Session {
    reader: BufReader<Box<dyn Stream>>,
    host: SocketAddr,
}

impl Session {
    /// PUT with a body of JSON. After an error the connection is of no use any more.
    pub fn put(&mut self, path: &str, body: &serde_json::Value) -> io::Result<Answer> {
        let (host, body) = (self.host, body.to_string());
        let length = body.len();
        let message =
            format!("PUT {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n{body}");
        self.reader.get_mut().write_all(message.as_bytes())?;
        self.reader.get_mut().flush()?;
        let (first, headers) = read_head(&mut self.reader)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let status = first.split(' ').nth(1).and_then(|word| word.parse().ok());
        let body = read_body(&mut self.reader, &headers, false)?;
        Ok(Answer { status: status.ok_or_else(|| io::Error::other(first))?, headers, body })
    }
}

/// Reads the first line and the headers of a message; `None` when the other side closed before the first byte.
pub fn read_head(reader: &mut impl BufRead) -> io::Result<Option<(String, Headers)>> {
    let mut first = String::new();
    if reader.read_line(&mut first)? == 0 {
        return Ok(None);
    }
    let mut headers = Headers::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let line = line.trim_end();
        if line.is_empty() {
            return Ok(Some((first.trim_end().to_owned(), headers)));
        }
        let (name, value) =
            line.split_once(':').ok_or_else(|| io::Error::other(format!("header {line:?}")))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

/// Reads the body the headers announce. A message without a length has no body, or, `until_end`, all that comes.
pub fn read_body(reader: &mut impl BufRead, headers: &Headers, until_end: bool) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if header(headers, "transfer-encoding") == Some("chunked") {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let size = u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
            let before = body.len();
            reader.take(size).read_to_end(&mut body)?;
            if body.len() as u64 != before as u64 + size {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            reader.read_line(&mut line)?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
    match header(headers, "content-length").map(str::parse) {
        Some(length) => {
            body.resize(length.map_err(io::Error::other)?, 0);
            reader.read_exact(&mut body)?;
        }
        None if until_end => {
            reader.read_to_end(&mut body)?;
        }
        None => {}
    }
    Ok(body)
}

/// The first header of this name (in lower case).
pub fn header<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// A chain and a key in PEM as rustls takes them.
pub fn parse_pem(chain: &str, key: &str) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes());
    (
        chain.collect::<Result<_, _>>().expect("certificates in PEM"),
        PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("a key in PEM"),
    )
}
