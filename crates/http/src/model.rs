//! The JSON documents of REST. Names are stable and in snake_case; dates are RFC 3339 in
//! UTC; ids are short and say their kind. Documents of requests refuse unknown fields.

mod access;
mod certificate;
mod credential;
mod import;
mod keys;
mod queue;
mod shared;
mod sign_in;
mod sign_ins;

pub(crate) use access::{AccessParameters, ExplainParameters};
pub use access::{AccessReport, Explained, MailboxAccess, PersonAccess, ReachingGrant};
pub use certificate::{
    Certificate, CertificateAcme, CertificateAsked, CertificateAttempt, CertificateFinding, CertificateState,
    RenewCertificate,
};
pub(crate) use credential::CredentialParameters;
pub use credential::{
    AlreadyDelegate, CheckOut, Credential, CredentialIssued, CredentialOpened, CredentialPlace, CredentialSending,
    CredentialSession, CredentialUsed, CredentialWithSessions, Credentials, NewCredential, PolicyChange, PolicySet,
    PolicyShown, PolicyTerms, Revocation, Setting, Unwrap, WhileYoung,
};
pub(crate) use import::ImportParameters;
pub use import::{ImportDone, ImportHead, ImportLeft, ImportTerms};
pub use keys::{Key, KeyRotated, Keys};
pub use queue::{
    Queue, QueuedLeft, QueuedMany, QueuedMessage, QueuedRecipient, QueuedRemoved, QueuedWhich, QueuedWithRecipients,
    SuppressedRecipient, SuppressedRecipients, Unsuppressed,
};
pub(crate) use queue::{QueueParameters, SuppressedParameters};
pub use shared::{ConvertedFromPerson, ConvertedToPerson, FromPerson, SharedSettings};
pub(crate) use sign_in::TokenParameters;
pub use sign_in::{
    LoggedIn, LoggedOut, Login, Me, NewToken, OwnPassword, OwnSettings, Revoked, TakenInvitation, Token, TokenMade,
    Tokens,
};
pub(crate) use sign_ins::SignInParameters;
pub use sign_ins::{SignIn, SignInPage};

use postern_types::Secret;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

/// Why a request was refused (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The kind, a path of this server that explains it. Stable.
    #[serde(rename = "type")]
    #[schema(example = "/api/v1/problems/absent")]
    pub kind: String,
    /// The kind in words.
    pub title: String,
    /// The HTTP status again.
    pub status: u16,
    /// What was wrong this time, for the person.
    pub detail: String,
}

/// What a kind of problem means.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ProblemKind {
    /// Its stable name.
    pub kind: String,
    /// In words.
    pub title: String,
    /// The HTTP status that comes with it.
    pub status: u16,
}

/// The state of the server.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// `ok`; anything else is a problem document.
    pub status: String,
}

/// What was taken away.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Removed {
    /// Its address or name.
    pub removed: String,
}

/// What was made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Made {
    /// Its address, in the form the house keeps it.
    pub address: String,
    /// Its name, empty without one.
    pub name: String,
}

/// A domain to make ours.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDomain {
    /// Its name.
    #[schema(example = "example.org")]
    pub domain: String,
}

/// A domain of the organisation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Domain {
    /// Its name.
    pub domain: String,
    /// When it came.
    pub created_at: String,
}

/// All domains.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Domains {
    /// By name.
    pub domains: Vec<Domain>,
}

/// A domain with the DNS records to publish for it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DomainWithRecords {
    /// Its name.
    pub domain: String,
    /// When it came.
    pub created_at: String,
    /// What its zone should hold.
    pub records: Vec<DnsRecord>,
}

/// One DNS record to publish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DnsRecord {
    /// Its owner name, with the dot at the end.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    #[schema(example = "MX")]
    pub kind: String,
    /// Its value as a zone file writes it.
    pub value: String,
    /// What it is for.
    pub purpose: String,
}

/// A person to add.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPerson {
    /// Their address.
    #[schema(example = "alice@example.org")]
    pub address: String,
    /// Their name.
    #[serde(default)]
    pub name: String,
    /// Their first password; without one they can not sign in until one is set.
    #[schema(value_type = Option<String>, write_only, format = Password)]
    #[serde(default)]
    pub password: Option<SecretText>,
    /// They are invited to choose it, in place of a password that somebody else knows.
    #[serde(default)]
    pub invite: bool,
}

/// A person who was added.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PersonMade {
    /// Their address, in the form the house keeps it.
    pub address: String,
    /// Their name, empty without one.
    pub name: String,
    /// What they choose their password with, where they were invited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invitation: Option<Invitation>,
}

/// What lets a person choose their password, once.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Invitation {
    /// The code, shown this once.
    #[schema(value_type = String, read_only, format = Password)]
    pub code: SecretText,
    /// Until when it can be taken.
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// The page on which it is taken; nothing where the server has no `https` that people could be sent to.
    pub page: Option<String>,
}

/// What to change of a person; what is left out stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonSettings {
    /// Do they administer the organisation?
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<bool>,
}

/// How much the mailboxes of a person may hold; what is left out stays as it is (RFC 7396).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonQuota {
    /// The most bytes of messages; `null` takes the bound away.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "shared::given")]
    #[schema(value_type = Option<u64>, minimum = 1)]
    pub quota_bytes: Option<Option<u64>>,
    /// The most messages; `null` takes the bound away.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "shared::given")]
    #[schema(value_type = Option<u64>, minimum = 1)]
    pub quota_messages: Option<Option<u64>>,
}

/// A password to set.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPassword {
    /// At least fifteen characters.
    #[schema(value_type = String, write_only, format = Password)]
    pub password: SecretText,
}

/// A text that is a secret: `Debug` does not show it, and it is wiped.
#[derive(Debug, Clone)]
pub struct SecretText(pub Secret);

impl Serialize for SecretText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.0.expose_text().ok_or_else(|| serde::ser::Error::custom("a secret that is no text"))?;
        serializer.serialize_str(text)
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

/// A person of the organisation.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Person {
    /// Their address.
    pub address: String,
    /// Their name, empty without one.
    pub name: String,
    /// `active` or `suspended`.
    pub state: String,
    /// Do they have a password? Without one nobody signs in as them.
    pub has_password: bool,
    /// Until when they can choose one with their invitation; nothing where none can be taken.
    pub invited_until: Option<String>,
    /// Do they administer the organisation?
    pub admin: bool,
    /// The most bytes of messages their own mailboxes may hold; nothing for no bound.
    pub quota_bytes: Option<u64>,
    /// The most messages; nothing for no bound.
    pub quota_messages: Option<u64>,
    /// Messages in their own mailboxes.
    pub messages: u64,
    /// Bytes of these.
    pub bytes: u64,
    /// When they came.
    pub created_at: String,
}

/// All persons.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Persons {
    /// By address.
    pub persons: Vec<Person>,
}

/// A password was set.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PasswordSet {
    /// Whose.
    pub address: String,
    /// Always true.
    pub password_set: bool,
    /// There was one before: it is no more, and what was got by it has ended.
    pub replaced: bool,
}

/// Whether a person may sign in.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Suspension {
    /// Who.
    pub address: String,
    /// True: they can not sign in, and their sessions have ended.
    pub suspended: bool,
    /// Credentials that they answer for or use, as `support@example.org/nightly`: these stop while they are suspended,
    /// but for those that something else stops too. Those that the asker may see.
    pub credentials: Vec<String>,
}

/// A group to add.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewGroup {
    /// Its address.
    #[schema(example = "team@example.org")]
    pub address: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Addresses of its first members.
    #[serde(default)]
    pub members: Vec<String>,
}

/// A group of people.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Group {
    /// Its address.
    pub address: String,
    /// Its name, empty without one.
    pub name: String,
    /// How many are in it.
    pub member_count: u64,
    /// When it was made.
    pub created_at: String,
}

/// All groups.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Groups {
    /// By address.
    pub groups: Vec<Group>,
}

/// A group with its members.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct GroupWithMembers {
    /// Its address.
    pub address: String,
    /// Its name, empty without one.
    pub name: String,
    /// When it was made.
    pub created_at: String,
    /// By address.
    pub members: Vec<Member>,
}

/// A member of a group.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Member {
    /// Their address.
    pub address: String,
    /// Their name, empty without one.
    pub name: String,
    /// `person`, or `shared`: receives the group's mail and gains no right by it.
    pub kind: String,
}

/// Who is in which group.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Membership {
    /// The group.
    pub group: String,
    /// Who.
    pub member: String,
    /// Are they in it now?
    pub is_member: bool,
}

/// A shared mailbox to add.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewShared {
    /// Its address.
    #[schema(example = "support@example.org")]
    pub address: String,
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// Further addresses whose mail it receives.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// Persons and groups who become delegates with full access and send-as.
    #[serde(default)]
    pub members: Vec<String>,
}

/// A shared mailbox.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Shared {
    /// Its address.
    pub address: String,
    /// Its name, empty without one.
    pub name: String,
    /// `active`, `suspended` or `removed`.
    pub state: String,
    /// Whose \Seen flags: `shared`, `personal` or `both`.
    pub seen: String,
    /// Where sent mail is filed: `shared`, `sender`, `both` or `none`.
    pub sent_copy: String,
    /// How who sends as it is shown: `hidden`, `via` or `sender`.
    pub show_sender: String,
    /// Seconds in which what somebody sends as it can be taken back; 0 sends at once.
    pub undo_seconds: u64,
    /// Minutes in which an answer holds back another one to the same message; 0 for none.
    pub stale_reply_minutes: u64,
    /// Do only owners (letter `a`) expunge messages and delete mailboxes?
    pub delete_protection: bool,
    /// The most bytes of messages it may hold; nothing for no bound.
    pub quota_bytes: Option<u64>,
    /// The most messages it may hold; nothing for no bound.
    pub quota_messages: Option<u64>,
    /// Messages in it; nothing where whoever asks may not see all of them.
    pub messages: Option<u64>,
    /// Bytes of these.
    pub bytes: Option<u64>,
    /// When it was made.
    pub created_at: String,
    /// When it was removed; nothing while it is in use.
    pub removed_at: Option<String>,
    /// Days in which a removed one can still come back.
    pub days_left: Option<u32>,
}

/// Shared mailboxes.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SharedMailboxes {
    /// Those that whoever asks takes part in, or may administer; by address.
    pub shared: Vec<Shared>,
}

/// A shared mailbox with its addresses and delegates.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SharedWithDelegates {
    /// The mailbox.
    #[serde(flatten)]
    pub shared: Shared,
    /// Its addresses, the primary one first.
    pub addresses: Vec<String>,
    /// Who may do what in it; nothing where whoever asks may not know.
    pub delegates: Option<Vec<Delegate>>,
}

/// What a delegate is given, on the whole account where no mailbox is named. An empty document means full access,
/// send-as, shown without being asked. With `role`, `rights`, a send right, `mailbox` or `subtree`, send rights
/// that are not named are not given: they are of the whole address. Without `role` and `rights` the letters are full
/// access. Where a send right, `automap` or `until` is named without them, and the same grantee has a grant of the same
/// reach, that grant keeps all that is not named; without one, a send right comes beside what they hold there, and who
/// holds nothing in the account is given what is left out as usual.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Terms {
    /// `reader`, `contributor`, `author`, `editor`, `full-access` or `owner`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "editor")]
    pub role: Option<String>,
    /// Letters of RFC 4314 instead of a role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "lrsw")]
    pub rights: Option<String>,
    /// From may be the account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send_as: Option<bool>,
    /// From may be the account, and Sender is the delegate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send_on_behalf: Option<bool>,
    /// Shown in their mail program without being asked for; true when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automap: Option<bool>,
    /// Only in this mailbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "Archive")]
    pub mailbox: Option<String>,
    /// Only in this mailbox and those below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subtree: Option<String>,
    /// When it ends; never, when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub until: Option<String>,
}

/// A person or group who acts in a shared mailbox.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Delegate {
    /// Id of the grant.
    #[schema(example = "grt_7")]
    pub id: String,
    /// Their address.
    pub grantee: String,
    /// `person` or `group`.
    pub kind: String,
    /// `account`, `subtree` or `mailbox`.
    pub reach: String,
    /// The name of the subtree or mailbox; nothing for the whole account.
    pub mailbox: Option<String>,
    /// The letters.
    pub rights: String,
    /// The role that is exactly these letters, if one is.
    pub role: Option<String>,
    /// From may be the account.
    pub send_as: bool,
    /// From may be the account, and Sender is the delegate.
    pub send_on_behalf: bool,
    /// Shown in their mail program without being asked for.
    pub automap: bool,
    /// Who gave it.
    pub given_by: String,
    /// When it ends; nothing for never.
    pub until: Option<String>,
    /// When it was given.
    pub created_at: String,
}

/// A grant that was given, with what whoever gave it may not expect.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct GivenDelegate {
    /// The grant as it is now.
    #[serde(flatten)]
    pub delegate: Delegate,
    /// What the same grantee held of the same reach before, and holds no more.
    pub replaced: Option<Delegate>,
    /// More specific grants of theirs, which decide where they reach, and not this one.
    pub narrower: Vec<Delegate>,
    /// What groups hold that they are in; it counts beside this.
    pub through_groups: Vec<Delegate>,
}

/// All delegates of a shared mailbox.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Delegates {
    /// By grantee.
    pub delegates: Vec<Delegate>,
}

/// What was taken back.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TakenBack {
    /// The shared mailbox.
    pub shared: String,
    /// Who held it.
    pub grantee: String,
    /// How many grants were taken.
    pub removed: u64,
    /// What groups hold that they are in; it counts still.
    pub through_groups: Vec<Delegate>,
    /// How many messages that they sent as this mailbox wait to be sent still; nothing for a group, and for those
    /// who do not manage what waits there.
    pub waiting_messages: Option<u64>,
}

/// Which grant is taken back.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TakeBackParameters {
    pub mailbox: Option<String>,
    pub subtree: Option<String>,
}

/// Which events of the trail.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuditParameters {
    pub account: Option<String>,
    pub actor: Option<String>,
    pub since: Option<String>,
    pub before: Option<String>,
    pub limit: Option<usize>,
}

/// A page of the trail.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    /// Newest first.
    pub events: Vec<AuditEvent>,
    /// Give it as `before` for the next page; nothing on the last one.
    pub next_before: Option<String>,
}

/// One act, as the trail keeps it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditEvent {
    /// Its id, rising with time.
    #[schema(example = "evt_42")]
    pub id: String,
    /// When.
    pub at: String,
    /// `A` changes and sign-ins, `B` openings and reads, `C` failed sign-ins.
    pub class: String,
    /// Noun and verb, such as `grant.given`.
    pub action: String,
    /// `person`, `credential`, `operator`, `job` or `stranger`.
    pub actor_kind: String,
    /// Who, as people know them; nothing once erased.
    pub actor: Option<String>,
    /// From where; nothing where there was no network or it is erased.
    pub peer: Option<String>,
    /// By which protocol.
    pub protocol: String,
    /// Address of the account it happened in.
    pub account: Option<String>,
    /// Name of the mailbox, while it exists.
    pub mailbox: Option<String>,
    /// It happened in a mailbox that is there no more.
    pub mailbox_deleted: bool,
    /// Whom or what it was done to, or where it came from, where that can name a person;
    /// nothing once erased.
    pub subject: Option<String>,
    /// Letters, counts, UIDs.
    pub detail: String,
}
