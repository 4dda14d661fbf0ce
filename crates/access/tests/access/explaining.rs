//! "Who could see this message, and why?", answered in words.

use crate::house::*;
use postern_access::{Actor, GrantFact, Names, Operation, PlainNames, Reach, explain, mailbox_verdict};
use postern_types::{GroupId, MailboxId, Rights, SendRights, Timestamp};

/// Names as the organisation knows them.
struct Organisation;

impl Names for Organisation {
    fn actor(&self, actor: &Actor) -> String {
        match actor {
            Actor::Person(id) if *id == alice() => "alice@example.org".to_owned(),
            other => other.to_string(),
        }
    }
    fn group(&self, _: GroupId) -> String {
        "team@example.org".to_owned()
    }
    fn mailbox(&self, _: MailboxId) -> String {
        "INBOX".to_owned()
    }
    fn time(&self, _: Timestamp) -> String {
        "2026-12-31 18:00".to_owned()
    }
}

fn told(operation: Operation, grants: &[GrantFact]) -> String {
    let verdict = verdict_of(alice(), support(), &name("INBOX"), grants);
    explain(&Actor::Person(alice()), operation, &verdict, &Organisation).to_string()
}

#[test]
fn a_delegate_through_a_group() {
    let team = GrantFact { via: Some(group(20)), ..grant(12, Rights::FULL_ACCESS) };
    assert_eq!(
        told(Operation::Read, &[team]),
        "alice@example.org may read messages here.\n  \
         alice@example.org is a delegate with full access (grant 12, via group team@example.org)."
    );
}

#[test]
fn a_reader_who_wants_more_and_an_end_to_come() {
    let reader = GrantFact {
        reach: Reach::Mailbox(inbox_of(support())),
        send: SendRights { send_as: false, send_on_behalf: true },
        not_after: Some(LATER),
        ..grant(12, Rights::READER)
    };
    assert_eq!(
        told(Operation::ChangeFlags, &[reader, grant(11, letters("lrsw"))]),
        "alice@example.org may not change flags here: that needs s|w|t.\n  \
         alice@example.org is a delegate as reader who sends on its behalf in INBOX alone \
         (grant 12, until 2026-12-31 18:00).\n  \
         Grant 11 does not count here, since the more specific grant 12 does.\n  \
         This changes at 2026-12-31 18:00."
    );
}

#[test]
fn a_stranger_and_an_operator() {
    assert_eq!(
        told(Operation::Read, &[]),
        "alice@example.org may not read messages here, and is told that there is no such mailbox.\n  \
         alice@example.org is no delegate of this account, nor is any group of theirs."
    );
    let inbox = name("INBOX");
    let facts = postern_access::MailboxFacts {
        mailbox: inbox_of(support()),
        name: &inbox,
        special_use: None,
        account: support(),
        person: None,
        grants: &[],
        now: NOW,
    };
    let verdict = mailbox_verdict(&operator(), &facts);
    assert_eq!(
        explain(&operator(), Operation::Read, &verdict, &PlainNames).to_string(),
        "Operator (uid 0) may not read messages here, and is told that there is no such mailbox.\n  \
         Operators administer and never read mail."
    );
}
