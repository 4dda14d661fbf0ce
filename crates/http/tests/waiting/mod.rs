//! Mail that waits to be sent, for tests of REST: nothing in them brings it away.

use postern_access::{Actor, Job};
use postern_app::{Attempt, House, Peer, SubmitRecipient, SubmitRequest};
use postern_store::{Caller, GateError, Origin, RunQueue, Tx};
use postern_types::{Address, Secret};
use std::sync::Arc;

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

/// Sends a message within the house, as `from`, and it waits under this id.
pub async fn submit(house: &House, (person, password): (&str, &str), from: &str, id: &str) {
    let attempt = Attempt {
        username: person.to_owned(),
        secret: Secret::new(password),
        peer: Peer { address: None, encrypted: true },
        protocol: "submission",
        mechanism: "PLAIN",
    };
    let session = house.sign_in(attempt).await.unwrap();
    let to = "admin@example.org";
    let raw = format!(
        "From: {from}\r\nTo: {to}\r\nSubject: private\r\nDate: Sun, 22 Nov 2026 21:00:00 +0000\r\n\
         Message-ID: <{id}@example.org>\r\n\r\nNobody's business.\r\n"
    );
    let request = SubmitRequest {
        id: id.to_owned(),
        raw: Arc::new(raw.into_bytes()),
        received: "Received: by mail.example.org\r\n".to_owned(),
        reverse_path: Some(address(from)),
        recipients: vec![SubmitRecipient { address: to.to_owned(), notify: None, original: None }],
        smtputf8: false,
        return_full: None,
        envelope_id: None,
        hold_until: None,
    };
    house.submit(&session, request).await.unwrap();
}

/// Mail of a campaign to this recipient came back for good.
pub async fn suppress(house: &House, shared: &str, recipient: &'static str) {
    let job = Caller::new(
        Actor::Job(Job::Submission),
        Origin::new(0, "queue", String::new(), "submission".to_owned(), [7; 32]),
    );
    let shared = address(shared);
    let write = house.db().write(move |tx: &Tx<'_>| -> Result<(), GateError> {
        let account = tx.account_at(&shared)?.unwrap();
        Ok(tx.authority::<RunQueue>(&job)?.suppress(account, recipient, "550 5.1.1 No such user")?)
    });
    write.await.unwrap();
}
