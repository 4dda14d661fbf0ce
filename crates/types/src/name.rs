//! Names of mailboxes within one account, and what special ones are for.

use std::fmt;

/// A mailbox's whole name in its account: levels separated by `/`, UTF-8, `INBOX` in
/// capitals (RFC 9051 section 5.1). Namespaces and modified UTF-7 belong to the wire.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailboxName(String);

/// Why a text is no mailbox name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing, or an empty level.
    #[error("A mailbox name has no empty level")]
    Empty,
    /// Over 250 bytes a level or 1,000 in all.
    #[error("The mailbox name is too long")]
    TooLong,
    /// More levels than the limit.
    #[error("The mailbox name has too many levels")]
    TooDeep,
    /// Control characters, `%` or `*`, or a level that is `.` or `..`.
    #[error("The mailbox name has a character that names can not have")]
    BadCharacter,
}

impl MailboxName {
    /// The mailbox every account has.
    pub const INBOX: &'static str = "INBOX";

    /// Parses a name of at most 16 levels; `inbox` in any case is `INBOX`, as the whole
    /// name and as the first level.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if text.len() > 1000 {
            return Err(NameError::TooLong);
        }
        let mut levels = Vec::new();
        for level in text.split('/') {
            if level.is_empty() {
                return Err(NameError::Empty);
            }
            if level.len() > 250 {
                return Err(NameError::TooLong);
            }
            let bad = |c: char| c.is_control() || matches!(c, '%' | '*' | '\u{2028}' | '\u{2029}' | '\u{feff}');
            if level == "." || level == ".." || level.chars().any(bad) {
                return Err(NameError::BadCharacter);
            }
            levels.push(level);
        }
        if levels.len() > 16 {
            return Err(NameError::TooDeep);
        }
        if levels[0].eq_ignore_ascii_case(Self::INBOX) {
            levels[0] = Self::INBOX;
        }
        Ok(Self(levels.join("/")))
    }
    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// Is it INBOX itself?
    pub fn is_inbox(&self) -> bool {
        self.0 == Self::INBOX
    }
    /// The name one level up, if there is one.
    pub fn parent(&self) -> Option<MailboxName> {
        self.0.rfind('/').map(|slash| Self(self.0[..slash].to_owned()))
    }
    /// Is it `ancestor` or below it?
    pub fn is_within(&self, ancestor: &MailboxName) -> bool {
        self.0.strip_prefix(&ancestor.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl fmt::Display for MailboxName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a mailbox is for (RFC 6154 section 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SpecialUse {
    /// `\Archive`
    Archive,
    /// `\Drafts`
    Drafts,
    /// `\Junk`
    Junk,
    /// `\Sent`
    Sent,
    /// `\Trash`
    Trash,
}

impl SpecialUse {
    /// All of them.
    pub const ALL: [SpecialUse; 5] =
        [SpecialUse::Archive, SpecialUse::Drafts, SpecialUse::Junk, SpecialUse::Sent, SpecialUse::Trash];

    /// The attribute, with its backslash.
    pub fn as_str(self) -> &'static str {
        match self {
            SpecialUse::Archive => "\\Archive",
            SpecialUse::Drafts => "\\Drafts",
            SpecialUse::Junk => "\\Junk",
            SpecialUse::Sent => "\\Sent",
            SpecialUse::Trash => "\\Trash",
        }
    }
    /// From the attribute, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inbox_has_one_spelling() {
        assert!(MailboxName::parse("iNbOx").unwrap().is_inbox());
        assert_eq!(MailboxName::parse("inbox/Old").unwrap().as_str(), "INBOX/Old");
        assert_eq!(MailboxName::parse("Old/inbox").unwrap().as_str(), "Old/inbox");
    }

    #[test]
    fn a_name_knows_its_parent_and_its_subtree() {
        let name = MailboxName::parse("Projects/2026/May").unwrap();
        let parent = name.parent().unwrap();
        assert_eq!(parent.as_str(), "Projects/2026");
        assert!(name.is_within(&parent) && name.is_within(&name) && !parent.is_within(&name));
        assert!(!MailboxName::parse("Projects2").unwrap().is_within(&MailboxName::parse("Projects").unwrap()));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for bad in ["", "/a", "a/", "a//b", "..", "a/../b", "a%b", "a*", "a\u{0}b", "a\nb"] {
            assert!(MailboxName::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(MailboxName::parse(&"a/".repeat(17)[..33]), Err(NameError::TooDeep));
        assert_eq!(MailboxName::parse(&"a".repeat(251)), Err(NameError::TooLong));
    }
}
