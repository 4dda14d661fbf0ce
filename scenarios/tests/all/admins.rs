//! Who administers the organisation: made and ended by a sign-in or the operator, and of those
//! who can sign in one stays. docs/decisions/0020-administrators.md.

use crate::people::address;
use crate::rest_people::{staffed, trail};
use postern_app::Refused;
use postern_testkit::{House, PASSWORD, RestAnswer, RestClient, scenario};

const ON: &str = r#"{"admin":true}"#;
const OFF: &str = r#"{"admin":false}"#;

async fn set(asker: &mut RestClient, name: &str, admin: &str) -> RestAnswer {
    asker.ask("PATCH", &format!("/api/v1/persons/{name}@example.org"), Some(admin)).await
}

async fn suspend(asker: &mut RestClient, name: &str) -> RestAnswer {
    asker.ask("POST", &format!("/api/v1/persons/{name}@example.org/suspend"), None).await
}

/// Is it the rule that one stays, with what to do?
fn is_last(answer: &RestAnswer) {
    assert_eq!(answer.status, 409, "{}", answer.text);
    let detail = answer.detail();
    assert!(detail.starts_with("They are the last administrator who can sign in"), "{detail}");
    assert!(detail.ends_with("make another first: postern person set EMAIL --admin on"), "{detail}");
}

/// Who administers the organisation and can sign in.
async fn active(house: &House) -> Vec<String> {
    let people = house.app().persons(house.operator()).await.expect("the people");
    people.into_iter().filter(|row| row.admin && !row.suspended).map(|row| row.address).collect()
}

scenario! {
    /// Oona is made a second administrator: she administers from her next request on, and no
    /// longer than she is one. Each change is on her trail, one that changes nothing is not.
    async fn a_second_administrator_is_made(house: House) {
        staffed(&house).await;
        let mut admin = house.rest_as("admin@example.org").await;
        let mut oona = house.rest_as("oona@example.org").await;
        assert_eq!(oona.get("/api/v1/persons").await.status, 403);
        for name in ["oona", "nobody"] {
            assert_eq!(set(&mut oona, name, ON).await.status, 403, "{name}");
        }
        let made = set(&mut admin, "oona", ON).await;
        assert_eq!((made.status, made.document()["admin"].as_bool()), (200, Some(true)), "{}", made.text);
        assert_eq!(set(&mut admin, "oona", ON).await.status, 200);
        assert_eq!(oona.get("/api/v1/persons").await.status, 200);
        assert_eq!(set(&mut oona, "oona", OFF).await.status, 200, "another is left");
        assert_eq!(oona.get("/api/v1/persons").await.status, 403);
        let told = trail(&house, "oona@example.org", 2).await.into_iter().map(|(action, actor, _)| (action, actor));
        let by = |action: &str, actor: &str| (action.to_owned(), format!("{actor}@example.org"));
        let expected = [by("person.admin-taken", "oona"), by("person.admin-given", "admin")];
        assert_eq!(told.collect::<Vec<_>>(), expected);
        for absent in ["nobody", "support"] {
            assert_eq!(set(&mut admin, absent, ON).await.status, 404, "{absent}");
        }
        assert_eq!(set(&mut admin, "oona", "{}").await.status, 422);
    }

    /// An administrator whom a token made would outlast it.
    async fn a_token_makes_no_administrator(house: House) {
        staffed(&house).await;
        let mut admin = house.rest_as("admin@example.org").await;
        for role in ["admin", "owner", "auditor"] {
            let wish = format!(r#"{{"name":"{role}","role":"{role}"}}"#);
            let made = admin.ask("POST", "/api/v1/tokens", Some(&wish)).await.document();
            let mut script = house.rest().await.bearing(made["token"].as_str().expect("a token"));
            let refused = set(&mut script, "oona", ON).await;
            assert_eq!(refused.status, 403, "{role}: {}", refused.text);
            assert!(refused.detail().starts_with("This token may not"), "{role}: {}", refused.text);
        }
        assert_eq!(active(&house).await, ["admin@example.org"]);
    }

    /// The last one who can sign in is neither suspended nor ended; a suspended one does not
    /// count. The operator, who is there whatever happens, may do both.
    async fn the_last_administrator_stays(house: House) {
        staffed(&house).await;
        let mut admin = house.rest_as("admin@example.org").await;
        is_last(&suspend(&mut admin, "admin").await);
        is_last(&set(&mut admin, "admin", OFF).await);
        assert_eq!(set(&mut admin, "oona", ON).await.status, 200);
        assert_eq!(suspend(&mut admin, "oona").await.status, 200);
        is_last(&suspend(&mut admin, "admin").await);
        is_last(&set(&mut admin, "admin", OFF).await);
        assert_eq!(admin.get("/api/v1/persons").await.status, 200, "nothing of it happened");

        let (app, operator) = (house.app(), house.operator());
        app.set_admin(operator, &address("admin@example.org"), false).await.expect("the operator may");
        assert_eq!(admin.get("/api/v1/persons").await.status, 403);
        app.suspend_person(operator, &address("oona@example.org"), false).await.expect("resumed");
        app.suspend_person(operator, &address("oona@example.org"), true).await.expect("the operator may");
        assert_eq!(active(&house).await, [""; 0]);
        app.set_admin(operator, &address("dora@example.org"), true).await.expect("and makes another");
        house.rest().await.login("dora@example.org", PASSWORD).await;
    }

    /// Two who end each other at once: whoever comes second is refused, so one stays.
    async fn two_administrators_end_each_other_at_once(house: House) {
        staffed(&house).await;
        let (app, operator) = (house.app(), house.operator());
        for round in 0..4 {
            app.set_admin(operator, &address("admin@example.org"), true).await.expect("an administrator");
            app.set_admin(operator, &address("oona@example.org"), true).await.expect("an administrator");
            let ends = [("admin@example.org", "oona@example.org"), ("oona@example.org", "admin@example.org")];
            let mut under_way = Vec::new();
            for (by, whom) in ends {
                let (app, caller) = (app.clone(), house.acting_as(by).await);
                under_way.push(tokio::spawn(async move { app.set_admin(&caller, &address(whom), false).await }));
            }
            let mut refused = 0;
            for one in under_way {
                match one.await.expect("no panic") {
                    Ok(_) => {}
                    Err(Refused::Denied(_)) => refused += 1,
                    Err(other) => panic!("{other}"),
                }
            }
            assert_eq!((refused, active(&house).await.len()), (1, 1), "round {round}");
        }
    }
}
