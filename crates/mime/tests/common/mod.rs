//! Shared by the tests: an independent reader of ENVELOPE and BODY lists, what must hold for every message,
//! a seeded random source, and the corpus.
#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::print_stderr, reason = "a skipped test and a failing seed are told to whoever runs it")]

use std::fs;
use std::path::{Path, PathBuf};

use postern_mime::{
    Edits, Parsed, PartIndex, PartKind, Section, leaving, parse, read_outgoing, read_report, search_text, sent_identity,
};
use postern_types::Limits;

/// A message written with LF in a test, as it travels.
pub fn mail(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

/// The list as text; the tests write 8-bit text in UTF-8.
pub fn text(list: &[u8]) -> String {
    String::from_utf8_lossy(list).into_owned()
}

/// The bytes of a section, as text.
pub fn section<'a>(message: &'a [u8], parsed: &Parsed, path: &[u32], section: Section) -> Option<&'a str> {
    let range = parsed.parts.section(path, section)?;
    std::str::from_utf8(&message[range.start as usize..range.end as usize]).ok()
}

/// The shape a BODY or BODYSTRUCTURE list describes.
#[derive(Debug, PartialEq, Eq)]
pub enum Shape {
    Leaf { octets: u64 },
    Multipart(Vec<Shape>),
    Message { octets: u64, inner: Box<Shape> },
}

/// Reads ENVELOPE and BODY lists by the letter of RFC 3501 section 9 and RFC 9051 section 9; panics where they
/// are not followed, saying where.
pub struct Grammar<'a> {
    rest: &'a [u8],
    extended: bool,
}

impl<'a> Grammar<'a> {
    pub fn envelope(list: &'a [u8]) {
        let mut reader = Self { rest: list, extended: false };
        reader.read_envelope();
        reader.end();
    }

    pub fn body(list: &'a [u8], extended: bool) -> Shape {
        let mut reader = Self { rest: list, extended };
        let shape = reader.read_body();
        reader.end();
        shape
    }

    fn end(&self) {
        assert!(self.rest.is_empty(), "trailing bytes {:?}", text(self.rest));
    }

    fn accept(&mut self, token: &[u8]) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, token: &str) {
        let here = text(&self.rest[..self.rest.len().min(60)]);
        assert!(self.accept(token.as_bytes()), "expected {token:?}, found {here:?}");
    }

    fn number(&mut self) -> u64 {
        let length = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, rest) = self.rest.split_at(length);
        self.rest = rest;
        text(digits).parse().unwrap_or_else(|_| panic!("no number before {:?}", text(rest)))
    }

    fn string(&mut self) -> Vec<u8> {
        if self.accept(b"{") {
            let length = self.number() as usize;
            self.expect("}\r\n");
            let (literal, rest) = self.rest.split_at(length);
            self.rest = rest;
            assert!(!literal.contains(&0), "NUL in a literal");
            return literal.to_vec();
        }
        self.expect("\"");
        let mut value = Vec::new();
        loop {
            let (&byte, rest) = self.rest.split_first().expect("a quoted string ends");
            self.rest = rest;
            match byte {
                b'"' => return value,
                b'\\' => {
                    assert!(matches!(self.rest[0], b'"' | b'\\'), "a needless backslash");
                    value.push(self.rest[0]);
                    self.rest = &self.rest[1..];
                }
                _ => {
                    assert!(byte.is_ascii() && !matches!(byte, 0 | b'\r' | b'\n'), "byte {byte} in a quoted string");
                    value.push(byte);
                }
            }
        }
    }

    fn nstring(&mut self) -> Option<Vec<u8>> {
        if self.accept(b"NIL") { None } else { Some(self.string()) }
    }

    fn read_envelope(&mut self) {
        self.expect("(");
        for _ in 0..2 {
            self.nstring();
            self.expect(" ");
        }
        for _ in 0..6 {
            self.addresses();
            self.expect(" ");
        }
        self.nstring();
        self.expect(" ");
        self.nstring();
        self.expect(")");
    }

    /// Groups open and close in pairs, and are not nested (RFC 5322 section 3.4).
    fn addresses(&mut self) {
        if self.accept(b"NIL") {
            return;
        }
        self.expect("(");
        let (mut count, mut in_group) = (0, false);
        while !self.accept(b")") {
            self.expect("(");
            self.nstring();
            self.expect(" ");
            self.nstring();
            self.expect(" ");
            let mailbox = self.nstring();
            self.expect(" ");
            let host = self.nstring();
            self.expect(")");
            count += 1;
            match (mailbox, host) {
                (Some(_), None) => assert!(!std::mem::replace(&mut in_group, true), "a group in a group"),
                (None, None) => assert!(std::mem::take(&mut in_group), "the end of no group"),
                (_, Some(_)) => {}
            }
        }
        assert!(count > 0 && !in_group, "an empty list or an open group");
    }

    fn read_body(&mut self) -> Shape {
        self.expect("(");
        let shape = if self.rest.starts_with(b"(") { self.multipart() } else { self.single() };
        self.expect(")");
        shape
    }

    fn multipart(&mut self) -> Shape {
        let mut parts = Vec::new();
        while self.rest.starts_with(b"(") {
            parts.push(self.read_body());
        }
        self.expect(" ");
        self.string();
        if self.extended {
            self.expect(" ");
            self.parameters();
            self.disposition_language_location();
        }
        Shape::Multipart(parts)
    }

    fn single(&mut self) -> Shape {
        let media_type = self.string().to_ascii_uppercase();
        self.expect(" ");
        let subtype = self.string().to_ascii_uppercase();
        self.expect(" ");
        self.parameters();
        self.expect(" ");
        self.nstring();
        self.expect(" ");
        self.nstring();
        self.expect(" ");
        self.string();
        self.expect(" ");
        let octets = self.number();
        assert!(octets <= u64::from(u32::MAX));
        assert_ne!(media_type, b"MULTIPART", "a multipart without parts");
        let is_message = media_type == b"MESSAGE" && matches!(subtype.as_slice(), b"RFC822" | b"GLOBAL");
        let mut shape = Shape::Leaf { octets };
        if is_message {
            self.expect(" ");
            self.read_envelope();
            self.expect(" ");
            shape = Shape::Message { octets, inner: Box::new(self.read_body()) };
        }
        if is_message || media_type == b"TEXT" {
            self.expect(" ");
            self.number();
        }
        if self.extended {
            self.expect(" ");
            self.nstring();
            self.disposition_language_location();
        }
        shape
    }

    fn parameters(&mut self) {
        if self.accept(b"NIL") {
            return;
        }
        self.expect("(");
        loop {
            self.string();
            self.expect(" ");
            self.string();
            if self.accept(b")") {
                return;
            }
            self.expect(" ");
        }
    }

    fn disposition_language_location(&mut self) {
        self.expect(" ");
        if !self.accept(b"NIL") {
            self.expect("(");
            self.string();
            self.expect(" ");
            self.parameters();
            self.expect(")");
        }
        self.expect(" ");
        if self.accept(b"(") {
            self.string();
            while self.accept(b" ") {
                self.string();
            }
            self.expect(")");
        } else {
            self.nstring();
        }
        self.expect(" ");
        self.nstring();
    }
}

/// What holds for every message, however broken.
pub fn check(message: &[u8], limits: &Limits) -> Parsed {
    let parsed = parse(message, limits);
    let size = message.len() as u64;
    assert_eq!(parsed.size, size);
    let header = parsed.parts.section(&[], Section::Header).expect("a message has a header");
    let body = parsed.parts.section(&[], Section::Text).expect("a message has a text");
    assert_eq!(parsed.parts.section(&[], Section::Whole), Some(0..size));
    assert_eq!((header.start, header.end, body.end), (0, body.start, size), "header and text are the message");
    assert_eq!(u64::from(parsed.header_bytes), header.end);

    Grammar::envelope(&parsed.envelope);
    let shape = Grammar::body(&parsed.structure, true);
    assert_eq!(Grammar::body(&parsed.body, false), shape, "BODY and BODYSTRUCTURE agree");
    let mut numbers = Vec::new();
    match &shape {
        Shape::Multipart(parts) => check_parts(&parsed.parts, parts, &[], body, &mut numbers),
        single => check_parts(&parsed.parts, std::slice::from_ref(single), &[], 0..size, &mut numbers),
    }
    assert_eq!(parsed.parts.paths(), numbers, "PartIndex and BODYSTRUCTURE number the same parts");
    assert_eq!(PartIndex::decode(&parsed.parts.encode()).as_ref(), Some(&parsed.parts), "the stored form reads back");

    assert!(parsed.preview.chars().count() <= 200, "RFC 8970 section 3.3");
    let searched = search_text(message, limits);
    let summary = &parsed.summary;
    for shown in [&summary.subject, &summary.from, &summary.to, &summary.cc, &summary.subject_base, &parsed.preview] {
        assert!(!shown.contains(char::is_control), "a control character in {shown:?}");
    }
    assert!(!searched.headers.contains('\0') && !searched.body.contains('\0'));

    let left = leaving(message, &Edits { sender: Some("a@example.org"), ..Edits::default() });
    assert!(left.ends_with(&message[parsed.header_bytes as usize..]), "what leaves has the same body");
    if let Ok(outgoing) = read_outgoing(message) {
        assert_eq!(outgoing.header_bytes as u64, header.end, "a strict reader sees the same header");
        assert_eq!(outgoing.from.first(), summary.from_address.as_ref());
    }
    let recipients = read_report(message).map_or(0, |report| report.recipients.len());
    assert!(recipients <= 1000 && sent_identity(message).is_none_or(|identity| identity.message.len() > 40));
    parsed
}

/// The parts a list shows are those the index has, of the same size, in order and inside their container.
fn check_parts(
    index: &PartIndex,
    shapes: &[Shape],
    path: &[u32],
    mut room: std::ops::Range<u64>,
    numbers: &mut Vec<Vec<u32>>,
) {
    for (number, shape) in (1..).zip(shapes) {
        let path = [path, &[number]].concat();
        let part = index.part(&path).unwrap_or_else(|| panic!("no part {path:?}"));
        let whole = index.section(&path, Section::Whole).expect("a part has a body");
        let mime = index.section(&path, Section::Mime).expect("a part has a MIME header");
        assert_eq!(mime.end, whole.start, "the body of {path:?} follows its header");
        assert!(mime.start <= mime.end && whole.start <= whole.end, "the ranges of {path:?} run forward");
        assert!(room.start <= mime.start && whole.end <= room.end, "part {path:?} leaves its container");
        room.start = whole.end;
        numbers.push(path.clone());
        match shape {
            Shape::Leaf { octets } => {
                assert_eq!((part.kind, whole.end - whole.start), (PartKind::Leaf, *octets), "part {path:?}");
                assert_eq!(index.section(&path, Section::Text), None);
            }
            Shape::Multipart(parts) => {
                assert_eq!(part.kind, PartKind::Multipart, "part {path:?}");
                check_parts(index, parts, &path, whole, numbers);
            }
            Shape::Message { octets, inner } => {
                assert_eq!((part.kind, whole.end - whole.start), (PartKind::Message, *octets), "part {path:?}");
                let header = index.section(&path, Section::Header).expect("a message has a header");
                let text = index.section(&path, Section::Text).expect("a message has a text");
                assert_eq!((header.start, header.end, text.end), (whole.start, text.start, whole.end));
                match inner.as_ref() {
                    Shape::Multipart(parts) => check_parts(index, parts, &path, text, numbers),
                    single => check_parts(index, std::slice::from_ref(single), &path, whole, numbers),
                }
            }
        }
    }
}

/// The files of the corpus; none, saying so, where it is absent.
pub fn corpus() -> Vec<(PathBuf, Vec<u8>)> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpus");
    let folder = std::env::var_os("POSTERN_CORPUS").map_or(beside, PathBuf::from);
    if !folder.is_dir() {
        eprintln!("skipped: no mail corpus at {} (set POSTERN_CORPUS)", folder.display());
        return Vec::new();
    }
    let mut files = Vec::new();
    let mut folders = vec![folder];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the corpus can be listed") {
            let path = entry.expect("the corpus can be listed").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let bytes = fs::read(&path).expect("the corpus can be read");
                files.push((path, bytes));
            }
        }
    }
    files.sort();
    files
}

/// Line ends made CRLF, as delivery does.
pub fn with_crlf(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + bytes.len() / 32);
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        match line.strip_suffix(b"\n") {
            Some(content) => {
                out.extend_from_slice(content.strip_suffix(b"\r").unwrap_or(content));
                out.extend_from_slice(b"\r\n");
            }
            None => out.extend_from_slice(line),
        }
    }
    out
}

/// A small random source (xorshift); the seed comes from `POSTERN_SEED`, is printed, and repeats a run.
pub struct Random(u64);

impl Random {
    pub fn seeded() -> Self {
        let given = std::env::var("POSTERN_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed: u64 = given.unwrap_or_else(|| {
            use std::hash::{BuildHasher, RandomState};
            RandomState::new().hash_one("postern") | 1
        });
        eprintln!("POSTERN_SEED={seed}");
        Self(seed.max(1))
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }
}
