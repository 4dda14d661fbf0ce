//! One connection as protocol sessions see it: [`Wire`] over TCP, TLS and unix sockets.
//!
//! No buffer is held while a connection is idle: bytes are read into the stack of the poll
//! that finds them and only what came is appended, so thousands of idle sessions cost what
//! their protocol remembers and no more.
//!
//! So STARTTLS leaves nothing behind here: a connection that goes over to TLS has no byte that came
//! before, and whatever the session had read and not obeyed is the session's to drop (RFC 3207
//! section 4.2; a command that someone slipped in front of the handshake would be obeyed after it,
//! as CVE-2011-0411 had it).

use crate::handshake::Handshakes;
use crate::visitors::Guest;
use postern_app::Peer;
use postern_app::wire::Wire;
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio_rustls::server::TlsStream;

/// Bytes taken at once; a TLS record holds no more.
const PIECE_BYTES: usize = 16 << 10;
/// How long the farewell of TLS may take: a peer who does not read it loses nothing.
const FAREWELL: Duration = Duration::from_secs(1);

/// A stream and who is at its other end.
pub(crate) struct Connection<S> {
    stream: Stream<S>,
    peer: Peer,
    guest: Option<Guest>,
    /// How it comes under TLS, as long as it may.
    handshakes: Option<Arc<Handshakes>>,
    /// A write was begun and has not come to its end.
    writing: bool,
}

/// Where the bytes go. What TLS remembers is a block of its own, so that a plain connection is as
/// small as its socket.
enum Stream<S> {
    Plain(S),
    Tls(Box<TlsStream<S>>),
    /// A handshake failed or was given up: nothing more is heard or said.
    Gone,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream<S> {
    fn poll_read(&mut self, context: &mut Context<'_>, piece: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, piece),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, piece),
            // The end of a stream.
            Self::Gone => Poll::Ready(Ok(())),
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(stream) => write_all(stream, bytes).await,
            Self::Tls(stream) => write_all(stream, bytes).await,
            Self::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    async fn shutdown(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.shutdown().await,
            Self::Tls(stream) => stream.shutdown().await,
            Self::Gone => Ok(()),
        }
    }
}

async fn write_all<S: AsyncWrite + Unpin>(stream: &mut S, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    /// Without TLS, until STARTTLS where `handshakes` allow it. `guest` counts the connection until
    /// someone has signed in.
    pub(crate) fn plain(stream: S, peer: Peer, guest: Option<Guest>, handshakes: Option<Arc<Handshakes>>) -> Self {
        Self { stream: Stream::Plain(stream), peer, guest, handshakes, writing: false }
    }

    /// Under TLS from its first byte.
    pub(crate) fn under_tls(stream: Box<TlsStream<S>>, peer: Peer, guest: Option<Guest>) -> Self {
        Self { stream: Stream::Tls(stream), peer, guest, handshakes: None, writing: false }
    }

    /// Ends the stream so that the peer sees an end and no break (RFC 8446 section 6.1). Where a
    /// write was given up it is a break, and what TLS holds of it leaves no more.
    pub(crate) async fn close(&mut self) {
        if self.writing {
            return;
        }
        // A peer that is gone needs no farewell.
        let _ = tokio::time::timeout(FAREWELL, self.stream.shutdown()).await;
    }

    fn poll_read(&mut self, context: &mut Context<'_>, buffer: &mut Vec<u8>) -> Poll<io::Result<usize>> {
        let mut piece = [const { MaybeUninit::<u8>::uninit() }; PIECE_BYTES];
        let mut piece = ReadBuf::uninit(&mut piece);
        self.stream.poll_read(context, &mut piece).map_ok(|()| {
            buffer.extend_from_slice(piece.filled());
            piece.filled().len()
        })
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Wire for &mut Connection<S> {
    async fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        poll_fn(|context| self.poll_read(context, buffer)).await
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writing = true;
        self.stream.write(bytes).await?;
        self.writing = false;
        Ok(())
    }

    fn peer(&self) -> &Peer {
        &self.peer
    }

    fn signed_in(&mut self) {
        self.guest = None;
    }

    fn offers_tls(&self) -> bool {
        self.handshakes.is_some()
    }

    /// Once and no more: a second STARTTLS finds nothing to do it with. Whatever does not come to its
    /// end here, because it failed or because nobody waited for it, ends the connection.
    async fn start_tls(&mut self) -> io::Result<()> {
        let Some(handshakes) = self.handshakes.take() else { return Err(io::ErrorKind::Unsupported.into()) };
        let Stream::Plain(stream) = std::mem::replace(&mut self.stream, Stream::Gone) else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let address = self.peer.address;
        self.stream = Stream::Tls(Box::pin(handshakes.shake(stream, address)).await?);
        self.peer.encrypted = true;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certificates;
    use crate::config::TlsFiles;
    use crate::tls::Tls;
    use postern_app::wire::Shutdown;
    use postern_store::{Clock, SystemClock};
    use rustls_pki_types::CertificateDer;
    use rustls_pki_types::pem::PemObject;
    use std::io::ErrorKind;
    use tokio::io::{AsyncReadExt, DuplexStream};
    use tokio::net::TcpStream;
    use tokio::sync::watch;
    use tokio_rustls::{TlsConnector, client};

    const PEER: Peer = Peer { address: None, encrypted: false };

    /// A server that can shake hands, and a client that trusts it alone.
    struct Pair {
        handshakes: Arc<Handshakes>,
        connector: TlsConnector,
        switch: watch::Sender<bool>,
        _folder: tempfile::TempDir,
    }

    impl Pair {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let made = certificates::make("mail.example.org", SystemClock.wall()).unwrap();
            let files = TlsFiles { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
            put(&files.certificate, made.server.as_bytes());
            put(&files.key, made.server_key.expose());
            let mut roots = rustls::RootCertStore::empty();
            roots.add(CertificateDer::from_pem_slice(made.authority.as_bytes()).unwrap()).unwrap();
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = rustls::ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(roots)
                .with_no_client_auth();
            let (switch, shutdown) = Shutdown::new();
            let handshakes =
                Arc::new(Handshakes { tls: Tls::load(&files).unwrap(), traffic: Arc::default(), shutdown });
            Self { handshakes, connector: TlsConnector::from(Arc::new(config)), switch, _folder: folder }
        }

        fn connection(&self) -> (Connection<DuplexStream>, DuplexStream) {
            let (near, far) = tokio::io::duplex(1 << 16);
            (Connection::plain(near, PEER, None, Some(Arc::clone(&self.handshakes))), far)
        }

        async fn connect(&self, far: DuplexStream) -> io::Result<client::TlsStream<DuplexStream>> {
            self.connector.connect("mail.example.org".try_into().unwrap(), far).await
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a test's file need not last")]
    fn put(path: &std::path::Path, bytes: &[u8]) {
        std::fs::write(path, bytes).unwrap();
    }

    async fn start_tls(mut connection: &mut Connection<DuplexStream>) -> io::Result<()> {
        connection.start_tls().await
    }

    /// What comes of a connection that did not come under TLS: an end, and no word in clear.
    async fn assert_gone(connection: &mut Connection<DuplexStream>) {
        let mut wire = &mut *connection;
        assert!(!wire.peer().encrypted && !wire.offers_tls());
        assert_eq!(wire.read(&mut Vec::new()).await.unwrap(), 0);
        assert_eq!(wire.write(b"220 in clear\r\n").await.unwrap_err().kind(), ErrorKind::NotConnected);
        connection.close().await;
    }

    /// RFC 3207: what follows is heard and said under TLS, the session knows it, and it is had once.
    #[tokio::test]
    async fn starttls_turns_the_stream_into_tls_once() {
        let pair = Pair::new();
        let (mut connection, mut far) = pair.connection();
        let mut wire = &mut connection;
        assert!(wire.offers_tls() && !wire.peer().encrypted);
        let mut heard = Vec::new();
        far.write_all(b"STARTTLS\r\n").await.unwrap();
        wire.read(&mut heard).await.unwrap();
        wire.write(b"220 Go\r\n").await.unwrap();
        far.read_exact(&mut [0; 8]).await.unwrap();

        let (started, far) = tokio::join!(wire.start_tls(), pair.connect(far));
        started.unwrap();
        assert!(wire.peer().encrypted && !wire.offers_tls());
        let mut far = far.unwrap();
        far.write_all(b"EHLO there\r\n").await.unwrap();
        far.flush().await.unwrap();
        heard.clear();
        wire.read(&mut heard).await.unwrap();
        assert_eq!(heard, b"EHLO there\r\n");
        assert_eq!(wire.start_tls().await.unwrap_err().kind(), ErrorKind::Unsupported);
        wire.write(b"250 Hello\r\n").await.unwrap();
        let mut reply = [0; 11];
        far.read_exact(&mut reply).await.unwrap();
        assert_eq!(&reply, b"250 Hello\r\n", "a second one that is refused harms nothing");
        connection.close().await;
        assert_eq!(far.read(&mut reply).await.expect("TLS ends with a farewell"), 0);
    }

    /// A command in front of the handshake is never obeyed after it (CVE-2011-0411): what the session
    /// has not read is taken for a part of the handshake, and spoils it.
    #[tokio::test]
    async fn what_is_slipped_in_before_the_handshake_spoils_it() {
        let pair = Pair::new();
        let (mut connection, mut far) = pair.connection();
        far.write_all(b"RCPT TO:<victim@example.org>\r\n").await.unwrap();
        let (started, far) = tokio::join!(start_tls(&mut connection), pair.connect(far));
        assert!(started.is_err() && far.is_err());
        assert_gone(&mut connection).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_handshake_that_does_not_come_ends_the_connection() {
        let pair = Pair::new();
        let (mut connection, _far) = pair.connection();
        let late = start_tls(&mut connection).await.unwrap_err();
        assert_eq!(late.kind(), ErrorKind::TimedOut);
        assert_gone(&mut connection).await;
    }

    #[tokio::test]
    async fn a_handshake_that_is_given_up_ends_the_connection() {
        let pair = Pair::new();
        let (mut connection, _far) = pair.connection();
        tokio::select! {
            biased;
            _ = start_tls(&mut connection) => panic!("nobody shakes hands"),
            () = std::future::ready(()) => {}
        }
        assert_gone(&mut connection).await;
        // A drain waits for none either.
        let (mut connection, _far) = pair.connection();
        pair.switch.send_replace(true);
        start_tls(&mut connection).await.unwrap_err();
        assert_gone(&mut connection).await;
    }

    #[tokio::test]
    async fn a_door_without_starttls_offers_none() {
        let (near, _far) = tokio::io::duplex(10);
        let mut connection = Connection::plain(near, PEER, None, None);
        assert!(!(&&mut connection).offers_tls());
        assert_eq!(start_tls(&mut connection).await.unwrap_err().kind(), ErrorKind::Unsupported);
        (&mut &mut connection).write(b"220 Hi\r\n").await.expect("it goes on as it was");
    }

    /// What TLS remembers lies elsewhere: a connection without it holds its socket and little more.
    #[test]
    fn a_connection_is_little_more_than_its_socket() {
        let beside = size_of::<Peer>() + size_of::<Option<Guest>>() + 4 * size_of::<usize>();
        assert!(size_of::<Connection<TcpStream>>() <= size_of::<TcpStream>() + beside);
    }

    /// Nothing is said after a write that was given up: neither what is left of it nor a farewell.
    #[tokio::test]
    async fn a_write_that_was_given_up_is_a_break() {
        let (near, mut far) = tokio::io::duplex(10);
        let mut connection = Connection::plain(near, PEER, None, None);
        let mut wire = &mut connection;
        tokio::select! {
            biased;
            _ = wire.write(&[b'x'; 100]) => panic!("nobody reads"),
            () = std::future::ready(()) => {}
        }
        connection.close().await;
        let mut got = [0; 10];
        far.read_exact(&mut got).await.unwrap();
        tokio::select! {
            biased;
            _ = far.read(&mut got) => panic!("it was told of an end"),
            () = std::future::ready(()) => {}
        }
        drop(connection);
        assert_eq!(far.read(&mut got).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn what_comes_is_appended_and_the_end_is_nothing() {
        let (near, mut far) = tokio::io::duplex(1 << 20);
        let mut connection = Connection::plain(near, PEER, None, None);
        let mut wire = &mut connection;
        let sent: Vec<u8> = (0..100_000u32).map(|number| (number % 251) as u8).collect();
        far.write_all(&sent).await.unwrap();
        drop(far);
        let mut got = b"before".to_vec();
        while wire.read(&mut got).await.unwrap() > 0 {}
        assert_eq!(&got[..6], b"before");
        assert!(got[6..] == sent, "every byte, in order");
    }
}
