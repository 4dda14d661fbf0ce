//! Credentials in words: what they may, from where, until when, and how to sign in with them.

use super::sending;
use crate::cli::clock;
use crate::cli::dates::{self, seconds};
use crate::cli::output::{facts, plain};
use postern_access::Obstacle;
use postern_http::model::{Credential, CredentialPlace, CredentialSession, CredentialWithSessions, Setting};
use postern_types::{Letter, Rights, Secret, counted, length};
use serde::Serialize;
use serde_json::{Value, json};
use std::path::Path;

/// What people call it: `support@example.org/nightly`.
pub(super) fn label(credential: &Credential) -> String {
    format!("{}/{}", credential.username, credential.name)
}

/// What a letter lets a program do, after "may".
fn word(letter: Letter) -> &'static str {
    match letter {
        Letter::Lookup => "see",
        Letter::Read => "read",
        Letter::Seen => "mark as read",
        Letter::Write => "flag",
        Letter::Insert => "add",
        Letter::Post => "post",
        Letter::CreateMailbox => "create mailboxes",
        Letter::DeleteMailbox => "delete mailboxes",
        Letter::DeleteMessages => "mark as deleted",
        Letter::Expunge => "expunge",
        Letter::Administer => "manage who may do what",
    }
}

fn words(rights: Rights) -> Vec<&'static str> {
    // To post has no meaning of its own yet.
    rights.letters().filter(|letter| *letter != Letter::Post).map(word).collect()
}

fn rights(place: &CredentialPlace) -> Rights {
    // The server writes letters that are.
    Rights::parse(&place.rights).unwrap_or(Rights::NONE)
}

/// A number with a comma between thousands.
pub(super) fn spelled(number: u32) -> String {
    match (number / 1000, number % 1000) {
        (0, rest) => rest.to_string(),
        (thousands, rest) => format!("{},{rest:03}", spelled(thousands)),
    }
}

/// Such a number with its noun: `1 recipient`, `10,000 recipients`.
pub(super) fn spelled_with(number: u32, noun: &str) -> String {
    format!("{} {noun}{}", spelled(number), if number == 1 { "" } else { "s" })
}

/// Where, as it reads after what may be done there.
fn place(place: &CredentialPlace) -> String {
    let name = plain(place.mailbox.as_deref().unwrap_or_default());
    match place.reach.as_str() {
        "account" => "in every mailbox".to_owned(),
        "subtree" => format!("in {name} and below"),
        _ => format!("in {name}"),
    }
}

/// What it may: `see, read in every mailbox (lr)`.
fn may(credential: &Credential) -> String {
    let mut parts: Vec<String> = credential
        .places
        .iter()
        .map(|one| format!("{} {} ({})", words(rights(one)).join(", "), place(one), one.rights))
        .collect();
    if let Some(sending) = &credential.sending {
        let from = if sending.from.is_empty() { credential.username.clone() } else { sending.from.join(", ") };
        parts.push(format!("send as {from}"));
    }
    parts.join("; ")
}

/// What it may nowhere.
fn may_not(credential: &Credential) -> String {
    let held = credential.places.iter().fold(Rights::NONE, |all, one| all | rights(one));
    let mut parts = words(Rights::FULL_ACCESS - held);
    if credential.sending.is_none() {
        parts.push("send");
    }
    if credential.places.is_empty() {
        parts.retain(|part| *part == "send");
        parts.push("see or read anything");
    }
    parts.join(", ")
}

/// Its scope, a line for each fact.
fn scope(credential: &Credential) -> Vec<(&'static str, String)> {
    let networks = match &credential.networks {
        None => "anywhere".to_owned(),
        Some(networks) => networks.join(", "),
    };
    let flags = if credential.lenient { "changes of flags are taken and forgotten" } else { "" };
    let older = credential.older_than_seconds.map(|age| format!("messages that came {} ago or before", length(age)));
    let most = credential.max_connections.map(|most| format!("{most} at once"));
    vec![
        ("May", may(credential)),
        ("May not", may_not(credential)),
        ("Lenient", flags.to_owned()),
        ("Only", older.unwrap_or_default()),
        ("By", by(credential)),
        ("From", networks),
        (
            "Hours",
            credential
                .hours
                .as_deref()
                .map(|hours| format!("{hours}, by the organisation's time zone"))
                .unwrap_or_default(),
        ),
        ("Sends", credential.sending.as_ref().map(sending::told).unwrap_or_default()),
        ("Connections", most.unwrap_or_default()),
        ("Starts", credential.starts_at.as_deref().map(seconds).unwrap_or_default()),
        ("Ends", dates::end(&credential.expires_at, clock::now())),
    ]
}

/// What was issued, for the person who issued it.
pub(super) fn issued(credential: &Credential) -> String {
    let mut text = format!("{} is issued ({}), for {}.\n", label(credential), credential.id, credential.purpose);
    let mut rows = scope(credential);
    rows.push(("Answers for it", credential.owner.clone().unwrap_or_default()));
    rows.push(("Uses it", credential.holder.clone().unwrap_or_default()));
    text.push_str(&facts(&rows));
    text
}

/// How a program signs in with it. The secret is shown where it is in no file.
pub(super) fn to_sign_in(credential: &Credential, secret: Option<&Secret>, file: Option<&Path>) -> String {
    let shown = match (secret, file) {
        (_, Some(file)) => format!("in {}, for you alone", file.display()),
        (Some(secret), None) => {
            format!("{}  (shown this once, and kept nowhere in clear)", secret.expose_text().unwrap_or_default())
        }
        (None, None) => String::new(),
    };
    let mut rows = vec![("Username", credential.username.clone()), ("Secret", shown)];
    rows.extend(credential.settings.iter().map(|one| ("Settings", setting(one))));
    facts(&rows)
}

fn setting(setting: &Setting) -> String {
    let tls = match setting.tls.as_str() {
        "implicit" => "TLS from the first byte",
        "starttls" => "TLS by STARTTLS",
        _ => "without TLS, on this machine alone",
    };
    format!("{} at {} port {}, {tls}", setting.protocol, setting.host, setting.port)
}

/// By which protocols. What is in its scope and not served here yet opens nothing now, and does once it is.
fn by(credential: &Credential) -> String {
    let is_later = |protocol: &&String| credential.not_served.contains(protocol);
    let (later, now): (Vec<&String>, Vec<&String>) = credential.protocols.iter().partition(is_later);
    let [later, now] = [later, now].map(|list| list.into_iter().map(String::as_str).collect::<Vec<_>>().join(", "));
    match (now.as_str(), later.as_str()) {
        (now, "") => now.to_owned(),
        ("", later) => format!("nothing yet; {later} once that is served here"),
        (now, later) => format!("{now}; {later} once that is served here"),
    }
}

/// It was to be taken back, and signed in nowhere any more.
pub(super) fn ended_before(credential: &Credential) -> String {
    let when = credential.ended_at.as_deref().map(|at| format!(" at {}", seconds(at))).unwrap_or_default();
    let how = if credential.state == "revoked" { "had been taken back already" } else { "had ended already" };
    format!("{} ({}) {how}{when}; it signs in nowhere.\n", label(credential), credential.id)
}

/// Its state, and what else speaks against it.
pub(super) fn state(credential: &Credential) -> String {
    match (credential.state.as_str(), credential.stands) {
        ("issued", _) => "waits to be opened".to_owned(),
        ("active", false) => format!("stopped: {}", plain(&credential.because.join("; "))),
        (state, _) => state.to_owned(),
    }
}

/// All that is to be known of one.
pub(super) fn all(seen: &CredentialWithSessions) -> String {
    let credential = &seen.credential;
    let waiting = match (&credential.waiting_for, &credential.opens_before) {
        (Some(person), Some(before)) => format!("for {person}, until {}", seconds(before)),
        _ => String::new(),
    };
    let ended = credential.ended_at.as_deref().map(|at| match &credential.ended_because {
        Some(because) => format!("{}: {}", seconds(at), plain(because)),
        None => seconds(at),
    });
    let mut rows = vec![
        ("Credential", label(credential)),
        ("Id", credential.id.clone()),
        ("Purpose", credential.purpose.clone()),
        ("State", state(credential)),
        ("Secret waits", waiting),
        ("Ended", ended.unwrap_or_default()),
        ("Answers for it", credential.owner.clone().unwrap_or_else(|| "nobody: its owner is gone".to_owned())),
        ("Uses it", credential.holder.clone().unwrap_or_default()),
        ("Reason", plain(&credential.reason)),
        ("No grant since", credential.not_delegation.as_deref().map(plain).unwrap_or_default()),
    ];
    rows.extend(scope(credential));
    let used = seen.used.as_ref().zip(credential.sending.as_ref());
    rows.push(("Used", used.map(|(used, sending)| sending::used(used, sending)).unwrap_or_default()));
    rows.push((
        "Waiting",
        match seen.waiting_messages {
            None | Some(0) => String::new(),
            Some(some) => format!("{}: postern queue list --credential {}", counted(some, "message"), credential.id),
        },
    ));
    rows.extend([
        (
            "Checked out",
            credential.opened_until.as_deref().map(|end| format!("until {}", seconds(end))).unwrap_or_default(),
        ),
        ("Issued", format!("{} by {}", seconds(&credential.issued_at), plain(&credential.issued_by))),
        ("Signed in", credential.last_used_at.as_deref().map_or_else(|| "never".to_owned(), seconds)),
        ("Username", credential.username.clone()),
    ]);
    rows.extend(credential.settings.iter().map(|one| ("Settings", setting(one))));
    rows.extend(seen.sessions.iter().map(|one| ("Session", session(one))));
    let mut text = facts(&rows);
    if credential.ended_at.is_none() {
        let is_shut = credential.because.contains(&Obstacle::Shut.to_string());
        if credential.state == "suspended" {
            text.push_str(&format!("Next: to let it back: postern credential resume {}\n", credential.id));
        } else if is_shut {
            text.push_str(&format!("Next: to check it out: postern credential open {}\n", credential.id));
        }
        text.push_str(&format!("Next: to take it back: postern credential revoke {}\n", credential.id));
    }
    text
}

fn session(session: &CredentialSession) -> String {
    let from = session.peer.as_deref().map(|peer| format!(" from {peer}")).unwrap_or_default();
    format!("{}{from}, since {}", session.protocol, seconds(&session.since))
}

/// What it handed in before it was suspended, and has not left.
pub(super) fn stays(seen: &CredentialWithSessions) -> String {
    let some = seen.waiting_messages.unwrap_or_default();
    match some {
        0 => String::new(),
        some => format!(
            "{} that it handed in {} until it is resumed: postern queue list --credential {}\n",
            counted(some, "message"),
            if some == 1 { "waits" } else { "wait" },
            seen.credential.id
        ),
    }
}

/// What it handed in before it was taken back, and has not left.
pub(super) fn waits(seen: &CredentialWithSessions, is_compromised: bool) -> String {
    let id = &seen.credential.id;
    let some = seen.waiting_messages.unwrap_or_default();
    let (waits, leaves) = match (some, is_compromised) {
        (0, _) => return String::new(),
        (1, false) => ("waits", "leaves"),
        (_, false) => ("wait", "leave"),
        (1, true) => ("waits", "is taken out now, unless somebody holds it"),
        (_, true) => ("wait", "are taken out now, unless somebody holds them"),
    };
    format!(
        "{} that it handed in {waits} to be sent still, and {leaves}.\nNext: to take them out now: postern queue remove \
         --credential {id}; to see them: postern queue list --credential {id}\n",
        counted(some, "message")
    )
}

/// What was cut.
pub(super) fn cut(sessions: &[CredentialSession]) -> String {
    match sessions {
        [] => "No session of it was open.\n".to_owned(),
        sessions => sessions.iter().map(|one| format!("Cut: {}.\n", session(one))).collect(),
    }
}

/// The document for programs; a secret that went into a file is not in it.
pub(super) fn without_secret(document: &impl Serialize, file: Option<&Path>) -> Value {
    // A document of ours always encodes.
    let mut value = serde_json::to_value(document).unwrap_or_default();
    if let (Some(file), Some(fields)) = (file, value.as_object_mut()) {
        fields.remove("secret");
        fields.insert("secret_file".to_owned(), json!(file.display().to_string()));
    }
    value
}
