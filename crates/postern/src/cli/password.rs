//! Passwords at the command line: from standard input, asked for at a terminal that does not
//! show them, or made here and shown once.

use super::failure::Failure;
use postern_app::{PasswordError, check_password_rules};
use postern_types::Secret;
use ring::rand::{SecureRandom, SystemRandom};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use std::io::{BufRead, IsTerminal, Read, Stdin, Write};

/// Letters without those that look alike (RFC 4648 section 6, lower case).
const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const GROUPS: usize = 5;
const GROUP_LETTERS: usize = 5;
/// More than any password may have; what is longer is refused by the house.
const INPUT_BYTES: u64 = 4096;
/// What Ctrl-C sends.
const INTERRUPT: u8 = 3;

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
    // What is after the line is not read as a secret, and one that was cut off is none.
    input.take(INPUT_BYTES + 1).read_to_end(&mut bytes).map_err(|_| "standard input can not be read")?;
    let bytes = match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => &bytes[..end],
        None if bytes.len() as u64 > INPUT_BYTES => return Err("the first line of standard input is too long"),
        None => &bytes,
    };
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    if bytes.is_empty() {
        return Err("standard input has no password");
    }
    if std::str::from_utf8(bytes).is_err() {
        return Err("the password on standard input is not UTF-8");
    }
    Ok(Secret::new(bytes))
}

/// Two passwords from two lines of `input`: the one that is, and the one that is to be.
pub(super) fn read_two(input: impl Read) -> Result<(Secret, Secret), &'static str> {
    let mut bytes = Vec::new();
    input.take(2 * INPUT_BYTES).read_to_end(&mut bytes).map_err(|_| "standard input can not be read")?;
    let both = "standard input has two lines: the password that is, then the new one";
    let at = bytes.iter().position(|byte| *byte == b'\n').ok_or(both)?;
    let (first, second) = bytes.split_at(at);
    Ok((read(first).map_err(|_| both)?, read(&second[1..]).map_err(|_| both)?))
}

/// A password that somebody chooses, looked at before anything is done with it. The house looks at it again.
pub(crate) fn chosen(password: Secret) -> Result<Secret, PasswordError> {
    check_password_rules(&password).map(|()| password)
}

/// What helps against a password that is refused.
pub(crate) fn cure(error: PasswordError) -> &'static str {
    match error {
        PasswordError::TooShort => "choose 15 characters or more; a few words are easy to remember",
        _ => "choose another: 15 characters or more that a keyboard has; a few words are easy to remember",
    }
}

/// The same for a command of REST.
pub(super) fn wanted(password: Secret) -> Result<Secret, Failure> {
    chosen(password).map_err(|error| Failure::usage(error.to_string()).next(cure(error)))
}

/// Asks the person at the terminal, which does not show what they type.
pub(super) fn ask(prompt: &str) -> Result<Secret, Failure> {
    let input = std::io::stdin();
    if !input.is_terminal() {
        return Err(Failure::usage("there is no terminal to ask for the password at")
            .next("give it on standard input: add --password-stdin"));
    }
    let failed = |error: std::io::Error| Failure::new(format!("the terminal can not be used: {error}"));
    let mut output = std::io::stderr().lock();
    output.write_all(prompt.as_bytes()).and_then(|()| output.flush()).map_err(failed)?;
    let quiet = Quiet::start(&input).map_err(failed)?;
    let mut line = Vec::new();
    let typed = read_line(input.lock().take(INPUT_BYTES), &mut line);
    drop(quiet);
    // The end of the line was not shown either.
    let _ = output.write_all(b"\n");
    typed.map_err(failed)?;
    if line.last() == Some(&INTERRUPT) {
        return Err(Failure::new("interrupted; nothing was done"));
    }
    read(line.as_slice()).map_err(|_| Failure::usage("no password was typed"))
}

/// Reads as far as a line goes, or to where the person gave up.
fn read_line(input: impl BufRead, line: &mut Vec<u8>) -> std::io::Result<()> {
    for byte in input.bytes() {
        line.push(byte?);
        if matches!(line.last(), Some(b'\n' | &INTERRUPT)) {
            break;
        }
    }
    Ok(())
}

/// A terminal that does not show what is typed, until this is let go. Ctrl-C ends the line and
/// not the process, which would leave the terminal so.
struct Quiet<'a> {
    terminal: &'a Stdin,
    before: Termios,
}

impl<'a> Quiet<'a> {
    fn start(terminal: &'a Stdin) -> std::io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
        quiet.special_codes[SpecialCodeIndex::VEOL] = INTERRUPT;
        // What was typed ahead was shown, so it is no password.
        tcsetattr(terminal, OptionalActions::Flush, &quiet)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Quiet<'_> {
    fn drop(&mut self) {
        // A terminal that is gone shows nothing either.
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
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
        let two = |input: &[u8]| read_two(input).map(|(one, other)| [one, other].map(|it| it.expose().to_vec())).ok();
        assert_eq!(two(b"old one\r\nnew one\n"), Some([b"old one".to_vec(), b"new one".to_vec()]));
        assert!(two(b"one").is_none() && two(b"one\n").is_none() && two(b"\ntwo\n").is_none());
        assert_eq!(text(b"open the garden\r\nand its notes\n"), Ok(Some("open the garden".into())));
        let long = [b'x'; INPUT_BYTES as usize + 1];
        assert_eq!(text(&long[1..]).map(|text| text.map(|text| text.len())), Ok(Some(INPUT_BYTES as usize)));
        assert_eq!(text(&long), Err("the first line of standard input is too long"), "no secret is cut short");
        assert!(text(b"\n").is_err() && text(b"").is_err() && text(b"\xff\n").is_err());
    }
}
