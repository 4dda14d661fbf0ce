//! What `postern import` reads: an mbox, the names of files and folders in a Maildir, and fields of headers.
//!
//! The first byte chooses which, the second how the bytes are cut.

#![no_main]

#[path = "../../crates/postern/src/cli/import/date.rs"]
mod date;
#[path = "../../crates/postern/src/cli/import/file_name.rs"]
mod file_name;
#[path = "../../crates/postern/src/cli/import/header.rs"]
mod header;
#[path = "../../crates/postern/src/cli/import/lines.rs"]
mod lines;
#[path = "../../crates/postern/src/cli/import/mbox.rs"]
mod mbox;

use libfuzzer_sys::fuzz_target;
use postern_types::Flags;
use std::ffi::OsStr;
use std::io::{BufReader, Error};
use std::os::unix::ffi::OsStrExt;

const MOST: usize = 4096;

/// Number, date, bytes and place of each message; whether it is an mbox.
type Read = (Vec<(u64, Option<i64>, Option<Vec<u8>>, u64)>, bool);

fn read(bytes: &[u8], at_once: usize) -> Read {
    let mut found = Vec::new();
    let is_one = mbox::read(BufReader::with_capacity(at_once, bytes), MOST, |kept| {
        found.push((kept.number, kept.received, kept.bytes, kept.read));
        Ok::<_, Error>(())
    });
    (found, is_one.unwrap_or_else(|error| panic!("bytes in memory can be read: {error}")))
}

fn check_date(date: Option<i64>) {
    assert!(date.is_none_or(|date| date::in_range(date).is_some()), "{date:?}");
}

fn check_mbox(bytes: &[u8], at_once: usize) {
    let (found, is_one) = read(bytes, 1 << 16);
    assert_eq!(read(bytes, at_once), (found.clone(), is_one), "{at_once} bytes at once");
    let mut before = 0;
    for ((number, received, message, place), expected) in found.iter().zip(1..) {
        assert_eq!(*number, expected);
        check_date(*received);
        assert!((before..=bytes.len() as u64).contains(place));
        before = *place;
        message.iter().for_each(|message| check_message(message));
    }
    check_written(found.into_iter().filter_map(|(_, _, message, _)| message).collect());
}

/// A message that goes into an mbox, as mboxrd has it, comes out as the same.
fn check_written(messages: Vec<Vec<u8>>) {
    let mut written = Vec::new();
    for message in &messages {
        written.extend_from_slice(b"From - Wed May  1 08:00:00 2024\r\n");
        for line in message.split_inclusive(|byte| *byte == b'\n') {
            let quotes = line.iter().take_while(|byte| **byte == b'>').count();
            written.extend_from_slice(if line[quotes..].starts_with(b"From ") { b">" } else { b"" });
            written.extend_from_slice(line);
        }
        if !message.ends_with(b"\n") && !message.is_empty() {
            // An end without a line's end is given one, as it goes in.
            written.extend_from_slice(b"\r\n");
        }
        written.extend_from_slice(b"\r\n");
    }
    let (found, _) = read(&written, 1 << 16);
    assert_eq!(found.len(), messages.len());
    for ((_, _, back, _), message) in found.iter().zip(&messages) {
        let Some(back) = back else { continue };
        let ended = [message.as_slice(), if message.ends_with(b"\n") || message.is_empty() { b"" } else { b"\r\n" }];
        assert_eq!(*back, ended.concat(), "{:?}", String::from_utf8_lossy(&written));
    }
}

/// A message as IMAP keeps it has no bare LF, and stays as it is.
fn check_message(message: &[u8]) {
    assert!(message.len() <= MOST);
    assert!(message.iter().enumerate().all(|(at, byte)| *byte != b'\n' || at > 0 && message[at - 1] == b'\r'));
    assert_eq!(lines::with_crlf(message, MOST).as_deref(), Some(message));
    check_flags(&header::flags(message));
    check_date(date::of_header(message));
    header::fields(message).for_each(|(name, value)| assert!(!name.contains('\n') && !value.contains('\n')));
}

fn check_flags(flags: &Flags) {
    assert_eq!(Flags::parse(&flags.to_string()).as_ref(), Ok(flags));
}

fn check_names(bytes: &[u8]) {
    let (name, beside) = bytes.split_at(bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len()));
    let keywords = file_name::keywords(beside);
    assert!(keywords.iter().all(|(letter, _)| letter.is_ascii_lowercase()));
    check_flags(&file_name::flags(OsStr::from_bytes(name), &keywords));
    let _ = file_name::levels(OsStr::from_bytes(name));
}

fuzz_target!(|input: &[u8]| {
    let [choice, cut, bytes @ ..] = input else { return };
    match choice % 4 {
        0 => check_mbox(bytes, 1 + usize::from(*cut)),
        1 => lines::with_crlf(bytes, MOST).iter().for_each(|message| check_message(message)),
        2 => check_names(bytes),
        _ => check_date(date::of_from_line(bytes)),
    }
});
