//! What of a message's header says how it was kept: the fields in which mail programs write the flags of messages that
//! lie in an mbox.

use postern_types::{Flags, Keyword, SystemFlag};

/// Fields of a header, unfolded.
pub(super) fn fields(message: &[u8]) -> impl Iterator<Item = (String, String)> {
    let mut lines = message.split_inclusive(|byte| *byte == b'\n').peekable();
    std::iter::from_fn(move || {
        loop {
            let line = trimmed(lines.next()?);
            if line.is_empty() {
                return None;
            }
            let mut value = line.to_owned();
            while let Some(folded) = lines.next_if(|next| matches!(next.first(), Some(b' ' | b'\t'))) {
                value.push_str(&trimmed(folded));
            }
            // What is no field is passed over.
            if let Some((name, value)) = value.split_once(':') {
                return Some((name.trim_end().to_owned(), value.trim().to_owned()));
            }
        }
    })
}

fn trimmed(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned()
}

/// Flags of a message of an mbox: `Status` and `X-Status` have letters (R read, A answered, F flagged, D deleted, T draft),
/// `X-Keywords` names; Thunderbird writes bits and `X-Mozilla-Keys`.
pub(super) fn flags(message: &[u8]) -> Flags {
    let mut flags = Flags::new();
    for (name, value) in fields(message) {
        match name.to_ascii_lowercase().as_str() {
            "status" | "x-status" => value.chars().filter_map(of_status).for_each(|flag| flags.insert(flag)),
            "x-keywords" | "x-mozilla-keys" => {
                value.split([' ', ',', '\t']).for_each(|word| insert_keyword(&mut flags, word));
            }
            "x-mozilla-status" => insert_bits(&mut flags, u32::from_str_radix(&value, 16).unwrap_or(0)),
            _ => {}
        }
    }
    flags
}

fn of_status(letter: char) -> Option<SystemFlag> {
    match letter {
        'R' => Some(SystemFlag::Seen),
        'A' => Some(SystemFlag::Answered),
        'F' => Some(SystemFlag::Flagged),
        'D' => Some(SystemFlag::Deleted),
        'T' => Some(SystemFlag::Draft),
        _ => None,
    }
}

fn insert_bits(flags: &mut Flags, bits: u32) {
    let known =
        [(0x1, SystemFlag::Seen), (0x2, SystemFlag::Answered), (0x4, SystemFlag::Flagged), (0x8, SystemFlag::Deleted)];
    known.into_iter().filter(|(bit, _)| bits & bit != 0).for_each(|(_, flag)| flags.insert(flag));
    if bits & 0x1000 != 0 {
        insert_keyword(flags, FORWARDED);
    }
}

/// The keyword of what was passed on (RFC 9051 section 2.3.2).
pub(super) const FORWARDED: &str = "$Forwarded";

/// Words that are no keyword of IMAP are left out.
pub(super) fn insert_keyword(flags: &mut Flags, word: &str) {
    if let Ok(keyword) = Keyword::parse(word) {
        flags.insert_keyword(keyword);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_end_with_the_header() {
        let message = b"A: one\r\n\ttwo\r\nnonsense\r\nB : three\n\nC: four\n";
        let fields: Vec<_> = fields(message).collect();
        assert_eq!(fields, [("A".to_owned(), "one\ttwo".to_owned()), ("B".to_owned(), "three".to_owned())]);
        assert_eq!(super::fields(b"").count(), 0);
    }

    #[test]
    fn flags_are_where_mail_programs_write_them() {
        let of = |header: &str| flags(format!("{header}\r\n\r\nStatus: RO\r\n").as_bytes()).to_string();
        assert_eq!(of("Subject: x"), Flags::new().to_string());
        assert_eq!(of("Status: O"), Flags::new().to_string());
        let named = |text: &str| Flags::parse(text).unwrap().to_string();
        assert_eq!(of("Status: RO\r\nX-Status: AFDT"), named("\\Seen \\Answered \\Flagged \\Deleted \\Draft"));
        assert_eq!(of("X-Keywords: work, $Label1 (bad\r\nX-Status: F"), named("\\Flagged work $Label1"));
        assert_eq!(
            of("X-Mozilla-Status: 1005\r\nX-Mozilla-Keys: later    "),
            named("\\Seen \\Flagged $Forwarded later")
        );
    }
}
