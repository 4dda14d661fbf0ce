//! People as callers of use cases, for what REST does on their behalf.

use postern_app::{Attempt, Caller, Peer};
use postern_store::Origin;
use postern_testkit::{House, PASSWORD};
use postern_types::{Address, Secret};

/// An address that a story names.
pub fn address(text: &str) -> Address {
    Address::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Somebody who has signed in, as a caller of use cases.
pub async fn as_person(house: &House, email: &str) -> Caller {
    let attempt = Attempt {
        username: email.to_owned(),
        secret: Secret::new(PASSWORD),
        peer: Peer { address: None, encrypted: true },
        protocol: "rest",
        mechanism: "PLAIN",
    };
    let session = house.app().sign_in(attempt).await.unwrap_or_else(|error| panic!("{email}: {error}"));
    let origin = Origin::new(session.number(), "rest", String::new(), email.to_owned(), [7; 32]);
    Caller::new(session.actor().clone(), origin)
}
