//! The bytes of a message as IMAP keeps them: each line ends in CRLF. Nothing else of them changes.

/// A message that grows line by line, up to a size: of what is larger nothing is kept.
#[derive(Debug, Default)]
pub(super) struct Growing {
    bytes: Vec<u8>,
    is_too_large: bool,
}

impl Growing {
    /// Adds a line, or a piece of one that is very long. A lone LF becomes CRLF; a lone CR stays.
    pub fn push(&mut self, piece: &[u8], most: usize) {
        if self.is_too_large {
            return;
        }
        match piece.strip_suffix(b"\n") {
            Some(line) => {
                self.bytes.extend_from_slice(line);
                let has_return =
                    if line.is_empty() { self.bytes.last() == Some(&b'\r') } else { line.ends_with(b"\r") };
                self.bytes.extend_from_slice(if has_return { b"\n" } else { b"\r\n" });
            }
            None => self.bytes.extend_from_slice(piece),
        }
        if self.bytes.len() > most {
            (self.is_too_large, self.bytes) = (true, Vec::new());
        }
    }

    /// All of it; nothing where it is too large.
    pub fn whole(self) -> Option<Vec<u8>> {
        if self.is_too_large { None } else { Some(self.bytes) }
    }
}

/// The same of a message that is at hand.
pub(super) fn with_crlf(bytes: &[u8], most: usize) -> Option<Vec<u8>> {
    let mut growing = Growing { bytes: Vec::with_capacity(bytes.len() + bytes.len() / 32), ..Growing::default() };
    bytes.split_inclusive(|byte| *byte == b'\n').for_each(|line| growing.push(line, most));
    growing.whole()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_in_crlf_and_all_else_stays() {
        let is = |from: &[u8], to: &[u8]| assert_eq!(with_crlf(from, 1000).as_deref(), Some(to), "{from:?}");
        is(b"a\nb\r\n\nc", b"a\r\nb\r\n\r\nc");
        is(b"a\rb\0\xff\r\r\n", b"a\rb\0\xff\r\r\n");
        is(b"", b"");
        is(b"\r\n\n", b"\r\n\r\n");
    }

    #[test]
    fn a_line_may_come_in_pieces_that_part_its_end() {
        let mut growing = Growing::default();
        for piece in [b"ab\r".as_slice(), b"\n", b"cd", b"\n"] {
            growing.push(piece, 1000);
        }
        assert_eq!(growing.whole().unwrap(), b"ab\r\ncd\r\n");
    }

    #[test]
    fn nothing_is_kept_of_what_is_too_large() {
        assert_eq!(with_crlf(b"12345\n", 6), None, "its end counts");
        assert_eq!(with_crlf(b"12345\n", 7).unwrap().len(), 7);
        let mut growing = Growing::default();
        for _ in 0..10 {
            growing.push(b"1234\n", 8);
        }
        assert!(growing.bytes.capacity() == 0 && growing.whole().is_none());
    }
}
