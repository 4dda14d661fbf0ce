//! REST as a person, over the real https listener: signing in, tokens, and a delegate with role
//! owner who manages the delegates of their mailbox without being an administrator.

use postern_app::{AuditQuery, Peer};
use postern_store::{Caller, GateError, Origin, Read};
use postern_testkit::{House, PASSWORD, RestAnswer, scenario};
use postern_types::{Address, MailboxName, Secret};

const SUPPORT: &str = "/api/v1/shared/support@example.org";

/// support@ belongs to Oona; Dora works in it; Sam has no part in it.
pub async fn staffed(house: &House) {
    for name in ["oona", "dora", "sam"] {
        house.person(&format!("{name}@example.org")).await;
    }
    house.shared("support@example.org").await;
    house.grant("support@example.org", "oona@example.org", "lrswipkxtea").await;
    house.grant("support@example.org", "dora@example.org", "lrsw").await;
}

fn delegate(name: &str) -> String {
    format!("{SUPPORT}/delegates/{name}@example.org")
}

async fn suspend(house: &House, email: &str, suspended: bool) {
    let address = Address::parse(email).expect("an address");
    house.app().suspend_person(house.operator(), &address, suspended).await.expect("a person");
}

/// Actions on the trail of an account, newest first, each with who did it and how.
pub async fn trail(house: &House, account: &str, most: usize) -> Vec<(String, String, String)> {
    let account = Some(Address::parse(account).expect("an address"));
    let query = AuditQuery { account, most, ..AuditQuery::default() };
    let rows = house.app().audit(house.operator(), query).await.expect("the trail");
    rows.into_iter().map(|row| (row.action, row.actor.unwrap_or_default(), row.protocol)).collect()
}

fn ended(answer: &RestAnswer) {
    assert_eq!((answer.status, answer.detail().as_str()), (401, "Your sign-in has ended"), "{}", answer.text);
    // RFC 6750 section 3.1.
    assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"postern\", error=\"invalid_token\""));
}

scenario! {
    /// docs/decisions/0008: who reads the trail of one mailbox sees its delegates go and come
    /// back by a suspension, those by a group too, and nobody else.
    async fn a_suspended_delegate_is_told_on_the_trail_of_each_mailbox(house: House) {
        staffed(&house).await;
        let (app, operator) = (house.app(), house.operator());
        house.shared("billing@example.org").await;
        house.person("greta@example.org").await;
        let (team, dora) = (Address::parse("team@example.org").expect("an address"), "dora@example.org");
        let members = [dora, "greta@example.org"].map(|text| Address::parse(text).expect("an address"));
        app.add_group(operator, &team, &postern_types::DisplayName::default(), &members).await.expect("a group");
        house.grant("billing@example.org", "team@example.org", "lr").await;
        house.grant("billing@example.org", "oona@example.org", "lrswipkxtea").await;
        for suspended in [true, true, false] {
            suspend(&house, dora, suspended).await;
        }
        suspend(&house, "sam@example.org", true).await;

        let mut oona = house.rest_as("oona@example.org").await;
        for mailbox in ["support@example.org", "billing@example.org"] {
            let page = oona.get(&format!("/api/v1/audit?account={mailbox}&limit=100")).await.document();
            let page: postern_http::model::AuditPage = serde_json::from_value(page).expect("a page");
            let told = page.events.iter().filter(|event| event.action.starts_with("grant.holder"));
            let told: Vec<String> = told.map(|event| postern_http::line(event)[22..].to_owned()).collect();
            let expected = [
                format!("operator(0) let dora@example.org back, who is a delegate of {mailbox} (socket)"),
                format!("operator(0) suspended dora@example.org, who is a delegate of {mailbox} (socket)"),
            ];
            assert_eq!(told, expected);
        }
    }

    /// Oona gives Sam two letters and takes them back; each act is hers on the trail, and holds
    /// in Sam's mail program at once.
    async fn an_owner_manages_their_delegates(house: House) {
        staffed(&house).await;
        let mut oona = house.rest_as("oona@example.org").await;
        let mut sam = house.imap_as("sam@example.org").await;
        sam.no("SELECT Shared/support@example.org/INBOX", "[NONEXISTENT] No such mailbox").await;

        let given = oona.ask("PUT", &delegate("sam"), Some(r#"{"rights":"lr"}"#)).await;
        assert_eq!((given.status, given.document()["rights"].as_str()), (200, Some("lr")), "{}", given.text);
        assert_eq!(given.document()["given_by"], "oona@example.org");
        sam.ok("SELECT Shared/support@example.org/INBOX", "[READ-ONLY]").await;

        let taken = oona.ask("DELETE", &delegate("sam"), None).await;
        assert_eq!((taken.status, taken.document()["removed"].as_u64()), (200, Some(1)), "{}", taken.text);
        sam.no("SELECT Shared/support@example.org/INBOX", "[NONEXISTENT] No such mailbox").await;

        let told = trail(&house, "support@example.org", 3).await;
        let by_oona = |action: &str| (action.to_owned(), "oona@example.org".to_owned(), "rest".to_owned());
        assert!(told.contains(&by_oona("grant.given")) && told.contains(&by_oona("grant.revoked")), "{told:?}");
        let read = oona.get("/api/v1/audit?account=support@example.org").await;
        assert_eq!(read.document()["events"][0]["action"], "grant.revoked", "an owner reads the trail of their mailbox");

        // Nobody gives what they do not hold, and the organisation is not hers.
        let refused = oona.ask("PUT", &delegate("sam"), Some(r#"{"rights":"lr","send_as":true}"#)).await;
        assert_eq!((refused.status, refused.detail().contains("for you do not hold it")), (403, true), "{}", refused.text);
        let refused = oona.ask("POST", "/api/v1/shared", Some(r#"{"address":"more@example.org"}"#)).await;
        let text = "You may not manage shared mailboxes; ask an administrator of the organisation";
        assert_eq!((refused.status, refused.detail().as_str()), (403, text));
    }

    /// What was done is answered as done, also where it took from them the right to look.
    async fn an_owner_who_steps_down_is_told_so(house: House) {
        staffed(&house).await;
        let mut oona = house.rest_as("oona@example.org").await;
        let given = oona.ask("PUT", &delegate("oona"), Some(r#"{"rights":"lr"}"#)).await;
        assert_eq!((given.status, given.document()["rights"].as_str()), (200, Some("lr")), "{}", given.text);
        assert_eq!((given.document()["grantee"].as_str(), given.document()["reach"].as_str()), (Some("oona@example.org"), Some("account")));
        let refused = oona.ask("PUT", &delegate("sam"), Some(r#"{"rights":"lr"}"#)).await;
        assert_eq!(refused.status, 403, "she has stepped down: {}", refused.text);
    }

    /// The trail of a deleted mailbox can be asked for by the number that its end tells, by those
    /// who read the trail of the organisation; whoever has its address now has another trail.
    async fn a_deleted_mailbox_keeps_a_trail_that_is_found(house: House) {
        staffed(&house).await;
        let support = Address::parse("support@example.org").expect("an address");
        house.app().remove_shared(house.operator(), &support).await.expect("removed");
        house.pass_days(30);
        assert_eq!(house.app().expire().await.expect("the job runs"), 1);
        house.shared("support@example.org").await;
        house.grant("support@example.org", "oona@example.org", "lrswipkxtea").await;
        let mut admin = house.rest_as("admin@example.org").await;
        let all = admin.get("/api/v1/audit?limit=500").await.document();
        let events = all["events"].as_array().expect("events");
        let deleted = events.iter().find(|event| event["action"] == "shared.deleted").expect("its end");
        let number = deleted["detail"].as_str().expect("a number").to_owned();
        assert!(number.starts_with("acc_"), "{number}");

        let old = admin.get(&format!("/api/v1/audit?account={number}")).await;
        assert_eq!(old.status, 200, "{}", old.text);
        let old = old.document();
        let actions: Vec<&str> = old["events"].as_array().expect("events").iter().filter_map(|event| event["action"].as_str()).collect();
        assert_eq!(actions, ["shared.deleted", "shared.removed", "grant.given", "grant.given", "shared.added"]);
        let new = admin.get("/api/v1/audit?account=support@example.org").await.document();
        assert_eq!(new["events"].as_array().map(Vec::len), Some(2), "made and given: {new}");
        // The owner of the new one has no part in the old, whatever number they try (law 4).
        let mut oona = house.rest_as("oona@example.org").await;
        let mut heard = Vec::new();
        for number in [number.as_str(), "acc_1", "acc_99999"] {
            let refused = oona.get(&format!("/api/v1/audit?account={number}")).await;
            heard.push((refused.status, refused.detail()));
        }
        assert_eq!(heard[0].0, 403, "{heard:?}");
        assert!(heard.iter().all(|one| *one == heard[0]), "{heard:?}");
        let wrong = admin.get("/api/v1/audit?account=acc_x").await;
        assert_eq!(wrong.status, 422, "{}", wrong.text);
    }

    /// A delegate without `a` is told whom to ask; to someone without a part in it the mailbox
    /// is not there (law 4).
    async fn a_delegate_is_helped_and_a_stranger_learns_nothing(house: House) {
        staffed(&house).await;
        let mut dora = house.rest_as("dora@example.org").await;
        let refused = dora.ask("PUT", &delegate("sam"), Some(r#"{"rights":"lr"}"#)).await;
        let text = "You may not manage the delegates of this mailbox; ask one of its owners";
        assert_eq!((refused.status, refused.detail().as_str()), (403, text));
        let list = dora.get("/api/v1/shared").await;
        assert_eq!(list.document()["shared"][0]["address"], "support@example.org");

        let mut sam = house.rest_as("sam@example.org").await;
        for (method, tail, body) in [
            ("GET", "", None),
            ("GET", "/delegates", None),
            ("PUT", "/delegates/sam@example.org", Some("{}")),
            ("DELETE", "/delegates/dora@example.org", None),
        ] {
            let hidden = sam.ask(method, &format!("{SUPPORT}{tail}"), body).await;
            let absent = sam.ask(method, &format!("/api/v1/shared/nothing@example.org{tail}"), body).await;
            assert_eq!(hidden.status, 404, "{}", hidden.text);
            assert_eq!(hidden.text.replace("support@", "nothing@"), absent.text);
        }
        assert_eq!(sam.get("/api/v1/shared").await.document()["shared"].as_array().map(Vec::len), Some(0));
    }

    /// What a token may ends with the token, its person's suspension, or its time; and each is
    /// answered as one that never was.
    async fn a_token_ends_at_once(house: House) {
        staffed(&house).await;
        let mut oona = house.rest_as("oona@example.org").await;
        let made = oona.ask("POST", "/api/v1/tokens", Some(r#"{"name":"rota","role":"owner"}"#)).await.document();
        let token = made["token"].as_str().expect("a token").to_owned();
        let mut program = house.rest().await.bearing(&token);
        assert_eq!(program.ask("PUT", &delegate("sam"), Some(r#"{"rights":"lr"}"#)).await.status, 200);
        // It makes no further token, whatever its person may.
        let refused = program.ask("POST", "/api/v1/tokens", Some(r#"{"name":"more","role":"owner"}"#)).await;
        assert_eq!(refused.document()["type"], "/api/v1/problems/token-too-narrow", "{}", refused.text);

        suspend(&house, "oona@example.org", true).await;
        let (suspended, other) = (program.get(SUPPORT).await, oona.get("/api/v1/me").await);
        ended(&suspended);
        ended(&other);
        suspend(&house, "oona@example.org", false).await;
        assert_eq!(program.get(SUPPORT).await.status, 200, "it was set aside, not ended");

        assert_eq!(oona.ask("DELETE", "/api/v1/tokens/rota", None).await.status, 200);
        let revoked = program.get(SUPPORT).await;
        ended(&revoked);
        let never = house.rest().await.bearing("ptnt_nothing").get(SUPPORT).await;
        assert_eq!((&revoked.text, &suspended.text), (&never.text, &never.text));

        let token = oona.token().to_owned();
        assert_eq!(oona.ask("POST", "/api/v1/logout", None).await.status, 200);
        ended(&oona.get("/api/v1/me").await);
        ended(&house.rest().await.bearing(&token).get("/api/v1/me").await);
        let actions: Vec<String> =
            trail(&house, "oona@example.org", 20).await.into_iter().map(|(action, ..)| action).collect();
        let expected = [
            "token.revoked",
            "token.revoked",
            "person.resumed",
            "person.suspended",
            "token.created",
            "token.created",
            "sign-in.accepted",
        ];
        assert_eq!(actions[..7], expected, "{actions:?}");
    }

    /// docs/decisions/0013: a token administers, and the gate opens no mailbox to it, not even
    /// its person's own.
    async fn no_token_opens_a_mailbox(house: House) {
        staffed(&house).await;
        let oona = house.rest_as("oona@example.org").await;
        let peer = Peer { address: None, encrypted: true };
        let bearer = house.app().bearer(&Secret::new(oona.token()), &peer).await.expect("a bearer");
        let (db, actor) = (house.app().db(), bearer.actor().clone());
        let herself = Caller::new(actor, Origin::new(0, "test", String::new(), "oona@example.org".into(), [0; 32]));
        for (caller, opens) in [(herself, true), (bearer, false)] {
            let seen = db.read(move |tx| -> Result<_, GateError> {
                let own = tx.account_at(&Address::parse("oona@example.org").expect("an address"))?.expect("an account");
                let shared = tx.account_at(&Address::parse("support@example.org").expect("an address"))?.expect("an account");
                let inbox = MailboxName::parse("INBOX").expect("a name");
                let open = |account| tx.open_named::<Read>(&caller, account, &inbox).is_ok();
                Ok((tx.list(&caller, None)?.len(), open(own), open(shared)))
            });
            let seen = seen.await.expect("an answer");
            assert_eq!(seen, if opens { (2, true, true) } else { (0, false, false) });
        }
    }

    /// A password that is changed takes with it what was got by it, and asks for itself first.
    async fn a_login_ends_with_its_password(house: House) {
        staffed(&house).await;
        let (mut oona, mut elsewhere) = (house.rest_as("oona@example.org").await, house.rest_as("oona@example.org").await);
        let made = oona.ask("POST", "/api/v1/tokens", Some(r#"{"name":"rota","role":"auditor"}"#)).await.document();
        let mut program = house.rest().await.bearing(made["token"].as_str().expect("a token"));
        let mut imap = house.imap_as("oona@example.org").await;

        let change = |current: &str| format!(r#"{{"current_password":"{current}","password":"another garden gate"}}"#);
        let wrong = oona.ask("PUT", "/api/v1/me/password", Some(&change("not my password"))).await;
        assert_eq!((wrong.status, wrong.detail().contains("is another one")), (422, true), "{}", wrong.text);
        assert_eq!(trail(&house, "oona@example.org", 1).await[0].0, "sign-in.failed");
        let changed = oona.ask("PUT", "/api/v1/me/password", Some(&change(PASSWORD))).await;
        assert_eq!(changed.status, 200, "{}", changed.text);

        ended(&elsewhere.get("/api/v1/me").await);
        assert_eq!(imap.closed().await, ["* BYE Your sign-in has ended"]);
        assert_eq!(oona.get("/api/v1/me").await.status, 200, "who changed it goes on");
        assert_eq!(program.get("/api/v1/shared").await.status, 200, "a token has an end of its own");
        assert_eq!(house.rest().await.try_login("oona@example.org", PASSWORD).await.status, 401);
        house.rest().await.login("oona@example.org", "another garden gate").await;

        // Set by an administrator, it ends them all.
        let mut admin = house.rest_as("admin@example.org").await;
        let set = admin.ask("PUT", "/api/v1/persons/oona@example.org/password", Some(r#"{"password":"a third garden gate"}"#)).await;
        assert_eq!(set.status, 200, "{}", set.text);
        ended(&oona.get("/api/v1/me").await);
    }

    /// One answer for every failed sign-in, each on the trail with its true reason, and after
    /// the third the connection ends.
    async fn failed_sign_ins_are_alike(house: House) {
        staffed(&house).await;
        suspend(&house, "dora@example.org", true).await;
        let mut guesser = house.rest().await;
        let mut answers = Vec::new();
        for (email, password) in
            [("oona@example.org", "wrong"), ("nobody@example.org", PASSWORD), ("dora@example.org", PASSWORD)]
        {
            answers.push(guesser.try_login(email, password).await);
        }
        assert_eq!((answers[0].status, answers[0].detail().as_str()), (401, "The name or the password is wrong"));
        assert!(answers.iter().all(|answer| answer.text == answers[0].text), "{answers:?}");
        assert_eq!(answers.iter().map(|answer| answer.header("connection")).collect::<Vec<_>>(), [None, None, Some("close")]);
        guesser.closed().await;
        assert_eq!(house.rest().await.try_login("support@example.org", PASSWORD).await.text, answers[0].text);
        let failed = trail(&house, "oona@example.org", 1).await;
        assert_eq!(failed[0].0, "sign-in.failed");
    }
}
