//! Set-up help for programs: Autodiscover's XML, the address of autoconfig, HTTP Basic, and the XML that we write.
//!
//! The first byte chooses which.

#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_http::fuzzing::{read_autoconfig, read_autodiscover, read_basic, write_xml};
use postern_types::{Address, Domain};
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;

/// Texts of a document with two levels, as another reader has them.
fn read_back(document: &str) -> Vec<String> {
    let (mut reader, mut texts, mut depth) = (Reader::from_str(document), Vec::new(), 0);
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error}: {document:?}")) {
            Event::Start(_) => {
                depth += 1;
                texts.extend((depth == 2).then(String::new));
            }
            Event::End(_) => depth -= 1,
            Event::Text(text) if depth == 2 => texts.last_mut().expect("it is open").push_str(&text),
            Event::GeneralRef(name) => {
                let letter = resolve_predefined_entity(&name).unwrap_or_else(|| panic!("{name:?} in {document:?}"));
                texts.last_mut().expect("it is open").push_str(letter);
            }
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(depth, 0, "{document:?}");
    texts
}

/// What XML has no place for, and what a line may not hold, as they are written.
fn as_written(text: &str) -> String {
    let written = |letter| match letter {
        '\t' | '\n' | '\r' => ' ',
        '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => '\u{fffd}',
        letter => letter,
    };
    text.chars().map(written).collect()
}

fn check_written(text: &str) {
    let texts: Vec<&str> = text.split('|').collect();
    let document = write_xml(texts[0], &texts);
    assert_eq!(read_back(&document), texts.iter().map(|text| as_written(text)).collect::<Vec<_>>());
}

fuzz_target!(|input: &[u8]| {
    let Some((choice, rest)) = input.split_first() else { return };
    match choice % 4 {
        0 => {
            if let Ok(address) = read_autodiscover(rest) {
                assert_eq!(Address::parse(address.as_str()), Ok(address));
            }
        }
        1 => {
            let text = String::from_utf8_lossy(rest);
            let (uri, host) = text.split_once('\n').unwrap_or((&text, ""));
            if let Some(Ok(domain)) = read_autoconfig(uri, host.as_bytes()) {
                assert_eq!(Domain::parse(domain.as_str()), Ok(domain));
            }
        }
        2 => {
            if let Some((name, _)) = read_basic(rest) {
                assert!(Address::parse(&name).is_ok() && !name.contains(':'));
            }
        }
        _ => check_written(&String::from_utf8_lossy(rest)),
    }
});
