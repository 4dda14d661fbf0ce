//! The trail told as a story: one act, one sentence, whoever reads it.
//!
//! The trail keeps acts in short fixed words, so that they can be sealed and searched. Here they
//! become sentences of the kind "who did what, to what, where". Roles stand beside letters, names
//! in place of numbers; a number stays where a name would tell more than its reader may know.

use crate::model::AuditEvent;
use crate::time::show_date;
use postern_app::{Role, how_and_reason};
use postern_types::{Rights, Timestamp, counted};

/// One event as a line: when, who, what, and by which way.
pub fn line(event: &AuditEvent) -> String {
    format!("{}  {} {} ({})", seconds(&event.at), actor(event), deed(event), way(event))
}

fn seconds(date: &str) -> String {
    match date.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => date.to_owned(),
    }
}

fn actor(event: &AuditEvent) -> String {
    match (event.actor_kind.as_str(), event.actor.as_deref()) {
        ("stranger", Some(credential)) => format!("somebody naming {credential}"),
        ("stranger", None) => "somebody".to_owned(),
        ("job", Some(job)) => format!("the {job} job"),
        (_, Some(actor)) => actor.to_owned(),
        (kind, None) => format!("someone erased ({kind})"),
    }
}

fn way(event: &AuditEvent) -> String {
    match event.peer.as_deref() {
        Some(peer) => format!("{} from {peer}", event.protocol),
        None => event.protocol.clone(),
    }
}

/// What was done, as it reads after who did it.
fn deed(event: &AuditEvent) -> String {
    let account = event.account.as_deref().unwrap_or("an account that is gone");
    let subject = event.subject.as_deref().unwrap_or(account);
    let detail = event.detail.as_str();
    // The group's address, or its number once that is erased.
    let group = event.subject.as_deref().unwrap_or(detail);
    let place = place(event, account);
    match event.action.as_str() {
        "domain.added" => format!("added the domain {detail}"),
        "domain.removed" => format!("removed the domain {detail}"),
        "person.added" if detail == "admin" => format!("added the administrator {subject}"),
        "person.added" => format!("added the person {subject}"),
        "person.set" => format!("changed how {account} sends: {detail}"),
        "person.quota-set" => format!("changed how much {account} may hold: {detail}"),
        "person.invited" => format!("invited {account} to choose a password ({detail})"),
        "person.invitation-taken" => "took the invitation to choose a password".to_owned(),
        "person.password-set" => format!("set the password of {account}"),
        "person.suspended" => format!("suspended {account}"),
        "person.resumed" => format!("let {account} back"),
        "person.admin-given" => format!("made {account} an administrator of the organisation"),
        "person.admin-taken" => format!("ended that {account} is an administrator of the organisation"),
        "group.added" => format!("made the group {subject}"),
        "group.member-added" => format!("added {account} to the group {group}"),
        "group.member-removed" => format!("took {account} out of the group {group}"),
        "group.removed" => format!("removed the group {group} with what it was granted"),
        "shared.added" => format!("made the shared mailbox {subject}"),
        "shared.alias-added" => format!("gave {account} the further address {subject}"),
        "shared.alias-removed" => format!("took the address {subject} from {account}"),
        "shared.set" => format!("changed settings of {account}: {detail}"),
        "shared.removed" => format!("removed the shared mailbox {subject}"),
        "shared.restored" => format!("brought the shared mailbox {subject} back"),
        "shared.deleted" => {
            let trail = if detail.is_empty() { String::new() } else { format!("; its trail is that of {detail}") };
            format!("deleted the shared mailbox {subject} for good, 30 days after it was removed{trail}")
        }
        "shared.converted-to-person" => format!("made the shared mailbox {subject} a person's own: {detail}"),
        "shared.converted-from-person" => format!("made the private mailbox of {subject} shared: {detail}"),
        "grant.given" => given(event, account),
        "grant.revoked" => taken_back(event, account),
        "grant.copied" => copied(event, account),
        "grant.member-added" => {
            let (member, group) = member_and_group(event);
            format!("added {member} to the group {group}, which is a delegate of {account}")
        }
        "grant.member-removed" => {
            let (member, group) = member_and_group(event);
            format!("ended what {member} held on {account} by the group {group}")
        }
        "grant.holder-suspended" => format!("suspended {}, who is a delegate of {account}", holder(event)),
        "grant.holder-resumed" => format!("let {} back, who is a delegate of {account}", holder(event)),
        "token.created" if detail.ends_with(" login") => format!("was given a token by signing in ({detail})"),
        "token.created" => format!("made the token {subject} of {account} ({detail})"),
        "token.revoked" => format!("ended a token of {account}{}", told(detail)),
        "token.expired" => format!("wrote down that a token of {account} had ended by its time ({detail})"),
        "policy.set" => match event.account.as_deref() {
            Some(account) => format!("changed the policy of {account}: {detail}"),
            None => format!("changed the policy of the organisation: {detail}"),
        },
        "credential.issued" => format!("issued a credential of {account}, {subject}: {}", dated(detail)),
        "credential.revoked" => format!("took back a credential of {account}: {detail}"),
        "credential.compromised" => {
            format!("said that the secret of a credential of {account}, which had ended, may be known: {detail}")
        }
        "credential.suspended" => format!("suspended a credential of {account}: {detail}"),
        "credential.resumed" => format!("let a suspended credential of {account} sign in again: {detail}"),
        "credential.opened" => format!("checked out a credential of {account}: {}", dated(detail)),
        "credential.closed" => format!("shut a credential of {account} that was checked out: {detail}"),
        "credential.unwrapped" => format!("opened the secret of a credential of {account}: {detail}"),
        "credential.rekeyed" => format!("moved a credential of {account} to a newer key: {detail}"),
        "credential.expired" => format!("wrote down that a credential of {account} had ended: {detail}"),
        "sign-in.accepted" => signed_in(detail, account),
        "sign-in.failed" => failed_to_sign_in(detail, subject),
        "key.added" => format!("made the key {detail} for machine secrets"),
        "certificate.renewal-asked" if detail == "forced" => {
            "asked for another certificate of the server, before its time".to_owned()
        }
        "certificate.renewed" => format!("made another certificate of the server, with SHA-256 {detail}"),
        "certificate.renewal-asked" => "asked for another certificate of the server".to_owned(),
        "key.deleted" => format!("deleted the key {detail}, on which no credential rested"),
        "sign-in.failed-often" => failed_often(detail),
        "sign-in.network-shut" => {
            let network = event.subject.as_deref().unwrap_or("a network");
            format!(
                "guessed too often: {network} is shut {} to whoever has not signed in from there lately",
                dated(detail)
            )
        }
        "mailbox.opened" if detail.is_empty() => format!("opened {place}"),
        "mailbox.opened" => format!("opened {place}, {detail}"),
        "mailbox.created" => format!("created {} in {account}", named(event)),
        "mailbox.deleted" => format!("deleted {} of {account} with its messages", named(event)),
        "mailbox.renamed" => format!("renamed {} in {account}", named(event)),
        "message.imported" => format!("imported {}", imported(detail, &place)),
        "message.added" => format!("added {} to {place}", messages(detail)),
        "delivery.refused" => {
            let recipient = event.subject.as_deref().unwrap_or("a group");
            format!("could not add a message for {recipient} to {place}: {detail}")
        }
        "message.expunged" => format!("expunged {} from {place}", messages(detail)),
        "message.copied" => brought("copied", event, &place),
        "message.moved" => brought("moved", event, &place),
        "message.copied-out" => taken_out("copied", event, &place),
        "message.moved-out" => taken_out("moved", event, &place),
        "message.submitted" => submitted(event, account),
        "queue.held" => format!("held {detail}, which waits to be sent as {account}"),
        "queue.released" => format!("sent {detail} on, which waited to be sent as {account}"),
        "queue.removed" => removed_from_queue(detail, account),
        "recipient.unsuppressed" => format!("let campaigns of {account} go to {subject} again"),
        "flags.changed" => flags(detail, &place),
        action => untold(action, event, account),
    }
}

/// `msg_… send-as recipients 3 bytes 512`, about `FROM to RECIPIENT …`.
fn submitted(event: &AuditEvent, account: &str) -> String {
    let (message, how) = event.detail.split_once(' ').unwrap_or((&event.detail, ""));
    let (voice, much) = how.split_once(" recipients ").unwrap_or((how, ""));
    let (recipients, bytes) = much.split_once(" bytes ").unwrap_or((much, ""));
    let voice = match voice {
        "as themselves" => String::new(),
        "on behalf" => format!(" on behalf of {account}"),
        _ => format!(" as {account}"),
    };
    let count = format!("{recipients} {}", if recipients == "1" { "recipient" } else { "recipients" });
    match event.subject.as_deref().and_then(|subject| subject.split_once(" to ")) {
        Some((_, to)) => format!("sent {message}{voice} to {to} ({count}, {bytes} bytes)"),
        None => format!("sent {message}{voice} ({count}, {bytes} bytes)"),
    }
}

/// `msg_… recipients 3`: who does not get it.
fn removed_from_queue(detail: &str, account: &str) -> String {
    let (message, recipients) = detail.split_once(" recipients ").unwrap_or((detail, ""));
    let count = if recipients == "1" { "recipient does" } else { "recipients do" };
    format!("took {message} out of what waits to be sent as {account}: {recipients} {count} not get it")
}

/// The mailbox by the name it has now, or the account.
fn place(event: &AuditEvent, account: &str) -> String {
    match event.mailbox.as_deref() {
        Some(mailbox) => format!("{mailbox} of {account}"),
        None if event.mailbox_deleted => format!("a deleted mailbox of {account}"),
        None => account.to_owned(),
    }
}

fn with(mechanism: &str) -> String {
    if mechanism.is_empty() { String::new() } else { format!(" with {mechanism}") }
}

/// With the mechanism; as `LOGIN rooted`, at the top of another account than their own.
fn signed_in(detail: &str, account: &str) -> String {
    if let Some(mechanism) = detail.strip_suffix(" rooted") {
        return format!("signed in to {account} alone{}", with(mechanism));
    }
    match detail.split_once(" crd_") {
        Some((mechanism, credential)) => format!("signed in directly{}, crd_{credential}", with(mechanism)),
        None => format!("signed in{}", with(detail)),
    }
}

/// A detail with its end, which the trail keeps as a number, as a date.
fn dated(detail: &str) -> String {
    let words = detail.split(' ').scan(false, |is_end, word| {
        let date = word.parse().ok().filter(|_| *is_end).map(|end| seconds(&show_date(Timestamp(end))));
        *is_end = word == "until";
        Some(date.unwrap_or_else(|| word.to_owned()))
    });
    words.collect::<Vec<_>>().join(" ")
}

/// `PLAIN: the secret is wrong`; what has no mechanism before it is the reason alone.
fn failed_to_sign_in(detail: &str, name: &str) -> String {
    let (how, reason) = how_and_reason(detail);
    match how.strip_suffix(" rooted") {
        // The name tells which account was to be alone.
        Some(mechanism) => format!("failed to sign in as {name}{}: {reason}", with(mechanism)),
        None => format!("failed to sign in as {name}{}: {reason}", with(how)),
    }
}

/// `count 42 first 1795348800001 last 1795348859999 names 7`, as it is counted beyond single rows.
fn failed_often(detail: &str) -> String {
    let words: Vec<&str> = detail.split(' ').collect();
    let date = |text: &str| text.parse().ok().map(|at| seconds(&show_date(Timestamp(at))));
    if let ["count", count, "first", first, "last", last, "names", names] = words.as_slice()
        && let (Some(first), Some(last)) = (date(first), date(last))
    {
        let times = if *count == "1" { "time" } else { "times" };
        let names = if *names == "1" { "one name".to_owned() } else { format!("{names} names") };
        return format!("failed to sign in {count} more {times} under {names}, from {first} to {last}");
    }
    format!("failed to sign in more often: {detail}")
}

fn told(detail: &str) -> String {
    if detail.is_empty() { String::new() } else { format!(": {detail}") }
}

/// The mailbox that the act was about, by the name it had then.
fn named(event: &AuditEvent) -> &str {
    event.subject.as_deref().or(event.mailbox.as_deref()).unwrap_or("a mailbox")
}

/// `uid 1:3` as people say it.
fn messages(detail: &str) -> String {
    match detail.strip_prefix("uid ") {
        Some(uids) if uids.contains([':', ',']) => format!("messages {detail}"),
        Some(_) => format!("message {detail}"),
        None if detail.is_empty() => "messages".to_owned(),
        None => format!("messages {detail}"),
    }
}

/// `uid 3:102`: so many messages, which, and where.
fn imported(detail: &str, place: &str) -> String {
    let bounds = detail.strip_prefix("uid ").unwrap_or_default().split_once(':');
    let count = bounds.and_then(|(first, last)| Some(last.parse::<u64>().ok()?.checked_sub(first.parse().ok()?)? + 1));
    match count {
        Some(count) => format!("{} into {place}, {detail}", counted(count, "message")),
        None => format!("{} into {place}", messages(detail)),
    }
}

/// Whom a grant is about, and where it reaches: a mailbox, what is below one, or everything.
fn grantee_and_place(event: &AuditEvent, account: &str) -> (String, String) {
    let whom = holder(event);
    if let Some((grantee, subtree)) = whom.strip_suffix(" and below").and_then(|text| text.split_once(" in ")) {
        return (grantee.to_owned(), format!("{subtree} and below of {account}"));
    }
    (whom.to_owned(), place(event, account))
}

/// Whom an event about a delegate is about.
fn holder(event: &AuditEvent) -> &str {
    event.subject.as_deref().unwrap_or("someone erased")
}

/// Who came into or out of a group, and which.
fn member_and_group(event: &AuditEvent) -> (&str, &str) {
    let named = event.subject.as_deref().and_then(|named| named.split_once(" in "));
    named.unwrap_or(("someone erased", &event.detail))
}

/// What somebody was given.
fn given(event: &AuditEvent, account: &str) -> String {
    let (whom, place) = grantee_and_place(event, account);
    let (what, until) = what_and_until(event);
    format!("gave {whom} {what} on {place}{until}")
}

/// What somebody holds in a new mailbox since they hold it in the one above.
fn copied(event: &AuditEvent, account: &str) -> String {
    let (whom, place) = grantee_and_place(event, account);
    let (what, until) = what_and_until(event);
    format!("let {whom} have {what} on {place}{until}, as on the mailbox above")
}

/// Letters with the role they are, send rights, and the end.
fn what_and_until(event: &AuditEvent) -> (String, String) {
    let (terms, until) = match event.detail.split_once(" until ") {
        Some((terms, end)) => (terms, end.parse().ok().map(|end| show_date(Timestamp(end)))),
        None => (event.detail.as_str(), None),
    };
    let mut words: Vec<String> = Vec::new();
    match terms.strip_prefix("no letters") {
        Some(rest) => words.extend(rest.split_whitespace().map(str::to_owned)),
        None => {
            let mut rest = terms.split_whitespace();
            words.extend(rest.next().map(lettered));
            words.extend(rest.map(str::to_owned));
        }
    }
    let what = match words.as_slice() {
        [] => "no right at all".to_owned(),
        [one] => one.clone(),
        [several @ .., last] => format!("{} and {last}", several.join(", ")),
    };
    let until = until.map(|end| format!(" until {}", seconds(&end))).unwrap_or_default();
    (what, until)
}

fn lettered(letters: &str) -> String {
    match Rights::parse(letters).ok().and_then(Role::of) {
        Some(Role::FullAccess) => format!("full access ({letters})"),
        Some(role) => format!("the rights of {} {} ({letters})", article(role), role.name()),
        None => format!("the letters {letters}"),
    }
}

fn article(role: Role) -> &'static str {
    match role {
        Role::Author | Role::Editor | Role::Owner => "an",
        Role::Reader | Role::Contributor | Role::FullAccess => "a",
    }
}

fn taken_back(event: &AuditEvent, account: &str) -> String {
    let (whom, place) = grantee_and_place(event, account);
    format!("took back what {whom} held on {place}")
}

/// Messages that came into a mailbox: from another of the same account, or another account.
fn brought(verb: &str, event: &AuditEvent, place: &str) -> String {
    // `mailbox 5.1 uid 1 to uid 7`: the number is for whoever compares with the log.
    let uids = event.detail.split_once(" uid ").map_or("", |(_, uids)| uids);
    let (before, after) = uids.split_once(" to ").unwrap_or((uids, ""));
    let what = messages(&format!("uid {before}"));
    let from = event.subject.as_deref().map(|source| format!(" from {source}")).unwrap_or_default();
    format!("{verb} {what}{from} into {place} as {after}")
}

/// Messages that went to another account.
fn taken_out(verb: &str, event: &AuditEvent, place: &str) -> String {
    let uids = event.detail.split_once(" to mailbox ").map_or(event.detail.as_str(), |(uids, _)| uids);
    let target = event.subject.as_deref().unwrap_or("another account");
    format!("{verb} {} out of {place} to {target}", messages(uids))
}

/// `+(\Seen) uid 1`: set, taken off, or exactly these.
fn flags(detail: &str, place: &str) -> String {
    let (change, uids) = detail.split_once(" uid ").unwrap_or((detail, ""));
    let list = |text: &str| text.trim_matches(['(', ')']).replace(' ', ", ");
    let what = messages(&format!("uid {uids}"));
    match (change.strip_prefix('+'), change.strip_prefix('-')) {
        (Some(added), _) => format!("set {} on {what} in {place}", list(added)),
        (_, Some(removed)) => format!("took {} off {what} in {place}", list(removed)),
        _ if list(change).is_empty() => format!("took every flag off {what} in {place}"),
        _ => format!("set exactly {} on {what} in {place}", list(change)),
    }
}

/// What has no sentence of its own yet still tells everything it holds.
fn untold(action: &str, event: &AuditEvent, account: &str) -> String {
    let subject = event.subject.as_deref().map(|subject| format!(" {subject}")).unwrap_or_default();
    let place = place(event, account);
    let text = format!("{}{subject} in {place}", action.replace(['.', '-'], " "));
    if event.detail.is_empty() { text } else { format!("{text}: {}", event.detail) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(action: &str, mailbox: Option<&str>, subject: Option<&str>, detail: &str) -> AuditEvent {
        AuditEvent {
            id: "evt_7".into(),
            at: "2026-11-22T21:00:03.250Z".into(),
            class: "A".into(),
            action: action.into(),
            actor_kind: "person".into(),
            actor: Some("alice@example.org".into()),
            peer: Some("127.0.0.1".into()),
            protocol: "imap".into(),
            account: Some("support@example.org".into()),
            mailbox: mailbox.map(str::to_owned),
            mailbox_deleted: false,
            subject: subject.map(str::to_owned),
            detail: detail.into(),
        }
    }

    #[test]
    fn a_line_says_when_who_what_and_by_which_way() {
        assert_eq!(
            line(&event("mailbox.opened", Some("INBOX"), None, "read-only")),
            "2026-11-22T21:00:03Z  alice@example.org opened INBOX of support@example.org, read-only (imap from 127.0.0.1)"
        );
        let job = AuditEvent {
            actor_kind: "job".into(),
            actor: Some("delivery".into()),
            peer: None,
            protocol: "lmtp".into(),
            ..event("message.added", Some("INBOX"), None, "uid 3")
        };
        assert_eq!(
            line(&job),
            "2026-11-22T21:00:03Z  the delivery job added message uid 3 to INBOX of support@example.org (lmtp)"
        );
    }

    #[test]
    fn mail_that_found_no_room_says_for_whom_it_was() {
        assert_eq!(
            deed(&event("delivery.refused", Some("INBOX"), Some("team@example.org"), "over quota")),
            "could not add a message for team@example.org to INBOX of support@example.org: over quota"
        );
    }

    #[test]
    fn what_was_sent_is_told_with_its_voice_and_its_recipients() {
        let told = |detail, subject| deed(&event("message.submitted", None, subject, detail));
        assert_eq!(
            told("msg_abcdefghijkl send-as recipients 1 bytes 512", Some("support@example.org to a@example.net")),
            "sent msg_abcdefghijkl as support@example.org to a@example.net (1 recipient, 512 bytes)"
        );
        assert_eq!(
            told("msg_abcdefghijkl on behalf recipients 2 bytes 512", None),
            "sent msg_abcdefghijkl on behalf of support@example.org (2 recipients, 512 bytes)"
        );
        let own = "msg_abcdefghijkl as themselves recipients 2 bytes 512";
        assert_eq!(told(own, None), "sent msg_abcdefghijkl (2 recipients, 512 bytes)");
        assert_eq!(
            deed(&event("queue.removed", None, None, "msg_abcdefghijkl recipients 2")),
            "took msg_abcdefghijkl out of what waits to be sent as support@example.org: 2 recipients do not get it"
        );
    }

    #[test]
    fn a_storm_of_sign_ins_is_told_in_one_line() {
        let stranger = |action, subject, detail, peer: &str| AuditEvent {
            actor: None,
            actor_kind: "stranger".into(),
            peer: Some(peer.into()),
            protocol: "sign-in".into(),
            ..event(action, None, subject, detail)
        };
        let counted = "count 42 first 1795381200001 last 1795381259999 names 7";
        assert_eq!(
            line(&stranger("sign-in.failed-often", None, counted, "192.0.2.0/26")),
            "2026-11-22T21:00:03Z  somebody failed to sign in 42 more times under 7 names, from 2026-11-22T21:00:00Z to \
             2026-11-22T21:00:59Z (sign-in from 192.0.2.0/26)"
        );
        assert_eq!(
            line(&stranger("sign-in.network-shut", Some("192.0.2.7"), "until 1795381200000", "192.0.2.7")),
            "2026-11-22T21:00:03Z  somebody guessed too often: 192.0.2.7 is shut until 2026-11-22T21:00:00Z to whoever \
             has not signed in from there lately (sign-in from 192.0.2.7)"
        );
    }

    #[test]
    fn what_was_given_is_told_by_role_reach_and_end() {
        let told = |mailbox, subject, detail| deed(&event("grant.given", mailbox, Some(subject), detail));
        assert_eq!(
            told(None, "bob@example.org", "lrswipkxte send-as until 1795381200000"),
            "gave bob@example.org full access (lrswipkxte) and send-as on support@example.org until 2026-11-22T21:00:00Z"
        );
        assert_eq!(
            told(Some("Archive"), "bob@example.org", "lrswipte"),
            "gave bob@example.org the rights of an editor (lrswipte) on Archive of support@example.org"
        );
        assert_eq!(
            told(None, "bob@example.org in Clients/Acme and below", "lrt send-as send-on-behalf"),
            "gave bob@example.org the letters lrt, send-as and send-on-behalf on Clients/Acme and below of support@example.org"
        );
        assert_eq!(
            told(None, "bob@example.org", "no letters send-on-behalf"),
            "gave bob@example.org send-on-behalf on support@example.org"
        );
        assert_eq!(
            told(None, "bob@example.org", "no letters"),
            "gave bob@example.org no right at all on support@example.org"
        );
    }

    #[test]
    fn flags_are_set_taken_off_or_exactly_these() {
        let told = |detail| deed(&event("flags.changed", Some("INBOX"), None, detail));
        let place = "INBOX of support@example.org";
        assert_eq!(told("+(\\Flagged \\Seen) uid 1"), format!("set \\Flagged, \\Seen on message uid 1 in {place}"));
        assert_eq!(told("-(\\Flagged) uid 1:3"), format!("took \\Flagged off messages uid 1:3 in {place}"));
        assert_eq!(told("($work) uid 2,4"), format!("set exactly $work on messages uid 2,4 in {place}"));
        assert_eq!(told("() uid 2"), format!("took every flag off message uid 2 in {place}"));
    }

    #[test]
    fn a_mailbox_that_was_deleted_is_called_so() {
        let gone =
            |action, subject, detail| AuditEvent { mailbox_deleted: true, ..event(action, None, subject, detail) };
        assert_eq!(deed(&gone("mailbox.opened", None, "")), "opened a deleted mailbox of support@example.org");
        assert_eq!(
            deed(&gone("grant.given", Some("bob@example.org"), "lr")),
            "gave bob@example.org the rights of a reader (lr) on a deleted mailbox of support@example.org"
        );
        assert_eq!(
            deed(&event("mailbox.deleted", None, Some("Cases"), "")),
            "deleted Cases of support@example.org with its messages"
        );
    }

    #[test]
    fn what_is_erased_or_new_is_told_all_the_same() {
        let erased = AuditEvent { actor: None, subject: None, ..event("grant.revoked", None, None, "") };
        assert!(line(&erased).contains("someone erased (person) took back what someone erased held on support"));
        let stranger = AuditEvent {
            actor: None,
            actor_kind: "stranger".into(),
            ..event("sign-in.failed", None, Some("bob"), "why")
        };
        assert!(line(&stranger).contains("  somebody failed to sign in as bob: why ("), "{}", line(&stranger));
        let by_key = AuditEvent {
            actor: Some("support@example.org/nightly".into()),
            actor_kind: "stranger".into(),
            ..event("sign-in.failed", None, Some("support@example.org"), "PLAIN: the secret is wrong")
        };
        let expected = "  somebody naming support@example.org/nightly failed to sign in as support@example.org \
                        with PLAIN: the secret is wrong (";
        assert!(line(&by_key).contains(expected), "{}", line(&by_key));
        assert_eq!(
            deed(&event("lamp.turned-on", None, Some("bob@example.org"), "v2")),
            "lamp turned on bob@example.org in support@example.org: v2"
        );
    }
}
