//! For the fuzz targets alone: the stored form of a body, read and written without a database.
//!
//! A disk may be damaged, and a copy of a house may come from anybody: what is stored is read as carefully as what is
//! sent.

use super::codec::{Codec, part};
use super::files::Portion;
use crate::StoreError;
use std::ops::Range;
use std::sync::LazyLock;

/// One for all, as a house has it.
static CODEC: LazyLock<Codec> = LazyLock::new(Codec::default);

/// A body as it is kept.
pub fn pack(raw: &[u8]) -> Result<Vec<u8>, StoreError> {
    let (mut packing, mut stored) = (CODEC.packing(raw)?, Vec::new());
    while packing.next(&mut stored)? {}
    Ok(stored)
}

/// A body of so many bytes, from what is kept of it.
pub fn unpack(stored: &[u8], size: u64) -> Result<Vec<u8>, StoreError> {
    let mut out = Vec::new();
    CODEC.decode(stored, size, &mut out)?;
    Ok(out)
}

/// Some of it.
pub fn unpack_range(stored: &[u8], size: u64, range: Range<u64>) -> Result<Vec<u8>, StoreError> {
    let mut out = Vec::new();
    let read = |portion: Portion| Ok(part(stored, portion).into());
    CODEC.decode_range(&read, size, range, &mut out)?;
    Ok(out)
}
