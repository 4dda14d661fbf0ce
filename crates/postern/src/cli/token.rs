//! `postern token`: what programs of a person bear in place of a password.

use super::clock;
use super::dates::{self, When};
use super::domain::day;
use super::failure::Failure;
use super::output::{Said, plain, table};
use super::transport::{Client, segment};
use clap::{Args, Subcommand};
use postern_app::TokenRole;
use postern_http::model::{NewToken, Revoked, TokenMade, Tokens};
use postern_types::Address;

/// What to do with tokens.
#[derive(Debug, Clone, Subcommand)]
pub enum Verb {
    /// Make a token for a program that acts for you; it is printed once
    ///
    /// Needs a login. The program gives it with --token-file, or as Authorization: Bearer.
    Create(Create),
    /// Your live tokens
    List {
        /// Those of this person, for who may see their grants
        #[arg(long, value_name = "EMAIL", value_parser = Address::parse)]
        person: Option<Address>,
    },
    /// End a token; its bearer is refused from then on
    Revoke {
        /// Its id, or the name you gave it
        #[arg(value_name = "ID")]
        token: String,
    },
}

/// A token to make.
#[derive(Debug, Clone, Args)]
pub struct Create {
    /// What it is for, such as nightly-report
    #[arg(long, value_name = "NAME")]
    name: String,
    /// What it lets through of what you may: admin, owner or auditor
    ///
    /// admin: everything but passwords, tokens, credentials, making administrators and letting suspended people
    /// back; owner: what you may do on mailboxes you own; auditor: reading alone. None gives
    /// anybody a way into a person's own mailbox.
    #[arg(long, value_name = "ROLE", value_parser = TokenRole::parse)]
    role: TokenRole,
    /// When it ends: a date (2026-12-31T18:00:00Z) or a span (8h, 90d); at most 366d
    #[arg(long, value_name = "DATE", value_parser = dates::parse, default_value = "90d")]
    expires: When,
}

const TOKENS: &str = "/api/v1/tokens";

pub(super) async fn run(verb: Verb, client: &mut Client) -> Result<Said, Failure> {
    match verb {
        Verb::Create(Create { name, role, expires }) => {
            let expires_at = Some(expires.ahead_of(clock::now()));
            let new = NewToken { name, role: role.name().to_owned(), expires_at };
            let made: TokenMade = client.send("POST", TOKENS, &new).await?;
            Ok(Said::new(told(&made), &made))
        }
        Verb::List { person } => list(client, person.as_ref()).await,
        Verb::Revoke { token } => {
            let ended: Result<Revoked, Failure> = client.act("DELETE", &format!("{TOKENS}/{}", segment(&token))).await;
            let ended = ended.map_err(|failure| failure.if_absent("see which there are: postern token list"))?;
            Ok(Said::new(format!("The token {} is ended; its bearer is refused from now on.\n", ended.revoked), &ended))
        }
    }
}

fn told(made: &TokenMade) -> String {
    format!(
        "The token {} ({}, {}) lasts until {}.\nToken: {}\nIt is shown once and kept nowhere in clear.\n\
         Next: keep it in a file that only its program reads, and give that with --token-file; to end it: \
         postern token revoke {}\n",
        plain(&made.name),
        made.id,
        made.role,
        dates::seconds(&made.expires_at),
        made.token.0.expose_text().unwrap_or_default(),
        made.id
    )
}

async fn list(client: &mut Client, person: Option<&Address>) -> Result<Said, Failure> {
    let target = match person {
        Some(person) => format!("{TOKENS}?person={}", segment(person.as_str())),
        None => TOKENS.to_owned(),
    };
    let all: Tokens = client.get(&target).await?;
    let rows = all.tokens.iter().map(|token| {
        vec![
            token.id.clone(),
            plain(&token.name),
            token.role.clone(),
            day(&token.created_at),
            dates::seconds(&token.expires_at),
        ]
    });
    let none = match person {
        Some(person) => format!("{person} has no token, and no login."),
        None => "There is no token: postern token create --name N --role auditor".to_owned(),
    };
    Ok(Said::new(table(&["ID", "NAME", "ROLE", "SINCE", "UNTIL"], rows.collect(), &none), &all))
}
