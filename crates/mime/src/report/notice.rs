//! A note from the house to one of its people.
//!
//! Plain text in UTF-8, marked as written by a program (RFC 3834 section 5), so that nothing answers it by itself.

use postern_types::Timestamp;

use super::HOUSE_NAME;
use crate::compose::{TextBody, wrap, write_date_field, write_ids_field, write_mailbox_field, write_text_field};

/// What a note is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notice<'a> {
    /// Address of the house that the note comes from.
    pub from: &'a str,
    /// Whom it is for.
    pub to: &'a str,
    /// When it is written.
    pub at: Timestamp,
    /// Message-ID of the note.
    pub message_id: &'a str,
    /// Message-ID of the message that it is about.
    pub in_reply_to: Option<&'a str>,
    /// The subject.
    pub subject: &'a str,
    /// The text; a line end inside a paragraph stays.
    pub paragraphs: &'a [&'a str],
}

/// Builds a note.
pub fn notice(notice: &Notice<'_>) -> Vec<u8> {
    let paragraphs: Vec<String> = notice.paragraphs.iter().map(|paragraph| wrap(paragraph, "")).collect();
    let body = TextBody::of(&paragraphs.join("\n"));
    let mut out = Vec::with_capacity(body.bytes.len() + 1024);
    write_mailbox_field(&mut out, "From", HOUSE_NAME, notice.from);
    write_mailbox_field(&mut out, "To", "", notice.to);
    write_text_field(&mut out, "Subject", notice.subject);
    write_date_field(&mut out, notice.at);
    write_ids_field(&mut out, "Message-ID", [notice.message_id]);
    write_ids_field(&mut out, "In-Reply-To", notice.in_reply_to);
    write_ids_field(&mut out, "References", notice.in_reply_to);
    out.extend_from_slice(b"Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n");
    out.extend_from_slice(body.fields.as_bytes());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(&body.bytes);
    out
}
