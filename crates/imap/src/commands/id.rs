//! ID (RFC 2971): who we are. What the client says of itself is neither kept nor logged.
//!
//! The version is told to those who are signed in: strangers need none (section 3.3 of the
//! RFC leaves every field to the server).

use crate::answer::{Completion, Handled};
use crate::connection::Client;

pub(crate) fn run(client: &mut Client) -> Handled {
    let fields = [("name", "Postern"), ("version", env!("CARGO_PKG_VERSION"))];
    let told = if client.signed_in.is_some() { fields.len() } else { 1 };
    client.reply().id(&fields[..told]);
    Ok(Completion::ok("Pleased to meet you"))
}
