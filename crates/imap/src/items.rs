//! One message as FETCH shows it (RFC 9051 section 7.5.2).
//!
//! ENVELOPE, BODY and BODYSTRUCTURE were written when the message came in; sections are cut
//! from the message as it lies, by the index of its parts. The message itself is loaded only
//! for items that show some of its bytes.

use crate::messages::Targets;
use crate::resync::Resync;
use crate::section::{Decoded, Source, Text};
use postern_app::{Cut, FetchNeeds, Fetched, Gap, Mark, Unreadable};
use postern_imap_wire::{Encoder, FetchItem, FetchWriter, Partial, Section, SectionText};
use postern_types::{ModSeq, Uid};
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// What a FETCH shows of each of its messages.
#[derive(Debug)]
pub(crate) struct Show {
    items: Arc<[FetchItem]>,
    by_uid: bool,
    targets: Targets,
    /// Messages whose flags this FETCH changed: they are shown, asked for or not.
    marked: HashSet<Uid>,
    /// How changes are told.
    resync: Resync,
    /// First UID that is \Recent; `None` where nothing is.
    recent_from: Option<u64>,
    utf8: bool,
    /// Bytes that are to be sent at once.
    most: usize,
    /// A part in an unknown encoding was asked for by BINARY (RFC 3516 section 4.3).
    pub(crate) unknown_encoding: AtomicBool,
    /// So much of one message was asked for that it is not shown.
    pub(crate) too_much: AtomicBool,
    /// The highest modification sequence that was shown.
    shown: AtomicI64,
}

/// Bytes that sections may add up to for a message of `size` bytes: the whole twice over, for
/// those who ask for it and for its parts, and some for small messages in many pieces. A
/// command may name hundreds of sections, and each may be the whole message. As many bytes may
/// be worked through to make what is not cut as it lies.
fn most_shown(size: u64) -> u64 {
    size.saturating_mul(2).saturating_add(1 << 20)
}

/// A text this short is never left out.
const SHORT_BYTES: u64 = 4 << 10;

impl Show {
    pub(crate) fn new(
        items: Arc<[FetchItem]>,
        by_uid: bool,
        targets: Targets,
        (marked, resync): (HashSet<Uid>, Resync),
        recent_from: Option<u64>,
        utf8: bool,
        most: usize,
    ) -> Self {
        Self {
            items,
            by_uid,
            targets,
            marked,
            resync,
            recent_from,
            utf8,
            most,
            unknown_encoding: AtomicBool::default(),
            too_much: AtomicBool::default(),
            shown: AtomicI64::default(),
        }
    }

    /// The highest modification sequence that was shown; 0 where none was.
    pub(crate) fn shown(&self) -> ModSeq {
        ModSeq(self.shown.load(Ordering::Relaxed))
    }

    /// Do the items show bytes of the message itself?
    fn needs_raw(&self) -> bool {
        self.items.iter().any(|item| {
            matches!(
                item,
                FetchItem::Rfc822
                    | FetchItem::Rfc822Header
                    | FetchItem::Rfc822Text
                    | FetchItem::BodySection { .. }
                    | FetchItem::Binary { .. }
                    | FetchItem::BinarySize { .. }
            )
        })
    }

    /// What the items need of a message, or nothing where its mark is all that they show.
    pub(crate) fn needs(&self) -> Option<FetchNeeds> {
        let formatted = |item: &FetchItem| match item {
            FetchItem::Uid
            | FetchItem::Flags
            | FetchItem::ModSeq
            | FetchItem::InternalDate
            | FetchItem::SaveDate
            | FetchItem::Rfc822Size
            | FetchItem::EmailId
            | FetchItem::ThreadId
            | FetchItem::Rfc822
            | FetchItem::Rfc822Header
            | FetchItem::Rfc822Text => false,
            // Where a part lies is told by the index of parts; the message itself is not in it.
            FetchItem::BodySection { section, .. } => !section.part.is_empty(),
            _ => true,
        };
        let needs = FetchNeeds { raw: self.needs_raw(), formatted: self.items.iter().any(formatted) };
        (!self.needs_marks_alone()).then_some(needs)
    }

    /// Is all that the items show in the mark of a message?
    fn needs_marks_alone(&self) -> bool {
        self.items.iter().all(|item| matches!(item, FetchItem::Uid | FetchItem::Flags | FetchItem::ModSeq))
    }

    /// Writes the FETCH reply of one message; answers the long texts that it left out.
    pub(crate) fn encode(&self, message: &Fetched<'_>, out: &mut Vec<u8>) -> Result<Vec<Gap>, Unreadable> {
        let Some(number) = self.targets.number(message.uid) else { return Ok(Vec::new()) };
        let begin = out.len();
        let mut reply = Encoder::new(out, self.utf8);
        let mut fetch = reply.fetch(number);
        let bare = fetch.written();
        self.head(&mut fetch, Mark { uid: message.uid, flags: message.flags, modseq: message.modseq });
        let start = fetch.written();
        let mut texts = Texts { fetch, source: Source::new(message), most: self.most, gaps: Vec::new(), left_out: 0 };
        let most = most_shown(message.size);
        for item in self.items.iter() {
            self.item(&mut texts, message, item)?;
            let shown = (texts.fetch.written() - start) as u64 + texts.left_out;
            if shown > most || texts.source.worked() > most {
                self.too_much.store(true, Ordering::Relaxed);
                texts.fetch.cut_to(start);
                texts.gaps.clear();
                break;
            }
        }
        // With nothing in it, a reply is none.
        let is_empty = texts.fetch.written() == bare;
        let Texts { fetch, gaps, .. } = texts;
        fetch.finish();
        if is_empty {
            out.truncate(begin);
        }
        Ok(gaps)
    }

    /// The same where the items are in the mark of the message.
    pub(crate) fn encode_mark(&self, mark: Mark<'_>, out: &mut Vec<u8>) {
        let Some(number) = self.targets.number(mark.uid) else { return };
        let mut reply = Encoder::new(out, self.utf8);
        let mut fetch = reply.fetch(number);
        self.head(&mut fetch, mark);
        if self.items.contains(&FetchItem::ModSeq) {
            fetch.mod_seq(mark.modseq);
        }
        fetch.finish();
    }

    /// What stands in front, asked for or not.
    fn head(&self, fetch: &mut FetchWriter<'_>, mark: Mark<'_>) {
        let is_marked = self.marked.contains(&mark.uid);
        // RFC 7162 section 3.2.4.
        let tells_change = is_marked && self.resync.tells_changes();
        let shows_uid = is_marked && self.resync.shows_uids();
        // RFC 9051 section 6.4.9: the UID form answers with the UID, asked for or not.
        if self.by_uid || shows_uid || self.items.contains(&FetchItem::Uid) {
            fetch.uid(mark.uid);
        }
        if tells_change && !self.items.contains(&FetchItem::ModSeq) {
            fetch.mod_seq(mark.modseq);
        }
        if tells_change || self.items.contains(&FetchItem::ModSeq) {
            self.shown.fetch_max(mark.modseq.0, Ordering::Relaxed);
        }
        if is_marked || self.items.contains(&FetchItem::Flags) {
            let recent = self.recent_from.is_some_and(|from| u64::from(mark.uid.get()) >= from);
            fetch.flags(mark.flags, recent);
        }
    }

    fn item<'a>(
        &self,
        texts: &mut Texts<'_, 'a>,
        message: &Fetched<'a>,
        item: &'a FetchItem,
    ) -> Result<(), Unreadable> {
        let fetch = &mut texts.fetch;
        match item {
            // They stand in front.
            FetchItem::Uid | FetchItem::Flags => {}
            FetchItem::Envelope => fetch.preformatted("ENVELOPE", message.envelope),
            FetchItem::Body => fetch.preformatted("BODY", message.body),
            FetchItem::BodyStructure => fetch.preformatted("BODYSTRUCTURE", message.structure),
            FetchItem::InternalDate => fetch.internal_date(message.internal_date),
            FetchItem::EmailId => fetch.object_id("EMAILID", &message.ids.email()),
            FetchItem::ThreadId => fetch.object_id("THREADID", &message.ids.thread()),
            FetchItem::SaveDate => fetch.save_date(message.saved),
            FetchItem::Rfc822Size => fetch.size(message.size),
            FetchItem::Preview { .. } => fetch.preview(Some(message.preview)),
            FetchItem::ModSeq => fetch.mod_seq(message.modseq),
            FetchItem::Rfc822 => texts.named("RFC822", &SectionText::Whole)?,
            FetchItem::Rfc822Header => texts.named("RFC822.HEADER", &SectionText::Header)?,
            FetchItem::Rfc822Text => texts.named("RFC822.TEXT", &SectionText::Text)?,
            FetchItem::BodySection { section, partial, .. } => texts.section(section, *partial)?,
            FetchItem::Binary { part, partial, .. } => match texts.source.decoded(part) {
                Decoded::Absent => fetch.binary(part, origin(*partial), None),
                Decoded::UnknownEncoding => self.unknown_encoding.store(true, Ordering::Relaxed),
                Decoded::Text(text) => texts.binary(part, *partial, &text)?,
            },
            FetchItem::BinarySize { part } => match texts.source.decoded(part) {
                Decoded::Absent => fetch.binary_size(part, 0),
                Decoded::UnknownEncoding => self.unknown_encoding.store(true, Ordering::Relaxed),
                Decoded::Text(text) => fetch.binary_size(part, texts.source.length(&text)?),
            },
        }
        Ok(())
    }
}

/// The texts of one message on their way into its reply. Those that would make what is sent at
/// once too long are left out of it.
struct Texts<'o, 'a> {
    fetch: FetchWriter<'o>,
    source: Source<'a>,
    most: usize,
    gaps: Vec<Gap>,
    /// Bytes of what is left out.
    left_out: u64,
}

impl<'a> Texts<'_, 'a> {
    /// An item of RFC 3501 that goes by its own name.
    fn named(&mut self, name: &str, text: &'a SectionText) -> Result<(), Unreadable> {
        let Some(text) = self.source.section(&[], text) else { return Ok(()) };
        let range = 0..self.source.length(&text)?;
        self.fetch.literal_head(name, range.end);
        self.text(&text, range)
    }

    fn section(&mut self, section: &'a Section, partial: Option<Partial>) -> Result<(), Unreadable> {
        let origin = origin(partial);
        let Some(text) = self.source.section(&section.part, &section.text) else {
            self.fetch.no_section(section, origin);
            return Ok(());
        };
        let range = wanted(partial, self.source.length(&text)?);
        self.fetch.section_head(section, origin, range.end - range.start);
        self.text(&text, range)
    }

    /// A text behind the head of its literal, or left out for now.
    fn text(&mut self, text: &Text<'a>, range: Range<u64>) -> Result<(), Unreadable> {
        if self.fits(&range) {
            return self.fetch.text(|out| self.source.append(text, range, out));
        }
        self.leave_out(&range, text.cut_plain_from(range.start));
        Ok(())
    }

    fn binary(&mut self, part: &[u32], partial: Option<Partial>, text: &Text<'a>) -> Result<(), Unreadable> {
        let range = wanted(partial, self.source.length(text)?);
        if self.fits(&range) {
            self.fetch.binary(part, origin(partial), Some(&self.source.read(text, range)?));
        } else {
            self.fetch.binary_head(part, origin(partial), range.end - range.start);
            self.leave_out(&range, text.cut_from(range.start));
        }
        Ok(())
    }

    fn fits(&self, range: &Range<u64>) -> bool {
        let length = range.end - range.start;
        length <= SHORT_BYTES || self.fetch.written() as u64 + length <= self.most as u64
    }

    /// The head of its literal was written; the text itself follows when that has been sent.
    fn leave_out(&mut self, range: &Range<u64>, cut: Arc<Cut>) {
        let length = range.end - range.start;
        self.left_out += length;
        self.gaps.push(Gap::new(self.fetch.written(), length, cut));
    }
}

fn origin(partial: Option<Partial>) -> Option<u64> {
    partial.map(|partial| partial.offset)
}

fn wanted(partial: Option<Partial>, length: u64) -> Range<u64> {
    partial.map_or(0..length, |partial| partial.range(length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use postern_app::{Content, MessageIds, ObjectNames};
    use postern_types::{Flags, Limits, MessageId, ModSeq, Timestamp};
    use std::borrow::Cow;
    use std::cell::Cell;

    /// A message that counts how many of its bytes are read.
    #[derive(Debug)]
    struct Counted {
        bytes: Vec<u8>,
        read: Cell<u64>,
    }

    impl Content for Counted {
        fn size(&self) -> u64 {
            self.bytes.size()
        }
        fn read(&self, range: Range<u64>) -> Result<Cow<'_, [u8]>, Unreadable> {
            let found = self.bytes.read(range)?;
            self.read.set(self.read.get() + found.len() as u64);
            Ok(found)
        }
    }

    const MAIL: &[u8] =
        b"From: alice@example.org\r\nSubject: Hello\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
        --b\r\nContent-Transfer-Encoding: base64\r\n\r\naGVsbG8=\r\n\
        --b\r\nContent-Transfer-Encoding: x-strange\r\nSubject: inner\r\n\r\nodd\r\n--b--\r\n";

    fn shown(items: &[FetchItem], by_uid: bool, marked: bool) -> (String, bool) {
        let (reply, unknown, _) = shown_counted(items, by_uid, marked);
        (reply, unknown)
    }

    /// The reply, whether an encoding was unknown, and how many bytes were read for it.
    fn shown_counted(items: &[FetchItem], by_uid: bool, marked: bool) -> (String, bool, u64) {
        let content = Counted { bytes: MAIL.to_vec(), read: Cell::new(0) };
        let (reply, gaps, unknown) = encoded(&content, items, by_uid, marked, 1 << 20);
        assert!(gaps.is_empty());
        (String::from_utf8(reply).unwrap(), unknown, content.read.get())
    }

    /// The reply, what was left out of it so that it is no longer than `most`, and whether an
    /// encoding was unknown.
    fn encoded(
        content: &Counted,
        items: &[FetchItem],
        by_uid: bool,
        marked: bool,
        most: usize,
    ) -> (Vec<u8>, Vec<Gap>, bool) {
        let parsed = postern_mime::parse(&content.bytes, &Limits::default());
        let (uid, parts) = (Uid::new(7).unwrap(), parsed.parts.encode());
        let flags = Flags::parse("\\Seen").unwrap();
        let (names, id) = (ObjectNames::new([7; 32]), MessageId::from_key(1 << 36 | 1).unwrap());
        let message = Fetched {
            uid,
            flags: &flags,
            modseq: ModSeq(1),
            internal_date: Timestamp(0),
            saved: Timestamp(0),
            size: content.size(),
            header_bytes: u64::from(parsed.header_bytes),
            envelope: b"(ENV)",
            structure: b"(STRUCTURE)",
            body: b"(BODY)",
            parts: &parts,
            preview: "hello",
            subject: "Hello",
            sender: "",
            sent: None,
            sent_day: None,
            ids: MessageIds::new(&names, id, id),
            content,
        };
        let targets = Targets { uids: [uid].into(), numbers: [3].into() };
        let marked = if marked { HashSet::from([uid]) } else { HashSet::new() };
        let show = Show::new(items.into(), by_uid, targets, (marked, Resync::Off), Some(7), false, most);
        let mut out = Vec::new();
        let gaps = show.encode(&message, &mut out).unwrap();
        (out, gaps, show.unknown_encoding.into_inner())
    }

    fn section(part: &[u32], text: SectionText, partial: Option<Partial>) -> FetchItem {
        FetchItem::BodySection { section: Section { part: part.to_vec(), text }, partial, peek: true }
    }

    /// RFC 9051 section 7.5.2; RFC 3501 section 2.3.2 for \Recent.
    #[test]
    fn flags_stand_in_front_and_come_unasked_when_they_changed() {
        let (reply, _) = shown(&[FetchItem::Envelope, FetchItem::Flags], false, false);
        assert_eq!(reply, "* 3 FETCH (FLAGS (\\Seen \\Recent) ENVELOPE (ENV))\r\n");
        let (reply, _) = shown(&[FetchItem::Rfc822Size], true, true);
        assert_eq!(reply, format!("* 3 FETCH (UID 7 FLAGS (\\Seen \\Recent) RFC822.SIZE {})\r\n", MAIL.len()));
    }

    /// RFC 9051 section 6.4.5.1.
    #[test]
    fn sections_are_cut_from_the_message() {
        let names = vec!["subject".to_owned()];
        let fields = SectionText::HeaderFields { names, not: false };
        let (reply, _) = shown(&[section(&[], fields, None)], false, false);
        assert_eq!(reply, "* 3 FETCH (BODY[HEADER.FIELDS (subject)] {18}\r\nSubject: Hello\r\n\r\n)\r\n");
        let part = Partial { offset: 2, count: 4 };
        let (reply, _) = shown(&[section(&[1], SectionText::Whole, Some(part))], false, false);
        assert_eq!(reply, "* 3 FETCH (BODY[1]<2> {4}\r\nVsbG)\r\n");
        let (reply, _) = shown(&[section(&[2], SectionText::Mime, None)], false, false);
        assert!(reply.contains("x-strange\r\nSubject: inner\r\n\r\n)"), "{reply}");
        let (reply, _) = shown(&[section(&[9], SectionText::Whole, None)], false, false);
        assert_eq!(reply, "* 3 FETCH (BODY[9] NIL)\r\n");
        let (reply, _) = shown(&[FetchItem::Rfc822], false, false);
        assert_eq!(reply.len(), "* 3 FETCH (RFC822 {000}\r\n)\r\n".len() + MAIL.len());
    }

    /// However often a command asks for the whole message, what is shown of it has a bound; what
    /// stands in front is shown all the same.
    #[test]
    fn what_is_shown_of_one_message_has_a_bound() {
        let whole = section(&[], SectionText::Whole, None);
        let copies = (1 << 20) / MAIL.len() + 4;
        let many = vec![whole.clone(); copies];
        assert_eq!(shown(&many, false, false).0, "");
        assert_eq!(shown(&many, true, true).0, "* 3 FETCH (UID 7 FLAGS (\\Seen \\Recent))\r\n");
        let some = vec![whole; 256];
        assert!(shown(&some, false, false).0.len() > 256 * MAIL.len(), "small messages may be asked for often");
    }

    /// One command may ask for a part in hundreds of pieces: it is read and decoded once. So are
    /// the fields of a header.
    #[test]
    fn what_is_asked_for_in_pieces_is_made_once() {
        let piece = |offset| Some(Partial { offset, count: 1 });
        let decoded = |offset| FetchItem::Binary { part: vec![1], partial: piece(offset), peek: true };
        let (reply, _, read) = shown_counted(&(0..200).map(decoded).collect::<Vec<_>>(), false, false);
        assert!(reply.contains("BINARY[1]<4> {1}\r\no BINARY[1]<5> {0}\r\n"), "{reply}");
        assert_eq!(read, "aGVsbG8=".len() as u64);
        let names = vec!["subject".to_owned()];
        let fields = SectionText::HeaderFields { names, not: false };
        let named = |offset| section(&[], fields.clone(), piece(offset));
        let (reply, _, read) = shown_counted(&(0..200).map(named).collect::<Vec<_>>(), false, false);
        assert!(reply.contains("BODY[HEADER.FIELDS (subject)]<9> {1}\r\nH "), "{reply}");
        assert!(read < MAIL.len() as u64);
    }

    /// Of a long text the head of its literal is written alone: what is held while a client reads
    /// does not depend on the message. Filled in, the reply is what it would be in one.
    #[test]
    fn long_texts_are_left_out_and_filled_in_later() {
        let lines = "X-Line: a line of a header that is long\r\n".repeat(2000);
        let body = "aGVsbG8gdG8gYWxsIG9mIHlvdSBvdXQgdGhlcmU=\r\n".repeat(2000);
        let bytes = format!("Subject: long\r\n{lines}Content-Transfer-Encoding: base64\r\n\r\n{body}").into_bytes();
        let names = || vec!["x-line".to_owned()];
        let partial = Some(Partial { offset: 5, count: 50_000 });
        let items = [
            section(&[], SectionText::Whole, partial),
            FetchItem::Rfc822Text,
            FetchItem::InternalDate,
            section(&[], SectionText::HeaderFields { names: names(), not: false }, partial),
            section(&[1], SectionText::Whole, Some(Partial { offset: 1, count: 20 })),
            FetchItem::Binary { part: vec![1], partial, peek: true },
            FetchItem::BinarySize { part: vec![1] },
        ];
        let content = Counted { bytes, read: Cell::new(0) };
        let (whole, none, _) = encoded(&content, &items, false, false, 1 << 20);
        assert!(none.is_empty() && whole.len() > 200_000);
        let (mut reply, gaps, _) = encoded(&content, &items, false, false, 1000);
        assert!(reply.len() < 1000, "{} bytes are held", reply.len());
        assert_eq!(gaps.len(), 4);
        for gap in gaps.iter().rev() {
            let ends = (0..gap.length).step_by(7000).map(|start| start..gap.length.min(start + 7000));
            let filled = ends.flat_map(|range| gap.read(&content, range).unwrap());
            let filled: Vec<u8> = filled.collect();
            assert_eq!(filled.len() as u64, gap.length);
            reply.splice(gap.at..gap.at, filled);
        }
        // What is not looked through before its head is written is said to hold NUL, as it may.
        let plain = String::from_utf8(reply).unwrap().replace(" ~{", " {");
        assert!(plain.into_bytes() == whole, "the replies differ");
    }

    /// Where making things again and again would take too long, the message is left out.
    #[test]
    fn what_is_made_of_one_message_has_a_bound() {
        let partial = Some(Partial { offset: 1000, count: 1 });
        let named = |number: usize| {
            let names = vec![format!("x-{}", number % 2)];
            section(&[], SectionText::HeaderFields { names, not: false }, partial)
        };
        assert_eq!(shown(&(0..20_000).map(named).collect::<Vec<_>>(), false, false).0, "");
        assert!(shown(&(0..256).map(named).collect::<Vec<_>>(), false, false).0.len() > 256);
    }

    /// RFC 3516 sections 4.2 and 4.3.
    #[test]
    fn binary_undoes_the_encoding_or_says_that_it_can_not() {
        let binary = |part: &[u32]| FetchItem::Binary { part: part.to_vec(), partial: None, peek: true };
        let (reply, unknown) = shown(&[binary(&[1]), FetchItem::BinarySize { part: vec![1] }], false, false);
        assert_eq!((reply.as_str(), unknown), ("* 3 FETCH (BINARY[1] {5}\r\nhello BINARY.SIZE[1] 5)\r\n", false));
        let (_, unknown) = shown(&[FetchItem::Rfc822Size, binary(&[2])], false, false);
        assert!(unknown);
    }
}
