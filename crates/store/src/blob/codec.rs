//! The stored form of a body: one byte that names the form, then the bytes.
//!
//! A body longer than a piece is kept in pieces, with the length of each beside them, so that a
//! range of it is read without the rest, and no more than one is in memory when it is stored.
//! Lines of base64 are kept as the bytes that they stand for ([`super::apart`]), by LZ4; text by
//! zstd. Compression is kept only where it makes something smaller. Unpacking is bounded by the
//! size on the body's row, so that a damaged or planted form can not fill the memory.

use super::apart::{Apart, Layout, read_number, write_number};
use super::files::Portion;
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
/// Pieces as they were before bodies were taken apart, which are read and no more written: first the length of each, four
/// bytes with the lowest in front; then one after the other, each a zstd frame or, where that would be no shorter, the
/// bytes as they are.
const FORM_FRAMES: u8 = 2;
/// A piece that was taken apart: its layout, the length of its text as it is kept, that, and then the bytes of its lines.
/// Text is a zstd frame and bytes are an LZ4 block, or either is as it is where that is no shorter.
const FORM_APART: u8 = 3;
/// Pieces one after the other, each in a form of its own; then the length of each, four bytes with the lowest in front.
/// They are at the end because nobody knows them before all is packed, and it is written as it is packed.
const FORM_PIECES: u8 = 4;
/// Bytes of the body in one piece; the last has what is left.
pub(super) const PIECE_BYTES: usize = 256 << 10;
/// The fastest level that codes single letters: higher ones gain little on mail.
const LEVEL: i32 = 1;
/// What is wrong with a body that is longer or shorter.
const NOT_ITS_SIZE: &str = "it has not the size that its row says";
/// Packers, and what unpacks, kept between bodies; each holds up to a MiB.
const KEPT: usize = 4;

/// Compresses and unpacks, keeping the library's working memory between bodies.
#[derive(Default)]
pub(super) struct Codec {
    packers: Mutex<Vec<Packer>>,
    decompressors: Mutex<Vec<Decompressor<'static>>>,
}

impl Codec {
    /// Begins to pack a body.
    pub fn packing<'a>(&'a self, raw: &'a [u8]) -> Result<Packing<'a>, StoreError> {
        let packer = match take(&self.packers) {
            Some(packer) => packer,
            None => Packer::new()?,
        };
        Ok(Packing { codec: self, packer: Some(packer), raw, next: 0, lengths: Vec::new(), is_done: false })
    }

    /// Appends the body of `size` bytes to `out`. Where that fails, `out` has some of it.
    pub fn decode(&self, stored: &[u8], size: u64, out: &mut Vec<u8>) -> Result<(), StoreError> {
        match stored.first() {
            Some(&(FORM_PIECES | FORM_FRAMES)) => {
                let begin = out.len();
                self.decode_range(&|portion| Ok(part(stored, portion).into()), size, 0..size, out)?;
                if (out.len() - begin) as u64 == size { Ok(()) } else { Err(damaged(NOT_ITS_SIZE)) }
            }
            _ => self.unpack(stored, in_memory(size)?, out),
        }
    }

    /// Appends a range of the body of `size` bytes to `out`. `read` answers some of its stored
    /// form, less where that ends. A body in one piece is unpacked whole.
    pub fn decode_range(
        &self,
        read: &ReadStored<'_>,
        size: u64,
        range: Range<u64>,
        out: &mut Vec<u8>,
    ) -> Result<(), StoreError> {
        let range = range.start.min(size)..range.end.min(size);
        let table = table_bytes(size);
        let head = read(Portion::Range(0..1 + table))?;
        match head.first() {
            Some(&FORM_PIECES) => {
                return self.decode_pieces((FORM_PIECES, 1), &read(Portion::Last(table))?, read, (size, range), out);
            }
            Some(&FORM_FRAMES) => {
                return self.decode_pieces((FORM_FRAMES, 1 + table), &head[1..], read, (size, range), out);
            }
            _ => {}
        }
        let begin = out.len();
        self.decode(&read(Portion::Range(0..u64::MAX))?, size, out)?;
        cut(out, begin, range.start as usize, (range.end.saturating_sub(range.start)) as usize);
        Ok(())
    }

    /// Of pieces of this form, which begin there, and whose lengths are in the table.
    fn decode_pieces(
        &self,
        (form, begin): (u8, u64),
        table: &[u8],
        read: &ReadStored<'_>,
        (size, range): (u64, Range<u64>),
        out: &mut Vec<u8>,
    ) -> Result<(), StoreError> {
        let piece_bytes = PIECE_BYTES as u64;
        if table.len() as u64 != table_bytes(size) {
            return Err(damaged("it ends within its lengths"));
        }
        let lengths = table.chunks_exact(4).map(|four| u32::from_le_bytes([four[0], four[1], four[2], four[3]]));
        let lengths: Vec<u64> = lengths.map(u64::from).collect();
        let (first, last) = (range.start / piece_bytes, range.end.div_ceil(piece_bytes));
        let wanted = lengths.get(first as usize..last as usize).unwrap_or_default();
        let start = begin + lengths.iter().take(first as usize).sum::<u64>();
        let stored = read(Portion::Range(start..start + wanted.iter().sum::<u64>()))?;
        let begin = out.len();
        out.reserve(in_memory((wanted.len() as u64 * piece_bytes).min(size))?);
        let mut at = 0;
        for (piece, length) in (first..).zip(wanted) {
            let raw_length = (size - piece * piece_bytes).min(piece_bytes) as usize;
            let bytes = part(&stored, Portion::Range(at..at + length));
            at += length;
            match form {
                FORM_PIECES => self.unpack(bytes, raw_length, out)?,
                _ if bytes.len() == raw_length => out.extend_from_slice(bytes),
                _ => self.unpack_frame(bytes, raw_length, out)?,
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

    /// Appends a piece of `size` bytes.
    fn unpack(&self, stored: &[u8], size: usize, out: &mut Vec<u8>) -> Result<(), StoreError> {
        let begin = out.len();
        match stored.split_first() {
            Some((&FORM_RAW, raw)) => out.extend_from_slice(raw),
            Some((&FORM_ZSTD, frame)) => self.unpack_frame(frame, size, out)?,
            Some((&FORM_APART, parts)) => self.unpack_apart(parts, size, out)?,
            Some(_) => return Err(damaged("its form is not known; it may come from a newer Postern")),
            None => return Err(damaged("it is empty")),
        }
        if out.len() - begin == size { Ok(()) } else { Err(damaged(NOT_ITS_SIZE)) }
    }

    /// Appends a piece of `size` bytes that was taken apart.
    fn unpack_apart(&self, mut stored: &[u8], size: usize, out: &mut Vec<u8>) -> Result<(), StoreError> {
        let wrong = || damaged("it does not fit its layout");
        if size > PIECE_BYTES {
            return Err(wrong());
        }
        let layout = Layout::read(&mut stored, size).ok_or_else(wrong)?;
        let (text_size, bytes_size) = layout.sizes(size).ok_or_else(wrong)?;
        let text_length = read_number(&mut stored).ok_or_else(wrong)?;
        let (text, bytes) = stored.split_at_checked(text_length).ok_or_else(wrong)?;
        let mut text = Cow::Borrowed(text);
        if text.len() != text_size {
            let mut unpacked = Vec::new();
            self.unpack_frame(&text, text_size, &mut unpacked)?;
            text = unpacked.into();
        }
        let mut bytes = Cow::Borrowed(bytes);
        if bytes.len() != bytes_size {
            let mut unpacked = vec![0; bytes_size];
            if !lz4_flex::block::decompress_into(&bytes, &mut unpacked).is_ok_and(|length| length == bytes_size) {
                return Err(damaged("what is in a block has not the size that its row says"));
            }
            bytes = unpacked.into();
        }
        out.reserve(size);
        layout.put_together(&text, &bytes, out).ok_or_else(wrong)
    }

    /// Appends what is in a frame, which is `size` bytes.
    fn unpack_frame(&self, frame: &[u8], size: usize, out: &mut Vec<u8>) -> Result<(), StoreError> {
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

/// Answers some of a stored form.
pub(super) type ReadStored<'a> = dyn Fn(Portion) -> Result<Cow<'a, [u8]>, StoreError> + 'a;

/// A body on its way into its stored form.
pub(super) struct Packing<'a> {
    codec: &'a Codec,
    packer: Option<Packer>,
    raw: &'a [u8],
    /// How much of it is packed.
    next: usize,
    /// Of the pieces that are packed.
    lengths: Vec<u8>,
    is_done: bool,
}

impl Packing<'_> {
    /// Appends the next piece to `out`; false at the end.
    pub fn next(&mut self, out: &mut Vec<u8>) -> Result<bool, StoreError> {
        let Some(packer) = self.packer.as_mut().filter(|_| !self.is_done) else { return Ok(false) };
        let is_long = self.raw.len() > PIECE_BYTES;
        if is_long && self.next == 0 {
            out.push(FORM_PIECES);
        }
        let begin = out.len();
        let end = self.raw.len().min(self.next + PIECE_BYTES);
        packer.pack(&self.raw[self.next..end], out)?;
        self.next = end;
        self.is_done = end == self.raw.len();
        if is_long {
            self.lengths.extend_from_slice(&((out.len() - begin) as u32).to_le_bytes());
        }
        if self.is_done {
            out.extend_from_slice(&self.lengths);
        }
        Ok(true)
    }
}

impl Drop for Packing<'_> {
    fn drop(&mut self) {
        if let Some(packer) = self.packer.take() {
            give_back(&self.codec.packers, packer);
        }
    }
}

/// Packs pieces, one after the other in the same memory.
struct Packer {
    compressor: Compressor<'static>,
    apart: Apart,
    frame: Vec<u8>,
    block: Vec<u8>,
}

impl Packer {
    fn new() -> Result<Self, StoreError> {
        let compressor = Compressor::new(LEVEL).map_err(failed)?;
        Ok(Self { compressor, apart: Apart::default(), frame: Vec::new(), block: Vec::new() })
    }

    /// Appends a piece in the form that suits it, which is at most a byte longer than the piece.
    fn pack(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), StoreError> {
        let begin = out.len();
        if self.apart.take(piece) {
            self.pack_apart(out)?;
            if out.len() - begin < piece.len() {
                return Ok(());
            }
            out.truncate(begin);
        }
        compress(&mut self.compressor, piece, &mut self.frame)?;
        out.push(if self.frame.len() < piece.len() { FORM_ZSTD } else { FORM_RAW });
        out.extend_from_slice(shorter(&self.frame, piece));
        Ok(())
    }

    fn pack_apart(&mut self, out: &mut Vec<u8>) -> Result<(), StoreError> {
        let Apart { layout, text, bytes } = &self.apart;
        out.push(FORM_APART);
        layout.write(out);
        compress(&mut self.compressor, text, &mut self.frame)?;
        let packed = shorter(&self.frame, text);
        write_number(packed.len(), out);
        out.extend_from_slice(packed);
        self.block.resize(lz4_flex::block::get_maximum_output_size(bytes.len()), 0);
        let length = lz4_flex::block::compress_into(bytes, &mut self.block);
        let length = length.map_err(|error| StoreError::Engine(format!("compression: {error}")))?;
        out.extend_from_slice(shorter(&self.block[..length], bytes));
        Ok(())
    }
}

/// Makes a frame of these bytes, in place of what is there.
fn compress(compressor: &mut Compressor<'static>, bytes: &[u8], frame: &mut Vec<u8>) -> Result<(), StoreError> {
    frame.clear();
    frame.reserve(zstd::zstd_safe::compress_bound(bytes.len()));
    compressor.compress_to_buffer(bytes, frame).map_err(failed)?;
    Ok(())
}

/// What is packed, unless the bytes as they are take no more.
fn shorter<'a>(packed: &'a [u8], raw: &'a [u8]) -> &'a [u8] {
    if packed.len() < raw.len() { packed } else { raw }
}

/// Bytes of the lengths of all pieces of a body of `size` bytes.
fn table_bytes(size: u64) -> u64 {
    4 * size.div_ceil(PIECE_BYTES as u64)
}

fn in_memory(size: u64) -> Result<usize, StoreError> {
    usize::try_from(size).map_err(|_| damaged("its size is beyond memory"))
}

/// Leaves of what follows `begin` these bytes: `length` of them after so many.
fn cut(out: &mut Vec<u8>, begin: usize, skipped: usize, length: usize) {
    out.truncate(begin + skipped + length);
    out.drain(begin..begin + skipped);
}

/// What of it is there.
pub(super) fn part(bytes: &[u8], portion: Portion) -> &[u8] {
    let place = |at: u64| usize::try_from(at).map_or(bytes.len(), |at| at.min(bytes.len()));
    match portion {
        Portion::Range(range) => {
            let end = place(range.end);
            &bytes[place(range.start).min(end)..end]
        }
        Portion::Last(count) => &bytes[bytes.len() - place(count)..],
    }
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
    StoreError::Body(format!("a stored body can not be read: {how}"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{base64_lines, noise};
    use super::*;

    fn encoded(codec: &Codec, raw: &[u8]) -> Vec<u8> {
        let (mut packing, mut stored) = (codec.packing(raw).unwrap(), Vec::new());
        while packing.next(&mut stored).unwrap() {}
        stored
    }

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
            let stored = encoded(&codec, raw);
            assert!(stored.len() <= raw.len() + 1);
            assert_eq!(decoded(&codec, &stored, raw.len() as u64).unwrap(), raw);
        }
        assert!(encoded(&codec, &text).len() < text.len() / 10);
    }

    /// Lines of base64 of these bytes.
    fn base64(bytes: &[u8]) -> Vec<u8> {
        base64_lines(bytes, 76, "\r\n").into_bytes()
    }

    /// A picture takes no more than its bytes, whatever its letters would; a table shrinks as well.
    #[test]
    fn attachments_take_their_bytes() {
        let codec = Codec::default();
        let text = b"Content-Transfer-Encoding: base64\r\n\r\n".repeat(4);
        let picture = noise(1, 400_000);
        let raw = [&text[..], &base64(&picture), &text].concat();
        let stored = encoded(&codec, &raw);
        assert_eq!(decoded(&codec, &stored, raw.len() as u64).unwrap(), raw);
        assert!(stored.len() < picture.len() + 600, "{} of {}", stored.len(), picture.len());
        let table = base64(&b"2026-11-26;support;12.50;EUR\r\n".repeat(3_000));
        let stored = encoded(&codec, &table);
        assert_eq!((stored[0], decoded(&codec, &stored, table.len() as u64).unwrap() == table), (FORM_APART, true));
        assert!(stored.len() < table.len() / 20, "{} of {}", stored.len(), table.len());
    }

    /// Forms that are no more written.
    #[test]
    fn what_was_kept_before_is_read() {
        let codec = Codec::default();
        let raw = [b"Received: from mail.example.org\r\n".repeat(10_000), noise(1, PIECE_BYTES)].concat();
        let mut stored = vec![0; 1 + table_bytes(raw.len() as u64) as usize];
        stored[0] = FORM_FRAMES;
        for (index, piece) in raw.chunks(PIECE_BYTES).enumerate() {
            let frame = zstd::bulk::compress(piece, LEVEL).unwrap();
            let kept = shorter(&frame, piece);
            stored[1 + 4 * index..][..4].copy_from_slice(&(kept.len() as u32).to_le_bytes());
            stored.extend_from_slice(kept);
        }
        let size = raw.len() as u64;
        assert_eq!(decoded(&codec, &stored, size).unwrap(), raw);
        let range = size - 300_000..size - 10;
        assert_eq!(
            range_of(&codec, &|portion| Ok(part(&stored, portion).into()), size, range.clone()).unwrap(),
            part(&raw, Portion::Range(range))
        );
    }

    /// Whatever is planted or flipped, it is refused or is something of just that size.
    #[test]
    fn damage_to_what_is_apart_is_found_or_harmless() {
        let codec = Codec::default();
        let raw =
            [&b"Subject: a table and a picture\r\n\r\n"[..], &base64(&noise(1, 900)), &base64(&[65; 1_200])].concat();
        let stored = encoded(&codec, &raw);
        assert_eq!(stored[0], FORM_APART);
        let size = raw.len() as u64;
        for at in 0..stored.len() {
            for flip in [1, 0x40, 0x80, 0xFF] {
                let mut broken = stored.clone();
                broken[at] ^= flip;
                match decoded(&codec, &broken, size) {
                    Ok(other) => assert_eq!(other.len(), raw.len(), "{flip} at {at}"),
                    Err(error) => assert!(matches!(error, StoreError::Body(_)), "{flip} at {at}: {error}"),
                }
            }
            assert!(matches!(decoded(&codec, &stored[..at], size), Err(StoreError::Body(_))), "cut at {at}");
        }
        for other in [0, 10, size - 1, size + 1] {
            assert!(matches!(decoded(&codec, &stored, other), Err(StoreError::Body(_))), "{other}");
        }
    }

    /// A form that would unpack to far more than its row says is refused, not unpacked.
    #[test]
    fn a_bomb_is_refused() {
        let codec = Codec::default();
        let stored = encoded(&codec, &vec![0; 64 << 20]);
        assert!(stored.len() < 64 << 10);
        assert!(matches!(decoded(&codec, &stored, 1000), Err(StoreError::Body(_))));
    }

    /// Any range of a long body, and no more of its stored form than the pieces it lies in.
    #[test]
    fn a_range_is_read_without_the_rest() {
        let codec = Codec::default();
        let mut raw = b"Received: from mail.example.org\r\n".repeat(10_000);
        raw.extend(noise(1, 300_000));
        raw.extend(b"Received: from mail.example.org\r\n".repeat(10_000));
        let (size, piece) = (raw.len() as u64, PIECE_BYTES as u64);
        let stored = encoded(&codec, &raw);
        assert_eq!(decoded(&codec, &stored, size).unwrap(), raw);
        for (start, end) in [(0, 0), (0, 1), (piece - 1, piece + 1), (piece, 2 * piece), (5, size), (size, size + 9)] {
            let read = std::cell::Cell::new(0);
            let source = |portion| {
                let found = part(&stored, portion);
                read.set(read.get() + found.len());
                Ok(found.into())
            };
            let found = range_of(&codec, &source, size, start..end).unwrap();
            assert_eq!(found, part(&raw, Portion::Range(start..end)), "{start}..{end}");
            let pieces = (end.min(size).div_ceil(piece) - start / piece) as usize;
            assert!(read.get() <= 33 + pieces * (PIECE_BYTES + 1), "{start}..{end}: {}", read.get());
        }
        let cut = [&stored[..290_000], &stored[stored.len() - table_bytes(size) as usize..]].concat();
        let shorter = |portion| Ok(part(&cut, portion).into());
        assert!(range_of(&codec, &shorter, size, 0..1).is_ok());
        assert!(matches!(range_of(&codec, &shorter, size, size - 1..size), Err(StoreError::Body(_))));
        // A body in one frame has ranges too.
        let stored = encoded(&codec, b"abcabcabcabcabcabcabcabcabcabcabc");
        assert_eq!(range_of(&codec, &|portion| Ok(part(&stored, portion).into()), 33, 1..3).unwrap(), b"bc");
    }

    #[test]
    fn what_is_cut_or_unknown_is_damage() {
        let codec = Codec::default();
        let stored = encoded(&codec, &b"abc".repeat(1000));
        for broken in [vec![], vec![9, 1, 2], stored[..stored.len() / 2].to_vec(), vec![FORM_RAW, 1]] {
            assert!(matches!(decoded(&codec, &broken, 3000), Err(StoreError::Body(_))));
        }
    }
}
