//! The framer: whatever a client sends, it is known where a command ends (RFC 9051
//! sections 2.2.1 and 4.3, RFC 7888).

use crate::property;
use postern_imap_wire::{BadKind, CommandBody, Event, Framer};
use postern_types::{Limits, Timestamp};
use proptest::prelude::*;

fn limits() -> Limits {
    Limits { line_bytes_before_sign_in: 200, line_bytes: 400, message_bytes: 1000, ..Limits::default() }
}

/// A session that answers by rote and writes down what it saw.
struct Session {
    framer: Framer,
    seen: Vec<String>,
    /// What the client hears before it sends on: continuations and refusals.
    heard: Vec<Heard>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    Continue,
    Refused,
}

impl Session {
    fn new() -> Self {
        Self { framer: Framer::new(&limits()), seen: Vec::new(), heard: Vec::new() }
    }

    fn feed(&mut self, bytes: &[u8]) -> &mut Self {
        self.framer.push(bytes);
        self.run();
        self
    }

    fn run(&mut self) {
        while let Some(event) = self.framer.next_event() {
            let (line, heard) = match event {
                Event::Command(command) => {
                    match command.body {
                        CommandBody::Idle => self.framer.expect_done(),
                        CommandBody::Authenticate { initial_response: None, .. } => self.framer.expect_response(),
                        _ => {}
                    }
                    (format!("{} {}", command.tag, command.body.spec().name), None)
                }
                Event::Bad(bad) => {
                    let kind = if bad.kind == BadKind::Syntax { "BAD" } else { "TOOBIG" };
                    let tag = bad.tag.as_ref().map_or("*", |tag| tag.as_str());
                    (format!("{tag} {kind} {}", bad.text), Some(Heard::Refused))
                }
                Event::Continue => ("+".into(), Some(Heard::Continue)),
                Event::AppendStart(head) => {
                    let wanted = !head.mailbox.starts_with("No");
                    if wanted {
                        self.framer.accept_append();
                    } else {
                        self.framer.refuse_append();
                    }
                    let line = format!("{} APPEND {} {} {}", head.tag, head.mailbox, head.size, wanted);
                    let heard = if wanted { Heard::Continue } else { Heard::Refused };
                    (line, Some(heard).filter(|_| head.synchronising))
                }
                Event::AppendData(bytes) => {
                    let text = String::from_utf8_lossy(bytes).into_owned();
                    match self.seen.last_mut().filter(|last| last.starts_with("data ")) {
                        Some(last) => {
                            last.push_str(&text);
                            continue;
                        }
                        None => (format!("data {text}"), None),
                    }
                }
                Event::AppendEnd => ("end".into(), None),
                Event::AppendFailed(bad) => {
                    (format!("{} FAILED", bad.tag.expect("an APPEND has a tag")), Some(Heard::Refused))
                }
                Event::Response(secret) => (format!("response {:?}", secret.expose()), None),
                Event::Cancelled => ("cancelled".into(), None),
                Event::Done => ("done".into(), None),
            };
            self.seen.push(line);
            self.heard.extend(heard);
        }
    }
}

/// What a session sees of these bytes; long texts are cut after their second word.
fn seen(bytes: &[u8]) -> Vec<String> {
    let mut session = Session::new();
    session.feed(bytes);
    let short = |line: &String| match line.split_once(" BAD ").or_else(|| line.split_once(" TOOBIG ")) {
        Some((tag, _)) => line[..line.len().min(tag.len() + if line.contains("BAD") { 4 } else { 7 })].to_owned(),
        None => line.clone(),
    };
    session.seen.iter().map(short).collect()
}

/// RFC 9051 section 5.5: commands may be sent without waiting.
#[test]
fn pipelined_commands_come_out_one_by_one() {
    assert_eq!(seen(b"a NOOP\r\nb CAPABILITY\r\nc LOG"), ["a NOOP", "b CAPABILITY"]);
    assert_eq!(seen(b"a NOOP\nb NOOP\r\n"), ["a NOOP", "b NOOP"]);
}

/// RFC 7888 section 4: a synchronising literal is asked for, a non-synchronising is not.
#[test]
fn small_literals_stay_in_their_command() {
    assert_eq!(seen(b"a LOGIN {5}\r\nalice {6}\r\nse\r\net\r\nb NOOP\r\n"), ["+", "+", "a LOGIN", "b NOOP"]);
    assert_eq!(seen(b"a LOGIN {5+}\r\nalice {6+}\r\nse\r\net\r\nb NOOP\r\n"), ["a LOGIN", "b NOOP"]);
    // A literal may look like commands, literals or anything else.
    assert_eq!(seen(b"a LOGIN {8+}\r\nx NOOP\r\n {4+}\r\n{9}\n\r\nb NOOP\r\n"), ["a LOGIN", "b NOOP"]);
}

/// RFC 7888 section 4: what is too large is not asked for, or read past and not kept.
#[test]
fn large_literals_are_refused() {
    assert_eq!(seen(b"a LOGIN {500}\r\nb NOOP\r\n"), ["a TOOBIG", "b NOOP"]);
    assert_eq!(seen(b"a LOGIN {99999999999999999999}\r\nb NOOP\r\n"), ["a TOOBIG", "b NOOP"]);
    let mut unasked = b"a LOGIN {500+}\r\n".to_vec();
    unasked.extend_from_slice(&[b'\n'; 500]);
    unasked.extend_from_slice(b" {7+}\r\nx NOOP\n\r\nb NOOP\r\n");
    assert_eq!(seen(&unasked), ["a TOOBIG", "b NOOP"]);
    // What announced the literal does not announce another at the end of the empty rest.
    let bare = [b"a LOGIN {500+}\r\n".to_vec(), vec![b'x'; 500], b" {3+}\r\nxyz\nb NOOP\r\n".to_vec()].concat();
    assert_eq!(seen(&bare), ["a TOOBIG", "b NOOP"]);
}

#[test]
fn nothing_is_asked_for_on_behalf_of_no_command() {
    assert_eq!(seen(b"a XYZZY {5}\r\nb NOOP\r\n"), ["a BAD", "b NOOP"]);
    assert_eq!(seen(b"{5}\r\nb NOOP\r\n"), ["* BAD", "b NOOP"]);
    assert_eq!(seen(b"a XYZZY {6+}\r\nNOOP\r\n\r\nb NOOP\r\n"), ["a BAD", "b NOOP"]);
}

#[test]
fn a_line_over_the_limit_is_read_past() {
    let long = |end: &str| format!("a SEARCH {}{end}", "SEEN ".repeat(100)).into_bytes();
    assert_eq!(seen(&long("\r\nb NOOP\r\n")), ["a BAD", "b NOOP"]);
    assert_eq!(seen(&long("TEXT {7+}\r\nb NOOP\n\r\nc NOOP\r\n")), ["a BAD", "c NOOP"]);
    assert_eq!(seen(&[vec![b'x'; 5000], b"\r\nb NOOP\r\n".to_vec()].concat()), ["* BAD", "b NOOP"]);
    // After sign-in lines may be longer.
    let mut session = Session::new();
    session.framer.signed_in();
    session.feed(format!("a SEARCH {}\r\n", "SEEN ".repeat(70).trim_end()).as_bytes());
    assert_eq!(session.seen, ["a SEARCH"]);
}

/// Before sign-in a connection costs no more than the limit, however long the line.
#[test]
fn an_unfinished_line_holds_no_memory() {
    let mut session = Session::new();
    for _ in 0..1000 {
        session.feed(&[b'x'; 100]);
        assert!(session.framer.held_bytes() <= 1024, "{} bytes held", session.framer.held_bytes());
    }
    session.feed(b"\r\n");
    assert_eq!(session.seen.len(), 1);
    session.feed(&[b"a NOOP\r\n".repeat(1000), b"b".to_vec()].concat()).feed(b" NOOP\r\n");
    assert_eq!(session.seen.len(), 1002);
    assert!(session.framer.held_bytes() <= 1024);
    assert_eq!(session.framer.pending_bytes(), 0);
}

/// RFC 9051 section 6.3.12: the message passes through and is never held.
#[test]
fn append_streams_its_message() {
    let wire = b"a APPEND Sent (\\Seen $Later) \" 1-Jan-2026 10:00:00 +0100\" {11}\r\n";
    let mut framer = Framer::new(&limits());
    framer.push(wire);
    let Some(Event::AppendStart(head)) = framer.next_event() else { panic!("no APPEND") };
    assert_eq!((head.tag.as_str(), head.mailbox.as_str(), head.size), ("a", "Sent", 11));
    assert_eq!(head.flags.to_string(), "\\Seen $Later");
    assert_eq!(head.date, Some(Timestamp(1_767_258_000_000)));
    assert!(head.synchronising && !head.binary);
    assert_eq!(head.spec().name, "APPEND");

    // Until the session has decided there is nothing to hear.
    framer.push(b"Subject: ");
    assert_eq!(framer.next_event(), None);
    framer.accept_append();
    assert_eq!(framer.next_event(), Some(Event::AppendData(b"Subject: ")));
    assert_eq!(framer.next_event(), None);
    framer.push(b"a\n\r\nb NOOP\r\n");
    assert_eq!(framer.next_event(), Some(Event::AppendData(b"a\n")));
    assert_eq!(framer.next_event(), Some(Event::AppendEnd));
    assert!(matches!(framer.next_event(), Some(Event::Command(_))));
}

#[test]
fn append_has_several_forms() {
    assert_eq!(seen(b"a APPEND Sent {2+}\r\nhi\r\n"), ["a APPEND Sent 2 true", "data hi", "end"]);
    assert_eq!(seen(b"a append \"Sent\" {0}\r\n\r\n"), ["a APPEND Sent 0 true", "end"]);
    assert_eq!(seen(b"a APPEND {4}\r\nSent {2}\r\nhi\r\n"), ["+", "a APPEND Sent 2 true", "data hi", "end"]);
    // RFC 3516 section 4.4 and RFC 6855 section 4.
    assert_eq!(seen(b"a APPEND Sent ~{2+}\r\nhi\r\n"), ["a APPEND Sent 2 true", "data hi", "end"]);
    let wrapped = b"a APPEND Sent (\\Seen) UTF8 (~{2+}\r\nhi)\r\nb NOOP\r\n";
    assert_eq!(seen(wrapped), ["a APPEND Sent 2 true", "data hi", "end", "b NOOP"]);
}

#[test]
fn an_append_that_is_not_wanted_is_read_past() {
    // A synchronising client hears the refusal and sends no message.
    assert_eq!(seen(b"a APPEND None {6}\r\nb NOOP\r\n"), ["a APPEND None 6 false", "b NOOP"]);
    // One that does not wait has sent it already.
    let sent = b"a APPEND None {8+}\r\nx NOOP\r\n\r\nb NOOP\r\n";
    assert_eq!(seen(sent), ["a APPEND None 8 false", "b NOOP"]);
    // RFC 7889 section 4: too large a message.
    assert_eq!(seen(b"a APPEND Sent {1001}\r\nb NOOP\r\n"), ["a TOOBIG", "b NOOP"]);
    let large = [b"a APPEND Sent {1001+}\r\n".to_vec(), vec![b'\n'; 1001], b"\r\nb NOOP\r\n".to_vec()].concat();
    assert_eq!(seen(&large), ["a TOOBIG", "b NOOP"]);
}

#[test]
fn a_session_may_give_an_append_up_in_the_middle() {
    let mut framer = Framer::new(&limits());
    framer.push(b"a APPEND Sent {8}\r\nx N");
    assert!(matches!(framer.next_event(), Some(Event::AppendStart(_))));
    framer.accept_append();
    assert_eq!(framer.next_event(), Some(Event::AppendData(b"x N")));
    framer.refuse_append();
    framer.push(b"OOP\r\n\r\nb NOOP\r\n");
    let Some(Event::Command(command)) = framer.next_event() else { panic!("no NOOP") };
    assert_eq!(command.tag.as_str(), "b");
}

#[test]
fn a_broken_append_fails_and_costs_only_itself() {
    assert_eq!(seen(b"a APPEND {2+}\r\nhi\r\nb NOOP\r\n"), ["a BAD", "b NOOP"]);
    assert_eq!(seen(b"a APPEND Sent (\\Nonsense) {2}\r\nb NOOP\r\n"), ["a BAD", "b NOOP"]);
    assert_eq!(seen(b"a APPEND Sent \"yesterday\" {8+}\r\nx NOOP\r\n\r\nb NOOP\r\n"), ["a BAD", "b NOOP"]);
    assert_eq!(seen(b"a APPEND Sent\r\nb NOOP\r\n"), ["a BAD", "b NOOP"]);
    let more = b"a APPEND Sent {2+}\r\nhi {8+}\r\nx NOOP\r\n\r\nb NOOP\r\n";
    assert_eq!(seen(more), ["a APPEND Sent 2 true", "data hi", "a FAILED", "b NOOP"]);
    let unclosed = b"a APPEND Sent UTF8 (~{2+}\r\nhi\r\nb NOOP\r\n";
    assert_eq!(seen(unclosed), ["a APPEND Sent 2 true", "data hi", "a FAILED", "b NOOP"]);
}

/// RFC 9051 section 6.3.13: DONE ends IDLE; section 6.2.2: `*` cancels AUTHENTICATE.
#[test]
fn idle_and_authenticate_take_one_line_of_their_own() {
    assert_eq!(seen(b"a IDLE\r\ndone\r\nb NOOP\r\n"), ["a IDLE", "done", "b NOOP"]);
    assert_eq!(seen(b"a IDLE\r\nx LOGIN {6+}\r\ny DONE z\r\nb NOOP\r\n"), ["a IDLE", "* BAD", "b NOOP"]);
    let plain = b"a AUTHENTICATE PLAIN\r\nAGEAYg==\r\nb NOOP\r\n";
    assert_eq!(seen(plain), ["a AUTHENTICATE", "response [0, 97, 0, 98]", "b NOOP"]);
    assert_eq!(seen(b"a AUTHENTICATE PLAIN\r\n\r\nb NOOP\r\n"), ["a AUTHENTICATE", "response []", "b NOOP"]);
    assert_eq!(seen(b"a AUTHENTICATE PLAIN\r\n*\r\nb NOOP\r\n"), ["a AUTHENTICATE", "cancelled", "b NOOP"]);
    assert_eq!(seen(b"a AUTHENTICATE PLAIN\r\n!\r\nb NOOP\r\n"), ["a AUTHENTICATE", "* BAD", "b NOOP"]);
    let long = [b"a AUTHENTICATE PLAIN\r\n".to_vec(), vec![b'A'; 400], b"\r\nb NOOP\r\n".to_vec()].concat();
    assert_eq!(seen(&long), ["a AUTHENTICATE", "* BAD", "b NOOP"]);
}

/// Pieces that streams are made of: good and bad commands, and what gets in between.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let fixed: &[&[u8]] = &[
        b"a NOOP\r\n",
        b"b LOGIN {5}\r\nalice \"pw\"\r\n",
        b"b LOGIN {5+}\r\nal\r\nx {2+}\r\n{}\r\n",
        b"c APPEND Sent {12}\r\na: b\r\n\r\nbody\r\n",
        b"c APPEND {2+}\r\nNo {4+}\r\nbody\r\n",
        b"c APPEND Sent UTF8 (~{4+}\r\nbody)\r\n",
        b"c APPEND Sent {4+}\r\nbodyrest {3+}\r\nx\r\n\r\n",
        b"d IDLE\r\n",
        b"DONE\r\n",
        b"e AUTHENTICATE PLAIN\r\n",
        b"AGEAYg==\r\n",
        b"*\r\n",
        b"f FETCH 1:* (FLAGS BODY[])\r\n",
        b"g LOGIN {300}\r\n",
        b"g LOGIN {300+}\r\n",
        b"{",
        b"}\r\n",
        b"{7+}",
        b"\r\n",
        b"\n",
        b"\0",
        b"\"",
        b"h UID ",
    ];
    prop_oneof![
        6 => proptest::sample::select(fixed).prop_map(<[u8]>::to_vec),
        1 => proptest::collection::vec(any::<u8>(), 0..12),
        1 => (1usize..450).prop_map(|length| vec![b'x'; length]),
    ]
}

/// How bytes are split into reads makes no difference.
#[test]
fn any_split_of_a_stream_yields_the_same_events() {
    let stream = proptest::collection::vec(piece(), 1..14).prop_map(|pieces| pieces.concat());
    let splits = proptest::collection::vec(1usize..40, 1..30);
    property("a split stream", 3000, (stream, splits), |(stream, splits)| {
        let mut whole = Session::new();
        whole.feed(&stream);
        let mut parts = Session::new();
        let mut rest = stream.as_slice();
        for length in splits.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (part, after) = rest.split_at((*length).min(rest.len()));
            parts.feed(part);
            rest = after;
        }
        prop_assert_eq!(whole.seen, parts.seen);
        Ok(())
    });
}

/// A text and the literal after it.
type Segment = (Vec<u8>, Vec<u8>);

/// A line with the literals it announces; no text has a line end or ends in `}`.
fn framed() -> impl Strategy<Value = (Vec<Segment>, Vec<u8>)> {
    let start = prop_oneof![
        Just("a "),
        Just("a LOGIN "),
        Just("a SEARCH TEXT "),
        Just("a APPEND Sent "),
        Just("a APPEND No "),
        Just("a APPEND "),
        Just(""),
    ];
    let text = proptest::collection::vec(
        any::<u8>().prop_filter("no line end", |byte| !matches!(byte, b'\n' | b'\r' | b'}')),
        0..30,
    );
    let long = prop_oneof![9 => Just(0usize), 1 => 100usize..500];
    let literal = prop_oneof![
        9 => proptest::collection::vec(any::<u8>(), 0..30),
        1 => (0usize..1200).prop_map(|length| vec![b'\n'; length]),
    ];
    let segments = proptest::collection::vec((text.clone(), literal), 0..4);
    (start, segments, text, long).prop_map(|(start, mut segments, mut last, long)| {
        last.resize(last.len() + long, b'x');
        let first = segments.first_mut().map_or(&mut last, |(text, _)| text);
        *first = [start.as_bytes(), first.as_slice()].concat();
        (segments, last)
    })
}

/// A command that is framed well costs itself only, whatever stands in it: sent without
/// waiting, it is one event or one APPEND, and the next command is heard.
#[test]
fn a_bad_command_never_swallows_the_next() {
    property("a bad command", 3000, (framed(), any::<bool>()), |((segments, last), bare)| {
        let line_end = if bare { "\n" } else { "\r\n" };
        let mut stream = Vec::new();
        for (text, literal) in &segments {
            stream.extend_from_slice(text);
            stream.extend_from_slice(format!("{{{}+}}{line_end}", literal.len()).as_bytes());
            stream.extend_from_slice(literal);
        }
        stream.extend_from_slice(&last);
        stream.extend_from_slice(format!("{line_end}z9 NOOP\r\n").as_bytes());
        let mut session = Session::new();
        session.feed(&stream);
        prop_assert_eq!(session.seen.last().map(String::as_str), Some("z9 NOOP"), "{:?}", session.seen);
        let starts = |line: &&String| !line.starts_with("data ") && *line != "end" && !line.ends_with("FAILED");
        prop_assert_eq!(session.seen.iter().filter(starts).count(), 2, "{:?}", session.seen);
        Ok(())
    });
}

/// The same with a client that waits to be asked for each literal and gives the command
/// up when it is refused (RFC 9051 section 4.3).
#[test]
fn a_client_that_waits_is_always_answered() {
    property("a patient client", 3000, framed(), |(segments, last)| {
        let mut session = Session::new();
        let mut given_up = false;
        for (text, literal) in &segments {
            session.feed(text).feed(format!("{{{}}}\r\n", literal.len()).as_bytes());
            match session.heard.pop() {
                Some(Heard::Continue) => drop(session.feed(literal)),
                Some(Heard::Refused) => {
                    given_up = true;
                    break;
                }
                // The line was over its limit, or a second message after the first:
                // the refusal came with the end of the line, and ended the command.
                None => return Err(TestCaseError::fail(format!("no answer: {:?}", session.seen))),
            }
        }
        if !given_up {
            session.feed(&last).feed(b"\r\n");
        }
        session.feed(b"z9 NOOP\r\n");
        prop_assert_eq!(session.seen.last().map(String::as_str), Some("z9 NOOP"), "{:?}", session.seen);
        Ok(())
    });
}
