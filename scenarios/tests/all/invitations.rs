//! Invitations: somebody chooses their own password with a code that is good once, and opens nothing.

use crate::rest_people::{staffed, trail};
use postern_testkit::{House, PASSWORD, RestAnswer, scenario};
use serde_json::json;

const SAM: &str = "/api/v1/persons/sam@example.org";
const CHOSEN: &str = "a ladder behind the house";

fn code(answer: &RestAnswer) -> String {
    assert_eq!(answer.status, 201, "{}", answer.text);
    let document = answer.document();
    let invitation = if document["invitation"].is_null() { &document } else { &document["invitation"] };
    invitation["code"].as_str().expect("a code").to_owned()
}

async fn take(house: &House, code: &str, password: &str) -> RestAnswer {
    let body = json!({ "code": code, "password": password }).to_string();
    house.rest().await.ask("POST", "/api/v1/invitation", Some(&body)).await
}

fn is_refused(answer: &RestAnswer) {
    assert_eq!(answer.status, 401, "{}", answer.text);
    let text = "That invitation is none that can be taken: it was used, its time is over, or it was not copied whole";
    assert_eq!(answer.detail(), text);
}

scenario! {
    /// Nobody knows a password of whoever is added but they; a second use, a slip of the hand, another
    /// invitation and the end of its time are one refusal.
    async fn an_invitation_is_good_once(house: House) {
        staffed(&house).await;
        let mut admin = house.rest_as("admin@example.org").await;
        let added = admin.ask("POST", "/api/v1/persons", Some(r#"{"address":"nina@example.org","invite":true}"#)).await;
        let first = code(&added);
        assert_eq!(house.rest().await.try_login("nina@example.org", CHOSEN).await.status, 401, "not yet");
        is_refused(&take(&house, &first[..first.len() - 1], CHOSEN).await);
        is_refused(&take(&house, "ptni_nothing", CHOSEN).await);
        // It is no token either.
        assert_eq!(house.rest().await.bearing(&first).get("/api/v1/me").await.status, 401);
        let short = take(&house, &first, "short").await;
        assert!(short.status == 422 && short.detail().contains("at least 15 characters"), "{}", short.text);

        let taken = take(&house, &first, CHOSEN).await;
        assert_eq!((taken.status, taken.document()["address"].as_str()), (200, Some("nina@example.org")), "{}", taken.text);
        house.rest().await.login("nina@example.org", CHOSEN).await;
        is_refused(&take(&house, &first, "another ladder behind it").await);
        house.rest().await.login("nina@example.org", CHOSEN).await;

        let invite = "/api/v1/persons/nina@example.org/invitation";
        let older = code(&admin.ask("POST", invite, None).await);
        let newer = code(&admin.ask("POST", invite, None).await);
        is_refused(&take(&house, &older, "another ladder behind it").await);
        house.pass_days(8);
        is_refused(&take(&house, &newer, "another ladder behind it").await);
        house.rest().await.login("nina@example.org", CHOSEN).await;
    }

    /// Who has no command line chooses their password on a page; what it refuses leaves the invitation good.
    async fn an_invitation_is_taken_on_a_page(house: House) {
        staffed(&house).await;
        let mut admin = house.rest_as("admin@example.org").await;
        let added = admin.ask("POST", "/api/v1/persons", Some(r#"{"address":"nina@example.org","invite":true}"#)).await;
        let code = code(&added);
        let mut browser = house.rest().await;
        let form = browser.send("GET", "/invitation", "", None).await;
        assert!(form.status == 200 && form.text.contains("<form method=\"post\" action=\"/invitation\">"), "{}", form.text);
        for (name, value) in [("content-type", "text/html"), ("content-security-policy", "default-src 'none'"),
            ("cache-control", "no-store"), ("referrer-policy", "no-referrer")] {
            let sent = form.headers.iter().any(|(known, sent)| known == name && sent.starts_with(value));
            assert!(sent, "{name}: {:?}", form.headers);
        }
        let typed = "Content-Type: application/x-www-form-urlencoded\r\n";
        let chosen = CHOSEN.replace(' ', "+");
        let long = "a".repeat(20_000);
        for (fields, status, why) in [
            (format!("code=ptni_%3Cb%3Enothing&password={chosen}&again={chosen}"), 403, "was used, its time is over"),
            (format!("code={code}&password={chosen}&again=other"), 422, "are not the same"),
            (format!("code={code}&password=short&again=short"), 422, "at least 15 characters"),
            (format!("code={code}"), 422, "Fill in"),
            (format!("code={long}"), 413, "at most 16384 bytes"),
        ] {
            let told = house.rest().await.send("POST", "/invitation", typed, Some(&fields)).await;
            assert_eq!(told.status, status, "{}", told.text);
            assert!(told.text.contains(why) && told.text.contains("<form") && !told.text.contains("<b>"), "{}", told.text);
            assert!(!told.text.contains("nina"), "{}", told.text);
            // What was typed as the invitation stands there again, and no password does.
            let typed = match fields.split(['=', '&']).nth(1) {
                Some("ptni_%3Cb%3Enothing") => " value=\"ptni_&lt;b&gt;nothing\"".to_owned(),
                Some(typed) if typed == code => format!(" value=\"{code}\""),
                _ => "placeholder=\"ptni_…\" required".to_owned(),
            };
            assert_eq!((told.text.contains(&typed), told.text.matches(" value=").count() <= 1), (true, true), "{}", told.text);
            assert!(!told.text.contains(CHOSEN) && !told.text.contains("short\""), "{}", told.text);
            let kept = told.headers.iter().find(|(name, _)| name == "cache-control").map(|(_, value)| value.as_str());
            assert_eq!(kept, Some("no-store"));
        }
        let fresh = house.rest().await.send("GET", "/invitation", "", None).await;
        assert!(!fresh.text.contains(&code), "it is shown to whoever typed it alone");
        let fields = format!("code=+{code}%0A&password={chosen}&again={chosen}");
        let done = browser.send("POST", "/invitation", typed, Some(&fields)).await;
        assert!(done.status == 200 && done.text.contains("<strong>nina@example.org</strong>"), "{}", done.text);
        assert!(done.text.contains(&format!("port {}, TLS", house.listener("imaps").port())), "{}", done.text);
        house.imap("nina").await.login("nina@example.org", CHOSEN).await;
        assert_eq!(browser.send("POST", "/invitation", typed, Some(&fields)).await.status, 403, "it is good once");
        assert_eq!(browser.send("DELETE", "/invitation", "", None).await.status, 405);
    }

    /// What was got by the password before ends when an invitation is taken, and not before. The trail
    /// says who invited and who took it, and has no code.
    async fn who_takes_an_invitation_is_alone_with_their_password(house: House) {
        staffed(&house).await;
        let mut admin = house.rest_as("admin@example.org").await;
        let mut sam = house.rest_as("sam@example.org").await;
        let mut reading = house.imap_as("sam@example.org").await;
        let invitation = code(&admin.ask("POST", &format!("{SAM}/invitation"), None).await);
        assert_eq!(sam.get("/api/v1/me").await.status, 200, "it changes nothing by itself");
        let list = sam.get("/api/v1/tokens").await.document();
        let roles: Vec<&str> = list["tokens"].as_array().unwrap().iter().filter_map(|token| token["role"].as_str()).collect();
        assert_eq!(roles, ["login", "invitation"], "who is invited sees it");

        assert_eq!(take(&house, &invitation, CHOSEN).await.status, 200);
        assert_eq!(sam.get("/api/v1/me").await.status, 401);
        reading.send(b"a NOOP\r\n").await;
        let said = reading.closed().await;
        assert!(said.iter().any(|line| line.starts_with("* BYE")), "a session of the password before: {said:?}");
        assert_eq!(house.rest().await.try_login("sam@example.org", PASSWORD).await.status, 401);
        house.imap("sam").await.login("sam@example.org", CHOSEN).await;
        let told = trail(&house, "sam@example.org", 20).await;
        for (act, actor) in [("person.invited", "admin@example.org"), ("person.invitation-taken", "sam@example.org")] {
            assert!(told.contains(&(act.to_owned(), actor.to_owned(), "rest".to_owned())), "{act}: {told:#?}");
        }
        assert!(house.kept_in(invitation.rsplit('_').next().expect("a code")).await.is_empty());
    }

    /// Nobody is invited by who may not set passwords, to a shared mailbox, or to their own; and whoever is
    /// suspended takes none.
    async fn an_invitation_goes_to_somebody_else(house: House) {
        staffed(&house).await;
        let mut admin = house.rest_as("admin@example.org").await;
        let made = admin.ask("POST", "/api/v1/tokens", Some(r#"{"name":"script","role":"admin"}"#)).await.document();
        let mut script = house.rest().await.bearing(made["token"].as_str().expect("a token"));
        let invite = |whose: &str| format!("/api/v1/persons/{whose}/invitation");
        assert_eq!(script.ask("POST", &invite("sam@example.org"), None).await.status, 403, "it would outlast the token");
        let mut oona = house.rest_as("oona@example.org").await;
        assert_eq!(oona.ask("POST", &invite("sam@example.org"), None).await.status, 403);
        assert_eq!(admin.ask("POST", &invite("admin@example.org"), None).await.status, 409, "their own");
        assert_eq!(admin.ask("POST", &invite("nobody@example.org"), None).await.status, 404);
        let shared = admin.ask("POST", &invite("support@example.org"), None).await;
        assert!(shared.detail().contains("is a shared mailbox and has no password"), "{}", shared.text);
        let both = r#"{"address":"nina@example.org","password":"a ladder behind the house","invite":true}"#;
        assert_eq!(admin.ask("POST", "/api/v1/persons", Some(both)).await.status, 422);

        let invitation = code(&admin.ask("POST", &invite("sam@example.org"), None).await);
        assert_eq!(admin.ask("POST", &format!("{SAM}/suspend"), None).await.status, 200);
        is_refused(&take(&house, &invitation, CHOSEN).await);
        assert_eq!(admin.ask("POST", &format!("{SAM}/resume"), None).await.status, 200);
        is_refused(&take(&house, &invitation, CHOSEN).await);
        let invitation = code(&admin.ask("POST", &invite("sam@example.org"), None).await);
        // A password that somebody sets in between ends it.
        let set = admin.ask("PUT", &format!("{SAM}/password"), Some(r#"{"password":"a garden of my own"}"#)).await;
        assert_eq!(set.status, 200, "{}", set.text);
        is_refused(&take(&house, &invitation, CHOSEN).await);
    }

    /// Of two who take one invitation at once, one has it.
    async fn two_take_one_invitation(house: House) {
        staffed(&house).await;
        let mut admin = house.rest_as("admin@example.org").await;
        let invitation = code(&admin.ask("POST", &format!("{SAM}/invitation"), None).await);
        let passwords = ["a ladder behind the house", "another ladder behind it"];
        let (one, other) = tokio::join!(take(&house, &invitation, passwords[0]), take(&house, &invitation, passwords[1]));
        let mut both = [one.status, other.status];
        both.sort_unstable();
        assert_eq!(both, [200, 401], "{} {}", one.text, other.text);
        let winner = if one.status == 200 { passwords[0] } else { passwords[1] };
        house.rest().await.login("sam@example.org", winner).await;
    }
}
