//! What goes through a compressed wire comes out as it was (RFC 4978), however it is cut into pieces.

use super::*;
use proptest::prelude::*;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The other side: what it sends comes in these pieces, and what is said to it.
struct Far {
    sends: VecDeque<Vec<u8>>,
    heard: Vec<u8>,
    peer: Peer,
}

impl Wire for Far {
    async fn read(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        let piece = self.sends.pop_front().unwrap_or_default();
        buffer.extend_from_slice(&piece);
        Ok(piece.len())
    }
    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.heard.extend_from_slice(bytes);
        Ok(())
    }
    fn peer(&self) -> &Peer {
        &self.peer
    }
    fn signed_in(&mut self) {}
}

fn begun(sends: impl IntoIterator<Item = Vec<u8>>) -> Compressed<Far> {
    let far =
        Far { sends: sends.into_iter().collect(), heard: Vec::new(), peer: Peer { address: None, encrypted: true } };
    let mut wire = Compressed::new(far);
    wire.agree(CompressionPlace::of(&Arc::new(Semaphore::new(1))).expect("there is one"));
    wire.begin();
    wire
}

fn now<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
}

/// All that a client says, as one stream with these flushes.
fn deflated(says: &[(Vec<u8>, FlushCompress)]) -> Vec<u8> {
    let mut deflate = Compress::new(Compression::best(), false);
    let mut out = Vec::new();
    for (bytes, flush) in says {
        let end = deflate.total_in() + bytes.len() as u64;
        loop {
            out.reserve(1024);
            let rest = &bytes[bytes.len() - (end - deflate.total_in()) as usize..];
            deflate.compress_vec(rest, &mut out, *flush).unwrap();
            if out.len() < out.capacity() {
                break;
            }
        }
    }
    out
}

/// Reads to the end; no read brings more than a piece.
async fn read_all(wire: &mut Compressed<Far>) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        let mut piece = Vec::new();
        let read = wire.read(&mut piece).await?;
        assert!(read == piece.len() && read <= PIECE_BYTES);
        if read == 0 {
            return Ok(all);
        }
        all.append(&mut piece);
    }
}

fn words() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => prop::collection::vec(prop::sample::select(&b"* FETCH (UID 7)\r\n"[..]), 0..2_000),
        1 => prop::collection::vec(any::<u8>(), 0..50_000),
        1 => (any::<u8>(), 0..200_000usize).prop_map(|(byte, count)| vec![byte; count]),
    ]
}

fn flush() -> impl Strategy<Value = FlushCompress> {
    prop::sample::select(&[FlushCompress::None, FlushCompress::Sync, FlushCompress::Full, FlushCompress::Partial][..])
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    /// However the bytes come, the same is read.
    #[test]
    fn what_a_client_says_is_read(says in prop::collection::vec((words(), flush()), 0..6), lengths in prop::collection::vec(1..40_000usize, 1..9)) {
        let mut says = says;
        // What is never flushed is not there.
        says.push((b"a LOGOUT\r\n".to_vec(), FlushCompress::Sync));
        let mut sent = &deflated(&says)[..];
        let mut pieces = Vec::new();
        for length in lengths.iter().cycle() {
            let (piece, rest) = sent.split_at((*length).min(sent.len()));
            if piece.is_empty() {
                break;
            }
            pieces.push(piece.to_vec());
            sent = rest;
        }
        let read = now(read_all(&mut begun(pieces))).unwrap();
        prop_assert!(read == says.into_iter().flat_map(|(bytes, _)| bytes).collect::<Vec<u8>>());
    }

    /// Each reply is whole once it is written, for a client that inflates one stream.
    #[test]
    fn what_is_said_is_one_stream(replies in prop::collection::vec(words(), 1..8)) {
        let mut wire = begun([]);
        let mut inflate = Decompress::new(false);
        for reply in replies {
            now(wire.write(&reply)).unwrap();
            let heard = std::mem::take(&mut wire.wire.heard);
            let mut inflated = Vec::with_capacity(reply.len() + 1);
            let before = inflate.total_in();
            inflate.decompress_vec(&heard, &mut inflated, FlushDecompress::Sync).unwrap();
            prop_assert!(inflated == reply && inflate.total_in() - before == heard.len() as u64);
            prop_assert!(heard.len() <= reply.len() + reply.len() / 1000 + FLUSH_BYTES);
        }
    }
}

/// A reply that is much like the one before is small, as in one stream.
#[test]
fn a_write_refers_back_to_those_before() {
    let mut wire = begun([]);
    let reply = |number: u32| {
        format!("* {number} FETCH (UID {} FLAGS (\\Seen $Forwarded))\r\na{number} OK Done\r\n", 7 * number)
    };
    now(wire.write(reply(100).as_bytes())).unwrap();
    let first = std::mem::take(&mut wire.wire.heard).len();
    for number in 101..200 {
        now(wire.write(reply(number).as_bytes())).unwrap();
    }
    let each = wire.wire.heard.len() / 99;
    assert!(each < first / 2 && each < reply(100).len() / 2, "{first}, then {each}");
}

/// While nothing comes and nothing is said, no buffer is held but what writes refer back to.
#[test]
fn nothing_is_held_at_rest() {
    let mut wire = begun([deflated(&[(vec![b'x'; 1 << 20], FlushCompress::Sync)])]);
    now(read_all(&mut wire)).unwrap();
    now(wire.write(&[b'y'; 48 << 10])).unwrap();
    let streams = wire.streams.as_ref().unwrap();
    assert_eq!(streams.came.capacity(), 0);
    assert!(streams.history.len() == HISTORY_BYTES && streams.history.capacity() <= 2 * HISTORY_BYTES);
}

/// RFC 1951 section 3.2.3: after the last block there is nothing, whatever follows.
#[test]
fn a_stream_that_ends_is_an_end() {
    let mut sent = deflated(&[(b"a NOOP\r\n".to_vec(), FlushCompress::Finish)]);
    sent.extend_from_slice(b"b NOOP\r\n");
    let mut wire = begun([sent, b"c NOOP\r\n".to_vec()]);
    assert_eq!(now(read_all(&mut wire)).unwrap(), b"a NOOP\r\n");
}

#[test]
fn what_is_no_stream_is_an_error() {
    let mut wire = begun([b"\x07 NOOP\r\n".to_vec()]);
    assert_eq!(now(read_all(&mut wire)).unwrap_err().kind(), io::ErrorKind::InvalidData);
}

/// Blocks that hold nothing bring nothing, and whoever waits beside them has their turn.
#[test]
fn blocks_that_hold_nothing_bring_nothing() {
    let empty = [0, 0, 0, 0xff, 0xff].repeat(3_000);
    let mut wire = begun((0..1_000).map(|_| empty.clone()));
    let turns = now(async {
        let beside = tokio::spawn(std::future::ready(()));
        let read = read_all(&mut wire).await;
        (read.unwrap().len(), beside.is_finished())
    });
    assert_eq!(turns, (0, true));
}
