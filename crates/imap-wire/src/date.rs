//! Dates of IMAP and the civil calendar behind them.
//!
//! INTERNALDATE and APPEND write `"17-Jul-1996 02:44:25 -0700"` (RFC 9051 section 9,
//! date-time), SEARCH writes `1-Feb-1994` (date). Both are read to values and written
//! from a [`Timestamp`] in UTC. The calendar is the proleptic Gregorian one; its two
//! functions are short enough to need no library.

use crate::grammar::token::{Explain, Input, Parsed, fail, peek};
use postern_types::Timestamp;
use winnow::prelude::*;
use winnow::token::{any, take, take_while};

/// A day without time and zone, as SEARCH compares them (RFC 9051 section 6.4.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAY_MS: i64 = 86_400_000;

impl Date {
    /// The day of this year, month (1 to 12) and day, where the calendar has it.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Self> {
        let known = (1..=12).contains(&month) && day >= 1 && day <= days_in_month(year, month) && year <= 9999;
        known.then_some(Self { year, month, day })
    }
    /// The day, in UTC, that `time` falls in. Years are held within 0 to 9999.
    pub fn of(time: Timestamp) -> Self {
        let (year, month, day) = civil_from_days(time.0.div_euclid(DAY_MS));
        match u16::try_from(year) {
            Ok(year @ 0..=9999) => Self { year, month, day },
            Ok(_) => Self { year: 9999, month: 12, day: 31 },
            Err(_) if year < 0 => Self { year: 0, month: 1, day: 1 },
            Err(_) => Self { year: 9999, month: 12, day: 31 },
        }
    }
    /// Days since 1970-01-01.
    pub fn days(self) -> i64 {
        days_from_civil(i64::from(self.year), self.month, self.day)
    }
    /// Its first moment, in UTC.
    pub fn start(self) -> Timestamp {
        Timestamp(self.days() * DAY_MS)
    }
    /// The first moment of the day after it, in UTC.
    pub fn end(self) -> Timestamp {
        Timestamp((self.days() + 1) * DAY_MS)
    }
    /// Year, month and day.
    pub fn parts(self) -> (u16, u8, u8) {
        (self.year, self.month, self.day)
    }
}

/// `1-Feb-1994`
impl std::fmt::Display for Date {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}-{:04}", self.day, month_name(self.month), self.year)
    }
}

/// Writes `"17-Jul-1996 09:44:25 +0000"` with its quotes: always 28 bytes, always UTC.
/// Times outside the years 0 to 9999, which four digits can not show, are held at the ends.
pub fn write_date_time(out: &mut Vec<u8>, time: Timestamp) {
    let first = Timestamp(days_from_civil(0, 1, 1) * DAY_MS);
    let last = Timestamp(days_from_civil(10_000, 1, 1) * DAY_MS - 1000);
    let time = time.clamp(first, last);
    let (year, month, day) = Date::of(time).parts();
    let second_of_day = time.seconds().rem_euclid(86_400);
    let two = |number: i64| [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8];
    out.push(b'"');
    let day = two(i64::from(day));
    out.push(if day[0] == b'0' { b' ' } else { day[0] });
    out.push(day[1]);
    out.push(b'-');
    out.extend_from_slice(month_name(month).as_bytes());
    out.push(b'-');
    out.extend_from_slice(&two(i64::from(year / 100)));
    out.extend_from_slice(&two(i64::from(year % 100)));
    for (separator, number) in
        [(b' ', second_of_day / 3600), (b':', second_of_day / 60 % 60), (b':', second_of_day % 60)]
    {
        out.push(separator);
        out.extend_from_slice(&two(number));
    }
    out.extend_from_slice(b" +0000\"");
}

const DATE_HELP: &str = "A date is written as 1-Feb-1994";
const DATE_TIME_HELP: &str = "A date and time is written as \"17-Jul-1996 02:44:25 -0700\"";

/// date: with or without quotes.
pub(crate) fn date(input: &mut Input<'_>) -> Parsed<Date> {
    let quoted = peek(input) == Some(b'"');
    if quoted {
        any.parse_next(input)?;
    }
    let day = digits(input, 1, 2).help(DATE_HELP)?;
    let date = date_rest(input, day).help(DATE_HELP)?;
    if quoted {
        b'"'.parse_next(input).help(DATE_HELP)?;
    }
    Ok(date)
}

/// date-time. The day may be written as ` 1`, `01` or, by lenient reading, `1`.
pub(crate) fn date_time(input: &mut Input<'_>) -> Parsed<Timestamp> {
    date_time_inner(input).help(DATE_TIME_HELP)
}

fn date_time_inner(input: &mut Input<'_>) -> Parsed<Timestamp> {
    b'"'.parse_next(input)?;
    if peek(input) == Some(b' ') {
        any.parse_next(input)?;
    }
    let day = digits(input, 1, 2)?;
    let date = date_rest(input, day)?;
    b' '.parse_next(input)?;
    let hour = digits(input, 2, 2)?;
    b':'.parse_next(input)?;
    let minute = digits(input, 2, 2)?;
    b':'.parse_next(input)?;
    let second = digits(input, 2, 2)?;
    b' '.parse_next(input)?;
    let east = match any.parse_next(input)? {
        b'+' => 1,
        b'-' => -1,
        _ => return fail(DATE_TIME_HELP),
    };
    let (zone_hour, zone_minute) = (digits(input, 2, 2)?, digits(input, 2, 2)?);
    b'"'.parse_next(input)?;
    // Second 60 is a leap second; it becomes the first of the next minute.
    if hour > 23 || minute > 59 || second > 60 || zone_minute > 59 {
        return fail(DATE_TIME_HELP);
    }
    let local = date.days() * 86_400 + i64::from(hour * 3600 + minute * 60 + second);
    let offset = east * i64::from(zone_hour * 3600 + zone_minute * 60);
    Ok(Timestamp((local - offset) * 1000))
}

/// What follows the day: `-Feb-1994`.
fn date_rest(input: &mut Input<'_>, day: u32) -> Parsed<Date> {
    b'-'.parse_next(input)?;
    let name: &[u8] = take(3usize).parse_next(input)?;
    let Some(month) = MONTHS.iter().position(|month| month.as_bytes().eq_ignore_ascii_case(name)) else {
        return fail(DATE_HELP);
    };
    b'-'.parse_next(input)?;
    let year = digits(input, 4, 4)?;
    match Date::new(year as u16, month as u8 + 1, day as u8) {
        Some(date) => Ok(date),
        None => fail("The calendar has no such day"),
    }
}

fn digits(input: &mut Input<'_>, least: usize, most: usize) -> Parsed<u32> {
    let text: &[u8] = take_while(least..=most, |b: u8| b.is_ascii_digit()).parse_next(input)?;
    Ok(text.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0')))
}

/// Months come as 1 to 12 from [`Date`] alone; anything else would be a January.
fn month_name(month: u8) -> &'static str {
    MONTHS.get(usize::from(month).wrapping_sub(1)).copied().unwrap_or(MONTHS[0])
}

fn days_in_month(year: u16, month: u8) -> u8 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01. Years are counted from March, so that the leap day ends one;
/// 400 years are 146,097 days.
fn days_from_civil(year: i64, month: u8, day: u8) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let month_from_march = (i64::from(month) + 9) % 12;
    let day_of_year = (153 * month_from_march + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The other way round.
fn civil_from_days(days: i64) -> (i64, u8, u8) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month as u8, day as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grammar::token::input;

    fn written(time: Timestamp) -> String {
        let mut out = Vec::new();
        write_date_time(&mut out, time);
        String::from_utf8(out).unwrap()
    }

    fn read(text: &str) -> Parsed<Timestamp> {
        date_time(&mut input(text.as_bytes(), Default::default()))
    }

    /// RFC 9051 section 9: date-time, with its fixed-width day.
    #[test]
    fn a_date_time_is_read_in_any_zone_and_written_in_utc() {
        assert_eq!(written(Timestamp(0)), "\" 1-Jan-1970 00:00:00 +0000\"");
        assert_eq!(written(read("\"17-Jul-1996 02:44:25 -0700\"").unwrap()), "\"17-Jul-1996 09:44:25 +0000\"");
        assert_eq!(written(read("\" 1-Mar-2024 00:30:00 +0100\"").unwrap()), "\"29-Feb-2024 23:30:00 +0000\"");
        assert_eq!(written(read("\"31-Dec-2016 23:59:60 +0000\"").unwrap()), "\" 1-Jan-2017 00:00:00 +0000\"");
        for bad in ["\"29-Feb-2023 00:00:00 +0000\"", "\"1-Jan-2023 24:00:00 +0000\"", "\"1-Jam-2023 00:00:00 +0000\""]
        {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_four_digits_can_not_show_are_held_at_the_ends() {
        assert_eq!(written(Timestamp(i64::MIN)), "\" 1-Jan-0000 00:00:00 +0000\"");
        assert_eq!(written(Timestamp(i64::MAX)), "\"31-Dec-9999 23:59:59 +0000\"");
    }

    #[test]
    fn every_day_of_four_centuries_survives_both_calendars() {
        let (first, last) = (days_from_civil(1800, 1, 1), days_from_civil(2200, 1, 1));
        let mut before = (1799, 12, 31);
        for days in first..last {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days);
            assert!((year, month, day) > before);
            before = (year, month, day);
        }
        assert_eq!(last - first, 146_097);
    }

    #[test]
    fn search_dates_may_be_quoted() {
        let day = |text: &str| date(&mut input(text.as_bytes(), Default::default()));
        assert_eq!(day("1-Feb-1994").unwrap(), day("\"1-feb-1994\"").unwrap());
        assert_eq!(day("01-Feb-1994").unwrap().to_string(), "1-Feb-1994");
        assert_eq!(day("1-Feb-1994").unwrap(), Date::of(Timestamp(760_060_800_000)));
        assert!(day("32-Jan-1994").is_err() && day("\"1-Feb-1994").is_err());
    }
}
