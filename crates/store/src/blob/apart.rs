//! A piece of a body taken apart: its lines of base64 (RFC 2045 section 6.8) as the bytes that they stand for, and the
//! text around them.
//!
//! Attachments are most of what lies in a mail store. As letters they take a third more room than as bytes, and can only
//! be made smaller by a code for each letter, which is slow to unpack. Their bytes are either small already (pictures,
//! archives) or shrink by LZ4; so what is kept is mostly smaller, and comes back in half the time
//! (docs/decisions/0037-bodies-taken-apart.md).
//!
//! A line counts where it has letters of the alphabet alone, in fours, and ends with CRLF: then it is what its bytes are
//! written as, so the piece comes back as it was, to the byte. Padding, short last lines and all else are text.

use base64::Engine as _;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
use base64::engine::general_purpose::{GeneralPurpose, STANDARD};
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use base64::engine::{Simd, general_purpose::PAD};
use memchr::memchr;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

/// Letters of a line, without its end. Short ones are more likely words, long ones no mail has (RFC 5322 section 2.1.1).
const LETTERS: RangeInclusive<usize> = 16..=996;
/// Fewer lines than this, one after the other, are left in the text.
const LEAST_LINES: usize = 8;
/// Letters that are made of bytes at once.
const LETTERS_AT_ONCE: usize = 16 << 10;

/// By the fastest instructions that the processor has.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
static BASE64: LazyLock<Simd> = LazyLock::new(|| Simd::standard(PAD));
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
static BASE64: LazyLock<GeneralPurpose> = LazyLock::new(|| STANDARD);

/// Lines of base64 of one length, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    /// Bytes of text between the run before and this one.
    text: usize,
    /// How many lines.
    lines: usize,
    /// Bytes that each stands for.
    line_bytes: usize,
}

/// Where the lines of base64 were.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Layout {
    runs: Vec<Run>,
    /// Bytes of text in front of the runs.
    before: usize,
    /// Bytes of all the lines with their ends.
    written: usize,
    /// Bytes that all the lines stand for.
    bytes: usize,
}

/// What a piece was taken apart into.
#[derive(Debug, Default)]
pub(super) struct Apart {
    /// Where the lines were.
    pub layout: Layout,
    /// All that is not in those lines.
    pub text: Vec<u8>,
    /// What they stand for.
    pub bytes: Vec<u8>,
}

impl Apart {
    /// Takes a piece apart, in place of what was here before; false where it has no base64 to speak of.
    pub fn take(&mut self, piece: &[u8]) -> bool {
        self.layout.clear();
        self.text.clear();
        self.bytes.clear();
        let (mut at, mut text_from) = (0, 0);
        while let Some(end) = memchr(b'\n', &piece[at..]) {
            let line = end + 1;
            let before = self.bytes.len();
            let lines = self.take_lines(&piece[at..], line);
            let begin = at;
            at += line * lines.max(1);
            let run = Run { text: begin - text_from, lines, line_bytes: bytes_of(line) };
            if lines < LEAST_LINES || self.layout.add(run).is_none() {
                self.bytes.truncate(before);
                continue;
            }
            self.text.extend_from_slice(&piece[text_from..begin]);
            text_from = at;
        }
        self.text.extend_from_slice(&piece[text_from..]);
        !self.layout.runs.is_empty()
    }

    /// Appends what the first lines stand for, each `line` long with its end, and answers how many there are.
    fn take_lines(&mut self, rest: &[u8], line: usize) -> usize {
        let letters = line.saturating_sub(2);
        if !LETTERS.contains(&letters) || !letters.is_multiple_of(4) {
            return 0;
        }
        let begin = self.bytes.len();
        self.bytes.reserve(rest.len() / 4 * 3);
        let mut lines = 0;
        for candidate in rest.chunks_exact(line) {
            let whole = candidate.strip_suffix(b"\r\n").filter(|letters| !letters.ends_with(b"="));
            if whole.is_none_or(|letters| BASE64.decode_vec(letters, &mut self.bytes).is_err()) {
                break;
            }
            lines += 1;
        }
        // What failed may have left something.
        self.bytes.truncate(begin + lines * bytes_of(line));
        lines
    }
}

impl Layout {
    /// Appends it: how many runs, then of each its text, lines and bytes of a line.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_number(self.runs.len(), out);
        for run in &self.runs {
            for number in [run.text, run.lines, run.line_bytes] {
                write_number(number, out);
            }
        }
    }

    /// Reads one from the front of `stored`, of a piece of `size` bytes; nothing where it is damaged or of more.
    pub fn read(stored: &mut &[u8], size: usize) -> Option<Self> {
        let mut layout = Self::default();
        for _ in 0..read_number(stored)? {
            let (text, lines, line_bytes) = (read_number(stored)?, read_number(stored)?, read_number(stored)?);
            let is_run = lines >= LEAST_LINES && line_bytes.is_multiple_of(3);
            if !is_run || !LETTERS.contains(&(line_bytes / 3 * 4)) {
                return None;
            }
            layout.add(Run { text, lines, line_bytes })?;
            layout.sizes(size)?;
        }
        Some(layout)
    }

    fn clear(&mut self) {
        self.runs.clear();
        (self.before, self.written, self.bytes) = (0, 0, 0);
    }

    fn add(&mut self, run: Run) -> Option<()> {
        self.before = self.before.checked_add(run.text)?;
        self.written = self.written.checked_add(run.lines.checked_mul(run.line_bytes / 3 * 4 + 2)?)?;
        self.bytes = self.bytes.checked_add(run.lines.checked_mul(run.line_bytes)?)?;
        self.runs.push(run);
        Some(())
    }

    /// Bytes of text and of what the lines stand for, in a piece of `size` bytes; nothing where they are more than that.
    pub fn sizes(&self, size: usize) -> Option<(usize, usize)> {
        let text = size.checked_sub(self.written)?;
        (text >= self.before).then_some((text, self.bytes))
    }

    /// Appends the piece, of just these `sizes`; nothing where they are less.
    pub fn put_together(&self, mut text: &[u8], mut bytes: &[u8], out: &mut Vec<u8>) -> Option<()> {
        for run in &self.runs {
            let (before, rest) = text.split_at_checked(run.text)?;
            let (of_run, others) = bytes.split_at_checked(run.lines * run.line_bytes)?;
            out.extend_from_slice(before);
            write_lines(of_run, run.line_bytes, out)?;
            (text, bytes) = (rest, others);
        }
        out.extend_from_slice(text);
        Some(())
    }
}

/// Bytes that a line stands for which is so long with its end.
fn bytes_of(line: usize) -> usize {
    line.saturating_sub(2) / 4 * 3
}

/// Appends the lines of these bytes.
fn write_lines(bytes: &[u8], line_bytes: usize, out: &mut Vec<u8>) -> Option<()> {
    let mut letters = [0; LETTERS_AT_ONCE];
    let at_once = LETTERS_AT_ONCE / 4 * 3 / line_bytes * line_bytes;
    for some in bytes.chunks(at_once) {
        let length = BASE64.encode_slice(some, &mut letters).ok()?;
        for line in letters[..length].chunks(line_bytes / 3 * 4) {
            out.extend_from_slice(line);
            out.extend_from_slice(b"\r\n");
        }
    }
    Some(())
}

/// Appends a number, seven bits to a byte with the lowest in front; all bytes but the last have the eighth set.
pub(super) fn write_number(mut number: usize, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Reads a number from the front.
pub(super) fn read_number(stored: &mut &[u8]) -> Option<usize> {
    let mut number = 0;
    for shift in (0..28).step_by(7) {
        let (&byte, rest) = stored.split_first()?;
        *stored = rest;
        number |= usize::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::tests::base64_lines as lines;
    use super::*;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;
    use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

    /// Takes it apart, writes and reads the layout, and puts it together.
    fn around(piece: &[u8]) -> Option<(Apart, Vec<u8>)> {
        let mut apart = Apart::default();
        // What was here before makes no difference.
        apart.take(lines(&[7; 2_000], 64, "\r\n").as_bytes());
        if !apart.take(piece) {
            return None;
        }
        let mut stored = Vec::new();
        apart.layout.write(&mut stored);
        let mut left = &stored[..];
        let layout = Layout::read(&mut left, piece.len()).unwrap();
        assert!(left.is_empty());
        assert_eq!(layout, apart.layout);
        assert_eq!(layout.sizes(piece.len()).unwrap(), (apart.text.len(), apart.bytes.len()));
        let mut out = Vec::new();
        layout.put_together(&apart.text, &apart.bytes, &mut out).unwrap();
        Some((apart, out))
    }

    #[test]
    fn an_attachment_is_kept_as_its_bytes() {
        let picture: Vec<u8> = (0..57 * 20 + 5).map(|n| (n * 7) as u8).collect();
        let piece = format!("Content-Type: image/png\r\n\r\n{}--end--\r\n", lines(&picture, 76, "\r\n"));
        let (apart, out) = around(piece.as_bytes()).unwrap();
        assert_eq!(out, piece.as_bytes());
        assert_eq!(apart.bytes, picture[..57 * 20]);
        assert_eq!(
            apart.text,
            format!("Content-Type: image/png\r\n\r\n{}\r\n--end--\r\n", STANDARD.encode(&picture[57 * 20..]))
                .as_bytes()
        );
    }

    #[test]
    fn what_is_no_base64_of_lines_stays_text() {
        let bytes = [77; 57 * 20];
        let bare = lines(&bytes, 76, "\n");
        let few = lines(&bytes[..57 * 7], 76, "\r\n");
        let short = lines(&bytes, 12, "\r\n");
        let padded = "QUJDREVGR0hJSktMTU4=\r\n".repeat(20);
        let prose = "Good morning, all of you; here is what I found out\r\n".repeat(40);
        for piece in [bare, few, short, padded, prose, String::new(), "x".into(), "\n".repeat(50)] {
            assert!(!Apart::default().take(piece.as_bytes()), "{piece}");
        }
    }

    /// Something that a body may be made of, near to what is taken for base64.
    fn part() -> impl Strategy<Value = String> {
        let letters = prop::sample::select(vec![16_usize, 20, 60, 64, 72, 76, 76, 996, 1000]);
        let end = prop::sample::select(vec!["\r\n", "\r\n", "\r\n", "\n"]);
        prop_oneof![
            3 => (prop::collection::vec(any::<u8>(), 0..20_000), letters, end)
                .prop_map(|(bytes, letters, end)| lines(&bytes, letters, end)),
            1 => "[A-Za-z0-9+/=]{0,80}(\r\n|\n|\r)?",
            1 => "[ -~]{0,80}\r\n",
        ]
    }

    /// Runs a test with made-up input; `POSTERN_SEED` repeats or changes what is made up.
    fn property<S: Strategy>(cases: u32, strategy: S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
        let seed: u64 = std::env::var("POSTERN_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_126);
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let config = Config { cases, failure_persistence: None, ..Config::default() };
        if let Err(error) = TestRunner::new_with_rng(config, rng).run(&strategy, test) {
            panic!("with POSTERN_SEED={seed}: {error}");
        }
    }

    /// Whatever it is made of, and wherever it is cut.
    #[test]
    fn any_piece_comes_back() {
        property(400, (prop::collection::vec(part(), 0..6), 0_usize..200), |(parts, cut)| {
            let piece = parts.concat().into_bytes();
            let piece = &piece[cut.min(piece.len())..];
            if let Some((_, out)) = around(piece) {
                prop_assert!(out == piece, "{}", String::from_utf8_lossy(piece));
            }
            Ok(())
        });
    }

    /// A layout that nobody wrote is refused, or asks for no more than the piece has.
    #[test]
    fn any_bytes_are_a_layout_or_none() {
        let number = prop_oneof![0_usize..30, any::<u16>().prop_map(usize::from), 0_usize..1 << 28];
        let numbers = prop::collection::vec(number, 0..12);
        property(2_000, (numbers, 0_usize..300_000), |(numbers, size)| {
            let mut stored = Vec::new();
            numbers.iter().for_each(|number| write_number(*number, &mut stored));
            if let Some(layout) = Layout::read(&mut &stored[..], size) {
                let (text, bytes) = layout.sizes(size).unwrap();
                prop_assert!(text <= size && bytes <= size && layout.runs.len() <= size / 100);
            }
            Ok(())
        });
    }
}
