//! A compressed connection (RFC 4978): any bytes as a client's stream, and any bytes that are said to it.
//!
//! The first byte chooses the direction, the second where the rest is cut.

#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_imap::fuzzing::{deflate, inflate};

/// More than that is not asked for: a stream may be much longer than what it came from.
const MOST: usize = 1 << 20;

/// A stream means the same however it is cut, up to where it is none any more.
fn check_came(stream: &[u8], pieces: &[&[u8]]) {
    let (whole, went) = inflate(&[stream], MOST);
    let (cut, cut_went) = inflate(pieces, MOST);
    let shorter = whole.len().min(cut.len());
    assert!(whole[..shorter] == cut[..shorter]);
    if whole.len().max(cut.len()) < MOST {
        assert_eq!(went.is_err(), cut_went.is_err(), "{went:?} whole, {cut_went:?} cut");
        assert!(went.is_err() || whole.len() == cut.len());
    }
}

/// What is said comes out as it was, whatever was said before; and each write can be read when it is there.
fn check_said(writes: &[&[u8]]) {
    let said = deflate(writes).unwrap_or_else(|error| panic!("{error}"));
    for count in 0..=writes.len() {
        let pieces: Vec<&[u8]> = said[..count].iter().map(Vec::as_slice).collect();
        let (heard, went) = inflate(&pieces, usize::MAX);
        assert!(went.is_ok() && heard == writes[..count].concat());
    }
}

fuzz_target!(|input: &[u8]| {
    let [choice, cut, rest @ ..] = input else { return };
    let pieces: Vec<&[u8]> = rest.chunks(1 + usize::from(*cut)).collect();
    match choice % 2 {
        0 => check_came(rest, &pieces),
        // Each prefix is read anew, so few of them.
        _ => check_said(&rest.chunks(1 + rest.len() / 8).collect::<Vec<_>>()),
    }
});
