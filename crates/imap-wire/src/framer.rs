//! Where one command ends and the next begins.
//!
//! A client's stream is lines, but a line that ends in `{5}` or `{5+}` goes on after five
//! bytes that may be anything (RFC 9051 section 4.3, RFC 7888). Who misjudges that once
//! takes mail for commands from then on. So framing comes before understanding: whatever
//! the grammar thinks of a command, the framer knows where it ends.
//!
//! - Small literals stay in their line, up to a limit for the whole command, which is
//!   lower before sign-in. Beyond it nothing is kept: a synchronising literal is refused
//!   instead of asked for, anything else is dropped as it arrives and refused at its end
//!   (RFC 7888 section 4).
//! - The message of APPEND is never held: it is handed out as it comes.
//! - Lines end in CRLF. A bare LF is taken for a line end as well, everywhere: people at
//!   a terminal send it, no relay stands between IMAP client and server that could see
//!   two commands where we see one, and one rule in all places leaves no gap.
//! - A literal is announced by `{5}` at the end of a line, whatever stands before it.
//! - Lines that came before sign-in are wiped once read: they may hold a password.

use crate::command::{AppendHead, BadCommand, Command, TAG_BYTES, Tag};
use crate::grammar::token::{Options, base64, decimal};
use crate::grammar::{AppendProbe, check_beginning, leading_tag, parse_command, probe_append};
use memchr::memchr;
use postern_types::{Limits, Secret};
use std::ops::Range;

/// What came out of the stream.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A whole command.
    Command(Command),
    /// Something that is no command, or too large a one. It has been read past; answer it
    /// ([`crate::Encoder::bad_command`]) and go on.
    Bad(BadCommand),
    /// The client waits to be asked for a literal of a command: send a continuation
    /// (RFC 9051 section 7.6) and go on.
    Continue,
    /// An APPEND whose message is on its way or, where it is `synchronising`, waits to be
    /// asked for. Answer with [`Framer::accept_append`], after which the session sends a
    /// continuation to a synchronising client, or with [`Framer::refuse_append`]. There is
    /// no further event until then.
    AppendStart(AppendHead),
    /// The next bytes of the message.
    AppendData(&'a [u8]),
    /// The message and its command are complete.
    AppendEnd,
    /// The message came, but its command is broken: drop the message.
    AppendFailed(BadCommand),
    /// What the client answers to a challenge of AUTHENTICATE, decoded.
    Response(Secret),
    /// The client has cancelled AUTHENTICATE with `*` (RFC 9051 section 6.2.2).
    Cancelled,
    /// DONE, which ends IDLE.
    Done,
}

/// What the next line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    Command,
    Done,
    Response,
}

#[derive(Debug)]
enum State {
    /// A command, or the beginning of one, lies in the buffer.
    Line,
    /// A head was handed out, the session has not said whether it wants the message.
    AppendUndecided { size: u64, synchronising: bool, wrapped: bool },
    /// So many bytes of the message are still to come.
    AppendBody { remaining: u64, wrapped: bool },
    /// The line end after the message, or the `)` of `UTF8 (...)` before it.
    AppendTail { wrapped: bool },
    /// A command is read past.
    Discard(Discard),
}

/// What is left of a command that nobody wants.
#[derive(Debug)]
struct Discard {
    /// Bytes of a literal still to come.
    literal: u64,
    /// The last bytes of the present line, in which another literal may be announced.
    tail: Vec<u8>,
    /// What to say once it is over.
    report: Report,
}

#[derive(Debug)]
enum Report {
    /// The session has answered already.
    Nothing,
    Bad(BadCommand),
    AppendFailed(BadCommand),
}

/// What one step of the machine led to.
enum Step {
    Wait,
    Again,
    Event(Event<'static>),
    Data(Range<usize>),
}

/// A literal announced at the end of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Marker {
    /// Where its `{`, or the `~` before it, stands in the line.
    start: usize,
    size: u64,
    synchronising: bool,
    binary: bool,
}

/// Capacity an empty buffer may keep, so that an idle connection is small.
const IDLE_BYTES: usize = 1024;
/// Longest literal announcement with the CR after it: `~{`, 20 digits, `+}`.
const MARKER_BYTES: usize = 25;

/// Cuts the bytes of one connection into [`Event`]s. Knows no socket: it is fed by
/// [`Framer::push`] and asked by [`Framer::next_event`] until there is none.
#[derive(Debug)]
pub struct Framer {
    /// Bytes before `start` are done with.
    buffer: Vec<u8>,
    start: usize,
    /// From `start`: where the present line of the command begins, after its literals.
    line: usize,
    /// From `start`: up to here there is no line end. Beyond the buffer while a literal
    /// is incomplete.
    scanned: usize,
    state: State,
    /// Of the APPEND in hand.
    append_tag: Option<Tag>,
    expect: Expect,
    options: Options,
    line_bytes: usize,
    line_bytes_signed_in: usize,
    message_bytes: u64,
    wipe: bool,
}

impl Framer {
    /// For a new connection, with the limits that hold before sign-in.
    pub fn new(limits: &Limits) -> Self {
        Self {
            buffer: Vec::new(),
            start: 0,
            line: 0,
            scanned: 0,
            state: State::Line,
            append_tag: None,
            expect: Expect::Command,
            options: Options::default(),
            line_bytes: limits.line_bytes_before_sign_in,
            line_bytes_signed_in: limits.line_bytes,
            message_bytes: limits.message_bytes,
            wipe: true,
        }
    }

    /// From now on the limits after sign-in hold.
    pub fn signed_in(&mut self) {
        self.line_bytes = self.line_bytes_signed_in;
        self.wipe = false;
    }
    /// From now on mailbox names are UTF-8: ENABLE of IMAP4rev2 or UTF8=ACCEPT was answered.
    pub fn enable_utf8(&mut self) {
        self.options.utf8 = true;
    }
    /// The next line ends IDLE: [`Event::Done`], or [`Event::Bad`] for any other line.
    /// Either way commands follow. Call it before asking for another event.
    pub fn expect_done(&mut self) {
        self.expect = Expect::Done;
    }
    /// The next line answers a challenge: [`Event::Response`], [`Event::Cancelled`], or
    /// [`Event::Bad`] without a tag for what is not base64. Either way commands follow,
    /// unless it is called again for a further challenge.
    pub fn expect_response(&mut self) {
        self.expect = Expect::Response;
    }
    /// Bytes that were fed and not yet handed out. After STARTTLS they must be none
    /// (RFC 9051 section 11.1): what came in the clear counts for nothing afterwards.
    pub fn pending_bytes(&self) -> usize {
        self.buffer.len() - self.start
    }
    /// Memory that is held for the buffer, for a session's accounting.
    pub fn held_bytes(&self) -> usize {
        self.buffer.capacity()
    }

    /// Feeds what was read from the connection. Ask for all events before feeding more,
    /// and feed nothing while an APPEND waits for its answer: what is fed is kept.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next event; `None` when more bytes are needed, or the answer to an APPEND.
    pub fn next_event(&mut self) -> Option<Event<'_>> {
        loop {
            match self.step() {
                Step::Again => {}
                Step::Event(event) => return Some(event),
                Step::Data(range) => return Some(Event::AppendData(&self.buffer[range])),
                Step::Wait => {
                    self.shrink();
                    return None;
                }
            }
        }
    }

    /// The message of the APPEND is wanted.
    pub fn accept_append(&mut self) {
        if let State::AppendUndecided { size, wrapped, .. } = self.state {
            self.state = State::AppendBody { remaining: size, wrapped };
        }
    }

    /// The message of the APPEND is not wanted, or no longer: what is still to come of it
    /// is read past, and there is no further event for this command. The session answers
    /// the command itself, at once.
    pub fn refuse_append(&mut self) {
        let literal = match self.state {
            // The client waits, and gives the command up when it hears the refusal.
            State::AppendUndecided { synchronising: true, .. } => {
                self.state = State::Line;
                return;
            }
            State::AppendUndecided { size, .. } => size,
            State::AppendBody { remaining, .. } => remaining,
            State::AppendTail { .. } => 0,
            State::Line | State::Discard(_) => return,
        };
        self.discard(literal, Report::Nothing);
    }

    fn step(&mut self) -> Step {
        match self.state {
            State::Line => self.step_line(),
            State::AppendUndecided { .. } => Step::Wait,
            State::AppendBody { remaining, wrapped } => self.step_body(remaining, wrapped),
            State::AppendTail { wrapped } => self.step_tail(wrapped),
            State::Discard(_) => self.step_discard(),
        }
    }

    fn step_line(&mut self) -> Step {
        let bytes = &self.buffer[self.start..];
        let Some(rest) = bytes.get(self.scanned..) else { return Step::Wait };
        let Some(found) = memchr(b'\n', rest) else {
            self.scanned = bytes.len();
            return if bytes.len() > self.line_bytes { self.line_too_long() } else { Step::Wait };
        };
        let length = self.scanned + found + 1;
        if length > self.line_bytes {
            return self.line_too_long();
        }
        if self.expect != Expect::Command {
            return self.expected_line(length);
        }
        match marker(trim(&bytes[self.line..length])) {
            Some(marker) => self.literal(length, Marker { start: self.line + marker.start, ..marker }),
            None => {
                let parsed = parse_command(&bytes[..length], self.options);
                self.consume(length);
                Step::Event(parsed.map_or_else(Event::Bad, Event::Command))
            }
        }
    }

    /// A command of `length` bytes so far, the last of which announce a literal.
    fn literal(&mut self, length: usize, marker: Marker) -> Step {
        let bytes = &self.buffer[self.start..self.start + length];
        let before = &bytes[..marker.start];
        match probe_append(before, marker.size, marker.binary, self.options) {
            AppendProbe::Other | AppendProbe::Mailbox => {}
            AppendProbe::Bad(bad) => return self.refuse(length, marker, bad),
            AppendProbe::Message { head, .. } if marker.size > self.message_bytes => {
                let text = format!("The message is larger than the limit of {} bytes", self.message_bytes);
                return self.refuse(length, marker, BadCommand::too_big(Some(head.tag), text));
            }
            AppendProbe::Message { head, wrapped } => {
                let head = AppendHead { synchronising: marker.synchronising, ..head };
                self.consume(length);
                self.append_tag = Some(head.tag.clone());
                let (size, synchronising) = (marker.size, marker.synchronising);
                self.state = State::AppendUndecided { size, synchronising, wrapped };
                return Step::Event(Event::AppendStart(head));
            }
        }
        let room = (self.line_bytes - length) as u64;
        if marker.size > room {
            let text = format!("The command is larger than the limit of {} bytes", self.line_bytes);
            let bad = BadCommand::too_big(leading_tag(bytes), text);
            return self.refuse(length, marker, bad);
        }
        if marker.synchronising
            && let Err(bad) = check_beginning(before, self.options)
        {
            return self.refuse(length, marker, bad);
        }
        // It fits below `line_bytes`, so it fits a usize.
        self.line = length + marker.size as usize;
        self.scanned = self.line;
        if marker.synchronising { Step::Event(Event::Continue) } else { Step::Again }
    }

    /// Turns a command away at a literal: at once where the client waits to be asked for
    /// it, after reading past it where it comes unasked.
    fn refuse(&mut self, length: usize, marker: Marker, bad: BadCommand) -> Step {
        self.consume(length);
        if marker.synchronising {
            return Step::Event(Event::Bad(bad));
        }
        self.discard(marker.size, Report::Bad(bad));
        Step::Again
    }

    fn line_too_long(&mut self) -> Step {
        let bytes = &self.buffer[self.start..];
        let tag = match self.expect {
            Expect::Command => leading_tag(&bytes[..bytes.len().min(TAG_BYTES + 1)]),
            Expect::Done | Expect::Response => None,
        };
        let bad = BadCommand::syntax(tag, format!("The line is longer than the limit of {} bytes", self.line_bytes));
        self.expect = Expect::Command;
        self.consume(self.line);
        self.discard(0, Report::Bad(bad));
        Step::Again
    }

    /// A line while IDLE or AUTHENTICATE waits for one.
    fn expected_line(&mut self, length: usize) -> Step {
        let line = trim(&self.buffer[self.start..self.start + length]);
        let event = match self.expect {
            Expect::Done if line.eq_ignore_ascii_case(b"DONE") => Ok(Event::Done),
            Expect::Response if line == b"*" => Ok(Event::Cancelled),
            Expect::Response => match base64(line) {
                Some(response) => Ok(Event::Response(response)),
                None => Err("The response to the challenge is not valid base64"),
            },
            _ => Err("IDLE is ended by DONE alone on a line"),
        };
        self.expect = Expect::Command;
        match event {
            Ok(event) => {
                self.consume(length);
                Step::Event(event)
            }
            // It may be a command with literals, so its end is looked for like any other's.
            Err(text) => {
                self.discard(0, Report::Bad(BadCommand::syntax(None, text)));
                Step::Again
            }
        }
    }

    fn step_body(&mut self, remaining: u64, wrapped: bool) -> Step {
        if remaining == 0 {
            self.state = State::AppendTail { wrapped };
            return Step::Again;
        }
        let available = self.buffer.len() - self.start;
        if available == 0 {
            return Step::Wait;
        }
        let taken = usize::try_from(remaining).map_or(available, |remaining| remaining.min(available));
        let range = self.start..self.start + taken;
        self.start += taken;
        self.state = State::AppendBody { remaining: remaining - taken as u64, wrapped };
        Step::Data(range)
    }

    /// After the message: its line end. Anything else breaks the command, a second message
    /// (MULTIAPPEND, which we do not offer) too.
    fn step_tail(&mut self, wrapped: bool) -> Step {
        let bytes = &self.buffer[self.start..];
        let found = memchr(b'\n', &bytes[..bytes.len().min(4)]);
        let expected: &[u8] = if wrapped { b")" } else { b"" };
        match found {
            Some(at) if trim(&bytes[..=at]) == expected => {
                self.consume(at + 1);
                self.state = State::Line;
                Step::Event(Event::AppendEnd)
            }
            None if bytes.len() < 4 => Step::Wait,
            _ => {
                let bad =
                    BadCommand::syntax(self.append_tag.take(), "After the message APPEND ends; one message at a time");
                self.discard(0, Report::AppendFailed(bad));
                Step::Again
            }
        }
    }

    fn step_discard(&mut self) -> Step {
        let State::Discard(discard) = &mut self.state else { return Step::Again };
        let bytes = &self.buffer[self.start..];
        let dropped = usize::try_from(discard.literal).map_or(bytes.len(), |literal| literal.min(bytes.len()));
        discard.literal -= dropped as u64;
        if discard.literal > 0 || dropped == bytes.len() {
            self.consume(dropped);
            return Step::Wait;
        }
        let line = &bytes[dropped..];
        let found = memchr(b'\n', line);
        let part = &line[..found.unwrap_or(line.len())];
        discard.tail.extend_from_slice(&part[part.len().saturating_sub(MARKER_BYTES)..]);
        let surplus = discard.tail.len().saturating_sub(MARKER_BYTES);
        discard.tail.drain(..surplus);
        let consumed = dropped + part.len() + usize::from(found.is_some());
        if found.is_none() {
            self.consume(consumed);
            return Step::Wait;
        }
        let announced = marker(trim(&discard.tail)).filter(|marker| !marker.synchronising);
        if let Some(marker) = announced {
            discard.literal = marker.size;
            discard.tail.clear();
            self.consume(consumed);
            return Step::Again;
        }
        let report = std::mem::replace(&mut discard.report, Report::Nothing);
        self.state = State::Line;
        self.consume(consumed);
        match report {
            Report::Nothing => Step::Again,
            Report::Bad(bad) => Step::Event(Event::Bad(bad)),
            Report::AppendFailed(bad) => Step::Event(Event::AppendFailed(bad)),
        }
    }

    fn discard(&mut self, literal: u64, report: Report) {
        self.state = State::Discard(Discard { literal, tail: Vec::new(), report });
    }

    /// Done with the first `length` bytes.
    fn consume(&mut self, length: usize) {
        if self.wipe {
            self.buffer[self.start..self.start + length].fill(0);
        }
        self.start += length;
        (self.line, self.scanned) = (0, 0);
    }

    /// Gives memory back when there is nothing to keep. While a message streams, the
    /// buffer is about to be filled again.
    fn shrink(&mut self) {
        if self.start < self.buffer.len() {
            return;
        }
        self.start = 0;
        if self.buffer.capacity() > IDLE_BYTES && !matches!(self.state, State::AppendBody { .. }) {
            self.buffer = Vec::new();
        } else {
            self.buffer.clear();
        }
    }
}

/// Without the line end.
fn trim(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The literal that a line, without its line end, announces. Sizes beyond 63 bits are
/// larger than any limit and read as the largest there is.
fn marker(line: &[u8]) -> Option<Marker> {
    let inner = line.strip_suffix(b"}")?;
    let (digits_end, synchronising) = match inner.strip_suffix(b"+") {
        Some(rest) => (rest.len(), false),
        None => (inner.len(), true),
    };
    let digits = inner[..digits_end].iter().rev().take(21).take_while(|byte| byte.is_ascii_digit()).count();
    let digits_start = digits_end - digits;
    if !(1..=20).contains(&digits) || digits_start == 0 || line[digits_start - 1] != b'{' {
        return None;
    }
    let size = decimal(&line[digits_start..digits_end]).unwrap_or(u64::MAX);
    let binary = digits_start >= 2 && line[digits_start - 2] == b'~';
    Some(Marker { start: digits_start - 1 - usize::from(binary), size, synchronising, binary })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9051 section 9, literal; RFC 7888 section 8; RFC 3516 section 7.
    #[test]
    fn literals_are_announced_at_the_end_of_a_line() {
        let found = |line: &str| marker(line.as_bytes()).map(|m| (m.start, m.size, m.synchronising, m.binary));
        assert_eq!(found("a LOGIN {5}"), Some((8, 5, true, false)));
        assert_eq!(found("{12+}"), Some((0, 12, false, false)));
        assert_eq!(found("x ~{7}"), Some((2, 7, true, true)));
        assert_eq!(found("{99999999999999999999}"), Some((0, u64::MAX, true, false)));
        for none in ["", "}", "{}", "{+}", "5}", "{5} ", "{5-}", "{000000000000000000005}", "{5++}"] {
            assert_eq!(found(none), None, "{none}");
        }
    }

    #[test]
    fn a_line_read_before_sign_in_is_wiped() {
        let mut framer = Framer::new(&Limits::default());
        framer.push(b"a LOGIN alice secret\r\nb NO");
        assert!(matches!(framer.next_event(), Some(Event::Command(_))));
        assert!(framer.buffer[..framer.start].iter().all(|byte| *byte == 0));
    }
}
