//! The client's side against made-up input: whatever is said to us or given to us, an answer stays
//! in its bounds, a command in its line, and a message in its DATA.

#[path = "properties/client.rs"]
mod properties;

use postern_smtp_wire::client::{MailLine, RcptLine};
use postern_smtp_wire::{Body, Notify, ReturnContent};
use properties::{check_answers, check_data, check_mail_line, check_rcpt_line, check_reply};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// Cuts bytes at the places given, modulo what is left.
fn pieces<'a>(mut bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for cut in cuts {
        let (piece, rest) = bytes.split_at(cut % (bytes.len() + 1));
        pieces.push(piece);
        bytes = rest;
    }
    pieces.push(bytes);
    pieces
}

/// Text in which everything that could end a line, a path or a parameter is common.
fn hostile_text() -> impl Strategy<Value = String> {
    let tricks = prop_oneof![
        Just("\r\n".to_owned()),
        Just("\n.\r\n".to_owned()),
        Just("> SIZE=1".to_owned()),
        Just("a@example.org".to_owned()),
        Just("\"".to_owned()),
        Just("\\".to_owned()),
        Just("@".to_owned()),
        Just(" ".to_owned()),
        Just("\u{2028}\u{85}\0".to_owned()),
        Just("é".to_owned()),
        "[a-z<>+=;,.]{1,4}",
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(tricks, 0..8).prop_map(|parts| parts.concat())
}

/// Lines in which CR, LF and dots are common.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let parts = prop_oneof![
        Just(b"\r\n".to_vec()),
        Just(b".".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r\n.\r\n".to_vec()),
        Just(b"MAIL FROM:<>".to_vec()),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(parts, 0..30).prop_map(|parts| parts.concat())
}

fn notify() -> impl Strategy<Value = Notify> {
    let on = any::<[bool; 3]>().prop_map(|[success, failure, delay]| Notify::On { success, failure, delay });
    prop_oneof![Just(Notify::Never), on]
}

proptest! {
    /// No byte that a server may send makes the reader fail otherwise than by saying so, and what it
    /// gives is printable and short.
    #[test]
    fn answers_stay_in_their_bounds(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "(([2-5][0-9]{2}[ -]?)?[ -~\t\r]{0,20}\r?\n){0,8}".prop_map(String::into_bytes),
            "(250-(AUTH|SIZE|LIMITS|AUTH=)[ =A-Z0-9]{0,20}\r\n){0,8}250 .\r\n".prop_map(String::into_bytes),
        ],
        cuts in prop::collection::vec(any::<usize>(), 0..6),
    ) {
        check_answers(&bytes, &pieces(&bytes, &cuts));
    }

    /// What our server says is what a client of ours reads.
    #[test]
    fn a_reply_is_read_as_it_was_given(
        code in 200_u16..600,
        enhanced in (0_u16..1000, 0_u16..1000),
        texts in prop::collection::vec(prop_oneof![hostile_text(), Just("long ".repeat(300))], 1..4),
    ) {
        check_reply(code, enhanced, &texts.iter().map(String::as_str).collect::<Vec<_>>());
    }

    /// A line is refused, or is one command with that address and those parameters, and nothing more.
    #[test]
    fn mail_stays_in_its_line(
        path in prop_oneof![hostile_text(), Just("a@example.org".to_owned())],
        id in option::of(hostile_text()),
        (size, smtputf8) in (option::of(any::<u64>()), any::<bool>()),
        body in option::of(select(vec![Body::SevenBit, Body::EightBitMime, Body::BinaryMime])),
        return_content in option::of(select(vec![ReturnContent::Full, ReturnContent::Headers])),
    ) {
        let envelope_id = id.as_deref();
        check_mail_line(&MailLine { reverse_path: &path, size, body, smtputf8, return_content, envelope_id });
    }

    /// The same of RCPT.
    #[test]
    fn rcpt_stays_in_its_line(
        path in prop_oneof![hostile_text(), Just("a@example.org".to_owned())],
        smtputf8 in any::<bool>(),
        notify in option::of(notify()),
        original in option::of(("(rfc822|x-400|utf-8|[ -~]{0,3})", hostile_text())),
    ) {
        let original = original.as_ref().map(|(kind, address)| (kind.as_str(), address.as_str()));
        check_rcpt_line(&RcptLine { recipient: &path, smtputf8, notify, original });
    }

    /// Our own server reads one message, with nothing behind it and no line end that stands alone.
    #[test]
    fn a_message_stays_in_its_data(message in message(), cuts in prop::collection::vec(any::<usize>(), 0..6)) {
        check_data(&message, &pieces(&message, &cuts));
    }
}
