//! An answer in chunks (RFC 9112, section 7.1): a reader who is given up sees that the last one is missing.

/// The type of a document.
pub(super) const JSON: &str = "application/json";
/// The type of metrics: the text format of Prometheus.
pub(super) const METRICS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Begins one of this type.
pub(super) fn begin(answer: &mut Vec<u8>, content_type: &str) {
    for part in [
        "HTTP/1.1 200 OK\r\nContent-Type: ",
        content_type,
        "\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
    ] {
        answer.extend_from_slice(part.as_bytes());
    }
}

/// Writes a chunk, and the last one if nothing follows. An empty chunk would be the last.
pub(super) fn chunk(answer: &mut Vec<u8>, text: &[u8], last: bool) {
    if !text.is_empty() {
        answer.extend_from_slice(format!("{:x}\r\n", text.len()).as_bytes());
        answer.extend_from_slice(text);
        answer.extend_from_slice(b"\r\n");
    }
    if last {
        answer.extend_from_slice(b"0\r\n\r\n");
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_chunk_is_empty() {
        for (chunks, written) in [
            (vec![("ab", false), ("", false), ("c", true)], "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"),
            (vec![("ab", false), ("", true)], "2\r\nab\r\n0\r\n\r\n"),
            (vec![("", true)], "0\r\n\r\n"),
        ] {
            let mut answer = Vec::new();
            for (text, last) in chunks {
                chunk(&mut answer, text.as_bytes(), last);
            }
            assert_eq!(String::from_utf8(answer).unwrap(), written);
        }
    }
}
