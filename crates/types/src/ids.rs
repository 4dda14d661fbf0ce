//! Ids: one type for each kind of thing, so that no two can be confused.
//!
//! What belongs to an account carries the account in its upper bits
//! (`account << 36 | number`), so a key names its owner without a look-up and all rows of
//! an account lie side by side in the primary key (docs/decisions/0001-packed-keys.md).

use std::fmt;

/// Bits of a packed key that hold the number within the account.
const NUMBER_BITS: u32 = 36;
/// Largest number of a thing within one account: 68,719,476,735.
const NUMBER_MAX: i64 = (1 << NUMBER_BITS) - 1;

/// Why a number is no id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} is not a valid {1}")]
pub struct IdError(pub i64, pub &'static str);

macro_rules! plain_id {
    ($(#[$doc:meta])* $name:ident, $label:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i64);

        impl $name {
            /// The id with this number; numbers start at 1.
            pub fn new(number: i64) -> Result<Self, IdError> {
                if number >= 1 { Ok(Self(number)) } else { Err(IdError(number, $label)) }
            }

            /// The number, as the database stores it.
            pub fn get(self) -> i64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

plain_id!(
    /// Mailboxes governed together: a person's own, or a shared one (RFC 8620 section 1.6.2).
    /// Accounts and groups draw from one sequence, so a [`PrincipalId`] names either.
    AccountId, "account id"
);
plain_id!(
    /// A flat set of people.
    GroupId, "group id"
);
plain_id!(
    /// Someone or something a grant can be given to: a person (by the id of their own
    /// account) or a group. One sequence serves both.
    PrincipalId, "principal id"
);
plain_id!(
    /// One grant.
    GrantId, "grant id"
);
plain_id!(
    /// One credential.
    CredentialId, "credential id"
);
plain_id!(
    /// One row of the audit trail.
    AuditId, "audit id"
);

/// A person: the id of the account that is their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PersonId(AccountId);

impl PersonId {
    /// The person whose own account this is. That the account is a person's is the
    /// caller's knowledge.
    pub fn of(account: AccountId) -> Self {
        Self(account)
    }
    /// Their own account.
    pub fn account(self) -> AccountId {
        self.0
    }
    /// The number, as the database stores it.
    pub fn get(self) -> i64 {
        self.0.get()
    }
    /// As the holder of a grant.
    pub fn principal(self) -> PrincipalId {
        PrincipalId(self.0.get())
    }
}

impl fmt::Display for PersonId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl GroupId {
    /// As the holder of a grant.
    pub fn principal(self) -> PrincipalId {
        PrincipalId(self.0)
    }
}

macro_rules! packed_id {
    ($(#[$doc:meta])* $name:ident, $label:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(i64);

        impl $name {
            /// Number `number` of `account`; both from 1, the account below 2^27.
            pub fn pack(account: AccountId, number: i64) -> Result<Self, IdError> {
                if (1..=NUMBER_MAX).contains(&number) && account.get() < (1 << 27) {
                    Ok(Self(account.get() << NUMBER_BITS | number))
                } else {
                    Err(IdError(number, $label))
                }
            }
            /// The packed key as the database stores it.
            pub fn get(self) -> i64 {
                self.0
            }
            /// From a stored key.
            pub fn from_key(key: i64) -> Result<Self, IdError> {
                if key >> NUMBER_BITS >= 1 && key & NUMBER_MAX >= 1 {
                    Ok(Self(key))
                } else {
                    Err(IdError(key, $label))
                }
            }
            /// The account it belongs to.
            pub fn account(self) -> AccountId {
                AccountId(self.0 >> NUMBER_BITS)
            }
            /// Its number within the account.
            pub fn number(self) -> i64 {
                self.0 & NUMBER_MAX
            }
            /// Smallest and largest key of `account`, both inclusive, for range scans.
            pub fn range_of(account: AccountId) -> (i64, i64) {
                let low = account.get() << NUMBER_BITS;
                (low, low | NUMBER_MAX)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}.{}", self.account(), self.number())
            }
        }
    };
}

packed_id!(
    /// One folder with its own UIDs (RFC 9051 section 2.3.1.1).
    MailboxId, "mailbox id"
);
packed_id!(
    /// One immutable message of an account; it may be placed in several mailboxes.
    MessageId, "message id"
);
packed_id!(
    /// One interned set of flags of an account.
    FlagSetId, "flag set id"
);

/// A message's number in its mailbox, never used twice (RFC 9051 section 2.3.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(u32);

impl Uid {
    /// UIDs are 1 to 2^32-1.
    pub fn new(number: u32) -> Option<Self> {
        (number != 0).then_some(Self(number))
    }
    /// From a stored number.
    pub fn from_i64(number: i64) -> Result<Self, IdError> {
        u32::try_from(number).ok().and_then(Self::new).ok_or(IdError(number, "uid"))
    }
    /// The number.
    pub fn get(self) -> u32 {
        self.0
    }
    /// Runs of UIDs that follow each other, both ends included; they are given in ascending order.
    pub fn runs(uids: impl IntoIterator<Item = Uid>) -> Vec<(Uid, Uid)> {
        let mut runs: Vec<(Uid, Uid)> = Vec::new();
        for uid in uids {
            match runs.last_mut() {
                Some((_, last)) if last.0.checked_add(1) == Some(uid.0) => *last = uid,
                _ => runs.push((uid, uid)),
            }
        }
        runs
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Tells a client whether its UIDs still hold (RFC 9051 section 2.3.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UidValidity(pub u32);

impl fmt::Display for UidValidity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A point in the changes of one account (RFC 7162 section 3.1; 63 bits).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct ModSeq(pub i64);

impl fmt::Display for ModSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Keyed hash of a body: names it within its account and says nothing outside it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobHash(pub [u8; 32]);

impl BlobHash {
    /// From stored bytes.
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
    /// Lower-case hexadecimal, as file names use it.
    pub fn to_hex(self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for BlobHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex()[..12])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packed_key_names_its_account_and_number() {
        let account = AccountId::new(7).unwrap();
        let mailbox = MailboxId::pack(account, 42).unwrap();
        assert_eq!((mailbox.account(), mailbox.number()), (account, 42));
        assert_eq!(MailboxId::from_key(mailbox.get()), Ok(mailbox));
        let (low, high) = MailboxId::range_of(account);
        assert!(low < mailbox.get() && mailbox.get() <= high);
        assert!(MailboxId::pack(AccountId::new(8).unwrap(), 1).unwrap().get() > high);
    }

    #[test]
    fn numbers_out_of_range_are_refused() {
        assert!(AccountId::new(0).is_err());
        assert!(MessageId::pack(AccountId::new(1).unwrap(), 0).is_err());
        assert!(MessageId::pack(AccountId::new(1).unwrap(), 1 << 36).is_err());
        assert!(MessageId::pack(AccountId::new(1 << 27).unwrap(), 1).is_err());
        assert!(MailboxId::from_key(5).is_err());
        assert!(Uid::from_i64(1 << 32).is_err() && Uid::new(0).is_none());
    }
}
