//! Reports and notes that are made of any text, and reports of others that are any bytes. The properties are those of
//! the tests of the crate.
//!
//! The first byte chooses among kinds, the first line holds texts with a tab between them; the rest is a message.

#![no_main]

#[path = "../../crates/mime/tests/properties/report.rs"]
mod properties;

use libfuzzer_sys::fuzz_target;
use postern_mime::{Notice, Report, ReportKind, ReportRecipient};
use postern_types::Timestamp;

const KINDS: [ReportKind; 4] = [ReportKind::Failed, ReportKind::Delayed, ReportKind::Delivered, ReportKind::Relayed];

fuzz_target!(|input: &[u8]| {
    let [choice, input @ ..] = input else { return };
    properties::check_incoming(input);
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (line, message) = (&input[..end], input.get(end + 1..).unwrap_or_default());
    let line = String::from_utf8_lossy(line);
    let texts: Vec<&str> = line.split('\t').collect();
    let text = |number: usize| texts.get(number).copied();
    let some = |number: usize| text(number).unwrap_or_default();
    let at = Timestamp(i64::from(*choice).wrapping_sub(128).wrapping_mul(line.len() as i64) << 28);
    let recipient = |number: usize| ReportRecipient {
        final_recipient: some(5 + number),
        original: text(6 + number).zip(text(7 + number)),
        kind: KINDS[(usize::from(*choice) + number) % KINDS.len()],
        status: some(8 + number),
        remote_server: text(9 + number),
        diagnostic: text(10 + number),
        is_reply: choice & 4 != 0,
        last_attempt: (choice & 8 != 0).then_some(at),
        retry_until: (choice & 16 != 0).then_some(at),
    };
    let recipients: Vec<ReportRecipient<'_>> = (0..usize::from(choice >> 5)).map(recipient).collect();
    properties::check_report(&Report {
        hostname: some(0),
        from: some(1),
        to: some(2),
        message_id: some(3),
        at,
        envelope_id: text(4),
        arrived: (choice & 16 != 0).then_some(at),
        recipients: &recipients,
        original: message,
        return_full: choice & 4 != 0,
    });
    properties::check_notice(&Notice {
        from: some(0),
        to: some(1),
        at,
        message_id: some(2),
        in_reply_to: text(3),
        subject: some(4),
        paragraphs: texts.get(5..).unwrap_or_default(),
    });
});
