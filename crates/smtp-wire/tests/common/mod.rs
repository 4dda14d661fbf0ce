//! A session that says yes to everything, so that dialogues can be told as text.
#![allow(dead_code, reason = "each test binary uses its own part")]

use std::hash::{BuildHasher, Hasher};

use postern_smtp_wire::{
    BadLine, Body, Chunk, Command, DataReport, Enhanced, Event, Framer, Offer, Protocol, Refusal, Reply, Sequence,
};

/// What happened on the wire, with neighbouring pieces of data joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    Line(Vec<u8>),
    Bad(BadLine),
    Data(Vec<u8>),
    ChunkEnd(DataReport),
    DataEnd(DataReport),
    Discarded,
}

pub struct House {
    pub offer: Offer,
    pub framer: Framer,
    pub sequence: Sequence,
    pub seen: Vec<Seen>,
    pub replies: String,
    pub messages: Vec<Vec<u8>>,
    pub ended: bool,
    message: Vec<u8>,
    binary: bool,
    report: DataReport,
    refused_chunk: Option<Reply>,
}

impl House {
    pub fn new(offer: Offer) -> Self {
        Self {
            sequence: Sequence::new(offer.protocol()),
            offer,
            framer: Framer::new(),
            seen: Vec::new(),
            replies: String::new(),
            messages: Vec::new(),
            ended: false,
            message: Vec::new(),
            binary: false,
            report: DataReport::default(),
            refused_chunk: None,
        }
    }

    pub fn lmtp() -> Self {
        Self::new(Offer::new(Protocol::Lmtp, "mail.example.org", 10_000))
    }

    pub fn smtp() -> Self {
        Self::new(Offer::new(Protocol::Smtp, "mail.example.org", 10_000))
    }

    /// An LMTP house in which a transaction with one recipient waits for its data.
    pub fn ready_for_data() -> Self {
        let mut house = Self::lmtp();
        house.say(b"LHLO a\r\nMAIL FROM:<bob@example.org>\r\nRCPT TO:<support@example.org>\r\nDATA\r\n");
        assert!(house.replies.ends_with("354 Send the message; end it with CRLF.CRLF\r\n"), "{}", house.replies);
        house.replies.clear();
        house.seen.clear();
        house
    }

    /// Feeds bytes and gives the replies they led to.
    pub fn say(&mut self, bytes: &[u8]) -> String {
        let before = self.replies.len();
        self.framer.feed(bytes);
        while !self.ended {
            let Some(seen) = self.framer.next().map(own) else { break };
            self.react(&seen);
            match (self.seen.last_mut(), seen) {
                (Some(Seen::Data(whole)), Seen::Data(mut more)) => whole.append(&mut more),
                (_, seen) => self.seen.push(seen),
            }
        }
        self.replies[before..].to_owned()
    }

    /// Says one line and expects exactly this reply, given without its CRLF.
    #[track_caller]
    pub fn expect(&mut self, line: &str, reply: &str) {
        let replies = self.say(format!("{line}\r\n").as_bytes());
        assert_eq!(replies.trim_end(), reply, "after {line}");
    }

    /// Says one line and expects a reply that begins so.
    #[track_caller]
    pub fn begins(&mut self, line: &str, start: &str) {
        let replies = self.say(format!("{line}\r\n").as_bytes());
        assert!(replies.starts_with(start), "after {line}: {replies}");
    }

    fn react(&mut self, seen: &Seen) {
        match seen {
            Seen::Line(line) => match Command::parse(line, &self.offer) {
                Ok(command) => self.command(&command),
                Err(refusal) => self.refuse(refusal),
            },
            Seen::Bad(bad) => self.refuse(bad.refusal()),
            Seen::Data(bytes) => self.message.extend_from_slice(bytes),
            Seen::ChunkEnd(report) => {
                self.report = *report;
                match report.refusal() {
                    Some(reply) => {
                        self.sequence.chunk_failed();
                        self.reply(reply);
                    }
                    None => self.reply(Reply::new(250, Enhanced(0, 0), "Chunk taken")),
                }
            }
            Seen::DataEnd(report) => self.message_ends(report),
            Seen::Discarded => {
                if let Some(reply) = self.refused_chunk.take() {
                    self.reply(reply);
                }
            }
        }
    }

    fn message_ends(&mut self, report: &DataReport) {
        let message = std::mem::take(&mut self.message);
        let verdict = report.refusal().unwrap_or_else(|| Reply::new(250, Enhanced(0, 0), "Delivered"));
        if verdict.class() == 2 {
            self.messages.push(message);
        }
        let count = if self.offer.protocol() == Protocol::Lmtp { self.sequence.recipients() } else { 1 };
        (0..count).for_each(|_| self.reply(verdict.clone()));
        self.sequence.message_ended();
    }

    fn command(&mut self, command: &Command) {
        if let Err(refusal) = self.sequence.check(command) {
            if let Command::Bdat(bdat) = command {
                self.refused_chunk = (!self.sequence.is_unanswered(bdat)).then_some(refusal.reply);
                self.framer.discard_chunk(bdat.octets);
            } else {
                self.refuse(refusal);
            }
            return;
        }
        self.sequence.accepted(command);
        match command {
            Command::Hello(_) => self.reply(self.offer.hello_reply()),
            Command::Mail(mail) => {
                (self.report, self.message) = (DataReport::default(), Vec::new());
                self.binary = mail.body == Body::BinaryMime;
                self.reply(Reply::new(250, Enhanced(1, 0), "Sender ok"));
            }
            Command::Rcpt(rcpt) => {
                let ok = Reply::new(250, Enhanced(1, 5), "Recipient ok");
                self.reply(ok.for_recipient(rcpt.path.as_str()));
            }
            Command::Data => {
                self.framer.begin_data(self.offer.message_bytes());
                self.reply(Reply::go_ahead());
            }
            Command::Bdat(bdat) => self.framer.begin_chunk(Chunk {
                octets: bdat.octets,
                last: bdat.last,
                binary: self.binary,
                limit: self.offer.message_bytes(),
                before: self.report,
            }),
            Command::StartTls => {
                self.reply(Reply::new(220, Enhanced(0, 0), "Begin TLS"));
                self.framer.discard_buffered();
            }
            Command::Quit => {
                self.reply(Reply::closing(self.offer.hostname()));
                self.ended = true;
            }
            Command::Help(_) => self.reply(postern_smtp_wire::help_reply(&self.offer)),
            Command::Vrfy(_) | Command::Expn(_) => self.reply(Reply::cannot_verify()),
            Command::Rset | Command::Noop | Command::Auth(_) => self.reply(Reply::new(250, Enhanced(0, 0), "Ok")),
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.reply(refusal.reply);
        self.ended |= refusal.close;
    }

    fn reply(&mut self, reply: Reply) {
        self.replies.push_str(&reply.to_text());
    }
}

fn own(event: Event<'_>) -> Seen {
    match event {
        Event::Line(line) => Seen::Line(line.to_vec()),
        Event::BadLine(bad) => Seen::Bad(bad),
        Event::Data(bytes) => {
            assert!(!bytes.is_empty(), "data is never empty");
            Seen::Data(bytes.to_vec())
        }
        Event::ChunkEnd(report) => Seen::ChunkEnd(report),
        Event::DataEnd(report) => Seen::DataEnd(report),
        Event::Discarded => Seen::Discarded,
    }
}

/// Random numbers from a seed that can be given again (splitmix64).
pub struct Dice(u64);

impl Dice {
    /// From POSTERN_SEED, or any; printed, so that a failure can be had again.
    pub fn from_environment() -> Self {
        let any = || std::collections::hash_map::RandomState::new().build_hasher().finish();
        let seed = std::env::var("POSTERN_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(any);
        #[expect(clippy::print_stdout, reason = "shown when the test fails")]
        {
            println!("POSTERN_SEED={seed}");
        }
        Self(seed)
    }

    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % end as u64) as usize
    }

    pub fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}
