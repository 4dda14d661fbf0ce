//! The words of the house as types: ids, addresses, rights, flags, secrets, limits.
//!
//! Knows no I/O, no SQL and no serialisation format. Everything here is plain data that
//! every other crate may hold; nothing here decides who may do what (see `postern-access`).

mod address;
mod counted;
mod display_name;
mod flags;
mod ids;
mod limits;
mod name;
mod network;
mod rights;
mod secret;
mod seen;
mod time;

pub use address::{Address, AddressError, Domain};
pub use counted::counted;
pub use display_name::{DisplayName, DisplayNameError};
pub use flags::{FlagError, Flags, Keyword, SystemFlag};
pub use ids::{
    AccountId, AuditId, BlobHash, CredentialId, FlagSetId, GrantId, GroupId, IdError, MailboxId, MessageId, ModSeq,
    PersonId, PrincipalId, Uid, UidValidity,
};
pub use limits::Limits;
pub use name::{MailboxName, NameError, SpecialUse};
pub use network::Network;
pub use rights::{Letter, Rights, RightsError, SendRights};
pub use secret::Secret;
pub use seen::{Seen, SeenError};
pub use time::{Timestamp, length};
