//! The bytes of one message, read when somebody asks for them and no sooner.

use postern_store::{Access, Blobs, BodyPlace, Read, StoreError, StoredBody, StoredForm};
use std::borrow::Cow;
use std::cell::{Cell, OnceCell};
use std::fmt;
use std::ops::Range;

/// The bytes of a message.
pub trait Content: fmt::Debug {
    /// How many there are.
    fn size(&self) -> u64;
    /// Some of them; what of the range lies beyond the size is left out.
    fn read(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>, Unreadable>;

    /// All of them.
    fn whole(&self) -> Result<Cow<'_, [u8]>, Unreadable> {
        self.read(0..self.size())
    }
}

/// A message can not be read. The house has the cause.
#[derive(Debug, thiserror::Error)]
#[error("The message can not be read")]
pub struct Unreadable(pub(crate) StoreError);

/// A message in memory.
impl Content for Vec<u8> {
    fn size(&self) -> u64 {
        self.len() as u64
    }
    fn read(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>, Unreadable> {
        Ok(Cow::Borrowed(slice(self, range)))
    }
}

/// Messages up to this size are read whole when any of their bytes are asked for.
const READ_WHOLE_BYTES: u64 = 256 << 10;

/// A message where the house keeps it.
pub(crate) struct Kept<'a> {
    access: &'a Access<'a, Read>,
    blobs: &'a Blobs,
    place: BodyPlace,
    whole: OnceCell<Vec<u8>>,
    read_bytes: Cell<u64>,
}

impl<'a> Kept<'a> {
    pub(crate) fn new(access: &'a Access<'a, Read>, blobs: &'a Blobs, place: BodyPlace) -> Self {
        Self { access, blobs, place, whole: OnceCell::new(), read_bytes: Cell::new(0) }
    }

    /// Bytes that were loaded so far.
    pub(crate) fn read_bytes(&self) -> u64 {
        self.read_bytes.get()
    }

    pub(crate) fn into_place(self) -> BodyPlace {
        self.place
    }

    fn count(&self, bytes: Vec<u8>) -> Vec<u8> {
        self.read_bytes.set(self.read_bytes.get() + bytes.len() as u64);
        bytes
    }

    fn load(&self) -> Result<&[u8], StoreError> {
        if let Some(whole) = self.whole.get() {
            return Ok(whole);
        }
        let StoredBody { key, inline, size } = self.access.body_at(&self.place)?;
        let whole = self.blobs.load(key, size, inline.map_or(StoredForm::File, StoredForm::Inline))?;
        Ok(self.whole.get_or_init(|| self.count(whole)))
    }

    fn load_range(&self, range: Range<u64>) -> Result<Vec<u8>, StoreError> {
        let StoredBody { key, inline, size } = self.access.body_at(&self.place)?;
        let stored = inline.map_or(StoredForm::File, StoredForm::Inline);
        self.blobs.load_range(key, size, &stored, range).map(|bytes| self.count(bytes))
    }
}

impl Content for Kept<'_> {
    fn size(&self) -> u64 {
        self.place.size()
    }
    fn read(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>, Unreadable> {
        let is_whole = range.start == 0 && range.end >= self.size();
        if is_whole || self.size() <= READ_WHOLE_BYTES || self.whole.get().is_some() {
            return self.load().map(|whole| Cow::Borrowed(slice(whole, range))).map_err(Unreadable);
        }
        self.load_range(range).map(Cow::Owned).map_err(Unreadable)
    }
}

impl fmt::Debug for Kept<'_> {
    /// Leaves the message out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("place", &self.place).finish_non_exhaustive()
    }
}

fn slice(bytes: &[u8], range: Range<u64>) -> &[u8] {
    let place = |at: u64| usize::try_from(at).map_or(bytes.len(), |at| at.min(bytes.len()));
    let (start, end) = (place(range.start), place(range.end));
    &bytes[start.min(end)..end]
}
