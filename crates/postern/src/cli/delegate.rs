//! `postern delegate`: who works in a shared mailbox, as themselves, and with which rights.

use super::clock;
use super::dates::{self, When, seconds};
use super::domain::day;
use super::failure::Failure;
use super::output::{Said, table};
use super::shared;
use super::transport::{Client, segment};
use clap::{Args, Subcommand};
use postern_access::Role;
use postern_http::model::{Delegate, Delegates, GivenDelegate, SharedWithDelegates, TakenBack, Terms};
use postern_types::{Address, MailboxName, Rights, counted};

/// What to do with delegates.
#[derive(Debug, Clone, Subcommand)]
pub enum Verb {
    /// Make people or groups delegates, or change what they were given
    ///
    /// Without flags: full access, send-as, shown in their mail programs without being asked
    /// for. With a role, letters, a send right or a mailbox, send rights that are not named are
    /// not given: they are of the whole address. With a send right, an end or --no-automap alone,
    /// what somebody holds of the same reach stays but for that.
    Add(Give),
    /// Who may do what in a shared mailbox
    List {
        /// The shared mailbox
        #[arg(value_name = "SHARED", value_parser = Address::parse)]
        shared: Address,
    },
    /// Take back everything that someone holds in a shared mailbox, or one grant
    Remove {
        /// The shared mailbox
        #[arg(value_name = "SHARED", value_parser = Address::parse)]
        shared: Address,
        /// The person or group
        #[arg(value_name = "GRANTEE", value_parser = Address::parse)]
        grantee: Address,
        /// Only the grant on this mailbox
        #[arg(long, value_name = "NAME", value_parser = mailbox_name, conflicts_with = "subtree")]
        mailbox: Option<MailboxName>,
        /// Only the grant on this mailbox and those below it
        #[arg(long, value_name = "NAME", value_parser = mailbox_name)]
        subtree: Option<MailboxName>,
    },
}

/// What is given, and to whom.
#[derive(Debug, Clone, Args)]
pub struct Give {
    /// The shared mailbox
    #[arg(value_name = "SHARED", value_parser = Address::parse)]
    shared: Address,
    /// Persons and groups
    #[arg(value_name = "GRANTEE", required = true, value_parser = Address::parse)]
    grantees: Vec<Address>,
    /// Everything but managing its delegates: l r s w i p k x t e
    #[arg(long, conflicts_with_all = ["role", "rights"])]
    full_access: bool,
    /// reader, contributor, author, editor, full-access or owner
    #[arg(long, value_name = "ROLE", value_parser = Role::parse, conflicts_with = "rights")]
    role: Option<Role>,
    /// Letters of RFC 4314: l r s w i p k x t e a
    #[arg(long, value_name = "LETTERS", value_parser = Rights::parse)]
    rights: Option<Rights>,
    /// They may send as the shared mailbox
    #[arg(long)]
    send_as: bool,
    /// They may send on behalf of it, and are shown as the sender
    #[arg(long)]
    send_on_behalf: bool,
    /// Do not show it in their mail programs until they ask for it
    #[arg(long)]
    no_automap: bool,
    /// When it ends: a date (2026-12-31, its first moment in UTC, or 2026-12-31T18:00:00Z) or a
    /// span (8h, 90d)
    #[arg(long, value_name = "DATE", value_parser = dates::parse)]
    until: Option<When>,
    /// Only in this mailbox, such as Archive
    #[arg(long, value_name = "NAME", value_parser = mailbox_name, conflicts_with = "subtree")]
    mailbox: Option<MailboxName>,
    /// Only in this mailbox and those below it
    #[arg(long, value_name = "NAME", value_parser = mailbox_name)]
    subtree: Option<MailboxName>,
}

/// For clap: a name that a mailbox can have.
fn mailbox_name(text: &str) -> Result<MailboxName, String> {
    MailboxName::parse(text).map_err(|error| error.to_string())
}

const WHO: &str = "see what there is: postern shared list, person list, group list";

pub(super) async fn run(verb: Verb, client: &mut Client) -> Result<Said, Failure> {
    match verb {
        Verb::Add(give) => add(give, client).await,
        Verb::List { shared } => {
            let all: Result<Delegates, Failure> = client.get(&format!("{}/delegates", shared::path(&shared))).await;
            let all = all.map_err(|failure| failure.if_absent(shared::WHICH))?;
            let text = match all.delegates.is_empty() && !is_shared(client, &shared).await? {
                true => format!(
                    "{shared} is a person's own mailbox, and nobody else works in it. Delegates are of shared mailboxes.\n\
                     Next: see which there are: postern shared list; what is allowed here: postern report access {shared}\n"
                ),
                false => listed(shared.as_str(), &all.delegates),
            };
            Ok(Said::new(text, &all))
        }
        Verb::Remove { shared, grantee, mailbox, subtree } => {
            let one = mailbox.map(|name| ("mailbox", name)).or(subtree.map(|name| ("subtree", name)));
            remove(client, &shared, &grantee, one).await
        }
    }
}

/// A person has a mailbox too, which may have had delegates before it was theirs.
async fn is_shared(client: &mut Client, address: &Address) -> Result<bool, Failure> {
    let found: Result<SharedWithDelegates, Failure> = client.get(&shared::path(address)).await;
    match found {
        Ok(_) => Ok(true),
        Err(failure) if failure.is_of_rights() => Ok(false),
        Err(failure) => Err(failure),
    }
}

fn path(shared: &Address, grantee: &Address) -> String {
    format!("{}/delegates/{}", shared::path(shared), segment(grantee.as_str()))
}

impl Give {
    /// As REST takes it; what no flag says, REST fills in.
    fn terms(&self) -> Terms {
        let role = if self.full_access { Some(Role::FullAccess) } else { self.role };
        Terms {
            role: role.map(|role| role.name().to_owned()),
            rights: self.rights.map(|rights| rights.to_string()),
            send_as: self.send_as.then_some(true),
            send_on_behalf: self.send_on_behalf.then_some(true),
            automap: self.no_automap.then_some(false),
            mailbox: self.mailbox.as_ref().map(ToString::to_string),
            subtree: self.subtree.as_ref().map(ToString::to_string),
            until: self.until.map(|until| until.ahead_of(clock::now())),
        }
    }
}

async fn add(give: Give, client: &mut Client) -> Result<Said, Failure> {
    let terms = give.terms();
    let mut given: Vec<GivenDelegate> = Vec::new();
    for grantee in &give.grantees {
        match client.send("PUT", &path(&give.shared, grantee), &terms).await {
            Ok(one) => given.push(one),
            Err(failure) => {
                let failure: Failure = failure;
                let done: Vec<String> = given.iter().map(|one| one.delegate.grantee.clone()).collect();
                return Err(failure.if_absent(WHO).after(&done));
            }
        }
    }
    let lines: Vec<String> = given.iter().map(|one| told(&give.shared, one)).collect();
    let sees = |one: &GivenDelegate| one.delegate.rights.contains('l');
    let next = match given.iter().all(|one| one.delegate.automap) {
        _ if !given.iter().all(sees) => String::new(),
        false => format!("they subscribe to Shared/{} in their mail program; ", give.shared),
        true => format!("they find it under Shared/{} in their mail program; ", give.shared),
    };
    Ok(Said::new(
        format!("{}Next: {next}what was given: postern delegate list {}\n", lines.concat(), give.shared),
        &serde_json::json!({ "delegates": given }),
    ))
}

/// What somebody holds now, what that took the place of, and where it does not count.
fn told(shared: &Address, given: &GivenDelegate) -> String {
    let GivenDelegate { delegate, replaced, narrower, through_groups } = given;
    let mut text = sentence(shared, delegate);
    if let Some(before) =
        replaced.as_ref().filter(|before| held(before) != held(delegate) || before.until != delegate.until)
    {
        let until = before.until.as_deref().map(|until| format!(", until {}", seconds(until))).unwrap_or_default();
        text.push_str(&format!("That takes the place of what they held there: {}{until}.\n", held(before)));
    }
    for one in narrower {
        let (place, grantee) = (place(one).unwrap_or_default(), &one.grantee);
        let (kind, name) = (&one.reach, one.mailbox.as_deref().unwrap_or_default());
        text.push_str(&format!(
            "In {place} a grant of its own decides: {}. To end that one: postern delegate remove {shared} {grantee} \
             --{kind} {name}\n",
            held(one)
        ));
    }
    text + &beside(through_groups, "They hold this too, and both count:")
}

/// What somebody holds by groups they are in: no grant of their own makes it less.
fn beside(through_groups: &[Delegate], says: &str) -> String {
    let lines = through_groups.iter().map(|one| {
        let place = place(one).map(|place| format!(" in {place}")).unwrap_or_default();
        format!("{says} through {}, {}{place}.\n", one.grantee, held(one))
    });
    lines.collect()
}

fn sentence(shared: &Address, delegate: &Delegate) -> String {
    let place = place(delegate).map(|place| format!("{place} in ")).unwrap_or_default();
    let mut text = format!("{} is a delegate of {place}{shared} now, {}", delegate.grantee, held(delegate));
    if let Some(until) = &delegate.until {
        text.push_str(&format!(", until {}", seconds(until)));
    }
    text + ".\n"
}

/// What part of the account a grant covers; nothing for all of it.
pub(super) fn place(delegate: &Delegate) -> Option<String> {
    let name = delegate.mailbox.as_deref()?;
    Some(if delegate.reach == "subtree" { format!("{name} and below") } else { name.to_owned() })
}

/// The rights of a delegate, as they read in a sentence.
fn held(delegate: &Delegate) -> String {
    let role = delegate.role.as_deref().and_then(|name| Role::parse(name).ok());
    let letters = match role {
        Some(role) => format!("{} ({})", role.phrase(), delegate.rights),
        None if delegate.rights.is_empty() => "with no right to see it".to_owned(),
        None => format!("with {}", delegate.rights),
    };
    let whole = if delegate.mailbox.is_some() { " for the whole address" } else { "" };
    match (delegate.send_as, delegate.send_on_behalf) {
        (true, true) => format!("{letters}, send-as and send-on-behalf{whole}"),
        (true, false) => format!("{letters} and send-as{whole}"),
        (false, true) => format!("{letters} and send-on-behalf{whole}"),
        (false, false) => letters,
    }
}

/// Does one of them hold `a` on the whole account?
pub(super) fn is_owned(delegates: &[Delegate]) -> bool {
    delegates.iter().any(|delegate| delegate.reach == "account" && delegate.rights.contains('a'))
}

/// Send rights, as a cell of a table.
pub(super) fn sending(send_as: bool, send_on_behalf: bool) -> &'static str {
    match (send_as, send_on_behalf) {
        (true, true) => "as, on behalf",
        (true, false) => "as",
        (false, true) => "on behalf",
        (false, false) => "-",
    }
}

/// The delegates of a shared mailbox as a table.
pub(super) fn listed(shared: &str, delegates: &[Delegate]) -> String {
    let rows = delegates.iter().map(|delegate| {
        let send = sending(delegate.send_as, delegate.send_on_behalf);
        let rights = match &delegate.role {
            Some(role) => format!("{} ({role})", delegate.rights),
            None => delegate.rights.clone(),
        };
        vec![
            delegate.grantee.clone(),
            delegate.kind.clone(),
            place(delegate).unwrap_or_else(|| "all".to_owned()),
            rights,
            send.to_owned(),
            if delegate.automap { "yes" } else { "no" }.to_owned(),
            delegate.until.as_deref().map_or_else(|| "-".to_owned(), |end| dates::end(end, clock::now())),
            delegate.given_by.clone(),
            day(&delegate.created_at),
        ]
    });
    let headings = ["DELEGATE", "KIND", "WHERE", "RIGHTS", "SEND", "SHOWN", "UNTIL", "GIVEN BY", "SINCE"];
    let none = format!("Nobody works in it yet: postern delegate add {shared} PERSON");
    table(&headings, rows.collect(), &none)
}

/// What somebody sent as the mailbox before, and has not left.
fn waits(taken: &TakenBack) -> String {
    let TakenBack { shared, grantee, waiting_messages, .. } = taken;
    match waiting_messages.unwrap_or_default() {
        0 => String::new(),
        some => format!(
            "{} that {grantee} sent as {shared} {} to be sent still, and {}.\nNext: to see what waits there, hold it or take \
             it out: postern queue list --account {shared}\n",
            counted(some, "message"),
            if some == 1 { "waits" } else { "wait" },
            if some == 1 { "leaves" } else { "leave" },
        ),
    }
}

async fn remove(
    client: &mut Client,
    shared: &Address,
    grantee: &Address,
    one: Option<(&str, MailboxName)>,
) -> Result<Said, Failure> {
    let query = one.as_ref().map(|(kind, name)| format!("?{kind}={}", segment(name.as_str()))).unwrap_or_default();
    let taken: Result<TakenBack, Failure> = client.act("DELETE", &format!("{}{query}", path(shared, grantee))).await;
    let next = format!("see which there are, and who works there: postern shared list; postern delegate list {shared}");
    let taken = taken.map_err(|failure| failure.if_absent(&next))?;
    let still = beside(&taken.through_groups, "They work in it still,");
    let mut text = match one {
        None if still.is_empty() => {
            format!("{grantee} is no delegate of {shared} any more, from their next command on.\n")
        }
        None => format!("What {grantee} held in {shared} of their own is gone, from their next command on.\n"),
        Some((_, name)) => {
            format!("The grant of {grantee} on {name} in {shared} is gone, from their next command on.\n")
        }
    };
    text.push_str(&still);
    text.push_str(&waits(&taken));
    text.push_str(&match taken.through_groups.first() {
        Some(one) => format!(
            "Next: to end that: postern group remove-member {group} {grantee}, or for the whole group: postern delegate \
             remove {shared} {group}\n",
            group = one.grantee
        ),
        None => format!("Next: what they did there: postern audit list --account {shared} --actor {grantee}\n"),
    });
    Ok(Said::new(text, &taken))
}
