//! How many bytes may come for one answer. The library passes over what precedes an answer (1xx, RFC 9110, section 15.2),
//! however much of it there is, and reads for as long as more is there: one server would keep the loop from all others.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The kind of the error when more comes: of all others none means this.
pub(super) const EXCEEDED: ErrorKind = ErrorKind::FileTooLarge;

/// All that may come for one request, in bytes: head, body, and what the server sends before them. What TLS itself takes
/// (records without content, session tickets) is not counted; the limit of the request bounds it.
pub(super) const LIMIT: usize = 256 * 1024;

/// What is left for the answer under way, in bytes.
#[derive(Debug, Clone)]
pub(super) struct Budget(Arc<AtomicUsize>);

impl Budget {
    /// For the first answer.
    pub(super) fn full() -> Self {
        Self(Arc::new(AtomicUsize::new(LIMIT)))
    }

    /// For the next answer.
    pub(super) fn renew(&self) {
        self.0.store(LIMIT, Ordering::Relaxed);
    }

    /// Takes what came; false when it was more than is left.
    fn spend(&self, bytes: usize) -> bool {
        let left = self.0.load(Ordering::Relaxed);
        self.0.store(left.saturating_sub(bytes), Ordering::Relaxed);
        bytes <= left
    }
}

/// A stream that fails with [`EXCEEDED`] once more is read from it than its budget allows.
pub(super) struct Limited<S> {
    stream: S,
    budget: Budget,
}

impl<S> Limited<S> {
    /// Both have the same budget.
    pub(super) fn new(stream: S, budget: Budget) -> Self {
        Self { stream, budget }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Limited<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        let came = buffer.filled().len().saturating_sub(before);
        if self.budget.spend(came) { read } else { Poll::Ready(Err(EXCEEDED.into())) }
    }
}

/// Passed on as it is: without the vectored writes the library would copy what is written.
impl<S: AsyncWrite + Unpin> AsyncWrite for Limited<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
