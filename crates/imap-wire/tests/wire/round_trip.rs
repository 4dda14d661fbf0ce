//! What we write, we read: mailbox names, strings, sequence sets, dates.

use crate::{body, property};
use postern_imap_wire::{
    CommandBody, Event, Framer, Options, SearchKey, SequenceNumber, SequenceRange, SequenceSet, decode_mailbox,
    encode_mailbox, parse_command, write_astring, write_date_time, write_mailbox, write_number_set, write_string,
};
use postern_types::{Limits, Timestamp};
use proptest::prelude::*;

/// RFC 3501 section 5.1.3 and RFC 9051 section 5.1: one name, one spelling in each form.
#[test]
fn mailbox_names() {
    let names = prop_oneof!["[^\\p{C}]{0,40}", "[ -~]{0,40}", "[&\\-+,é日😀 ]{0,12}"];
    property("a mailbox name", 2000, (names, any::<bool>()), |(name, utf8)| {
        let expected = if name.eq_ignore_ascii_case("INBOX") { "INBOX".to_owned() } else { name.clone() };
        let mut wire = Vec::new();
        encode_mailbox(&mut wire, &name, utf8);
        prop_assert!(utf8 || wire.iter().all(|byte| (0x20..0x7f).contains(byte)));
        prop_assert_eq!(decode_mailbox(&wire, utf8), Ok(expected.clone()));

        let mut line = b"a SELECT ".to_vec();
        write_mailbox(&mut line, &name, utf8);
        let command =
            parse_command(&line, Options { utf8 }).map_err(|bad| TestCaseError::fail(bad.text.into_owned()))?;
        prop_assert_eq!(command.body, CommandBody::Select { mailbox: expected, parameters: vec![] });
        Ok(())
    });
}

/// No bytes panic, and what is taken is written back as it came.
#[test]
fn mailbox_names_from_any_bytes() {
    let bytes = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..20),
        proptest::collection::vec(proptest::sample::select(b"&-AOkZeVnLIqe+,/".to_vec()), 0..12),
    ];
    property("a spelling of a mailbox name", 4000, bytes, |wire| {
        if let Ok(name) = decode_mailbox(&wire, false) {
            let mut again = Vec::new();
            encode_mailbox(&mut again, &name, false);
            prop_assert!(again.eq_ignore_ascii_case(&wire));
            prop_assert!(again == wire || name == "INBOX");
        }
        Ok(())
    });
}

/// RFC 9051 section 4.3: whatever form is chosen, the framer and the grammar read it.
#[test]
fn strings() {
    let bytes = proptest::collection::vec(1u8.., 0..1100);
    property("a string", 1000, (bytes, any::<bool>(), any::<bool>()), |(bytes, utf8, astring)| {
        let mut line = b"a LOGIN alice ".to_vec();
        let write = if astring { write_astring } else { write_string };
        write(&mut line, &bytes, utf8);
        line.extend_from_slice(b"\r\n");
        let mut framer = Framer::new(&Limits::default());
        framer.push(&line);
        let mut event = framer.next_event();
        if matches!(event, Some(Event::Continue)) {
            event = framer.next_event();
        }
        let Some(Event::Command(command)) = event else { return Err(TestCaseError::fail(format!("{event:?}"))) };
        let CommandBody::Login { password, .. } = command.body else { return Err(TestCaseError::fail("no LOGIN")) };
        prop_assert_eq!(password.expose(), bytes);
        Ok(())
    });
}

/// RFC 9051 section 9, sequence-set.
#[test]
fn sequence_sets() {
    let end = any::<u32>().prop_map(|number| SequenceNumber::new(number).unwrap_or(SequenceNumber::LAST));
    let small = (0u32..30).prop_map(|number| SequenceNumber::new(number).unwrap_or(SequenceNumber::LAST));
    let range = prop_oneof![(end.clone(), end), (small.clone(), small)];
    let ranges = proptest::collection::vec(range.prop_map(|(from, to)| SequenceRange { from, to }), 1..12);
    property("a sequence set", 2000, (ranges, 1u32..40), |(ranges, last)| {
        let set = SequenceSet::Ranges(ranges);
        prop_assert_eq!(body(&format!("UID EXPUNGE {set}")), CommandBody::UidExpunge { uids: set.clone() });
        let resolved = set.resolve(last).unwrap();
        for pair in resolved.windows(2) {
            prop_assert!(pair[0].1.checked_add(1).is_some_and(|next| next < pair[1].0), "{resolved:?}");
        }
        for number in 1..=45 {
            let within = resolved.iter().any(|(low, high)| (*low..=*high).contains(&number));
            prop_assert_eq!(within, set.contains(number, last), "{} of {} with last {}", number, set, last);
        }
        Ok(())
    });
}

#[test]
fn number_sets() {
    property("a number set", 1000, proptest::collection::btree_set(1u32..60, 1..40), |numbers| {
        let mut wire = Vec::new();
        write_number_set(&mut wire, numbers.iter().copied());
        let written = String::from_utf8(wire).unwrap();
        let CommandBody::UidExpunge { uids } = body(&format!("UID EXPUNGE {written}")) else {
            return Err(TestCaseError::fail(written));
        };
        let ranges = uids.resolve(60).unwrap();
        let read: Vec<u32> = ranges.iter().flat_map(|(low, high)| *low..=*high).collect();
        prop_assert!(numbers.iter().eq(read.iter()));
        prop_assert_eq!(ranges.len(), written.split(',').count(), "{} is not the shortest", written);
        Ok(())
    });
}

/// RFC 9051 section 9, date-time and date, to the second.
#[test]
fn dates() {
    property("a date", 2000, -62_167_219_200i64..253_402_300_800, |seconds| {
        let time = Timestamp(seconds * 1000);
        let mut line = b"a APPEND Sent ".to_vec();
        write_date_time(&mut line, time);
        prop_assert_eq!(line.len(), "a APPEND Sent ".len() + 28);
        line.extend_from_slice(b" {0}\r\n");
        let mut framer = Framer::new(&Limits::default());
        framer.push(&line);
        let Some(Event::AppendStart(head)) = framer.next_event() else { return Err(TestCaseError::fail("no APPEND")) };
        prop_assert_eq!(head.date, Some(time));

        let day = postern_imap_wire::Date::of(time);
        prop_assert!(day.start() <= time && time < day.end());
        let CommandBody::Search(search) = body(&format!("SEARCH ON {day}")) else {
            return Err(TestCaseError::fail("no SEARCH"));
        };
        prop_assert_eq!(search.key, SearchKey::On(day));
        Ok(())
    });
}
