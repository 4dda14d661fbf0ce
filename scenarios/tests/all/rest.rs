//! REST over a whole house: the table's own examples, in their order, are a story that works.

use postern_http::{Asker, ROUTES, Who, call_as};
use postern_testkit::{House, scenario};
use postern_types::Secret;
use serde_json::Value;

fn bearer(login: &Value) -> Asker {
    Asker::Bearer(Secret::new(login["token"].as_str().expect("a token")))
}

/// What the operator is answered.
async fn document(house: &House, target: &str, body: &str) -> Value {
    let body = Some(body.as_bytes().to_vec());
    let answered = call_as(house.app().clone(), &Asker::Operator(1000), "POST", target, body).await;
    serde_json::from_slice(&answered.expect("an answer").body).expect("a document")
}

scenario! {
    /// Every route succeeds once, as its example promises.
    async fn the_examples_of_the_table_are_a_story(house: House) {
        let mut person = Asker::Operator(1000);
        for route in ROUTES {
            let mut body = route.example_body.map(|body| body.as_bytes().to_vec());
            if route.operation == "credentials.unwrap" {
                // Its code is known once it is made, and its person has signed out before.
                let wrapped = r#"{"purpose":"backup","owner":"admin@example.org","reason":"copy","any_network":true,"wrap_for":"alice@example.org"}"#;
                let issued = document(&house, "/api/v1/shared/support@example.org/credentials", wrapped).await;
                body = Some(serde_json::json!({ "code": issued["code"] }).to_string().into_bytes());
                let login = r#"{"email":"alice@example.org","password":"still garden by the river"}"#;
                person = bearer(&document(&house, "/api/v1/login", login).await);
            }
            let is_theirs = route.who == Who::Person || route.operation == "tokens.revoke";
            let asker = if is_theirs { person.clone() } else { Asker::Operator(1000) };
            let answered = call_as(house.app().clone(), &asker, route.verb.method().as_str(), route.example, body).await;
            let answered = answered.expect("an answer");
            if route.operation == "login" {
                person = bearer(&serde_json::from_slice(&answered.body).expect("a document"));
            }
            assert_eq!(answered.status, route.status, "{}: {}", route.operation, String::from_utf8_lossy(&answered.body));
        }
    }

    /// A letter may hold anything, in clear or encoded, and is kept as it came.
    async fn a_letter_with_nul_everywhere(house: House) {
        house.person("alice@example.org").await;
        let letter = "From: =?utf-8?q?A=00B?= <a@example.net>\r\nSubject: =?utf-8?q?one=00two?=\r\n\
            Message-ID: <nul@example.net>\r\nContent-Type: text/plain; charset=utf-8; name=\"=?utf-8?q?=00?=\"\r\n\
            Content-Transfer-Encoding: quoted-printable\r\n\r\nbefore=00after\r\n";
        house.deliver("alice@example.org", letter).await;
        let mut alice = house.imap_as("alice@example.org").await;
        alice.ok("SELECT INBOX", "* 1 EXISTS").await;
        alice.ok("FETCH 1 (ENVELOPE BODYSTRUCTURE PREVIEW)", "FETCH").await;
        let bytes = alice.ok("FETCH 1 BODY.PEEK[]", "").await.literal().expect("the letter");
        assert!(bytes.ends_with(letter.as_bytes()));
        alice.ok("SEARCH SUBJECT two", "* SEARCH 1").await;
    }
}
