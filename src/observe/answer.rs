//! An answer in chunks (RFC 9112, section 7.1): a reader who is given up sees that the last one is missing.

/// Begins one of JSON.
pub(super) fn begin(answer: &mut Vec<u8>) {
    answer.extend_from_slice(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\
          Connection: close\r\n\r\n",
    );
}

/// Writes a chunk, and the last one if nothing follows.
pub(super) fn chunk(answer: &mut Vec<u8>, text: &[u8], last: bool) {
    answer.extend_from_slice(format!("{:x}\r\n", text.len()).as_bytes());
    answer.extend_from_slice(text);
    answer.extend_from_slice(if last { b"\r\n0\r\n\r\n" } else { b"\r\n" });
}

/// Writes a whole answer that is nothing but an error.
pub(super) fn refuse(answer: &mut Vec<u8>, status: u16) {
    let reason = match status {
        404 => "Not Found",
        405 => "Method Not Allowed",
        431 => "Request Header Fields Too Large",
        505 => "HTTP Version Not Supported",
        _ => "Bad Request",
    };
    let text = format!("HTTP/1.1 {status} {reason}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    answer.extend_from_slice(text.as_bytes());
}
