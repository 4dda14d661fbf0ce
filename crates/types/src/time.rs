//! Time as a value: nothing in the house asks a clock where a time can be passed in.

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Whole seconds since 1970, rounded down.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }
    /// This many milliseconds later (earlier when negative), held at the ends.
    pub fn plus_ms(self, milliseconds: i64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }
}

/// A span of seconds as people read it, in its largest whole unit.
pub fn length(seconds: i64) -> String {
    if seconds == 0 {
        return "0 seconds".to_owned();
    }
    let units = [(86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")];
    let (count, unit) = units
        .into_iter()
        .find(|(length, _)| seconds % length == 0)
        .map_or((seconds, "second"), |(length, unit)| (seconds / length, unit));
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_their_largest_unit() {
        let told = [7_776_000, 86_400, 7200, 60, 90, 1, 0].map(length);
        assert_eq!(told, ["90 days", "1 day", "2 hours", "1 minute", "90 seconds", "1 second", "0 seconds"]);
    }
}
