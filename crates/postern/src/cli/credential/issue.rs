//! `postern credential issue`.

use super::secret_file::SecretFile;
use super::sending;
use super::told;
use super::{CREDENTIALS, keep, refuse_json};
use crate::cli::clock;
use crate::cli::dates::{self, When, seconds};
use crate::cli::failure::Failure;
use crate::cli::output::Said;
use crate::cli::recipe::{Ingredients, Key, Program};
use crate::cli::shared;
use crate::cli::transport::{Client, segment};
use crate::cli::unbuilt;
use clap::{Args, ValueEnum};
use postern_access::{Hours, Protocol, Purpose};
use postern_app::check_credential_name;
use postern_http::model::{CredentialIssued, CredentialWithSessions, NewCredential, Revocation};
use postern_types::{Address, MailboxName, Network, Rights};
use std::path::{Path, PathBuf};

/// A credential to issue.
#[derive(Debug, Clone, Args)]
pub struct Issue {
    /// The shared mailbox that it signs in to
    #[arg(value_name = "SHARED", value_parser = Address::parse)]
    shared: Address,
    /// What for: backup, archive, marketing, ticketing, device, migration, role, task, client or other
    ///
    /// Each has the narrowest scope that works; other has none, and everything is named. A role is used
    /// in turns and shut while it is not checked out, a task ends with --expires, a client is a mail
    /// program that opens one mailbox for each sign-in alone.
    #[arg(long, value_name = "PURPOSE", value_parser = Purpose::parse)]
    purpose: Purpose,
    /// The person who answers for it
    #[arg(long, value_name = "EMAIL", value_parser = Address::parse)]
    owner: Address,
    /// Why it is needed
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// What it is called, such as nightly; its purpose where nothing is said
    #[arg(long, value_name = "NAME", value_parser = check_credential_name)]
    name: Option<String>,
    /// The person who uses it: for role, task and client
    #[arg(long, value_name = "EMAIL", value_parser = Address::parse)]
    holder: Option<Address>,
    /// Why a grant to a person does not do: for role, task, client and other
    #[arg(long, value_name = "TEXT")]
    not_delegation: Option<String>,
    /// By which protocols: imap, pop3, submission, jmap, web; with commas between them
    #[arg(long, value_name = "PROTOCOLS", value_delimiter = ',', value_parser = Protocol::parse)]
    protocols: Option<Vec<Protocol>>,
    /// Letters of RFC 4314, never a: l r s w i p k x t e
    #[arg(long, value_name = "LETTERS", value_parser = Rights::parse, conflicts_with_all = ["read_only", "send_only"])]
    rights: Option<Rights>,
    /// It sees and reads; strict refuses every change, lenient takes flags and forgets them
    #[arg(long, value_enum, value_name = "HOW", num_args = 0..=1, require_equals = true, default_missing_value = "strict",
          conflicts_with = "send_only", hide_possible_values = true)]
    read_only: Option<ReadOnly>,
    /// It sends, and sees nothing
    #[arg(long)]
    send_only: bool,
    /// Only this mailbox; may be repeated
    #[arg(long = "mailbox", value_name = "NAME", value_parser = mailbox_name)]
    mailboxes: Vec<MailboxName>,
    /// Only this mailbox and those below it; may be repeated
    #[arg(long = "subtree", value_name = "NAME", value_parser = mailbox_name)]
    subtrees: Vec<MailboxName>,
    /// Only messages that came so long ago or before, such as 30d
    #[arg(long, value_name = "SPAN", value_parser = dates::span)]
    older_than: Option<i64>,
    /// Only from this network, such as 192.0.2.0/24; may be repeated. This or --any-network is said
    #[arg(long = "network", value_name = "CIDR", value_parser = str::parse::<Network>, conflicts_with = "any_network")]
    networks: Vec<Network>,
    /// From anywhere
    #[arg(long)]
    any_network: bool,
    /// Only at these hours of the organisation's time zone: 08:00-18:00
    #[arg(long, value_name = "HOURS", value_parser = str::parse::<Hours>)]
    hours: Option<Hours>,
    /// From when on: a date (2026-12-31T18:00:00Z) or a span from now (8h, 90d)
    #[arg(long, value_name = "DATE", value_parser = dates::parse)]
    starts: Option<When>,
    /// When it ends: a date or a span from now; as its purpose says where nothing is said
    #[arg(long, value_name = "DATE", value_parser = dates::parse)]
    expires: Option<When>,
    /// How many connections at once
    #[arg(long, value_name = "N")]
    max_connections: Option<u32>,
    /// Print a code in place of the secret; this person alone opens it, once, within an hour
    #[arg(long, value_name = "EMAIL", value_parser = Address::parse, conflicts_with_all = ["secret_file", "recipe"])]
    wrap: Option<Address>,
    /// Write the secret into a new file for you alone, and print it nowhere
    #[arg(long, value_name = "PATH")]
    secret_file: Option<PathBuf>,
    /// Print a configuration for a program, and all else on standard error: mbsync, getmail,
    /// offlineimap, msmtp or fetchmail
    #[arg(long, value_enum, value_name = "PROGRAM", hide_possible_values = true)]
    recipe: Option<Program>,
    #[command(flatten)]
    sending: sending::Flags,
    #[command(flatten)]
    later: Later,
}

/// How a change is answered that a reader may not make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReadOnly {
    /// It is refused.
    Strict,
    /// Flags are taken and forgotten.
    Lenient,
}

/// Flags that come with later work.
#[derive(Debug, Clone, Args)]
struct Later {
    #[arg(long, hide = true, value_name = "EMAIL")]
    deputy: Option<String>,
    #[arg(long, hide = true, value_name = "T")]
    tool: Option<String>,
    #[arg(long, hide = true, value_name = "T")]
    ticket: Option<String>,
    #[arg(long, hide = true, value_name = "N")]
    reserved_connections: Option<String>,
    #[arg(long, hide = true, value_name = "SPAN")]
    expect_every: Option<String>,
}

impl Later {
    /// The first flag whose feature is not there.
    fn first(&self) -> Option<&'static str> {
        let given = [
            ("--deputy", self.deputy.is_some()),
            ("--tool", self.tool.is_some()),
            ("--ticket", self.ticket.is_some()),
            ("--reserved-connections", self.reserved_connections.is_some()),
            ("--expect-every", self.expect_every.is_some()),
        ];
        given.into_iter().find_map(|(name, is_given)| is_given.then_some(name))
    }
}

/// For clap: a name that a mailbox can have.
fn mailbox_name(text: &str) -> Result<MailboxName, String> {
    MailboxName::parse(text).map_err(|error| error.to_string())
}

impl Issue {
    /// As REST takes it; what no flag says comes from the purpose.
    fn document(&self) -> NewCredential {
        let now = clock::now();
        let names = |names: &[MailboxName]| names.iter().map(ToString::to_string).collect();
        let document = NewCredential {
            purpose: self.purpose.name().to_owned(),
            owner: self.owner.to_string(),
            reason: self.reason.clone(),
            name: self.name.clone(),
            holder: self.holder.as_ref().map(ToString::to_string),
            not_delegation: self.not_delegation.clone(),
            protocols: self.protocols.as_ref().map(|some| some.iter().map(|one| one.name().to_owned()).collect()),
            rights: self.rights.map(|rights| rights.to_string()),
            read_only: self.read_only.map(|how| match how {
                ReadOnly::Strict => "strict".to_owned(),
                ReadOnly::Lenient => "lenient".to_owned(),
            }),
            send_only: self.send_only,
            mailboxes: names(&self.mailboxes),
            subtrees: names(&self.subtrees),
            older_than_seconds: self.older_than,
            networks: self.networks.iter().map(ToString::to_string).collect(),
            any_network: self.any_network,
            hours: self.hours.map(|hours| hours.to_string()),
            max_connections: self.max_connections,
            starts_at: self.starts.map(|starts| starts.ahead_of(now)),
            expires_at: self.expires.map(|expires| expires.ahead_of(now)),
            wrap_for: self.wrap.as_ref().map(ToString::to_string),
            ..NewCredential::default()
        };
        self.sending.complete(document)
    }

    /// Will it have this protocol? What is refused before anything is issued costs nothing.
    fn speaks(&self, protocol: Protocol) -> bool {
        match (&self.protocols, self.send_only) {
            (Some(named), _) => named.contains(&protocol),
            (None, true) => protocol == Protocol::Submission,
            (None, false) => self.purpose.template().protocols.has(protocol),
        }
    }

    fn check(&self, client: &Client) -> Result<(), Failure> {
        if let Some(name) = self.later.first() {
            return Err(unbuilt::flag(name, "what there is: postern credential issue --help"));
        }
        let Some(program) = self.recipe else { return Ok(()) };
        refuse_json(client)?;
        if !self.speaks(program.protocol()) {
            return Err(program.refusal("which this credential would not have; name it with --protocols"));
        }
        if self.secret_file.is_some() && !program.reads_files() {
            return Err(Failure::usage(format!("{} has its secret in its own file", program.name()))
                .next("leave --secret-file out"));
        }
        Ok(())
    }
}

pub(super) async fn run(issue: Issue, client: &mut Client) -> Result<Said, Failure> {
    issue.check(client)?;
    let authority = if issue.recipe.is_some() { client.authority()? } else { None };
    // Before anything is issued: where it can not be made, nothing is lost.
    let file = issue.secret_file.as_deref().map(SecretFile::make).transpose()?;
    let target = format!("{}/credentials", shared::path(&issue.shared));
    let issued: Result<CredentialIssued, Failure> = client.send("POST", &target, &issue.document()).await;
    let issued = match issued {
        Ok(issued) => issued,
        Err(failure) => {
            file.into_iter().for_each(SecretFile::remove);
            return Err(failure.if_absent(shared::WHICH));
        }
    };
    let recipe = match issue.recipe.map(|program| recipe(program, &issued, file.as_ref(), authority.as_deref())) {
        None => None,
        Some(Ok(recipe)) => Some(recipe),
        // It is of no use to who asked for it.
        Some(Err(refused)) => {
            file.into_iter().for_each(SecretFile::remove);
            return Err(take_back(client, &issued.id, refused).await);
        }
    };
    let kept = match (file, &issued.secret) {
        (Some(file), Some(secret)) => Some(keep(file, &secret.0, &issued.id)?),
        _ => None,
    };
    let document = told::without_secret(&issued, kept.as_deref());
    let text = text(&issued, &issue, kept.as_deref(), recipe.is_none());
    Ok(match recipe {
        None => Said { document, ..Said::new(text, &()) },
        Some(recipe) => Said { document, ..Said::new(recipe, &()).beside(text) },
    })
}

fn recipe(
    program: Program,
    issued: &CredentialIssued,
    file: Option<&SecretFile>,
    authority: Option<&Path>,
) -> Result<String, Failure> {
    let key = match (file, &issued.secret) {
        (Some(file), _) => Key::File(file.path()),
        (None, Some(secret)) => Key::Written(&secret.0),
        (None, None) => return Err(Failure::new("the server gave no secret to write down")),
    };
    program.write(&Ingredients { credential: &issued.credential, key, authority })
}

/// Nobody can use it, so it does not stay.
async fn take_back(client: &mut Client, id: &str, refused: Failure) -> Failure {
    let target = format!("{CREDENTIALS}/{}/revoke", segment(id));
    let revoked: Result<CredentialWithSessions, Failure> =
        client.send("POST", &target, &Revocation { compromised: false }).await;
    match revoked {
        Ok(_) => refused.after(&[format!("{id} was issued and taken back")]),
        Err(_) => refused.after(&[format!("{id} was issued; take it back: postern credential revoke {id}")]),
    }
}

/// What was issued, and what to do now.
fn text(issued: &CredentialIssued, issue: &Issue, kept: Option<&Path>, is_shown: bool) -> String {
    let credential = &issued.credential;
    let mut text = told::issued(credential);
    text.push('\n');
    let secret = issued.secret.as_ref().map(|secret| &secret.0).filter(|_| is_shown);
    text.push_str(&told::to_sign_in(credential, secret, kept));
    text.push_str(&wider(issued));
    for one in &issued.delegates {
        text.push_str(&format!(
            "{person} is a delegate already, {held}, and could do this as themselves: sign in as {person}, or where a \
             program opens one mailbox alone, as {person}/{}\n",
            issued.username,
            person = one.person,
            held = one.held
        ));
    }
    text.push_str(&handed_over(issued, issue));
    let id = &issued.id;
    if issue.purpose.is_checked_out() {
        text.push_str(&format!("Next: it is shut until somebody checks it out: postern credential open {id}\n"));
    }
    if !credential.settings.is_empty() {
        text.push_str(&format!("Next: see it sign in for the first time: postern credential watch {id}\n"));
    }
    text.push_str(&format!("Next: to take it back: postern credential revoke {id}\n"));
    text
}

fn wider(issued: &CredentialIssued) -> String {
    match issued.wider_than_purpose.is_empty() {
        true => String::new(),
        false => format!(
            "Wider than {} needs: {}. Whoever has the secret has that too.\n",
            issued.credential.purpose,
            issued.wider_than_purpose.join(", ")
        ),
    }
}

/// What the person is told who opens the secret.
fn handed_over(issued: &CredentialIssued, issue: &Issue) -> String {
    let (Some(code), Some(person)) = (&issued.code, &issue.wrap) else { return String::new() };
    let before = issued.opens_before.as_deref().map(seconds).unwrap_or_default();
    format!(
        "Code        {}\n{person} alone opens it, once, before {before}; nobody is shown the secret otherwise. Tell them:\n  \
         postern login {person}\n  postern credential unwrap -     (and type the code; --secret-file FILE and --recipe PROGRAM as here)\n",
        code.0.expose_text().unwrap_or_default()
    )
}
