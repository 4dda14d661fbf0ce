//! The message after DATA: dots doubled, the end told (RFC 5321 sections 4.1.1.4 and 4.5.2).
//!
//! Pieces come one after the other and may be cut anywhere, so what was last is remembered. A
//! CR or LF that stands alone leaves as CRLF (section 2.3.8: a client must not send one): there
//! are servers that take `LF . LF` for the end of a message, and what follows for commands. So
//! whatever the message holds, `CRLF . CRLF` stands at its end alone.

use memchr::memchr2;

/// Where the message stands between two pieces.
#[derive(Debug, Clone)]
pub struct DotStuffer {
    /// The next byte begins a line; the first one does (section 4.1.1.4).
    at_line_start: bool,
    /// A CR came last and is not written yet: an LF may follow.
    after_cr: bool,
}

impl Default for DotStuffer {
    fn default() -> Self {
        Self { at_line_start: true, after_cr: false }
    }
}

impl DotStuffer {
    /// Appends one piece as it goes over the wire.
    pub fn push(&mut self, piece: &[u8], output: &mut Vec<u8>) {
        let mut at = 0;
        while at < piece.len() {
            if self.after_cr {
                self.end_line(output);
                at += usize::from(piece[at] == b'\n');
                continue;
            }
            if self.at_line_start && piece[at] == b'.' {
                output.push(b'.');
            }
            let end = memchr2(b'\r', b'\n', &piece[at..]).map_or(piece.len(), |offset| at + offset);
            output.extend_from_slice(&piece[at..end]);
            self.at_line_start &= at == end;
            match piece.get(end) {
                Some(b'\r') => self.after_cr = true,
                Some(_) => self.end_line(output),
                None => {}
            }
            at = end + 1;
        }
    }

    /// Appends what ends the message: the end of its last line, if that has none, and the dot.
    pub fn finish(mut self, output: &mut Vec<u8>) {
        if self.after_cr || !self.at_line_start {
            self.end_line(output);
        }
        output.extend_from_slice(b".\r\n");
    }

    fn end_line(&mut self, output: &mut Vec<u8>) {
        output.extend_from_slice(b"\r\n");
        (self.at_line_start, self.after_cr) = (true, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stuffed(pieces: &[&str]) -> String {
        let (mut stuffer, mut output) = (DotStuffer::default(), Vec::new());
        pieces.iter().for_each(|piece| stuffer.push(piece.as_bytes(), &mut output));
        stuffer.finish(&mut output);
        String::from_utf8(output).unwrap()
    }

    #[test]
    fn a_dot_that_begins_a_line_is_doubled() {
        assert_eq!(stuffed(&[".a\r\n..\r\nb.\r\n.\r\n"]), "..a\r\n...\r\nb.\r\n..\r\n.\r\n");
        assert_eq!(stuffed(&["a"]), "a\r\n.\r\n");
        assert_eq!(stuffed(&[]), ".\r\n");
        assert_eq!(stuffed(&["\r\n"]), "\r\n.\r\n");
    }

    #[test]
    fn pieces_are_cut_anywhere() {
        assert_eq!(stuffed(&["a\r\n", ".b"]), "a\r\n..b\r\n.\r\n");
        assert_eq!(stuffed(&["a\r", "\n.b"]), "a\r\n..b\r\n.\r\n");
        assert_eq!(stuffed(&["a\r", "", "\n", "", "."]), "a\r\n..\r\n.\r\n");
        assert_eq!(stuffed(&["a", ".b\r\n"]), "a.b\r\n.\r\n");
        assert_eq!(stuffed(&["a\r\n\r", "\n"]), "a\r\n\r\n.\r\n");
    }

    /// RFC 5321 section 2.3.8.
    #[test]
    fn what_stands_alone_ends_a_line() {
        assert_eq!(stuffed(&["a\n.\nMAIL FROM:<b@example.org>\n"]), "a\r\n..\r\nMAIL FROM:<b@example.org>\r\n.\r\n");
        assert_eq!(stuffed(&["a\r.\r\n"]), "a\r\n..\r\n.\r\n");
        assert_eq!(stuffed(&["a\r"]), "a\r\n.\r\n");
        assert_eq!(stuffed(&["a\r\r\n"]), "a\r\n\r\n.\r\n");
        assert_eq!(stuffed(&["a\n\r\n"]), "a\r\n\r\n.\r\n");
    }
}
