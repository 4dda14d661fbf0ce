//! Rights: sets of RFC 4314 letters, the only rights type in the house.

use std::fmt;
use std::ops::{BitAnd, BitOr, Sub};

/// One right on a mailbox (RFC 4314 section 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Letter {
    /// `l`: sees the mailbox.
    Lookup,
    /// `r`: reads messages.
    Read,
    /// `s`: keeps \Seen.
    Seen,
    /// `w`: sets flags other than \Seen and \Deleted.
    Write,
    /// `i`: adds messages.
    Insert,
    /// `p`: sends mail to the mailbox's submission address.
    Post,
    /// `k`: creates mailboxes below.
    CreateMailbox,
    /// `x`: deletes the mailbox.
    DeleteMailbox,
    /// `t`: sets and clears \Deleted.
    DeleteMessages,
    /// `e`: expunges.
    Expunge,
    /// `a`: administers who may do what.
    Administer,
}

impl Letter {
    /// Every letter in the order of RFC 4314 section 2.1.
    pub const ALL: [Letter; 11] = [
        Letter::Lookup,
        Letter::Read,
        Letter::Seen,
        Letter::Write,
        Letter::Insert,
        Letter::Post,
        Letter::CreateMailbox,
        Letter::DeleteMailbox,
        Letter::DeleteMessages,
        Letter::Expunge,
        Letter::Administer,
    ];

    /// The letter as the wire writes it.
    pub fn as_char(self) -> char {
        b"lrswipkxtea"[self as usize] as char
    }

    /// What it allows, as it reads after "You may not".
    pub fn verb(self) -> &'static str {
        match self {
            Letter::Lookup => "see messages",
            Letter::Read => "read messages",
            Letter::Seen => "mark messages as read",
            Letter::Write => "change flags",
            Letter::Insert => "add messages",
            Letter::Post => "post messages",
            Letter::CreateMailbox => "create mailboxes",
            Letter::DeleteMailbox => "delete or rename the mailbox",
            Letter::DeleteMessages => "mark messages as deleted",
            Letter::Expunge => "expunge messages",
            Letter::Administer => "change who may do what",
        }
    }

    fn bit(self) -> u16 {
        1 << self as u16
    }
}

/// A set of letters. `c` and `d` of RFC 2086 are read as the letters they stand for and
/// shown where RFC 4314 section 2.1.1 asks for it; they are never stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Rights(u16);

/// Letters that are no rights.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a right; the letters are l r s w i p k x t e a")]
pub struct RightsError(pub char);

impl Rights {
    /// No right at all.
    pub const NONE: Rights = Rights(0);
    /// Every right, `a` included: the role *owner*.
    pub const ALL: Rights = Rights((1 << 11) - 1);
    /// Every right but `a`: the role *full access*.
    pub const FULL_ACCESS: Rights = Rights((1 << 10) - 1);
    /// The role *reader*: `l r`.
    pub const READER: Rights = Rights(0b11);
    /// Letters that change what is in a mailbox: without any of them it is READ-ONLY (RFC 4314
    /// section 5.2).
    pub const CHANGING: Rights = Rights(
        1 << Letter::Insert as u16
            | 1 << Letter::Expunge as u16
            | 1 << Letter::Seen as u16
            | 1 << Letter::Write as u16
            | 1 << Letter::DeleteMessages as u16,
    );

    /// From letters; `c` means `k x`, `d` means `t e`: RFC 4314 section 2.1.1 lets a server put
    /// `x` into either, and whoever empties a mailbox need not be able to delete it.
    pub fn parse(letters: &str) -> Result<Self, RightsError> {
        let mut rights = Rights::NONE;
        for letter in letters.chars().filter(|c| *c != ' ') {
            rights = rights
                | match letter {
                    'c' => Letter::CreateMailbox | Letter::DeleteMailbox,
                    'd' => Letter::DeleteMessages | Letter::Expunge,
                    _ => Letter::ALL
                        .into_iter()
                        .find(|known| known.as_char() == letter)
                        .map(Rights::from)
                        .ok_or(RightsError(letter))?,
                };
        }
        Ok(rights)
    }

    /// The set with exactly these stored bits; unknown bits are dropped.
    pub fn from_bits(bits: i64) -> Self {
        Rights(bits as u16 & Rights::ALL.0)
    }

    /// The bits, as the database stores them.
    pub fn bits(self) -> i64 {
        i64::from(self.0)
    }

    /// Is `letter` among them?
    pub fn has(self, letter: Letter) -> bool {
        self.0 & letter.bit() != 0
    }

    /// Are all of `other` among them?
    pub fn contains(self, other: Rights) -> bool {
        self.0 & other.0 == other.0
    }

    /// Is any of `other` among them?
    pub fn intersects(self, other: Rights) -> bool {
        self.0 & other.0 != 0
    }

    /// No letter at all?
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The letters, in the order of RFC 4314.
    pub fn letters(self) -> impl Iterator<Item = Letter> {
        Letter::ALL.into_iter().filter(move |letter| self.has(*letter))
    }

    /// The letters with the virtual `c` and `d` of RFC 4314 section 2.1.1, as MYRIGHTS
    /// and GETACL show them: `c` when `k` or `x` is held, `d` when `t` or `e` is.
    pub fn with_virtual_letters(self) -> String {
        let mut text = self.to_string();
        if self.intersects(Letter::CreateMailbox | Letter::DeleteMailbox) {
            text.push('c');
        }
        if self.intersects(Letter::DeleteMessages | Letter::Expunge) {
            text.push('d');
        }
        text
    }

    /// Every set there is (2,048), for exhaustive tests.
    pub fn every_set() -> impl Iterator<Item = Rights> {
        (0..=Rights::ALL.0).map(Rights)
    }
}

impl From<Letter> for Rights {
    fn from(letter: Letter) -> Self {
        Rights(letter.bit())
    }
}

impl<T: Into<Rights>> BitOr<T> for Rights {
    type Output = Rights;
    fn bitor(self, other: T) -> Rights {
        Rights(self.0 | other.into().0)
    }
}

impl<T: Into<Rights>> BitOr<T> for Letter {
    type Output = Rights;
    fn bitor(self, other: T) -> Rights {
        Rights::from(self) | other
    }
}

impl BitAnd for Rights {
    type Output = Rights;
    fn bitand(self, other: Rights) -> Rights {
        Rights(self.0 & other.0)
    }
}

impl Sub for Rights {
    type Output = Rights;
    fn sub(self, other: Rights) -> Rights {
        Rights(self.0 & !other.0)
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.letters().try_for_each(|letter| write!(f, "{}", letter.as_char()))
    }
}

impl fmt::Debug for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rights({self})")
    }
}

/// What a delegate may write into From (RFC 5322 section 3.6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct SendRights {
    /// From is the account.
    pub send_as: bool,
    /// From is the account and Sender the delegate.
    pub send_on_behalf: bool,
}

impl SendRights {
    /// Neither.
    pub const NONE: SendRights = SendRights { send_as: false, send_on_behalf: false };
    /// Held by either.
    pub fn union(self, other: SendRights) -> SendRights {
        SendRights {
            send_as: self.send_as || other.send_as,
            send_on_behalf: self.send_on_behalf || other.send_on_behalf,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_survive_text_and_bits() {
        for rights in Rights::every_set() {
            assert_eq!(Rights::parse(&rights.to_string()), Ok(rights));
            assert_eq!(Rights::from_bits(rights.bits()), rights);
        }
        assert_eq!(Rights::every_set().count(), 2048);
    }

    /// RFC 4314 section 2.1.1: the obsolete letters are read, shown, and never stored.
    #[test]
    fn obsolete_letters_stand_for_new_ones() {
        assert_eq!(Rights::parse("c").unwrap().to_string(), "kx");
        assert_eq!(Rights::parse("lrd").unwrap().to_string(), "lrte");
        assert_eq!(Rights::parse("lre").unwrap().with_virtual_letters(), "lred");
        assert_eq!(Rights::parse("lr").unwrap().with_virtual_letters(), "lr");
        assert_eq!(Rights::parse("q"), Err(RightsError('q')));
    }
}
