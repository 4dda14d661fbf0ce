//! Dates on the wire: RFC 3339, always shown in UTC.

use postern_types::Timestamp;

/// A date as REST shows it; a value outside the calendar is shown at its end.
pub fn show_date(at: Timestamp) -> String {
    let clamped = at.0.clamp(jiff::Timestamp::MIN.as_millisecond(), jiff::Timestamp::MAX.as_millisecond());
    jiff::Timestamp::from_millisecond(clamped).unwrap_or(jiff::Timestamp::MAX).to_string()
}

/// A date as people and programs write it (RFC 3339), with any offset.
pub fn parse_date(text: &str) -> Result<Timestamp, String> {
    let parsed: Result<jiff::Timestamp, _> = text.parse();
    let at = parsed.map_err(|_| "a date looks like 2026-11-22T21:00:00Z".to_owned())?;
    Ok(Timestamp(at.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3339 section 5.6.
    #[test]
    fn dates_are_read_with_offset_and_shown_in_utc() {
        let at = parse_date("2026-11-22T22:30:00+01:30").unwrap();
        assert_eq!(show_date(at), "2026-11-22T21:00:00Z");
        assert_eq!(show_date(Timestamp(1)), "1970-01-01T00:00:00.001Z");
        assert!(parse_date("tomorrow").is_err());
    }

    #[test]
    fn no_number_is_outside_the_calendar() {
        assert!(show_date(Timestamp(i64::MAX)).starts_with("9999-"));
        assert!(show_date(Timestamp(i64::MIN)).starts_with('-'));
    }
}
