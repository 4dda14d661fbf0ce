//! When a message was received, as files tell it: in the line that begins it in an mbox, or in its own header.

use jiff::civil::{Date, Time};

/// The first moment of 10000: IMAP writes four digits.
const TOO_LATE: i64 = 253_402_300_800_000;

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// The date at the end of a `From ` line, in milliseconds: `From joel@example.net Wed May  1 08:00:00 2024`, with a zone
/// before or after the year or, as most write it, in none, which is taken for UTC.
pub(super) fn of_from_line(line: &[u8]) -> Option<i64> {
    let line = std::str::from_utf8(line.strip_prefix(b"From ")?).ok()?;
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let month_at = words.iter().rposition(|word| MONTHS.contains(word))?;
    let month = MONTHS.iter().position(|month| *month == words[month_at])? as i8 + 1;
    let rest = &words[month_at + 1..];
    let day = rest.first()?.parse().ok()?;
    let time = rest.iter().find_map(|word| time(word))?;
    let year = rest.iter().skip(1).find(|word| word.len() == 4 && word.bytes().all(|byte| byte.is_ascii_digit()))?;
    let date = Date::new(year.parse().ok()?, month, day).ok()?;
    let offset = rest.iter().find_map(|word| offset_seconds(word)).unwrap_or(0);
    let at = date.to_datetime(time).to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp();
    in_range(at.as_millisecond() - offset * 1000)
}

/// `08:00:00` or `08:00`; a leap second is the one before it.
fn time(word: &str) -> Option<Time> {
    let mut parts = word.split(':');
    let (hour, minute) = (parts.next()?, parts.next()?);
    let second: i8 = parts.next().unwrap_or("0").parse().ok()?;
    Time::new(hour.parse().ok()?, minute.parse().ok()?, second.min(59), 0).ok()
}

/// `+0130`.
fn offset_seconds(word: &str) -> Option<i64> {
    let sign = match word.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let digits =
        word.get(1..).filter(|digits| digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let (hours, minutes): (i64, i64) = (digits[..2].parse().ok()?, digits[2..].parse().ok()?);
    Some(sign * (hours * 3600 + minutes * 60))
}

/// What the header says: the time in the topmost Received, which the last server wrote, or else Date.
pub(super) fn of_header(message: &[u8]) -> Option<i64> {
    let mut date = None;
    for (name, value) in super::header::fields(message) {
        if name.eq_ignore_ascii_case("Received") {
            // A topmost one without a time is no reason to believe an older one.
            let time = value.rsplit_once(';').and_then(|(_, time)| of_field(time));
            return time.or(date).or_else(|| of_date(message));
        }
        if name.eq_ignore_ascii_case("Date") && date.is_none() {
            date = of_field(&value);
        }
    }
    date
}

fn of_date(message: &[u8]) -> Option<i64> {
    super::header::fields(message)
        .find(|(name, _)| name.eq_ignore_ascii_case("Date"))
        .and_then(|(_, date)| of_field(&date))
}

fn of_field(text: &str) -> Option<i64> {
    let text = text.split('(').next().unwrap_or_default().trim();
    in_range(jiff::fmt::rfc2822::parse(text).ok()?.timestamp().as_millisecond())
}

/// A date that a message can have.
pub(super) fn in_range(milliseconds: i64) -> Option<i64> {
    (0..TOO_LATE).contains(&milliseconds).then_some(milliseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST_OF_MAY: i64 = 1_714_550_400_000;

    #[test]
    fn the_line_before_a_message_tells_when_it_came() {
        for line in [
            "From joel@example.net Wed May  1 08:00:00 2024",
            "From joel@example.net Wed May  1 08:00 2024\r\n",
            "From - Wed May 01 08:00:00 2024",
            "From 1798@xxx Wed May 01 09:30:00 +0130 2024",
            "From joel@example.net Wed May  1 03:00:00 2024 -0500",
            "From Joel of May <joel@example.net> Wed May  1 08:00:00 UTC 2024",
            "From joel May 1 08:00:00 2024 remote from mail.example.net",
        ] {
            assert_eq!(of_from_line(line.as_bytes()), Some(FIRST_OF_MAY), "{line}");
        }
        for line in [
            "From here on it rains",
            "From joel@example.net",
            "From May to June 2024 we are closed",
            "From the house May 32 08:00:00 2024",
            "From x Wed May 1 25:00:00 2024",
            "From x Wed May 1 08:00:00 1924",
            "from joel@example.net Wed May  1 08:00:00 2024",
        ] {
            assert_eq!(of_from_line(line.as_bytes()), None, "{line}");
        }
        assert_eq!(of_from_line(b"From x Sun Jan  1 00:59:60 2017"), Some(1_483_232_399_000));
    }

    #[test]
    fn the_header_tells_when_the_last_server_had_it() {
        let received =
            "Received: from a.example by b.example\r\n with ESMTP; Wed, 1 May 2024 10:00:00 +0200 (CEST)\r\n";
        let older = "Received: from c.example by a.example; Tue, 30 Apr 2024 10:00:00 +0000\r\n";
        let date = "Date: Mon, 29 Apr 2024 08:00:00 GMT\r\n";
        let of = |fields: &[&str]| of_header(format!("{}\r\nDate: none\r\n", fields.concat()).as_bytes());
        assert_eq!(of(&[received, older, date]), Some(FIRST_OF_MAY));
        assert_eq!(of(&[date, received]), Some(FIRST_OF_MAY));
        assert_eq!(of(&[date]), Some(FIRST_OF_MAY - 2 * 86_400_000));
        assert_eq!(of(&["Received: by b.example\r\n", older, date]), Some(FIRST_OF_MAY - 2 * 86_400_000));
        assert_eq!(of(&["Subject: none\r\n"]), None);
        assert_eq!(of(&["Date: Mon, 29 Apr 0024 08:00:00 GMT\r\n"]), None);
    }
}
