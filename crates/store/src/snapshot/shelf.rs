//! Where snapshots are kept for whoever opens their mailboxes next: at most so many bytes of them.

use super::Kept;
use postern_types::{MailboxId, PersonId};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is kept: a mailbox, or what one person has seen of it.
pub(crate) type Key = (MailboxId, Option<PersonId>);

/// One of them as it was last read. Who reads it holds the lock, so that many who come at once read it once.
pub(crate) type Place = Arc<Mutex<Option<Arc<Kept>>>>;

/// The snapshots of a database, least recently used ones first to go.
#[derive(Debug)]
pub(crate) struct Shelf {
    most_bytes: usize,
    books: Mutex<Books>,
}

#[derive(Debug, Default)]
struct Books {
    by_key: HashMap<Key, Book>,
    /// The same by when they were used last.
    by_use: BTreeMap<u64, Key>,
    /// Bytes of all of them.
    bytes: usize,
    /// Counts uses.
    clock: u64,
}

#[derive(Debug, Default)]
struct Book {
    place: Place,
    bytes: usize,
    used: u64,
}

impl Shelf {
    pub fn new(most_bytes: usize) -> Self {
        Self { most_bytes, books: Mutex::default() }
    }

    /// The place of a snapshot, which may be empty.
    pub fn place(&self, key: Key) -> Place {
        let mut books = self.books();
        books.clock += 1;
        let used = books.clock;
        let book = books.by_key.entry(key).or_default();
        let (before, place) = (std::mem::replace(&mut book.used, used), Arc::clone(&book.place));
        books.by_use.remove(&before);
        books.by_use.insert(used, key);
        place
    }

    /// Is there one? A place alone is none.
    pub fn has(&self, key: Key) -> bool {
        self.books().by_key.get(&key).is_some_and(|book| book.bytes > 0)
    }

    /// Notes how many bytes the one at this place takes now. Others go while there are too many, but never this one.
    pub fn note(&self, key: Key, place: &Place, bytes: usize) {
        let mut books = self.books();
        let Some(book) = books.by_key.get_mut(&key).filter(|book| Arc::ptr_eq(&book.place, place)) else { return };
        let before = std::mem::replace(&mut book.bytes, bytes);
        books.bytes = books.bytes - before + bytes;
        while books.bytes > self.most_bytes {
            let mut oldest = books.by_use.iter().map(|(used, other)| (*used, *other));
            let Some((used, oldest)) = oldest.find(|(_, other)| *other != key) else { return };
            books.by_use.remove(&used);
            books.bytes -= books.by_key.remove(&oldest).map_or(0, |book| book.bytes);
        }
    }

    /// Bytes of what is kept.
    pub fn bytes(&self) -> usize {
        self.books().bytes
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postern_types::AccountId;

    fn key(number: i64) -> Key {
        (MailboxId::pack(AccountId::new(1).unwrap(), number).unwrap(), None)
    }

    #[test]
    fn the_least_recently_used_ones_go() {
        let shelf = Shelf::new(100);
        let places: Vec<Place> = (1..=3).map(|number| shelf.place(key(number))).collect();
        (1..=3).for_each(|number| shelf.note(key(number), &places[number as usize - 1], 30));
        assert!(Arc::ptr_eq(&shelf.place(key(1)), &places[0]));
        shelf.note(key(3), &places[2], 50);
        assert_eq!(shelf.bytes(), 80);
        assert!(shelf.has(key(1)) && !shelf.has(key(2)) && !shelf.has(key(9)));
        assert!(Arc::ptr_eq(&shelf.place(key(1)), &places[0]) && Arc::ptr_eq(&shelf.place(key(3)), &places[2]));
        assert!(!Arc::ptr_eq(&shelf.place(key(2)), &places[1]));
    }

    #[test]
    fn one_that_is_too_large_alone_stays_alone() {
        let shelf = Shelf::new(100);
        let small = shelf.place(key(1));
        shelf.note(key(1), &small, 40);
        let large = shelf.place(key(2));
        shelf.note(key(2), &large, 400);
        assert_eq!(shelf.bytes(), 400);
        assert!(Arc::ptr_eq(&shelf.place(key(2)), &large));
        // Its old place is nobody's any more.
        shelf.note(key(1), &small, 40);
        assert_eq!(shelf.bytes(), 400);
        let small = shelf.place(key(1));
        shelf.note(key(1), &small, 40);
        assert_eq!(shelf.bytes(), 40);
        let books = shelf.books();
        assert_eq!((books.by_key.len(), books.by_use.len()), (1, 1));
    }
}
