//! An mbox: messages one after the other, each behind a line that begins with `From `.
//!
//! A message begins at a `From ` line with a date: a sentence of a letter has none there. Where the first one has no
//! date, one word is enough, as in `From -`. Files from life lack the blank line before it, so it is not asked for; where
//! it is, it is the mbox's. `Content-Length` is not believed: it is wrong as soon as a line was changed. A `>` before
//! `From ` is taken away, and one of several (mboxrd).

use super::date;
use super::lines::Growing;
use std::io::{self, BufRead};

/// Longer lines come in pieces, so that no line fills the memory.
const PIECE_BYTES: u64 = 64 << 10;

/// A message of an mbox.
#[derive(Debug)]
pub(super) struct Kept {
    /// Its place in the file, from 1.
    pub number: u64,
    /// The date of the line before it.
    pub received: Option<i64>,
    /// Its bytes; nothing where it is too large.
    pub bytes: Option<Vec<u8>>,
    /// How many bytes of the file have been read with it.
    pub read: u64,
}

/// Reads an mbox message by message, until it ends or `each` wants no more. Answers whether it began as one.
pub(super) fn read<R: BufRead, E: From<io::Error>>(
    mut input: R,
    most: usize,
    mut each: impl FnMut(Kept) -> Result<(), E>,
) -> Result<bool, E> {
    let mut reader = Reader::default();
    let (mut piece, mut is_line_start) = (Vec::new(), true);
    loop {
        piece.clear();
        let count = io::Read::take(&mut input, PIECE_BYTES).read_until(b'\n', &mut piece)?;
        if count == 0 {
            break;
        }
        reader.read += count as u64;
        let is_begun = is_line_start && reader.begins(&piece);
        if is_begun {
            reader.end().map_or(Ok(()), &mut each)?;
            reader.begin(&piece);
        } else if !reader.take(&piece, is_line_start, most) {
            return Ok(false);
        }
        is_line_start = piece.ends_with(b"\n");
    }
    reader.end().map_or(Ok(()), &mut each)?;
    Ok(true)
}

#[derive(Default)]
struct Reader {
    read: u64,
    number: u64,
    received: Option<i64>,
    coming: Option<Growing>,
    /// A blank line that may be the mbox's.
    blank: Vec<u8>,
    /// The first line that began a message had no date.
    needs_no_date: bool,
}

impl Reader {
    fn begins(&self, line: &[u8]) -> bool {
        let line = if self.number == 0 { without_mark(line) } else { line };
        if !line.starts_with(b"From ") {
            return false;
        }
        match self.coming {
            None => true,
            Some(_) => date::of_from_line(line).is_some() || self.needs_no_date && has_one_word(&line[5..]),
        }
    }

    fn begin(&mut self, line: &[u8]) {
        self.number += 1;
        self.received = date::of_from_line(without_mark(line));
        self.needs_no_date |= self.number == 1 && self.received.is_none();
        self.coming = Some(Growing::default());
        self.blank.clear();
    }

    /// A line of the message, or before the first one, where only blank ones are.
    fn take(&mut self, piece: &[u8], is_line_start: bool, most: usize) -> bool {
        let is_blank = is_line_start && matches!(piece, b"\n" | b"\r\n");
        let Some(coming) = &mut self.coming else { return is_blank };
        if !self.blank.is_empty() {
            coming.push(&self.blank, most);
            self.blank.clear();
        }
        if is_blank {
            self.blank.extend_from_slice(piece);
        } else {
            coming.push(if is_line_start { unquoted(piece) } else { piece }, most);
        }
        true
    }

    fn end(&mut self) -> Option<Kept> {
        let coming = self.coming.take()?;
        Some(Kept { number: self.number, received: self.received, bytes: coming.whole(), read: self.read })
    }
}

/// Is it as a sender stands there, and no sentence?
fn has_one_word(text: &[u8]) -> bool {
    let text = text.trim_ascii();
    !text.is_empty() && !text.iter().any(u8::is_ascii_whitespace)
}

/// Without the byte order mark that some editors write.
fn without_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
}

/// `>From ` as it was before it went into the mbox.
fn unquoted(line: &[u8]) -> &[u8] {
    let quotes = line.iter().take_while(|byte| **byte == b'>').count();
    if quotes > 0 && line[quotes..].starts_with(b"From ") { &line[1..] } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Wed May  1 08:00:00 2024";

    fn messages(text: &str) -> Vec<String> {
        let mut found = Vec::new();
        let is_one = read(text.as_bytes(), 1 << 20, |kept| {
            found.push(String::from_utf8(kept.bytes.unwrap()).unwrap());
            Ok::<_, io::Error>(())
        });
        assert!(is_one.unwrap(), "{text}");
        found
    }

    #[test]
    fn messages_are_parted_at_dated_from_lines() {
        let text = format!(
            "From a {DATE}\nSubject: one\n\nFrom here on\n\nFrom Monday on we are closed\n\n\n\
             From b {DATE}\nSubject: two\n\nlast\nFrom c {DATE}\n\n>From c {DATE}\n\n"
        );
        let expected = [
            "Subject: one\r\n\r\nFrom here on\r\n\r\nFrom Monday on we are closed\r\n\r\n".to_owned(),
            "Subject: two\r\n\r\nlast\r\n".to_owned(),
            format!("\r\nFrom c {DATE}\r\n"),
        ];
        assert_eq!(messages(&text), expected);
        assert_eq!(messages(&text.replace('\n', "\r\n")), expected);
    }

    #[test]
    fn quoted_from_lines_are_what_they_were() {
        let text = format!("From a {DATE}\n\n>From x\n>>From y\n> From z\n>Fromage\n");
        assert_eq!(messages(&text), ["\r\nFrom x\r\n>From y\r\n> From z\r\n>Fromage\r\n"]);
    }

    #[test]
    fn where_the_first_has_no_date_none_needs_one() {
        let text = "From -\nA: b\n\nFrom here on\nFrom nobody\nC: d\n";
        assert_eq!(messages(text), ["A: b\r\n\r\nFrom here on\r\n", "C: d\r\n"]);
        assert_eq!(messages("\u{feff}From nobody\nA: b\n"), ["A: b\r\n"]);
    }

    #[test]
    fn content_length_is_not_believed() {
        let text = format!("From a {DATE}\nContent-Length: 4000\n\nshort\n\nFrom b {DATE}\nA: b\n");
        assert_eq!(messages(&text), ["Content-Length: 4000\r\n\r\nshort\r\n", "A: b\r\n"]);
    }

    #[test]
    fn an_empty_file_has_no_messages_and_a_text_is_no_mbox() {
        assert_eq!(messages(""), Vec::<String>::new());
        assert_eq!(messages("\n\r\n"), Vec::<String>::new());
        let never = |_| -> Result<(), io::Error> { panic!("there is none") };
        assert!(!read(b"Subject: x\n\nFrom a\n".as_slice(), 100, never).unwrap());
    }

    /// What is too large is told with its number, holds no memory, and the others go on.
    #[test]
    fn a_large_message_is_passed_over() {
        let line = "x".repeat(300_000);
        let text = format!("From a {DATE}\n\n{line}\n\nFrom b {DATE}\nA: b\n");
        let mut found = Vec::new();
        let _ = read(text.as_bytes(), 200_000, |kept| {
            found.push((kept.number, kept.bytes.map(|bytes| bytes.len()), kept.read));
            Ok::<_, io::Error>(())
        });
        assert_eq!(
            found.iter().map(|(number, bytes, _)| (*number, *bytes)).collect::<Vec<_>>(),
            [(1, None), (2, Some(6))]
        );
        assert_eq!(found[1].2, text.len() as u64);
        let whole = |most| {
            let mut first = None;
            let _ = read(text.as_bytes(), most, |kept| {
                first.get_or_insert(kept.bytes);
                Ok::<_, io::Error>(())
            });
            first.flatten()
        };
        assert_eq!(whole(400_000).unwrap(), format!("\r\n{line}\r\n").into_bytes(), "in pieces as in one");
    }
}
