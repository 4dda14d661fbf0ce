//! Duties on accounts and the organisation, told one rule at a time.

use crate::house::*;
use postern_access::{
    AccountState, Actor, Denied, Duty, DutyFacts, Gift, GrantFact, Job, Reach, TokenRole, duty_verdict,
    duty_verdict_through, gift_limit, may_give,
};
use postern_types::{Letter, PersonId, Rights, SendRights};

fn as_person(id: PersonId) -> Actor {
    Actor::Person(id)
}

#[test]
fn an_owner_manages_delegates_without_being_an_administrator() {
    let grants = [grant(1, Rights::ALL)];
    let facts = duty_facts(support(), Some(person(alice())), &grants);
    let mut allowed = Duty::ALL.to_vec();
    allowed.retain(|duty| duty_verdict(&as_person(alice()), *duty, &facts).is_ok());
    assert_eq!(
        allowed,
        [
            Duty::ReadAccount,
            Duty::ReadGrants,
            Duty::ManageGrants,
            Duty::ManageCredentials,
            Duty::CheckOut,
            Duty::Revoke,
            Duty::ReadAudit,
            Duty::Export,
            Duty::ManageQueue
        ]
    );
}

/// `a` on a part of the account is SETACL there, and no office.
#[test]
fn administering_one_mailbox_does_not_make_an_owner() {
    let grants = [GrantFact { reach: Reach::Subtree(name("Projects")), ..grant(1, Rights::ALL) }];
    let facts = duty_facts(support(), Some(person(alice())), &grants);
    let refused = duty_verdict(&as_person(alice()), Duty::ManageGrants, &facts).unwrap_err();
    assert_eq!(refused, Denied::NotYours { duty: Duty::ManageGrants });
    assert_eq!(refused.to_string(), "You may not manage the delegates of this mailbox; ask one of its owners");
}

#[test]
fn a_stranger_hears_of_no_account_in_any_duty() {
    let facts = duty_facts(support(), Some(person(bob())), &[]);
    for duty in Duty::ALL {
        let expected = match duty.scope() {
            postern_access::Scope::Organisation => Denied::NotYours { duty },
            _ => Denied::Hidden,
        };
        assert_eq!(duty_verdict(&as_person(bob()), duty, &facts), Err(expected));
    }
}

/// Export is reading: being administrator or operator is not enough.
#[test]
fn nobody_exports_what_they_may_not_read() {
    let mut admin = person(bob());
    admin.admin = true;
    let facts = duty_facts(support(), Some(admin), &[]);
    let refused = Err(Denied::NotYours { duty: Duty::Export });
    assert_eq!(duty_verdict(&as_person(bob()), Duty::Export, &facts), refused);
    assert_eq!(duty_verdict(&operator(), Duty::Export, &facts), refused);
    let without_reading = [grant(1, letters("la"))];
    let facts = duty_facts(support(), Some(person(alice())), &without_reading);
    assert_eq!(duty_verdict(&as_person(alice()), Duty::Export, &facts), refused);
}

/// Administrators and operators bring mail into any account and everybody into their own; an owner, who may be shut out
/// of a mailbox by a narrower grant, does not.
#[test]
fn mail_is_imported_by_administrators_and_by_whose_it_is() {
    let mut admin = person(bob());
    admin.admin = true;
    for account in [support(), own_account(alice())] {
        let facts = duty_facts(account, Some(admin), &[]);
        assert_eq!(duty_verdict(&as_person(bob()), Duty::Import, &facts), Ok(()));
        assert_eq!(duty_verdict(&operator(), Duty::Import, &facts), Ok(()));
    }
    let own = duty_facts(own_account(alice()), Some(person(alice())), &[]);
    assert_eq!(duty_verdict(&as_person(alice()), Duty::Import, &own), Ok(()));
    let owner = [grant(1, Rights::ALL)];
    let facts = duty_facts(support(), Some(person(alice())), &owner);
    let refused = Err(Denied::NotYours { duty: Duty::Import });
    assert_eq!(duty_verdict(&as_person(alice()), Duty::Import, &facts), refused);
}

/// On a person's own account administrators take rights away and give none.
#[test]
fn administrators_give_no_one_a_way_into_a_persons_mail() {
    let mut admin = person(bob());
    admin.admin = true;
    let facts = duty_facts(own_account(alice()), Some(admin), &[]);
    for actor in [as_person(bob()), operator()] {
        assert!(duty_verdict(&actor, Duty::ManageGrants, &facts).is_err());
        assert!(gift_limit(&actor, &facts).is_err());
        assert_eq!(duty_verdict(&actor, Duty::Revoke, &facts), Ok(()));
        assert_eq!(duty_verdict(&actor, Duty::Suspend, &facts), Ok(()));
    }
    let facts = duty_facts(own_account(alice()), Some(person(alice())), &[]);
    assert_eq!(gift_limit(&as_person(alice()), &facts), Ok(Gift::EVERYTHING));
}

/// What takes rights away does not stop at suspension or removal.
#[test]
fn administrators_revoke_on_accounts_that_are_out_of_use() {
    for state in [AccountState::Suspended, AccountState::Removed] {
        let mut account = support();
        account.state = state;
        let facts = DutyFacts { person: None, ..duty_facts(account, None, &[]) };
        assert_eq!(duty_verdict(&operator(), Duty::Revoke, &facts), Ok(()));
    }
}

#[test]
fn a_suspended_administrator_administers_nothing() {
    let mut admin = person(bob());
    admin.admin = true;
    admin.suspended = true;
    let facts = duty_facts(support(), Some(admin), &[]);
    for duty in Duty::ALL {
        assert!(duty_verdict(&as_person(bob()), duty, &facts).is_err(), "{duty:?}");
    }
}

/// Nobody gives a letter they do not hold; the rights on a shared account begin with
/// administrators.
#[test]
fn an_owner_gives_what_they_hold_and_an_administrator_begins() {
    let grants = [grant(1, letters("lra"))];
    let facts = duty_facts(support(), Some(person(alice())), &grants);
    let limit = gift_limit(&as_person(alice()), &facts).unwrap();
    let gift = |text| Gift { rights: letters(text), send: SendRights::NONE };
    assert_eq!(may_give(limit, gift("lr")), Ok(()));
    assert_eq!(may_give(limit, gift("lre")), Err(Denied::NotHeld { letter: Letter::Expunge }));
    assert_eq!(gift_limit(&operator(), &facts), Ok(Gift::EVERYTHING));
    let delegate = [grant(1, Rights::FULL_ACCESS)];
    let facts = duty_facts(support(), Some(person(alice())), &delegate);
    assert_eq!(gift_limit(&as_person(alice()), &facts), Err(Denied::NotYours { duty: Duty::ManageGrants }));
}

#[test]
fn each_job_has_its_one_duty() {
    let facts = duty_facts(support(), None, &[]);
    let duties = |job| {
        let mut duties = Duty::ALL.to_vec();
        duties.retain(|duty| duty_verdict(&Actor::Job(job), *duty, &facts).is_ok());
        duties
    };
    assert_eq!(duties(Job::Delivery), [Duty::Deliver]);
    assert_eq!(duties(Job::Expiry), [Duty::Expire]);
    assert_eq!(duties(Job::Collection), [Duty::Collect]);
    assert_eq!(duties(Job::Submission), [Duty::RunQueue]);
    for job in [Job::Import, Job::Seed] {
        assert_eq!(duties(job), [], "{job:?}");
    }
}

/// Asked without an account, what belongs to one account is refused to all.
#[test]
fn duties_of_one_account_need_one() {
    let facts = DutyFacts { account: None, person: None, grants: &[], now: NOW };
    for duty in Duty::ALL {
        let expected = match duty {
            Duty::Revoke
            | Duty::ManagePolicy
            | Duty::ReadAudit
            | Duty::ManageQueue
            | Duty::ReadOrganisation
            | Duty::ManagePeople
            | Duty::ManageAdministrators
            | Duty::SetPasswords
            | Duty::ManageGroups
            | Duty::ManageDomains
            | Duty::ManageShared
            | Duty::OpenPrivate => Ok(()),
            _ => Err(Denied::NotYours { duty }),
        };
        assert_eq!(duty_verdict(&operator(), duty, &facts), expected);
        assert_eq!(Duty::parse(duty.name()), Some(duty));
    }
}

/// A token takes away: what is hidden from its person stays hidden, and what is theirs is
/// told to be theirs, though not this way.
#[test]
fn a_token_is_narrower_than_its_person_and_never_wider() {
    let mut admin = person(bob());
    admin.admin = true;
    let owned = [grant(1, Rights::ALL)];
    for (holder, grants) in [(person(bob()), &owned[..]), (person(bob()), &[]), (admin, &owned[..]), (admin, &[])] {
        for account in [Some(support()), Some(own_account(alice())), None] {
            let facts = DutyFacts { account, person: Some(holder), grants, now: NOW };
            for (role, duty) in TokenRole::ALL.into_iter().flat_map(|role| Duty::ALL.map(|duty| (role, duty))) {
                let without = duty_verdict(&as_person(bob()), duty, &facts);
                let with = duty_verdict_through(Some(role), &as_person(bob()), duty, &facts);
                match without {
                    Ok(()) => {
                        let narrow = DutyFacts { person: Some(role.person(holder)), ..facts.clone() };
                        let hidden = duty_verdict(&as_person(bob()), duty, &narrow) == Err(Denied::Hidden);
                        let told = matches!(with, Ok(()) | Err(Denied::TokenTooNarrow { .. }));
                        assert_eq!((with == Err(Denied::Hidden), told), (hidden, !hidden), "{role} {duty:?}");
                    }
                    refused => assert_eq!(with, refused, "{role} {duty:?}"),
                }
            }
        }
    }
}

/// An owner's token in an administrator's hand: their office does not count.
#[test]
fn an_owners_token_does_not_administer() {
    let mut admin = person(bob());
    admin.admin = true;
    let facts = duty_facts(support(), Some(admin), &[]);
    let through = |role, duty, facts: &_| duty_verdict_through(Some(role), &as_person(bob()), duty, facts);
    // An account where they have no part is one that is not there.
    assert_eq!(through(TokenRole::Owner, Duty::ManageGrants, &facts), Err(Denied::Hidden));
    assert_eq!(through(TokenRole::Admin, Duty::ManageGrants, &facts), Ok(()));
    // Where they take part they see it, and what only the office allows is told apart.
    let part = [grant(1, Rights::READER)];
    let facts = duty_facts(support(), Some(admin), &part);
    let narrow = Err(Denied::TokenTooNarrow { duty: Duty::ManageGrants });
    assert_eq!(through(TokenRole::Owner, Duty::ManageGrants, &facts), narrow);
}

/// A token that was made for a program opens nobody's private mail, its person's included, and
/// sets no password: what it could leave behind would outlast it.
#[test]
fn only_a_login_gives_what_is_private_and_sets_passwords() {
    let private = duty_facts(own_account(alice()), Some(person(alice())), &[]);
    let through = |role, duty| duty_verdict_through(Some(role), &as_person(alice()), duty, &private);
    for duty in [Duty::ManageGrants, Duty::ManageCredentials] {
        assert_eq!(through(TokenRole::Login, duty), Ok(()));
        for role in [TokenRole::Admin, TokenRole::Owner, TokenRole::Auditor] {
            assert_eq!(through(role, duty), Err(Denied::TokenTooNarrow { duty }), "{role}");
        }
    }
    assert_eq!(through(TokenRole::Owner, Duty::Revoke), Ok(()), "taking away is never refused for that");
    let owner = [grant(1, Rights::ALL)];
    let delegate = duty_facts(own_account(alice()), Some(person(bob())), &owner);
    let refused = Err(Denied::TokenTooNarrow { duty: Duty::ManageGrants });
    assert_eq!(duty_verdict_through(Some(TokenRole::Owner), &as_person(bob()), Duty::ManageGrants, &delegate), refused);

    let admin = postern_access::PersonFacts { admin: true, ..person(bob()) };
    let house = DutyFacts { account: None, person: Some(admin), grants: &[], now: NOW };
    for duty in [Duty::ManageAdministrators, Duty::SetPasswords, Duty::OpenPrivate] {
        let set = |role| duty_verdict_through(Some(role), &as_person(bob()), duty, &house);
        assert_eq!(set(TokenRole::Login), Ok(()));
        for role in [TokenRole::Admin, TokenRole::Owner, TokenRole::Auditor] {
            assert_eq!(set(role), Err(Denied::TokenTooNarrow { duty }), "{role}");
        }
    }
    let suspended = DutyFacts { account: Some(own_account(alice())), ..house };
    let with = |role, duty| duty_verdict_through(Some(role), &as_person(bob()), duty, &suspended);
    assert_eq!((with(TokenRole::Admin, Duty::Suspend), with(TokenRole::Login, Duty::Resume)), (Ok(()), Ok(())));
    let refused = with(TokenRole::Admin, Duty::Resume);
    assert_eq!(refused, Err(Denied::TokenTooNarrow { duty: Duty::Resume }));
    let text = "This token may not let suspended people back; sign in for it";
    assert_eq!(refused.unwrap_err().to_string(), text, "no role is named where none would do");
}
