//! Answers of the next server (RFC 5321 section 4.2), read strictly and within bounds.
//!
//! A line is three digits, then a space, a hyphen or its end; anything else is no answer, and
//! whoever sent it is not spoken to further: guessing would put every later answer one place
//! off, and a refused recipient would pass for a delivered one. A lone LF ends a line too, as
//! some old servers send it. What an answer says ends up in reports and on screens, so only
//! printable ASCII is kept of it.

use crate::reply::Enhanced;
use memchr::memchr;

/// The longest line, its end included. RFC 5321 section 4.5.3.1.5 allows 512; talkative servers pass that.
const LINE_BYTES: usize = 2048;
/// The longest answer. The longest honest ones are to EHLO, and they are under 2 KiB.
const ANSWER_BYTES: usize = 32 << 10;
/// What is kept of an answer for people.
pub const TEXT_CHARACTERS: usize = 500;

/// Why what came is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadAnswer {
    /// A line without an end in sight.
    #[error("a line of the answer is too long")]
    LineTooLong,
    /// Lines without an end in sight.
    #[error("the answer is too long")]
    TooLong,
    /// A line that does not begin with a reply code.
    #[error("the answer is no SMTP reply")]
    NotAReply,
    /// Lines of one answer that have different codes (RFC 5321 section 4.2.1).
    #[error("the lines of the answer have different codes")]
    Disagrees,
}

/// One answer, of one line or more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    code: u16,
    lines: Vec<String>,
}

impl Answer {
    /// The reply code.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// The first digit of the code: 2 done, 3 go on, 4 not now, 5 no.
    pub fn class(&self) -> u16 {
        self.code / 100
    }

    /// The texts, without codes, one a line; only printable ASCII. Never none.
    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The first word, which in a greeting and after EHLO names the server (RFC 5321 section 4.2).
    pub fn first_word(&self) -> Option<&str> {
        self.lines.first()?.split(' ').find(|word| !word.is_empty())
    }

    /// The enhanced code, where there is one of the same class (RFC 2034 section 4).
    pub fn enhanced(&self) -> Option<Enhanced> {
        let (enhanced, _) = split_enhanced(self.lines.first()?, self.class());
        enhanced
    }

    /// The status code of RFC 3463; where the server gives none, one that says no more than the
    /// reply code does (RFC 5321 section 4.2.3): often the same code means different things to MAIL, RCPT
    /// and DATA, or, as 452, two things to one of them, and then it is x.0.0.
    pub fn status(&self) -> String {
        let Enhanced(subject, detail) = self.enhanced().unwrap_or(match self.code {
            421 => Enhanced(3, 2),
            500 => Enhanced(5, 2),
            502 | 503 => Enhanced(5, 1),
            501 | 504 | 555 => Enhanced(5, 4),
            535 => Enhanced(7, 8),
            _ => Enhanced(0, 0),
        });
        format!("{}.{subject}.{detail}", self.class())
    }

    /// All of it in one line for people, `550 5.1.1 No such user`, no longer than [`TEXT_CHARACTERS`].
    pub fn text(&self) -> String {
        let mut text = self.code.to_string();
        let first = self.enhanced();
        for (index, line) in self.lines.iter().enumerate() {
            let (again, rest) = split_enhanced(line, self.class());
            // Every line repeats the enhanced code (RFC 2034 section 4); people read it once.
            let line = if index > 0 && again.is_some() && again == first { rest } else { line };
            if !line.is_empty() {
                text.push(' ');
                text.push_str(line);
            }
        }
        printable(&text)
    }
}

/// One line of printable ASCII, no longer than [`TEXT_CHARACTERS`]: what a report can quote.
pub fn printable(text: &str) -> String {
    let spaced = text.trim().chars().map(|c| if matches!(c, '\t' | '\r' | '\n') { ' ' } else { c });
    spaced.map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).take(TEXT_CHARACTERS).collect()
}

/// `5.1.1 rest`, if its class is that of the reply.
fn split_enhanced(line: &str, class: u16) -> (Option<Enhanced>, &str) {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    let read = || {
        let mut parts = word.split('.');
        let own_class = number(parts.next()?, 1)?;
        let enhanced = Enhanced(number(parts.next()?, 3)?, number(parts.next()?, 3)?);
        (parts.next().is_none() && own_class == class && matches!(class, 2 | 4 | 5)).then_some(enhanced)
    };
    (read(), rest)
}

fn number(text: &str, digits: usize) -> Option<u16> {
    let ok = (1..=digits).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if ok { text.parse().ok() } else { None }
}

/// Cuts what came into answers. Between two calls it holds one unfinished answer at most, and
/// what was read beyond it.
#[derive(Debug, Default)]
pub struct AnswerReader {
    buffer: Vec<u8>,
    /// Where the unread part of the buffer begins.
    at: usize,
    /// Octets of the unfinished answer that are no longer in the buffer.
    taken: usize,
    unfinished: Option<Answer>,
}

impl AnswerReader {
    /// Where the bytes that were read are appended.
    pub fn input(&mut self) -> &mut Vec<u8> {
        self.buffer.drain(..self.at);
        self.at = 0;
        // Nothing is held while nothing is said.
        if self.buffer.is_empty() {
            self.buffer = Vec::new();
        }
        &mut self.buffer
    }

    /// Octets that came and belong to no answer yet given. After the answer to STARTTLS there
    /// must be none (RFC 3207 section 6, CVE-2011-0411).
    pub fn buffered(&self) -> usize {
        self.buffer.len() - self.at + self.taken
    }

    /// The next answer, or `None` until more has come.
    #[expect(clippy::should_implement_trait, reason = "an iterator that ends may not go on, and this one does")]
    pub fn next(&mut self) -> Result<Option<Answer>, BadAnswer> {
        loop {
            let pending = &self.buffer[self.at..];
            let Some(end) = memchr(b'\n', pending) else {
                return if pending.len() >= LINE_BYTES { Err(BadAnswer::LineTooLong) } else { Ok(None) };
            };
            if end >= LINE_BYTES {
                return Err(BadAnswer::LineTooLong);
            }
            let line = pending[..end].strip_suffix(b"\r").unwrap_or(&pending[..end]);
            let line = read_line(line)?;
            self.at += end + 1;
            self.taken += end + 1;
            if let Some(answer) = self.add(line)? {
                return Ok(Some(answer));
            }
        }
    }

    fn add(&mut self, line: Line) -> Result<Option<Answer>, BadAnswer> {
        if self.taken > ANSWER_BYTES {
            return Err(BadAnswer::TooLong);
        }
        let mut answer = self.unfinished.take().unwrap_or(Answer { code: line.code, lines: Vec::new() });
        if answer.code != line.code {
            return Err(BadAnswer::Disagrees);
        }
        answer.lines.push(line.text);
        if !line.is_last {
            self.unfinished = Some(answer);
            return Ok(None);
        }
        self.taken = 0;
        Ok(Some(answer))
    }
}

struct Line {
    code: u16,
    is_last: bool,
    text: String,
}

/// `250-text`, `250 text` or `250` (RFC 5321 section 4.2: some servers leave out the text and its space).
fn read_line(line: &[u8]) -> Result<Line, BadAnswer> {
    let (digits, rest) = line.split_at_checked(3).ok_or(BadAnswer::NotAReply)?;
    let is_code = matches!(digits[0], b'2'..=b'5') && digits.iter().all(u8::is_ascii_digit);
    let is_last = match rest.first() {
        None | Some(b' ') => true,
        Some(b'-') => false,
        Some(_) => return Err(BadAnswer::NotAReply),
    };
    if !is_code {
        return Err(BadAnswer::NotAReply);
    }
    let code = digits.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    let text = String::from_utf8_lossy(rest.get(1..).unwrap_or_default());
    let text = text.chars().map(|c| if c == '\t' { ' ' } else { c });
    let text = text.map(|c| if c == ' ' || c.is_ascii_graphic() { c } else { '?' }).collect();
    Ok(Line { code, is_last, text })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Option<Answer>, BadAnswer> {
        let mut reader = AnswerReader::default();
        reader.input().extend_from_slice(bytes);
        reader.next()
    }

    fn one(text: &str) -> Answer {
        read(text.as_bytes()).unwrap().unwrap()
    }

    #[test]
    fn lines_of_one_answer_are_one() {
        let answer = one("550-5.1.1 No such\r\n550-5.1.1 \r\n550 5.1.1 user\r\n");
        assert_eq!((answer.code(), answer.enhanced()), (550, Some(Enhanced(1, 1))));
        assert_eq!(answer.text(), "550 5.1.1 No such user");
        assert_eq!(answer.lines().len(), 3);
    }

    /// RFC 5321 section 4.2: text, its space and even the CR are left out by some.
    #[test]
    fn bare_answers_are_read() {
        assert_eq!(one("250\r\n").text(), "250");
        assert_eq!(one("250 \r\n").text(), "250");
        assert_eq!(one("250-a\n250\n").text(), "250 a");
        assert_eq!(one("220 mail.example.com ready\r\n").first_word(), Some("mail.example.com"));
        assert_eq!(one("220\r\n").first_word(), None);
    }

    /// RFC 3463, RFC 2034 section 4: of another class, it is no enhanced code.
    #[test]
    fn a_status_is_made_where_none_is_given() {
        assert_eq!(one("550 5.7.1 no\r\n").status(), "5.7.1");
        assert_eq!(one("550 4.7.1 no\r\n").status(), "5.0.0");
        assert_eq!(one("550 5.7 no\r\n").status(), "5.0.0");
        assert_eq!(one("550 5.7.1.2 no\r\n").status(), "5.0.0");
        assert_eq!(one("550 5.7.1234 no\r\n").status(), "5.0.0");
        assert_eq!(one("550 10.0.0.1 no\r\n").status(), "5.0.0");
        assert_eq!(one("421 bye\r\n").status(), "4.3.2");
        assert_eq!(one("354 3.1.1 go\r\n").enhanced(), None);
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for wrong in ["hello\r\n", "\r\n", "25\r\n", "2500 a\r\n", "150 a\r\n", "650 a\r\n", "25x a\r\n", "250_a\r\n"] {
            assert_eq!(read(wrong.as_bytes()), Err(BadAnswer::NotAReply), "{wrong:?}");
        }
        assert_eq!(read(b"250-a\r\n251 b\r\n"), Err(BadAnswer::Disagrees));
        assert_eq!(read(b"\xff\xff\xff a\r\n"), Err(BadAnswer::NotAReply));
    }

    #[test]
    fn nothing_grows_without_end() {
        assert_eq!(read(&[b'2'; LINE_BYTES]), Err(BadAnswer::LineTooLong));
        let long = format!("250 {}\r\n", "x".repeat(LINE_BYTES));
        assert_eq!(read(long.as_bytes()), Err(BadAnswer::LineTooLong));
        assert_eq!(read("250-x\r\n".repeat(ANSWER_BYTES).as_bytes()), Err(BadAnswer::TooLong));
        assert_eq!(one(&format!("250 {}\r\n", "x".repeat(2000))).text().len(), TEXT_CHARACTERS);
    }

    #[test]
    fn only_printable_text_is_kept() {
        let answer = read(b"550 a\tb\x1b[2J\0\xff\r c \xc3\xa9\r\n").unwrap().unwrap();
        assert_eq!(answer.text(), "550 a b?[2J??? c ?");
        assert_eq!(printable(" a\r\nb\u{2028}c "), "a  b?c");
    }

    #[test]
    fn however_it_is_split_it_is_the_same() {
        let bytes = b"250-a\r\n250 b\r\n354 go\r\n";
        let mut reader = AnswerReader::default();
        let mut got = Vec::new();
        for byte in bytes {
            reader.input().push(*byte);
            got.extend(reader.next().unwrap().map(|answer| answer.text()));
        }
        assert_eq!(got, ["250 a b", "354 go"]);
        assert_eq!(reader.buffered(), 0);
    }

    /// RFC 3207 section 6: half an answer counts as well.
    #[test]
    fn what_came_too_early_is_seen() {
        let mut reader = AnswerReader::default();
        reader.input().extend_from_slice(b"220 go\r\n250-x\r\n");
        assert_eq!(reader.next().unwrap().unwrap().code(), 220);
        assert_eq!(reader.buffered(), 7);
        assert_eq!(reader.next(), Ok(None));
        assert_eq!(reader.buffered(), 7);
    }
}
