//! The gate: the one place where a proof of rights is made (docs/design.md section 4).
//!
//! [`Tx::open`] and its siblings are the only makers of [`Access`]; [`Tx::authority`] is
//! the only maker of [`Authority`]. Statements are methods of these proofs, so forgetting
//! the check does not compile. Stable compilers do not compare the code of an error, so each
//! example is right but for the one thing that it must fail by:
//!
//! ```compile_fail,E0451
//! # use postern_store::*; use postern_types::*;
//! fn forge<'t>(access: Access<'t, Read>, mailbox: MailboxId) -> Access<'t, Read> {
//!     Access { mailbox, ..access } // fields are private: only the gate makes one
//! }
//! ```
//! ```compile_fail,E0451
//! # use postern_store::*; use postern_types::*; use std::marker::PhantomData;
//! fn forge<'t>(tx: &'t Tx<'t>, caller: &'t Caller) -> Authority<'t, ManagePeople> {
//!     let (account, class) = (None, PhantomData);
//!     Authority { tx, caller, account, class } // here, too
//! }
//! ```
//! ```compile_fail,E0599
//! # use postern_store::*; use postern_types::*;
//! fn write(access: &Access<'_, Read>, uids: &[Uid]) {
//!     let _ = access.expunge(uids); // removing is not a method of reading
//! }
//! ```
//! ```compile_fail,E0599
//! # use postern_store::*; use postern_types::*;
//! fn end(people: &Authority<'_, ManagePeople>, domain: &Domain) {
//!     let _ = people.remove_domain(domain); // managing people is not managing domains
//! }
//! ```
//! ```compile_fail
//! # use postern_store::*; use postern_types::*;
//! fn keep<'a>(tx: &Tx<'_>, caller: &'a Caller, mailbox: MailboxId) -> Access<'a, Read> {
//!     tx.open::<Read>(caller, mailbox).unwrap() // a proof can not outlive its transaction
//! }
//! ```
//! The twins that build:
//! ```
//! # use postern_store::*; use postern_types::*;
//! fn count(tx: &Tx<'_>, caller: &Caller, mailbox: MailboxId) -> Result<u64, GateError> {
//!     Ok(tx.open::<Read>(caller, mailbox)?.counters()?.messages)
//! }
//! fn write(access: &Access<'_, Remove>, uids: &[Uid]) {
//!     let _ = access.expunge(uids);
//! }
//! fn end(domains: &Authority<'_, ManageDomains>, domain: &Domain) {
//!     let _ = domains.remove_domain(domain);
//! }
//! fn keep<'a>(tx: &'a Tx<'a>, caller: &'a Caller, mailbox: MailboxId) -> Access<'a, Read> {
//!     tx.open::<Read>(caller, mailbox).unwrap()
//! }
//! ```

mod access;
mod acl;
mod admins;
mod after;
mod answered;
mod audit;
mod authority;
mod caller;
mod certificates;
mod class;
mod conversion;
mod copy;
mod credentials;
mod deliver;
mod direct;
mod error;
mod expire;
mod facts;
mod flags;
#[cfg(fuzzing)]
pub mod fuzzing;
mod grants;
mod groups;
mod import;
mod insert;
mod invitations;
mod keys;
mod list;
mod lost;
mod networks;
mod own;
mod people;
mod policy;
mod queue;
mod queue_admin;
mod queue_row;
mod quota;
mod read;
mod recount;
mod remove;
mod report;
mod scope;
mod send_use;
mod sent;
mod shared;
mod sign_in;
mod sign_ins;
mod snapshot;
mod submit;
mod tokens;
mod tree;
mod why;

pub use access::{Access, TRUSTS_CACHE};
pub use acl::{AclEntry, RightsChange};
pub use after::After;
pub use answered::AnswerFacts;
pub use audit::{AuditFilter, AuditRow, Detail, Doer, Event};
pub use authority::{
    Authority, CheckOut, Collect, DutyClass, Expire, Founding, Import, ManageAdministrators, ManageCredentials,
    ManageDomains, ManageGrants, ManageGroups, ManagePeople, ManagePolicy, ManageQueue, ManageSelf, ManageShared,
    OpenPrivate, ReadAccount, ReadAudit, ReadGrants, ReadOrganisation, Resume, Revoke, RunQueue, SetPasswords, Suspend,
};
pub use caller::{Caller, Epochs, HeldCredential, HeldToken, Origin};
pub use class::{
    Administer, ChangeFlags, Class, CreateChild, DeleteMailbox, Insert, Lookup, MoveOut, OwnRights, Read, Reads, Remove,
};
pub use conversion::{ConvertedFromPerson, ConvertedToPerson};
pub use copy::{Copied, FileBody};
pub use credentials::{CredentialAuthority, CredentialRow, NewCredential, NewWrap};
pub use deliver::{DeliveryKey, DeliveryNote};
pub use direct::{DirectFacts, Opened};
pub use error::{GateError, Rule};
pub use flags::{FlagChange, FlagsChanged, Stored, UnchangedSince};
pub use grants::{Beside, Given, GrantReach, GrantRow, Held, NewGrant, TakenBack};
pub use groups::{GroupRow, MemberRow};
pub use import::{Imported, Importing};
pub use insert::{Appended, MessageFacts, NewMessage};
pub use invitations::{InvitationFacts, NewInvitation};
pub use keys::KeyUse;
pub use list::{ListedAccount, ListedMailbox};
pub(crate) use lost::Told;
pub use networks::FromNetwork;
pub use own::OwnSending;
pub use people::{AccountRow, Principal};
pub use policy::{PolicyChange, PolicyChanged, PolicyRow};
pub use queue::{Again, Backlog, Lane, NewQueued, NewRecipient, QueuedMessage, Stopped, TakenRecipient};
pub use queue_admin::{QueueOf, QueueRecipientRow, Queued, RemovedQueued};
pub use queue_row::{QueueRow, QueueState};
pub use quota::{QuotaChange, QuotaRoot, Usage};
pub use read::{BodyPlace, Counters, FetchRow, FlagsKey, StoredBody};
pub use report::{AccessReport, PersonAccess, PersonGrant};
pub use scope::KnownCredential;
pub use send_use::{Load, OwnTerms, SendUse, Suppressed};
pub use sent::{CopyIdentity, Filed};
pub use shared::SharedChange;
pub use sign_in::{CountedFailures, FailedSignIn, RootFacts, SignInFacts, how};
pub use sign_ins::{SignInFilter, SignInRow, how_and_reason};
pub use submit::{SendError, SendPlan, SenderNames, Sending};
pub use tokens::{BearerFacts, NewToken, TokenRow, WhichToken};
pub use why::{Answer, Asked};
