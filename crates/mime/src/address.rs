//! Address lists: From, To, Cc and their like, cut from raw values.
//!
//! RFC 5322 sections 3.4 and 4.4: mailboxes, groups, quoted strings, comments, routes. Encoded words stay
//! encoded, because ENVELOPE shows them raw; one that holds commas or angle brackets (not allowed, and
//! common) is passed over whole. Nothing is refused: an unclosed quote, comment or bracket runs to the end, a
//! missing comma between two bracketed addresses is understood, a semicolon outside a group is a comma.

use crate::words::Word;

/// One mailbox of a list. All parts raw, quoting removed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Mailbox {
    /// Display name, or the comment that older mailers wrote instead of it.
    pub(crate) name: Option<Vec<u8>>,
    /// Source route (RFC 5322 section 4.4), without its colon.
    pub(crate) route: Option<Vec<u8>>,
    /// Local part.
    pub(crate) local: Vec<u8>,
    /// Domain; empty where the sender wrote none.
    pub(crate) domain: Vec<u8>,
}

/// What an address list is made of, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AddressItem {
    Mailbox(Mailbox),
    /// A group begins; its name.
    GroupStart(Vec<u8>),
    GroupEnd,
}

/// Walks the address list of an unfolded value. Each group that begins also ends.
pub(crate) struct Addresses<'a> {
    input: &'a [u8],
    position: usize,
    in_group: bool,
    group_ends: bool,
}

/// Why a part of the list ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stop {
    Comma,
    Semicolon,
    Colon,
    /// A second bracketed address begins; its comma is missing.
    Bracket,
    End,
}

impl<'a> Addresses<'a> {
    pub(crate) fn new(unfolded: &'a [u8]) -> Self {
        Self { input: unfolded, position: 0, in_group: false, group_ends: false }
    }

    fn peek(&self) -> Option<u8> {
        self.input.get(self.position).copied()
    }

    fn bump(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.position += 1;
        Some(byte)
    }

    /// Reads up to the end of one mailbox or group name.
    fn read_part(&mut self, draft: &mut Draft) -> Stop {
        while let Some(byte) = self.peek() {
            if byte == b'<' && draft.bracketed.is_some() {
                return Stop::Bracket;
            }
            if self.read_word(draft) {
                continue;
            }
            self.position += 1;
            match byte {
                b',' => return Stop::Comma,
                b';' => return Stop::Semicolon,
                b':' if !self.in_group && draft.bracketed.is_none() && draft.plain.at.is_none() => return Stop::Colon,
                b'<' => draft.bracketed = Some(self.read_bracketed()),
                b'>' => {}
                _ => draft.push(byte),
            }
        }
        Stop::End
    }

    /// Reads white space, a comment, a quoted string, an encoded word or a domain literal, if one is next.
    fn read_word(&mut self, draft: &mut Draft) -> bool {
        match self.peek() {
            Some(byte) if byte.is_ascii_whitespace() => {
                self.position += 1;
                draft.gap = true;
            }
            Some(b'(') => {
                draft.comment = Some(self.read_comment());
                draft.gap = true;
            }
            Some(b'"') => {
                let quoted = self.read_quoted();
                draft.push_word(&quoted);
            }
            Some(b'=') => match Word::at_start(&self.input[self.position..]) {
                Some(word) => draft.push_word(self.take(word.length)),
                None => return false,
            },
            Some(b'[') if draft.plain.expects_domain() => draft.push_word(self.take_domain_literal()),
            _ => return false,
        }
        true
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let taken = &self.input[self.position..self.position + length];
        self.position += length;
        taken
    }

    /// `[192.0.2.1]`, colons included (RFC 5321 section 4.1.3).
    fn take_domain_literal(&mut self) -> &'a [u8] {
        let rest = &self.input[self.position..];
        self.take(memchr::memchr(b']', rest).map_or(rest.len(), |bracket| bracket + 1))
    }

    /// A quoted string without its quotes and backslashes (RFC 5322 section 3.2.4).
    fn read_quoted(&mut self) -> Vec<u8> {
        self.position += 1;
        let mut text = Vec::new();
        while let Some(byte) = self.bump() {
            match byte {
                b'"' => break,
                b'\\' => text.extend(self.bump()),
                _ => text.push(byte),
            }
        }
        text
    }

    /// A comment without its outer parentheses (RFC 5322 section 3.2.2).
    fn read_comment(&mut self) -> Vec<u8> {
        self.position += 1;
        let mut text = Vec::new();
        let mut depth = 1;
        while let Some(byte) = self.bump() {
            match byte {
                b'\\' => {
                    text.extend(self.bump());
                    continue;
                }
                b'(' => depth += 1,
                b')' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                break;
            }
            text.push(byte);
        }
        text
    }

    /// What stands in angle brackets: an optional route, then the address.
    fn read_bracketed(&mut self) -> Bracketed {
        let mut inner = Draft::default();
        let mut route = None;
        while let Some(byte) = self.peek() {
            let may_be_route = route.is_none() && inner.plain.text.first() == Some(&b'@');
            if byte == b',' && !may_be_route {
                break;
            }
            if self.read_word(&mut inner) {
                continue;
            }
            self.position += 1;
            match byte {
                b'>' => break,
                b'<' => {}
                b':' if may_be_route => route = Some(std::mem::take(&mut inner.plain).text),
                _ => inner.plain.push(byte),
            }
        }
        Bracketed { route, address: inner.plain }
    }
}

impl Iterator for Addresses<'_> {
    type Item = AddressItem;

    fn next(&mut self) -> Option<AddressItem> {
        loop {
            if self.group_ends || (self.in_group && self.position >= self.input.len()) {
                (self.in_group, self.group_ends) = (false, false);
                return Some(AddressItem::GroupEnd);
            }
            if self.position >= self.input.len() {
                return None;
            }
            let mut draft = Draft::default();
            match self.read_part(&mut draft) {
                Stop::Colon => {
                    self.in_group = true;
                    return Some(AddressItem::GroupStart(draft.phrase));
                }
                Stop::Semicolon => self.group_ends = self.in_group,
                Stop::Comma | Stop::Bracket | Stop::End => {}
            }
            if let Some(mailbox) = draft.finish() {
                return Some(AddressItem::Mailbox(mailbox));
            }
        }
    }
}

/// An address without white space, and where its last unquoted `@` stands.
#[derive(Default)]
struct Plain {
    text: Vec<u8>,
    at: Option<usize>,
}

impl Plain {
    fn push(&mut self, byte: u8) {
        if byte == b'@' {
            self.at = Some(self.text.len());
        }
        self.text.push(byte);
    }

    /// Whether a domain literal may begin here.
    fn expects_domain(&self) -> bool {
        self.at.is_some_and(|at| at + 1 == self.text.len())
    }

    /// Local part and domain, when there is an `@`.
    fn split(self) -> Result<(Vec<u8>, Vec<u8>), Vec<u8>> {
        match self.at {
            Some(at) => Ok((self.text[..at].to_vec(), self.text[at + 1..].to_vec())),
            None => Err(self.text),
        }
    }
}

struct Bracketed {
    route: Option<Vec<u8>>,
    address: Plain,
}

/// One part of the list while it is read: as a phrase with its spaces, and as an address without them.
#[derive(Default)]
struct Draft {
    phrase: Vec<u8>,
    has_phrase: bool,
    gap: bool,
    plain: Plain,
    comment: Option<Vec<u8>>,
    bracketed: Option<Bracketed>,
}

impl Draft {
    fn begin_word(&mut self) {
        if self.gap && !self.phrase.is_empty() {
            self.phrase.push(b' ');
        }
        self.gap = false;
        self.has_phrase = true;
    }

    fn push(&mut self, byte: u8) {
        if self.bracketed.is_none() {
            self.begin_word();
            self.phrase.push(byte);
            self.plain.push(byte);
        }
    }

    /// A whole word; an empty quoted string too, for a name that is there and empty is not the same as none.
    fn push_word(&mut self, text: &[u8]) {
        if self.bracketed.is_none() {
            self.begin_word();
            self.phrase.extend_from_slice(text);
            self.plain.text.extend_from_slice(text);
        }
    }

    /// The mailbox, unless there was nothing but white space and comments.
    fn finish(self) -> Option<Mailbox> {
        if let Some(Bracketed { route, address }) = self.bracketed {
            let name = if self.has_phrase { Some(self.phrase) } else { self.comment };
            let (local, domain) = address.split().unwrap_or_else(|text| (text, Vec::new()));
            return Some(Mailbox { name, route, local, domain });
        }
        if !self.has_phrase {
            return None;
        }
        // Words without an address: shown as they stand, with an empty domain. NIL would announce a group.
        let (local, domain) = self.plain.split().unwrap_or_else(|_| (self.phrase, Vec::new()));
        Some(Mailbox { name: self.comment, route: None, local, domain })
    }
}
