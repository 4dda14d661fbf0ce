//! What the database and its files hold, damaged or planted: a body in its stored form, what a credential may do, events
//! of the trail. An error is told or something of the right shape comes out; nothing panics and nothing grows beyond the
//! size that its row says.
//!
//! The first byte chooses which, the next two are a size.

#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_store::fuzzing::{pack, read_leaf, read_personal, read_scope, unpack, unpack_range, write_scope};

/// Two pieces and a bit: lengths of long bodies lie in a table.
const LARGEST: u64 = 530_000;

fn check_body(stored: &[u8], size: u64) {
    let whole = unpack(stored, size);
    if let Ok(whole) = &whole {
        assert_eq!(whole.len() as u64, size);
    }
    for range in [0..size, 0..1, size / 2..size, size..size + 9, size / 3..size / 2] {
        let Ok(some) = unpack_range(stored, size, range.clone()) else { continue };
        let (start, end) = (range.start.min(size) as usize, range.end.min(size) as usize);
        assert_eq!(some.len(), end - start, "{range:?} of {size}");
        if let Ok(whole) = &whole {
            assert!(some == whole[start..end], "{range:?} of {size}");
        }
    }
}

/// What is packed comes back; a body that repeats itself is longer than a piece.
fn check_packed(raw: &[u8], times: usize) {
    let raw = raw.repeat(times);
    let stored = pack(&raw).unwrap_or_else(|error| panic!("{error}"));
    assert!(unpack(&stored, raw.len() as u64).is_ok_and(|back| back == raw));
    check_body(&stored, raw.len() as u64);
}

fuzz_target!(|input: &[u8]| {
    let [choice, low, high, rest @ ..] = input else { return };
    let number = u64::from(u16::from_le_bytes([*low, *high]));
    match choice % 6 {
        0 => check_body(rest, number),
        1 => check_body(rest, (number << 4).min(LARGEST)),
        2 => check_packed(rest, 1),
        3 => check_packed(rest, (LARGEST as usize / rest.len().max(1)).min(number as usize)),
        4 => {
            if let Ok(scope) = read_scope(rest) {
                let stored = write_scope(&scope).unwrap_or_else(|error| panic!("{error}"));
                assert_eq!(read_scope(&stored).ok(), Some(scope));
            }
        }
        _ => {
            let _ = (read_leaf(rest), read_personal(rest));
        }
    }
});
