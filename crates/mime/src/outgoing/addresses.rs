//! The addresses of a sender, read so that every reader comes to the same ones.
//!
//! RFC 5322 section 3.4 without groups, without the obsolete routes and without comments inside an address. What two
//! readers could read in two ways is refused: a comment in a comment, a backslash in a comment, an address with no
//! domain, words after an address, an encoded word where an address stands (RFC 2047 section 5), or a name that
//! hides another address from readers that decode before they parse. Dots in names are let be: people have initials.

use postern_types::Domain;

use crate::compose::{is_atom_character, is_dot_atom, quoted_length};
use crate::header::unfold;
use crate::words::decode_words;

/// Longest address: a local part, `@` and a domain (RFC 5321 section 4.5.3.1).
const ADDRESS_BYTES_MAX: usize = 64 + 1 + 255;

/// Why an address can not be taken for what it seems to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressFlaw {
    /// Nothing stands where an address should.
    #[error("an address is missing")]
    Missing,
    /// There is no `@`, or nothing or no domain name after it.
    #[error("an address looks like name@example.org")]
    NoDomain,
    /// A local part that is neither a dot-atom nor a plain quoted string.
    #[error("what stands before the @ can not be part of an address")]
    LocalPart,
    /// Longer than RFC 5321 section 4.5.3.1 allows.
    #[error("an address is too long")]
    TooLong,
    /// A group (RFC 5322 section 3.4) is no sender.
    #[error("a group can not send, and a name with a colon or a semicolon must stand in quotes")]
    Group,
    /// More than the angle brackets hold.
    #[error("something stands after an address")]
    AfterAddress,
    /// A quoted string, a comment or an angle bracket without its end.
    #[error("a quote, a comment or an angle bracket is not closed")]
    Open,
    /// A comment that readers take in different ways.
    #[error("a comment has another comment or a backslash in it")]
    Comment,
    /// A special character outside of quotes.
    #[error("{0:?} must stand in quotes")]
    Special(char),
    /// RFC 2047 section 5: no encoded word in an address.
    #[error("an address can not be written in encoded words")]
    EncodedAddress,
    /// A name that some readers would show as another address.
    #[error("the name hides another address")]
    HiddenAddress,
    /// Bytes that are not UTF-8 (RFC 6532 section 3.1), or a character that can not be seen.
    #[error("it holds bytes or characters that can not be shown")]
    Unshowable,
}

/// Reads a raw value as a list of mailboxes, of which there is at least one; stops where it has `mailboxes_max`. Gives
/// their addresses as written, without the names beside them.
pub(super) fn read_mailboxes(value: &[u8], mailboxes_max: usize) -> Result<Vec<String>, AddressFlaw> {
    let unfolded = unfold(value);
    let text = std::str::from_utf8(&unfolded).map_err(|_| AddressFlaw::Unshowable)?;
    if text.chars().any(|character| character.is_control() && character != '\t') {
        return Err(AddressFlaw::Unshowable);
    }
    let mut reader = Reader { text, position: 0 };
    let mut mailboxes = Vec::new();
    while mailboxes.len() < mailboxes_max {
        mailboxes.push(reader.read_mailbox()?);
        if reader.peek().is_none() {
            break;
        }
        // A mailbox ends at a comma or at the end of all.
        reader.position += 1;
    }
    Ok(mailboxes)
}

struct Reader<'a> {
    text: &'a str,
    position: usize,
}

/// What came before the end of a mailbox.
#[derive(Default)]
struct Draft<'a> {
    /// The words before an angle bracket, quoting removed.
    phrase: String,
    /// Where the words begin and end: the address, where there is no bracket.
    span: Option<(usize, usize)>,
    /// White space or a comment came after the last word.
    gap: bool,
    /// White space or a comment stands between two words.
    in_pieces: bool,
    /// A bare `@` or `[` was met, which only an address may have.
    special: Option<char>,
    comments: Vec<&'a str>,
    bracketed: Option<&'a str>,
}

impl<'a> Draft<'a> {
    fn word(&mut self, start: usize, end: usize, text: &str) {
        if self.gap && self.span.is_some() {
            self.in_pieces = true;
            self.phrase.push(' ');
        }
        self.gap = false;
        self.span = Some((self.span.map_or(start, |(first, _)| first), end));
        self.phrase.push_str(text);
    }

    /// The address, when all of the mailbox is as it should be.
    fn finish(self, text: &'a str) -> Result<String, AddressFlaw> {
        let address = match (self.bracketed, self.special, self.span) {
            (Some(_), Some(special), _) => return Err(AddressFlaw::Special(special)),
            (Some(address), None, _) => address,
            (None, _, None) => return Err(AddressFlaw::Missing),
            (None, Some(_), _) if self.in_pieces => return Err(AddressFlaw::AfterAddress),
            (None, None, _) if self.in_pieces => return Err(AddressFlaw::NoDomain),
            (None, _, Some((start, end))) => &text[start..end],
        };
        check_address(address)?;
        // The name as it reads, and with what stands between its words; where there is none, a comment is shown.
        if let Some((start, end)) = self.span.filter(|_| self.bracketed.is_some()) {
            check_shown(&self.phrase, address)?;
            check_shown(&text[start..end], address)?;
        }
        self.comments.iter().try_for_each(|comment| check_shown(comment, address))?;
        Ok(address.to_owned())
    }
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.position..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Reads up to a comma or to the end, and stays there.
    fn read_mailbox(&mut self) -> Result<String, AddressFlaw> {
        let mut draft = Draft::default();
        while let Some(character) = self.peek() {
            match character {
                ',' => break,
                ' ' | '\t' => {
                    self.position += 1;
                    draft.gap = true;
                }
                '(' => {
                    draft.comments.push(self.take_comment()?);
                    draft.gap = true;
                }
                _ if draft.bracketed.is_some() => return Err(AddressFlaw::AfterAddress),
                '<' => draft.bracketed = Some(self.take_bracketed()?),
                '"' => self.take_quoted(&mut draft)?,
                ':' | ';' => return Err(AddressFlaw::Group),
                ')' | '>' | '[' | ']' | '\\' => return Err(AddressFlaw::Special(character)),
                _ => self.take_atom(&mut draft)?,
            }
        }
        draft.finish(self.text)
    }

    /// A comment without its parentheses.
    fn take_comment(&mut self) -> Result<&'a str, AddressFlaw> {
        let inner = &self.rest()[1..];
        let end = inner.find(['(', ')', '\\']).ok_or(AddressFlaw::Open)?;
        if !inner[end..].starts_with(')') {
            return Err(AddressFlaw::Comment);
        }
        self.position += end + 2;
        Ok(inner[..end].trim())
    }

    /// What stands in angle brackets; white space at its edges is allowed there.
    fn take_bracketed(&mut self) -> Result<&'a str, AddressFlaw> {
        let inner = &self.rest()[1..];
        let end = inner.find('>').ok_or(AddressFlaw::Open)?;
        self.position += end + 2;
        Ok(inner[..end].trim_matches([' ', '\t']))
    }

    fn take_quoted(&mut self, draft: &mut Draft<'a>) -> Result<(), AddressFlaw> {
        let length = quoted_length(self.rest()).ok_or(AddressFlaw::Open)?;
        let inner = &self.rest()[1..length - 1];
        let mut text = String::with_capacity(inner.len());
        let mut characters = inner.chars();
        while let Some(character) = characters.next() {
            text.push(if character == '\\' { characters.next().unwrap_or('\\') } else { character });
        }
        draft.word(self.position, self.position + length, &text);
        self.position += length;
        Ok(())
    }

    /// A run of atom characters, dots and `@`.
    fn take_atom(&mut self, draft: &mut Draft<'a>) -> Result<(), AddressFlaw> {
        let fits = |character: char| is_atom_character(character) || matches!(character, '.' | '@');
        let rest = self.rest();
        let length = rest.find(|character: char| !fits(character)).unwrap_or(rest.len());
        if length == 0 {
            return Err(AddressFlaw::Special(self.peek().unwrap_or(' ')));
        }
        if rest[..length].contains('@') {
            draft.special = Some('@');
        }
        draft.word(self.position, self.position + length, &rest[..length]);
        self.position += length;
        Ok(())
    }
}

/// `addr-spec` (RFC 5322 section 3.4.1) of a dot-atom or a plain quoted string, and a domain name.
fn check_address(address: &str) -> Result<(), AddressFlaw> {
    if address.is_empty() {
        return Err(AddressFlaw::Missing);
    }
    if address.len() > ADDRESS_BYTES_MAX {
        return Err(AddressFlaw::TooLong);
    }
    if address.contains("=?") {
        return Err(AddressFlaw::EncodedAddress);
    }
    if address.chars().any(|character| is_invisible(character) || (!character.is_ascii() && character.is_whitespace()))
    {
        return Err(AddressFlaw::Unshowable);
    }
    let local_length = quoted_length(address).or_else(|| address.find('@')).ok_or(AddressFlaw::NoDomain)?;
    let (local, domain) = address.split_at(local_length);
    let domain = domain.strip_prefix('@').ok_or(AddressFlaw::NoDomain)?;
    // In quotes only what would do without, and dots: `"a..b"` is in use, while `"boss@example.org>"` is an attack.
    let in_quotes = local.strip_prefix('"').and_then(|inner| inner.strip_suffix('"'));
    let fits = match in_quotes {
        Some(inner) => !inner.is_empty() && inner.chars().all(|one| one == '.' || is_atom_character(one)),
        None => is_dot_atom(local),
    };
    if !fits {
        return Err(AddressFlaw::LocalPart);
    }
    Domain::parse(domain).map(|_| ()).map_err(|_| AddressFlaw::NoDomain)
}

/// Characters that have no shape, turn the direction of writing round, or are taken for `@`, `.`, `<` and `>`.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{2024}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3002}'
        | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{fe52}' | '\u{fe64}' | '\u{fe65}' | '\u{fe6b}' | '\u{feff}'
        | '\u{ff0e}' | '\u{ff1c}' | '\u{ff1e}' | '\u{ff20}' | '\u{ff61}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffd}'
        | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Looks at a name or a comment: decoded, or written in brackets, it must not hold another address than the one it
/// stands beside, for a reader that decodes first, or looks for brackets first, would take that one for the sender.
fn check_shown(shown: &str, address: &str) -> Result<(), AddressFlaw> {
    let decoded = decode_words(shown.as_bytes());
    if decoded.chars().any(char::is_control) {
        return Err(AddressFlaw::Unshowable);
    }
    if decoded == shown && !shown.contains(['<', '>']) {
        return Ok(());
    }
    let is_other = |word: &str| match word.rsplit_once('@') {
        Some((_, domain)) => domain.contains('.') && !word.eq_ignore_ascii_case(address),
        None => false,
    };
    let between = |character: char| character.is_whitespace() || "<>()[],;:\"'".contains(character);
    if decoded.split(between).any(is_other) {
        return Err(AddressFlaw::HiddenAddress);
    }
    Ok(())
}
