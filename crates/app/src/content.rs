//! The bytes of one message, read when somebody asks for them and no sooner.

use postern_store::{Access, Blobs, FetchRow, Read, StoreError, StoredForm};
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

/// A message where the house keeps it.
pub(crate) struct Kept<'a> {
    access: &'a Access<'a, Read>,
    blobs: &'a Blobs,
    row: &'a FetchRow<'a>,
    size: u64,
    whole: OnceCell<Vec<u8>>,
    read_bytes: Cell<u64>,
}

impl<'a> Kept<'a> {
    pub(crate) fn new(
        access: &'a Access<'a, Read>,
        blobs: &'a Blobs,
        row: &'a FetchRow<'a>,
    ) -> Result<Self, StoreError> {
        let size = row.size()?;
        Ok(Self { access, blobs, row, size, whole: OnceCell::new(), read_bytes: Cell::new(0) })
    }

    /// Bytes that were loaded so far.
    pub(crate) fn read_bytes(&self) -> u64 {
        self.read_bytes.get()
    }

    fn load(&self) -> Result<&[u8], StoreError> {
        if let Some(whole) = self.whole.get() {
            return Ok(whole);
        }
        let body = self.access.body_of(self.row)?;
        let stored = body.inline.map_or(StoredForm::File, StoredForm::Inline);
        let whole = self.blobs.load(body.key, body.size, stored)?;
        self.read_bytes.set(self.read_bytes.get() + whole.len() as u64);
        Ok(self.whole.get_or_init(|| whole))
    }
}

impl Content for Kept<'_> {
    fn size(&self) -> u64 {
        self.size
    }
    fn read(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>, Unreadable> {
        Ok(Cow::Borrowed(slice(self.load().map_err(Unreadable)?, range)))
    }
}

impl fmt::Debug for Kept<'_> {
    /// Leaves the message out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept").field("size", &self.size).finish_non_exhaustive()
    }
}

fn slice(bytes: &[u8], range: Range<u64>) -> &[u8] {
    let place = |at: u64| usize::try_from(at).map_or(bytes.len(), |at| at.min(bytes.len()));
    let (start, end) = (place(range.start), place(range.end));
    &bytes[start.min(end)..end]
}
