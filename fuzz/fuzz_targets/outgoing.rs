//! What one of ours submits, and what the house puts into it: any bytes, with edits of any text. The properties are
//! those of the tests of the crate.
//!
//! The first byte says which edits are made, the first line what of: up to eight texts with a tab between them.

#![no_main]

#[path = "../../crates/mime/tests/properties/outgoing.rs"]
mod properties;

use libfuzzer_sys::fuzz_target;
use postern_mime::Edits;
use postern_types::Timestamp;

fuzz_target!(|input: &[u8]| {
    let [choice, input @ ..] = input else { return };
    let end = input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len());
    let (line, message) = (&input[..end], input.get(end + 1..).unwrap_or_default());
    let line = String::from_utf8_lossy(line);
    let mut texts = line.split('\t').chain(std::iter::repeat(""));
    let mut chosen = |bit: u8| texts.next().filter(|_| choice & bit != 0);
    let (sender, name, address, message_id, sent_by) = (chosen(1), chosen(2), chosen(2), chosen(4), chosen(8));
    let recipients: Vec<&str> = if choice & 32 == 0 { Vec::new() } else { texts.take(3).collect() };
    let recipients = &recipients;
    let date = (choice & 16 != 0).then(|| Timestamp(i64::from(*choice).wrapping_mul(message.len() as i64) << 32));
    let from = name.zip(address);
    properties::check_outgoing(message, &Edits { sender, from, message_id, date, sent_by, recipients });
});
