//! Persons: who signs in as themselves.

use crate::invitation::PATH;
use crate::model::{
    Invitation, NewPassword, NewPerson, PasswordSet, Person, PersonMade, PersonQuota, PersonSettings, Persons,
    SecretText, Suspension,
};
use crate::problem::Problem;
use crate::route::{Ask, Reply, field};
use crate::shared::bound;
use crate::time::show_date;
use postern_app::{AccountRow, House, Obstacle, QuotaChange};
use postern_types::{Address, DisplayName};

fn shown(house: &House, row: AccountRow) -> Person {
    Person {
        has_password: row.has_password,
        invited_until: row.invited_until.filter(|until| house.now() < *until && !row.suspended).map(show_date),
        address: row.address,
        name: row.name,
        state: if row.suspended { "suspended".to_owned() } else { row.state },
        admin: row.admin,
        quota_bytes: row.quota,
        quota_messages: row.quota_messages,
        messages: row.messages,
        bytes: row.bytes,
        created_at: show_date(row.created),
    }
}

pub(crate) async fn list(ask: Ask) -> Result<Reply, Problem> {
    let persons = ask.house.persons(ask.caller()?).await?;
    Reply::ok(&Persons { persons: persons.into_iter().map(|row| shown(&ask.house, row)).collect() })
}

pub(crate) async fn add(ask: Ask) -> Result<Reply, Problem> {
    let new: NewPerson = ask.document()?;
    let name = field("name", &new.name, DisplayName::parse)?;
    let address = field("address", &new.address, Address::parse)?;
    let invitation = match (new.password, new.invite) {
        (Some(_), true) => {
            return Err(Problem::unusable("Name a password or invite: who is invited chooses their own"));
        }
        (password, false) => {
            ask.house.add_person(ask.caller()?, &address, &name, password.map(|text| text.0)).await?;
            None
        }
        (None, true) => Some(invitation(&ask.house, ask.house.add_invited(ask.caller()?, &address, &name).await?)),
    };
    Reply::made(&PersonMade { address: address.to_string(), name: name.to_string(), invitation })
}

fn invitation(house: &House, made: postern_app::Invitation) -> Invitation {
    let page = house.web().map(|web| format!("{web}{PATH}"));
    Invitation { code: SecretText(made.code), expires_at: show_date(made.expires), page }
}

pub(crate) async fn invite(ask: Ask) -> Result<Reply, Problem> {
    let address = ask.part("address", Address::parse)?;
    Reply::made(&invitation(&ask.house, ask.house.invite(ask.caller()?, &address).await?))
}

pub(crate) async fn show(ask: Ask) -> Result<Reply, Problem> {
    let address = ask.part("address", Address::parse)?;
    let persons = ask.house.persons(ask.caller()?).await?;
    let row = persons.into_iter().find(|row| row.address == address.as_str());
    Reply::ok(&shown(&ask.house, row.ok_or_else(Problem::absent)?))
}

pub(crate) async fn set(ask: Ask) -> Result<Reply, Problem> {
    let address = ask.part("address", Address::parse)?;
    let PersonSettings { admin } = ask.document()?;
    let admin = admin.ok_or_else(|| Problem::unusable("Nothing is to be changed; name a setting, such as admin"))?;
    Reply::ok(&shown(&ask.house, ask.house.set_admin(ask.caller()?, &address, admin).await?))
}

pub(crate) async fn set_quota(ask: Ask) -> Result<Reply, Problem> {
    let address = ask.part("address", Address::parse)?;
    let PersonQuota { quota_bytes, quota_messages } = ask.document()?;
    if quota_bytes.is_none() && quota_messages.is_none() {
        return Err(Problem::unusable("Nothing is to be changed; name quota_bytes or quota_messages"));
    }
    let change =
        QuotaChange { bytes: bound("quota_bytes", quota_bytes)?, messages: bound("quota_messages", quota_messages)? };
    Reply::ok(&shown(&ask.house, ask.house.set_person_quota(ask.caller()?, &address, change).await?))
}

pub(crate) async fn set_password(ask: Ask) -> Result<Reply, Problem> {
    let address = ask.part("address", Address::parse)?;
    let new: NewPassword = ask.document()?;
    let replaced = ask.house.set_password(ask.caller()?, &address, new.password.0).await?;
    Reply::ok(&PasswordSet { address: address.to_string(), password_set: true, replaced })
}

pub(crate) async fn suspend(ask: Ask) -> Result<Reply, Problem> {
    set_suspended(ask, true).await
}

pub(crate) async fn resume(ask: Ask) -> Result<Reply, Problem> {
    set_suspended(ask, false).await
}

async fn set_suspended(ask: Ask, suspended: bool) -> Result<Reply, Problem> {
    let address = ask.part("address", Address::parse)?;
    ask.house.suspend_person(ask.caller()?, &address, suspended).await?;
    let credentials = credentials_of(&ask, &address, suspended).await?;
    Reply::ok(&Suspension { address: address.to_string(), suspended, credentials })
}

/// Live credentials that rest on a person and stop, or sign in, for this alone. What was done is done, so a list that
/// fails beside it is left out.
async fn credentials_of(ask: &Ask, address: &Address, suspended: bool) -> Result<Vec<String>, Problem> {
    let rows = ask.house.credentials(ask.caller()?, None, false).await.unwrap_or_else(|refused| {
        tracing::warn!(
            event = "rest.list-left-out",
            ?refused,
            "the credentials of a person who was suspended or let back"
        );
        Vec::new()
    });
    let rests = |who: &Option<String>| who.as_deref().is_some_and(|one| one.eq_ignore_ascii_case(address.as_str()));
    let is_for_this = |one: &Obstacle| matches!(one, Obstacle::OwnerSuspended | Obstacle::HolderSuspended);
    let theirs = rows.into_iter().filter(|row| rests(&row.owner) || rests(&row.holder));
    let theirs = theirs.filter(|row| row.obstacles.is_empty() != suspended && row.obstacles.iter().all(is_for_this));
    Ok(theirs.map(|row| format!("{}/{}", row.address, row.name)).collect())
}
