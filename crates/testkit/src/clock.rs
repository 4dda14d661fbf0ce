//! A clock that a test moves on: days pass in no time.

use postern_store::Clock;
use postern_types::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Another clock, ahead by what the test has let pass.
pub(crate) struct MovedClock {
    base: Arc<dyn Clock>,
    ahead_ms: AtomicI64,
}

impl MovedClock {
    /// Begins with what the other says.
    pub(crate) fn over(base: Arc<dyn Clock>) -> Self {
        Self { base, ahead_ms: AtomicI64::new(0) }
    }

    /// Lets time pass.
    pub(crate) fn pass_ms(&self, milliseconds: i64) {
        self.ahead_ms.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

/// A clock that stands still: time passes where a test lets it, and nowhere else.
pub(crate) struct StandingClock(pub(crate) Timestamp);

impl Clock for StandingClock {
    fn wall(&self) -> Timestamp {
        self.0
    }
}

impl Clock for MovedClock {
    fn wall(&self) -> Timestamp {
        self.base.wall().plus_ms(self.ahead_ms.load(Ordering::SeqCst))
    }
}
