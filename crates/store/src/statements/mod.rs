//! The SQL of the mail schema, by what it is about. Each statement says why it is there
//! and which index serves it; every one runs on both engines with the same text.

pub(crate) mod audit;
pub(crate) mod credentials;
pub(crate) mod delivery;
pub(crate) mod facts;
pub(crate) mod keys;
pub(crate) mod mailbox;
pub(crate) mod message;
pub(crate) mod networks;
pub(crate) mod people;
pub(crate) mod queue;
pub(crate) mod sending;
pub(crate) mod shared;
pub(crate) mod tokens;

/// Every statement of the store, for the test that prepares them all.
#[cfg_attr(not(test), expect(dead_code, reason = "the test every_statement_prepares walks the list"))]
pub(crate) fn all() -> impl Iterator<Item = &'static crate::sql::Statement> {
    let mail = [facts::ALL, mailbox::ALL, message::ALL, delivery::ALL, queue::ALL, sending::ALL];
    let house = [people::ALL, shared::ALL, tokens::ALL, credentials::ALL, keys::ALL, networks::ALL, audit::ALL];
    mail.into_iter().chain(house).flatten().copied()
}
