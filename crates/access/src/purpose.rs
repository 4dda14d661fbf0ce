//! What a credential is for: a closed list, each with the narrowest scope that works.
//!
//! A template is where an issuer starts. What is named beside it may be narrower without a
//! word; where it is wider, it is shown ([`Purpose::widened_by`]).

use crate::{Protocol, Protocols};
use postern_types::{Letter, Rights};
use std::fmt;

/// What a credential is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Purpose {
    /// Copies everything and changes nothing.
    Backup,
    /// Reads, and moves to Archive.
    Archive,
    /// Sends many messages, with limits of its own.
    Marketing,
    /// A help desk that works on the mailbox and answers from it.
    Ticketing,
    /// A device that sends to the house's own domains, such as a scanner.
    Device,
    /// Brings mail over, once.
    Migration,
    /// People who take turns at one desk; shut but while it is checked out.
    Role,
    /// A task with a beginning and an end.
    Task,
    /// A mail program that can open one mailbox for each sign-in alone.
    Client,
    /// Nothing of these: everything is named.
    Other,
}

/// Where an issuer starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Template {
    /// By which protocols.
    pub protocols: Protocols,
    /// Letters on every mailbox.
    pub rights: Rights,
    /// Letters on the mailbox that is `\Archive`, beside those.
    pub on_archive: Rights,
    /// How long it lasts where nothing is said, in days; nothing where an end must be named.
    pub days: Option<i64>,
    /// How long it lasts at most, in days.
    pub most_days: i64,
}

const DAYS: i64 = 90;
const MOST_DAYS: i64 = 366;

/// A word that is no purpose.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no purpose; the purposes are {known}", known = Purpose::ALL.map(Purpose::name).join(", "))]
pub struct PurposeError(String);

impl Purpose {
    /// All of them.
    pub const ALL: [Purpose; 10] = [
        Purpose::Backup,
        Purpose::Archive,
        Purpose::Marketing,
        Purpose::Ticketing,
        Purpose::Device,
        Purpose::Migration,
        Purpose::Role,
        Purpose::Task,
        Purpose::Client,
        Purpose::Other,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Purpose::Backup => "backup",
            Purpose::Archive => "archive",
            Purpose::Marketing => "marketing",
            Purpose::Ticketing => "ticketing",
            Purpose::Device => "device",
            Purpose::Migration => "migration",
            Purpose::Role => "role",
            Purpose::Task => "task",
            Purpose::Client => "client",
            Purpose::Other => "other",
        }
    }

    /// From its name, in any case.
    pub fn parse(text: &str) -> Result<Purpose, PurposeError> {
        let folded = text.trim().to_ascii_lowercase();
        Purpose::ALL.into_iter().find(|known| known.name() == folded).ok_or_else(|| PurposeError(text.to_owned()))
    }

    /// Where an issuer starts.
    pub fn template(self) -> Template {
        use Protocol::{Imap, Pop3, Submission};
        let works = Letter::Lookup | Letter::Read | Letter::Seen | Letter::Write | Letter::Insert;
        let removes: Rights = Letter::DeleteMessages | Letter::Expunge;
        let (protocols, rights): (&[Protocol], Rights) = match self {
            Purpose::Backup => (&[Imap, Pop3], Rights::READER),
            Purpose::Archive => (&[Imap], Rights::READER | removes),
            Purpose::Migration => (&[Imap], works | Letter::CreateMailbox | removes),
            Purpose::Ticketing => (&[Imap, Submission], works | removes),
            Purpose::Marketing | Purpose::Device => (&[Submission], Rights::NONE),
            Purpose::Client | Purpose::Role => (&[Imap, Pop3, Submission], Rights::FULL_ACCESS),
            Purpose::Task => (&[Imap, Submission], works | Letter::DeleteMessages),
            Purpose::Other => (&[], Rights::NONE),
        };
        Template {
            protocols: Protocols::of(protocols),
            rights,
            on_archive: if self == Purpose::Archive { Letter::Insert.into() } else { Rights::NONE },
            days: match self {
                Purpose::Migration => Some(1),
                Purpose::Task => None,
                _ => Some(DAYS),
            },
            most_days: if self == Purpose::Migration { 14 } else { MOST_DAYS },
        }
    }

    /// Does somebody use it who is named beside its owner?
    pub fn has_holder(self) -> bool {
        matches!(self, Purpose::Role | Purpose::Task | Purpose::Client)
    }

    /// Could a delegate do it who signs in as themselves? Then it is said why that does not do.
    pub fn could_be_delegation(self) -> bool {
        self.has_holder() || self == Purpose::Other
    }

    /// Is it shut but while somebody has checked it out?
    pub fn is_checked_out(self) -> bool {
        self == Purpose::Role
    }

    /// Protocols and letters that are not in the template: wider than the purpose needs. Where all is
    /// named there is nothing to be wider than.
    pub fn widened_by(self, protocols: Protocols, rights: Rights) -> (Protocols, Rights) {
        let template = self.template();
        if self == Purpose::Other {
            return (Protocols::NONE, Rights::NONE);
        }
        (protocols - template.protocols, rights - (template.rights | template.on_archive))
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which purposes are allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purposes(u16);

impl Purposes {
    /// Every purpose.
    pub const ALL: Purposes = Purposes((1 << Purpose::ALL.len()) - 1);

    /// These.
    pub fn of(purposes: impl IntoIterator<Item = Purpose>) -> Self {
        Self(purposes.into_iter().fold(0, |bits, purpose| bits | 1 << purpose as u16))
    }

    /// Is it one of them?
    pub fn has(self, purpose: Purpose) -> bool {
        self.0 & 1 << purpose as u16 != 0
    }

    /// Those in both.
    pub fn within(self, other: Purposes) -> Purposes {
        Self(self.0 & other.0)
    }

    /// One after the other.
    pub fn iter(self) -> impl Iterator<Item = Purpose> {
        Purpose::ALL.into_iter().filter(move |purpose| self.has(*purpose))
    }
}

/// Their names with commas between them.
impl fmt::Display for Purposes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iter().map(Purpose::name).collect::<Vec<_>>().join(","))
    }
}

impl std::str::FromStr for Purposes {
    type Err = PurposeError;

    fn from_str(text: &str) -> Result<Self, PurposeError> {
        text.split(',')
            .filter(|word| !word.trim().is_empty())
            .map(Purpose::parse)
            .collect::<Result<Vec<_>, _>>()
            .map(Self::of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_lists_read_back() {
        for purpose in Purpose::ALL {
            assert_eq!(Purpose::parse(purpose.name()), Ok(purpose));
        }
        assert!(Purpose::parse("root").unwrap_err().to_string().contains("backup, archive"));
        let some: Purposes = "backup, Client".parse().unwrap();
        assert_eq!(some.to_string(), "backup,client");
        assert_eq!(Purposes::ALL.iter().count(), 10);
        assert_eq!("".parse(), Ok(Purposes::of([])));
        assert_eq!(Purposes::ALL.to_string().parse(), Ok(Purposes::ALL));
    }

    /// docs/direct-sign-in.md has this table.
    #[test]
    fn no_template_manages_access_and_other_starts_with_nothing() {
        for purpose in Purpose::ALL {
            let template = purpose.template();
            assert!(!(template.rights | template.on_archive).has(Letter::Administer), "{purpose}");
            assert!(template.days.unwrap_or(1) <= template.most_days);
            assert_eq!(purpose.widened_by(template.protocols, template.rights), (Protocols::NONE, Rights::NONE));
        }
        let other = Purpose::Other.template();
        assert!(other.rights.is_empty() && other.protocols.is_empty());
        let letters = |purpose: Purpose| purpose.template().rights.to_string();
        assert_eq!(letters(Purpose::Backup), "lr");
        assert_eq!(letters(Purpose::Archive), "lrte");
        assert_eq!(letters(Purpose::Migration), "lrswikte");
        assert_eq!(letters(Purpose::Ticketing), "lrswite");
        assert_eq!(letters(Purpose::Task), "lrswit");
        assert_eq!(letters(Purpose::Client), "lrswipkxte");
    }
}
