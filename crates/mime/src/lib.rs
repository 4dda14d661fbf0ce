//! Messages as the house needs them.
//!
//! [`parse`] takes any bytes and gives what the store keeps beside them: the ENVELOPE and BODYSTRUCTURE
//! that IMAP sends (RFC 9051 section 7.5.2, RFC 3501 section 7.4.2), already encoded; where each part
//! stands ([`PartIndex`]), so that FETCH cuts sections out of the raw message; a decoded [`Summary`] and a preview.
//! It never fails and never panics: broken mail is delivered, stored and served like any other. The cost is
//! linear in the message, whatever its shape.
//!
//! For what one of ours submits there is a strict reading of its sender, and what leaves of it ([`read_outgoing`],
//! [`leaving`], [`filed`]); for what became of it, reports and notes ([`build_report`], [`read_report`], [`notice`]).
//!
//! Knows no sockets, storage or rights. The parser library is used for charset tables alone, in one module:
//! IMAP needs exact byte ranges and an own, bounded reading of broken mail, which no library gives.

mod address;
mod charset;
mod compose;
mod content;
mod date;
mod encode;
mod envelope;
mod header;
mod html;
mod message_id;
mod outgoing;
mod parameters;
mod part_index;
mod report;
mod structure;
mod subject;
mod summary;
mod text;
mod transfer;
mod tree;
mod words;

use postern_types::Limits;

pub use date::SentAt;
pub use header::{Field, Fields, count_fields, decoded_fields, fields, header_fields, header_values};
pub use outgoing::{
    AddressFlaw, Edits, OutgoingError, OutgoingHeader, SentIdentity, filed, leaving, read_outgoing, sent_identity,
};
pub use part_index::{Part, PartIndex, Section};
pub use report::{
    Notice, ReadRecipient, ReadReport, Report, ReportKind, ReportRecipient, build_report, notice, read_report,
};
pub use summary::Summary;
pub use text::{SearchText, search_text};
pub use transfer::TransferEncoding;
pub use tree::PartKind;

use crate::encode::Encoder;
use crate::tree::Tree;

/// What is known of a message once it has been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// Size of the message in bytes.
    pub size: u64,
    /// Length of the header block, its blank line included.
    pub header_bytes: u32,
    /// ENVELOPE, as a parenthesised list.
    pub envelope: Vec<u8>,
    /// BODYSTRUCTURE, as a parenthesised list.
    pub structure: Vec<u8>,
    /// BODY, which is BODYSTRUCTURE without extension data.
    pub body: Vec<u8>,
    /// Where the parts stand.
    pub parts: PartIndex,
    /// What lists, threads and filters show.
    pub summary: Summary,
    /// The beginning of the text, at most 200 characters (RFC 8970).
    pub preview: String,
    /// Received fields in the header (RFC 5321 section 6.3).
    pub received_fields: usize,
}

/// Reads a message. Any bytes are a message.
pub fn parse(bytes: &[u8], limits: &Limits) -> Parsed {
    let tree = Tree::of(bytes, limits);
    let header = &bytes[tree.entities[0].header.clone()];
    let mut envelope = Encoder::default();
    envelope::write_envelope(&mut envelope, tree.fields(bytes, 0));
    Parsed {
        size: bytes.len() as u64,
        header_bytes: u32::try_from(header.len()).unwrap_or(u32::MAX),
        envelope: envelope.finish(),
        structure: structure::encode_structure(bytes, &tree, true),
        body: structure::encode_structure(bytes, &tree, false),
        parts: PartIndex::of(bytes.len(), &tree),
        summary: Summary::of(bytes, &tree),
        preview: text::preview(bytes, &tree),
        received_fields: count_fields(header, "Received"),
    }
}
