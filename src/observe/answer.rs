//! An answer in chunks (RFC 9112, section 7.1): a reader who is given up sees that the last one is missing.

use std::io;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;

/// Writes one answer.
pub(super) struct Answer<'a> {
    stream: &'a mut UnixStream,
}

impl<'a> Answer<'a> {
    /// Begins one of JSON.
    pub(super) async fn begin(stream: &'a mut UnixStream) -> io::Result<Self> {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\
                    Connection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).await?;
        Ok(Self { stream })
    }

    /// Writes some of it.
    pub(super) async fn go_on(&mut self, text: &[u8]) -> io::Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        self.stream.write_all(format!("{:x}\r\n", text.len()).as_bytes()).await?;
        self.stream.write_all(text).await?;
        self.stream.write_all(b"\r\n").await
    }

    /// All was written.
    pub(super) async fn end(self) -> io::Result<()> {
        self.stream.write_all(b"0\r\n\r\n").await
    }

    /// Writes a whole answer that is nothing but an error.
    pub(super) async fn refuse(stream: &mut UnixStream, status: u16) -> io::Result<()> {
        let reason = match status {
            404 => "Not Found",
            405 => "Method Not Allowed",
            431 => "Request Header Fields Too Large",
            505 => "HTTP Version Not Supported",
            _ => "Bad Request",
        };
        let body = format!("{{\"error\":\"{reason}\"}}");
        let length = body.len();
        let text = format!(
            "HTTP/1.1 {status} {reason}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
             Connection: close\r\n\r\n{body}"
        );
        stream.write_all(text.as_bytes()).await
    }
}
