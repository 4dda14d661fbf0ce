//! The Date field as a point in time.
//!
//! RFC 5322 section 3.3 with the obsolete forms of 4.3, and what is found beside them: no weekday, month
//! before day, dashes, two-digit years. A zone that cannot be read is UTC and a time that cannot be read
//! is midnight (RFC 5256 section 2.2). No date at all gives none: the caller then uses INTERNALDATE.
//! What is written is the plain form of section 3.3, in UTC.

use postern_types::Timestamp;

/// When a message says it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentAt {
    /// The moment.
    pub at: Timestamp,
    /// Year as written: SENTSINCE and its kin compare the day without regard to the zone (RFC 9051 section 6.4.4).
    pub year: i32,
    /// Month as written, from 1.
    pub month: u8,
    /// Day of the month as written.
    pub day: u8,
}

impl SentAt {
    /// The day as written, counted from 1970-01-01.
    pub fn written_day(&self) -> i64 {
        days_since_1970(self.year, self.month, self.day)
    }
}

/// Enough of a Date field for any date; what is beyond is not looked at.
const DATE_BYTES_MAX: usize = 200;

/// Reads an unfolded Date value.
pub(crate) fn parse_date(value: &[u8]) -> Option<SentAt> {
    let value = String::from_utf8_lossy(&value[..value.len().min(DATE_BYTES_MAX)]).into_owned();
    let mut draft = Draft::default();
    for word in without_comments(&value).split([' ', '\t', ',']).filter(|word| !word.is_empty()) {
        draft.take(word);
    }
    draft.finish()
}

fn without_comments(value: &str) -> String {
    let mut depth = 0_usize;
    let mut text = String::with_capacity(value.len());
    for character in value.chars() {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => text.push(character),
            _ => {}
        }
    }
    text
}

#[derive(Default)]
struct Draft {
    day: Option<u8>,
    month: Option<u8>,
    year: Option<i32>,
    seconds: Option<i64>,
    zone_minutes: Option<i64>,
}

impl Draft {
    fn take(&mut self, word: &str) {
        if word.contains(':') {
            self.seconds = self.seconds.or_else(|| seconds_of_day(word));
        } else if self.seconds.is_some() && self.zone_minutes.is_none() && zone_minutes(word).is_some() {
            self.zone_minutes = zone_minutes(word);
        } else if word.starts_with(|first: char| first.is_ascii_digit()) && word.contains('-') {
            // 21-Nov-1997, as in old news headers.
            word.split('-').for_each(|piece| self.take_day_month_or_year(piece));
        } else {
            self.take_day_month_or_year(word);
        }
    }

    fn take_day_month_or_year(&mut self, word: &str) {
        if let Some(month) = month_number(word) {
            self.month = self.month.or(Some(month));
            return;
        }
        let Ok(number) = word.parse::<u16>() else { return };
        if self.day.is_none() && word.len() <= 2 {
            self.day = u8::try_from(number).ok();
        } else if self.year.is_none() && (2..=4).contains(&word.len()) {
            // RFC 5322 section 4.3: two digits up to 49 are of this century, all other short years of the last.
            self.year = Some(match (word.len(), i32::from(number)) {
                (2, year @ 0..=49) => 2000 + year,
                (2 | 3, year) => 1900 + year,
                (_, year) => year,
            });
        }
    }

    fn finish(self) -> Option<SentAt> {
        let (day, month, year) = (self.day?, self.month?, self.year?);
        if year < 1 || day < 1 || day > days_in_month(year, month) {
            return None;
        }
        let seconds = self.seconds.unwrap_or(0) - 60 * self.zone_minutes.unwrap_or(0);
        let at = Timestamp((days_since_1970(year, month, day) * 86_400 + seconds) * 1000);
        Some(SentAt { at, year, month, day })
    }
}

fn month_number(word: &str) -> Option<u8> {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let first = word.get(..3)?.to_ascii_lowercase();
    (1..).zip(MONTHS).find(|(_, month)| *month == first).map(|(number, _)| number)
}

/// `15:04` or `15:04:05`; 60 is a leap second.
fn seconds_of_day(word: &str) -> Option<i64> {
    let mut numbers = word.split(':').map(|digits| digits.parse::<u8>().ok().map(i64::from));
    let (hour, minute) = (numbers.next()??, numbers.next()??);
    let second = numbers.next().unwrap_or(Some(0))?;
    (hour < 24 && minute < 60 && second <= 60).then_some(hour * 3600 + minute * 60 + second)
}

/// Minutes east of UTC: `+0530`, or a name of RFC 5322 section 4.3. Military letters count as UTC there, as here.
fn zone_minutes(word: &str) -> Option<i64> {
    let hours = match word.to_ascii_uppercase().as_str() {
        "UT" | "UTC" | "GMT" | "Z" => 0,
        "EDT" => -4,
        "EST" | "CDT" => -5,
        "CST" | "MDT" => -6,
        "MST" | "PDT" => -7,
        "PST" => -8,
        numeric => return numeric_zone_minutes(numeric),
    };
    Some(hours * 60)
}

fn numeric_zone_minutes(word: &str) -> Option<i64> {
    let (sign, digits) = match word.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i64 = digits.parse().ok()?;
    let (hours, minutes) = (number / 100, number % 100);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

fn days_in_month(year: i32, month: u8) -> u8 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the Gregorian calendar; years are counted from March, so that a leap day is the last.
fn days_since_1970(year: i32, month: u8, day: u8) -> i64 {
    let month = i64::from(month);
    let year = i64::from(year) - i64::from(month <= 2);
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// `Sun, 22 Nov 2026 21:50:00 +0000` (RFC 5322 section 3.3). The year has four digits, so times before 1970 and
/// after 9999 are held at those ends.
pub(crate) fn write_date(at: Timestamp) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = at.seconds().clamp(0, 253_402_300_799);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil_day(days);
    format!(
        "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} +0000",
        DAYS[(days % 7) as usize],
        MONTHS[month],
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// Year, month from 0 and day from 1 of a day counted from 1970-01-01, which is not before it: the way back from
/// [`days_since_1970`], by the same calendar that begins in March.
fn civil_day(days: i64) -> (i64, usize, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = (month_from_march + 2) % 12;
    (era * 400 + year_of_era + i64::from(month < 2), month as usize, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written reads back as the same moment, on each of 60,000 days and at the ends.
    #[test]
    fn a_written_date_reads_back() {
        for day in 0..60_000 {
            let at = Timestamp((day * 86_400 + day) * 1000);
            let written = write_date(at);
            let read = parse_date(written.as_bytes()).unwrap();
            assert_eq!((read.at, read.written_day()), (at, day), "{written}");
        }
        assert_eq!(write_date(Timestamp(1_795_384_200_000)), "Sun, 22 Nov 2026 21:50:00 +0000");
        assert_eq!(write_date(Timestamp(i64::MIN)), "Thu, 01 Jan 1970 00:00:00 +0000");
        assert_eq!(write_date(Timestamp(i64::MAX)), "Fri, 31 Dec 9999 23:59:59 +0000");
    }
}
