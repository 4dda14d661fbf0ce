//! Documents of credentials: what a shared mailbox is signed in to with, and of policy on them.

use super::SecretText;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A credential to issue. What is left out comes from the template of its purpose.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCredential {
    /// `backup`, `archive`, `marketing`, `ticketing`, `device`, `migration`, `role`, `task`, `client` or `other`.
    #[schema(example = "backup")]
    pub purpose: String,
    /// The address of the person who answers for it.
    #[schema(example = "admin@example.org")]
    pub owner: String,
    /// Why it is needed.
    #[schema(example = "nightly copy to the archive host")]
    pub reason: String,
    /// What it is called, such as `nightly`; its purpose when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The address of the person who uses it: for `role`, `task` and `client`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
    /// Why a grant does not do: for `role`, `task`, `client` and `other`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_delegation: Option<String>,
    /// `imap`, `pop3`, `submission`, `jmap`, `web`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocols: Option<Vec<String>>,
    /// RFC 4314 letters, never `a`. Not together with `read_only` or `send_only`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rights: Option<String>,
    /// `strict` refuses changes, `lenient` takes flags and forgets them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only: Option<String>,
    /// It sends and reads nothing.
    #[serde(default)]
    pub send_only: bool,
    /// These mailboxes alone; every one when neither this nor `subtrees` is given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mailboxes: Vec<String>,
    /// These mailboxes with those below them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subtrees: Vec<String>,
    /// Only messages that came into their mailbox so many seconds ago or before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub older_than_seconds: Option<i64>,
    /// From these networks alone, as `192.0.2.0/24`. This or `any_network` has to be said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<String>,
    /// From anywhere.
    #[serde(default)]
    pub any_network: bool,
    /// Hours of the day in the organisation's time zone, as `08:00-18:00`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<String>,
    /// Connections at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_connections: Option<u32>,
    /// Addresses of the mailbox that may stand in From; every one of them when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<String>,
    /// Messages in a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 600)]
    pub max_messages_per_minute: Option<u32>,
    /// Recipients elsewhere in a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 10000)]
    pub max_recipients_per_day: Option<u32>,
    /// Of them to whom the mailbox never sent before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 10000)]
    pub max_new_recipients_per_day: Option<u32>,
    /// Bytes in a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub max_bytes_per_day: Option<u64>,
    /// What happens at a limit: `refuse`, `slow` or `suspend`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_limit: Option<String>,
    /// From when on; at once when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub starts_at: Option<String>,
    /// When it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(format = DateTime)]
    pub expires_at: Option<String>,
    /// The person who alone opens the secret, once, within an hour; then nobody else is shown it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrap_for: Option<String>,
}

/// Where a program signs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Setting {
    /// `imap` …
    pub protocol: String,
    /// The host.
    #[schema(example = "mail.example.org")]
    pub host: String,
    /// The port.
    pub port: u16,
    /// `implicit` from the first byte, `starttls`, or `none`: on this machine alone.
    pub tls: String,
    /// The address of the shared mailbox.
    #[schema(example = "support@example.org")]
    pub username: String,
}

/// One place that a credential opens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CredentialPlace {
    /// `account`, `subtree` or `mailbox`.
    pub reach: String,
    /// The mailbox; nothing for the whole account.
    pub mailbox: Option<String>,
    /// RFC 4314 letters there.
    pub rights: String,
}

/// What a credential may send, and how much.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CredentialSending {
    /// Addresses that may stand in From; empty for every address of the mailbox.
    pub from: Vec<String>,
    /// Recipients in the house's own domains only.
    pub own_domains_only: bool,
    /// Messages in a minute.
    pub messages_per_minute: Option<u32>,
    /// Recipients elsewhere in a day; nothing for those of the mailbox as a whole.
    pub recipients_per_day: Option<u32>,
    /// Of them to whom the mailbox never sent before; nothing for no number of its own.
    pub new_recipients_per_day: Option<u32>,
    /// Bytes in a day.
    pub bytes_per_day: Option<u64>,
    /// What happens at a limit: `refuse`, `slow` or `suspend`.
    pub on_limit: String,
    /// The bound on new recipients while it is young and has no number of its own; nothing afterwards.
    pub while_young: Option<WhileYoung>,
}

/// What holds of a credential in its first days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhileYoung {
    /// Recipients in a day to whom the mailbox never sent before.
    pub new_recipients_per_day: u32,
    /// Until when.
    pub until: String,
}

/// A credential of a shared mailbox. Never its secret.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Credential {
    /// Its id.
    #[schema(example = "crd_abcd2345")]
    pub id: String,
    /// The address of its mailbox: the username.
    #[schema(example = "support@example.org")]
    pub username: String,
    /// Its name; `support@example.org/nightly` calls it, too.
    #[schema(example = "nightly")]
    pub name: String,
    /// What for.
    #[schema(example = "backup")]
    pub purpose: String,
    /// `issued` (nobody has opened the secret yet), `active`, `suspended`, `expired` or `revoked`.
    pub state: String,
    /// Could it sign in now, from a network of its scope?
    pub stands: bool,
    /// What speaks against it, where it does not stand.
    pub because: Vec<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Who uses it.
    pub holder: Option<String>,
    /// Why it is needed.
    pub reason: String,
    /// Why a grant does not do.
    pub not_delegation: Option<String>,
    /// Who issued it.
    pub issued_by: String,
    /// When.
    pub issued_at: String,
    /// By which protocols.
    pub protocols: Vec<String>,
    /// What it opens.
    pub places: Vec<CredentialPlace>,
    /// Are flags that it may not change taken and forgotten?
    pub lenient: bool,
    /// Only messages so old, in seconds.
    pub older_than_seconds: Option<i64>,
    /// From which networks; nothing is from anywhere.
    pub networks: Option<Vec<String>>,
    /// At which hours.
    pub hours: Option<String>,
    /// Connections at once.
    pub max_connections: Option<u32>,
    /// What it sends; nothing where it does not submit.
    pub sending: Option<CredentialSending>,
    /// From when on.
    pub starts_at: Option<String>,
    /// When it ends, policy heeded.
    pub expires_at: String,
    /// Until when a role is checked out.
    pub opened_until: Option<String>,
    /// When it last signed in.
    pub last_used_at: Option<String>,
    /// When it ended, and why, where that was said.
    pub ended_at: Option<String>,
    /// Why it ended.
    pub ended_because: Option<String>,
    /// Who has its secret waiting.
    pub waiting_for: Option<String>,
    /// Until when that can be opened.
    pub opens_before: Option<String>,
    /// Where a program signs in.
    pub settings: Vec<Setting>,
    /// Protocols of its scope that are not served here.
    pub not_served: Vec<String>,
}

/// Credentials, oldest first.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Credentials {
    /// Each of them.
    pub credentials: Vec<Credential>,
}

/// A person who would use a credential and is a delegate already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AlreadyDelegate {
    /// Their address.
    pub person: String,
    /// What they hold, in words: `with full access`.
    pub held: String,
}

/// A credential that was issued.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CredentialIssued {
    /// Its id.
    #[schema(example = "crd_abcd2345")]
    pub id: String,
    /// What to sign in as.
    #[schema(example = "support@example.org")]
    pub username: String,
    /// The secret, shown this once; nothing where it waits for somebody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, read_only, format = Password)]
    pub secret: Option<SecretText>,
    /// The code that opens the secret, once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, read_only, format = Password)]
    pub code: Option<SecretText>,
    /// Until when the code opens it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens_before: Option<String>,
    /// When the credential ends.
    pub expires_at: String,
    /// Where a program signs in.
    pub settings: Vec<Setting>,
    /// Protocols, letters and limits beyond the template of its purpose.
    pub wider_than_purpose: Vec<String>,
    /// Who could sign in as themselves instead.
    pub delegates: Vec<AlreadyDelegate>,
    /// The credential as it is.
    pub credential: Credential,
}

/// A session that a credential has, or had until now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CredentialSession {
    /// `imap` …
    pub protocol: String,
    /// From where.
    pub peer: Option<String>,
    /// Since when.
    pub since: String,
}

/// A credential with its sessions: those that it has, or that ended by what was done.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CredentialWithSessions {
    /// The credential.
    pub credential: Credential,
    /// The sessions on this node.
    pub sessions: Vec<CredentialSession>,
    /// It had ended before what was asked of it now.
    pub had_ended: bool,
    /// How many messages that it handed in wait to be sent still; nothing where it does not send, and for those
    /// who do not manage what waits in its mailbox.
    pub waiting_messages: Option<u64>,
    /// What it has used of its limits; nothing where it does not send.
    pub used: Option<CredentialUsed>,
}

/// What a credential has used of its limits. Days are of UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CredentialUsed {
    /// Messages in this minute.
    pub messages_this_minute: u32,
    /// Recipients elsewhere, today.
    pub recipients_today: u32,
    /// Of them to whom the mailbox never sent before.
    pub new_recipients_today: u32,
    /// Bytes today.
    pub bytes_today: u64,
}

/// How a credential is taken back.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Revocation {
    /// Somebody may know the secret who should not: it is on the trail, and shown.
    #[serde(default)]
    pub compromised: bool,
}

/// For how long a role is checked out.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckOut {
    /// Seconds, a day at most; eight hours when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<i64>,
}

/// The code that opens a secret.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Unwrap {
    /// As it was handed over.
    #[schema(value_type = String, write_only, format = Password)]
    pub code: SecretText,
}

/// A secret that was opened.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CredentialOpened {
    /// Its credential's id.
    pub id: String,
    /// What to sign in as.
    pub username: String,
    /// The secret, shown this once.
    #[schema(value_type = String, read_only, format = Password)]
    pub secret: SecretText,
    /// When the credential ends.
    pub expires_at: String,
    /// Where a program signs in.
    pub settings: Vec<Setting>,
    /// The credential as it is.
    pub credential: Credential,
}

/// Policy on direct sign-in, of the organisation or of a shared mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyTerms {
    /// `allowed`, `by-approval` or `blocked`.
    pub direct_sign_in: String,
    /// Seconds that a credential lasts at most, from when it was issued; nothing is as its purpose says.
    pub max_life_seconds: Option<i64>,
    /// What there may be credentials for.
    pub purposes: Vec<String>,
}

/// A policy with what holds by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PolicyShown {
    /// The shared mailbox; nothing for the organisation.
    pub shared: Option<String>,
    /// What is set here.
    pub set: PolicyTerms,
    /// What holds: of a mailbox, in each point the stricter of its own and the organisation's.
    pub holds: PolicyTerms,
    /// What the organisation has set, for those who see who may do what.
    pub organisation: Option<PolicyTerms>,
    /// The organisation's time zone, in which hours are told.
    pub time_zone: String,
    /// Credentials that have not ended, for those who may know.
    pub live_credentials: Option<u64>,
}

/// What to change of a policy; what is left out stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PolicyChange {
    /// `allowed`, `by-approval` or `blocked`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direct_sign_in: Option<String>,
    /// Seconds that a credential lasts at most; 0 takes the limit away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_life_seconds: Option<i64>,
    /// What there may be credentials for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purposes: Option<Vec<String>>,
    /// The organisation's time zone, such as `Europe/Berlin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// Takes back, for good, every credential that the policy, as it is then, would not let be issued: all
    /// of them, but where it is `allowed`.
    #[serde(default)]
    pub end_credentials: bool,
}

/// A policy that was changed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PolicySet {
    /// As it is now.
    pub policy: PolicyShown,
    /// Credentials that were taken back for good.
    pub ended_credentials: u64,
    /// Credentials that stood before and do not now, the ended ones among them.
    pub stopped_credentials: u64,
    /// Credentials that stand and end sooner than before.
    pub shortened_credentials: u64,
    /// Sessions on this node that ended by that.
    pub sessions: Vec<CredentialSession>,
}

/// Which credentials are listed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CredentialParameters {
    /// Only those of this shared mailbox.
    pub shared: Option<String>,
    /// Only those that end before this.
    pub expiring_before: Option<String>,
    /// Those that have ended, too.
    #[serde(default)]
    pub ended: bool,
}
