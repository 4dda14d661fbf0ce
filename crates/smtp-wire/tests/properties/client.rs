//! What holds whatever the next server says, and whatever stands in an envelope that is sent to it: asked by `client.rs`
//! of input that it makes up, and by `fuzz/fuzz_targets/smtp_client.rs` of any bytes.

use postern_smtp_wire::client::{
    Answer, AnswerReader, BadAnswer, DotStuffer, MailLine, PeerOffer, RcptLine, TEXT_CHARACTERS,
};
use postern_smtp_wire::{
    Command, Enhanced, Event, Extension, Framer, Mail, Offer, OriginalRecipient, Protocol, Rcpt, Reply,
};

/// Octets of the longest answer that is taken.
const ANSWER_BYTES: usize = 32 << 10;
/// Octets of the longest line of one.
const LINE_BYTES: usize = 2048;

fn our_offer() -> Offer {
    let offer = Offer::new(Protocol::Smtp, "mail.example.com", u64::MAX).with(Extension::Dsn);
    offer.with(Extension::Chunking).with(Extension::BinaryMime)
}

/// What our own server, which reads strictly, makes of the line.
pub fn read_back(line: &[u8]) -> Command {
    let text = line.strip_suffix(b"\r\n").expect("a line ends with CRLF");
    assert!(!text.iter().any(|byte| byte.is_ascii_control()), "{:?}", String::from_utf8_lossy(line));
    Command::parse(text, &our_offer()).expect("what we say is right")
}

/// All answers in bytes that come in these pieces, and what was wrong in the end.
fn answers<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Answer>, Option<BadAnswer>) {
    let (mut reader, mut answers) = (AnswerReader::default(), Vec::new());
    for piece in pieces {
        reader.input().extend_from_slice(piece);
        loop {
            match reader.next() {
                Ok(Some(answer)) => answers.push(answer),
                Ok(None) => break,
                Err(bad) => return (answers, Some(bad)),
            }
        }
        assert!(reader.buffered() < ANSWER_BYTES + LINE_BYTES, "one unfinished answer is held, and no more");
    }
    (answers, None)
}

/// Answers are the same however they are cut; what is kept of them is printable and bounded, and reads back.
pub fn check_answers(bytes: &[u8], pieces: &[&[u8]]) {
    let whole = answers(std::iter::once(bytes));
    assert_eq!(answers(pieces.iter().copied()), whole);
    assert_eq!(answers(bytes.chunks(1)), whole);
    for answer in &whole.0 {
        let text = answer.text();
        assert!(text.len() <= TEXT_CHARACTERS && is_printable(&text), "{text:?}");
        assert!(!answer.lines().is_empty() && answer.lines().iter().all(|line| is_printable(line)));
        assert!(answer.lines().iter().map(String::len).sum::<usize>() <= ANSWER_BYTES);
        assert!(answer.status().starts_with(&format!("{}.", answer.class())), "{}", answer.status());
        check_peer_offer(&PeerOffer::read(answer));
        check_written_again(answer);
    }
}

fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

fn check_peer_offer(offer: &PeerOffer) {
    assert_ne!(offer.size_limit, Some(0));
    for limit in [offer.recipients_limit, offer.messages_limit].into_iter().flatten() {
        assert!((1..=999_999).contains(&limit), "RFC 9422 sections 4.1 and 4.2");
    }
    assert!(offer.mechanisms.len() <= 50, "{} mechanisms", offer.mechanisms.len());
    let repeated = |(index, name): (usize, &String)| offer.mechanisms[..index].contains(name);
    assert!(!offer.mechanisms.iter().enumerate().any(repeated));
}

/// The same words as a reply of ours are the same answer, where no line of it is too long for one.
fn check_written_again(answer: &Answer) {
    if answer.lines().iter().any(|line| line.len() > 480) {
        return;
    }
    let mut lines = answer.lines().iter();
    let first = lines.next().map(String::as_str).unwrap_or_default();
    let reply = lines.fold(Reply::plain(answer.code(), first), Reply::line);
    let mut wire = Vec::new();
    reply.encode(&mut wire);
    assert_eq!(answers(std::iter::once(&wire[..])), (vec![answer.clone()], None));
}

/// What our server answers is what a client of ours reads.
pub fn check_reply(code: u16, enhanced: (u16, u16), texts: &[&str]) {
    let enhanced = Enhanced(enhanced.0 % 1000, enhanced.1 % 1000);
    let mut texts = texts.iter();
    let first = Reply::new(code, enhanced, texts.next().copied().unwrap_or_default());
    let reply = texts.fold(first, Reply::line);
    let mut wire = Vec::new();
    reply.encode(&mut wire);
    let (read, bad) = answers(wire.chunks(7));
    assert_eq!((read.len(), bad), (1, None), "{:?}", reply.to_text());
    assert_eq!((read[0].code(), read[0].enhanced()), (reply.code(), reply.enhanced()));
    assert_eq!(read[0].lines().len(), reply.lines().len());
}

/// The line is refused, or is one MAIL that says what it was given and nothing more.
pub fn check_mail_line(line: &MailLine<'_>) {
    let Ok(wire) = line.encode() else { return };
    let Command::Mail(mail) = read_back(&wire) else { panic!("another command") };
    let Mail { path, size, body, smtputf8, ret, envelope_id, auth, hold } = mail;
    assert_eq!(path.as_str(), line.reverse_path);
    assert_eq!((size, body, smtputf8), (line.size, line.body.unwrap_or_default(), line.smtputf8));
    assert_eq!((ret, envelope_id.as_deref()), (line.return_content, line.envelope_id));
    assert_eq!((auth, hold), (None, None));
}

/// The most octets that ORCPT takes when it is encoded; over 500 (RFC 3461 section 4.2) it is left out.
fn longest_orcpt(kind: &str, address: &str) -> usize {
    let encoded = |c: char| match c {
        _ if kind.eq_ignore_ascii_case("utf-8") => r"\x{10FFFF}".len(),
        '+' | '=' | ' ' => "+20".len(),
        _ => 1,
    };
    kind.len() + 1 + address.chars().map(encoded).sum::<usize>()
}

/// The same of RCPT.
pub fn check_rcpt_line(line: &RcptLine<'_>) {
    let Ok(wire) = line.encode() else { return };
    let Command::Rcpt(Rcpt { path, notify, original_recipient }) = read_back(&wire) else { panic!("another command") };
    assert!(path.as_str().eq_ignore_ascii_case(line.recipient));
    assert_eq!(notify, line.notify);
    let Some((kind, address)) = line.original else { return assert_eq!(original_recipient, None) };
    let Some(OriginalRecipient { kind: read, address: got }) = original_recipient else {
        return assert!(longest_orcpt(kind, address) > 500, "ORCPT was not said: {kind};{address}");
    };
    assert!(read.eq_ignore_ascii_case(kind));
    // The kind `utf-8` has an encoding of its own, which is kept (RFC 6533 section 3).
    assert!(got == address || (read == "utf-8" && got.is_ascii()), "{got:?}");
}

fn stuffed(pieces: &[&[u8]]) -> Vec<u8> {
    let (mut stuffer, mut output) = (DotStuffer::default(), Vec::new());
    pieces.iter().for_each(|piece| stuffer.push(piece, &mut output));
    stuffer.finish(&mut output);
    output
}

/// Our own server reads one message, with nothing behind it and no line end that stands alone; and where the message had
/// its line ends right, it is the same.
pub fn check_data(message: &[u8], pieces: &[&[u8]]) {
    let output = stuffed(pieces);
    assert_eq!(output, stuffed(&[message]));
    assert!(output.len() <= 2 * message.len() + b"\r\n.\r\n".len());

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
    assert_eq!((ended, framer.buffered()), (Some(false), 0));

    let joined = String::from_utf8_lossy(message).replace("\r\n", "");
    if !joined.contains(['\r', '\n']) {
        let end = if message.is_empty() || message.ends_with(b"\r\n") { &b""[..] } else { b"\r\n" };
        assert_eq!(got, [message, end].concat());
    }
}
