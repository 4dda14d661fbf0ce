//! "Who could see this message, and why?", answered in words.

use crate::house::*;
use postern_access::{
    AccountFacts, AccountState, Actor, Answerable, CredentialFacts, CredentialState, DirectSignIn, Duty, DutyFacts,
    GrantFact, Job, MailboxFacts, Manner, Names, Operation, PersonFacts, PlainNames, Purpose, Purposes, Reach, Voice,
    credential_voice, duty_verdict, explain, explain_credential_sending, explain_duty, explain_sending,
    mailbox_verdict, voice,
};
use postern_types::{GroupId, MailboxId, Rights, SendRights, Timestamp};

/// Names as the organisation knows them.
struct Organisation;

impl Names for Organisation {
    fn actor(&self, actor: &Actor) -> String {
        match actor {
            Actor::Person(id) if *id == alice() => "alice@example.org".to_owned(),
            Actor::Credential { .. } => "support@example.org/nightly".to_owned(),
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
         alice@example.org is a delegate as reader in INBOX alone, and sends on behalf of the whole account \
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
        credential: None,
        now: NOW,
    };
    let verdict = mailbox_verdict(&operator(), &facts);
    assert_eq!(
        explain(&operator(), Operation::Read, &verdict, &PlainNames).to_string(),
        "Operator (uid 0) may not read messages here, and is told that there is no such mailbox.\n  \
         Operators administer and never read mail."
    );
}

fn told_duty(actor: &Actor, duty: Duty, facts: &DutyFacts<'_>) -> String {
    explain_duty(actor, duty, facts, &Organisation).to_string()
}

#[test]
fn an_owner_and_a_delegate_about_a_duty() {
    let alice_is = Actor::Person(alice());
    let owner = [GrantFact { not_after: Some(LATER), ..grant(12, Rights::ALL) }];
    let facts = duty_facts(support(), Some(person(alice())), &owner);
    assert_eq!(
        told_duty(&alice_is, Duty::ManageGrants, &facts),
        "alice@example.org may manage the delegates of this mailbox.\n  \
         alice@example.org is a delegate as owner (grant 12, until 2026-12-31 18:00).\n  \
         This changes at 2026-12-31 18:00."
    );
    let editor = [GrantFact { reach: Reach::Mailbox(inbox_of(support())), ..grant(12, letters("lra")) }];
    let facts = duty_facts(support(), Some(person(alice())), &editor);
    assert_eq!(
        told_duty(&alice_is, Duty::ManageGrants, &facts),
        "alice@example.org may not manage the delegates of this mailbox.\n  \
         alice@example.org has grants on parts of this account (1), and none on all of it.\n  \
         That is for owners of the account (a on all of it) and administrators of the organisation (where it is shared)."
    );
}

#[test]
fn an_administrator_and_an_operator_about_a_duty() {
    let admin = PersonFacts { admin: true, ..person(alice()) };
    let facts = duty_facts(support(), Some(admin), &[]);
    assert_eq!(
        told_duty(&Actor::Person(alice()), Duty::ManageGrants, &facts),
        "alice@example.org may manage the delegates of this mailbox.\n  \
         alice@example.org administers the organisation."
    );
    assert_eq!(
        told_duty(&Actor::Person(alice()), Duty::Export, &facts),
        "alice@example.org may not export this mailbox.\n  \
         alice@example.org administers the organisation.\n  \
         That is for owners of the account who read all of it (l, r and a)."
    );
    let nobody = DutyFacts { account: None, ..duty_facts(support(), None, &[]) };
    assert_eq!(
        told_duty(&operator(), Duty::ManagePeople, &nobody),
        "Operator (uid 0) may manage people.\n  Operators administer the organisation, from the machine itself."
    );
    let facts = DutyFacts { account: None, ..duty_facts(support(), Some(person(alice())), &[]) };
    assert_eq!(
        told_duty(&Actor::Person(alice()), Duty::ManagePeople, &facts),
        "alice@example.org may not manage people.\n  That is for administrators of the organisation."
    );
}

/// Send rights are of the address, so a grant on one mailbox gives them as well.
#[test]
fn sending_is_explained_by_every_grant_that_gives_it() {
    let narrow = GrantFact {
        reach: Reach::Mailbox(inbox_of(support())),
        send: SendRights { send_as: false, send_on_behalf: true },
        ..grant(12, Rights::READER)
    };
    let ended = GrantFact {
        via: Some(group(20)),
        send: SendRights { send_as: true, send_on_behalf: false },
        not_after: Some(EARLIER),
        ..grant(11, Rights::NONE)
    };
    let grants = [ended, narrow, grant(10, Rights::ALL)];
    let facts = duty_facts(support(), Some(person(alice())), &grants);
    let told = |manner| explain_sending(&Actor::Person(alice()), manner, &facts, &Organisation).to_string();
    let because = "alice@example.org is a delegate as reader in INBOX alone, and sends on behalf of the whole account (grant 12).\n  \
                   Grant 11 ended at 2026-12-31 18:00.";
    let may = "alice@example.org may send on behalf of this mailbox.\n  ";
    let may_not = "alice@example.org may not send as this mailbox.\n  ";
    assert_eq!(told(Manner::OnBehalf), format!("{may}{because}"));
    assert_eq!(told(Manner::As), format!("{may_not}{because}"));

    let facts = duty_facts(support(), Some(person(alice())), &grants[2..]);
    assert_eq!(
        explain_sending(&Actor::Person(alice()), Manner::As, &facts, &Organisation).to_string(),
        "alice@example.org may not send as this mailbox.\n  \
         alice@example.org has grants on this account (1), and none gives a right to send."
    );
}

/// Whoever asks is never left without a reason.
#[test]
fn no_answer_is_without_a_reason() {
    let suspended = AccountFacts { state: AccountState::Suspended, ..support() };
    let grants = [grant(1, Rights::ALL)];
    let mut actors = vec![Actor::Person(alice()), credential(), operator()];
    actors.extend(Job::ALL.map(Actor::Job));
    for account in [support(), suspended, own_account(alice())] {
        for held in [&grants[..], &[]] {
            let facts = duty_facts(account, Some(person(alice())), held);
            for actor in &actors {
                for duty in Duty::ALL {
                    let told = explain_duty(actor, duty, &facts, &PlainNames);
                    assert_eq!(told.allowed, duty_verdict(actor, duty, &facts).is_ok());
                    assert!(!told.because.is_empty(), "{actor} {}", duty.name());
                }
                for manner in Manner::ALL {
                    let told = explain_sending(actor, manner, &facts, &PlainNames);
                    assert_eq!(told.allowed, manner.is_within(voice(actor, &facts)));
                    assert!(!told.because.is_empty(), "{actor} {}", manner.name());
                }
            }
        }
    }
}

fn told_of_credential(account: AccountFacts, operation: Operation, facts: Option<&CredentialFacts>) -> String {
    let inbox = name("INBOX");
    let facts = MailboxFacts {
        mailbox: inbox_of(account),
        name: &inbox,
        special_use: None,
        account,
        person: None,
        grants: &[],
        credential: facts,
        now: NOW,
    };
    let verdict = mailbox_verdict(&credential(), &facts);
    explain(&credential(), operation, &verdict, &Organisation).to_string()
}

#[test]
fn a_credential_by_its_scope() {
    let nightly = backup();
    assert_eq!(
        told_of_credential(support(), Operation::Read, Some(&nightly)),
        "support@example.org/nightly may read messages here.\n  \
         support@example.org/nightly has a scope with the letters lr here.\n  \
         This changes at 2026-12-31 18:00."
    );
    assert_eq!(
        told_of_credential(support(), Operation::ChangeFlags, Some(&nightly)),
        "support@example.org/nightly may not change flags here: that needs s|w|t.\n  \
         support@example.org/nightly has a scope with the letters lr here.\n  \
         This changes at 2026-12-31 18:00."
    );
    let mut elsewhere = backup();
    elsewhere.scope.reaches = vec![(Reach::Subtree(name("Projects")), Rights::READER)];
    assert_eq!(
        told_of_credential(support(), Operation::Read, Some(&elsewhere)),
        "support@example.org/nightly may not read messages here, and is told that there is no such mailbox.\n  \
         The scope of support@example.org/nightly has nothing here.\n  \
         This changes at 2026-12-31 18:00."
    );
}

#[test]
fn a_protected_mailbox_and_a_credential_that_removes() {
    let mut client = backup();
    (client.purpose, client.holder) = (Purpose::Client, Some(Answerable::InUse));
    client.scope.reaches = vec![(Reach::Account, Rights::FULL_ACCESS)];
    let protected = AccountFacts { delete_protection: true, ..support() };
    assert_eq!(
        told_of_credential(protected, Operation::Remove, Some(&client)),
        "support@example.org/nightly may not expunge messages here: that needs e.\n  \
         support@example.org/nightly has a scope with the letters lrswipkxte here.\n  \
         Delete protection withholds xe from everyone who may not administer.\n  \
         This changes at 2026-12-31 18:00."
    );
}

/// A credential sends as its own mailbox, where its scope submits and nothing stops it.
#[test]
fn a_credential_that_sends() {
    let told = |facts: &CredentialFacts, account| {
        let told = explain_credential_sending(Manner::As, (facts, account), NOW, &Organisation);
        assert_eq!(told.allowed, credential_voice(facts, account, NOW) == Some(Voice::As));
        told.to_string()
    };
    let mut sends = backup();
    assert_eq!(
        told(&sends, support()),
        "support@example.org/nightly may not send as this mailbox.\n  The scope of support@example.org/nightly has no submission."
    );
    sends.scope.protocols = "submission".parse().unwrap();
    assert_eq!(
        told(&sends, support()),
        "support@example.org/nightly may send as this mailbox.\n  The scope of support@example.org/nightly has submission."
    );
    assert!(told(&sends, own_account(alice())).contains("signs in to another mailbox"));
    sends.state = CredentialState::Suspended;
    assert!(told(&sends, support()).ends_with("opens nothing: it is suspended."));
}

/// Everything that speaks against one is told to whoever administers, and not the first alone.
#[test]
fn a_credential_that_does_not_stand() {
    let mut stopped = backup();
    stopped.state = CredentialState::Suspended;
    stopped.scope.hours = Some("12:00-13:00".parse().unwrap());
    stopped.policy.direct_sign_in = DirectSignIn::Blocked;
    stopped.policy.purposes = Purposes::of([Purpose::Client]);
    stopped.owner = Answerable::Suspended;
    let who = "support@example.org/nightly";
    assert_eq!(
        told_of_credential(support(), Operation::Read, Some(&stopped)),
        format!(
            "{who} may not read messages here.\n  \
             {who} opens nothing: it is suspended.\n  \
             {who} opens nothing: it is outside its hours.\n  \
             {who} opens nothing: policy blocks direct sign-in.\n  \
             {who} opens nothing: policy does not allow its purpose.\n  \
             {who} opens nothing: its owner is suspended.\n  \
             This changes at 2026-12-31 18:00."
        )
    );
    let hidden = "may not read messages here, and is told that there is no such mailbox.";
    let other = AccountFacts { id: account_id(8), ..support() };
    assert_eq!(
        told_of_credential(other, Operation::Read, Some(&backup())),
        format!("{who} {hidden}\n  {who} signs in to another mailbox, and sees that one alone.")
    );
    assert_eq!(
        told_of_credential(support(), Operation::Read, None),
        format!("{who} {hidden}\n  What is known of them contradicts itself, so nothing is held.")
    );
    let suspended = AccountFacts { state: AccountState::Suspended, ..support() };
    assert_eq!(
        told_of_credential(suspended, Operation::Read, Some(&backup())),
        format!("{who} {hidden}\n  The account is suspended.\n  This changes at 2026-12-31 18:00.")
    );
    let facts = duty_facts(support(), None, &[]);
    assert_eq!(
        told_duty(&credential(), Duty::ManageGrants, &facts).lines().nth(1),
        Some("  support@example.org/nightly opens mailboxes and administers nothing.")
    );
}
