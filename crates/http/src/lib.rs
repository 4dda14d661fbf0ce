//! REST over the house: nouns under `/api/v1/`, described by `/api/v1/openapi.json`.
//!
//! One table of routes ([`ROUTES`]) feeds dispatch, the OpenAPI description and the tests
//! that probe every route. This crate translates: JSON into use cases of `postern-app`,
//! refusals into problem details (RFC 9457). It decides nothing about who may do what.
//!
//! Beside it stands the set-up help of mail programs (`set_up`), whose forms are others'.
//!
//! A person is known by the bearer token of the request (`who`), an operator by [`PeerUid`],
//! which the server takes from the kernel for a connection of the administration socket.
//! Without either one may ask for health and for the description, and sign in.

mod access;
mod audit;
mod certificate;
mod challenges;
mod credentials;
mod delegates;
mod dispatch;
mod dns;
mod domains;
/// For the fuzz targets alone (`cargo xtask fuzz`): what reads the requests of strangers, which nobody outside may
/// otherwise call.
#[cfg(fuzzing)]
pub mod fuzzing {
    pub use crate::import::fuzzing::*;
    pub use crate::set_up::fuzzing::*;
}
mod groups;
mod health;
mod import;
mod invitation;
mod keys;
mod metrics;
pub mod model;
mod openapi;
mod persons;
mod policy;
mod problem;
mod queue;
mod route;
mod set_up;
mod shared;
mod sign_in;
mod sign_ins;
mod story;
mod table;
mod time;
mod tokens;
mod visit;
mod who;

pub use challenges::{CHALLENGE_PATH, Challenges, Pending};
pub use dispatch::{Answered, call, call_as, router};
pub use dns::records as dns_records;
pub use metrics::{METRICS, MayMeasure, Metric, MetricKind, ProcessFigures};
pub use openapi::description;
pub use problem::Kind;
pub use route::{Route, Verb, Who};
pub use set_up::plain_router;
pub use story::line;
pub use table::ROUTES;
pub use time::{parse_date, show_date};
pub use visit::Visit;
pub use who::{Asker, PeerUid};
