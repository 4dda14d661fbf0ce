//! The rows that are credentials: each is really issued, and what its label says is done to it.
//! They are asked of the gate; what they do by wire is told in `scope_model`.

use super::rows::Place;
use crate::people::address;
use postern_access::Actor;
use postern_app::{Caller, CredentialWish, DirectSignIn, GrantReach, Hours, Letters, Networks, PolicyChange, Purpose};
use postern_store::Origin;
use postern_testkit::House;
use postern_types::{Address, DisplayName, MailboxName};

/// The account that another account's credential is of.
pub const OTHER: &str = "other@example.org";
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What a row says of a credential.
struct Label<'a> {
    purpose: Purpose,
    /// What is done to it.
    what: &'a str,
}

impl Label<'_> {
    fn read(row: &str) -> Label<'_> {
        let label = row.strip_prefix("credential: ").expect("a row of a credential");
        let (first, what) = label.split_once([',', ' ']).unwrap_or((label, ""));
        let purpose = if first == "read-only" { Purpose::Backup } else { Purpose::parse(first).expect("a purpose") };
        Label { purpose, what: what.trim() }
    }
}

/// Somebody new, who answers for one credential or uses it.
async fn person(house: &House, number: usize, role: &str) -> Address {
    let person = address(&format!("{role}{number}@example.org"));
    house.app().add_person(house.operator(), &person, &DisplayName::default(), None).await.expect("a person");
    person
}

fn wish(house: &House, label: &Label<'_>, owner: Address, holder: Address) -> CredentialWish {
    let (purpose, now) = (label.purpose, house.now());
    let letters = match (purpose, label.what) {
        (_, "lenient") => Some(Letters::ReadOnly { lenient: true }),
        (Purpose::Other, _) => Some(Letters::SendOnly),
        _ => None,
    };
    let minute = |from_now: i64| (now.0 / 60_000 + from_now).rem_euclid(24 * 60);
    let drafts = || GrantReach::Mailbox(MailboxName::parse("Drafts").expect("a name"));
    CredentialWish {
        wrap_for: (label.what == "not opened yet").then(|| holder.clone()),
        holder: purpose.has_holder().then_some(holder),
        not_delegation: purpose.could_be_delegation().then(|| "it is tried".to_owned()),
        letters,
        mailboxes: if label.what == "of another mailbox alone" { vec![drafts()] } else { Vec::new() },
        networks: Some(Networks::Any),
        hours: (label.what == "outside its hours").then(|| Hours::of_minutes(minute(120), minute(240))).flatten(),
        expires: match (label.what, purpose) {
            ("expired", _) => Some(now.plus_ms(10 * 60 * 1000)),
            (_, Purpose::Task) => Some(now.plus_ms(DAY_MS)),
            _ => None,
        },
        ..CredentialWish::new(purpose, owner, "the matrix")
    }
}

/// Makes the credential of a row, the `number`th of them; answers it as a caller. On a person's
/// account there is none, so it is one of support@.
pub async fn arrange(house: &House, place: Place, row: &str, number: usize) -> Caller {
    let label = Label::read(row);
    let account = match (label.what, place) {
        ("of another account", _) => OTHER,
        (_, Place::Own | Place::Organisation) => "support@example.org",
        (_, place) => place.account().expect("an account"),
    };
    let (app, operator, account) = (house.app(), house.operator(), address(account));
    let policy = |direct_sign_in| PolicyChange { direct_sign_in: Some(direct_sign_in), ..PolicyChange::default() };
    app.set_policy(operator, Some(&account), policy(DirectSignIn::Allowed)).await.expect("a policy");
    let (owner, holder) = (person(house, number, "owner").await, person(house, number, "holder").await);
    let wish = wish(house, &label, owner.clone(), holder.clone());
    let issued = app.issue_credential(operator, &account, wish).await;
    let issued = issued.unwrap_or_else(|error| panic!("{row}: {error}")).row;
    let which = issued.public_id.as_str();
    if label.purpose.is_checked_out() && label.what != "shut" {
        app.open_credential(operator, which, None).await.expect("it is checked out");
    }
    match label.what {
        "suspended" => drop(app.suspend_credential(operator, which).await.expect("suspended")),
        "revoked" => drop(app.revoke_credential(operator, which, false).await.expect("revoked")),
        "expired" => house.pass_minutes(11),
        "blocked by policy" => {
            app.set_policy(operator, Some(&account), policy(DirectSignIn::Blocked)).await.expect("a policy");
        }
        "its owner suspended" => app.suspend_person(operator, &owner, true).await.expect("suspended"),
        "its holder gone" => drop(app.convert_from_person(operator, &holder, &[]).await.expect("gone")),
        ""
        | "lenient"
        | "of another mailbox alone"
        | "of another account"
        | "not opened yet"
        | "outside its hours"
        | "shut" => {}
        other => panic!("matrix.txt has a credential that is not built here: {other}"),
    }
    let actor = Actor::Credential { id: issued.facts.id, account: issued.facts.account };
    Caller::new(actor, Origin::new(0, "imap", String::new(), row.to_owned(), [7; 32]))
}
