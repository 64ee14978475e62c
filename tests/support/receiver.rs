//! Whoever takes messages over HTTP, in good and in bad ways.

use std::io::{self, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{self, Receiver as Channel, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::PATIENCE;
use super::certs::Issued;
use super::http::{header, read_body, read_head};
use super::network::Namespace;

/// What it does with a request.
#[derive(Debug, Clone)]
pub enum Manner {
    /// Answers with this status.
    Answers(u16),
    /// Leads elsewhere.
    Redirects(String),
    /// Takes the connection and reads nothing.
    Hangs,
    /// Reads all and says nothing.
    IsSilent,
    /// Answers a byte a second, for ever.
    Drips,
    /// Answers with something that is no HTTP.
    Babbles,
}

/// A request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its first line.
    pub line: String,
    /// Its headers.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: String,
}

impl Request {
    /// A header.
    pub fn header(&self, name: &str) -> &str {
        header(&self.headers, name).unwrap_or_else(|| panic!("no {name} in {self:?}"))
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// A server on this machine, until the test ends.
pub struct Receiver {
    url: String,
    manner: Arc<Mutex<Manner>>,
    requests: Channel<Request>,
}

impl Receiver {
    /// Over plain HTTP.
    pub fn start(manner: Manner) -> Self {
        Self::over(None, manner)
    }

    /// The same on the loopback of a namespace.
    pub fn within(namespace: &Namespace, manner: Manner) -> Self {
        namespace.inside(|| Self::start(manner))
    }

    /// Over TLS with this certificate, by the name `localhost`.
    pub fn tls(certificate: &Issued, manner: Manner) -> Self {
        let (chain, key) = certificate.parts();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
        Self::over(Some(Arc::new(config)), manner)
    }

    fn over(tls: Option<Arc<ServerConfig>>, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let scheme = if tls.is_some() { "https://localhost" } else { "http://127.0.0.1" };
        let (sender, requests) = mpsc::channel();
        let manner = Arc::new(Mutex::new(manner));
        let of_thread = Arc::clone(&manner);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (manner, sender, tls) = (of_thread.lock().unwrap().clone(), sender.clone(), tls.clone());
                thread::spawn(move || match tls {
                    None => serve(stream, &manner, &sender),
                    Some(config) => {
                        let connection = ServerConnection::new(config).unwrap();
                        serve(StreamOwned::new(connection, stream), &manner, &sender)
                    }
                });
            }
        });
        Self { url: format!("{scheme}:{port}/secret-token"), manner, requests }
    }

    /// Where it is, with a path that nobody else is to know.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What it does from now on.
    pub fn now(&self, manner: Manner) {
        *self.manner.lock().unwrap() = manner;
    }

    /// The next request that was read.
    #[track_caller]
    pub fn next(&self) -> Request {
        self.requests.recv_timeout(PATIENCE).expect("a request")
    }

    /// The next request that this is true of.
    #[track_caller]
    pub fn wait_for(&self, wanted: impl Fn(&Request) -> bool) -> Request {
        loop {
            let request = self.next();
            if wanted(&request) {
                return request;
            }
        }
    }

    /// What came so far and was not looked at.
    pub fn rest(&self) -> Vec<Request> {
        self.requests.try_iter().collect()
    }
}

fn serve(stream: impl Read + Write, manner: &Manner, sender: &Sender<Request>) -> io::Result<()> {
    let long = Duration::from_secs(3600);
    let mut reader = BufReader::new(stream);
    if matches!(manner, Manner::Hangs) {
        thread::sleep(long);
    }
    let Some((line, headers)) = read_head(&mut reader)? else { return Ok(()) };
    let body = String::from_utf8_lossy(&read_body(&mut reader, &headers, false)?).into_owned();
    let _ = sender.send(Request { line, headers, body });
    let stream = reader.get_mut();
    match manner {
        Manner::Answers(status) => {
            write!(stream, "HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
        }
        Manner::Redirects(to) => {
            write!(
                stream,
                "HTTP/1.1 307 X\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )?;
        }
        Manner::Babbles => stream.write_all(b"220 mail.example.org ESMTP\r\n")?,
        Manner::Drips => {
            stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
            loop {
                stream.write_all(b"x")?;
                stream.flush()?;
                thread::sleep(Duration::from_secs(1));
            }
        }
        Manner::Hangs | Manner::IsSilent => thread::sleep(long),
    }
    stream.flush()
}
