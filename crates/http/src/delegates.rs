//! Delegates of a shared mailbox: grants on all of it, a subtree or a mailbox, given and
//! taken back.

use crate::model::{Delegate, Delegates, GivenDelegate, TakeBackParameters, TakenBack, Terms};
use crate::problem::Problem;
use crate::route::{Ask, Reply, field};
use crate::time::{parse_date, show_date};
use postern_app::{GrantReach, GrantRow, GrantTerms, Named, Role};
use postern_types::{Address, MailboxName, Rights, SendRights};

pub(crate) fn shown(row: GrantRow) -> Delegate {
    Delegate {
        id: format!("grt_{}", row.id),
        grantee: row.grantee_address,
        kind: row.grantee_kind,
        reach: row.reach,
        mailbox: row.mailbox,
        role: Role::of(row.rights).map(|role| role.name().to_owned()),
        rights: row.rights.to_string(),
        send_as: row.send.send_as,
        send_on_behalf: row.send.send_on_behalf,
        automap: row.automap,
        given_by: row.giver,
        until: row.not_after.map(show_date),
        created_at: show_date(row.created),
    }
}

/// What the document asks for; [`Terms`] says what is meant by what it leaves out.
fn terms(document: &Terms) -> Result<GrantTerms, Problem> {
    let rights = match (&document.role, &document.rights) {
        (Some(_), Some(_)) => return Err(Problem::unusable("Give role or rights, not both")),
        (Some(role), None) => field("role", role, Role::parse)?.rights(),
        (None, Some(letters)) => field("rights", letters, Rights::parse)?,
        (None, None) => Rights::FULL_ACCESS,
    };
    let is_plain = document.role.is_none()
        && document.rights.is_none()
        && document.send_as.is_none()
        && document.send_on_behalf.is_none();
    // Send rights are of the whole address, so less than all of it has none unless it is said.
    let is_whole = document.mailbox.is_none() && document.subtree.is_none();
    let send = SendRights {
        send_as: document.send_as.unwrap_or(is_plain && is_whole),
        send_on_behalf: document.send_on_behalf.unwrap_or(false),
    };
    if rights.is_empty() && send == SendRights::NONE {
        return Err(Problem::unusable("A grant of nothing gives nothing; name letters or a send right"));
    }
    let not_after = document.until.as_deref().map(|until| field("until", until, parse_date)).transpose()?;
    let reach = reach(document.mailbox.as_deref(), document.subtree.as_deref())?.unwrap_or(GrantReach::Account);
    Ok(GrantTerms { reach, rights, send, automap: document.automap.unwrap_or(true), not_after })
}

/// One mailbox, or one with those below it; nothing where neither is named.
fn reach(mailbox: Option<&str>, subtree: Option<&str>) -> Result<Option<GrantReach>, Problem> {
    Ok(match (mailbox, subtree) {
        (Some(_), Some(_)) => return Err(Problem::unusable("Give mailbox or subtree, not both")),
        (Some(name), None) => Some(GrantReach::Mailbox(field("mailbox", name, MailboxName::parse)?)),
        (None, Some(name)) => Some(GrantReach::Subtree(field("subtree", name, MailboxName::parse)?)),
        (None, None) => None,
    })
}

pub(crate) async fn list(ask: Ask) -> Result<Reply, Problem> {
    let shared = ask.part("address", Address::parse)?;
    let grants = ask.house.grants(ask.caller()?, &shared).await?;
    Reply::ok(&Delegates { delegates: grants.into_iter().map(shown).collect() })
}

pub(crate) async fn give(ask: Ask) -> Result<Reply, Problem> {
    let (shared, grantee) = (ask.part("address", Address::parse)?, ask.part("grantee", Address::parse)?);
    let document: Terms = ask.document()?;
    let terms = terms(&document)?;
    let given = match names_no_letters(&document) {
        Some(named) => ask.house.give_beside(ask.caller()?, &shared, &grantee, terms, named).await?,
        None => ask.house.give(ask.caller()?, &shared, &grantee, terms).await?,
    };
    Reply::ok(&GivenDelegate {
        delegate: shown(given.row),
        replaced: given.replaced.map(shown),
        narrower: given.narrower.into_iter().map(shown).collect(),
        through_groups: given.through_groups.into_iter().map(shown).collect(),
    })
}

/// What is named where no letters are: the rest stays as it is held. Where nothing is named, all
/// that is left out has its usual meaning.
fn names_no_letters(document: &Terms) -> Option<Named> {
    let Terms { send_as, send_on_behalf, automap, .. } = *document;
    let is_other = send_as.is_some() || send_on_behalf.is_some() || automap.is_some() || document.until.is_some();
    let names_letters = document.role.is_some() || document.rights.is_some();
    (is_other && !names_letters).then_some(Named { send_as, send_on_behalf, automap })
}

pub(crate) async fn take_back(ask: Ask) -> Result<Reply, Problem> {
    let (shared, grantee) = (ask.part("address", Address::parse)?, ask.part("grantee", Address::parse)?);
    let asked: TakeBackParameters = ask.query()?;
    let reach = reach(asked.mailbox.as_deref(), asked.subtree.as_deref())?;
    let caller = ask.caller()?;
    let taken = ask.house.take_back(caller, &shared, &grantee, reach).await?;
    // What was done is done, so a count that fails beside it is left out.
    let waiting_messages = ask.house.waiting_of_person(caller, &shared, &grantee).await.unwrap_or_default();
    Reply::ok(&TakenBack {
        shared: shared.to_string(),
        grantee: grantee.to_string(),
        removed: taken.removed,
        through_groups: taken.through_groups.into_iter().map(shown).collect(),
        waiting_messages,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(json: &str) -> (String, SendRights, bool) {
        let terms = terms(&serde_json::from_str(json).unwrap()).unwrap();
        (terms.rights.to_string(), terms.send, terms.automap)
    }

    #[test]
    fn what_is_left_out_has_one_meaning() {
        let send_as = SendRights { send_as: true, send_on_behalf: false };
        let on_behalf = SendRights { send_as: false, send_on_behalf: true };
        assert_eq!(given("{}"), ("lrswipkxte".into(), send_as, true));
        assert_eq!(given(r#"{"automap":false}"#), ("lrswipkxte".into(), send_as, false));
        assert_eq!(given(r#"{"mailbox":"Archive"}"#), ("lrswipkxte".into(), SendRights::NONE, true));
        assert_eq!(given(r#"{"role":"reader"}"#), ("lr".into(), SendRights::NONE, true));
        assert_eq!(given(r#"{"role":"full-access"}"#), ("lrswipkxte".into(), SendRights::NONE, true));
        assert_eq!(given(r#"{"rights":"lrs","send_as":true}"#), ("lrs".into(), send_as, true));
        assert_eq!(given(r#"{"send_on_behalf":true}"#), ("lrswipkxte".into(), on_behalf, true));
    }

    #[test]
    fn what_can_not_be_meant_is_refused() {
        for json in [
            r#"{"mailbox":"INBOX","subtree":"Clients"}"#,
            r#"{"mailbox":"a//b"}"#,
            r#"{"role":"reader","rights":"l"}"#,
            r#"{"rights":""}"#,
            r#"{"role":"king"}"#,
            r#"{"until":"soon"}"#,
        ] {
            assert!(terms(&serde_json::from_str(json).unwrap()).is_err(), "{json}");
        }
        assert!(serde_json::from_str::<Terms>(r#"{"sendas":true}"#).is_err(), "a misspelt field is told");
    }
}
