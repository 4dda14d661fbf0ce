//! The rows of the file as people with grants. A row or a table that is new to this file stops
//! the test: it is given its grants here, or its reason to be left out.

use super::cells::Cell;
use postern_access::{Actor, Job};
use postern_app::{Caller, GrantReach, GrantTerms, Role};
use postern_store::Origin;
use postern_types::{MailboxName, Rights, SendRights};

/// Where the cells of a table are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// INBOX of support@, and the account.
    Inbox,
    /// Sent of support@.
    Sent,
    /// Archive of support@.
    Archive,
    /// INBOX of support@ while delete protection is on.
    Protected,
    /// INBOX of Alice, and her account.
    Own,
    /// INBOX of gone@, which is removed, and the account.
    Removed,
    /// No account.
    Organisation,
}

impl Place {
    /// Of a table; nothing where it is left out.
    pub fn of(title: &str) -> Option<Place> {
        match title {
            "Letters: each alone, and all but each"
            | "INBOX of a shared account"
            | "Duties on a shared account"
            | "Duties on a shared account, through a token" => Some(Place::Inbox),
            "Sent of a shared account" => Some(Place::Sent),
            "Archive of a shared account, by credentials" => Some(Place::Archive),
            "INBOX of a person's own account"
            | "Duties on a person's own account"
            | "Duties on a person's own account, through a token" => Some(Place::Own),
            "Duties on the organisation" | "Duties on the organisation, through a token" => Some(Place::Organisation),
            "INBOX of a shared account that is removed" | "Duties on a shared account that is removed" => {
                Some(Place::Removed)
            }
            "INBOX of a shared account with delete protection" => Some(Place::Protected),
            "INBOX of a shared account that is suspended" | "Duties on a shared account that is suspended" => None,
            other => panic!("matrix.txt has a table that is not built here: {other}"),
        }
    }

    pub fn account(self) -> Option<&'static str> {
        match self {
            Place::Inbox | Place::Sent | Place::Archive | Place::Protected => Some("support@example.org"),
            Place::Own => Some("alice@example.org"),
            Place::Removed => Some("gone@example.org"),
            Place::Organisation => None,
        }
    }

    pub fn mailbox(self) -> &'static str {
        match self {
            Place::Sent => "Sent",
            Place::Archive => "Archive",
            _ => "INBOX",
        }
    }

    /// What stands before a mailbox's name for those whose account it is not.
    pub fn shared_prefix(self) -> String {
        self.account().map(|account| format!("Shared/{account}/")).unwrap_or_default()
    }
}

/// Whom a row is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Holds the grants of the row.
    Bob,
    /// Holds them, and is suspended from the start.
    Dave,
    /// Administers the organisation.
    Admin,
    /// The same, once suspended.
    AdminSuspended,
    /// Whose own account it is.
    Alice,
    /// The same, once suspended.
    AliceSuspended,
    Operator,
    Credential,
    Job(Job),
}

impl Who {
    pub fn has_mail_program(&self) -> bool {
        matches!(self, Who::Bob | Who::Admin | Who::Alice)
    }

    /// When they are tried: those who are still to be suspended come last, and Alice at the
    /// very end, for it is she who gives grants on her account.
    pub fn is_suspended_late(&self) -> u8 {
        match self {
            Who::AdminSuspended => 1,
            Who::AliceSuspended => 2,
            _ => 0,
        }
    }
}

/// The row whose grant has ended.
pub const ENDED: &str = "delegate: owner, ended";

/// A row with what has to be given for it.
pub struct Row {
    pub label: String,
    pub who: Who,
    pub grants: Vec<(&'static str, GrantTerms)>,
}

pub fn terms(rights: Rights) -> GrantTerms {
    GrantTerms { reach: GrantReach::Account, rights, send: SendRights::NONE, automap: true, not_after: None }
}

fn at_mailbox(name: &str, rights: Rights) -> GrantTerms {
    let reach = GrantReach::Mailbox(MailboxName::parse(name).expect("a name"));
    GrantTerms { reach, ..terms(rights) }
}

/// The row of a cell.
pub fn row(cell: &Cell) -> Row {
    let label = cell.row.clone();
    let here = cell.place.mailbox();
    let bob = |terms| (Who::Bob, vec![("bob@example.org", terms)]);
    if cell.table.starts_with("Letters") {
        let (who, grants) = match label.as_str() {
            "-" => (Who::Bob, vec![]),
            letters => bob(terms(Rights::parse(letters).expect("letters"))),
        };
        return Row { label, who, grants };
    }
    let (who, grants) = match label.as_str() {
        "delegate by group: full-access" => (Who::Bob, vec![("team@example.org", terms(Rights::FULL_ACCESS))]),
        "delegate: full-access, here reader" => {
            let both = [terms(Rights::FULL_ACCESS), at_mailbox(here, Rights::READER)];
            (Who::Bob, both.map(|terms| ("bob@example.org", terms)).to_vec())
        }
        "delegate: owner of this mailbox alone" => bob(at_mailbox(here, Rights::ALL)),
        "delegate: owner of another mailbox" => bob(at_mailbox("Drafts", Rights::ALL)),
        "delegate: send-as and no letter" => {
            bob(GrantTerms { send: SendRights { send_as: true, send_on_behalf: false }, ..terms(Rights::NONE) })
        }
        // `arrange` lets the end pass.
        ENDED => bob(terms(Rights::ALL)),
        "delegate: owner, suspended" => (Who::Dave, vec![("dave@example.org", terms(Rights::ALL))]),
        "administrator" => (Who::Admin, vec![]),
        "administrator, reader here" => (Who::Admin, vec![("admin@example.org", terms(Rights::READER))]),
        "administrator, suspended" => (Who::AdminSuspended, vec![]),
        "stranger" => (Who::Bob, vec![]),
        "the person" => (Who::Alice, vec![]),
        "the person, suspended" => (Who::AliceSuspended, vec![]),
        "operator" => (Who::Operator, vec![]),
        label if label.starts_with("credential: ") => (Who::Credential, vec![]),
        other => match (other.strip_prefix("delegate: "), other.strip_suffix(" job")) {
            (Some(role), _) => bob(terms(Role::parse(role).expect("a role").rights())),
            (_, Some(name)) => {
                let job = Job::ALL.into_iter().find(|job| job.name() == name);
                (Who::Job(job.expect("a job")), vec![])
            }
            _ => panic!("matrix.txt has a row that is not built here: {other}"),
        },
    };
    // On the organisation grants on an account change nothing, and there is no account.
    let grants = if cell.place == Place::Organisation { vec![] } else { grants };
    Row { label, who, grants }
}

/// A job of the house, which signs in nowhere.
pub fn job(who: &Who) -> Caller {
    let Who::Job(job) = who else { panic!("{who:?} signs in somewhere") };
    Caller::new(Actor::Job(*job), Origin::new(0, "job", String::new(), "test".into(), [0; 32]))
}
