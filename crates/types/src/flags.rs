//! Message flags (RFC 9051 section 2.3.2) as canonical sets.

use crate::{Letter, Rights};
use std::fmt;

/// One of the flags every server knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum SystemFlag {
    /// `\Answered`
    Answered,
    /// `\Flagged`
    Flagged,
    /// `\Deleted`
    Deleted,
    /// `\Seen`
    Seen,
    /// `\Draft`
    Draft,
}

impl SystemFlag {
    /// All of them, in the order they are shown.
    pub const ALL: [SystemFlag; 5] =
        [SystemFlag::Answered, SystemFlag::Flagged, SystemFlag::Deleted, SystemFlag::Seen, SystemFlag::Draft];

    /// With its backslash.
    pub fn as_str(self) -> &'static str {
        match self {
            SystemFlag::Answered => "\\Answered",
            SystemFlag::Flagged => "\\Flagged",
            SystemFlag::Deleted => "\\Deleted",
            SystemFlag::Seen => "\\Seen",
            SystemFlag::Draft => "\\Draft",
        }
    }

    /// The right that setting and clearing it needs (RFC 4314 section 4).
    pub fn letter(self) -> Letter {
        match self {
            SystemFlag::Seen => Letter::Seen,
            SystemFlag::Deleted => Letter::DeleteMessages,
            _ => Letter::Write,
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A keyword such as `$Forwarded`: an atom (RFC 9051 section 9, flag-keyword), compared
/// without regard to case, shown as it was first written.
#[derive(Debug, Clone)]
pub struct Keyword(Box<str>);

/// Why a text is no flag.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FlagError {
    /// A backslash name that is not one of the system flags.
    #[error("{0} is not a flag that can be set")]
    Unknown(String),
    /// A keyword with characters an atom can not have, empty, or over 100 bytes.
    #[error("{0:?} is not a keyword")]
    BadKeyword(String),
}

impl Keyword {
    /// Parses an atom of 1 to 100 bytes.
    pub fn parse(text: &str) -> Result<Self, FlagError> {
        let atom = |b: u8| b.is_ascii_graphic() && !b"(){%*\"\\]".contains(&b);
        if text.is_empty() || text.len() > 100 || !text.bytes().all(atom) {
            return Err(FlagError::BadKeyword(text.chars().take(100).collect()));
        }
        Ok(Self(text.into()))
    }
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    fn folded(&self) -> impl Iterator<Item = u8> + '_ {
        self.0.bytes().map(|b| b.to_ascii_lowercase())
    }
}

impl PartialEq for Keyword {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}
impl Eq for Keyword {}
impl PartialOrd for Keyword {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Keyword {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.folded().cmp(other.folded())
    }
}

/// A set of flags: five bits and keywords in order, so equal sets are equal values.
#[derive(Debug, Clone, PartialEq, Eq, Default, PartialOrd, Ord)]
pub struct Flags {
    system: u8,
    keywords: Vec<Keyword>,
}

impl Flags {
    /// The empty set.
    pub fn new() -> Self {
        Self::default()
    }
    /// Adds one flag by its name on the wire.
    pub fn insert_named(&mut self, name: &str) -> Result<(), FlagError> {
        if name.starts_with('\\') {
            let known = SystemFlag::ALL.into_iter().find(|flag| flag.as_str().eq_ignore_ascii_case(name));
            self.insert(known.ok_or_else(|| FlagError::Unknown(name.chars().take(100).collect()))?);
        } else {
            self.insert_keyword(Keyword::parse(name)?);
        }
        Ok(())
    }
    /// From names separated by spaces, as [`fmt::Display`] writes them.
    pub fn parse(text: &str) -> Result<Self, FlagError> {
        let mut flags = Flags::new();
        text.split_ascii_whitespace().try_for_each(|name| flags.insert_named(name))?;
        Ok(flags)
    }
    /// Adds a system flag.
    pub fn insert(&mut self, flag: SystemFlag) {
        self.system |= flag.bit();
    }
    /// Takes a system flag away.
    pub fn remove(&mut self, flag: SystemFlag) {
        self.system &= !flag.bit();
    }
    /// Is it set?
    pub fn has(&self, flag: SystemFlag) -> bool {
        self.system & flag.bit() != 0
    }
    /// Adds a keyword.
    pub fn insert_keyword(&mut self, keyword: Keyword) {
        if let Err(place) = self.keywords.binary_search(&keyword) {
            self.keywords.insert(place, keyword);
        }
    }
    /// Is this keyword set?
    pub fn has_keyword(&self, keyword: &Keyword) -> bool {
        self.keywords.binary_search(keyword).is_ok()
    }
    /// System flags that are set.
    pub fn system(&self) -> impl Iterator<Item = SystemFlag> + '_ {
        SystemFlag::ALL.into_iter().filter(|flag| self.has(*flag))
    }
    /// Keywords that are set, in order.
    pub fn keywords(&self) -> &[Keyword] {
        &self.keywords
    }
    /// No flag at all?
    pub fn is_empty(&self) -> bool {
        self.system == 0 && self.keywords.is_empty()
    }
    /// Both sets together; where they differ in case only, the spelling of `self` stays.
    pub fn union(&self, other: &Flags) -> Flags {
        let mut all = self.clone();
        all.system |= other.system;
        other.keywords.iter().for_each(|keyword| all.insert_keyword(keyword.clone()));
        all
    }
    /// What is in `self` and not in `other`.
    pub fn difference(&self, other: &Flags) -> Flags {
        Flags {
            system: self.system & !other.system,
            keywords: self.keywords.iter().filter(|keyword| !other.has_keyword(keyword)).cloned().collect(),
        }
    }
    /// The flags of this set that someone with `rights` may set or clear (RFC 4314
    /// section 4: the others are left as they are, and that is not an error).
    pub fn settable_with(&self, rights: Rights) -> Flags {
        Flags {
            system: self.system().filter(|flag| rights.has(flag.letter())).fold(0, |bits, flag| bits | flag.bit()),
            keywords: if rights.has(Letter::Write) { self.keywords.clone() } else { Vec::new() },
        }
    }
    /// The letter that the first of these flags needs: what to name to someone who may
    /// change none of them.
    pub fn first_letter(&self) -> Letter {
        self.system().map(SystemFlag::letter).next().unwrap_or(Letter::Write)
    }
}

impl FromIterator<SystemFlag> for Flags {
    fn from_iter<T: IntoIterator<Item = SystemFlag>>(flags: T) -> Self {
        let mut set = Flags::new();
        flags.into_iter().for_each(|flag| set.insert(flag));
        set
    }
}

/// Names separated by one space: system flags in order, then keywords in order.
impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.system().map(|flag| flag.as_str()).chain(self.keywords.iter().map(|keyword| keyword.as_str()));
        for (index, name) in names.enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            f.write_str(name)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_sets_are_equal_whatever_the_order_and_case() {
        let one = Flags::parse("\\seen $Later \\Answered $Early").unwrap();
        let other = Flags::parse("$early \\answered \\Seen $later").unwrap();
        assert_eq!(one, other);
        assert_eq!(one.to_string(), "\\Answered \\Seen $Early $Later");
        assert_eq!(Flags::parse(&one.to_string()).unwrap(), one);
    }

    /// RFC 4314 section 4: `s` for \Seen, `t` for \Deleted, `w` for all others.
    #[test]
    fn letters_decide_which_flags_are_settable() {
        let all = Flags::parse("\\Answered \\Flagged \\Deleted \\Seen \\Draft $Later").unwrap();
        let settable = |letters: &str| all.settable_with(Rights::parse(letters).unwrap()).to_string();
        assert_eq!(settable("s"), "\\Seen");
        assert_eq!(settable("t"), "\\Deleted");
        assert_eq!(settable("w"), "\\Answered \\Flagged \\Draft $Later");
        assert_eq!(settable("lripkxea"), "");
    }

    #[test]
    fn what_is_no_flag_is_refused() {
        assert!(matches!(Flags::parse("\\Recent"), Err(FlagError::Unknown(_))));
        assert!(matches!(Flags::parse("a{b"), Err(FlagError::BadKeyword(_))));
        assert!(Keyword::parse("").is_err() && Keyword::parse("é").is_err());
    }
}
