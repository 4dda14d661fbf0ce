//! Failed sign-ins on the trail (docs/design.md law 2, class C): a row each, up to a hundred a
//! minute from one network; then they are counted, and the count has a row when the minute is
//! over. So a storm costs the disk no more than a hundred and one rows a minute and network, and
//! none of it is missing from the trail.

use postern_store::CountedFailures;
use postern_types::{Network, Timestamp};
use std::collections::hash_map::{Entry, RandomState};
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::BuildHasher;

/// Rows of their own that failures of one network have in a minute.
const SINGLE_ROWS: u32 = 100;
const MINUTE_MS: i64 = 60 * 1000;
/// Networks that are counted at once; further ones are counted together.
const PLACES: usize = 4096;
/// Names that are told apart in one count.
const NAMES: usize = CountedFailures::NAMES;

/// Where failures come from, as they are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// A network.
    Network(Network),
    /// This machine, by a socket that has no address.
    Socket,
    /// Networks beyond those that are told apart.
    Elsewhere,
}

/// As the trail shows it in place of a peer's address.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Network(network) => network.fmt(f),
            Place::Socket => Ok(()),
            Place::Elsewhere => f.write_str("many networks"),
        }
    }
}

/// Failures that have no rows of their own.
#[derive(Debug)]
pub(crate) struct Counted {
    count: u64,
    first: Timestamp,
    last: Timestamp,
    names: HashSet<u64>,
}

impl Counted {
    /// As it is written down.
    pub(crate) fn row(&self) -> CountedFailures {
        CountedFailures { count: self.count, first: self.first, last: self.last, names: self.names.len() }
    }

    fn add(&mut self, other: Counted) {
        self.count += other.count;
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        for name in other.names {
            if self.names.len() < NAMES {
                self.names.insert(name);
            }
        }
    }
}

/// A minute of one network.
#[derive(Debug)]
struct Minute {
    began: Timestamp,
    single_rows: u32,
    counted: Option<Counted>,
}

impl Minute {
    fn is_over(&self, now: Timestamp) -> bool {
        self.began.plus_ms(MINUTE_MS) <= now
    }
}

/// What failed lately, by network.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    minutes: HashMap<Place, Minute>,
    /// Counts of minutes that are over and not written down yet.
    due: HashMap<Place, Counted>,
    hasher: RandomState,
}

impl Failures {
    /// A failure under this name. Has it a row of its own? Otherwise it is counted.
    pub(crate) fn has_row(&mut self, place: Place, name: &str, now: Timestamp) -> bool {
        if self.minutes.get(&place).is_some_and(|minute| minute.is_over(now)) {
            self.end_minute(place);
        }
        let place = self.with_room(place, now);
        let minute = self.minutes.entry(place).or_insert_with(|| Minute { began: now, single_rows: 0, counted: None });
        if minute.single_rows < SINGLE_ROWS {
            minute.single_rows += 1;
            return true;
        }
        let one = Counted { count: 1, first: now, last: now, names: HashSet::from([self.hasher.hash_one(name)]) };
        match &mut minute.counted {
            Some(counted) => counted.add(one),
            None => minute.counted = Some(one),
        }
        false
    }

    /// Takes the counts of minutes that are over; of all, at the end.
    pub(crate) fn take(&mut self, now: Timestamp, all: bool) -> Vec<(Place, Counted)> {
        self.end_minutes(|minute| all || minute.is_over(now));
        self.due.drain().collect()
    }

    /// Keeps a count that could not be written down, for the next time.
    pub(crate) fn keep(&mut self, place: Place, counted: Counted) {
        let place = if self.due.len() < PLACES || self.due.contains_key(&place) { place } else { Place::Elsewhere };
        match self.due.entry(place) {
            Entry::Occupied(mut entry) => entry.get_mut().add(counted),
            Entry::Vacant(entry) => drop(entry.insert(counted)),
        }
    }

    /// The place to count at: of its own, while there is room.
    fn with_room(&mut self, place: Place, now: Timestamp) -> Place {
        if self.minutes.len() < PLACES || self.minutes.contains_key(&place) {
            return place;
        }
        self.end_minutes(|minute| minute.is_over(now));
        if self.minutes.len() < PLACES { place } else { Place::Elsewhere }
    }

    fn end_minutes(&mut self, ends: impl Fn(&Minute) -> bool) {
        let ended: Vec<Place> =
            self.minutes.iter().filter(|(_, minute)| ends(minute)).map(|(place, _)| *place).collect();
        for place in ended {
            self.end_minute(place);
        }
    }

    fn end_minute(&mut self, place: Place) {
        if let Some(counted) = self.minutes.remove(&place).and_then(|minute| minute.counted) {
            self.keep(place, counted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Width, around};
    use std::net::{IpAddr, Ipv4Addr};

    const START: Timestamp = Timestamp(1_795_348_800_000);

    fn place(number: u32) -> Place {
        let address = IpAddr::V4(Ipv4Addr::from_bits((10 << 24) + (number << 6)));
        Place::Network(around(address, Width::Middle))
    }

    fn fail(failures: &mut Failures, place: Place, times: u32, now: Timestamp) -> u32 {
        (0..times).map(|number| u32::from(failures.has_row(place, &format!("name{}", number % 7), now))).sum()
    }

    fn rows(taken: Vec<(Place, Counted)>) -> Vec<(Place, CountedFailures)> {
        taken.into_iter().map(|(place, counted)| (place, counted.row())).collect()
    }

    #[test]
    fn a_hundred_have_rows_and_the_others_are_counted() {
        let mut failures = Failures::default();
        assert_eq!(fail(&mut failures, place(1), 100, START), 100);
        assert_eq!(fail(&mut failures, place(1), 40, START.plus_ms(1)), 0);
        assert_eq!(fail(&mut failures, place(1), 2, START.plus_ms(59_999)), 0);
        assert_eq!(fail(&mut failures, place(2), 3, START), 3, "another network has its own");
        assert_eq!(failures.take(START.plus_ms(59_999), false).len(), 0, "the minute is not over");
        let (first, last) = (START.plus_ms(1), START.plus_ms(59_999));
        let counted = CountedFailures { count: 42, first, last, names: 7 };
        assert_eq!(rows(failures.take(START.plus_ms(60_000), false)), [(place(1), counted)]);
        assert_eq!(failures.take(START.plus_ms(60_000), true).len(), 0, "it is told once");
    }

    #[test]
    fn a_new_minute_begins_with_rows_and_loses_no_count() {
        let mut failures = Failures::default();
        fail(&mut failures, place(1), 105, START);
        assert_eq!(fail(&mut failures, place(1), 101, START.plus_ms(60_000)), 100);
        let taken = rows(failures.take(START.plus_ms(60_001), false));
        assert_eq!(taken[0].1.count, 5);
        let taken = rows(failures.take(START.plus_ms(60_001), true));
        assert_eq!(taken[0].1.count, 1, "at the end the minute that runs is told, too");
    }

    #[test]
    fn what_could_not_be_written_is_counted_on() {
        let mut failures = Failures::default();
        fail(&mut failures, place(1), 103, START);
        for (place, counted) in failures.take(START, true) {
            failures.keep(place, counted);
        }
        assert_eq!(fail(&mut failures, place(1), 102, START.plus_ms(60_000)), 100);
        let counted = CountedFailures { count: 5, first: START, last: START.plus_ms(60_000), names: 3 };
        assert_eq!(rows(failures.take(START, true)), [(place(1), counted)]);
    }

    /// However many networks and names come, what is kept has a bound, and nothing is lost.
    #[test]
    fn memory_is_bounded_and_counts_are_whole() {
        let mut failures = Failures::default();
        let (mut with_row, mut all) = (0, 0);
        for number in 0..2 * PLACES as u32 {
            for name in 0..2 {
                with_row += u64::from(failures.has_row(place(number), &format!("{number} {name}"), START));
                all += 1;
            }
        }
        assert!(failures.minutes.len() <= PLACES + 1);
        let counted = rows(failures.take(START, true));
        assert_eq!(counted.len(), 1);
        assert_eq!((counted[0].0, counted[0].1.names), (Place::Elsewhere, NAMES));
        assert_eq!(counted[0].1.count + with_row, all);
    }
}
