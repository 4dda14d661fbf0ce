//! The stored form of a body: one byte that names the form, then the bytes.
//!
//! Compression is kept only where it makes the body smaller. Unpacking is bounded by the
//! size on the body's row, so that a damaged or planted form can not fill the memory.

use crate::StoreError;
use std::sync::{Mutex, PoisonError};
use zstd::bulk::{Compressor, Decompressor};

/// The bytes as they are.
const FORM_RAW: u8 = 0;
/// A zstd frame.
const FORM_ZSTD: u8 = 1;
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
        let compressed = compressor.compress(raw).map_err(failed)?;
        give_back(&self.compressors, compressor);
        let (form, bytes) =
            if compressed.len() < raw.len() { (FORM_ZSTD, compressed.as_slice()) } else { (FORM_RAW, raw) };
        let mut stored = Vec::with_capacity(1 + bytes.len());
        stored.push(form);
        stored.extend_from_slice(bytes);
        Ok(stored)
    }

    /// The body of `size` bytes.
    pub fn decode(&self, mut stored: Vec<u8>, size: u64) -> Result<Vec<u8>, StoreError> {
        let size = usize::try_from(size).map_err(|_| damaged("its size is beyond memory"))?;
        let raw = match stored.first() {
            Some(&FORM_RAW) => {
                stored.remove(0);
                stored
            }
            Some(&FORM_ZSTD) => self.unpack(&stored[1..], size)?,
            Some(_) => return Err(damaged("its form is not known; it may come from a newer Postern")),
            None => return Err(damaged("it is empty")),
        };
        if raw.len() == size { Ok(raw) } else { Err(damaged("it has not the size that its row says")) }
    }

    fn unpack(&self, frame: &[u8], size: usize) -> Result<Vec<u8>, StoreError> {
        let mut decompressor = match take(&self.decompressors) {
            Some(decompressor) => decompressor,
            None => Decompressor::new().map_err(failed)?,
        };
        let raw = decompressor.decompress(frame, size).map_err(|error| damaged(&error.to_string()))?;
        give_back(&self.decompressors, decompressor);
        Ok(raw)
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
    StoreError::Damaged(format!("a stored body can not be read: {how}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_bytes_come_back_and_text_gets_smaller() {
        let codec = Codec::default();
        let text = b"Received: from mail.example.org\r\n".repeat(100);
        let noise: Vec<u8> = (0u32..5000).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for raw in [&b""[..], b"x", &text, &noise] {
            let stored = codec.encode(raw).unwrap();
            assert!(stored.len() <= raw.len() + 1);
            assert_eq!(codec.decode(stored, raw.len() as u64).unwrap(), raw);
        }
        assert!(codec.encode(&text).unwrap().len() < text.len() / 10);
    }

    /// A form that would unpack to far more than its row says is refused, not unpacked.
    #[test]
    fn a_bomb_is_refused() {
        let codec = Codec::default();
        let stored = codec.encode(&vec![0; 64 << 20]).unwrap();
        assert!(stored.len() < 64 << 10);
        assert!(matches!(codec.decode(stored, 1000), Err(StoreError::Damaged(_))));
    }

    #[test]
    fn what_is_cut_or_unknown_is_damage() {
        let codec = Codec::default();
        let stored = codec.encode(&b"abc".repeat(1000)).unwrap();
        for broken in [vec![], vec![9, 1, 2], stored[..stored.len() / 2].to_vec(), vec![FORM_RAW, 1]] {
            assert!(matches!(codec.decode(broken, 3000), Err(StoreError::Damaged(_))));
        }
    }
}
