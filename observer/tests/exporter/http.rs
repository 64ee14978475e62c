//! As little HTTP as shows what is answered byte for byte.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

pub(crate) fn get(address: SocketAddr, target: &str) -> Answer {
    ask(TcpStream::connect(address).unwrap(), &format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n"))
}

pub(crate) fn ask(mut stream: impl Read + Write, request: &str) -> Answer {
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // Who sent more than is read is reset.
    let read = stream.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{read:?}: {answer:?}"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head: head.to_lowercase(), body: body.to_owned() }
}

impl Answer {
    /// The values, without comments.
    pub(crate) fn values(&self) -> Vec<&str> {
        self.body.lines().filter(|line| !line.starts_with('#')).collect()
    }
}
