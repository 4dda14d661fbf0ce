//! Who is in the demonstration: people, a group, shared mailboxes, and who works in them.

use super::parse;
use anyhow::Context;
use postern_app::{Caller, GrantReach, GrantTerms, House, Role, SharedChange};
use postern_types::{Address, DisplayName, Domain, MailboxName, Secret, Seen, SendRights, Timestamp};

pub(crate) const DOMAIN: &str = "example.org";
const SECOND_DOMAIN: &str = "example.com";

pub(crate) const SUPPORT: &str = "support@example.org";
pub(crate) const BILLING: &str = "billing@example.org";
pub(crate) const HR: &str = "hr@example.org";
pub(crate) const EVENTS: &str = "events@example.com";
pub(crate) const TEAM: &str = "team@example.org";

pub(super) const CAROL: &str = "carol@example.org";
pub(super) const DAVE: &str = "dave@example.org";
pub(super) const ERIN: &str = "erin@example.org";
pub(super) const FRANK: &str = "frank@example.com";
pub(super) const GRACE: &str = "grace@example.com";

pub(crate) const ADMIN: (&str, &str) = ("admin@example.org", "admin-demo-password");
pub(crate) const ALICE: (&str, &str) = ("alice@example.org", "alice-demo-password");
pub(crate) const BOB: (&str, &str) = ("bob@example.org", "bob-demo-password");

/// Somebody, and what the welcome says of them.
pub(crate) struct Person {
    pub address: &'static str,
    pub password: &'static str,
    name: &'static str,
    pub is: &'static str,
}

const fn person((address, password): (&'static str, &'static str), name: &'static str, is: &'static str) -> Person {
    Person { address, password, name, is }
}

/// The administrator is there from the start; the others are made.
pub(crate) const PEOPLE: [Person; 8] = [
    person(ADMIN, "", "administers the organisation, reads nobody's mail"),
    person(ALICE, "Alice", "support@: full access, sends as it"),
    person(BOB, "Bob", "support@: reader; billing@: its Archive alone"),
    person((CAROL, "carol-demo-password"), "Carol", "billing@: full access; events@: owner"),
    person((DAVE, "dave-demo-password"), "Dave", "hr@: owner"),
    person((ERIN, "erin-demo-password"), "Erin", "support@: contributor; hr@: reader for two weeks"),
    person((FRANK, "frank-demo-password"), "Frank", "events@: editor, sends as it"),
    person((GRACE, "grace-demo-password"), "Grace", "events@: author, sends on its behalf"),
];

pub(super) fn password_of(address: &str) -> Option<&'static str> {
    PEOPLE.iter().find(|person| person.address == address).map(|person| person.password)
}

/// Who may do what where. Full access with send-as is what a delegate has where nothing is said.
struct Grant {
    shared: &'static str,
    to: &'static str,
    role: Role,
    send: SendRights,
    subtree: Option<&'static str>,
    days: Option<i64>,
}

const SENDS_AS: SendRights = SendRights { send_as: true, send_on_behalf: false };
const ON_BEHALF: SendRights = SendRights { send_as: false, send_on_behalf: true };

const fn grant(shared: &'static str, to: &'static str, role: Role, send: SendRights) -> Grant {
    Grant { shared, to, role, send, subtree: None, days: None }
}

const GRANTS: [Grant; 11] = [
    grant(SUPPORT, ALICE.0, Role::FullAccess, SENDS_AS),
    grant(SUPPORT, BOB.0, Role::Reader, SendRights::NONE),
    grant(SUPPORT, ERIN, Role::Contributor, SendRights::NONE),
    grant(BILLING, CAROL, Role::FullAccess, SENDS_AS),
    Grant { subtree: Some("Archive"), ..grant(BILLING, BOB.0, Role::Reader, SendRights::NONE) },
    grant(EVENTS, CAROL, Role::Owner, SENDS_AS),
    grant(EVENTS, FRANK, Role::Editor, SENDS_AS),
    grant(EVENTS, GRACE, Role::Author, ON_BEHALF),
    grant(EVENTS, TEAM, Role::Reader, SendRights::NONE),
    grant(HR, DAVE, Role::Owner, SENDS_AS),
    Grant { days: Some(14), ..grant(HR, ERIN, Role::Reader, SendRights::NONE) },
];

/// Makes all of them.
pub(super) async fn settle(house: &House, operator: &Caller) -> anyhow::Result<()> {
    house.add_domain(operator, &Domain::parse(SECOND_DOMAIN)?).await?;
    for person in PEOPLE.iter().filter(|person| person.address != ADMIN.0) {
        let password = Some(Secret::new(person.password));
        house
            .add_person(operator, &parse(person.address)?, &DisplayName::parse(person.name)?, password)
            .await
            .with_context(|| person.address)?;
    }
    let team = [ALICE.0, BOB.0, ERIN].map(parse).into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    house.add_group(operator, &parse(TEAM)?, &DisplayName::parse("The team")?, &team).await?;
    share(house, operator).await
}

async fn share(house: &House, operator: &Caller) -> anyhow::Result<()> {
    let shared = [
        (SUPPORT, "Support", vec!["help@example.org"]),
        (BILLING, "Billing", vec!["invoices@example.org"]),
        (EVENTS, "Events", vec!["tickets@example.com", "events@example.org"]),
        (HR, "Human resources", vec!["jobs@example.org"]),
    ];
    for (address, name, aliases) in shared {
        let aliases = aliases.into_iter().map(parse).collect::<anyhow::Result<Vec<Address>>>()?;
        house.add_shared(operator, &parse(address)?, &DisplayName::parse(name)?, &aliases, &[]).await?;
    }
    // In hr@ each sees what they have read themselves, and an old letter goes by its owner's hand alone.
    let own = SharedChange { seen: Some(Seen::Personal), delete_protection: Some(true), ..SharedChange::default() };
    house.set_shared(operator, &parse(HR)?, own).await?;
    for grant in &GRANTS {
        give(house, operator, grant).await.with_context(|| format!("{} for {}", grant.shared, grant.to))?;
    }
    Ok(())
}

async fn give(house: &House, operator: &Caller, grant: &Grant) -> anyhow::Result<()> {
    let reach = match grant.subtree {
        Some(name) => GrantReach::Subtree(MailboxName::parse(name)?),
        None => GrantReach::Account,
    };
    let terms = GrantTerms {
        reach,
        rights: grant.role.rights(),
        send: grant.send,
        automap: true,
        not_after: grant.days.map(|days| in_days(house.now(), days)),
    };
    house.give(operator, &parse(grant.shared)?, &parse(grant.to)?, terms).await?;
    Ok(())
}

pub(super) fn in_days(now: Timestamp, days: i64) -> Timestamp {
    now.plus_ms(days * 24 * 3_600_000)
}
