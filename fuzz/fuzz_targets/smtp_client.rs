//! The client's side of SMTP against any bytes: answers of the next server, envelopes and messages that go to it. The
//! properties are those of the tests of the crate.
//!
//! The first byte chooses what is asked, the second where the rest is cut.

#![no_main]

#[path = "../../crates/smtp-wire/tests/properties/client.rs"]
mod properties;

use libfuzzer_sys::fuzz_target;
use postern_smtp_wire::client::{MailLine, RcptLine};
use postern_smtp_wire::{Body, Notify, ReturnContent};

fn check_lines(choice: u8, text: &str) {
    let mut texts = text.split('\t').chain(std::iter::repeat(""));
    let [path, id, kind, address] = std::array::from_fn(|_| texts.next().unwrap_or_default());
    let smtputf8 = choice & 4 != 0;
    properties::check_mail_line(&MailLine {
        reverse_path: path,
        size: (choice & 8 != 0).then_some(u64::MAX / (1 + text.len() as u64)),
        body: [None, Some(Body::SevenBit), Some(Body::EightBitMime), Some(Body::BinaryMime)][usize::from(choice >> 6)],
        smtputf8,
        return_content: (choice & 16 != 0).then_some(ReturnContent::Headers),
        envelope_id: (choice & 32 != 0).then_some(id),
    });
    let [success, failure, delay] = [64, 128, 8].map(|bit| choice & bit != 0);
    let notify = if choice & 16 == 0 { Notify::Never } else { Notify::On { success, failure, delay } };
    properties::check_rcpt_line(&RcptLine {
        recipient: path,
        smtputf8,
        notify: (choice & 32 != 0).then_some(notify),
        original: (choice & 8 != 0).then_some((kind, address)),
    });
}

fuzz_target!(|input: &[u8]| {
    let [choice, cut, rest @ ..] = input else { return };
    let pieces: Vec<&[u8]> = rest.chunks(1 + usize::from(*cut)).collect();
    match choice % 4 {
        0 => properties::check_answers(rest, &pieces),
        1 => check_lines(*choice, &String::from_utf8_lossy(rest)),
        2 => properties::check_data(rest, &pieces),
        _ => {
            let text = String::from_utf8_lossy(rest);
            let texts: Vec<&str> = text.split('\t').collect();
            let number = u16::from(*cut) * (u16::from(*choice) + 1);
            properties::check_reply(200 + number % 400, (number, u16::from(*choice)), &texts);
        }
    }
});
