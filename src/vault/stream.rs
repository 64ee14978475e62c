//! The stream that HTTP is spoken over, and how many bytes may come over it for one answer.

use super::failure::{BUDGET, EXCEEDED};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What HTTP is spoken over. Boxed, as hyper's code would otherwise be there once for each kind of stream.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// What is left for the answer under way, in bytes.
#[derive(Debug, Clone)]
pub(super) struct Budget(Arc<AtomicUsize>);

impl Budget {
    /// For the first answer.
    pub(super) fn full() -> Self {
        Self(Arc::new(AtomicUsize::new(BUDGET)))
    }

    /// For the next answer.
    pub(super) fn renew(&self) {
        self.0.store(BUDGET, Ordering::Relaxed);
    }

    /// Takes what came; false when it was more than is left.
    fn spend(&self, bytes: usize) -> bool {
        let left = self.0.load(Ordering::Relaxed);
        self.0.store(left.saturating_sub(bytes), Ordering::Relaxed);
        bytes <= left
    }
}

/// A stream that fails with [`EXCEEDED`] once more is read from it than its budget allows.
pub(super) struct Limited {
    stream: Box<dyn Stream>,
    budget: Budget,
}

impl Limited {
    /// Both have the same budget.
    pub(super) fn new(stream: Box<dyn Stream>, budget: Budget) -> Self {
        Self { stream, budget }
    }
}

impl AsyncRead for Limited {
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
impl AsyncWrite for Limited {
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
