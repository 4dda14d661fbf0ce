//! Where time comes from, and house time, which never goes back.
//!
//! A clock that is set back must not revive a grant that has ended or bring two messages
//! out of order, so house time = max(wall, kept high water). The high water lies in the
//! house row, raised by the writer inside a batch that is committed anyway.

use crate::sql::statements;
use postern_types::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// How far house time may run ahead of the kept high water before it is kept again: the
/// most that time can go back over a restart with a clock set back.
const HIGH_WATER_STEP_MS: i64 = 5_000;

statements! {
    /// House time as it was last kept. The house row is one row, by its key.
    CLOCK_HIGH = "SELECT clock_high_ms FROM house WHERE id = 1";
    /// Raises the kept house time to `$1`; it never falls. The house row is one row, by its key.
    RAISE_CLOCK_HIGH = "UPDATE house SET clock_high_ms = $1 WHERE id = 1 AND clock_high_ms < $1";
}

/// A wall clock.
pub trait Clock: Send + Sync + 'static {
    /// What the wall says now.
    fn wall(&self) -> Timestamp;
}

/// The clock of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the machine")]
    fn wall(&self) -> Timestamp {
        timestamp_of(SystemTime::now())
    }
}

/// A clock that stands still until it is moved: for tests, in every crate.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows this.
    pub fn new(at: Timestamp) -> Self {
        Self(AtomicI64::new(at.0))
    }
    /// Shows this from now on, earlier or later.
    pub fn set(&self, at: Timestamp) {
        self.0.store(at.0, Ordering::SeqCst);
    }
    /// Moves on by this many milliseconds.
    pub fn advance_ms(&self, milliseconds: i64) {
        self.0.fetch_add(milliseconds, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn wall(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

/// House time: at least the wall's, at least the highest it ever showed.
pub struct HouseClock {
    wall: Arc<dyn Clock>,
    high: AtomicI64,
    kept: AtomicI64,
}

impl HouseClock {
    /// House time over this wall clock, with nothing kept yet.
    pub fn new(wall: Arc<dyn Clock>) -> Self {
        Self { wall, high: AtomicI64::new(i64::MIN), kept: AtomicI64::new(i64::MIN) }
    }

    /// House time.
    pub fn now(&self) -> Timestamp {
        let wall = self.wall.wall().0;
        Timestamp(self.high.fetch_max(wall, Ordering::SeqCst).max(wall))
    }

    /// The high water that the database holds: house time is never below it again.
    pub(crate) fn has_kept(&self, high: Timestamp) {
        self.kept.fetch_max(high.0, Ordering::SeqCst);
        self.high.fetch_max(high.0, Ordering::SeqCst);
    }

    /// The high water to keep, if house time has moved on enough to be worth it.
    pub(crate) fn to_keep(&self) -> Option<Timestamp> {
        let now = self.now();
        let kept = self.kept.load(Ordering::SeqCst);
        (now.0 > kept.saturating_add(HIGH_WATER_STEP_MS)).then_some(now)
    }
}

pub(crate) fn timestamp_of(time: SystemTime) -> Timestamp {
    let milliseconds = match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |before| -before),
    };
    Timestamp(milliseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn house_time_stands_still_while_the_wall_is_behind() {
        let wall = Arc::new(ManualClock::new(Timestamp(1_000_000)));
        let house = HouseClock::new(wall.clone());
        assert_eq!(house.now(), Timestamp(1_000_000));
        wall.set(Timestamp(400_000));
        assert_eq!(house.now(), Timestamp(1_000_000));
        wall.set(Timestamp(1_000_001));
        assert_eq!(house.now(), Timestamp(1_000_001));
    }

    #[test]
    fn the_high_water_is_kept_in_steps_and_respected_after_a_restart() {
        let wall = Arc::new(ManualClock::new(Timestamp(1_000_000)));
        let house = HouseClock::new(wall.clone());
        house.has_kept(Timestamp(2_000_000));
        assert_eq!(house.now(), Timestamp(2_000_000));
        wall.set(Timestamp(2_005_000));
        assert_eq!(house.to_keep(), None, "not yet worth a write");
        wall.advance_ms(1);
        assert_eq!(house.to_keep(), Some(Timestamp(2_005_001)));
        house.has_kept(Timestamp(2_005_001));
        assert_eq!(house.to_keep(), None);
    }
}
