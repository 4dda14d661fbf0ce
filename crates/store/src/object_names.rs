//! What mailboxes, messages and threads are called outside (RFC 8474; RFC 8620 section 1.2, whose
//! ids are to be the same).
//!
//! Their numbers are given out one after the other, so they would say how much an account has had and
//! when. A number leaves the house through a permutation that only it can compute: four rounds make a
//! Feistel network of a keyed function a random permutation to who sees little of it (Luby and Rackoff,
//! 1988), and more to who sees much. It keeps no secret but that: an id opens nothing, the gate is asked.

use postern_types::{MailboxId, MessageId};
use std::fmt;
use std::str::FromStr;

/// What an id is of; its letter stands in front, so that no two kinds have one in common (RFC 8474 section
/// 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Mailbox,
    Email,
    Thread,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Mailbox, Kind::Email, Kind::Thread];

    fn letter(self) -> u8 {
        match self {
            Kind::Mailbox => b'F',
            Kind::Email => b'M',
            Kind::Thread => b'T',
        }
    }
}

/// What a mailbox, a message or a thread is called outside: a letter and sixteen digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectId {
    kind: Kind,
    permuted: u64,
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{:016x}", char::from(self.kind.letter()), self.permuted)
    }
}

/// No id of ours is written so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotOurs;

impl FromStr for ObjectId {
    type Err = NotOurs;

    /// Exactly as it is written: ids have case (RFC 8474 section 7).
    fn from_str(text: &str) -> Result<Self, NotOurs> {
        let (letter, digits) = text.as_bytes().split_first().ok_or(NotOurs)?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.letter() == *letter).ok_or(NotOurs)?;
        let is_digit = |digit: &u8| matches!(digit, b'0'..=b'9' | b'a'..=b'f');
        let is_whole = digits.len() == 16 && digits.iter().all(is_digit);
        let permuted = u64::from_str_radix(&text[1..], 16).ok().filter(|_| is_whole).ok_or(NotOurs)?;
        Ok(Self { kind, permuted })
    }
}

/// Names things by a key of the house. It never changes, or every client would load everything again.
#[derive(Clone)]
pub struct ObjectNames {
    key: [u8; 32],
}

/// Leaves the key out.
impl fmt::Debug for ObjectNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectNames").finish_non_exhaustive()
    }
}

/// Rounds of the permutation.
const ROUNDS: u8 = 6;

impl ObjectNames {
    /// By this key.
    pub fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// MAILBOXID.
    pub fn mailbox(&self, mailbox: MailboxId) -> ObjectId {
        self.name(Kind::Mailbox, mailbox.get())
    }

    /// EMAILID, of the message that this one is or is a copy of.
    pub fn email(&self, message: MessageId) -> ObjectId {
        self.name(Kind::Email, message.get())
    }

    /// THREADID, of the thread that began with this message.
    pub fn thread(&self, first: MessageId) -> ObjectId {
        self.name(Kind::Thread, first.get())
    }

    fn name(&self, kind: Kind, number: i64) -> ObjectId {
        let number = number.cast_unsigned();
        let (mut left, mut right) = ((number >> 32) as u32, number as u32);
        for round in 0..ROUNDS {
            (left, right) = (right, left ^ self.mixed(kind, round, right));
        }
        ObjectId { kind, permuted: u64::from(left) << 32 | u64::from(right) }
    }

    /// The keyed function of one round.
    fn mixed(&self, kind: Kind, round: u8, half: u32) -> u32 {
        let [a, b, c, d] = half.to_be_bytes();
        let hash = blake3::keyed_hash(&self.key, &[kind.letter(), round, a, b, c, d]);
        let [a, b, c, d, ..] = *hash.as_bytes();
        u32::from_be_bytes([a, b, c, d])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postern_types::AccountId;
    use std::collections::HashSet;

    fn message(account: i64, number: i64) -> MessageId {
        MessageId::pack(AccountId::new(account).unwrap(), number).unwrap()
    }

    /// RFC 8474 section 7 (objectid), 8.1 (a letter in front) and 5.2 (no id of two kinds).
    #[test]
    fn numbers_get_names_that_say_nothing_and_never_meet() {
        let names = ObjectNames::new([7; 32]);
        let mut seen = HashSet::new();
        for number in 1..2000 {
            let message = message(1 + number % 3, number);
            for id in [names.email(message), names.thread(message)] {
                let text = id.to_string();
                assert!(text.len() == 17 && text.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{text}");
                assert_eq!(text.parse(), Ok(id));
                assert!(seen.insert(text[1..].to_owned()), "{text}");
            }
        }
        let near: Vec<u64> = (1..100).map(|number| names.email(message(1, number)).permuted).collect();
        let bits: u32 = near.windows(2).map(|pair| (pair[0] ^ pair[1]).count_ones()).sum();
        assert!((28..36).contains(&(bits / 98)), "neighbours share half of their bits: {bits}");
        assert_ne!(ObjectNames::new([8; 32]).email(message(1, 1)), names.email(message(1, 1)));
    }

    /// It is the same after every start and on every node: what clients keep is found again.
    #[test]
    fn names_never_change() {
        let id = ObjectNames::new([7; 32]).email(message(5, 17));
        assert_eq!(id.to_string(), "M98ce692343238b8c");
    }

    #[test]
    fn what_is_not_written_so_is_no_id() {
        for text in [
            "",
            "M",
            "M00000000000000001",
            "M000000000000000A",
            "X0000000000000001",
            "m0000000000000001",
            "M+00000000000000a",
        ] {
            assert_eq!(text.parse::<ObjectId>(), Err(NotOurs), "{text}");
        }
    }
}
