//! How long jobs take, from when they are queued until their callers are answered: as counts in
//! classes, which is what a histogram of Prometheus is made of.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper ends of the classes, in microseconds. A commit on a good disk takes a millisecond, on a
/// bad one fifty; what takes ten seconds is a fault.
const ENDS_US: [u64; 13] =
    [500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 10_000_000];

/// Times of one kind of job.
#[derive(Debug, Default)]
pub(crate) struct Latency {
    /// One more than ends: the last has what is longer than all of them.
    classes: [AtomicU64; ENDS_US.len() + 1],
    sum_us: AtomicU64,
}

/// Times of one kind of job, as they stand.
#[derive(Debug, Clone, PartialEq)]
pub struct Latencies {
    /// How many took no longer than so many seconds, by rising seconds.
    pub within: Vec<(f64, u64)>,
    /// How many there were.
    pub count: u64,
    /// How long all of them took together.
    pub sum_seconds: f64,
}

impl Latency {
    /// Counts one.
    pub fn add(&self, time: Duration) {
        let us = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let class = ENDS_US.partition_point(|end| *end < us);
        self.classes[class].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// As they stand. Others may be counted meanwhile, so the count is what the classes hold.
    pub fn read(&self) -> Latencies {
        let mut count = 0;
        let mut counted = |class: &AtomicU64| {
            count += class.load(Ordering::Relaxed);
            count
        };
        let within = ENDS_US.iter().zip(&self.classes).map(|(end, class)| (seconds(*end), counted(class))).collect();
        counted(&self.classes[ENDS_US.len()]);
        Latencies { within, count, sum_seconds: seconds(self.sum_us.load(Ordering::Relaxed)) }
    }
}

fn seconds(us: u64) -> f64 {
    us as f64 / 1_000_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_within_its_class_and_all_longer_ones() {
        let latency = Latency::default();
        for us in [0, 500, 501, 1_000_000, 60_000_000] {
            latency.add(Duration::from_micros(us));
        }
        let read = latency.read();
        let within = |seconds: f64| read.within.iter().find(|(end, _)| *end == seconds).unwrap().1;
        assert_eq!([within(0.0005), within(0.001), within(0.5), within(1.0), within(10.0)], [2, 3, 3, 4, 4]);
        assert_eq!((read.count, read.sum_seconds), (5, 61.001001));
    }
}
