//! Verdicts on mailboxes, told one rule at a time.

use crate::house::*;
use postern_access::{
    AccountState, Actor, Denied, Duty, DutyFacts, GrantFact, Job, MailboxFacts, Operation, PlainNames, Reach, Reason,
    Scope, account_verdict, explain_duty, mailbox_verdict,
};
use postern_types::{Letter, Rights, SendRights, SpecialUse};

fn held(mailbox: &str, grants: &[GrantFact]) -> String {
    verdict_of(alice(), support(), &name(mailbox), grants).rights.to_string()
}

#[test]
fn everyone_holds_everything_on_their_own_account_and_nothing_on_their_neighbours() {
    let inbox = name("INBOX");
    assert_eq!(verdict_of(alice(), own_account(alice()), &inbox, &[]).rights, Rights::ALL);
    let neighbour = verdict_of(alice(), own_account(bob()), &inbox, &[]);
    assert_eq!(neighbour.allows(Operation::Lookup), Err(Denied::Hidden));
    assert_eq!(neighbour.reasons, [Reason::NoGrant]);
}

/// Per grantee the most specific grant wins, also where it gives less.
#[test]
fn the_most_specific_grant_of_a_grantee_wins() {
    let account = grant(1, letters("lrswipkxte"));
    let projects = GrantFact { reach: Reach::Subtree(name("Projects")), ..grant(2, letters("lrs")) };
    let secret = GrantFact { reach: Reach::Subtree(name("Projects/Secret")), ..grant(3, Rights::NONE) };
    let this = GrantFact { reach: Reach::Mailbox(inbox_of(support())), ..grant(4, letters("lra")) };
    let three = [account, projects, secret];
    assert_eq!(held("INBOX", &three), "lrswipkxte");
    assert_eq!(held("Projects", &three), "lrs");
    assert_eq!(held("Projects/2026/May", &three), "lrs");
    assert_eq!(held("Projects2", &three), "lrswipkxte");
    assert_eq!(held("Projects/Secret/Plans", &three), "");
    let [account, projects, secret] = three;
    assert_eq!(held("Projects/Secret/Plans", &[this, secret, projects, account]), "lra");
}

/// A narrow grant to the person holds nothing back from the group they are in.
#[test]
fn a_person_and_their_groups_add_up() {
    let direct = GrantFact { reach: Reach::Mailbox(inbox_of(support())), ..grant(1, letters("lr")) };
    let team = GrantFact { via: Some(group(20)), ..grant(2, letters("ls")) };
    let night_shift = GrantFact { via: Some(group(21)), ..grant(3, letters("lw")) };
    assert_eq!(held("INBOX", &[direct.clone(), team.clone(), night_shift]), "lrsw");
    let narrow_team =
        GrantFact { reach: Reach::Mailbox(inbox_of(support())), via: Some(group(20)), ..grant(4, letters("l")) };
    assert_eq!(held("INBOX", &[direct, team, narrow_team]), "lr");
}

#[test]
fn an_ended_grant_counts_as_absent_and_the_next_end_is_foretold() {
    let ended = GrantFact { not_after: Some(NOW), ..grant(1, letters("lr")) };
    let verdict = verdict_of(alice(), support(), &name("INBOX"), &[ended]);
    assert_eq!(verdict.allows(Operation::Read), Err(Denied::Hidden));
    assert_eq!(verdict.reasons[0], Reason::Ended { grant: grant(1, Rights::NONE).id, at: NOW });

    let ending = GrantFact { not_after: Some(LATER), ..grant(2, letters("lrs")) };
    let lasting = GrantFact { via: Some(group(20)), ..grant(3, letters("lrs")) };
    let alone = verdict_of(alice(), support(), &name("INBOX"), std::slice::from_ref(&ending));
    assert_eq!(alone.valid_until, Some(LATER));
    assert!(alone.is_current(NOW) && !alone.is_current(LATER));
    // An end that changes nothing is no end of the verdict.
    assert_eq!(verdict_of(alice(), support(), &name("INBOX"), &[ending.clone(), lasting]).valid_until, None);
    // Neither is one that covers another place.
    let elsewhere = GrantFact { reach: Reach::Subtree(name("Projects")), ..ending };
    assert_eq!(verdict_of(alice(), support(), &name("INBOX"), &[elsewhere]).valid_until, None);
}

/// The end of a narrowing grant widens, so the verdict must not outlive it either.
#[test]
fn the_end_of_a_narrowing_grant_is_foretold_too() {
    let broad = grant(1, letters("lrswi"));
    let narrow =
        GrantFact { reach: Reach::Mailbox(inbox_of(support())), not_after: Some(LATER), ..grant(2, letters("lr")) };
    let verdict = verdict_of(alice(), support(), &name("INBOX"), &[broad, narrow]);
    assert_eq!((verdict.rights, verdict.valid_until), (letters("lr"), Some(LATER)));
}

/// Send rights are of the account's address: a grant on one mailbox gives them as well.
#[test]
fn send_rights_are_of_the_account_and_end_with_their_grant() {
    let send = SendRights { send_as: true, send_on_behalf: false };
    let sender =
        GrantFact { reach: Reach::Subtree(name("Projects")), send, not_after: Some(LATER), ..grant(1, letters("lr")) };
    let verdict = verdict_of(alice(), support(), &name("INBOX"), &[sender]);
    assert_eq!((verdict.rights, verdict.send, verdict.valid_until), (Rights::NONE, send, Some(LATER)));
}

#[test]
fn administrators_and_operators_read_no_mail() {
    let inbox = name("INBOX");
    let mut admin = person(alice());
    admin.admin = true;
    let facts = MailboxFacts {
        mailbox: inbox_of(support()),
        name: &inbox,
        special_use: None,
        account: support(),
        person: Some(admin),
        grants: &[],
        credential: None,
        now: NOW,
    };
    let verdict = mailbox_verdict(&Actor::Person(alice()), &facts);
    assert!(verdict.rights.is_empty() && verdict.reasons.contains(&Reason::AdministratorWithoutMail));
    for actor in [operator(), credential()] {
        let verdict = mailbox_verdict(&actor, &MailboxFacts { person: None, ..facts.clone() });
        assert!(verdict.rights.is_empty() && verdict.send == SendRights::NONE, "{actor}");
    }
}

#[test]
fn suspension_and_removal_leave_nothing() {
    let inbox = name("INBOX");
    let everything = [grant(1, Rights::ALL)];
    for (state, reason) in
        [(AccountState::Suspended, Reason::AccountSuspended), (AccountState::Removed, Reason::AccountRemoved)]
    {
        let mut account = support();
        account.state = state;
        let verdict = verdict_of(alice(), account, &inbox, &everything);
        assert_eq!((verdict.rights, verdict.reasons), (Rights::NONE, vec![reason]));
        let mut own = own_account(alice());
        own.state = state;
        assert!(verdict_of(alice(), own, &inbox, &[]).rights.is_empty());
    }
}

/// Delete protection withholds `x` and `e` from everyone who may not administer.
#[test]
fn delete_protection_spares_owners_only() {
    let mut account = support();
    account.delete_protection = true;
    let inbox = name("INBOX");
    let delegate = verdict_of(alice(), account, &inbox, &[grant(1, Rights::FULL_ACCESS)]);
    assert_eq!(delegate.rights, letters("lrswipkt"));
    assert!(delegate.reasons.contains(&Reason::DeleteProtected { withheld: letters("xe") }));
    assert_eq!(delegate.allows(Operation::MoveOut), Err(Denied::Protected { withheld: Letter::Expunge }));
    assert_eq!(verdict_of(alice(), account, &inbox, &[grant(1, Rights::ALL)]).rights, Rights::ALL);
}

/// Each job holds what its task needs, on active accounts, and nothing else.
#[test]
fn jobs_hold_what_their_task_needs() {
    let mailbox = name("Sent");
    let held = |job, special_use, state| {
        let mut account = support();
        account.state = state;
        let facts = MailboxFacts {
            mailbox: inbox_of(account),
            name: &mailbox,
            special_use,
            account,
            person: None,
            grants: &[],
            credential: None,
            now: NOW,
        };
        mailbox_verdict(&Actor::Job(job), &facts).rights.to_string()
    };
    let sent = Some(SpecialUse::Sent);
    assert_eq!(held(Job::Delivery, None, AccountState::Active), "ip");
    assert_eq!(held(Job::Import, None, AccountState::Active), "i");
    assert_eq!(held(Job::Submission, sent, AccountState::Active), "i");
    assert_eq!(held(Job::Submission, Some(SpecialUse::Drafts), AccountState::Active), "i");
    assert_eq!(held(Job::Submission, Some(SpecialUse::Archive), AccountState::Active), "");
    assert_eq!(held(Job::Submission, None, AccountState::Active), "");
    for job in [Job::Expiry, Job::Collection, Job::Seed] {
        assert_eq!(held(job, sent, AccountState::Active), "", "{job:?}");
    }
    for job in Job::ALL {
        assert_eq!(held(job, sent, AccountState::Suspended), "", "{job:?}");
        assert_eq!(held(job, sent, AccountState::Removed), "", "{job:?}");
    }
}

/// A mistake in reading facts opens no door.
#[test]
fn facts_that_disagree_give_nothing() {
    let inbox = name("INBOX");
    let grants = [grant(1, Rights::ALL)];
    let right = MailboxFacts {
        mailbox: inbox_of(support()),
        name: &inbox,
        special_use: None,
        account: support(),
        person: Some(person(alice())),
        grants: &grants,
        credential: None,
        now: NOW,
    };
    let actor = Actor::Person(alice());
    assert_eq!(mailbox_verdict(&actor, &right).rights, Rights::ALL);
    let wrong = [
        MailboxFacts { mailbox: inbox_of(own_account(bob())), ..right.clone() },
        MailboxFacts { person: Some(person(bob())), ..right.clone() },
        MailboxFacts { person: None, ..right },
    ];
    for facts in wrong {
        let verdict = mailbox_verdict(&actor, &facts);
        assert_eq!((verdict.rights, verdict.reasons), (Rights::NONE, vec![Reason::FactsDisagree]));
    }
}

/// At the account as a whole only account grants reach.
#[test]
fn a_grant_on_a_part_gives_nothing_on_the_whole() {
    let part = GrantFact { reach: Reach::Subtree(name("Projects")), ..grant(1, Rights::ALL) };
    let grants = [part, GrantFact { via: Some(group(20)), ..grant(2, letters("lrk")) }];
    let actor = Actor::Person(alice());
    let facts = duty_facts(support(), Some(person(alice())), &grants);
    assert_eq!(account_verdict(&actor, &facts).rights, letters("lrk"));
    assert_eq!(account_verdict(&actor, &DutyFacts { account: None, ..facts }).rights, Rights::NONE);
}

/// Who is nobody, and a stranger, are told in the same words.
#[test]
fn nobody_holds_nothing_as_a_stranger_does() {
    let stranger = DutyFacts { account: Some(support()), person: Some(person(alice())), grants: &[], now: NOW };
    let nobody = DutyFacts { person: None, ..stranger.clone() };
    let actor = Actor::Person(alice());
    assert_eq!(account_verdict(&actor, &nobody), account_verdict(&actor, &stranger));
    for duty in Duty::ALL.into_iter().filter(|duty| duty.scope() != Scope::Organisation) {
        let [one, other] = [&nobody, &stranger].map(|facts| explain_duty(&actor, duty, facts, &PlainNames));
        assert_eq!(one, other, "{duty:?}");
    }
}
