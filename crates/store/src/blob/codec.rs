//! The stored form of a body: one byte that names the form, then the bytes.
//!
//! A body longer than a piece is compressed in pieces, with the length of each in front, so
//! that a range of it is read without the rest. Compression is kept only where it makes the
//! body smaller. Unpacking is bounded by the size on the body's row, so that a damaged or
//! planted form can not fill the memory.

use crate::StoreError;
use std::borrow::Cow;
use std::io::Cursor;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use zstd::bulk::{Compressor, Decompressor};

/// The bytes as they are.
const FORM_RAW: u8 = 0;
/// A zstd frame.
const FORM_ZSTD: u8 = 1;
/// Pieces: first the length of each, four bytes with the lowest in front; then one after the
/// other, each a zstd frame or, where that would be no shorter, the bytes as they are.
const FORM_PIECES: u8 = 2;
/// Bytes of the body in one piece; the last has what is left.
pub(super) const PIECE_BYTES: usize = 256 << 10;
/// The fastest level: mail is mostly text and base64, where higher ones gain little.
const LEVEL: i32 = 1;
/// Compressors kept between bodies; each holds some hundred KiB.
const KEPT: usize = 4;

/// Compresses and unpacks, keeping the library's working memory between bodies.
#[derive(Default)]
pub(super) struct Codec {
    compressors: Mutex<Vec<Compressor<'static>>>,
    decompressors: Mutex<Vec<Decompressor<'static>>>,
}

impl Codec {
    /// The stored form of a body.
    pub fn encode(&self, raw: &[u8]) -> Result<Vec<u8>, StoreError> {
        let mut compressor = match take(&self.compressors) {
            Some(compressor) => compressor,
            None => Compressor::new(LEVEL).map_err(failed)?,
        };
        let stored = encode(&mut compressor, raw)?;
        give_back(&self.compressors, compressor);
        Ok(stored)
    }

    /// Appends the body of `size` bytes to `out`. Where that fails, `out` has some of it.
    pub fn decode(&self, stored: &[u8], size: u64, out: &mut Vec<u8>) -> Result<(), StoreError> {
        let (begin, length) = (out.len(), in_memory(size)?);
        match stored.first() {
            Some(&FORM_RAW) => out.extend_from_slice(&stored[1..]),
            Some(&FORM_ZSTD) => self.unpack(&stored[1..], length, out)?,
            Some(&FORM_PIECES) => self.decode_range(&|range| Ok(part(stored, range).into()), size, 0..size, out)?,
            Some(_) => return Err(damaged("its form is not known; it may come from a newer Postern")),
            None => return Err(damaged("it is empty")),
        }
        if out.len() - begin == length { Ok(()) } else { Err(damaged("it has not the size that its row says")) }
    }

    /// Appends a range of the body of `size` bytes to `out`. `read` answers a range of its stored
    /// form, less where that ends. A body in one frame is unpacked whole.
    pub fn decode_range(
        &self,
        read: &ReadStored<'_>,
        size: u64,
        range: Range<u64>,
        out: &mut Vec<u8>,
    ) -> Result<(), StoreError> {
        let range = range.start.min(size)..range.end.min(size);
        let head = read(0..head_bytes(size))?;
        if let Some(&FORM_PIECES) = head.first() {
            return self.decode_pieces(&head, read, size, range, out);
        }
        let begin = out.len();
        self.decode(&read(0..u64::MAX)?, size, out)?;
        cut(out, begin, range.start as usize, (range.end.saturating_sub(range.start)) as usize);
        Ok(())
    }

    fn decode_pieces(
        &self,
        head: &[u8],
        read: &ReadStored<'_>,
        size: u64,
        range: Range<u64>,
        out: &mut Vec<u8>,
    ) -> Result<(), StoreError> {
        let piece_bytes = PIECE_BYTES as u64;
        if head.len() as u64 != head_bytes(size) {
            return Err(damaged("it ends within its head"));
        }
        let lengths = head[1..].chunks_exact(4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]));
        let lengths: Vec<u64> = lengths.map(u64::from).collect();
        let (first, last) = (range.start / piece_bytes, range.end.div_ceil(piece_bytes));
        let wanted = lengths.get(first as usize..last as usize).unwrap_or_default();
        let start = head.len() as u64 + lengths.iter().take(first as usize).sum::<u64>();
        let stored = read(start..start + wanted.iter().sum::<u64>())?;
        let begin = out.len();
        out.reserve(in_memory((wanted.len() as u64 * piece_bytes).min(size))?);
        let mut at = 0;
        for (piece, length) in (first..).zip(wanted) {
            let raw_length = (size - piece * piece_bytes).min(piece_bytes) as usize;
            let bytes = part(&stored, at..at + length);
            at += length;
            if bytes.len() == raw_length {
                out.extend_from_slice(bytes);
            } else {
                self.unpack(bytes, raw_length, out)?;
            }
        }
        let skipped = range.start - first * piece_bytes;
        let length = range.end.saturating_sub(range.start);
        if ((out.len() - begin) as u64) < skipped + length {
            return Err(damaged("a piece has not the size that its row says"));
        }
        // Both lie within what is in memory.
        cut(out, begin, skipped as usize, length as usize);
        Ok(())
    }

    /// Appends what is in a frame, which is `size` bytes.
    fn unpack(&self, frame: &[u8], size: usize, out: &mut Vec<u8>) -> Result<(), StoreError> {
        let mut decompressor = match take(&self.decompressors) {
            Some(decompressor) => decompressor,
            None => Decompressor::new().map_err(failed)?,
        };
        out.reserve(size);
        let begin = out.len();
        let mut place = Cursor::new(&mut *out);
        place.set_position(begin as u64);
        // It writes into what is reserved, and never more.
        let unpacked = decompressor.decompress_to_buffer(frame, &mut place);
        give_back(&self.decompressors, decompressor);
        match unpacked.map_err(|error| damaged(&error.to_string()))? {
            length if length == size => Ok(()),
            _ => Err(damaged("what is in a frame has not the size that its row says")),
        }
    }
}

/// Answers a range of a stored form.
pub(super) type ReadStored<'a> = dyn Fn(Range<u64>) -> Result<Cow<'a, [u8]>, StoreError> + 'a;

fn encode(compressor: &mut Compressor<'static>, raw: &[u8]) -> Result<Vec<u8>, StoreError> {
    if raw.len() <= PIECE_BYTES {
        let compressed = compressor.compress(raw).map_err(failed)?;
        let (form, bytes) =
            if compressed.len() < raw.len() { (FORM_ZSTD, compressed.as_slice()) } else { (FORM_RAW, raw) };
        return Ok([&[form], bytes].concat());
    }
    let head = head_bytes(raw.len() as u64) as usize;
    // Never more than the body itself: none of what was written moves, and no more is held than that.
    let mut stored = Vec::with_capacity(head + raw.len());
    stored.resize(head, 0);
    stored[0] = FORM_PIECES;
    let mut compressed = Vec::with_capacity(zstd::zstd_safe::compress_bound(PIECE_BYTES));
    for (index, piece) in raw.chunks(PIECE_BYTES).enumerate() {
        compressed.clear();
        compressor.compress_to_buffer(piece, &mut compressed).map_err(failed)?;
        let bytes = if compressed.len() < piece.len() { compressed.as_slice() } else { piece };
        stored[1 + 4 * index..][..4].copy_from_slice(&(bytes.len() as u32).to_le_bytes());
        stored.extend_from_slice(bytes);
    }
    Ok(stored)
}

/// Bytes in front of the pieces of a body of `size` bytes: its form and their lengths.
fn head_bytes(size: u64) -> u64 {
    1 + 4 * size.div_ceil(PIECE_BYTES as u64)
}

fn in_memory(size: u64) -> Result<usize, StoreError> {
    usize::try_from(size).map_err(|_| damaged("its size is beyond memory"))
}

/// Leaves of what follows `begin` these bytes: `length` of them after so many.
fn cut(out: &mut Vec<u8>, begin: usize, skipped: usize, length: usize) {
    out.truncate(begin + skipped + length);
    out.drain(begin..begin + skipped);
}

/// What of a range is there.
pub(super) fn part(bytes: &[u8], range: Range<u64>) -> &[u8] {
    let place = |at: u64| usize::try_from(at).map_or(bytes.len(), |at| at.min(bytes.len()));
    let end = place(range.end);
    &bytes[place(range.start).min(end)..end]
}

fn take<T>(pool: &Mutex<Vec<T>>) -> Option<T> {
    pool.lock().unwrap_or_else(PoisonError::into_inner).pop()
}

fn give_back<T>(pool: &Mutex<Vec<T>>, item: T) {
    let mut pool = pool.lock().unwrap_or_else(PoisonError::into_inner);
    if pool.len() < KEPT {
        pool.push(item);
    }
}

fn failed(error: std::io::Error) -> StoreError {
    StoreError::Engine(format!("compression: {error}"))
}

fn damaged(how: &str) -> StoreError {
    StoreError::Damaged(format!("a stored body can not be read: {how}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(codec: &Codec, stored: &[u8], size: u64) -> Result<Vec<u8>, StoreError> {
        let mut out = b"before".to_vec();
        codec.decode(stored, size, &mut out)?;
        assert_eq!(out.drain(..6).collect::<Vec<_>>(), b"before");
        Ok(out)
    }

    fn range_of(codec: &Codec, read: &ReadStored<'_>, size: u64, range: Range<u64>) -> Result<Vec<u8>, StoreError> {
        let mut out = b"before".to_vec();
        codec.decode_range(read, size, range, &mut out)?;
        assert_eq!(out.drain(..6).collect::<Vec<_>>(), b"before");
        Ok(out)
    }

    #[test]
    fn any_bytes_come_back_and_text_gets_smaller() {
        let codec = Codec::default();
        let text = b"Received: from mail.example.org\r\n".repeat(100);
        let noise: Vec<u8> = (0u32..5000).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for raw in [&b""[..], b"x", &text, &noise] {
            let stored = codec.encode(raw).unwrap();
            assert!(stored.len() <= raw.len() + 1);
            assert_eq!(decoded(&codec, &stored, raw.len() as u64).unwrap(), raw);
        }
        assert!(codec.encode(&text).unwrap().len() < text.len() / 10);
    }

    /// A form that would unpack to far more than its row says is refused, not unpacked.
    #[test]
    fn a_bomb_is_refused() {
        let codec = Codec::default();
        let stored = codec.encode(&vec![0; 64 << 20]).unwrap();
        assert!(stored.len() < 64 << 10);
        assert!(matches!(decoded(&codec, &stored, 1000), Err(StoreError::Damaged(_))));
    }

    /// Any range of a long body, and no more of its stored form than the pieces it lies in.
    #[test]
    fn a_range_is_read_without_the_rest() {
        let codec = Codec::default();
        let mut state = 1_u32;
        let mut noise = || {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state as u8
        };
        let mut raw = b"Received: from mail.example.org\r\n".repeat(10_000);
        raw.extend((0..300_000).map(|_| noise()));
        raw.extend(b"Received: from mail.example.org\r\n".repeat(10_000));
        let (size, piece) = (raw.len() as u64, PIECE_BYTES as u64);
        let stored = codec.encode(&raw).unwrap();
        assert_eq!(decoded(&codec, &stored, size).unwrap(), raw);
        for (start, end) in [(0, 0), (0, 1), (piece - 1, piece + 1), (piece, 2 * piece), (5, size), (size, size + 9)] {
            let read = std::cell::Cell::new(0);
            let source = |range| {
                let found = part(&stored, range);
                read.set(read.get() + found.len());
                Ok(found.into())
            };
            let found = range_of(&codec, &source, size, start..end).unwrap();
            assert_eq!(found, part(&raw, start..end), "{start}..{end}");
            let pieces = (end.min(size).div_ceil(piece) - start / piece) as usize;
            assert!(read.get() <= 17 + pieces * PIECE_BYTES, "{start}..{end}: {}", read.get());
        }
        let shorter = |range: Range<u64>| Ok(part(&stored[..290_000], range).into());
        assert!(range_of(&codec, &shorter, size, 0..1).is_ok());
        assert!(matches!(range_of(&codec, &shorter, size, size - 1..size), Err(StoreError::Damaged(_))));
        // A body in one frame has ranges too.
        let stored = codec.encode(b"abcabcabcabcabcabcabcabcabcabcabc").unwrap();
        assert_eq!(range_of(&codec, &|range| Ok(part(&stored, range).into()), 33, 1..3).unwrap(), b"bc");
    }

    #[test]
    fn what_is_cut_or_unknown_is_damage() {
        let codec = Codec::default();
        let stored = codec.encode(&b"abc".repeat(1000)).unwrap();
        for broken in [vec![], vec![9, 1, 2], stored[..stored.len() / 2].to_vec(), vec![FORM_RAW, 1]] {
            assert!(matches!(decoded(&codec, &broken, 3000), Err(StoreError::Damaged(_))));
        }
    }
}
