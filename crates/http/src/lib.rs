//! REST over the house: nouns under `/api/v1/`, described by `/api/v1/openapi.json`.
//!
//! One table of routes ([`ROUTES`]) feeds dispatch, the OpenAPI description and the tests
//! that probe every route. This crate translates: JSON into use cases of `postern-app`,
//! refusals into problem details (RFC 9457). It decides nothing about who may do what.
//!
//! Whoever acts is known by [`PeerUid`], which the server takes from the kernel for a
//! connection of the administration socket. A connection without it may ask for health and
//! for the description, and for nothing else.

mod access;
mod audit;
mod delegates;
mod dispatch;
mod dns;
mod domains;
mod groups;
mod health;
pub mod model;
mod openapi;
mod persons;
mod problem;
mod route;
mod shared;
mod story;
mod table;
mod time;

pub use dispatch::{Answered, PeerUid, call, router};
pub use openapi::description;
pub use problem::Kind;
pub use route::{Route, Verb, Who};
pub use story::line;
pub use table::ROUTES;
pub use time::{parse_date, show_date};
