//! Real mail, as it is and with its line ends made CRLF: everything holds, and another reader agrees.

#![allow(clippy::print_stderr, reason = "what the other decoder could not read is told to whoever runs it")]

mod common;

use common::{check, corpus, with_crlf};
use imap_codec::ResponseCodec;
use imap_codec::decode::Decoder;
use postern_mime::Parsed;
use postern_types::Limits;

/// A FETCH response with both lists, as IMAP sends it.
fn response(parsed: &Parsed, item: &str, list: &[u8]) -> Vec<u8> {
    [b"* 1 FETCH (ENVELOPE ", parsed.envelope.as_slice(), b" ", item.as_bytes(), b" ", list, b")\r\n"].concat()
}

/// How deep parentheses of nested parts go; the oracle stops at eight levels.
fn depth(parsed: &Parsed) -> usize {
    parsed.parts.paths().iter().map(Vec::len).max().unwrap_or(0)
}

#[test]
fn every_message_holds_and_is_read_by_another_decoder() {
    let mut read = 0;
    let mut too_deep = Vec::new();
    for (path, bytes) in corpus() {
        for message in [with_crlf(&bytes), bytes] {
            let parsed = check(&message, &Limits::default());
            for (item, list) in [("BODYSTRUCTURE", &parsed.structure), ("BODY", &parsed.body)] {
                let response = response(&parsed, item, list);
                match ResponseCodec::default().decode(&response) {
                    Ok((rest, _)) => {
                        assert!(rest.is_empty(), "{}: {} bytes left", path.display(), rest.len());
                        read += 1;
                    }
                    // A limit of the oracle ("8 should suffice"), not of IMAP.
                    Err(_) if depth(&parsed) > 6 => too_deep.push(path.clone()),
                    Err(error) => panic!("{}: {error:?}\n{}", path.display(), common::text(&response)),
                }
            }
        }
    }
    too_deep.dedup();
    eprintln!("{read} responses read; nested too deep for the oracle: {too_deep:?}");
    assert!(too_deep.len() <= 3, "the oracle reads all but the torture cases");
}
