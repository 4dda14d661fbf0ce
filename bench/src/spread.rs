//! Several measurements of one thing: the middle one, and how far they lie apart.

use std::fmt;
use std::time::Duration;

/// Median, least and greatest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// The middle one, or the mean of the two in the middle.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// Of some figures; all zero of none.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut ordered: Vec<f64> = figures.into_iter().collect();
        ordered.sort_unstable_by(f64::total_cmp);
        let (Some(min), Some(max)) = (ordered.first(), ordered.last()) else {
            return Self { median: 0.0, min: 0.0, max: 0.0 };
        };
        let middle = ordered.len() / 2;
        let median =
            if ordered.len() % 2 == 1 { ordered[middle] } else { (ordered[middle - 1] + ordered[middle]) / 2.0 };
        Self { median, min: *min, max: *max }
    }
}

/// `12.3 (11.0-14.2)`; a precision is that of all three.
impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = f.precision().unwrap_or(1);
        write!(f, "{:.digits$} ({:.digits$}-{:.digits$})", self.median, self.min, self.max)
    }
}

/// Milliseconds that this share of what took so long took at most.
pub fn share(ascending: &[Duration], share: f64) -> f64 {
    let place = (ascending.len() as f64 * share).ceil() as usize;
    ascending.get(place.saturating_sub(1)).map_or(0.0, |latency| latency.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_of_the_ordered_list() {
        let hundred: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(share(&hundred, 0.5), 50.0);
        assert_eq!(share(&hundred, 0.99), 99.0);
        assert_eq!(share(&hundred[..1], 0.99), 1.0);
        assert_eq!(share(&[], 0.5), 0.0);
    }

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Spread { median: 2.0, min: 1.0, max: 3.0 });
        assert_eq!(Spread::of([4.0, 1.0, 2.0, 3.0]).median, 2.5);
        assert_eq!(format!("{:.0}", Spread::of([1.0, 3.0, 2.0])), "2 (1-3)");
    }
}
