//! FETCH replies, item by item (RFC 9051 section 7.5.2).
//!
//! A reply may be longer than should be held in memory. Of a long text the head of its
//! literal is written alone; the session notes where ([`FetchWriter::written`]) and sends the
//! text there, in pieces.

use super::string::{tell_nul, write_decimal, write_literal_head, write_nstring};
use super::{Encoder, join};
use crate::date::write_date_time;
use crate::fetch::{PartNumbers, Section};
use postern_types::{Flags, ModSeq, Timestamp, Uid};
use std::fmt::Display;
use std::io::Write;

/// Writes the items of one message. End it with [`FetchWriter::finish`].
#[derive(Debug)]
#[must_use = "the reply has no end until `finish`"]
pub struct FetchWriter<'a> {
    out: &'a mut Vec<u8>,
    utf8: bool,
    first: bool,
}

impl Encoder<'_> {
    /// Begins the FETCH reply of one message.
    pub fn fetch(&mut self, sequence_number: u32) -> FetchWriter<'_> {
        self.out.extend_from_slice(b"* ");
        write_decimal(self.out, u64::from(sequence_number));
        self.out.extend_from_slice(b" FETCH (");
        FetchWriter { out: &mut *self.out, utf8: self.utf8, first: true }
    }
}

impl FetchWriter<'_> {
    /// How long everything written so far is.
    pub fn written(&self) -> usize {
        self.out.len()
    }
    /// Takes back what was written after `length`, which is the end of an item.
    pub fn cut_to(&mut self, length: usize) {
        self.out.truncate(length);
    }
    /// Ends the reply.
    pub fn finish(self) {
        self.out.extend_from_slice(b")\r\n");
    }

    fn item(&mut self, name: &str) {
        if !self.first {
            self.out.push(b' ');
        }
        self.first = false;
        self.out.extend_from_slice(name.as_bytes());
    }

    /// UID
    pub fn uid(&mut self, uid: Uid) {
        self.item("UID ");
        write_decimal(self.out, u64::from(uid.get()));
    }
    /// FLAGS, with `\Recent` where RFC 3501 has it.
    pub fn flags(&mut self, flags: &Flags, recent: bool) {
        self.item("FLAGS (");
        write_flags(self.out, flags, recent);
        self.out.push(b')');
    }
    /// INTERNALDATE
    pub fn internal_date(&mut self, date: Timestamp) {
        self.item("INTERNALDATE ");
        write_date_time(self.out, date);
    }
    /// SAVEDATE (RFC 8514 section 4.2)
    pub fn save_date(&mut self, date: Timestamp) {
        self.item("SAVEDATE ");
        write_date_time(self.out, date);
    }
    /// EMAILID and THREADID, by that name (RFC 8474 section 5.3).
    pub fn object_id(&mut self, name: &str, id: &dyn Display) {
        self.item(name);
        let _ = write!(self.out, " ({id})");
    }
    /// RFC822.SIZE
    pub fn size(&mut self, bytes: u64) {
        self.item("RFC822.SIZE ");
        write_decimal(self.out, bytes);
    }
    /// MODSEQ (RFC 7162 section 3.1.4.2)
    pub fn mod_seq(&mut self, mod_seq: ModSeq) {
        self.item("MODSEQ ");
        // Writing to a vector can not fail, here and below.
        let _ = write!(self.out, "({mod_seq})");
    }
    /// PREVIEW (RFC 8970 section 3.2); `None` where there is none yet.
    pub fn preview(&mut self, preview: Option<&str>) {
        self.item("PREVIEW ");
        write_nstring(self.out, preview.map(str::as_bytes), self.utf8);
    }
    /// An item whose value is preformatted: ENVELOPE, BODY, BODYSTRUCTURE.
    pub fn preformatted(&mut self, name: &str, value: &[u8]) {
        self.item(name);
        self.out.push(b' ');
        self.out.extend_from_slice(value);
    }
    /// An item under its plain name whose value is text: RFC822, RFC822.HEADER,
    /// RFC822.TEXT. Always a literal: exactly `length` bytes belong behind it
    /// ([`FetchWriter::text`]), and no NUL ([`super::tell_nul`]).
    pub fn literal_head(&mut self, name: &str, length: u64) {
        self.item(name);
        self.out.push(b' ');
        write_literal_head(self.out, length);
    }
    /// `BODY[section]<origin>` as NIL, for a part that is not there.
    pub fn no_section(&mut self, section: &Section, origin: Option<u64>) {
        self.section_name(section, origin);
        self.out.extend_from_slice(b"NIL");
    }
    /// `BODY[section]<origin>` and the head of its literal: exactly `length` bytes belong there,
    /// and no NUL ([`super::tell_nul`]).
    pub fn section_head(&mut self, section: &Section, origin: Option<u64>, length: u64) {
        self.section_name(section, origin);
        write_literal_head(self.out, length);
    }
    /// What belongs behind the head of a literal, appended by `write`, which must not touch what is there. NUL is
    /// told as in every literal.
    pub fn text<E>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        let start = self.out.len();
        write(self.out)?;
        tell_nul(&mut self.out[start..]);
        Ok(())
    }
    fn section_name(&mut self, section: &Section, origin: Option<u64>) {
        self.item("BODY[");
        let _ = write!(self.out, "{section}]");
        self.origin(origin);
    }
    fn origin(&mut self, origin: Option<u64>) {
        if let Some(origin) = origin {
            let _ = write!(self.out, "<{origin}>");
        }
        self.out.push(b' ');
    }
    /// `BINARY[part]<origin>` (RFC 3516 section 4.2): the bytes themselves, in a literal8 where
    /// there is NUL.
    pub fn binary(&mut self, part: &[u32], origin: Option<u64>, bytes: Option<&[u8]>) {
        self.binary_name(part, origin);
        match bytes {
            Some(bytes) => {
                if memchr::memchr(0, bytes).is_some() {
                    self.out.push(b'~');
                }
                write_literal_head(self.out, bytes.len() as u64);
                self.out.extend_from_slice(bytes);
            }
            None => self.out.extend_from_slice(b"NIL"),
        }
    }
    /// As [`FetchWriter::binary`] without the text: exactly `length` bytes belong there, NUL
    /// among them or not.
    pub fn binary_head(&mut self, part: &[u32], origin: Option<u64>, length: u64) {
        self.binary_name(part, origin);
        self.out.push(b'~');
        write_literal_head(self.out, length);
    }
    fn binary_name(&mut self, part: &[u32], origin: Option<u64>) {
        self.item("BINARY[");
        let _ = write!(self.out, "{}]", PartNumbers(part));
        self.origin(origin);
    }
    /// BINARY.SIZE\[part\]
    pub fn binary_size(&mut self, part: &[u32], bytes: u64) {
        self.item("BINARY.SIZE[");
        let _ = write!(self.out, "{}] {bytes}", PartNumbers(part));
    }
}

pub(super) fn write_flags(out: &mut Vec<u8>, flags: &Flags, recent: bool) {
    let names = flags.system().map(|flag| flag.as_str()).chain(flags.keywords().iter().map(|keyword| keyword.as_str()));
    join(out, names.chain(recent.then_some("\\Recent")), |out, name| out.extend_from_slice(name.as_bytes()));
}
