//! `postern audit`: the trail, told so that each line reads as a sentence.

use super::clock;
use super::dates::{self, When, seconds};
use super::failure::Failure;
use super::output::{Said, plain};
use super::transport::{Client, segment};
use super::unbuilt;
use clap::{Args, Subcommand};
use postern_http::model::{AuditEvent, AuditPage};
use postern_types::Address;

/// What to do with the trail.
#[derive(Debug, Clone, Subcommand)]
pub enum Verb {
    /// Who did what, newest first
    List(List),
    /// Write the trail to a file (not built yet)
    #[command(hide = true)]
    Export(unbuilt::Unbuilt),
    /// Check that the trail is whole (not built yet)
    #[command(hide = true)]
    Verify(unbuilt::Unbuilt),
    /// Prove that an event is in the trail (not built yet)
    #[command(hide = true)]
    Prove(unbuilt::Unbuilt),
}

/// Which events.
#[derive(Debug, Clone, Args)]
pub struct List {
    /// Only what happened in the account with this address
    #[arg(long, value_name = "EMAIL", value_parser = Address::parse)]
    account: Option<Address>,
    /// Only what this person did
    #[arg(long, value_name = "EMAIL", value_parser = Address::parse)]
    actor: Option<Address>,
    /// Only from then on: a date (2026-11-22T21:00:00Z) or a span back from now (8h, 90d)
    #[arg(long, value_name = "DATE", value_parser = dates::parse)]
    since: Option<When>,
    /// Only events older than this one, as the page before names it
    #[arg(long, value_name = "EVENT")]
    before: Option<String>,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
}

pub(super) async fn run(verb: Verb, client: &mut Client) -> Result<Said, Failure> {
    let later = |name: &str| Err(unbuilt::command(name, "postern audit list shows the trail"));
    match verb {
        Verb::List(list) => {
            let page: AuditPage = client.get(&list.target()).await?;
            Ok(Said::new(told(&page), &page))
        }
        Verb::Export(_) => later("audit export"),
        Verb::Verify(_) => later("audit verify"),
        Verb::Prove(_) => later("audit prove"),
    }
}

impl List {
    fn target(&self) -> String {
        let mut target = format!("/api/v1/audit?limit={}", self.limit);
        let mut add = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                target.push_str(&format!("&{name}={}", segment(&value)));
            }
        };
        add("account", self.account.as_ref().map(Address::to_string));
        add("actor", self.actor.as_ref().map(Address::to_string));
        add("since", self.since.map(|since| since.before(clock::now())));
        add("before", self.before.clone());
        target
    }
}

fn told(page: &AuditPage) -> String {
    if page.events.is_empty() {
        return "The trail has nothing like that.\n".to_owned();
    }
    let mut text: String = page.events.iter().map(line).collect();
    if let Some(before) = &page.next_before {
        text.push_str(&format!("Next: older ones: postern audit list --before {before}, with the same flags\n"));
    }
    text
}

/// One event as a line: when, who, what, and by which way.
fn line(event: &AuditEvent) -> String {
    let way = match event.peer.as_deref() {
        Some(peer) => format!("{} from {peer}", event.protocol),
        None => event.protocol.clone(),
    };
    let actor = event.actor.clone().unwrap_or_else(|| format!("someone erased ({})", event.actor_kind));
    plain(&format!("{}  {actor} {} ({way})", seconds(&event.at), deed(event))) + "\n"
}

/// What was done, as it reads after who did it.
fn deed(event: &AuditEvent) -> String {
    let account = event.account.as_deref().unwrap_or("an account that is gone");
    let subject = event.subject.as_deref().unwrap_or(account);
    let detail = event.detail.as_str();
    // The group's address, or its number once that is erased.
    let group = event.subject.as_deref().unwrap_or(detail);
    let place = match event.mailbox.as_deref() {
        Some(mailbox) => format!("{mailbox} of {account}"),
        None => account.to_owned(),
    };
    let with_detail = |text: String| if detail.is_empty() { text } else { format!("{text}: {detail}") };
    match event.action.as_str() {
        "domain.added" => format!("added the domain {detail}"),
        "domain.removed" => format!("removed the domain {detail}"),
        "person.added" if detail == "admin" => format!("added the administrator {subject}"),
        "person.added" => format!("added {subject}"),
        "person.password-set" => format!("set the password of {account}"),
        "person.suspended" => format!("suspended {account}"),
        "person.resumed" => format!("let {account} back"),
        "group.added" => format!("made the group {subject}"),
        "group.member-added" => format!("added {account} to {group}"),
        "group.member-removed" => format!("took {account} out of {group}"),
        "group.removed" => format!("removed the group {group}"),
        "shared.added" => format!("made the shared mailbox {subject}"),
        "shared.alias-added" => format!("gave {account} the address {subject}"),
        "grant.given" => format!("gave {subject} {detail} on {place}"),
        "grant.revoked" => format!("took back what {subject} held on {place}"),
        "token.created" if detail.ends_with(" login") => with_detail("was given a token for the sign-in".to_owned()),
        "token.created" => format!("made the token {subject} of {account}: {detail}"),
        "token.revoked" => with_detail(format!("ended a token of {account}")),
        "sign-in.accepted" => with_detail(format!("signed in to {account}")),
        "sign-in.failed" => with_detail(format!("failed to sign in to {account}")),
        "mailbox.opened" => with_detail(format!("opened {place}")),
        "mailbox.created" => format!("created {}", event.subject.as_deref().unwrap_or(&place)),
        "message.added" => with_detail(format!("added a message to {place}")),
        "message.expunged" => with_detail(format!("expunged from {place}")),
        "message.copied" => with_detail(format!("copied into {place}")),
        "message.moved" => with_detail(format!("moved into {place}")),
        "flags.changed" => with_detail(format!("changed flags in {place}")),
        // What has no sentence of its own yet still tells everything it holds.
        action => {
            let subject = event.subject.as_deref().map(|subject| format!(" {subject}")).unwrap_or_default();
            with_detail(format!("{}{subject} in {place}", action.replace(['.', '-'], " ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(action: &str) -> AuditEvent {
        AuditEvent {
            id: "evt_7".into(),
            at: "2026-11-22T21:00:03.250Z".into(),
            class: "A".into(),
            action: action.into(),
            actor_kind: "operator".into(),
            actor: Some("operator(0)".into()),
            peer: None,
            protocol: "socket".into(),
            account: Some("support@example.org".into()),
            mailbox: None,
            subject: Some("alice@example.org".into()),
            detail: "lrswipkxte send-as".into(),
        }
    }

    #[test]
    fn a_line_reads_as_a_sentence() {
        assert_eq!(
            line(&event("grant.given")),
            "2026-11-22T21:00:03Z  operator(0) gave alice@example.org lrswipkxte send-as on support@example.org (socket)\n"
        );
        let opened = AuditEvent {
            actor: Some("alice@example.org".into()),
            peer: Some("127.0.0.1".into()),
            protocol: "imap".into(),
            mailbox: Some("INBOX".into()),
            subject: None,
            detail: "read-only".into(),
            ..event("mailbox.opened")
        };
        assert_eq!(
            line(&opened),
            "2026-11-22T21:00:03Z  alice@example.org opened INBOX of support@example.org: read-only (imap from 127.0.0.1)\n"
        );
    }

    #[test]
    fn what_is_erased_or_new_is_told_all_the_same() {
        let erased = AuditEvent { actor: None, subject: None, ..event("grant.revoked") };
        assert!(line(&erased).contains("someone erased (operator) took back what support@example.org held"));
        assert!(line(&event("key.rotated")).contains("key rotated alice@example.org in support@example.org: lrswi"));
    }

    /// What someone wrote must not draw on the terminal of whoever reads the trail.
    #[test]
    fn a_line_stays_one_line() {
        let hostile = AuditEvent { subject: Some("x\n2026 root did it\u{1b}[2J".into()), ..event("grant.given") };
        assert_eq!(line(&hostile).lines().count(), 1);
        assert!(!line(&hostile).contains('\u{1b}'));
    }
}
