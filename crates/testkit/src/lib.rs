//! What tests need to see the house from outside: people, scripted clients, both engines,
//! real mail.
//!
//! A scenario is one story told over the real wire; [`scenario!`] runs it on SQLite and on
//! PostgreSQL. A test that is told to run on SQLite alone (`POSTERN_TEST_ENGINES=sqlite`)
//! says so and passes over the other.

mod clock;
mod corpus;
mod dns;
mod engine;
mod house;
mod imap;
mod lmtp;
pub mod power;
mod rest;
mod sink;
mod smtp;

pub use corpus::corpus;
pub use dns::{FakeDns, ZoneLine};
pub use engine::{Engine, TestDatabase};
pub use house::{House, HouseBuilder, PASSWORD, trusting};
pub use imap::{Answer, ImapClient};
pub use lmtp::{LmtpClient, stuffed, with_crlf};
pub use rest::{RestAnswer, RestClient};
pub use sink::{Asked, Sink, Taken};
pub use smtp::SmtpClient;

/// Runs one story on both engines, each in a runtime and a data folder of its own.
///
/// ```
/// use postern_testkit::{House, scenario};
/// scenario! {
///     /// Whoever signs in sees their own INBOX.
///     async fn own_inbox(house: House) {
///         house.person("alice@example.org").await;
///         let mut imap = house.imap_as("alice@example.org").await;
///         imap.ok("SELECT INBOX", "[READ-WRITE]").await;
///     }
/// }
/// ```
///
/// `scenario! { by how; … }` tells them in a house that the function `how` says more of, from [`HouseBuilder`] to
/// [`HouseBuilder`].
#[macro_export]
macro_rules! scenario {
    ($(#[$doc:meta])* async $($rest:tt)+) => { $crate::scenario! { by |house| house; $(#[$doc])* async $($rest)+ } };
    (by $how:expr; $($(#[$doc:meta])* async fn $name:ident($house:ident: House) $story:block)+) => { $(
        $(#[$doc])*
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn story($house: $crate::House) $story

            #[test]
            fn sqlite() {
                $crate::run_by($crate::Engine::Sqlite, $how, story);
            }

            #[test]
            fn postgres() {
                $crate::run_by($crate::Engine::Postgres, $how, story);
            }
        }
    )+ };
}

/// Runs a story on one engine, in a house of which `how` says more. [`scenario!`] calls it.
pub fn run_by<F: Future<Output = ()>>(
    engine: Engine,
    how: impl FnOnce(HouseBuilder) -> HouseBuilder,
    story: impl FnOnce(House) -> F,
) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        if let Some(house) = how(House::builder(engine)).start().await {
            story(house).await;
        }
    });
}
