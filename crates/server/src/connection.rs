//! One connection as protocol sessions see it: [`Wire`] over TCP, TLS and unix sockets.
//!
//! No buffer is held while a connection is idle: bytes are read into the stack of the poll
//! that finds them and only what came is appended, so thousands of idle sessions cost what
//! their protocol remembers and no more.

use crate::visitors::Guest;
use postern_app::Peer;
use postern_app::wire::Wire;
use std::future::poll_fn;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};

/// Bytes taken at once; a TLS record holds no more.
const PIECE_BYTES: usize = 16 << 10;
/// How long the farewell of TLS may take: a peer who does not read it loses nothing.
const FAREWELL: Duration = Duration::from_secs(1);

/// A stream and who is at its other end.
pub(crate) struct Connection<S> {
    stream: S,
    peer: Peer,
    guest: Option<Guest>,
    /// A write was begun and has not come to its end.
    writing: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    /// `guest` counts the connection until someone has signed in.
    pub(crate) fn new(stream: S, peer: Peer, guest: Option<Guest>) -> Self {
        Self { stream, peer, guest, writing: false }
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
        Pin::new(&mut self.stream).poll_read(context, &mut piece).map_ok(|()| {
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
        self.stream.write_all(bytes).await?;
        self.stream.flush().await?;
        self.writing = false;
        Ok(())
    }

    fn peer(&self) -> &Peer {
        &self.peer
    }

    fn signed_in(&mut self) {
        self.guest = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    /// Nothing is said after a write that was given up: neither what is left of it nor a farewell.
    #[tokio::test]
    async fn a_write_that_was_given_up_is_a_break() {
        let (near, mut far) = tokio::io::duplex(10);
        let mut connection = Connection::new(near, Peer { address: None, encrypted: false }, None);
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
        let mut connection = Connection::new(near, Peer { address: None, encrypted: false }, None);
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
