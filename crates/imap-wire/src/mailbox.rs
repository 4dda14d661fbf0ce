//! Mailbox names on the wire.
//!
//! RFC 3501 section 5.1.3: names are 7-bit, and what is not printable US-ASCII is written
//! in a modified UTF-7. After ENABLE IMAP4rev2 (RFC 9051 section 5.1) or ENABLE
//! UTF8=ACCEPT (RFC 6855 section 3) names are UTF-8 and `&` means itself.
//!
//! Reading is strict: a name is taken only in the one spelling that we would write. So
//! what a client creates is what it sees in LIST, and no two spellings name one mailbox.

/// Why bytes are no mailbox name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text())]
pub enum MailboxNameError {
    /// A byte above 126 or a control character, where names are 7-bit.
    NotSevenBit,
    /// An `&` that starts no modified base64, or one that we would write otherwise.
    NotModifiedUtf7,
    /// Not UTF-8, or with control characters.
    NotUtf8,
}

impl MailboxNameError {
    /// The public text.
    pub fn text(self) -> &'static str {
        match self {
            Self::NotSevenBit => "A mailbox name is written in modified UTF-7, or in UTF-8 after ENABLE IMAP4rev2",
            Self::NotModifiedUtf7 => "The mailbox name is not valid modified UTF-7; a plain & is written as &-",
            Self::NotUtf8 => "A mailbox name is UTF-8 without control characters",
        }
    }
}

/// The name that `wire` spells; INBOX in any case is `INBOX`.
pub fn decode_mailbox(wire: &[u8], utf8: bool) -> Result<String, MailboxNameError> {
    if wire.eq_ignore_ascii_case(b"INBOX") {
        return Ok("INBOX".to_owned());
    }
    if utf8 {
        let name = std::str::from_utf8(wire).map_err(|_| MailboxNameError::NotUtf8)?;
        if name.chars().any(char::is_control) {
            return Err(MailboxNameError::NotUtf8);
        }
        return Ok(name.to_owned());
    }
    if !wire.iter().all(|b| (0x20..=0x7e).contains(b)) {
        return Err(MailboxNameError::NotSevenBit);
    }
    let name = decode_utf7(wire).ok_or(MailboxNameError::NotModifiedUtf7)?;
    if memchr::memchr(b'&', wire).is_some() {
        let mut again = Vec::with_capacity(wire.len());
        encode_mailbox(&mut again, &name, false);
        if again != wire || name.chars().any(char::is_control) {
            return Err(MailboxNameError::NotModifiedUtf7);
        }
    }
    Ok(name)
}

/// Appends the bytes that spell `name`, without quotes.
pub fn encode_mailbox(out: &mut Vec<u8>, name: &str, utf8: bool) {
    let plain = |b: u8| (0x20..=0x7e).contains(&b) && b != b'&';
    if utf8 || name.bytes().all(plain) {
        out.extend_from_slice(name.as_bytes());
        return;
    }
    let mut rest = name;
    while let Some(first) = rest.chars().next() {
        if first == '&' {
            out.extend_from_slice(b"&-");
            rest = &rest[1..];
            continue;
        }
        let shifted = !(' '..='~').contains(&first);
        let end = rest.find(|c: char| c == '&' || (' '..='~').contains(&c) == shifted).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        if shifted {
            encode_run(out, run);
        } else {
            out.extend_from_slice(run.as_bytes());
        }
        rest = after;
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

/// One shifted run: `&`, base64 of UTF-16 without padding, `-`.
fn encode_run(out: &mut Vec<u8>, run: &str) {
    out.push(b'&');
    let (mut bits, mut held) = (0u32, 0u32);
    for unit in run.encode_utf16() {
        bits = bits << 16 | u32::from(unit);
        held += 16;
        while held >= 6 {
            held -= 6;
            out.push(ALPHABET[(bits >> held & 63) as usize]);
        }
        bits &= (1 << held) - 1;
    }
    if held > 0 {
        out.push(ALPHABET[(bits << (6 - held) & 63) as usize]);
    }
    out.push(b'-');
}

fn decode_utf7(wire: &[u8]) -> Option<String> {
    let mut name = String::with_capacity(wire.len());
    let mut rest = wire;
    while let Some(shift) = memchr::memchr(b'&', rest) {
        name.push_str(std::str::from_utf8(&rest[..shift]).ok()?);
        let end = shift + memchr::memchr(b'-', &rest[shift..])?;
        match &rest[shift + 1..end] {
            [] => name.push('&'),
            run => decode_run(&mut name, run)?,
        }
        rest = &rest[end + 1..];
    }
    name.push_str(std::str::from_utf8(rest).ok()?);
    Some(name)
}

fn decode_run(name: &mut String, run: &[u8]) -> Option<()> {
    let mut units = Vec::with_capacity(run.len() * 6 / 16);
    let (mut bits, mut held) = (0u32, 0u32);
    for byte in run {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b',' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0x3f_ffff;
        held += 6;
        if held >= 16 {
            held -= 16;
            units.push((bits >> held & 0xffff) as u16);
        }
    }
    char::decode_utf16(units).try_for_each(|c| c.map(|c| name.push(c))).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(name: &str) -> String {
        let mut out = Vec::new();
        encode_mailbox(&mut out, name, false);
        String::from_utf8(out).unwrap()
    }

    /// RFC 3501 section 5.1.3, with the example of that section.
    #[test]
    fn names_are_written_in_modified_utf7() {
        for (name, spelled) in [
            ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
            ("Entwürfe", "Entw&APw-rfe"),
            ("Tom & Jerry", "Tom &- Jerry"),
            ("&é&", "&-&AOk-&-"),
            ("😀", "&2D3eAA-"),
        ] {
            assert_eq!(wire(name), spelled);
            assert_eq!(decode_mailbox(spelled.as_bytes(), false).unwrap(), name);
            assert_eq!(decode_mailbox(name.as_bytes(), true).unwrap(), name);
        }
    }

    #[test]
    fn other_spellings_of_a_name_are_refused() {
        for bad in ["&", "a&b", "&AOk", "&!-", "&AGE-", "&AOk-&AOk-", "&AOl-x&", "&2D0-", "&AOkA-", "&AAA-", "&AOm-"] {
            assert_eq!(decode_mailbox(bad.as_bytes(), false), Err(MailboxNameError::NotModifiedUtf7), "{bad}");
        }
        assert_eq!(decode_mailbox("é".as_bytes(), false), Err(MailboxNameError::NotSevenBit));
        assert_eq!(decode_mailbox(b"\xff", true), Err(MailboxNameError::NotUtf8));
        assert_eq!(decode_mailbox(b"a\tb", true), Err(MailboxNameError::NotUtf8));
    }

    /// RFC 9051 section 5.1: INBOX has no case.
    #[test]
    fn inbox_has_one_spelling() {
        assert_eq!(decode_mailbox(b"inBox", false).unwrap(), "INBOX");
        assert_eq!(decode_mailbox(b"inBox/a", false).unwrap(), "inBox/a");
    }
}
