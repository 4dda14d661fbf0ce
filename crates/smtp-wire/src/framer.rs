//! Bytes in, events out: command lines, message data, chunks.
//!
//! The session tells the framer what comes next (`begin_data`, `begin_chunk`), because only it
//! knows whether DATA was granted. However the input is split, the events are the same;
//! only [`Event::Data`] comes in other pieces. Between two calls the framer holds at
//! most one unfinished line: the session feeds what it read and then asks until there is `None`.

use std::ops::Range;

use memchr::{memchr, memchr2};

use crate::data::{DataReport, DataScanner};
use crate::refusal::Refusal;

/// The longest command line, CRLF included. RFC 5321 section 4.5.3.1.4 says 512, and
/// every extension adds its own (SIZE 26, SMTPUTF8 10, DSN 500, AUTH 500 ...).
pub const LINE_BYTES: usize = 2048;

/// The longest line of an AUTH exchange, CRLF included (RFC 4954 section 4).
pub const AUTH_LINE_BYTES: usize = 12_288;

/// The largest buffer that is kept while a client says nothing.
const IDLE_BYTES: usize = 4096;

/// One thing that happened on the wire.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A whole line, without its CRLF: a command, or what a client answers to a 334.
    Line(&'a [u8]),
    /// A line that is not read further; what is left of it is dropped up to its CRLF.
    BadLine(BadLine),
    /// Bytes of the message, to be spooled and hashed; never empty.
    Data(&'a [u8]),
    /// A BDAT chunk without LAST is complete.
    ChunkEnd(DataReport),
    /// The message is complete, by `CRLF.CRLF` or by the last chunk.
    DataEnd(DataReport),
    /// The octets of a refused BDAT are gone: now its refusal may be sent (RFC 3030 section 2).
    Discarded,
}

/// Why a line was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadLine {
    /// It is longer than [`LINE_BYTES`] (in an AUTH exchange, [`AUTH_LINE_BYTES`]).
    TooLong,
    /// It has a CR without LF or an LF without CR. Whoever sends it may be relaying
    /// someone else's text as commands, so nothing up to the next CRLF is obeyed.
    BareNewline,
}

impl BadLine {
    /// What to answer.
    pub fn refusal(self) -> Refusal {
        match self {
            Self::TooLong => Refusal::syntax("The line is too long"),
            Self::BareNewline => Refusal::syntax("Lines end with CRLF, and a CR or LF never stands alone"),
        }
    }
}

/// A BDAT chunk that the session takes.
#[derive(Debug, Clone, Copy)]
pub struct Chunk {
    /// Octets in this chunk.
    pub octets: u64,
    /// This is the last one of the message.
    pub last: bool,
    /// The message came with BODY=BINARYMIME: its line ends are nobody's business.
    pub binary: bool,
    /// Octets the whole message may have.
    pub limit: u64,
    /// What the chunks before reported; for the first one, the default.
    pub before: DataReport,
}

#[derive(Debug)]
enum Mode {
    Line {
        limit: usize,
    },
    /// Drops up to and including the next CRLF; `cr` when the last byte seen was CR.
    SkipLine {
        cr: bool,
    },
    Data(DataScanner),
    Chunk {
        left: u64,
        chunk: Chunk,
    },
    Discard {
        left: u64,
    },
}

/// Cuts a connection's bytes into events.
#[derive(Debug)]
pub struct Framer {
    buffer: Vec<u8>,
    /// Where the unread part of the buffer begins.
    at: usize,
    /// How much of an unfinished line is known to have no CR and no LF.
    scanned: usize,
    mode: Mode,
}

/// An event before it borrows: ranges into the buffer.
enum Step {
    Wait,
    Again,
    Line(Range<usize>),
    Data(Range<usize>),
    Other(Event<'static>),
}

impl Default for Framer {
    fn default() -> Self {
        Self::new()
    }
}

impl Framer {
    /// Begins with command lines.
    pub fn new() -> Self {
        Self { buffer: Vec::new(), at: 0, scanned: 0, mode: Mode::Line { limit: LINE_BYTES } }
    }

    /// Takes what was read from the connection.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.at);
        self.at = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// Bytes that were fed and are not yet in an event. While there are some, replies
    /// may wait, so that a pipelined group is answered at once (RFC 2920 section 3.2).
    pub fn buffered(&self) -> usize {
        self.buffer.len() - self.at
    }

    /// Whole lines that were fed and are not yet in an event, without their CRLF, as far as they are sound: what
    /// a client that pipelines is about to say.
    pub fn coming_lines(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = match self.mode {
            Mode::Line { .. } => &self.buffer[self.at..],
            _ => &[],
        };
        std::iter::from_fn(move || {
            let end = memchr2(b'\r', b'\n', rest)?;
            let line = rest[end..].starts_with(b"\r\n").then(|| &rest[..end])?;
            rest = &rest[end + 2..];
            Some(line)
        })
    }

    /// The message that is coming in will be refused whatever follows, and nothing more of it is
    /// handed out: what is kept of it may go (see [`DataReport::is_doomed`]).
    pub fn is_doomed(&self) -> bool {
        match &self.mode {
            Mode::Data(scanner) => scanner.report().is_doomed(),
            Mode::Chunk { chunk, .. } => chunk.before.is_doomed(),
            _ => false,
        }
    }

    /// Forgets everything not yet in an event and says how many bytes that were. After
    /// the reply to STARTTLS: what came in clear must not act inside TLS (RFC 3207
    /// section 6; CVE-2011-0411).
    pub fn discard_buffered(&mut self) -> usize {
        let dropped = self.buffered();
        *self = Self::new();
        dropped
    }

    /// Message data comes next, up to `CRLF.CRLF`; bytes over `limit` are not handed out.
    pub fn begin_data(&mut self, limit: u64) {
        self.mode = Mode::Data(DataScanner::new(limit));
    }

    /// The octets of a BDAT come next.
    pub fn begin_chunk(&mut self, chunk: Chunk) {
        self.mode = Mode::Chunk { left: chunk.octets, chunk };
    }

    /// The octets of a refused BDAT come next, to be dropped; then [`Event::Discarded`].
    pub fn discard_chunk(&mut self, octets: u64) {
        self.mode = Mode::Discard { left: octets };
    }

    /// The next line answers a 334 and may be longer (RFC 4954 section 4).
    pub fn expect_auth_response(&mut self) {
        self.mode = Mode::Line { limit: AUTH_LINE_BYTES };
    }

    /// The next event, or `None` until more is fed.
    #[expect(clippy::should_implement_trait, reason = "the event borrows from the framer, an iterator's item can not")]
    pub fn next(&mut self) -> Option<Event<'_>> {
        loop {
            match self.step() {
                Step::Wait => {
                    self.shrink();
                    return None;
                }
                Step::Again => {}
                Step::Line(range) => return Some(Event::Line(&self.buffer[range])),
                Step::Data(range) => return Some(Event::Data(&self.buffer[range])),
                Step::Other(event) => return Some(event),
            }
        }
    }

    /// A connection that waits for its client keeps no large buffer; one that gets data soon needs it again.
    fn shrink(&mut self) {
        let idle = self.buffered() == 0 && matches!(self.mode, Mode::Line { .. });
        if idle && self.buffer.capacity() > IDLE_BYTES {
            (self.buffer, self.at) = (Vec::new(), 0);
        }
    }

    fn step(&mut self) -> Step {
        let (at, pending) = (self.at, &self.buffer[self.at..]);
        match &mut self.mode {
            Mode::Line { limit } => {
                let limit = *limit;
                self.line(limit)
            }
            Mode::SkipLine { cr } => match end_of_line(pending, *cr) {
                Some(used) => {
                    self.at += used;
                    self.mode = Mode::Line { limit: LINE_BYTES };
                    Step::Again
                }
                None => {
                    *cr = pending.last().map_or(*cr, |last| *last == b'\r');
                    self.at = self.buffer.len();
                    Step::Wait
                }
            },
            Mode::Data(_) | Mode::Chunk { left: 1.., .. } | Mode::Discard { left: 1.. } if pending.is_empty() => {
                Step::Wait
            }
            Mode::Data(scanner) => {
                let scan = scanner.scan(pending);
                self.at += scan.used;
                match scan.end {
                    Some(report) => self.back_to_lines(Event::DataEnd(report)),
                    None => data(at, scan.data),
                }
            }
            Mode::Chunk { left: 0, chunk } => {
                let mut report = chunk.before;
                if !chunk.last {
                    return self.back_to_lines(Event::ChunkEnd(report));
                }
                report.finish();
                self.back_to_lines(Event::DataEnd(report))
            }
            Mode::Chunk { left, chunk } => {
                let used = at_most(*left, pending.len());
                *left -= used as u64;
                let handed_out = chunk.before.chunk(&pending[..used], !chunk.binary, chunk.limit);
                self.at += used;
                data(at, 0..handed_out)
            }
            Mode::Discard { left: 0 } => self.back_to_lines(Event::Discarded),
            Mode::Discard { left } => {
                let used = at_most(*left, pending.len());
                *left -= used as u64;
                self.at += used;
                Step::Again
            }
        }
    }

    fn line(&mut self, limit: usize) -> Step {
        let pending = &self.buffer[self.at..];
        let longest = limit - 2;
        let end = memchr2(b'\r', b'\n', &pending[self.scanned..]).map(|offset| self.scanned + offset);
        match end {
            Some(end) if end > longest => self.bad_line(end, BadLine::TooLong),
            Some(end) if pending[end] == b'\n' => self.bad_line(end + 1, BadLine::BareNewline),
            Some(end) => match pending.get(end + 1) {
                None => {
                    self.scanned = end;
                    Step::Wait
                }
                Some(b'\n') => {
                    let line = self.at..self.at + end;
                    (self.at, self.scanned) = (self.at + end + 2, 0);
                    self.mode = Mode::Line { limit: LINE_BYTES };
                    Step::Line(line)
                }
                Some(_) => self.bad_line(end + 1, BadLine::BareNewline),
            },
            None if pending.len() > longest => self.bad_line(pending.len(), BadLine::TooLong),
            None => {
                self.scanned = pending.len();
                Step::Wait
            }
        }
    }

    fn bad_line(&mut self, used: usize, bad: BadLine) -> Step {
        (self.at, self.scanned) = (self.at + used, 0);
        self.mode = Mode::SkipLine { cr: false };
        Step::Other(Event::BadLine(bad))
    }

    fn back_to_lines(&mut self, event: Event<'static>) -> Step {
        self.mode = Mode::Line { limit: LINE_BYTES };
        Step::Other(event)
    }
}

fn data(at: usize, range: Range<usize>) -> Step {
    if range.is_empty() { Step::Again } else { Step::Data(at + range.start..at + range.end) }
}

fn at_most(left: u64, length: usize) -> usize {
    usize::try_from(left).map_or(length, |left| left.min(length))
}

/// How many bytes lie up to and including the first CRLF; `cr` when a CR came just before.
fn end_of_line(bytes: &[u8], cr: bool) -> Option<usize> {
    let mut at = 0;
    while let Some(offset) = memchr(b'\n', &bytes[at..]) {
        let newline = at + offset;
        if if newline == 0 { cr } else { bytes[newline - 1] == b'\r' } {
            return Some(newline + 1);
        }
        at = newline + 1;
    }
    None
}
