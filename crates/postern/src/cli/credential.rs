//! `postern credential`: what a program signs in to a shared mailbox with, as the mailbox.
//!
//! People are delegates, signed in as themselves; every text here says so where a grant would
//! do. A secret is shown once, or goes into a file, or is handed to somebody by a code.

mod issue;
mod secret_file;
mod sending;
mod told;
mod watch;

use super::clock;
use super::dates::{self, seconds};
use super::failure::Failure;
use super::output::{Said, plain, table};
use super::password;
use super::recipe::{self, Ingredients, Key, Program};
use super::shared;
use super::transport::{Client, segment};
use super::unbuilt;
use clap::{Args, Subcommand};
use postern_http::model::{
    CheckOut, Credential, CredentialOpened, CredentialWithSessions, Credentials, Revocation, SecretText, Unwrap,
};
use postern_types::length;
use postern_types::{Address, Secret};
use secret_file::SecretFile;
use std::path::PathBuf;
use told::label;

/// What to do with credentials.
#[derive(Debug, Clone, Subcommand)]
pub enum Verb {
    /// Issue a credential for a program that can not sign in as a delegate
    ///
    /// What is not named comes from the template of its purpose, the narrowest that works. The secret
    /// is printed once; with --secret-file it goes into a file, with --wrap to somebody else.
    Issue(Box<issue::Issue>),
    /// Credentials that have not ended
    List(List),
    /// One credential: what it opens, who answers for it, and its sessions
    Show(Show),
    /// Follow its sign-ins, and failed ones at its mailbox, with the true reason and what helps
    ///
    /// Begins with what there is so far and ends by Ctrl-C. With --json each is a document on a line
    /// of its own.
    Watch {
        /// Its id, or as support@example.org/nightly
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Take a credential back for good; its sessions end
    Revoke {
        /// Its id, or as support@example.org/nightly
        #[arg(value_name = "ID")]
        id: String,
        /// Somebody may know the secret who should not: said on the trail
        #[arg(long)]
        compromised: bool,
    },
    /// Give a credential another secret (not built yet)
    #[command(hide = true)]
    Rotate(unbuilt::Unbuilt),
    /// Set a credential aside; its sessions end, and it can come back
    Suspend {
        /// Its id, or as support@example.org/nightly
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Let a credential that was set aside sign in again
    Resume {
        /// Its id, or as support@example.org/nightly
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Check out a credential for a role, which is shut otherwise
    Open {
        /// Its id, or as support@example.org/desk
        #[arg(value_name = "ID")]
        id: String,
        /// For how long; a day at most
        #[arg(long = "for", value_name = "SPAN", value_parser = dates::span, default_value = "8h")]
        seconds: i64,
    },
    /// Shut it again; its sessions end
    Close {
        /// Its id, or as support@example.org/desk
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Open a secret that was handed to you by a code
    ///
    /// Once, within the hour, and as yourself: postern login EMAIL.
    Unwrap(Opening),
}

/// Which credentials.
#[derive(Debug, Clone, Args)]
pub struct List {
    /// Only those of this shared mailbox
    #[arg(value_name = "SHARED", value_parser = Address::parse)]
    shared: Option<Address>,
    /// Only those that end within this time, such as 14d
    #[arg(long, value_name = "SPAN", value_parser = dates::span)]
    expiring: Option<i64>,
    /// Those that have ended, too
    #[arg(long)]
    ended: bool,
}

/// Which credential, and in which form.
#[derive(Debug, Clone, Args)]
pub struct Show {
    /// Its id, or as support@example.org/nightly
    #[arg(value_name = "ID")]
    id: String,
    /// Print a configuration for this program instead; it reads the secret from a file
    #[arg(long, value_enum, value_name = "PROGRAM", hide_possible_values = true)]
    recipe: Option<Program>,
    /// Where that program finds the secret; a file below ~/.config/postern where nothing is said
    #[arg(long, value_name = "PATH", requires = "recipe")]
    secret_file: Option<PathBuf>,
}

/// What is opened, and where its secret goes.
#[derive(Debug, Clone, Args)]
pub struct Opening {
    /// The code; - reads it from standard input, where other users of the machine do not see it
    #[arg(value_name = "CODE")]
    code: String,
    /// Write the secret into a new file for you alone, and print it nowhere
    #[arg(long, value_name = "PATH")]
    secret_file: Option<PathBuf>,
    /// Print a configuration for this program, and all else on standard error
    #[arg(long, value_enum, value_name = "PROGRAM", hide_possible_values = true)]
    recipe: Option<Program>,
}

const CREDENTIALS: &str = "/api/v1/credentials";
pub(super) const WHICH: &str = "see which there are and were: postern credential list --ended";

pub(super) async fn run(verb: Verb, client: &mut Client) -> Result<Said, Failure> {
    match verb {
        Verb::Issue(issue) => issue::run(*issue, client).await,
        Verb::List(list) => listed(&list, client).await,
        Verb::Show(show) => shown(&show, client).await,
        Verb::Watch { id } => watch::run(client, &id).await,
        Verb::Revoke { id, compromised } => revoke(client, &id, compromised).await,
        Verb::Rotate(_) => Err(unbuilt::command(
            "credential rotate",
            "issue another beside it, move the program over, then revoke this one: postern credential issue",
        )),
        Verb::Suspend { id } => {
            let seen: CredentialWithSessions = act(client, &id, "suspend").await?;
            let text = format!(
                "{} is suspended: it signs in nowhere until it is resumed.\n{}{}Next: to let it back: postern credential \
                 resume {} (whoever manages the mailbox); for good: postern credential revoke {}\n",
                label(&seen.credential),
                told::cut(&seen.sessions),
                told::stays(&seen),
                seen.credential.id,
                seen.credential.id
            );
            Ok(Said::new(text, &seen))
        }
        Verb::Resume { id } => {
            let credential: Credential = act(client, &id, "resume").await?;
            Ok(Said::new(resumed(&credential), &credential))
        }
        Verb::Open { id, seconds } => open(client, &id, seconds).await,
        Verb::Close { id } => {
            let seen: CredentialWithSessions = act(client, &id, "close").await?;
            let text = format!(
                "{} is shut until it is checked out again.\n{}Next: postern credential open {}\n",
                label(&seen.credential),
                told::cut(&seen.sessions),
                seen.credential.id
            );
            Ok(Said::new(text, &seen))
        }
        Verb::Unwrap(opening) => unwrap(client, &opening).await,
    }
}

fn path(id: &str) -> String {
    format!("{CREDENTIALS}/{}", segment(id))
}

async fn act<T: serde::de::DeserializeOwned>(client: &mut Client, id: &str, verb: &str) -> Result<T, Failure> {
    let done: Result<T, Failure> = client.act("POST", &format!("{}/{verb}", path(id))).await;
    done.map_err(|failure| failure.if_absent(WHICH))
}

async fn listed(list: &List, client: &mut Client) -> Result<Said, Failure> {
    let mut target = format!("{CREDENTIALS}?ended={}", list.ended);
    if let Some(shared) = &list.shared {
        target.push_str(&format!("&shared={}", segment(shared.as_str())));
    }
    if let Some(seconds) = list.expiring {
        let before = dates::When::Span(seconds * 1000).ahead_of(clock::now());
        target.push_str(&format!("&expiring_before={}", segment(&before)));
    }
    let all: Result<Credentials, Failure> = client.get(&target).await;
    let all = all.map_err(|failure| failure.if_absent(shared::WHICH))?;
    let text = match all.credentials.is_empty() {
        true => none(list),
        false => rows(&all.credentials),
    };
    Ok(Said::new(text, &all))
}

/// Nothing to list is good news, and the place to say how people work.
fn none(list: &List) -> String {
    let (at, shared) = match &list.shared {
        Some(shared) => (shared.to_string(), shared.to_string()),
        None => ("any shared mailbox".to_owned(), "SHARED".to_owned()),
    };
    match list.expiring {
        Some(seconds) => format!("No credential ends within {}.\n", length(seconds)),
        None if list.shared.is_none() => format!(
            "There is no {}credential that you may see. People work in a shared mailbox as delegates: postern delegate add \
             {shared} PERSON\n",
            if list.ended { "" } else { "live " }
        ),
        None => format!(
            "No credential is live{}: nobody can sign in directly to {at}. People work there as delegates: postern delegate \
             add {shared} PERSON\n",
            if list.ended { ", nor has there been one" } else { "" }
        ),
    }
}

fn rows(credentials: &[Credential]) -> String {
    let rows = credentials.iter().map(|credential| {
        vec![
            credential.id.clone(),
            label(credential),
            credential.purpose.clone(),
            told::state(credential),
            credential.owner.clone().unwrap_or_else(|| "-".to_owned()),
            credential.last_used_at.as_deref().map_or_else(|| "never".to_owned(), seconds),
            match &credential.ended_at {
                Some(ended) => format!("ended {}", seconds(ended)),
                None => dates::end(&credential.expires_at, clock::now()),
            },
        ]
    });
    table(&["ID", "CREDENTIAL", "PURPOSE", "STATE", "OWNER", "USED", "UNTIL"], rows.collect(), "")
}

async fn shown(show: &Show, client: &mut Client) -> Result<Said, Failure> {
    let seen: Result<CredentialWithSessions, Failure> = client.get(&path(&show.id)).await;
    let seen = seen.map_err(|failure| failure.if_absent(WHICH))?;
    let Some(program) = show.recipe else { return Ok(Said::new(told::all(&seen), &seen)) };
    refuse_json(client)?;
    let credential = &seen.credential;
    let file = match &show.secret_file {
        Some(file) => secret_file::absolute(file)?,
        None => recipe::default_secret_file(credential)?,
    };
    let authority = client.authority()?;
    let made_of = Ingredients { credential, key: Key::File(&file), authority: authority.as_deref() };
    let text = program.write(&made_of)?;
    let aside = match file.exists() {
        true => String::new(),
        false => format!(
            "{} is not there yet: put the secret into its first line, readable by you alone. It was shown once, when the \
             credential was issued.\n",
            file.display()
        ),
    };
    Ok(Said::new(text, &seen).beside(aside))
}

/// A recipe is a file for a program, and so is a document; standard output is one of them.
fn refuse_json(client: &Client) -> Result<(), Failure> {
    match client.wants_json() {
        true => {
            Err(Failure::usage("--recipe prints a configuration, and --json a document").next("leave one of them out"))
        }
        false => Ok(()),
    }
}

async fn revoke(client: &mut Client, id: &str, compromised: bool) -> Result<Said, Failure> {
    let target = format!("{}/revoke", path(id));
    let seen: Result<CredentialWithSessions, Failure> = client.send("POST", &target, &Revocation { compromised }).await;
    let seen = seen.map_err(|failure| failure.if_absent(WHICH))?;
    let credential = &seen.credential;
    let mut text = match seen.had_ended {
        true => told::ended_before(credential),
        false => format!(
            "{} ({}) is taken back for good: it signs in nowhere any more.\n{}",
            label(credential),
            credential.id,
            told::cut(&seen.sessions)
        ),
    };
    let compromised = compromised || credential.ended_because.as_deref() == Some("compromised");
    text.push_str(&told::waits(&seen, compromised));
    text.push_str(&match compromised {
        true => format!(
            "It is on the trail as compromised.\nNext: what it did: postern audit list --actor {}; from where: postern \
             signins list --credential {}\n",
            credential.id, credential.id
        ),
        false if seen.had_ended => {
            format!("Next: who did that: postern audit list --account {}\n", credential.username)
        }
        false => format!(
            "Next: which are live still: postern credential list {}; people work there as delegates: postern delegate list \
             {}\n",
            credential.username, credential.username
        ),
    });
    Ok(Said::new(text, &seen))
}

fn resumed(credential: &Credential) -> String {
    format!("{} may sign in again, with the secret it had.\n{}", label(credential), stops(credential))
}

/// What speaks against it all the same.
fn stops(credential: &Credential) -> String {
    match credential.stands {
        true => String::new(),
        false => format!("It opens nothing all the same: {}.\n", plain(&credential.because.join("; "))),
    }
}

async fn open(client: &mut Client, id: &str, seconds: i64) -> Result<Said, Failure> {
    let document = CheckOut { seconds: Some(seconds) };
    let opened: Result<Credential, Failure> = client.send("POST", &format!("{}/open", path(id)), &document).await;
    let opened = opened.map_err(|failure| failure.if_absent(WHICH))?;
    let until = opened.opened_until.as_deref().map(dates::seconds).unwrap_or_default();
    let stops = stops(&opened);
    let text = format!(
        "{} is checked out until {until}.\n{stops}Next: to shut it before: postern credential close {}\n",
        label(&opened),
        opened.id
    );
    Ok(Said::new(text, &opened))
}

async fn unwrap(client: &mut Client, opening: &Opening) -> Result<Said, Failure> {
    let code = match opening.code.as_str() {
        "-" => password::read(std::io::stdin().lock())
            .map_err(|reason| Failure::usage(reason.replace("password", "code")))?,
        code => Secret::new(code),
    };
    if opening.recipe.is_some() {
        refuse_json(client)?;
    }
    let authority = if opening.recipe.is_some() { client.authority()? } else { None };
    // Before the code is used up: it opens once.
    let file = opening.secret_file.as_deref().map(SecretFile::make).transpose()?;
    let opened: Result<CredentialOpened, Failure> =
        client.send("POST", &format!("{CREDENTIALS}/unwrap"), &Unwrap { code: SecretText(code) }).await;
    let opened = match opened {
        Ok(opened) => opened,
        Err(failure) => {
            file.into_iter().for_each(SecretFile::remove);
            return Err(failure
                .if_not_theirs("sign in as the person it was made for: postern login EMAIL")
                .if_absent("a code opens once, within its hour; ask whoever gave it to you for another credential"));
        }
    };
    let kept = match file {
        Some(file) => Some(keep(file, &opened.secret.0, &opened.id)?),
        None => None,
    };
    let mut text = format!("{} is yours to use now.\n", label(&opened.credential));
    text.push_str(&stops(&opened.credential));
    let document = told::without_secret(&opened, kept.as_deref());
    let Some(program) = opening.recipe else {
        text.push_str(&told::to_sign_in(&opened.credential, Some(&opened.secret.0), kept.as_deref()));
        return Ok(Said { document, ..Said::new(text, &()) });
    };
    let key = kept.as_deref().map_or(Key::Written(&opened.secret.0), Key::File);
    let made_of = Ingredients { credential: &opened.credential, key, authority: authority.as_deref() };
    match program.write(&made_of) {
        Ok(recipe) => {
            text.push_str(&told::to_sign_in(&opened.credential, None, kept.as_deref()));
            Ok(Said { document, ..Said::new(recipe, &()).beside(text) })
        }
        // The code is used up: what it opened is shown all the same.
        Err(refused) => {
            text.push_str(&told::to_sign_in(&opened.credential, Some(&opened.secret.0), kept.as_deref()));
            Ok(Said { document, ..Said::new(text, &()).beside(format!("{refused}\n")) })
        }
    }
}

/// A secret that could not be kept is lost: whoever issued it hears what to do.
fn keep(file: SecretFile, secret: &Secret, id: &str) -> Result<PathBuf, Failure> {
    file.keep(secret).map_err(|failure| {
        failure
            .next(format!("nobody has the secret now; take it back and issue another: postern credential revoke {id}"))
    })
}
