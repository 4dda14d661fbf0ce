//! The wire of a connection: bytes as they are, and from COMPRESS on DEFLATE (RFC 4978, RFC 1951).
//!
//! A connection that compresses keeps what inflates its client's bytes (their window is the client's to choose, so it is
//! 32 KiB) and the last 4 KiB of what it said. Nothing else: what deflates is made for one write, is shown those 4 KiB,
//! and goes with the write. So a connection costs 52 KiB in place of 400, and what one of them said is never in the
//! memory of what another one writes by (docs/decisions/0032-compress.md).
//!
//! Each write ends on a byte with all it holds (`Z_SYNC_FLUSH`), so a reply is there when it was written. What came is
//! inflated as far as it is asked for: a client that sends little which means much fills no memory, and is held to the
//! limits of lines and literals like any other.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use postern_app::wire::Wire;
use postern_app::{CompressionPlace, Peer};
use std::io;

/// Bytes that are inflated at once.
const PIECE_BYTES: usize = 16 << 10;
/// What a write may refer back to of those before it. Of more, replies do not become smaller.
const HISTORY_BYTES: usize = 4 << 10;
/// What the end of a write takes beside its bytes, and more.
const FLUSH_BYTES: usize = 64;
/// RFC 4978 section 4 recommends 1 to 5.
const LEVEL: u32 = 3;

/// A wire, compressed once that was agreed and begun.
pub(crate) struct Compressed<W> {
    wire: W,
    agreed: Option<CompressionPlace>,
    streams: Option<Box<Streams>>,
}

/// Both directions.
struct Streams {
    inflate: Decompress,
    /// What came, inflated up to `taken`.
    came: Vec<u8>,
    taken: usize,
    /// There may be more to have of what was taken.
    is_full: bool,
    /// The client has ended its stream (RFC 1951 section 3.2.3, BFINAL): what comes after it is nothing.
    has_ended: bool,
    /// The last of what was written.
    history: Vec<u8>,
    _place: CompressionPlace,
}

impl Streams {
    fn new(place: CompressionPlace) -> Self {
        Self {
            inflate: Decompress::new(false),
            came: Vec::new(),
            taken: 0,
            is_full: false,
            has_ended: false,
            history: Vec::new(),
            _place: place,
        }
    }

    /// Appends at most [`PIECE_BYTES`] of what came, and says how many; none when more has to come first.
    fn inflate(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        if self.has_ended || (self.came.is_empty() && !self.is_full) {
            return Ok(0);
        }
        let mut piece = [0; PIECE_BYTES];
        let (input, output) = (self.inflate.total_in(), self.inflate.total_out());
        let status = self.inflate.decompress(&self.came[self.taken..], &mut piece, FlushDecompress::Sync);
        self.has_ended =
            status.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))? == Status::StreamEnd;
        // Both are within what was given.
        self.taken += (self.inflate.total_in() - input) as usize;
        let inflated = (self.inflate.total_out() - output) as usize;
        self.is_full = inflated == PIECE_BYTES;
        if self.taken == self.came.len() || self.has_ended {
            (self.came, self.taken) = (Vec::new(), 0);
        }
        buffer.extend_from_slice(&piece[..inflated]);
        Ok(inflated)
    }

    fn deflate(&mut self, bytes: &[u8]) -> io::Result<Vec<u8>> {
        let mut deflate = Compress::new(Compression::new(LEVEL), false);
        if !self.history.is_empty() {
            deflate.set_dictionary(&self.history)?;
        }
        let mut deflated = Vec::with_capacity(bytes.len() + FLUSH_BYTES);
        loop {
            // It is within what was given.
            let rest = &bytes[deflate.total_in() as usize..];
            deflate.compress_vec(rest, &mut deflated, FlushCompress::Sync)?;
            if deflated.len() < deflated.capacity() {
                break;
            }
            deflated.reserve(FLUSH_BYTES);
        }
        self.remember(bytes);
        Ok(deflated)
    }

    fn remember(&mut self, bytes: &[u8]) {
        let last = &bytes[bytes.len().saturating_sub(HISTORY_BYTES)..];
        let surplus = (self.history.len() + last.len()).saturating_sub(HISTORY_BYTES);
        self.history.drain(..surplus);
        self.history.extend_from_slice(last);
    }
}

impl<W> Compressed<W> {
    /// As it is.
    pub(crate) fn new(wire: W) -> Self {
        Self { wire, agreed: None, streams: None }
    }

    /// COMPRESS is answered with OK.
    pub(crate) fn agree(&mut self, place: CompressionPlace) {
        self.agreed = Some(place);
    }

    /// Was it agreed, and has not begun?
    pub(crate) fn is_agreed(&self) -> bool {
        self.agreed.is_some()
    }

    /// That OK is written: from here on both sides compress.
    pub(crate) fn begin(&mut self) {
        self.streams = self.agreed.take().map(|place| Box::new(Streams::new(place)));
    }

    /// Do both sides compress?
    pub(crate) fn is_active(&self) -> bool {
        self.streams.is_some()
    }
}

impl<W: Wire> Wire for Compressed<W> {
    async fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        let Some(streams) = &mut self.streams else { return self.wire.read(buffer).await };
        loop {
            // What little becomes much keeps nobody else from their turn.
            tokio::task::coop::consume_budget().await;
            let inflated = streams.inflate(buffer)?;
            if inflated > 0 || streams.has_ended {
                return Ok(inflated);
            }
            if !streams.is_full && self.wire.read(&mut streams.came).await? == 0 {
                return Ok(0);
            }
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.streams {
            None => self.wire.write(bytes).await,
            Some(streams) => {
                let deflated = streams.deflate(bytes)?;
                self.wire.write(&deflated).await
            }
        }
    }

    fn peer(&self) -> &Peer {
        self.wire.peer()
    }

    fn signed_in(&mut self) {
        self.wire.signed_in();
    }

    fn offers_tls(&self) -> bool {
        !self.is_active() && self.wire.offers_tls()
    }

    async fn start_tls(&mut self) -> io::Result<()> {
        if self.is_active() {
            return Err(io::ErrorKind::Unsupported.into());
        }
        self.wire.start_tls().await
    }
}

#[cfg(fuzzing)]
pub(crate) mod fuzzing;
#[cfg(test)]
mod tests;
