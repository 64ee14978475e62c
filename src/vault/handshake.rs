//! The stream under TLS: what we send at the end of a handshake goes out together with the first request, as one segment.
//! The library flushes each by itself, and of a thousand connections at once that is a fifth of all segments.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that keeps back what a handshake says after the server's first answer until a request follows, or until nothing
/// is left to be read without it: the server waits for it, as those of TLS 1.2 do.
#[derive(Debug)]
pub(super) struct Handshake<S> {
    stream: S,
    stage: Stage,
    /// Nothing secret: it is encrypted, or the handshake's.
    kept: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing came yet.
    Greeting,
    /// The server answered.
    Answered,
    /// The handshake is done, and what is kept goes out with what is flushed next.
    Done,
    /// Nothing is kept any more.
    Through,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Handshake<S> {
    pub(super) fn over(stream: S) -> Self {
        Self { stream, stage: Stage::Greeting, kept: Vec::new() }
    }

    /// A request follows.
    pub(super) fn done(&mut self) {
        self.stage = if self.kept.is_empty() { Stage::Through } else { Stage::Done };
    }

    /// Nothing follows: the handshake failed, and what is kept says so to the server, if it can be sent at once.
    pub(super) async fn failed(&mut self) {
        poll_fn(|context| Poll::Ready(self.send_kept(context).is_ready())).await;
    }

    fn keeps(&self) -> bool {
        matches!(self.stage, Stage::Answered | Stage::Done)
    }

    fn send_kept(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.kept.is_empty() {
            let sent = ready!(Pin::new(&mut self.stream).poll_write(context, &self.kept))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.kept.drain(..sent.min(self.kept.len()));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Handshake<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.stage == Stage::Answered {
            ready!(self.send_kept(context))?;
        }
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if self.stage == Stage::Greeting && read.is_ready() {
            self.stage = Stage::Answered;
        }
        read
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Handshake<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.as_mut().poll_write_vectored(context, &[io::IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if !self.keeps() {
            return Pin::new(&mut self.stream).poll_write_vectored(context, pieces);
        }
        let before = self.kept.len();
        for piece in pieces {
            self.kept.extend_from_slice(piece);
        }
        Poll::Ready(Ok(self.kept.len() - before))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.stage {
            Stage::Answered => return Poll::Ready(Ok(())),
            Stage::Done => {
                ready!(self.send_kept(context))?;
                self.stage = Stage::Through;
                self.kept = Vec::new();
            }
            Stage::Greeting | Stage::Through => {}
        }
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.send_kept(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::super::connection::Connection;
    use super::*;
    use rustls::crypto::ring::default_provider;
    use rustls::crypto::ring::kx_group::{SECP384R1, X25519};
    use rustls::crypto::{CryptoProvider, SupportedKxGroup};
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
    use rustls::version::{TLS12, TLS13};
    use rustls::{
        AlertDescription, ClientConfig, Error, RootCertStore, ServerConfig, SupportedProtocolVersion,
    };
    use std::sync::{Arc, Mutex};
    use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
    use tokio::net::{TcpListener, TcpStream};
    use tokio_rustls::{TlsAcceptor, TlsConnector};

    /// What is written over a stream, piece by piece.
    struct Segments(DuplexStream, Arc<Mutex<Vec<usize>>>);

    impl AsyncRead for Segments {
        fn poll_read(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_read(context, buffer)
        }
    }

    impl AsyncWrite for Segments {
        fn poll_write(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            self.1.lock().unwrap().push(bytes.len());
            Pin::new(&mut self.0).poll_write(context, bytes)
        }

        fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_flush(context)
        }

        fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
            Pin::new(&mut self.0).poll_shutdown(context)
        }
    }

    /// A server of this version that takes keys of this kind, and its certificate.
    fn presenting(
        version: &'static SupportedProtocolVersion,
        group: &'static dyn SupportedKxGroup,
    ) -> (TlsAcceptor, CertificateDer<'static>) {
        let made = rcgen::generate_simple_self_signed(["a".to_owned()]).unwrap();
        let (shown, key) =
            (made.cert.der().clone(), PrivateKeyDer::try_from(made.key_pair.serialize_der()).unwrap());
        let provider = CryptoProvider { kx_groups: vec![group], ..default_provider() };
        let config = ServerConfig::builder_with_provider(Arc::new(provider));
        let config = config.with_protocol_versions(&[version]).unwrap().with_no_client_auth();
        (Arc::new(config.with_single_cert(vec![shown.clone()], key).unwrap()).into(), shown)
    }

    fn trusting(certificate: Option<CertificateDer<'static>>) -> TlsConnector {
        let mut roots = RootCertStore::empty();
        if let Some(certificate) = certificate {
            roots.add(certificate).unwrap();
        }
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap();
        Arc::new(config.with_root_certificates(roots).with_no_client_auth()).into()
    }

    #[tokio::test]
    async fn first_request_and_the_end_of_the_handshake_are_one_segment() {
        // The last server wants a key on another curve than was offered: a second greeting follows (RFC 8446, section 4.1.4).
        for (version, group, segments) in [(&TLS13, X25519, 2), (&TLS12, X25519, 3), (&TLS13, SECP384R1, 3)] {
            let (acceptor, certificate) = presenting(version, group);
            let (ours, theirs) = tokio::io::duplex(64 * 1024);
            let server = tokio::spawn(async move {
                let mut stream = acceptor.accept(theirs).await.unwrap();
                let mut asked = [0; 4];
                stream.read_exact(&mut asked).await.unwrap();
                stream.write_all(b"pong").await.unwrap();
                stream.read_exact(&mut asked).await.unwrap();
                stream
            });
            let sent = Arc::default();
            let stream = Handshake::over(Segments(ours, Arc::clone(&sent)));
            let name = ServerName::try_from("a").unwrap();
            let mut stream = trusting(Some(certificate)).connect(name, stream).await.unwrap();
            stream.get_mut().0.done();
            stream.write_all(b"ping").await.unwrap();
            stream.flush().await.unwrap();
            let mut answer = [0; 4];
            stream.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"pong");
            assert_eq!(sent.lock().unwrap().len(), segments, "{version:?}");
            stream.write_all(b"ping").await.unwrap();
            stream.flush().await.unwrap();
            server.await.unwrap();
            assert_eq!(sent.lock().unwrap().len(), segments + 1, "{version:?}");
        }
    }

    #[tokio::test]
    async fn server_is_told_that_its_certificate_is_refused() {
        for version in [&TLS13, &TLS12] {
            let (acceptor, _) = presenting(version, X25519);
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            let (theirs, _) = listener.accept().await.unwrap();
            let server = tokio::spawn(async move { acceptor.accept(theirs).await.map(|_| ()).unwrap_err() });
            let (trusting, name) = (trusting(None), ServerName::try_from("a").unwrap());
            assert!(Connection::over(ours, Some((Arc::clone(trusting.config()), name))).await.is_err());
            let error = server.await.unwrap();
            let told = error.get_ref().and_then(|error| error.downcast_ref());
            assert_eq!(told, Some(&Error::AlertReceived(AlertDescription::UnknownCA)), "{version:?}");
        }
    }
}
