//! The client's side against made-up input: whatever is said to us or given to us, an answer stays
//! in its bounds, a command in its line, and a message in its DATA.

use postern_smtp_wire::client::{AnswerReader, DotStuffer, MailLine, PeerOffer, RcptLine, TEXT_CHARACTERS};
use postern_smtp_wire::{Command, Event, Extension, Framer, Offer, OriginalRecipient, Protocol};
use proptest::prelude::*;

fn our_offer() -> Offer {
    Offer::new(Protocol::Smtp, "mail.example.com", u64::MAX).with(Extension::Dsn)
}

/// What our own server, which reads strictly, makes of the line.
fn read_back(line: &[u8]) -> Command {
    let text = line.strip_suffix(b"\r\n").expect("a line ends with CRLF");
    assert!(!text.iter().any(|byte| byte.is_ascii_control()), "{:?}", String::from_utf8_lossy(line));
    Command::parse(text, &our_offer()).expect("what we say is right")
}

/// Cuts bytes at the places given, modulo what is left.
fn pieces<'a>(mut bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for cut in cuts {
        let (piece, rest) = bytes.split_at(cut % (bytes.len() + 1));
        pieces.push(piece);
        bytes = rest;
    }
    pieces.push(bytes);
    pieces
}

/// Text in which everything that could end a line, a path or a parameter is common.
fn hostile_text() -> impl Strategy<Value = String> {
    let tricks = prop_oneof![
        Just("\r\n".to_owned()),
        Just("\n.\r\n".to_owned()),
        Just("> SIZE=1".to_owned()),
        Just("a@example.org".to_owned()),
        Just("\"".to_owned()),
        Just("\\".to_owned()),
        Just("@".to_owned()),
        Just(" ".to_owned()),
        Just("\u{2028}\u{85}\0".to_owned()),
        Just("é".to_owned()),
        "[a-z<>+=;,.]{1,4}",
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(tricks, 0..8).prop_map(|parts| parts.concat())
}

/// Lines in which CR, LF and dots are common.
fn message() -> impl Strategy<Value = Vec<u8>> {
    let parts = prop_oneof![
        Just(b"\r\n".to_vec()),
        Just(b".".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r\n.\r\n".to_vec()),
        Just(b"MAIL FROM:<>".to_vec()),
        prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(parts, 0..30).prop_map(|parts| parts.concat())
}

fn stuffed(pieces: &[&[u8]]) -> Vec<u8> {
    let (mut stuffer, mut output) = (DotStuffer::default(), Vec::new());
    pieces.iter().for_each(|piece| stuffer.push(piece, &mut output));
    stuffer.finish(&mut output);
    output
}

proptest! {
    /// No byte that a server may send makes the reader fail otherwise than by saying so, and what it
    /// gives is printable and short.
    #[test]
    fn answers_stay_in_their_bounds(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..200),
            "(([2-5][0-9]{2}[ -]?)?[ -~\t\r]{0,20}\r?\n){0,8}".prop_map(String::into_bytes),
            "(250-(AUTH|SIZE|LIMITS|AUTH=)[ =A-Z0-9]{0,20}\r\n){0,8}250 .\r\n".prop_map(String::into_bytes),
        ],
        cuts in prop::collection::vec(any::<usize>(), 0..6),
    ) {
        let mut at_once = AnswerReader::default();
        at_once.input().extend_from_slice(&bytes);
        let mut expected = Vec::new();
        let end = loop {
            match at_once.next() {
                Ok(Some(answer)) => expected.push(answer),
                Ok(None) => break None,
                Err(bad) => break Some(bad),
            }
        };
        for answer in &expected {
            let text = answer.text();
            prop_assert!(text.len() <= TEXT_CHARACTERS && text.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            prop_assert!(answer.status().starts_with(&answer.class().to_string()));
            let _ = PeerOffer::read(answer);
        }

        let (mut in_pieces, mut got) = (AnswerReader::default(), Vec::new());
        let mut bad = None;
        'all: for piece in pieces(&bytes, &cuts) {
            in_pieces.input().extend_from_slice(piece);
            loop {
                match in_pieces.next() {
                    Ok(Some(answer)) => got.push(answer),
                    Ok(None) => break,
                    Err(error) => {
                        bad = Some(error);
                        break 'all;
                    }
                }
            }
        }
        prop_assert_eq!(got, expected);
        prop_assert_eq!(bad, end);
    }

    /// A line is refused, or is one command with that address and nothing more.
    #[test]
    fn an_address_stays_in_its_line(address in hostile_text(), smtputf8 in any::<bool>()) {
        if let Ok(line) = (MailLine { reverse_path: &address, smtputf8, ..MailLine::default() }).encode() {
            let Command::Mail(mail) = read_back(&line) else { panic!("another command") };
            prop_assert_eq!(mail.path.as_str(), address.as_str());
            prop_assert_eq!((mail.size, mail.ret, mail.envelope_id, mail.smtputf8), (None, None, None, smtputf8));
        }
        if let Ok(line) = (RcptLine { recipient: &address, smtputf8, ..RcptLine::default() }).encode() {
            let Command::Rcpt(rcpt) = read_back(&line) else { panic!("another command") };
            prop_assert!(rcpt.path.as_str().eq_ignore_ascii_case(&address));
            prop_assert_eq!((rcpt.notify, rcpt.original_recipient), (None, None));
        }
    }

    /// The same for parameters: they come back as they were given.
    #[test]
    fn a_parameter_stays_in_its_line(id in hostile_text(), kind in "(rfc822|x-400|utf-8|[ -~]{0,3})", address in hostile_text()) {
        if let Ok(line) = (MailLine { envelope_id: Some(&id), ..MailLine::default() }).encode() {
            let Command::Mail(mail) = read_back(&line) else { panic!("another command") };
            prop_assert_eq!(mail.envelope_id, Some(id));
        }
        let line = RcptLine { recipient: "a@example.org", original: Some((&kind, &address)), ..RcptLine::default() };
        if let Ok(line) = line.encode() {
            let Command::Rcpt(rcpt) = read_back(&line) else { panic!("another command") };
            let OriginalRecipient { kind: read, address: got } = rcpt.original_recipient.expect("ORCPT was said");
            prop_assert!(read.eq_ignore_ascii_case(&kind));
            prop_assert!(read == "utf-8" || got == address);
        }
    }

    /// Our own server reads one message, with nothing behind it and no line end that stands alone;
    /// and where the message had its line ends right, it is the same.
    #[test]
    fn a_message_stays_in_its_data(message in message(), cuts in prop::collection::vec(any::<usize>(), 0..6)) {
        let output = stuffed(&pieces(&message, &cuts));
        prop_assert_eq!(&output, &stuffed(&[&message]));

        let mut framer = Framer::new();
        framer.begin_data(u64::MAX);
        framer.feed(&output);
        let (mut got, mut ended) = (Vec::new(), None);
        while let Some(event) = framer.next() {
            match event {
                Event::Data(bytes) => got.extend_from_slice(bytes),
                Event::DataEnd(report) => ended = Some(report.bare_newline),
                other => panic!("something follows the message: {other:?}"),
            }
        }
        prop_assert_eq!(ended, Some(false));
        prop_assert_eq!(framer.buffered(), 0);

        let joined = String::from_utf8_lossy(&message).replace("\r\n", "");
        if !joined.contains(['\r', '\n']) {
            let mut expected = message;
            if !expected.is_empty() && !expected.ends_with(b"\r\n") {
                expected.extend_from_slice(b"\r\n");
            }
            prop_assert_eq!(got, expected);
        }
    }
}
