//! `postern person`: people who sign in as themselves.
//!
//! Who is added is invited to choose their own password, so that nobody else ever knows it; or a
//! password comes by standard input.

use super::domain::day;
use super::failure::Failure;
use super::output::{Said, bytes, facts, plain, table};
use super::password;
use super::settings::{self, Switch};
use super::shared::quota;
use super::size;
use super::transport::{Client, segment};
use super::unbuilt;
use clap::{Args, Subcommand, ValueEnum};
use postern_http::model::{
    Invitation, Me, OwnPassword, OwnSettings, PasswordSet, Person, PersonMade, PersonQuota, PersonSettings, Persons,
    SecretText, Suspension, TakenInvitation,
};
use postern_types::{Address, Secret, length};
use serde_json::json;

/// What to do with people.
#[derive(Debug, Clone, Subcommand)]
pub enum Verb {
    /// Add a person with their own mailboxes
    ///
    /// They choose their own password, with an invitation that is printed once; or it comes by
    /// --password-stdin.
    Add {
        /// Their address
        #[arg(value_name = "EMAIL", value_parser = Address::parse)]
        address: Address,
        /// Their name
        #[arg(long, default_value = "", hide_default_value = true)]
        name: String,
        /// Read their password from standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Invite a person to choose another password; the one that they have stays until then
    ///
    /// The invitation is good once and for seven days, and the one before ends. Nobody's own, and by
    /// no token that was made: sign in for it.
    Invite {
        /// Their address
        #[arg(value_name = "EMAIL", value_parser = Address::parse)]
        address: Address,
    },
    /// Every person
    List,
    /// One person; with --self you, and how your own mail is sent
    Show {
        /// Their address
        #[arg(value_name = "EMAIL", value_parser = Address::parse, required_unless_present = "own", conflicts_with = "own")]
        address: Option<Address>,
        /// Yourself, as whom you have signed in
        #[arg(long = "self")]
        own: bool,
    },
    /// Give a person another password; their sessions end
    ///
    /// Nobody's own but with --self, and none with a token that was made: sign in for it.
    /// Without --password-stdin a strong password is made and printed once.
    SetPassword {
        /// Their address
        #[arg(value_name = "EMAIL", value_parser = Address::parse, required_unless_present = "own", conflicts_with = "own")]
        address: Option<Address>,
        /// Read their password from standard input; with --self two lines, the one you have or the invitation first
        #[arg(long)]
        password_stdin: bool,
        /// Change your own, as whom you have signed in
        #[arg(long = "self")]
        own: bool,
        /// With --self: by the invitation that you were given, which is asked for; no sign-in is needed
        #[arg(long, requires = "own", conflicts_with = "address")]
        invitation: bool,
    },
    /// Say how much a person's mailboxes may hold, or whether they administer the organisation; with
    /// --self, how your own mail is sent
    ///
    /// What would go above a quota is refused; what is there already stays. Who signed in as an
    /// administrator says who is one, and the operator; no token that was made. The
    /// last administrator who can sign in stays one, unless the operator says otherwise.
    Set(Set),
    /// Suspend a person: their sessions end, and an invitation that waits; their mail stays
    ///
    /// The last administrator who can sign in is suspended by the operator alone.
    Suspend {
        /// Their address
        #[arg(value_name = "EMAIL", value_parser = Address::parse)]
        address: Address,
    },
    /// Let a suspended person back, with their password and all that they are allowed
    ///
    /// Sign in for it: no token that was made does, whatever its role.
    Resume {
        /// Their address
        #[arg(value_name = "EMAIL", value_parser = Address::parse)]
        address: Address,
    },
    /// Remove a person (not built yet)
    #[command(hide = true)]
    Remove(unbuilt::Unbuilt),
}

/// What is set of a person.
#[derive(Debug, Clone, Args)]
pub struct Set {
    /// Their address
    #[arg(value_name = "EMAIL", value_parser = Address::parse, required_unless_present = "own")]
    address: Option<Address>,
    /// With it on they administer the organisation, and hold no mail by that
    #[arg(long, value_enum, value_name = "on|off", hide_possible_values = true, conflicts_with = "own")]
    admin: Option<Switch>,
    /// The most their own mailboxes may hold: bytes, or a size such as 500M or 10G; none for no bound
    #[arg(long, value_name = "SIZE", value_parser = size::parse, conflicts_with_all = ["own", "admin"])]
    quota: Option<size::Bound>,
    /// The most messages these may hold, or none for no bound
    #[arg(long, value_name = "N", value_parser = size::parse_count, conflicts_with_all = ["own", "admin"])]
    message_quota: Option<size::Bound>,
    /// Your own, as whom you have signed in
    #[arg(long = "self", conflicts_with = "address")]
    own: bool,
    /// Where a copy of what you send as yourself is filed: own (your Sent) or none
    #[arg(long, value_enum, value_name = "own|none", hide_possible_values = true)]
    sent_copy: Option<OwnCopy>,
    /// How long what you send as yourself waits, so that you can take it back: 0s to 10m; 0 sends at once
    #[arg(long, value_name = "SPAN", value_parser = settings::undo)]
    undo: Option<u32>,
}

/// Where the copy of one's own mail is filed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OwnCopy {
    /// In one's own Sent
    Own,
    /// Nowhere
    None,
}

const ME: &str = "/api/v1/me";
const PERSONS: &str = "/api/v1/persons";
const WHO: &str = "see who there is: postern person list";

pub(super) async fn run(verb: Verb, client: &mut Client) -> Result<Said, Failure> {
    match verb {
        Verb::Add { address, name, password_stdin } => add(client, &address, &name, password_stdin).await,
        Verb::Invite { address } => invite(client, &address).await,
        Verb::List => list(client).await,
        Verb::Show { address: None, .. } => {
            let me: Me = client.get(ME).await?;
            Ok(Said::new(own(&me), &me))
        }
        Verb::Show { address: Some(address), .. } => {
            let person: Person = client.get(&path(&address)).await.map_err(|failure| failure.if_absent(WHO))?;
            Ok(Said::new(shown(&person), &person))
        }
        Verb::SetPassword { address: Some(address), password_stdin, .. } => {
            set_password(client, &address, password_stdin).await
        }
        Verb::SetPassword { invitation: true, password_stdin, .. } => take_invitation(client, password_stdin).await,
        Verb::SetPassword { address: None, password_stdin, .. } => set_own_password(client, password_stdin).await,
        Verb::Set(Set { address: Some(_), sent_copy, undo, .. }) if sent_copy.is_some() || undo.is_some() => {
            let failure = Failure::usage("how somebody sends as themselves is theirs alone to set");
            Err(failure.next("for your own mail: postern person set --self, with --sent-copy or --undo"))
        }
        Verb::Set(Set { address: Some(address), admin: None, quota, message_quota, .. })
            if quota.is_some() || message_quota.is_some() =>
        {
            set_quota(client, &address, quota, message_quota).await
        }
        Verb::Set(Set { address: Some(_), admin: None, .. }) => {
            let failure =
                Failure::usage("nothing is to be changed; name a setting: --quota, --message-quota or --admin");
            Err(failure.next("for your own mail: postern person set --self, with --sent-copy or --undo"))
        }
        Verb::Set(Set { address: Some(address), admin: Some(admin), .. }) => {
            set_admin(client, &address, admin == Switch::On).await
        }
        Verb::Set(Set { sent_copy, undo, .. }) => set_own(client, sent_copy, undo).await,
        Verb::Suspend { address } => set_suspended(client, &address, true).await,
        Verb::Resume { address } => set_suspended(client, &address, false).await,
        Verb::Remove(_) => Err(unbuilt::command(
            "person remove",
            "postern person suspend EMAIL ends their sign-in and keeps their mail",
        )),
    }
}

fn path(address: &Address) -> String {
    format!("{PERSONS}/{}", segment(address.as_str()))
}

/// A password for REST, and whether it was made here and must be shown.
struct Chosen {
    secret: Secret,
    is_made_here: bool,
}

fn choose(from_stdin: bool) -> Result<Chosen, Failure> {
    if from_stdin {
        let secret = password::read(std::io::stdin().lock())
            .map_err(|reason| Failure::usage(reason).next("give the password as one line of standard input"))?;
        return Ok(Chosen { secret: password::wanted(secret)?, is_made_here: false });
    }
    let made = password::generate().ok_or_else(|| Failure::new("this system gives no random bytes"))?;
    Ok(Chosen { secret: Secret::new(made), is_made_here: true })
}

impl Chosen {
    fn text(&self) -> &str {
        self.secret.expose_text().unwrap_or_default()
    }
    /// The document with the password in it, where nobody else has it.
    fn shown_in(&self, mut document: serde_json::Value) -> serde_json::Value {
        if self.is_made_here {
            document["password"] = json!(self.text());
        }
        document
    }
    fn note(&self) -> String {
        match self.is_made_here {
            true => {
                format!("Password: {}\nIt is shown once and kept nowhere in clear; hand it over safely.\n", self.text())
            }
            false => String::new(),
        }
    }
}

async fn add(client: &mut Client, address: &Address, name: &str, from_stdin: bool) -> Result<Said, Failure> {
    let work = format!("give them a shared mailbox to work in: postern delegate add SHARED {address}");
    if from_stdin {
        let chosen = choose(true)?;
        let new = json!({ "address": address.as_str(), "name": name, "password": chosen.text() });
        let made: PersonMade = client.send("POST", PERSONS, &new).await?;
        return Ok(Said::new(format!("{address} can sign in now.\nNext: {work}\n"), &made));
    }
    let new = json!({ "address": address.as_str(), "name": name, "invite": true });
    let made: PersonMade = client.send("POST", PERSONS, &new).await?;
    let invitation = made.invitation.as_ref().map(invited).unwrap_or_default();
    Ok(Said::new(format!("{address} is there now, and chooses a password.\n{invitation}Then: {work}\n"), &made))
}

async fn invite(client: &mut Client, address: &Address) -> Result<Said, Failure> {
    let made: Result<Invitation, Failure> = client.act("POST", &format!("{}/invitation", path(address))).await;
    let made = made.map_err(|failure| failure.if_absent(WHO))?;
    let text = format!("{address} is invited to choose another password; the one they have stays until then.\n");
    Ok(Said::new(text + &invited(&made), &made))
}

/// The code, and how it is taken.
fn invited(invitation: &Invitation) -> String {
    let page = match &invitation.page {
        Some(page) => format!(", at {page} in a browser, or"),
        // Without https there is no page for anybody.
        None => String::new(),
    };
    format!(
        "Invitation: {}\nIt is shown once, and good once, until {}; hand it over safely.\n\
         Next: they choose with it{page}: postern person set-password --self --invitation (from another machine with \
         --url)\n",
        invitation.code.0.expose_text().unwrap_or_default(),
        invitation.expires_at
    )
}

/// Whoever was invited has no sign-in yet: the code is what they show.
async fn take_invitation(client: &mut Client, from_stdin: bool) -> Result<Said, Failure> {
    client.go_as_nobody().await?;
    let (code, password) = match from_stdin {
        true => password::read_two(std::io::stdin().lock())
            .map_err(|_| Failure::usage("standard input has two lines: the invitation, then the password you want"))?,
        false => (password::ask("The invitation: ")?, ask_twice("The password you want, 15 characters or more: ")?),
    };
    let document = TakenInvitation { code: SecretText(code), password: SecretText(password::wanted(password)?) };
    let set: PasswordSet = client.send("POST", "/api/v1/invitation", &document).await?;
    let before = if set.replaced { " What was got by the one before has ended." } else { "" };
    let text = format!(
        "{} has this password now.{before}\nNext: enter it in your mail program; your user name is {}\n",
        set.address, set.address
    );
    Ok(Said::new(text, &set))
}

fn ask_twice(prompt: &str) -> Result<Secret, Failure> {
    // Looked at before it is typed again.
    let one = password::wanted(password::ask(prompt)?)?;
    if one != password::ask("The same again: ")? {
        return Err(Failure::usage("the two differ").next("try again"));
    }
    Ok(one)
}

async fn set_password(client: &mut Client, address: &Address, from_stdin: bool) -> Result<Said, Failure> {
    let chosen = choose(from_stdin)?;
    let new = json!({ "password": chosen.text() });
    let set: Result<PasswordSet, Failure> = client.send("PUT", &format!("{}/password", path(address)), &new).await;
    let set = set.map_err(|failure| failure.if_absent(WHO))?;
    let before = if set.replaced { "; sessions that came of the one before have ended" } else { "" };
    let text = format!(
        "{address} has a new password now{before}.\n{}Next: they enter it in their mail programs\n",
        chosen.note()
    );
    Ok(Said::new(text, &chosen.shown_in(json!(set))))
}

/// The password that they have is asked for: a token alone is not enough.
async fn set_own_password(client: &mut Client, from_stdin: bool) -> Result<Said, Failure> {
    let (current, new) = match from_stdin {
        true => password::read_two(std::io::stdin().lock()).map_err(Failure::usage)?,
        false => (password::ask("The password you have: ")?, ask_twice("The new one, 15 characters or more: ")?),
    };
    let document = OwnPassword { current_password: SecretText(current), password: SecretText(password::wanted(new)?) };
    let set: PasswordSet = client.send("PUT", "/api/v1/me/password", &document).await?;
    let text = format!(
        "{} has another password now; sessions and other logins that came of the one before have ended.\n\
         Next: enter it in your mail programs; tokens stay: postern token list\n",
        set.address
    );
    Ok(Said::new(text, &set))
}

async fn set_admin(client: &mut Client, address: &Address, admin: bool) -> Result<Said, Failure> {
    let document = PersonSettings { admin: Some(admin) };
    let set: Result<Person, Failure> = client.send("PATCH", &path(address), &document).await;
    let set = set.map_err(|failure| failure.if_absent(WHO))?;
    let text = match admin {
        true => format!(
            "{address} administers the organisation now, and holds no mail by that.\n\
             Next: they sign in as themselves: postern login {address} (from another machine with --url)\n"
        ),
        false => format!(
            "{address} does not administer the organisation any more; their mail and what they were granted stay.\n\
             Next: see who does: postern person list\n"
        ),
    };
    Ok(Said::new(text, &set))
}

async fn set_quota(
    client: &mut Client,
    address: &Address,
    bytes: Option<size::Bound>,
    messages: Option<size::Bound>,
) -> Result<Said, Failure> {
    let document =
        PersonQuota { quota_bytes: bytes.map(|bound| bound.0), quota_messages: messages.map(|bound| bound.0) };
    let set: Result<Person, Failure> = client.send("PATCH", &format!("{}/quota", path(address)), &document).await;
    let set = set.map_err(|failure| failure.if_absent(WHO))?;
    let reached = |most: Option<u64>, used| most.is_some_and(|most| used >= most);
    let next = match reached(set.quota_bytes, set.bytes) || reached(set.quota_messages, set.messages) {
        true => "they hold as much already, so new mail is refused until there is room".to_owned(),
        false => format!("it holds from now on; see it: postern person show {address}"),
    };
    let quota = quota(set.quota_bytes, set.quota_messages);
    Ok(Said::new(format!("The quota of {address} is set: {quota}.\nNext: {next}\n"), &set))
}

async fn set_own(client: &mut Client, sent_copy: Option<OwnCopy>, undo: Option<u32>) -> Result<Said, Failure> {
    let copy = |copy| if copy == OwnCopy::Own { "own" } else { "none" }.to_owned();
    let document = OwnSettings { sent_copy: sent_copy.map(copy), undo_seconds: undo };
    if document == OwnSettings::default() {
        let failure = Failure::usage("nothing is to be changed; name a setting: --sent-copy or --undo");
        return Err(failure.next("see how it is: postern person show --self"));
    }
    let set: Me = client.send("PATCH", ME, &document).await?;
    let next = match set.undo_seconds {
        0 => String::new(),
        _ => "Next: to take back what waits: postern queue list, and postern queue remove ID\n".to_owned(),
    };
    Ok(Said::new(format!("Your own mail is sent so from now on.\n{}{next}", own(&set)), &set))
}

async fn set_suspended(client: &mut Client, address: &Address, suspended: bool) -> Result<Said, Failure> {
    let verb = if suspended { "suspend" } else { "resume" };
    let changed: Result<Suspension, Failure> = client.act("POST", &format!("{}/{verb}", path(address))).await;
    let changed = changed.map_err(|failure| failure.if_absent(WHO))?;
    let credentials = changed.credentials.join(", ");
    let text = match (suspended, changed.credentials.is_empty()) {
        (true, is_none) => {
            let stopped = match is_none {
                true => String::new(),
                false => format!(
                    "Credentials that they answer for or use have stopped until then: {credentials}. To take one back for \
                     good: postern credential revoke ID\n"
                ),
            };
            format!(
                "{address} is suspended: their sessions have ended, and an invitation that waited has; their mail stays \
                 and still arrives. What they sent and has not left waits until they are back.\n{stopped}Next: postern \
                 person resume {address} lets them back\n"
            )
        }
        (false, is_none) => {
            let back = match is_none {
                true => String::new(),
                false => format!("Credentials that they answer for or use count again: {credentials}.\n"),
            };
            format!(
                "{address} can sign in again, with the password they had.\n{back}Next: who never chose one is invited \
                 anew: postern person invite {address}\n"
            )
        }
    };
    Ok(Said::new(text, &changed))
}

async fn list(client: &mut Client) -> Result<Said, Failure> {
    let all: Persons = client.get(PERSONS).await?;
    let row = |person: &Person| {
        vec![
            person.address.clone(),
            plain(&person.name),
            state(person),
            person.messages.to_string(),
            bytes(person.bytes),
            day(&person.created_at),
        ]
    };
    let headings = ["EMAIL", "NAME", "STATE", "MESSAGES", "SIZE", "SINCE"];
    let rows = all.persons.iter().map(row).collect();
    Ok(Said::new(table(&headings, rows, "There is nobody yet: postern person add EMAIL"), &all))
}

fn state(person: &Person) -> String {
    let state = match (&person.invited_until, person.has_password) {
        _ if person.state != "active" => person.state.clone(),
        (Some(until), false) => format!("invited, until {}", day(until)),
        (None, false) => "no password".to_owned(),
        (_, true) => person.state.clone(),
    };
    if person.admin { format!("{state}, admin") } else { state }
}

/// A person as they see themselves.
fn own(me: &Me) -> String {
    let undo = match me.undo_seconds {
        0 => "no: it leaves at once".to_owned(),
        seconds => format!("for {}", length(i64::try_from(seconds).unwrap_or(i64::MAX))),
    };
    facts(&[
        ("Email", me.address.clone()),
        ("Name", plain(&me.name)),
        ("Administers", if me.admin { "the organisation" } else { "" }.to_owned()),
        ("Copy of what you send", if me.sent_copy == "none" { "none" } else { "in your Sent" }.to_owned()),
        ("Can be taken back", undo),
    ])
}

fn shown(person: &Person) -> String {
    facts(&[
        ("Email", person.address.clone()),
        ("Name", plain(&person.name)),
        ("State", state(person)),
        (
            "Invitation",
            person.invited_until.as_ref().map(|until| format!("can be taken until {until}")).unwrap_or_default(),
        ),
        ("Quota", quota(person.quota_bytes, person.quota_messages)),
        ("Messages", person.messages.to_string()),
        ("Size", bytes(person.bytes)),
        ("Since", person.created_at.clone()),
    ])
}
