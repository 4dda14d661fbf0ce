//! Dates as SMTP writes them: RFC 5322 section 3.3 in trace lines, RFC 3339 section 5.6 in
//! FUTURERELEASE. Always in UTC, years 1970 to 9999.

use postern_types::Timestamp;

/// The last second whose year has four digits.
const LAST_SECOND: i64 = 253_402_300_799;

/// `Sun, 22 Nov 2026 21:50:00 +0000`
pub(crate) fn rfc5322(at: Timestamp) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (days, second) = days_and_second(at);
    let (year, month, day) = civil(days);
    let (hours, minutes, seconds) = (second / 3600, second / 60 % 60, second % 60);
    let (weekday, month) = (DAYS[days % 7], MONTHS[month]);
    format!("{weekday}, {day:02} {month} {year} {hours:02}:{minutes:02}:{seconds:02} +0000")
}

/// `2026-11-22T21:50:00Z`: a time as FUTURERELEASE writes it (RFC 3339 section 5.6).
pub fn date_time(at: Timestamp) -> String {
    let (days, second) = days_and_second(at);
    let (year, month, day) = civil(days);
    let (hours, minutes, seconds) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year}-{:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}Z", month + 1)
}

/// Reads `2026-11-22T21:50:00Z`, with a fraction and with another offset too. A leap second is the
/// one that follows it.
pub(crate) fn parse_rfc3339(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    if !text.is_ascii() || bytes.len() < 20 {
        return None;
    }
    let mark = |at: usize, marks: &str| marks.contains(char::from(bytes[at])).then_some(());
    mark(4, "-").and(mark(7, "-")).and(mark(10, "Tt")).and(mark(13, ":")).and(mark(16, ":"))?;
    let (year, month, day) = (number(&text[..4])?, number(&text[5..7])?, number(&text[8..10])?);
    let (hours, minutes, seconds) = (number(&text[11..13])?, number(&text[14..16])?, number(&text[17..19])?);
    let days = days_since_1970(year, month, day)?;
    if hours > 23 || minutes > 59 || seconds > 60 {
        return None;
    }
    let (milliseconds, offset) = fraction(&text[19..])?;
    let second = (days * 86_400 + hours * 3600 + minutes * 60 + seconds) as i64 - offset_seconds(offset)?;
    Some(Timestamp((second.checked_mul(1000)?).checked_add(milliseconds)?))
}

/// Milliseconds of `.25`, and what follows it.
fn fraction(text: &str) -> Option<(i64, &str)> {
    let Some(rest) = text.strip_prefix('.') else { return Some((0, text)) };
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let kept = rest.get(..digits.min(3)).filter(|kept| !kept.is_empty())?;
    let milliseconds = number(kept)? * 10_usize.pow(3 - kept.len() as u32);
    Some((milliseconds as i64, &rest[digits..]))
}

/// `Z`, `+01:00`, `-05:30`
fn offset_seconds(text: &str) -> Option<i64> {
    if text.eq_ignore_ascii_case("Z") {
        return Some(0);
    }
    let sign = match text.bytes().next()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let (hours, minutes) = (two(hours)?, two(minutes)?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn two(text: &str) -> Option<i64> {
    if text.len() == 2 { Some(number(text)? as i64) } else { None }
}

fn number(text: &str) -> Option<usize> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// The year has four digits: times before 1970 and after 9999 are held at those ends.
fn days_and_second(at: Timestamp) -> (usize, usize) {
    let seconds = at.seconds().clamp(0, LAST_SECOND) as usize;
    (seconds / 86_400, seconds % 86_400)
}

fn leap(year: usize) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn months(year: usize) -> [usize; 12] {
    [31, 28 + usize::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
}

/// Year, month from 0 and day from 1 of the Gregorian calendar, from days since 1970-01-01.
fn civil(days: usize) -> (usize, usize, usize) {
    // 146 097 days are 400 years; the search below is then at most 400 steps.
    let (mut year, mut days) = (1970 + days / 146_097 * 400, days % 146_097);
    while days >= 365 + usize::from(leap(year)) {
        days -= 365 + usize::from(leap(year));
        year += 1;
    }
    let mut month = 0;
    for length in months(year) {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    (year, month, days + 1)
}

/// The other way round, with the month from 1; nothing where there is no such day.
fn days_since_1970(year: usize, month: usize, day: usize) -> Option<usize> {
    let lengths = months(year);
    let length = *lengths.get(month.checked_sub(1)?)?;
    if year < 1970 || day == 0 || day > length {
        return None;
    }
    let years: usize = (1970..year).map(|year| 365 + usize::from(leap(year))).sum();
    Some(years + lengths[..month - 1].iter().sum::<usize>() + day - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_right_at_the_edges() {
        let seconds = |seconds: i64| rfc5322(Timestamp(seconds.saturating_mul(1000)));
        assert_eq!(seconds(0), "Thu, 01 Jan 1970 00:00:00 +0000");
        assert_eq!(seconds(951_782_400), "Tue, 29 Feb 2000 00:00:00 +0000");
        assert_eq!(seconds(4_107_542_399), "Sun, 28 Feb 2100 23:59:59 +0000");
        assert_eq!(seconds(4_107_542_400), "Mon, 01 Mar 2100 00:00:00 +0000");
        assert_eq!(seconds(1_735_689_599), "Tue, 31 Dec 2024 23:59:59 +0000");
        assert_eq!(seconds(-1), "Thu, 01 Jan 1970 00:00:00 +0000");
        assert_eq!(seconds(i64::MAX), "Fri, 31 Dec 9999 23:59:59 +0000");
    }

    /// RFC 3339 section 5.6.
    #[test]
    fn a_date_is_read_as_it_is_written() {
        for seconds in [0, 951_782_400, 1_795_384_200, 4_107_542_399, 4_107_542_400, LAST_SECOND] {
            let at = Timestamp(seconds * 1000);
            assert_eq!(parse_rfc3339(&date_time(at)), Some(at), "{}", date_time(at));
        }
        assert_eq!(date_time(Timestamp(1_795_384_200_000)), "2026-11-22T21:50:00Z");
        let same = ["2026-11-22t21:50:00z", "2026-11-22T22:50:00+01:00", "2026-11-22T16:20:00-05:30"];
        for text in same.into_iter().chain(["2026-11-22T21:50:00.000Z", "2026-11-22T21:49:60Z"]) {
            assert_eq!(parse_rfc3339(text), Some(Timestamp(1_795_384_200_000)), "{text}");
        }
        assert_eq!(parse_rfc3339("2026-11-22T21:50:00.25999Z"), Some(Timestamp(1_795_384_200_259)));
        assert_eq!(parse_rfc3339("2026-11-22T21:50:00.5Z"), Some(Timestamp(1_795_384_200_500)));
    }

    #[test]
    fn what_is_no_date_is_none() {
        for wrong in [
            "",
            "2026-11-22",
            "2026-11-22T21:50:00",
            "2026-11-22 21:50:00Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T21:60:00Z",
            "2026-11-22T21:50:61Z",
            "2026-11-22T21:50:00.Z",
            "2026-11-22T21:50:00+1:00",
            "2026-11-22T21:50:00+24:00",
            "2026-11-22T21:50:00ZZ",
            "+026-11-22T21:50:00Z",
            "2026-11-22T21:50:0éZ",
        ] {
            assert_eq!(parse_rfc3339(wrong), None, "{wrong}");
        }
    }
}
