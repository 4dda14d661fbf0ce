//! The people and accounts that the tests share: small makers of facts.

use postern_access::{
    AccountFacts, AccountKind, AccountState, Actor, Answerable, CredentialFacts, CredentialScope, CredentialState,
    DutyFacts, GrantFact, MailboxFacts, Networks, PersonFacts, Policy, Purpose, Reach, SendingScope, Verdict,
    mailbox_verdict,
};
use postern_types::{
    AccountId, CredentialId, GrantId, GroupId, MailboxId, MailboxName, PersonId, Rights, SendRights, SpecialUse,
    Timestamp,
};

/// The moment every test asks about unless it says another.
pub const NOW: Timestamp = Timestamp(1_000_000);
/// Later than [`NOW`].
pub const LATER: Timestamp = Timestamp(2_000_000);
/// Before [`NOW`].
pub const EARLIER: Timestamp = Timestamp(500_000);

pub fn account_id(number: i64) -> AccountId {
    AccountId::new(number).unwrap()
}
pub fn alice() -> PersonId {
    PersonId::of(account_id(1))
}
pub fn bob() -> PersonId {
    PersonId::of(account_id(2))
}
pub fn group(number: i64) -> GroupId {
    GroupId::new(number).unwrap()
}
pub fn name(text: &str) -> MailboxName {
    MailboxName::parse(text).unwrap()
}
pub fn letters(text: &str) -> Rights {
    Rights::parse(text).unwrap()
}

/// support@example.org, a shared account.
pub fn support() -> AccountFacts {
    AccountFacts { id: account_id(7), kind: AccountKind::Shared, state: AccountState::Active, delete_protection: false }
}
/// A person's own account.
pub fn own_account(person: PersonId) -> AccountFacts {
    AccountFacts { id: person.account(), kind: AccountKind::Person, ..support() }
}
pub fn credential() -> Actor {
    Actor::Credential { id: CredentialId::new(3).unwrap(), account: support().id }
}
/// The nightly backup of support@example.org, from 192.0.2.0/24.
pub fn backup() -> CredentialFacts {
    let template = Purpose::Backup.template();
    CredentialFacts {
        id: CredentialId::new(3).unwrap(),
        account: support().id,
        purpose: Purpose::Backup,
        state: CredentialState::Active,
        scope: CredentialScope {
            protocols: template.protocols,
            reaches: vec![(Reach::Account, template.rights)],
            forgiving: false,
            older_than_ms: None,
            networks: Networks::Of(vec!["192.0.2.0/24".parse().unwrap()]),
            hours: None,
            connections: None,
            sending: SendingScope::default(),
        },
        issued: EARLIER,
        starts: None,
        expires: LATER,
        opened_until: None,
        owner: Answerable::InUse,
        holder: None,
        policy: Policy::default(),
        offset_seconds: 0,
    }
}
pub fn operator() -> Actor {
    Actor::Operator { uid: 0 }
}
pub fn person(id: PersonId) -> PersonFacts {
    PersonFacts { id, suspended: false, admin: false }
}
pub fn inbox_of(account: AccountFacts) -> MailboxId {
    MailboxId::pack(account.id, 1).unwrap()
}

/// A grant to the person, on the account as a whole, without end.
pub fn grant(number: i64, rights: Rights) -> GrantFact {
    GrantFact {
        id: GrantId::new(number).unwrap(),
        via: None,
        reach: Reach::Account,
        rights,
        send: SendRights::NONE,
        automap: true,
        not_after: None,
    }
}

/// The letters a person holds on the mailbox `name` (number 1) of an account.
pub fn verdict_of(id: PersonId, account: AccountFacts, mailbox: &MailboxName, grants: &[GrantFact]) -> Verdict {
    let facts = MailboxFacts {
        mailbox: inbox_of(account),
        name: mailbox,
        special_use: None::<SpecialUse>,
        account,
        person: Some(person(id)),
        grants,
        credential: None,
        now: NOW,
    };
    mailbox_verdict(&Actor::Person(id), &facts)
}

/// Facts about an account for someone who holds `grants` on it.
pub fn duty_facts(account: AccountFacts, person: Option<PersonFacts>, grants: &[GrantFact]) -> DutyFacts<'_> {
    DutyFacts { account: Some(account), person, grants, now: NOW }
}
