//! Duties by the use cases that REST calls, and the gate itself, asked in a transaction of the
//! running house.

use super::cells::{Cell, Word};
use super::rows::Place;
use crate::people::address;
use postern_app::{AuditQuery, Caller, CredentialWish, Networks, PolicyChange, Purpose, QueueChoice, Refused};
use postern_store::{
    Access, Administer, Authority, ChangeFlags, CheckOut, Class, Collect, CreateChild, DeleteMailbox, DutyClass,
    Expire, GateError, Import, Insert, Lookup, ManageAdministrators, ManageCredentials, ManageDomains, ManageGrants,
    ManageGroups, ManagePeople, ManagePolicy, ManageQueue, ManageSelf, ManageShared, MoveOut, OpenPrivate, OwnRights,
    Read, ReadAccount, ReadAudit, ReadGrants, ReadOrganisation, Remove, Resume, Revoke, Rule, RunQueue, SetPasswords,
    Suspend, Tx,
};
use postern_testkit::House;
use postern_types::{Address, DisplayName, MailboxName, Rights};

/// Duties that a use case asks for.
pub const USE_CASES: [&str; 14] = [
    "read-grants",
    "read-organisation",
    "manage-grants",
    "manage-credentials",
    "manage-policy",
    "revoke",
    "read-audit",
    "suspend",
    "resume",
    "manage-people",
    "manage-groups",
    "manage-domains",
    "manage-shared",
    "manage-queue",
];

/// What was answered. One refusal can come after the gate: who asks may, and there was nothing
/// to do. Any other rule, such as that there is no such mailbox, is no word of the matrix.
fn word<T>(outcome: Result<T, Refused>, nothing_to_do: Option<Rule>) -> Word {
    match outcome {
        Ok(_) => Word::Yes,
        Err(Refused::Rule(rule)) if Some(&rule) == nothing_to_do.as_ref() => Word::Yes,
        Err(Refused::Denied(denied)) => Word::of(denied),
        Err(other) => panic!("no word of the matrix: {other}"),
    }
}

/// The same where only whoever may hears of a rule.
fn word_or_rule<T>(outcome: Result<T, Refused>) -> Word {
    match outcome {
        Err(Refused::Rule(Rule::Unusable(_))) => Word::Yes,
        outcome => word(outcome, None),
    }
}

/// Does a duty, in a form that changes nothing.
pub async fn by_use_case(house: &House, caller: &Caller, cell: &Cell) -> Word {
    let app = house.app();
    let (account, nobody) = (cell.place.account().map(address), address("zoe@example.org"));
    let (taken, name) = (address("keeper@example.org"), DisplayName::default());
    let absent = |what: &str| Some(Rule::Absent(what.to_owned()));
    let is_taken = || Some(Rule::AddressTaken(taken.to_string()));
    match (cell.column.as_str(), &account) {
        ("read-grants", Some(account)) => word(app.grants(caller, account).await, None),
        ("manage-grants", Some(account)) => {
            let nobody = address("nothing@example.org");
            let given = app.give(caller, account, &nobody, super::rows::terms(Rights::READER)).await;
            match given {
                // Whoever sees the organisation hears what is the matter with the mailbox.
                Err(Refused::Rule(rule)) if cell.place == Place::Removed && rule == is_removed(account) => {
                    Word::NotYours
                }
                Err(Refused::Rule(rule)) if cell.place == Place::Own && rule == is_private(account) => Word::NotYours,
                given => word(given, absent("person or group nothing@example.org")),
            }
        }
        ("revoke", Some(account)) => word(
            app.take_back(caller, account, &nobody, None).await,
            absent(&format!("grant to zoe@example.org in {account}")),
        ),
        // Issued for nobody, so it is not; a policy of which nothing is changed.
        ("manage-credentials", Some(account)) => {
            let wish =
                CredentialWish { networks: Some(Networks::Any), ..CredentialWish::new(Purpose::Backup, nobody, "x") };
            match app.issue_credential(caller, account, wish).await {
                // Whoever sees the organisation hears what to do instead.
                Err(Refused::Rule(Rule::Unusable(text)))
                    if cell.place == Place::Own
                        && text.starts_with(&format!("{account} is a person's own mailbox")) =>
                {
                    Word::NotYours
                }
                issued => word_or_rule(issued),
            }
        }
        ("manage-policy", account) => {
            word_or_rule(app.set_policy(caller, account.as_ref(), PolicyChange::default()).await)
        }
        ("suspend", Some(account)) => word(app.suspend_person(caller, account, true).await, absent("such person")),
        ("resume", Some(account)) => word(app.suspend_person(caller, account, false).await, absent("such person")),
        ("read-audit", account) => {
            let query = AuditQuery { account: account.clone(), most: 1, ..AuditQuery::default() };
            word(app.audit(caller, query).await, None)
        }
        ("read-organisation", _) => word(app.persons(caller).await, None),
        ("manage-people", _) => word(app.add_person(caller, &taken, &name, None).await, is_taken()),
        ("manage-groups", _) => word(app.add_group(caller, &taken, &name, &[]).await, is_taken()),
        ("manage-domains", _) => {
            word(app.add_domain(caller, &taken.domain()).await, Some(Rule::AddressTaken("example.org".to_owned())))
        }
        ("manage-shared", _) => word(app.add_shared(caller, &taken, &name, &[], &[]).await, is_taken()),
        ("manage-queue", Some(account)) => {
            word(app.list_queue(caller, QueueChoice::Account(account.clone()), None).await, None)
        }
        // Without an account these ask for nothing that a use case could be asked for.
        (_, None) => asked(house, caller, cell).await,
        (other, Some(_)) => panic!("{other} is in the list and has no use case"),
    }
}

fn is_private(account: &Address) -> Rule {
    Rule::Unusable(format!("{account} is a person's own mailbox: nobody but they may give others access to it"))
}

fn is_removed(account: &Address) -> Rule {
    Rule::Unusable(format!("{account} is removed; bring it back with: postern shared restore {account}"))
}

/// Has the gate a class for it?
pub fn knows(cell: &Cell) -> bool {
    !["deliver"].contains(&cell.column.as_str()) && (cell.is_duty() || cell.place != Place::Organisation)
}

/// What the gate of the running house answers.
pub async fn asked(house: &House, caller: &Caller, cell: &Cell) -> Word {
    let (caller, cell) = (caller.clone(), cell.clone());
    let opened = house.app().db().read(move |tx: &Tx<'_>| -> Result<(), GateError> {
        if cell.is_duty() { prove(tx, &caller, &cell) } else { open(tx, &caller, &cell) }
    });
    match opened.await {
        Ok(()) => Word::Yes,
        Err(GateError::Denied(denied)) => Word::of(denied),
        Err(other) => panic!("{other}"),
    }
}

fn open(tx: &Tx<'_>, caller: &Caller, cell: &Cell) -> Result<(), GateError> {
    fn with<C: Class>(tx: &Tx<'_>, caller: &Caller, cell: &Cell) -> Result<(), GateError> {
        let account = tx.account_at(&address(cell.place.account().expect("an account")))?.expect("it is there");
        let name = MailboxName::parse(cell.place.mailbox()).expect("a name");
        tx.open_named::<C>(caller, account, &name).map(|_: Access<'_, C>| ())
    }
    match cell.column.as_str() {
        "lookup" => with::<Lookup>(tx, caller, cell),
        "read" => with::<Read>(tx, caller, cell),
        "change-flags" => with::<ChangeFlags>(tx, caller, cell),
        "insert" => with::<Insert>(tx, caller, cell),
        "create-child" => with::<CreateChild>(tx, caller, cell),
        "delete-mailbox" => with::<DeleteMailbox>(tx, caller, cell),
        "remove" => with::<Remove>(tx, caller, cell),
        "move-out" => with::<MoveOut>(tx, caller, cell),
        "own-rights" => with::<OwnRights>(tx, caller, cell),
        "administer" => with::<Administer>(tx, caller, cell),
        other => panic!("the gate has no class for {other}"),
    }
}

fn prove(tx: &Tx<'_>, caller: &Caller, cell: &Cell) -> Result<(), GateError> {
    fn with<D: DutyClass>(tx: &Tx<'_>, caller: &Caller, cell: &Cell) -> Result<(), GateError> {
        let proof = match cell.place.account() {
            Some(account) => tx.authority_on::<D>(caller, tx.account_at(&address(account))?.expect("it is there")),
            None => tx.authority::<D>(caller),
        };
        proof.map(|_: Authority<'_, D>| ())
    }
    match cell.column.as_str() {
        "read-account" => with::<ReadAccount>(tx, caller, cell),
        "read-grants" => with::<ReadGrants>(tx, caller, cell),
        "read-organisation" => with::<ReadOrganisation>(tx, caller, cell),
        "manage-self" => with::<ManageSelf>(tx, caller, cell),
        "expire" => with::<Expire>(tx, caller, cell),
        "manage-grants" => with::<ManageGrants>(tx, caller, cell),
        "manage-credentials" => with::<ManageCredentials>(tx, caller, cell),
        "check-out" => with::<CheckOut>(tx, caller, cell),
        "manage-policy" => with::<ManagePolicy>(tx, caller, cell),
        "revoke" => with::<Revoke>(tx, caller, cell),
        "read-audit" => with::<ReadAudit>(tx, caller, cell),
        "suspend" => with::<Suspend>(tx, caller, cell),
        "resume" => with::<Resume>(tx, caller, cell),
        "open-private" => with::<OpenPrivate>(tx, caller, cell),
        "manage-people" => with::<ManagePeople>(tx, caller, cell),
        "manage-administrators" => with::<ManageAdministrators>(tx, caller, cell),
        "set-passwords" => with::<SetPasswords>(tx, caller, cell),
        "manage-groups" => with::<ManageGroups>(tx, caller, cell),
        "manage-domains" => with::<ManageDomains>(tx, caller, cell),
        "manage-shared" => with::<ManageShared>(tx, caller, cell),
        "collect" => with::<Collect>(tx, caller, cell),
        "import" => with::<Import>(tx, caller, cell),
        "manage-queue" => with::<ManageQueue>(tx, caller, cell),
        "run-queue" => with::<RunQueue>(tx, caller, cell),
        other => panic!("the gate has no class for {other}"),
    }
}
