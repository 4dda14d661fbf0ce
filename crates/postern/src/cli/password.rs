//! Passwords at the command line: from standard input, or made here and shown once.

use postern_types::Secret;
use ring::rand::{SecureRandom, SystemRandom};
use std::io::Read;

/// Letters without those that look alike (RFC 4648 section 6, lower case).
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const GROUPS: usize = 5;
const GROUP_LETTERS: usize = 5;
/// More than any password may have; what is longer is refused by the house.
const INPUT_BYTES: u64 = 4096;

/// A password nobody has to think of: five groups of five letters, 125 random bits.
/// Nothing, where the system gives no random bytes.
pub(crate) fn generate() -> Option<String> {
    let mut bytes = [0_u8; GROUPS * GROUP_LETTERS];
    SystemRandom::new().fill(&mut bytes).ok()?;
    // 256 is a multiple of 32, so every letter is equally likely.
    let letters: Vec<char> = bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect();
    let groups: Vec<String> = letters.chunks(GROUP_LETTERS).map(|group| group.iter().collect()).collect();
    Some(groups.join("-"))
}

/// The first line of `input`, without its end. Secrets never come as arguments: other users
/// of the machine can read those.
pub(crate) fn read(input: impl Read) -> Result<Secret, &'static str> {
    let mut bytes = Vec::new();
    input.take(INPUT_BYTES).read_to_end(&mut bytes).map_err(|_| "standard input can not be read")?;
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    if bytes.is_empty() {
        return Err("standard input has no password");
    }
    if std::str::from_utf8(bytes).is_err() {
        return Err("the password on standard input is not UTF-8");
    }
    Ok(Secret::new(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_passwords_are_strong_and_different() {
        let (one, other) = (generate().unwrap(), generate().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.split('-').map(str::len).collect::<Vec<_>>(), [5; 5]);
        assert!(one.bytes().all(|byte| byte == b'-' || LETTERS.contains(&byte)), "{one}");
    }

    #[test]
    fn the_end_of_the_line_is_no_part_of_the_password() {
        let text = |input: &[u8]| read(input).map(|secret| secret.expose_text().map(str::to_owned));
        assert_eq!(text(b"open the garden\n"), Ok(Some("open the garden".into())));
        assert_eq!(text(b"open the garden \r\n"), Ok(Some("open the garden ".into())));
        assert!(text(b"\n").is_err() && text(b"").is_err() && text(b"\xff\n").is_err());
    }
}
