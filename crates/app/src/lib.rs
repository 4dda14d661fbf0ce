//! The use cases of the house. [`House`] is the only way in: protocols translate, they do
//! not decide (docs/design.md law 6), and none of them sees a transaction.
//!
//! What a protocol does: it asks [`House::sign_in`] for a [`Session`], then calls use cases
//! with it. Each use case opens the gate in a transaction of its own, so a right that was
//! taken back fails at the next call, whatever the protocol remembers.

mod acl;
mod admin;
mod ahead;
mod audit;
mod bearer;
mod carrier;
mod certificate;
mod content;
mod credentials;
mod delivery;
mod direct;
mod directory;
mod explain;
mod failures;
mod fetch;
mod guard;
mod held;
mod house;
mod hub;
mod import;
mod inbound;
mod incoming;
mod ingest;
mod invitations;
mod jobs;
mod keyring;
mod keys;
mod lanes;
mod lists;
mod live;
mod mailboxes;
mod messages;
mod meters;
mod network;
mod notices;
mod passwords;
mod plain;
mod policy;
mod queue;
mod quota;
mod reading;
mod refused;
mod room;
mod search;
mod session;
mod set_up;
mod shared;
mod sign_in;
mod sign_ins;
mod submit;
mod throttle;
mod tokens;
mod visits;
pub mod wire;

pub use acl::ListedRights;
pub use admin::{Founder, GrantTerms, GroupView, Named, SharedSeen, SharedView};
pub use audit::{AuditActor, AuditQuery};
pub use bearer::MachineSecret;
pub use carrier::{
    Carried, Carrier, Carrying, Hop, HopLogin, HopTls, NotifyWish, Outcome, Parcel, ParcelRecipient, Routes, Said, Turn,
};
pub use certificate::{
    CertificateAsked, CertificateAttempt, CertificateAuthority, CertificateFinding, CertificateKeeper,
    CertificateSource, CertificateState, ShownCertificate,
};
pub use content::{Content, Unreadable};
pub use credentials::{
    CredentialSeen, CredentialWish, DelegationNote, Issued, Letters, SendingWish, Service, ServiceTls, Unwrapped,
    Wrapped, check_credential_name,
};
pub use delivery::{Delivery, DeliveryError, Recipient};
pub use directory::Locator;
pub use explain::{Someone, Target, WhyQuery};
pub use fetch::{Cut, Encode, EncodeMark, FetchChunk, FetchNeeds, FetchWanted, Fetched, Gap, Mark, MessageIds};
pub use held::Stopped;
pub use house::{CompressionPlace, House, HouseOptions};
pub use hub::{Heard, Notices, Watch};
pub use import::{IMPORT_MESSAGES, ImportDone, ImportMessage};
pub use incoming::{Incoming, Whole};
pub use ingest::MessageError;
pub use invitations::{INVITATION_DAYS, Invitation, InvitationRefused};
pub use keyring::{KEY_BYTES, KeptKey, KeyRing, KeyVault, Newest, NoVault};
pub use keys::{KeyState, Rotated};
pub use live::LiveSession;
pub use mailboxes::{Changes, KEYWORDS_TOLD, Numbers, Opened, Synced};
pub use messages::{AppendRequest, Written};
pub use meters::{Counts, Figures, Present};
pub use passwords::{PasswordError, check_password_rules};
pub use plain::Plain;
pub use policy::PolicySet;
pub use queue::{NAMED_AT_ONCE, QueueAct, QueueChoice, QueueDone, QueueMany, QueuePage, QueueShown, SuppressedList};
pub use reading::{Filling, Reading};
pub use refused::Refused;
pub use room::Room;
pub use search::{Criterion, DateField, SearchError};
pub use session::Session;
pub use set_up::{MappedMailbox, OwnMail};
pub use shared::{FromPerson, ToPerson};
pub use sign_in::{Attempt, Peer, SignInRefused};
pub use sign_ins::SignInQuery;
pub use submit::{SubmitError, SubmitRecipient, SubmitRequest, Submitted};
pub use tokens::{MadeToken, Me, OwnPasswordRefused, TOKEN_DAYS, TOKEN_DAYS_MOST, TokenWish};

pub use postern_access::{
    AccountKind, AccountState, CredentialState, Denied, DirectSignIn, Hours, Networks, Obstacle, OnLimit, Policy,
    Protocol, Protocols, Purpose, Purposes, Question, Role, SentCopy, ShowSender, TokenRole, Voice,
};
pub use postern_store::{
    AccessReport, AccountRow, AclEntry, Answer, Appended, AuditRow, Backlog, Caller, Collected, Copied, Counters,
    CredentialRow, DbCounters, Difference, FlagChange, FlagsChanged, Given, GrantReach, GrantRow, GroupRow, Lane,
    Latencies, ListedAccount, ListedMailbox, MemberRow, ObjectId, ObjectNames, OwnSending, PersonAccess, PersonGrant,
    PolicyChange, PolicyRow, QueueRecipientRow, QueueRow, QueueState, QuotaChange, QuotaRoot, RightsChange, Rule,
    SendUse, SharedChange, Shown, SignInRow, Snapshot, Stored, Suppressed, TokenRow, UnchangedSince, Usage, WhichToken,
    how_and_reason,
};
