//! Credentials of shared mailboxes: issued, shown, set aside, taken back, opened.

use crate::groups::addresses;
use crate::model::{
    AlreadyDelegate, CheckOut, Credential, CredentialIssued, CredentialOpened, CredentialParameters, CredentialPlace,
    CredentialSending, CredentialSession, CredentialUsed, CredentialWithSessions, Credentials, NewCredential,
    Revocation, SecretText, Setting, Unwrap, WhileYoung,
};
use crate::problem::Problem;
use crate::route::{Ask, Reply, field};
use crate::time::{parse_date, show_date};
use postern_access::NEW_RECIPIENTS_WHILE_YOUNG;
use postern_app::{
    CredentialRow, CredentialSeen, CredentialWish, GrantReach, Hours, House, Issued, Letters, LiveSession, Networks,
    OnLimit, Protocol, Protocols, Purpose, SendingWish, check_credential_name,
};
use postern_types::{Address, MailboxName, Network, Rights, Timestamp};
use std::convert::Infallible;

fn names(protocols: Protocols) -> Vec<String> {
    protocols.iter().map(|protocol| protocol.name().to_owned()).collect()
}

/// Where a program signs in with this credential, and the protocols that it could not.
fn settings(house: &House, row: &CredentialRow) -> (Vec<Setting>, Vec<String>) {
    let services = house.services();
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for protocol in row.facts.scope.protocols.iter() {
        let mut served = services.iter().filter(|service| service.protocol == protocol).peekable();
        if served.peek().is_none() {
            missing.push(protocol.name().to_owned());
        }
        found.extend(served.map(|service| Setting {
            protocol: protocol.name().to_owned(),
            host: service.host.clone(),
            port: service.port,
            tls: service.tls.name().to_owned(),
            username: row.address.clone(),
        }));
    }
    (found, missing)
}

fn place((reach, rights): &(GrantReach, Rights)) -> CredentialPlace {
    let (reach, mailbox) = match reach {
        GrantReach::Account => ("account", None),
        GrantReach::Subtree(name) => ("subtree", Some(name.to_string())),
        GrantReach::Mailbox(name) => ("mailbox", Some(name.to_string())),
    };
    CredentialPlace { reach: reach.to_owned(), mailbox, rights: rights.to_string() }
}

/// What it may send, where it submits.
fn sending(row: &CredentialRow, now: Timestamp) -> Option<CredentialSending> {
    let scope = &row.facts.scope;
    let sending = &scope.sending;
    let while_young = row
        .facts
        .young_until(now)
        .map(|until| WhileYoung { new_recipients_per_day: NEW_RECIPIENTS_WHILE_YOUNG, until: show_date(until) });
    scope.protocols.has(Protocol::Submission).then(|| CredentialSending {
        from: sending.from.iter().map(Address::to_string).collect(),
        own_domains_only: sending.own_domains,
        messages_per_minute: row.facts.send_limits(now).messages_per_minute,
        recipients_per_day: sending.recipients_per_day,
        new_recipients_per_day: sending.new_recipients_per_day,
        bytes_per_day: sending.bytes_per_day,
        on_limit: sending.on_limit.name().to_owned(),
        while_young: while_young.filter(|_| !sending.own_domains),
    })
}

pub(crate) fn shown(house: &House, row: &CredentialRow) -> Credential {
    let (settings, not_served) = settings(house, row);
    let (facts, date) = (&row.facts, |at: Option<Timestamp>| at.map(show_date));
    let networks = match &facts.scope.networks {
        Networks::Any => None,
        Networks::Of(networks) => Some(networks.iter().map(ToString::to_string).collect()),
    };
    let (ended_at, ended_because) = row.ended.clone().unzip();
    let (waiting_for, opens_before) = row.waiting_for.clone().unzip();
    Credential {
        id: row.public_id.clone(),
        username: row.address.clone(),
        name: row.name.clone(),
        purpose: facts.purpose.name().to_owned(),
        state: facts.state.name().to_owned(),
        stands: row.obstacles.is_empty(),
        because: row.obstacles.iter().map(ToString::to_string).collect(),
        owner: row.owner.clone(),
        holder: row.holder.clone(),
        reason: row.reason.clone(),
        not_delegation: row.not_delegation.clone(),
        issued_by: row.issuer.clone(),
        issued_at: show_date(facts.issued),
        protocols: names(facts.scope.protocols),
        places: row.mailboxes.iter().map(place).collect(),
        lenient: facts.scope.forgiving,
        older_than_seconds: facts.scope.older_than_ms.map(|age| age / 1000),
        networks,
        hours: facts.scope.hours.map(|hours| hours.to_string()),
        max_connections: facts.scope.connections,
        sending: sending(row, house.now()),
        starts_at: date(facts.starts),
        expires_at: show_date(facts.ends()),
        opened_until: date(facts.opened_until),
        last_used_at: date(row.last_used),
        ended_at: date(ended_at),
        ended_because: ended_because.filter(|reason| !reason.is_empty()),
        waiting_for,
        opens_before: date(opens_before),
        settings,
        not_served,
    }
}

pub(crate) fn session(live: LiveSession) -> CredentialSession {
    CredentialSession {
        protocol: live.protocol.to_owned(),
        peer: Some(live.peer).filter(|peer| !peer.is_empty()),
        since: show_date(live.since),
    }
}

/// What was done is done, so a count that fails beside it is left out.
async fn with_sessions(ask: &Ask, seen: CredentialSeen) -> Result<Reply, Problem> {
    let (house, caller, id) = (&ask.house, ask.caller()?, &seen.row.public_id);
    let submits = seen.row.facts.scope.protocols.has(Protocol::Submission);
    let waiting_messages = match submits {
        true => house.waiting_of_credential(caller, id).await.unwrap_or_default(),
        false => None,
    };
    let used = house.credential_use(caller, id).await.unwrap_or_default();
    Reply::ok(&CredentialWithSessions {
        credential: shown(house, &seen.row),
        sessions: seen.sessions.into_iter().map(session).collect(),
        had_ended: seen.had_ended,
        waiting_messages,
        used: used.map(|used| CredentialUsed {
            messages_this_minute: used.messages,
            recipients_today: used.recipients,
            new_recipients_today: used.new_recipients,
            bytes_today: used.bytes,
        }),
    })
}

/// Which credential the path means.
fn which(ask: &Ask) -> Result<String, Problem> {
    ask.part("id", |text| Ok::<_, Infallible>(text.to_owned()))
}

fn letters(document: &NewCredential) -> Result<Option<Letters>, Problem> {
    match (&document.rights, document.read_only.as_deref(), document.send_only) {
        (None, None, false) => Ok(None),
        (Some(rights), None, false) => Ok(Some(Letters::Rights(field("rights", rights, Rights::parse)?))),
        (None, Some("strict"), false) => Ok(Some(Letters::ReadOnly { lenient: false })),
        (None, Some("lenient"), false) => Ok(Some(Letters::ReadOnly { lenient: true })),
        (None, Some(other), false) => {
            Err(Problem::unusable(format!("read_only is {other:?}: it is strict or lenient")))
        }
        (None, None, true) => Ok(Some(Letters::SendOnly)),
        _ => Err(Problem::unusable("Give one of rights, read_only and send_only")),
    }
}

fn networks(document: &NewCredential) -> Result<Option<Networks>, Problem> {
    match (document.networks.is_empty(), document.any_network) {
        (true, true) => Ok(Some(Networks::Any)),
        (true, false) => Ok(None),
        (false, true) => Err(Problem::unusable("Give networks or any_network, not both")),
        (false, false) => {
            let parsed = document.networks.iter().map(|text| field("networks", text, str::parse::<Network>));
            Ok(Some(Networks::Of(parsed.collect::<Result<_, _>>()?)))
        }
    }
}

fn sending_wish(document: &NewCredential) -> Result<SendingWish, Problem> {
    let on_limit = |text: &str| OnLimit::parse(text).ok_or("there are refuse, slow, suspend");
    Ok(SendingWish {
        from: addresses("from", &document.from)?,
        messages_per_minute: document.max_messages_per_minute,
        recipients_per_day: document.max_recipients_per_day,
        new_recipients_per_day: document.max_new_recipients_per_day,
        bytes_per_day: document.max_bytes_per_day,
        on_limit: document.on_limit.as_deref().map(|text| field("on_limit", text, on_limit)).transpose()?,
    })
}

fn wish(document: &NewCredential) -> Result<CredentialWish, Problem> {
    let person =
        |name, text: &Option<String>| text.as_deref().map(|text| field(name, text, Address::parse)).transpose();
    let date = |name, text: &Option<String>| text.as_deref().map(|text| field(name, text, parse_date)).transpose();
    let protocols = match &document.protocols {
        None => None,
        Some(words) => {
            let parsed: Result<Vec<Protocol>, Problem> =
                words.iter().map(|word| field("protocols", word, Protocol::parse)).collect();
            Some(Protocols::of(&parsed?))
        }
    };
    let mut mailboxes = Vec::new();
    for name in &document.mailboxes {
        mailboxes.push(GrantReach::Mailbox(field("mailboxes", name, MailboxName::parse)?));
    }
    for name in &document.subtrees {
        mailboxes.push(GrantReach::Subtree(field("subtrees", name, MailboxName::parse)?));
    }
    let seconds = |age: i64| age.checked_mul(1000).ok_or_else(|| Problem::unusable("older_than_seconds is too large"));
    Ok(CredentialWish {
        purpose: field("purpose", &document.purpose, Purpose::parse)?,
        owner: field("owner", &document.owner, Address::parse)?,
        holder: person("holder", &document.holder)?,
        reason: document.reason.clone(),
        not_delegation: document.not_delegation.clone(),
        name: document.name.as_deref().map(|name| field("name", name, check_credential_name)).transpose()?,
        protocols,
        letters: letters(document)?,
        mailboxes,
        older_than_ms: document.older_than_seconds.map(seconds).transpose()?,
        networks: networks(document)?,
        hours: document.hours.as_deref().map(|hours| field("hours", hours, str::parse::<Hours>)).transpose()?,
        connections: document.max_connections,
        sending: sending_wish(document)?,
        starts: date("starts_at", &document.starts_at)?,
        expires: date("expires_at", &document.expires_at)?,
        wrap_for: person("wrap_for", &document.wrap_for)?,
    })
}

fn wider(issued: &Issued) -> Vec<String> {
    let (protocols, rights) = issued.widened;
    let letters = rights.letters().map(|letter| letter.as_char().to_string());
    let facts = &issued.row.facts;
    let limits = facts.purpose.sending_widened_by(&facts.scope.sending);
    let limits = limits.into_iter().map(|(limit, most)| limit.told(most));
    names(protocols).into_iter().chain(letters).chain(limits).collect()
}

pub(crate) async fn issue(ask: Ask) -> Result<Reply, Problem> {
    let shared = ask.part("address", Address::parse)?;
    let wish = wish(&ask.document()?)?;
    let issued = ask.house.issue_credential(ask.caller()?, &shared, wish).await?;
    let wider_than_purpose = wider(&issued);
    let credential = shown(&ask.house, &issued.row);
    let (code, opens_before) = issued.wrapped.map(|wrapped| (wrapped.code, wrapped.opens_before)).unzip();
    Reply::made(&CredentialIssued {
        id: credential.id.clone(),
        username: credential.username.clone(),
        secret: issued.secret.map(SecretText),
        code: code.map(SecretText),
        opens_before: opens_before.map(show_date),
        expires_at: credential.expires_at.clone(),
        settings: credential.settings.clone(),
        wider_than_purpose,
        delegates: issued
            .delegates
            .into_iter()
            .map(|delegate| AlreadyDelegate { person: delegate.person, held: delegate.held })
            .collect(),
        credential,
    })
}

pub(crate) async fn list(ask: Ask) -> Result<Reply, Problem> {
    let asked: CredentialParameters = ask.query()?;
    let shared = asked.shared.as_deref().map(|shared| field("shared", shared, Address::parse)).transpose()?;
    let before = asked.expiring_before.as_deref().map(|date| field("expiring_before", date, parse_date)).transpose()?;
    let mut rows = ask.house.credentials(ask.caller()?, shared.as_ref(), asked.ended).await?;
    rows.retain(|row| before.is_none_or(|before| row.facts.ends() < before));
    Reply::ok(&Credentials { credentials: rows.iter().map(|row| shown(&ask.house, row)).collect() })
}

pub(crate) async fn show(ask: Ask) -> Result<Reply, Problem> {
    let seen = ask.house.credential(ask.caller()?, &which(&ask)?).await?;
    with_sessions(&ask, seen).await
}

pub(crate) async fn revoke(ask: Ask) -> Result<Reply, Problem> {
    let document: Revocation = ask.document()?;
    let seen = ask.house.revoke_credential(ask.caller()?, &which(&ask)?, document.compromised).await?;
    with_sessions(&ask, seen).await
}

pub(crate) async fn suspend(ask: Ask) -> Result<Reply, Problem> {
    let seen = ask.house.suspend_credential(ask.caller()?, &which(&ask)?).await?;
    with_sessions(&ask, seen).await
}

pub(crate) async fn resume(ask: Ask) -> Result<Reply, Problem> {
    let row = ask.house.resume_credential(ask.caller()?, &which(&ask)?).await?;
    Reply::ok(&shown(&ask.house, &row))
}

pub(crate) async fn open(ask: Ask) -> Result<Reply, Problem> {
    let document: CheckOut = ask.document()?;
    let milliseconds = document.seconds.map(|seconds| seconds.saturating_mul(1000));
    let row = ask.house.open_credential(ask.caller()?, &which(&ask)?, milliseconds).await?;
    Reply::ok(&shown(&ask.house, &row))
}

pub(crate) async fn close(ask: Ask) -> Result<Reply, Problem> {
    let seen = ask.house.close_credential(ask.caller()?, &which(&ask)?).await?;
    with_sessions(&ask, seen).await
}

pub(crate) async fn unwrap(ask: Ask) -> Result<Reply, Problem> {
    let document: Unwrap = ask.document()?;
    let opened = ask.house.unwrap_credential(ask.caller()?, &document.code.0).await?;
    let credential = shown(&ask.house, &opened.row);
    Reply::ok(&CredentialOpened {
        id: credential.id.clone(),
        username: credential.username.clone(),
        secret: SecretText(opened.secret),
        expires_at: credential.expires_at.clone(),
        settings: credential.settings.clone(),
        credential,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<CredentialWish, Problem> {
        wish(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn a_purpose_an_owner_and_a_reason_are_a_wish() {
        let read = read(r#"{"purpose":"backup","owner":"a@example.org","reason":"copy","networks":["192.0.2.0/24"]}"#);
        let wish = read.unwrap();
        assert_eq!((wish.purpose, wish.letters, wish.protocols), (Purpose::Backup, None, None));
        assert!(matches!(wish.networks, Some(Networks::Of(networks)) if networks.len() == 1));
    }

    #[test]
    fn what_can_not_be_meant_is_refused() {
        for more in [
            r#""rights":"lr","read_only":"strict""#,
            r#""read_only":"loose""#,
            r#""send_only":true,"rights":"lr""#,
            r#""networks":["192.0.2.0/24"],"any_network":true"#,
            r#""networks":["office"]"#,
            r#""protocols":["telnet"]"#,
            r#""mailboxes":["a//b"]"#,
            r#""hours":"morning""#,
            r#""name":"A B""#,
            r#""older_than_seconds":9223372036854775807"#,
            r#""on_limit":"wait""#,
            r#""from":["support"]"#,
        ] {
            let json = format!(r#"{{"purpose":"backup","owner":"a@example.org","reason":"copy",{more}}}"#);
            assert!(read(&json).is_err(), "{json}");
        }
        assert!(serde_json::from_str::<NewCredential>(r#"{"purpose":"backup","ownr":"x"}"#).is_err(), "misspelt");
    }
}
