//! Rust text with its comments and the insides of its literals blanked out.
//!
//! A check for a banned call must not stumble over a comment that explains the ban, nor over a
//! string in a test of the check. Every byte keeps its place, so lines and columns stay true.

/// The code of `text` alone: the same length, the same lines.
pub fn code_of(text: &str) -> String {
    let mut lexer = Lexer { bytes: text.as_bytes(), at: 0, code: Vec::with_capacity(text.len()) };
    while lexer.at < lexer.bytes.len() {
        lexer.step();
    }
    // Only whole ASCII bytes were replaced by others, and other bytes were copied or became spaces.
    String::from_utf8_lossy(&lexer.code).into_owned()
}

struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
    code: Vec<u8>,
}

impl Lexer<'_> {
    fn step(&mut self) {
        match (self.bytes[self.at], self.peek(1)) {
            (b'/', Some(b'/')) => self.blank_line(),
            (b'/', Some(b'*')) => self.blank_block(),
            (b'"', _) => self.blank_string(),
            (b'r', Some(b'"' | b'#')) if !self.within_a_word() => self.blank_raw_string(1),
            (b'b' | b'c', Some(b'r')) if !self.within_a_word() => self.blank_raw_string(2),
            (b'\'', _) => self.character_or_lifetime(),
            _ => self.keep(1),
        }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn within_a_word(&self) -> bool {
        self.at > 0 && is_word(self.bytes[self.at - 1])
    }

    fn keep(&mut self, count: usize) {
        let end = (self.at + count).min(self.bytes.len());
        self.code.extend_from_slice(&self.bytes[self.at..end]);
        self.at = end;
    }

    fn blank_to(&mut self, end: usize) {
        let end = end.min(self.bytes.len());
        self.code.extend(self.bytes[self.at..end].iter().map(|byte| if *byte == b'\n' { b'\n' } else { b' ' }));
        self.at = end;
    }

    fn blank_line(&mut self) {
        let rest = &self.bytes[self.at..];
        let length = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        self.blank_to(self.at + length);
    }

    /// Block comments nest.
    fn blank_block(&mut self) {
        let mut depth = 0_usize;
        let mut end = self.at;
        while end < self.bytes.len() {
            match (self.bytes[end], self.bytes.get(end + 1)) {
                (b'/', Some(b'*')) => {
                    depth += 1;
                    end += 2;
                }
                (b'*', Some(b'/')) => {
                    depth -= 1;
                    end += 2;
                    if depth == 0 {
                        break;
                    }
                }
                _ => end += 1,
            }
        }
        self.blank_to(end);
    }

    fn blank_string(&mut self) {
        self.keep(1);
        let mut end = self.at;
        while end < self.bytes.len() && self.bytes[end] != b'"' {
            end += if self.bytes[end] == b'\\' { 2 } else { 1 };
        }
        self.blank_to(end);
        self.keep(1);
    }

    /// `r"…"`, `r#"…"#` and their byte and C kin; `r#name` is a word and stays.
    fn blank_raw_string(&mut self, prefix: usize) {
        let hashes = self.bytes[self.at + prefix..].iter().take_while(|byte| **byte == b'#').count();
        if self.peek(prefix + hashes) != Some(b'"') {
            self.keep(1);
            return;
        }
        self.keep(prefix + hashes + 1);
        let closing = [b"\"".as_slice(), &vec![b'#'; hashes]].concat();
        let rest = &self.bytes[self.at..];
        let length = rest.windows(closing.len()).position(|window| window == closing).unwrap_or(rest.len());
        self.blank_to(self.at + length);
        self.keep(closing.len());
    }

    /// `'a'`, `'\n'` and `'é'` are literals; `'a` is a lifetime.
    fn character_or_lifetime(&mut self) {
        let rest = &self.bytes[self.at + 1..];
        let inside = match rest.first() {
            Some(b'\\') => rest.iter().skip(2).position(|byte| *byte == b'\'').map(|index| index + 2),
            Some(byte) => {
                let length = if *byte < 0x80 { 1 } else { byte.leading_ones() as usize };
                (rest.get(length) == Some(&b'\'')).then_some(length)
            }
            None => None,
        };
        self.keep(1);
        if let Some(length) = inside {
            self.blank_to(self.at + length);
            self.keep(1);
        }
    }
}

/// A byte of a Rust name.
pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blanked(text: &str) -> String {
        let code = code_of(text);
        assert_eq!(code.len(), text.len(), "every byte keeps its place");
        assert_eq!(code.matches('\n').count(), text.matches('\n').count());
        code.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_and_literals_are_blank() {
        assert_eq!(blanked("a(); // b()\nc();"), "a(); c();");
        assert_eq!(blanked("a(); /* b() /* nested */ c() */ d();"), "a(); d();");
        assert_eq!(blanked(r#"a("b() \" c()"); d();"#), r#"a(" "); d();"#);
        assert_eq!(blanked("a(r#\"b() \" c()\"#); d();"), "a(r#\" \"#); d();");
        assert_eq!(blanked("a(br\"b()\"); d();"), "a(br\" \"); d();");
    }

    #[test]
    fn quotes_of_characters_and_lifetimes_open_no_string() {
        assert_eq!(blanked("fn a<'b>(c: &'b str) { d('\"'); e('\\''); f('é'); }").matches("f(").count(), 1);
        assert_eq!(blanked("match x { 'a' => \"y\", _ => z() }"), "match x { ' ' => \" \", _ => z() }");
    }

    #[test]
    fn raw_names_stay() {
        assert_eq!(blanked("let r#type = bar(r#type);"), "let r#type = bar(r#type);");
    }

    #[test]
    fn an_unfinished_literal_ends_with_the_file() {
        assert_eq!(blanked("a(\"b"), "a(\"");
        assert_eq!(blanked("a(); /* b"), "a();");
        assert_eq!(blanked("'"), "'");
        assert_eq!(blanked("a(\"b\\"), "a(\"");
    }
}
