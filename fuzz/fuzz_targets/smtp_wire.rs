//! SMTP and LMTP from hostile bytes: no panic, nothing that depends on how the bytes were
//! split, no reply or trace line that input broke out of, no message with a bare CR or LF
//! that was not refused (RFC 5321 sections 2.3.8 and 4.1.1.4).

#![no_main]

use libfuzzer_sys::fuzz_target;
use postern_smtp_wire::{
    AuthResponse, Body, Chunk, Command, DataReport, Event, Extension, Framer, HelloVerb, Offer, Protocol, ReversePath,
    Sequence, Trace, Transport, return_path,
};
use postern_types::Timestamp;

/// What must not depend on the split: each event but data, and each message taken.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Event(String),
    Message(Vec<u8>),
}

struct Session<'a> {
    offer: &'a Offer,
    framer: Framer,
    sequence: Sequence,
    seen: Vec<Seen>,
    message: Vec<u8>,
    body: Body,
    report: DataReport,
}

impl<'a> Session<'a> {
    fn new(offer: &'a Offer) -> Self {
        Self {
            offer,
            framer: Framer::new(),
            sequence: Sequence::new(offer.protocol()),
            seen: Vec::new(),
            message: Vec::new(),
            body: Body::SevenBit,
            report: DataReport::default(),
        }
    }

    fn feed(&mut self, bytes: &[u8]) {
        self.framer.feed(bytes);
        while let Some(event) = self.framer.next() {
            if !matches!(event, Event::Data(_)) {
                self.seen.push(Seen::Event(format!("{event:?}")));
            }
            match event {
                Event::Line(line) => {
                    let command = Command::parse(line, self.offer);
                    self.command(command);
                }
                Event::Data(bytes) => self.message.extend_from_slice(bytes),
                Event::ChunkEnd(report) => self.report = report,
                Event::DataEnd(report) => self.message_ends(report),
                Event::BadLine(bad) => check_reply(&bad.refusal().reply),
                Event::Discarded => {}
            }
        }
        assert!(self.framer.buffered() <= postern_smtp_wire::AUTH_LINE_BYTES, "at most one line is held");
    }

    fn message_ends(&mut self, report: DataReport) {
        let message = std::mem::take(&mut self.message);
        assert!(message.len() as u64 <= self.offer.message_bytes());
        if !report.is_doomed() {
            assert_eq!(message.len() as u64, report.octets);
            assert_eq!(message.contains(&0), report.nul);
            assert!(self.body == Body::BinaryMime || !has_bare_newline(&message));
            self.seen.push(Seen::Message(message));
        }
        assert_eq!(report.refusal().is_some(), report.is_doomed());
        self.sequence.message_ended();
    }

    fn command(&mut self, command: Result<Command, postern_smtp_wire::Refusal>) {
        let command = match command {
            Ok(command) => command,
            Err(refusal) => return check_reply(&refusal.reply),
        };
        check_trace(&command);
        if let Err(refusal) = self.sequence.check(&command) {
            check_reply(&refusal.reply);
            if let Command::Bdat(bdat) = command {
                self.framer.discard_chunk(bdat.octets);
            }
            return;
        }
        self.sequence.accepted(&command);
        match command {
            Command::Mail(mail) => {
                self.body = mail.body;
                (self.report, self.message) = (DataReport::default(), Vec::new());
            }
            Command::Data => self.framer.begin_data(self.offer.message_bytes()),
            Command::Bdat(bdat) => self.framer.begin_chunk(Chunk {
                octets: bdat.octets,
                last: bdat.last,
                binary: self.body == Body::BinaryMime,
                limit: self.offer.message_bytes(),
                before: self.report,
            }),
            Command::Auth(_) => {
                self.sequence.signed_in();
                self.framer.expect_auth_response();
            }
            _ => {}
        }
    }
}

fn has_bare_newline(message: &[u8]) -> bool {
    let bare = |(index, byte): (usize, &u8)| match byte {
        b'\r' => message.get(index + 1) != Some(&b'\n'),
        b'\n' => index == 0 || message[index - 1] != b'\r',
        _ => false,
    };
    message.iter().enumerate().any(bare)
}

fn check_reply(reply: &postern_smtp_wire::Reply) {
    let text = reply.to_text();
    assert!(text.is_ascii() && text.lines().all(|line| line.len() <= 510));
    assert_eq!(text.bytes().filter(|byte| *byte < b' ').count(), 2 * reply.lines().len());
}

/// What a client says of itself and its addresses, as header lines: one field each.
fn check_trace(command: &Command) {
    let transport =
        Transport { protocol: Protocol::Lmtp, greeting: HelloVerb::Lhlo, smtputf8: true, tls: true, signed_in: false };
    let trace = |helo, recipient| Trace {
        helo,
        peer: None,
        hostname: "mail.example.org",
        transport,
        id: "1",
        recipient,
        at: Timestamp(0),
    };
    let field = match command {
        Command::Hello(hello) => trace(&hello.name, None).received(),
        Command::Rcpt(rcpt) => trace("a", Some(&rcpt.path)).received(),
        Command::Mail(mail) => {
            assert_eq!(mail.path.as_str().is_empty(), mail.path == ReversePath::Null);
            return_path(&mail.path)
        }
        _ => return,
    };
    let unfolded = field.replace("\r\n\t", " ");
    assert!(unfolded.ends_with("\r\n") && unfolded.chars().filter(|c| c.is_control()).count() == 2, "{field:?}");
    assert!(field.lines().all(|line| line.len() <= 998), "{field:?}");
}

fuzz_target!(|input: &[u8]| {
    let [choice, input @ ..] = input else { return };
    let protocol = [Protocol::Lmtp, Protocol::Smtp, Protocol::Submission][usize::from(choice % 3)];
    let mut offer = Offer::new(protocol, "mail.example.org", 100);
    if choice & 4 != 0 {
        let all = Extension::ALL.into_iter().filter(|extension| *extension != Extension::StartTls);
        offer = all.fold(offer.with_mechanisms(&["PLAIN"]), Offer::with);
    }
    let mut whole = Session::new(&offer);
    whole.feed(input);
    for length in [1, 2 + usize::from(choice >> 3)] {
        let mut split = Session::new(&offer);
        input.chunks(length).for_each(|piece| split.feed(piece));
        assert_eq!(split.seen, whole.seen, "pieces of {length}");
    }
    if let Err(refusal) = AuthResponse::parse(input) {
        check_reply(&refusal.reply);
    }
});
