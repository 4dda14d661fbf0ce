//! A verdict in words, for the person who asks "who could see this message, and why?".
//!
//! The verdict is the data; names come from whoever knows them, dates in the words and the
//! time zone of whoever reads.

use crate::{Actor, CredentialScope, Denied, Networks, Obstacle, Operation, Reach, Reason, Role, Verdict};
use postern_types::{GrantId, GroupId, MailboxId, Rights, SendRights, Timestamp, length};
use std::fmt;

/// Gives names to what a verdict knows by number.
pub trait Names {
    /// "Alice", "operator (uid 0)".
    fn actor(&self, actor: &Actor) -> String;
    /// "team@example.org".
    fn group(&self, group: GroupId) -> String;
    /// "Projects/2026".
    fn mailbox(&self, mailbox: MailboxId) -> String;
    /// "2026-12-31 18:00".
    fn time(&self, time: Timestamp) -> String;
}

/// Numbers for names, for logs and for tools that know no names.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlainNames;

impl Names for PlainNames {
    fn actor(&self, actor: &Actor) -> String {
        actor.to_string()
    }
    fn group(&self, group: GroupId) -> String {
        group.to_string()
    }
    fn mailbox(&self, mailbox: MailboxId) -> String {
        format!("mailbox {mailbox}")
    }
    fn time(&self, time: Timestamp) -> String {
        format!("second {}", time.seconds())
    }
}

/// An answer in words: one sentence that answers, then one for each reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// "Alice may read messages here."
    pub answer: String,
    /// "Alice is a delegate with full access (grant 12, via group team@example.org)."
    pub because: Vec<String>,
    /// The answer itself.
    pub allowed: bool,
    /// The nearest moment at which what was found changes with the facts unchanged.
    pub valid_until: Option<Timestamp>,
}

/// One sentence a line.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.answer)?;
        self.because.iter().try_for_each(|sentence| write!(f, "\n  {sentence}"))
    }
}

/// Why `actor` may or may not do `operation`, by `verdict`. For those who administer: it
/// tells what the refused person is not told.
pub fn explain(actor: &Actor, operation: Operation, verdict: &Verdict, names: &dyn Names) -> Explanation {
    let who = capitalised(&names.actor(actor));
    let verb = operation.verb();
    let outcome = verdict.allows(operation);
    let answer = match outcome {
        Ok(_) => format!("{who} may {verb} here."),
        // A credential that is stopped signs in nowhere.
        Err(_) if verdict.reasons.iter().any(|reason| matches!(reason, Reason::CredentialStopped(_))) => {
            format!("{who} may not {verb} here.")
        }
        Err(Denied::Hidden) => format!("{who} may not {verb} here, and is told that there is no such mailbox."),
        Err(_) => format!("{who} may not {verb} here: that needs {}.", operation.needs()),
    };
    Explanation::of(answer, outcome.is_ok(), &who, &verdict.reasons, verdict.valid_until, names)
}

impl Explanation {
    /// The same, where something that the facts do not have speaks against the credential.
    pub fn stopped_by(mut self, who: &str, obstacle: Obstacle) -> Self {
        let who = capitalised(who);
        if self.allowed {
            self.answer = format!("{who} may not do that now.");
        }
        self.allowed = false;
        self.because.insert(0, format!("{who} opens nothing: {obstacle}."));
        self
    }

    /// Puts the reasons into words, and the moment at which they change.
    pub(crate) fn of(
        answer: String,
        allowed: bool,
        who: &str,
        reasons: &[Reason],
        valid_until: Option<Timestamp>,
        names: &dyn Names,
    ) -> Self {
        let mut because: Vec<String> = reasons.iter().map(|reason| sentence(who, reason, names)).collect();
        because.extend(valid_until.map(|end| format!("This changes at {}.", names.time(end))));
        Explanation { answer, because, allowed, valid_until }
    }
}

/// What a scope has beside letters, in words.
pub fn explain_scope(who: &str, scope: &CredentialScope) -> Vec<String> {
    let who = capitalised(who);
    let mut told = Vec::new();
    if let Networks::Of(networks) = &scope.networks {
        let networks: Vec<String> = networks.iter().map(ToString::to_string).collect();
        told.push(format!("{who} signs in from {} alone.", networks.join(", ")));
    }
    if let Some(hours) = scope.hours {
        told.push(format!("{who} signs in within {hours} alone, by the organisation's time zone."));
    }
    if let Some(age) = scope.older_than_ms {
        told.push(format!("{who} sees messages alone that came {} ago or before.", length(age / 1000)));
    }
    told
}

fn sentence(who: &str, reason: &Reason, names: &dyn Names) -> String {
    match reason {
        Reason::OwnAccount => format!("The account is {who}'s own."),
        Reason::Granted { grant, via, reach, rights, send, not_after } => {
            let until = not_after.map(|end| format!(", until {}", names.time(end))).unwrap_or_default();
            let origin = origin(*grant, *via, names);
            let (held, place) = (held(*rights), place(reach, names));
            format!("{who} is a delegate {held}{place}{} ({origin}{until}).", sending(*send, reach))
        }
        Reason::Outweighed { grant, by } => {
            format!("Grant {grant} does not count here, since the more specific grant {by} does.")
        }
        Reason::Ended { grant, at } => format!("Grant {grant} ended at {}.", names.time(*at)),
        Reason::OnlyElsewhere { grants } => {
            format!("{who} has grants on this account ({grants}), and none of them covers this place.")
        }
        Reason::NoGrant => format!("{who} is no delegate of this account, nor is any group of theirs."),
        Reason::PersonSuspended => format!("{who} is suspended."),
        Reason::AccountSuspended => "The account is suspended.".to_owned(),
        Reason::AccountRemoved => "The account is removed.".to_owned(),
        Reason::DeleteProtected { withheld } => {
            format!("Delete protection withholds {withheld} from everyone who may not administer.")
        }
        Reason::AdministratorWithoutMail => {
            format!("{who} administers the organisation, which gives no right to mail.")
        }
        Reason::OperatorWithoutMail => "Operators administer and never read mail.".to_owned(),
        Reason::Job(job) => format!("The {} job holds what its task needs and nothing else.", job.name()),
        Reason::CredentialElsewhere => format!("{who} signs in to another mailbox, and sees that one alone."),
        Reason::CredentialScope { rights } if rights.is_empty() => format!("The scope of {who} has nothing here."),
        Reason::CredentialScope { rights } => format!("{who} has a scope with the letters {rights} here."),
        Reason::CredentialStopped(obstacle) => format!("{who} opens nothing: {obstacle}."),
        Reason::CredentialSubmits { submits: true } => format!("The scope of {who} has submission."),
        Reason::CredentialSubmits { submits: false } => format!("The scope of {who} has no submission."),
        Reason::CredentialWithoutDuty => format!("{who} opens mailboxes and administers nothing."),
        Reason::Administers => format!("{who} administers the organisation."),
        Reason::Operates => "Operators administer the organisation, from the machine itself.".to_owned(),
        Reason::OnlyInParts { grants } => {
            format!("{who} has grants on parts of this account ({grants}), and none on all of it.")
        }
        Reason::NoSendRight { grants } => {
            format!("{who} has grants on this account ({grants}), and none gives a right to send.")
        }
        Reason::FactsDisagree => "What is known of them contradicts itself, so nothing is held.".to_owned(),
    }
}

/// As a sentence begins; an address stays as it is written.
pub(crate) fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) if !text.contains('@') => first.to_uppercase().chain(characters).collect(),
        _ => text.to_owned(),
    }
}

fn held(rights: Rights) -> String {
    match Role::of(rights) {
        Some(role) => role.phrase().to_owned(),
        None if rights.is_empty() => "without any letter".to_owned(),
        None => format!("with the letters {rights}"),
    }
}

/// Send rights are of the whole address, also where a grant reaches a part of the mailboxes.
fn sending(send: SendRights, reach: &Reach) -> &'static str {
    match (send.send_as, send.send_on_behalf, reach) {
        (false, false, _) => "",
        (true, _, Reach::Account) => " who sends as it",
        (false, true, Reach::Account) => " who sends on its behalf",
        (true, ..) => ", and sends as the whole account",
        (false, true, _) => ", and sends on behalf of the whole account",
    }
}

fn place(reach: &Reach, names: &dyn Names) -> String {
    match reach {
        Reach::Account => String::new(),
        Reach::Subtree(top) => format!(" in {top} and below"),
        Reach::Mailbox(mailbox) => format!(" in {} alone", names.mailbox(*mailbox)),
    }
}

fn origin(grant: GrantId, via: Option<GroupId>, names: &dyn Names) -> String {
    match via {
        Some(group) => format!("grant {grant}, via group {}", names.group(group)),
        None => format!("grant {grant}"),
    }
}
