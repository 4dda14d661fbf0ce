//! Message data as it streams past: dots unstuffed, the end found, line ends judged.
//!
//! RFC 5321 sections 4.1.1.4 and 4.5.2 (transparency) and 2.3.8 (CR and LF only as
//! CRLF). Servers that took `LF.CRLF` or `CRLF.LF` for the end of a message let a
//! sender smuggle a second message past the first one's checks; here `CRLF.CRLF` alone is the
//! end, and a message with a bare CR or LF anywhere is read to its true end and refused.

use std::ops::Range;

use memchr::{memchr, memchr2};

use crate::reply::{Enhanced, Reply};

/// What is known of a message's data. Chunks of BDAT hand it on from one to the next,
/// so that a CR at the end of one and an LF at the start of the other make one line end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DataReport {
    /// Octets of the message as RFC 1870 section 5 counts them: dots unstuffed, the end not counted.
    pub octets: u64,
    /// A CR without LF or an LF without CR was seen: the message must be refused.
    pub bare_newline: bool,
    /// The message is longer than its limit; what was over was not handed out.
    pub over_limit: bool,
    /// A NUL was seen. RFC 5322 section 4 lets old messages have them; they are kept
    /// (docs/decisions/0017-nul.md).
    pub nul: bool,
    trailing_cr: bool,
}

impl DataReport {
    /// No more of this message is handed out: it is refused at its end, whatever follows.
    pub fn is_doomed(&self) -> bool {
        self.bare_newline || self.over_limit
    }

    /// The reply that refuses the message, where its data alone is reason enough.
    pub fn refusal(&self) -> Option<Reply> {
        if self.bare_newline {
            let text = "The message has a CR or LF that stands alone; lines end with CRLF (RFC 5321 section 2.3.8)";
            return Some(Reply::new(554, Enhanced(6, 0), text));
        }
        self.over_limit.then(|| Reply::new(552, Enhanced(3, 4), "The message is larger than this server takes"))
    }

    /// Counts `bytes` of message and says how many of them, from the start, are handed out.
    fn take(&mut self, bytes: &[u8], limit: u64) -> usize {
        self.nul |= memchr(0, bytes).is_some();
        let room = usize::try_from(limit.saturating_sub(self.octets)).unwrap_or(usize::MAX);
        self.octets = self.octets.saturating_add(bytes.len() as u64);
        let before = self.is_doomed();
        self.over_limit |= bytes.len() > room;
        if before { 0 } else { bytes.len().min(room) }
    }

    /// Follows one slice of a BDAT chunk; `text` says whether line ends matter (RFC 3030 section 3).
    pub(crate) fn chunk(&mut self, bytes: &[u8], text: bool, limit: u64) -> usize {
        if text {
            self.follow_line_ends(bytes);
        }
        self.take(bytes, limit)
    }

    /// The message is over: a CR that still waits for its LF will not get one.
    pub(crate) fn finish(&mut self) {
        self.bare_newline |= std::mem::take(&mut self.trailing_cr);
    }

    fn follow_line_ends(&mut self, bytes: &[u8]) {
        let mut at = 0;
        while at < bytes.len() && !self.bare_newline {
            if self.trailing_cr {
                self.trailing_cr = false;
                self.bare_newline = bytes[at] != b'\n';
                at += 1;
                continue;
            }
            let Some(offset) = memchr2(b'\r', b'\n', &bytes[at..]) else { return };
            at += offset;
            self.trailing_cr = bytes[at] == b'\r';
            self.bare_newline = !self.trailing_cr;
            at += 1;
        }
    }
}

/// Where the scanner stands between two bytes of DATA.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// After CRLF, or at the very start: the CRLF of the DATA command counts (section 4.1.1.4).
    LineStart,
    /// After a dot that began a line; it is held back.
    Dot,
    /// After a dot that began a line and a CR; both are held back.
    DotCr,
    Middle,
    Cr,
}

/// Reads the data of one DATA command.
#[derive(Debug)]
pub(crate) struct DataScanner {
    state: State,
    limit: u64,
    report: DataReport,
}

/// What one look at the input gave.
pub(crate) struct Scan {
    /// Bytes of input that are done with.
    pub used: usize,
    /// Those of them to hand out; may be empty.
    pub data: Range<usize>,
    /// The end was reached.
    pub end: Option<DataReport>,
}

impl DataScanner {
    pub fn new(limit: u64) -> Self {
        Self { state: State::LineStart, limit, report: DataReport::default() }
    }

    /// What is known so far.
    pub fn report(&self) -> &DataReport {
        &self.report
    }

    /// Reads up to the next dot that must go, or the end, or all of the input.
    pub fn scan(&mut self, input: &[u8]) -> Scan {
        let (mut start, mut at) = (0, 0);
        while at < input.len() {
            match (self.state, input[at]) {
                (State::LineStart, b'.') => {
                    self.state = State::Dot;
                    if start < at {
                        return self.run(input, start..at, at + 1);
                    }
                    (start, at) = (at + 1, at + 1);
                }
                (State::Dot, b'\r') => {
                    self.state = State::DotCr;
                    (start, at) = (at + 1, at + 1);
                }
                (State::DotCr, b'\n') => {
                    let end = Some(std::mem::take(&mut self.report));
                    return Scan { used: at + 1, data: at..at, end };
                }
                (State::Cr, b'\n') => {
                    self.state = State::LineStart;
                    at += 1;
                }
                // A CR was not followed by LF: this byte is looked at again, as any other.
                (State::DotCr | State::Cr, _) => {
                    self.report.bare_newline = true;
                    self.state = State::Middle;
                }
                (State::LineStart | State::Dot, _) => self.state = State::Middle,
                (State::Middle, _) => match memchr2(b'\r', b'\n', &input[at..]) {
                    None => at = input.len(),
                    Some(offset) => {
                        at += offset + 1;
                        if input[at - 1] == b'\r' {
                            self.state = State::Cr;
                        } else {
                            self.report.bare_newline = true;
                        }
                    }
                },
            }
        }
        self.run(input, start..input.len(), input.len())
    }

    fn run(&mut self, input: &[u8], data: Range<usize>, used: usize) -> Scan {
        let length = self.report.take(&input[data.clone()], self.limit);
        Scan { used, data: data.start..data.start + length, end: None }
    }
}
