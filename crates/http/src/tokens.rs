//! Tokens: what programs of a person bear, made, listed and ended.

use crate::model::{NewToken, Revoked, SecretText, Token, TokenMade, TokenParameters, Tokens};
use crate::problem::Problem;
use crate::route::{Ask, Reply, field};
use crate::time::{parse_date, show_date};
use postern_app::{TokenRole, TokenRow, TokenWish};
use postern_types::{Address, DisplayName};

fn shown(row: TokenRow) -> Token {
    Token {
        id: row.public_id,
        name: row.name,
        role: row.role,
        created_at: show_date(row.created),
        expires_at: show_date(row.expires),
    }
}

pub(crate) async fn make(ask: Ask) -> Result<Reply, Problem> {
    let new: NewToken = ask.document()?;
    let wish = TokenWish {
        name: field("name", &new.name, DisplayName::parse)?,
        role: field("role", &new.role, TokenRole::parse)?,
        expires: new.expires_at.as_deref().map(|date| field("expires_at", date, parse_date)).transpose()?,
    };
    let made = ask.house.make_token(ask.caller()?, wish).await?;
    Reply::made(&TokenMade {
        id: made.public_id,
        name: made.name,
        role: made.role.name().to_owned(),
        token: SecretText(made.token),
        expires_at: show_date(made.expires),
    })
}

pub(crate) async fn list(ask: Ask) -> Result<Reply, Problem> {
    let asked: TokenParameters = ask.query()?;
    let person = asked.person.as_deref().map(|person| field("person", person, Address::parse)).transpose()?;
    let tokens = ask.house.tokens(ask.caller()?, person.as_ref()).await?;
    Reply::ok(&Tokens { tokens: tokens.into_iter().map(shown).collect() })
}

pub(crate) async fn revoke(ask: Ask) -> Result<Reply, Problem> {
    let token = ask.part("token", |text| Ok::<_, std::convert::Infallible>(text.to_owned()))?;
    let id = ask.house.end_token(ask.caller()?, &token).await?;
    Reply::ok(&Revoked { revoked: id })
}
