//! Command lines of any bytes, with everything offered: parameters of MAIL and RCPT, BDAT, xtext and times of release.
//! The properties are those of the tests of the crate.
//!
//! The first byte chooses a protocol and a beginning, so that parameters are reached at once.

#![no_main]

#[path = "../../crates/smtp-wire/tests/properties/commands.rs"]
mod properties;

use libfuzzer_sys::fuzz_target;
use postern_smtp_wire::Protocol;

const BEGINNINGS: [&[u8]; 8] = [
    b"",
    b"MAIL FROM:<",
    b"MAIL FROM:<a@example.org> ",
    b"MAIL FROM:<> HOLDUNTIL=",
    b"MAIL FROM:<> ENVID=",
    b"RCPT TO:<",
    b"RCPT TO:<a@example.org> ORCPT=",
    b"BDAT ",
];

fuzz_target!(|input: &[u8]| {
    let [choice, rest @ ..] = input else { return };
    let protocol = [Protocol::Submission, Protocol::Smtp, Protocol::Lmtp][usize::from(choice >> 3) % 3];
    let line = [BEGINNINGS[usize::from(choice % 8)], rest].concat();
    let _ = properties::check_command(&line, &properties::everything(protocol));
});
