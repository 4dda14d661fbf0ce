//! The machine's clock, moved on by a test: days pass in no time.

use postern_store::{Clock, SystemClock};
use postern_types::Timestamp;
use std::sync::atomic::{AtomicI64, Ordering};

/// The wall clock, ahead by what the test has let pass.
#[derive(Debug, Default)]
pub(crate) struct MovedClock(AtomicI64);

impl MovedClock {
    /// Lets time pass.
    pub(crate) fn pass_ms(&self, milliseconds: i64) {
        self.0.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

impl Clock for MovedClock {
    fn wall(&self) -> Timestamp {
        SystemClock.wall().plus_ms(self.0.load(Ordering::SeqCst))
    }
}
