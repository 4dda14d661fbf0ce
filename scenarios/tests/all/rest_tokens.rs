//! What a token that was made, or found, does not reach: passwords, private mail, addresses
//! that only an office sees, and guessing without end. docs/decisions/0013-tokens.md.

use crate::direct::{issue, wish};
use crate::people::address;
use crate::rest_people::{staffed, trail};
use postern_app::{CredentialWish, Purpose};
use postern_testkit::{House, PASSWORD, RestAnswer, RestClient, scenario};

/// A program with a token that the bearer of `person` made.
async fn program(house: &House, person: &mut RestClient, role: &str) -> RestClient {
    program_called(house, person, role, role).await
}

async fn program_called(house: &House, person: &mut RestClient, name: &str, role: &str) -> RestClient {
    let wish = format!(r#"{{"name":"{name}","role":"{role}"}}"#);
    let made = person.ask("POST", "/api/v1/tokens", Some(&wish)).await;
    assert_eq!(made.status, 201, "{}", made.text);
    house.rest().await.bearing(made.document()["token"].as_str().expect("a token"))
}

fn kind(answer: &RestAnswer) -> (u16, String) {
    let document = answer.document();
    let kind = document["type"].as_str().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    (answer.status, kind.to_owned())
}

fn is(status: u16, kind: &str) -> (u16, String) {
    (status, kind.to_owned())
}

scenario! {
    /// Neither a token nor a login makes itself a password: who bears one would outlast it.
    async fn a_token_sets_no_password(house: House) {
        staffed(&house).await;
        let mut admin = house.rest_as("admin@example.org").await;
        let mut script = program(&house, &mut admin, "admin").await;
        let new = r#"{"password":"a garden of my own"}"#;
        let own = "/api/v1/persons/admin@example.org/password";
        let refused = admin.ask("PUT", own, Some(new)).await;
        assert_eq!(kind(&refused), is(409, "forbidden"), "{}", refused.text);
        assert!(refused.detail().contains("/api/v1/me/password"), "{}", refused.text);
        for whose in [own, "/api/v1/persons/oona@example.org/password", "/api/v1/persons/nobody@example.org/password"] {
            assert_eq!(kind(&script.ask("PUT", whose, Some(new)).await), is(403, "token-too-narrow"), "{whose}");
        }
        let set = admin.ask("PUT", "/api/v1/persons/oona@example.org/password", Some(new)).await;
        assert_eq!(set.status, 200, "{}", set.text);
        house.rest().await.login("admin@example.org", PASSWORD).await;
        house.rest().await.login("oona@example.org", "a garden of my own").await;
        // Whoever adds people still does.
        let added = script.ask("POST", "/api/v1/persons", Some(r#"{"address":"nina@example.org"}"#)).await;
        assert_eq!(added.status, 201, "{}", added.text);
    }

    /// What was blocked stays so: a token that was found takes back, and lets nobody in again.
    async fn a_token_makes_policy_stricter_alone(house: House) {
        staffed(&house).await;
        let mut admin = house.rest_as("admin@example.org").await;
        let mut script = program(&house, &mut admin, "admin").await;
        for policy in ["/api/v1/policy", "/api/v1/shared/support@example.org/policy"] {
            for stricter in [r#"{"max_life_seconds":86400}"#, r#"{"purposes":["backup"]}"#, r#"{"direct_sign_in":"blocked"}"#] {
                let set = script.ask("PATCH", policy, Some(stricter)).await;
                assert_eq!(set.status, 200, "{stricter}: {}", set.text);
            }
            for looser in [
                r#"{"max_life_seconds":0}"#,
                r#"{"max_life_seconds":90000}"#,
                r#"{"purposes":["backup","role"]}"#,
                r#"{"direct_sign_in":"allowed"}"#,
                r#"{"direct_sign_in":"by-approval","max_life_seconds":60}"#,
            ] {
                let refused = script.ask("PATCH", policy, Some(looser)).await;
                assert_eq!(kind(&refused), is(403, "token-too-narrow"), "{looser}");
                assert_eq!(refused.detail(), "A token only makes policy stricter; sign in to loosen it");
            }
            let ended = script.ask("PATCH", policy, Some(r#"{"end_credentials":true}"#)).await;
            assert_eq!(ended.status, 200, "{}", ended.text);
        }
        let zone = script.ask("PATCH", "/api/v1/policy", Some(r#"{"time_zone":"Europe/Berlin"}"#)).await;
        assert_eq!(kind(&zone), is(403, "token-too-narrow"), "hours are told in it");
        let allowed = admin.ask("PATCH", "/api/v1/policy", Some(r#"{"direct_sign_in":"allowed"}"#)).await;
        assert_eq!(allowed.status, 200, "{}", allowed.text);
    }

    /// What a token shows it does not hide again: of a credential that its person uses it says that it is
    /// too narrow.
    async fn a_token_is_too_narrow_for_what_it_shows(house: House) {
        staffed(&house).await;
        house.person("carol@example.org").await;
        let holder = address("carol@example.org");
        let role = CredentialWish { holder: Some(holder), ..wish(Purpose::Role) };
        let owner = address("oona@example.org");
        let issued = issue(&house, CredentialWish { owner, ..role }).await;
        let mut carol = house.rest_as("carol@example.org").await;
        let path = format!("/api/v1/credentials/{}", issued.row.public_id);
        for (name, open, revoke) in [("auditor", 403, 403), ("owner", 403, 200)] {
            let mut script = program(&house, &mut carol, name).await;
            assert_eq!(script.get(&path).await.status, 200, "{name}");
            let opened = script.ask("POST", &format!("{path}/open"), Some("{}")).await;
            assert_eq!(kind(&opened), is(open, "token-too-narrow"), "{name}: {}", opened.text);
            let revoked = script.ask("POST", &format!("{path}/revoke"), Some("{}")).await;
            assert_eq!(revoked.status, revoke, "{name}: {}", revoked.text);
        }
    }

    /// A token for shared mailboxes opens the private one of its person to nobody.
    async fn a_token_opens_no_private_mailbox_to_others(house: House) {
        staffed(&house).await;
        let mut oona = house.rest_as("oona@example.org").await;
        let to_sam = "/api/v1/shared/oona@example.org/delegates/sam@example.org";
        for role in ["owner", "admin"] {
            let mut script = program(&house, &mut oona, role).await;
            let given = script.ask("PUT", to_sam, Some(r#"{"role":"reader"}"#)).await;
            assert_eq!(kind(&given), is(403, "token-too-narrow"), "{role}: {}", given.text);
            let support = "/api/v1/shared/support@example.org/delegates/sam@example.org";
            assert_eq!(script.ask("PUT", support, Some(r#"{"role":"reader"}"#)).await.status, 200, "{role}");
        }
        let given = oona.ask("PUT", to_sam, Some(r#"{"role":"reader"}"#)).await;
        assert_eq!(given.status, 200, "it is hers to give, as herself: {}", given.text);
        let mut script = program_called(&house, &mut oona, "taking", "owner").await;
        assert_eq!(script.ask("DELETE", to_sam, None).await.status, 200, "a token takes away");
    }

    /// Nor by taking away the grant that narrowed a broader one: it would give what that held back.
    async fn a_token_takes_no_narrowing_grant_from_private_mail(house: House) {
        staffed(&house).await;
        let mut oona = house.rest_as("oona@example.org").await;
        let to_sam = "/api/v1/shared/oona@example.org/delegates/sam@example.org";
        for terms in [
            r#"{"role":"full-access"}"#,
            r#"{"rights":"lr","mailbox":"Archive"}"#,
            r#"{"role":"owner","mailbox":"Drafts"}"#,
        ] {
            assert_eq!(oona.ask("PUT", to_sam, Some(terms)).await.status, 200, "{terms}");
        }
        for role in ["owner", "admin"] {
            let mut script = program(&house, &mut oona, role).await;
            let widened = script.ask("DELETE", &format!("{to_sam}?mailbox=Archive"), None).await;
            assert_eq!(kind(&widened), is(403, "token-too-narrow"), "{role}: {}", widened.text);
        }
        let mut script = program_called(&house, &mut oona, "taking", "owner").await;
        let narrowed = script.ask("DELETE", &format!("{to_sam}?mailbox=Drafts"), None).await;
        assert_eq!(narrowed.status, 200, "what gives nothing is taken: {}", narrowed.text);
        let widened = oona.ask("DELETE", &format!("{to_sam}?mailbox=Archive"), None).await;
        assert_eq!(widened.status, 200, "it is hers to give, as herself: {}", widened.text);
        assert_eq!(script.ask("DELETE", to_sam, None).await.status, 200);
    }

    /// Nor does the administration that a token is made for: not by conversion, not by a group
    /// that somebody has shared their own mailbox with. As themselves, administrators do both.
    async fn a_token_makes_nobodys_mailbox_shared(house: House) {
        staffed(&house).await;
        let mut admin = house.rest_as("admin@example.org").await;
        let mut script = program(&house, &mut admin, "admin").await;
        let convert = "/api/v1/shared/oona@example.org/convert-from-person";
        let to_sam = r#"{"members":["sam@example.org"],"confirm":true}"#;
        let refused = script.ask("POST", convert, Some(to_sam)).await;
        assert_eq!(kind(&refused), is(403, "token-too-narrow"), "{}", refused.text);
        assert!(refused.detail().contains("; sign in for it"), "{}", refused.text);
        let nobody = script.ask("POST", &convert.replace("oona@", "nobody@"), Some(to_sam)).await;
        assert_eq!(nobody.detail(), refused.detail(), "before anything is looked up");
        let still_hers = house.rest_as("oona@example.org").await.get("/api/v1/me").await;
        assert_eq!(still_hers.status, 200, "{}", still_hers.text);

        assert_eq!(admin.ask("POST", convert, Some(to_sam)).await.status, 200);
    }

    async fn a_token_lets_nobody_into_a_group_that_reads_private_mail(house: House) {
        staffed(&house).await;
        let mut admin = house.rest_as("admin@example.org").await;
        let mut oona = house.rest_as("oona@example.org").await;
        let mut script = program(&house, &mut admin, "admin").await;
        let team = r#"{"address":"team@example.org","members":["dora@example.org"]}"#;
        assert_eq!(script.ask("POST", "/api/v1/groups", Some(team)).await.status, 201);
        let member = |name: &str| format!("/api/v1/groups/team@example.org/members/{name}@example.org");
        let to_team = "/api/v1/shared/oona@example.org/delegates/team@example.org";
        let until = postern_http::show_date(house.app().now().plus_ms(60 * 60 * 1000));
        let given = oona.ask("PUT", to_team, Some(&format!(r#"{{"role":"reader","until":"{until}"}}"#))).await;
        assert_eq!(given.status, 200, "{}", given.text);

        let refused = script.ask("PUT", &member("sam"), None).await;
        assert_eq!(kind(&refused), is(403, "token-too-narrow"), "{}", refused.text);
        assert!(refused.detail().contains("sign in"), "{}", refused.text);
        // A shared mailbox reads nothing by a group; to take somebody out is refused to nobody.
        assert_eq!(script.ask("PUT", &member("support"), None).await.status, 200);
        assert_eq!(script.ask("DELETE", &member("dora"), None).await.status, 200);
        assert_eq!(admin.ask("PUT", &member("dora"), None).await.status, 200, "as themselves they may");

        house.pass_minutes(61);
        assert_eq!(script.ask("PUT", &member("sam"), None).await.status, 200, "what Oona gave has ended");
    }

    /// Who is let back has all they held again, and may be an administrator: it would outlast
    /// the token. Suspending takes away, and is refused to no administrator's token.
    async fn a_token_suspends_and_lets_nobody_back(house: House) {
        staffed(&house).await;
        let mut admin = house.rest_as("admin@example.org").await;
        let mut script = program(&house, &mut admin, "admin").await;
        let oona = |verb: &str| format!("/api/v1/persons/oona@example.org/{verb}");
        assert_eq!(script.ask("POST", &oona("suspend"), None).await.status, 200);
        let refused = script.ask("POST", &oona("resume"), None).await;
        assert_eq!(kind(&refused), is(403, "token-too-narrow"), "{}", refused.text);
        assert!(refused.detail().contains("; sign in for it"), "{}", refused.text);
        assert_eq!(admin.ask("POST", &oona("resume"), None).await.status, 200);
    }

    /// Law 4 for a token of role owner in an administrator's hand: what only the office sees is
    /// answered as what is not there, so one that leaked tells no address.
    async fn a_narrow_token_names_no_address(house: House) {
        staffed(&house).await;
        let mut admin = house.rest_as("admin@example.org").await;
        let mut oona = house.rest_as("oona@example.org").await;
        let mut script = program(&house, &mut admin, "owner").await;
        for target in [
            "/api/v1/shared/support@example.org",
            "/api/v1/shared/support@example.org/delegates",
            "/api/v1/shared/support@example.org/access",
            "/api/v1/audit?account=support@example.org",
            "/api/v1/tokens?person=support@example.org",
        ] {
            let hidden = script.get(target).await;
            let absent = script.get(&target.replace("support@", "nothing@")).await;
            assert!(hidden.status >= 400, "{target}: {}", hidden.text);
            let text = hidden.text.replace("support@", "nothing@");
            assert_eq!((hidden.status, text), (absent.status, absent.text), "{target}");
        }
        let tokens = oona.get("/api/v1/tokens").await.document();
        let id = tokens["tokens"][0]["id"].as_str().expect("an id").to_owned();
        let hidden = script.ask("DELETE", &format!("/api/v1/tokens/{id}"), None).await;
        let absent = script.ask("DELETE", "/api/v1/tokens/tok_aaaaaaaa", None).await;
        assert_eq!((hidden.status, hidden.text.replace(&id, "tok_aaaaaaaa")), (404, absent.text));
        assert_eq!(oona.get("/api/v1/me").await.status, 200);
    }

    /// A token of one's own that can not be ended this way is there all the same.
    async fn an_auditor_is_told_that_the_token_is_too_narrow(house: House) {
        staffed(&house).await;
        let mut oona = house.rest_as("oona@example.org").await;
        let mut script = program(&house, &mut oona, "auditor").await;
        let refused = script.ask("DELETE", "/api/v1/tokens/auditor", None).await;
        assert_eq!(kind(&refused), is(403, "token-too-narrow"), "{}", refused.text);
        assert_eq!(kind(&script.ask("DELETE", "/api/v1/tokens/tok_aaaaaaaa", None).await), is(404, "absent"));
        assert_eq!(oona.ask("DELETE", "/api/v1/tokens/auditor", None).await.status, 200);
    }

    /// Guessing the password with a login in hand, or tokens without one, ends the connection
    /// after as many as at signing in; a new password that breaks a rule is no guess.
    async fn guesses_are_counted_wherever_they_are_made(house: House) {
        staffed(&house).await;
        let mut oona = house.rest_as("oona@example.org").await;
        let change = |current: &str, new: &str| format!(r#"{{"current_password":"{current}","password":"{new}"}}"#);
        let short = oona.ask("PUT", "/api/v1/me/password", Some(&change(PASSWORD, "x"))).await;
        assert_eq!((short.status, short.header("connection")), (422, None), "{}", short.text);
        let mut closes = Vec::new();
        for guess in ["one guess", "another guess", "a third guess"] {
            let wrong = oona.ask("PUT", "/api/v1/me/password", Some(&change(guess, "a garden of my own"))).await;
            assert_eq!((wrong.status, wrong.detail().contains("is another one")), (422, true), "{}", wrong.text);
            closes.push(wrong.header("connection").map(str::to_owned));
        }
        assert_eq!(closes, [None, None, Some("close".to_owned())]);
        oona.closed().await;
        house.rest().await.login("oona@example.org", PASSWORD).await;

        let mut guesser = house.rest().await.bearing("ptnt_nothing");
        let mut closes = Vec::new();
        for _ in 0..3 {
            let wrong = guesser.get("/api/v1/me").await;
            assert_eq!(wrong.status, 401, "{}", wrong.text);
            closes.push(wrong.header("connection").map(str::to_owned));
        }
        assert_eq!(closes, [None, None, Some("close".to_owned())]);
        guesser.closed().await;
    }

    /// A login that ran out is over for every count: a conversion ends what lives, and the
    /// expiry job writes the end of the others down, once.
    async fn tokens_that_ran_out_are_ended(house: House) {
        staffed(&house).await;
        let mut oona = house.rest_as("oona@example.org").await;
        let sam = house.rest_as("sam@example.org").await;
        let mut script = program(&house, &mut oona, "owner").await;
        assert_eq!(house.app().expire_tokens().await.expect("the job"), 0, "they live");
        house.pass_days(1);
        assert_eq!(oona.get("/api/v1/me").await.status, 401, "a login lasts half a day");
        let converted = house.app().convert_from_person(house.operator(), &address("sam@example.org"), &[]).await;
        assert_eq!(converted.expect("it is shared").ended.ended_credentials, 1, "his password alone");
        drop(sam);

        assert_eq!(house.app().expire_tokens().await.expect("the job"), 2);
        assert_eq!(house.app().expire_tokens().await.expect("the job"), 0, "each once");
        let told = trail(&house, "oona@example.org", 1).await;
        assert_eq!((told[0].0.as_str(), told[0].2.as_str()), ("token.expired", "job"), "{told:?}");
        assert_eq!(script.get("/api/v1/me").await.status, 200, "a token has an end of its own");
    }
}
