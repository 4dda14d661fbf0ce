//! The bytes of one message, read when somebody asks for them and no sooner.

use postern_store::{Access, Blobs, BodyKey, BodyPlace, Read, StoreError, StoredForm};
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

    /// Appends all of them to `out`. Where that fails, `out` has some of them.
    fn append(&self, out: &mut Vec<u8>) -> Result<(), Unreadable> {
        out.extend_from_slice(&self.whole()?);
        Ok(())
    }

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

/// What is done with a stored form.
type EachForm<'e> = dyn FnMut(BodyKey, StoredForm<'_>) -> Result<(), StoreError> + 'e;

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

    /// Refuses where they can not be read because they are not there. A file is not read for it.
    pub(crate) fn is_there(&self) -> Result<(), Unreadable> {
        if self.whole.get().is_some() {
            return Ok(());
        }
        self.stored(&mut |key, stored| self.blobs.is_there(key, stored)).map_err(Unreadable)
    }

    /// Hands over its stored form. One that the database does not hand over is put right by whoever brings it again.
    fn stored(&self, each: &mut EachForm<'_>) -> Result<(), StoreError> {
        let read = self.access.body_at(&self.place, each);
        if let Err(StoreError::Body(_)) = &read {
            self.blobs.note_unread(&self.place);
        }
        read
    }

    pub(crate) fn into_place(self) -> BodyPlace {
        self.place
    }

    fn count(&self, bytes: usize) {
        self.read_bytes.set(self.read_bytes.get() + bytes as u64);
    }

    fn load(&self) -> Result<&[u8], StoreError> {
        if let Some(whole) = self.whole.get() {
            return Ok(whole);
        }
        let mut whole = Vec::new();
        self.unpack(&mut whole)?;
        Ok(self.whole.get_or_init(|| whole))
    }

    /// Unpacks all of it behind what is in `out`.
    fn unpack(&self, out: &mut Vec<u8>) -> Result<(), StoreError> {
        let size = self.size();
        self.stored(&mut |key, stored| self.blobs.append(key, size, stored, out))?;
        self.count(size as usize);
        Ok(())
    }

    fn load_range(&self, range: Range<u64>) -> Result<Vec<u8>, StoreError> {
        let (size, mut bytes) = (self.size(), Vec::new());
        self.stored(&mut |key, stored| {
            bytes = self.blobs.load_range(key, size, stored, range.clone())?;
            Ok(())
        })?;
        self.count(bytes.len());
        Ok(bytes)
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
    /// Unpacks straight into `out`, unless it was unpacked before.
    fn append(&self, out: &mut Vec<u8>) -> Result<(), Unreadable> {
        match self.whole.get() {
            Some(whole) => {
                out.extend_from_slice(whole);
                Ok(())
            }
            None => self.unpack(out).map_err(Unreadable),
        }
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
