//! What a misbehaving server does with a connection and with a request.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::{Request, Shared};
use crate::support::http::{Answer, Client};
use crate::support::{PATIENCE, poll};

/// Before anything is read, TLS included.
#[derive(Debug, Clone, Default)]
pub enum OnAccept {
    /// Reads requests and does what their scripts say.
    #[default]
    Serve,
    /// Closes at once.
    Close,
    /// Keeps the connection and says nothing, ever.
    Stall,
    /// Sends these bytes, as an SSH or SMTP server does, and says nothing more.
    Greet(Vec<u8>),
}

/// The answer to one request.
#[derive(Debug, Clone)]
pub enum Behaviour {
    /// A whole answer; the connection is kept for the next request. Answers to HEAD go without the body.
    Answer { status: u16, headers: Vec<(String, String)>, body: Vec<u8> },
    /// As the behaviour inside, after this long.
    After(Duration, Box<Behaviour>),
    /// As the behaviour inside, as soon as the gate is open.
    Held(Gate, Box<Behaviour>),
    /// These bytes as they are; then the connection is cut, over TLS without a goodbye.
    Raw(Vec<u8>),
    /// These bytes as they are, and then nothing more.
    RawThenStall(Vec<u8>),
    /// Closes without an answer.
    Close,
    /// Never answers.
    Stall,
    /// Sends the headers of an answer with a body, and never the body.
    StallAfterHeaders,
    /// Sends a whole answer a byte at a time, with this pause between two.
    Drip { every: Duration, body: Vec<u8> },
    /// Announces the body, sends the first half of it, and closes.
    CloseMidBody(Vec<u8>),
    /// A body of so many spaces, announced as such.
    Flood(u64),
    /// A body without an announced length that ends when the client closes.
    EndlessBody,
    /// Header lines until the client closes.
    EndlessHeaders,
    /// Early hints (103) until the client closes.
    EndlessHints,
    /// Asks a real server over plain HTTP and passes its answer on: what a proxy between the two does, with every
    /// request on record here.
    Forward(SocketAddr),
    /// The same, but the real server's answer waits until the gate is opened.
    ForwardHeld(SocketAddr, Gate),
    /// The same, but the answer never arrives: the connection is cut.
    ForwardLost(SocketAddr),
}

/// Closed until it is opened.
#[derive(Debug, Clone, Default)]
pub struct Gate {
    open: Arc<AtomicBool>,
    reached: Arc<AtomicBool>,
}

impl Gate {
    /// Lets through what waits.
    pub fn open(&self) {
        self.open.store(true, Ordering::SeqCst);
    }

    /// Waits until something waits before it.
    pub fn wait_until_reached(&self) {
        poll(PATIENCE, || self.reached.load(Ordering::SeqCst).then_some(())).expect("something comes");
    }

    pub(super) fn pass(&self, shared: &Shared) {
        self.reached.store(true, Ordering::SeqCst);
        while !self.open.load(Ordering::SeqCst) && !shared.state().ending {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Behaviour {
    /// An answer of JSON.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::text(status, "application/json", &body.to_string())
    }

    /// An answer of anything else.
    pub fn text(status: u16, content_type: &str, body: &str) -> Self {
        let headers = vec![("Content-Type".to_owned(), content_type.to_owned())];
        Self::Answer { status, headers, body: body.as_bytes().to_vec() }
    }

    /// The same, and the connection ends with it.
    pub fn last(status: u16, body: &serde_json::Value) -> Self {
        let headers = vec![("Connection".to_owned(), "close".to_owned())];
        Self::Answer { status, headers, body: body.to_string().into_bytes() }
    }

    /// What a load balancer says while the server behind it is down.
    pub fn proxy_503() -> Self {
        let page = "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>\n";
        Self::text(503, "text/html", page)
    }

    /// Sends the client elsewhere.
    pub fn redirect(status: u16, location: &str) -> Self {
        let headers = vec![("Location".to_owned(), location.to_owned())];
        Self::Answer { status, headers, body: Vec::new() }
    }

    /// JSON with bytes in it that are not UTF-8.
    pub fn invalid_utf8() -> Self {
        let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
        Self::Answer { status: 200, headers, body: b"{\"version\":\"\xff\xfe\",\"sealed\":true}".to_vec() }
    }

    /// Does it; true when the connection can take another request.
    pub(super) fn perform(
        self,
        stream: &mut impl Write,
        request: &Request,
        shared: &Shared,
    ) -> io::Result<bool> {
        match self {
            Self::Answer { status, headers, body } => {
                let mut answer = head(status, Some(body.len() as u64), &headers);
                if request.method != "HEAD" {
                    answer.extend(body);
                }
                send(stream, &answer)?;
                return Ok(true);
            }
            Self::After(delay, behaviour) => {
                shared.idle(Some(delay));
                return behaviour.perform(stream, request, shared);
            }
            Self::Held(gate, behaviour) => {
                gate.pass(shared);
                return behaviour.perform(stream, request, shared);
            }
            Self::Forward(address) => return pass_on(stream, &ask(address, request)?),
            Self::ForwardHeld(address, gate) => {
                let answer = ask(address, request)?;
                gate.pass(shared);
                return pass_on(stream, &answer);
            }
            Self::ForwardLost(address) => drop(ask(address, request)?),
            Self::Raw(bytes) => send(stream, &bytes)?,
            Self::RawThenStall(bytes) => {
                send(stream, &bytes)?;
                shared.idle(None);
            }
            Self::Close => {}
            Self::Stall => shared.idle(None),
            Self::StallAfterHeaders => {
                send(stream, &head(200, Some(100), &[]))?;
                shared.idle(None);
            }
            Self::Drip { every, body } => {
                let answer = [head(200, Some(body.len() as u64), &[]), body].concat();
                for byte in answer {
                    send(stream, &[byte])?;
                    shared.idle(Some(every));
                }
                return Ok(true);
            }
            Self::CloseMidBody(body) => {
                let half = &body[..body.len() / 2];
                send(stream, &[&head(200, Some(body.len() as u64), &[]), half].concat())?;
            }
            Self::Flood(size) => {
                send(stream, &head(200, Some(size), &[]))?;
                io::copy(&mut io::Read::take(io::repeat(b' '), size), stream)?;
                return Ok(true);
            }
            Self::EndlessBody => {
                send(stream, &head(200, None, &[]))?;
                io::copy(&mut io::repeat(b' '), stream)?;
            }
            Self::EndlessHints => loop {
                send(stream, b"HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n".repeat(1000).as_slice())?;
            },
            Self::EndlessHeaders => {
                send(stream, b"HTTP/1.1 200 OK\r\n")?;
                for number in 0_u64.. {
                    write!(stream, "X-Endless-{number}: {number}\r\n")?;
                }
            }
        }
        Ok(false)
    }
}

/// Asks the real server the same.
fn ask(address: SocketAddr, request: &Request) -> io::Result<Answer> {
    let headers: Vec<(&str, &str)> = request
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .filter(|(name, _)| !["host", "connection", "content-length"].contains(name))
        .collect();
    Client::plain(address).request(&request.method, &request.target, &headers, &request.body)
}

fn pass_on(stream: &mut impl Write, answer: &Answer) -> io::Result<bool> {
    let kept = answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("retry-after"));
    let head = head(answer.status, Some(answer.body.len() as u64), &kept.cloned().collect::<Vec<_>>());
    send(stream, &[&head[..], &answer.body].concat())?;
    Ok(true)
}

fn send(stream: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes)?;
    stream.flush()
}

fn head(status: u16, length: Option<u64>, headers: &[(String, String)]) -> Vec<u8> {
    let mut lines = vec![format!("HTTP/1.1 {status} Scripted")];
    lines.extend(length.map(|length| format!("Content-Length: {length}")));
    lines.extend(headers.iter().map(|(name, value)| format!("{name}: {value}")));
    (lines.join("\r\n") + "\r\n\r\n").into_bytes()
}
