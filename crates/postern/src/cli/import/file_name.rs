//! What the names of files and folders in a Maildir say: the mailbox, and the flags of a message.
//!
//! They are read without looking at any disk.

use super::header::{FORWARDED, insert_keyword};
use postern_imap_wire::decode_mailbox;
use postern_types::{Flags, SystemFlag};
use std::ffi::OsStr;

/// `.Archive.2024` has two levels, `Archive` has one.
pub(super) fn levels(name: &OsStr) -> Vec<String> {
    let bytes = name.as_encoded_bytes();
    match bytes.strip_prefix(b".") {
        Some(dotted) => dotted.split(|byte| *byte == b'.').filter(|level| !level.is_empty()).map(decoded).collect(),
        None => vec![decoded(bytes)],
    }
}

/// A name in modified UTF-7, as most write it, or in UTF-8.
fn decoded(name: &[u8]) -> String {
    decode_mailbox(name, false).unwrap_or_else(|_| String::from_utf8_lossy(name).into_owned())
}

/// Names of the letters `a` to `z` in file names, from the lines of Dovecot's `dovecot-keywords`.
pub(super) fn keywords(text: &[u8]) -> Vec<(u8, String)> {
    let of_line = |line: &str| {
        let (number, word) = line.split_once(' ')?;
        let number: u8 = number.parse().ok().filter(|number| *number < 26)?;
        Some((b'a' + number, word.trim().to_owned()))
    };
    String::from_utf8_lossy(text).lines().filter_map(of_line).collect()
}

/// The flags after `:2,`; some systems can not have a colon there.
pub(super) fn flags(name: &OsStr, keywords: &[(u8, String)]) -> Flags {
    let mut flags = Flags::new();
    let name = name.as_encoded_bytes();
    let after = name.windows(3).rposition(|three| matches!(three, [b':' | b';' | b'!', b'2', b',']));
    for letter in after.map_or(&[][..], |at| &name[at + 3..]) {
        match letter {
            b'F' => flags.insert(SystemFlag::Flagged),
            b'R' => flags.insert(SystemFlag::Answered),
            b'S' => flags.insert(SystemFlag::Seen),
            b'T' => flags.insert(SystemFlag::Deleted),
            b'D' => flags.insert(SystemFlag::Draft),
            b'P' => insert_keyword(&mut flags, FORWARDED),
            letter => {
                let word = keywords.iter().find(|(known, _)| known == letter).map(|(_, word)| word.as_str());
                word.into_iter().for_each(|word| insert_keyword(&mut flags, word));
            }
        }
    }
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_in_the_name() {
        let named = |text: &str| Flags::parse(text).unwrap();
        let keywords = vec![(b'a', "work".to_owned()), (b'b', "(bad".to_owned())];
        let of = |name: &str| flags(OsStr::new(name), &keywords);
        assert_eq!(of("1714550400.M1.host:2,FRS"), named("\\Flagged \\Answered \\Seen"));
        assert_eq!(of("1714550400.M1.host,S=70:2,DPTab"), named("\\Draft \\Deleted $Forwarded work"));
        assert_eq!(of("1714550400.M1.host;2,Sz"), named("\\Seen"));
        for name in ["1714550400.M1.host", "1714550400.M1.host:1,S", ""] {
            assert_eq!(of(name), Flags::new(), "{name}");
        }
    }
}
