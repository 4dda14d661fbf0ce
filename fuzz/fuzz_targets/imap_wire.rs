//! Any bytes to the IMAP framer and grammar: nothing panics, no more than the limit is
//! held, and how the bytes are split into reads makes no difference.

#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_imap_wire::{CommandBody, Encoder, Event, Framer, decode_mailbox, encode_mailbox};
use postern_types::Limits;

const LINE_BYTES: usize = 512;

/// All events of `bytes` in pieces of `length`, as text; data of a message is joined.
fn events(bytes: &[u8], length: usize) -> String {
    let limits = Limits { line_bytes_before_sign_in: LINE_BYTES, message_bytes: 4096, ..Limits::default() };
    let mut framer = Framer::new(&limits);
    let mut seen = String::new();
    let mut out = Vec::new();
    for piece in bytes.chunks(length) {
        framer.push(piece);
        while let Some(event) = framer.next_event() {
            match event {
                Event::AppendData(data) => {
                    seen.extend(data.iter().map(|byte| char::from(*byte)));
                    continue;
                }
                Event::AppendStart(ref head) if head.size % 3 == 0 => {
                    seen.push_str(&format!("{head:?}\n"));
                    framer.refuse_append();
                    continue;
                }
                _ => seen.push_str(&format!("\n{event:?}\n")),
            }
            match event {
                Event::AppendStart(_) => framer.accept_append(),
                Event::Bad(bad) => Encoder::new(&mut out, false).bad_command(&bad),
                Event::Command(command) => match command.body {
                    CommandBody::Idle => framer.expect_done(),
                    CommandBody::Authenticate { .. } => framer.expect_response(),
                    _ => {}
                },
                _ => {}
            }
        }
        assert!(framer.pending_bytes() <= LINE_BYTES);
    }
    assert!(out.is_ascii() && out.is_empty() == !out.ends_with(b"\r\n"));
    seen
}

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    assert_eq!(events(rest, usize::from(*first) + 1), events(rest, usize::MAX));
    if let Ok(name) = decode_mailbox(rest, false) {
        let mut wire = Vec::new();
        encode_mailbox(&mut wire, &name, false);
        assert!(wire.eq_ignore_ascii_case(rest));
    }
});
