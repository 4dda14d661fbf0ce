//! Dates as people type them: RFC 3339, or a span counted from now.

use postern_http::{parse_date, show_date};
use postern_types::Timestamp;

/// A date, or a span of so many milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum When {
    /// At this time.
    At(Timestamp),
    /// So long from now, or so long ago: the flag says which.
    Span(i64),
}

/// For clap: `2026-12-31`, `2026-12-31T18:00:00Z`, `30s`, `15m`, `8h` or `90d`.
pub(super) fn parse(text: &str) -> Result<When, String> {
    let unit_ms: i64 = match text.chars().next_back() {
        Some('s') => 1000,
        Some('m') => 60_000,
        Some('h') => 3_600_000,
        Some('d') => 86_400_000,
        _ => return date(text),
    };
    let Ok(count) = text[..text.len() - 1].parse::<u32>() else { return date(text) };
    if count == 0 {
        return Err("a span is at least 1s".to_owned());
    }
    Ok(When::Span(i64::from(count) * unit_ms))
}

/// For clap: a span alone, in seconds.
pub(super) fn span(text: &str) -> Result<i64, String> {
    match parse(text) {
        Ok(When::Span(milliseconds)) => Ok(milliseconds / 1000),
        _ => Err("give a span (30s, 15m, 8h, 90d)".to_owned()),
    }
}

fn date(text: &str) -> Result<When, String> {
    // A day is its first moment.
    parse_date(text)
        .or_else(|_| parse_date(&format!("{text}T00:00:00Z")))
        .map(When::At)
        .map_err(|_| "give a date (2026-12-31 or 2026-12-31T18:00:00Z) or a span (30s, 15m, 8h, 90d)".to_owned())
}

impl When {
    /// As REST takes it, a span counted from `now` on.
    pub fn ahead_of(self, now: Timestamp) -> String {
        match self {
            When::At(at) => show_date(at),
            When::Span(milliseconds) => show_date(now.plus_ms(milliseconds)),
        }
    }
    /// As REST takes it, a span counted back from `now`.
    pub fn before(self, now: Timestamp) -> String {
        match self {
            When::At(at) => show_date(at),
            When::Span(milliseconds) => show_date(now.plus_ms(-milliseconds)),
        }
    }
}

/// The end of something, and whether it has come.
pub(super) fn end(date: &str, now: Timestamp) -> String {
    match parse_date(date) {
        Ok(end) if end <= now => format!("ended {}", seconds(date)),
        _ => seconds(date),
    }
}

/// A date of a reply, in whole seconds: `2026-11-22T21:00:03Z`.
pub(super) fn seconds(date: &str) -> String {
    match date.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => date.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp(1_795_348_800_000);

    #[test]
    fn spans_and_dates_are_told_apart() {
        assert_eq!(parse("15m"), Ok(When::Span(900_000)));
        assert_eq!(parse("90d").unwrap().ahead_of(NOON), "2027-02-20T12:00:00Z");
        assert_eq!(parse("8h").unwrap().before(NOON), "2026-11-22T04:00:00Z");
        assert_eq!(parse("2026-12-31T18:00:00+01:00").unwrap().before(NOON), "2026-12-31T17:00:00Z");
        assert_eq!(parse("4294967295d").unwrap().ahead_of(NOON).get(..5), Some("9999-"));
        for text in ["", "d", "0d", "-5d", "5w", "tomorrow", "4294967296d", "ünd"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_span_is_no_date() {
        assert_eq!(span("90d"), Ok(7_776_000));
        assert!(span("2026-12-31").is_err() && span("").is_err());
    }

    #[test]
    fn a_story_is_told_in_seconds() {
        assert_eq!(seconds("2026-11-22T21:00:03.417Z"), "2026-11-22T21:00:03Z");
        assert_eq!(seconds("2026-11-22T21:00:03Z"), "2026-11-22T21:00:03Z");
    }
}
