//! REST over a whole house: the table's own examples, in their order, are a story that works.

use crate::people::address;
use postern_access::{Actor, Job};
use postern_app::{Attempt, Peer, SubmitRecipient, SubmitRequest};
use postern_http::{Asker, ROUTES, Who, call_as};
use postern_store::{Caller, GateError, Origin, RunQueue, Tx};
use postern_testkit::{House, Sink, scenario};
use postern_types::Secret;
use serde_json::Value;
use std::sync::Arc;

fn bearer(login: &Value) -> Asker {
    Asker::Bearer(Secret::new(login["token"].as_str().expect("a token")))
}

/// What the operator is answered.
async fn document(house: &House, target: &str, body: &str) -> Value {
    let body = Some(body.as_bytes().to_vec());
    let answered = call_as(house.app().clone(), &Asker::Operator(1000), "POST", target, body).await;
    serde_json::from_slice(&answered.expect("an answer").body).expect("a document")
}

/// Alice sends the message of the examples to a server that takes it at no time, so it waits.
async fn submit(house: &House) -> Sink {
    let sink = Sink::start().await;
    sink.answer(|_| Some("451 4.2.1 Come back later".to_owned()));
    house.relay_to(&sink).await;
    let attempt = Attempt {
        username: "alice@example.org".into(),
        secret: Secret::new("still garden by the river"),
        peer: Peer { address: None, encrypted: true },
        protocol: "submission",
        mechanism: "PLAIN",
    };
    let session = house.app().sign_in(attempt).await.expect("a session");
    let to = SubmitRecipient { address: "customer@example.net".into(), notify: None, original: None };
    let request = SubmitRequest {
        id: "msg_abcdefghijkl".into(),
        raw: Arc::new(b"From: alice@example.org\r\nTo: customer@example.net\r\n\r\nPlease try now.\r\n".to_vec()),
        received: "Received: by mail.example.org\r\n".into(),
        reverse_path: Some(address("alice@example.org")),
        recipients: vec![to],
        smtputf8: false,
        return_full: None,
        envelope_id: None,
        hold_until: None,
    };
    house.app().submit(&session, request).await.expect("submitted");
    sink
}

/// Mail of a campaign to the customer of the examples came back for good.
async fn suppress(house: &House) {
    let origin = Origin::new(0, "queue", String::new(), "submission".into(), [7; 32]);
    let job = Caller::new(Actor::Job(Job::Submission), origin);
    let write = house.app().db().write(move |tx: &Tx<'_>| -> Result<(), GateError> {
        let account = tx.account_at(&address("support@example.org"))?.expect("the mailbox");
        Ok(tx.authority::<RunQueue>(&job)?.suppress(account, "customer@example.net", "550 5.1.1 No such user")?)
    });
    write.await.expect("suppressed");
}

scenario! {
    /// Every route succeeds once, as its example promises.
    async fn the_examples_of_the_table_are_a_story(house: House) {
        let mut person = Asker::Operator(1000);
        let mut sink = None;
        for route in ROUTES {
            match route.operation {
                "shared.suppressed" => suppress(&house).await,
                "queue.list" => sink = Some(submit(&house).await),
                _ => {}
            }
            let mut body = route.example_body.map(|body| body.as_bytes().to_vec());
            if route.operation == "credentials.unwrap" {
                // Its code is known once it is made, and its person has signed out before.
                let wrapped = r#"{"purpose":"backup","owner":"admin@example.org","reason":"copy","any_network":true,"wrap_for":"alice@example.org"}"#;
                let issued = document(&house, "/api/v1/shared/support@example.org/credentials", wrapped).await;
                body = Some(serde_json::json!({ "code": issued["code"] }).to_string().into_bytes());
                let login = r#"{"email":"alice@example.org","password":"still garden by the river"}"#;
                person = bearer(&document(&house, "/api/v1/login", login).await);
            }
            if route.operation == "invitation.take" {
                let invited = document(&house, "/api/v1/persons/alice@example.org/invitation", "").await;
                let taken = serde_json::json!({ "code": invited["code"], "password": "loud garden by the river" });
                body = Some(taken.to_string().into_bytes());
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
        assert!(sink.is_some(), "something waited to be sent");
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
