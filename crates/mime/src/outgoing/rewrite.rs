//! The message as it leaves, and as it is filed.
//!
//! Fields are taken out and put on top; every other byte stays, for signatures of authors and for people who compare.
//! Bcc does not leave (RFC 5322 section 3.6.3), Return-Path belongs to final delivery (RFC 5321 section 4.4), and a
//! `Postern-` field is the house's word, so none that a client wrote is let through.

use std::collections::HashSet;

use postern_types::Timestamp;

use crate::address::{AddressItem, Addresses};
use crate::compose::{write_addresses_field, write_date_field, write_ids_field, write_mailbox_field, write_text_field};
use crate::date::parse_date;
use crate::header::{Field, fields, header_end, unfold};
use crate::message_id::message_id;
use crate::summary::bare_address;

/// What the house changes in a submitted message. Control characters in the values are dropped, so no value is more
/// than one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Edits<'a> {
    /// The address of Sender (RFC 5322 section 3.6.2), instead of any that is there.
    pub sender: Option<&'a str>,
    /// The name, which may be empty, and the address of From, instead of those that are there.
    pub from: Option<(&'a str, &'a str)>,
    /// Message-ID, with or without its angle brackets; added where there is none (RFC 6409 section 8.3).
    pub message_id: Option<&'a str>,
    /// Date; added where there is none that can be read (RFC 6409 section 8.2).
    pub date: Option<Timestamp>,
    /// The value of Postern-Sent-By, in the sent copy alone.
    pub sent_by: Option<&'a str>,
    /// Whom it goes to. Who stands in no field is named in Bcc, in the sent copy alone: some programs take that out
    /// before they send.
    pub recipients: &'a [&'a str],
}

/// What leaves: without Bcc, Resent-Bcc, Return-Path and every `Postern-` field, and with the edits made. The body and
/// all other fields are as they were.
pub fn leaving(raw: &[u8], edits: &Edits<'_>) -> Vec<u8> {
    let edits = Edits { sent_by: None, recipients: &[], ..*edits };
    rewrite(raw, &edits, |field| stays_at_home(field) || is_bcc(field))
}

/// What is filed as the sent copy: as [`leaving`], but Bcc and Resent-Bcc stay, and on top stand Postern-Sent-By and,
/// where there is no Bcc, one of those recipients who are in no field.
pub fn filed(raw: &[u8], edits: &Edits<'_>) -> Vec<u8> {
    // A program that says Bcc says all of it, and a message has one (RFC 5322 section 3.6).
    let says_bcc = fields(raw).any(|field| field.is("Bcc"));
    let unnamed = if says_bcc { Vec::new() } else { unnamed(raw, edits.recipients) };
    rewrite(raw, &Edits { recipients: &unnamed, ..*edits }, stays_at_home)
}

/// Recipients that no field names, in their order.
fn unnamed<'a>(raw: &[u8], recipients: &[&'a str]) -> Vec<&'a str> {
    const NAMING: [&str; 5] = ["To", "Cc", "Resent-To", "Resent-Cc", "Resent-Bcc"];
    let mut unnamed: HashSet<String> = recipients.iter().map(|address| address.to_lowercase()).collect();
    for field in fields(raw).filter(|field| NAMING.iter().any(|name| field.is(name))) {
        if unnamed.is_empty() {
            break;
        }
        for item in Addresses::new(&unfold(field.value)) {
            if let AddressItem::Mailbox(mailbox) = item {
                unnamed.remove(&bare_address(&mailbox).to_lowercase());
            }
        }
    }
    recipients.iter().copied().filter(|address| unnamed.remove(&address.to_lowercase())).collect()
}

fn is_bcc(field: &Field<'_>) -> bool {
    field.is("Bcc") || field.is("Resent-Bcc")
}

fn stays_at_home(field: &Field<'_>) -> bool {
    let prefix = field.name.get(.."postern-".len()).unwrap_or_default();
    field.is("Return-Path") || prefix.eq_ignore_ascii_case(b"postern-")
}

fn rewrite(raw: &[u8], edits: &Edits<'_>, is_left_out: impl Fn(&Field<'_>) -> bool) -> Vec<u8> {
    let (header, body) = raw.split_at(header_end(raw, 0, |_| false));
    let adds_id = edits.message_id.is_some()
        && !fields(header).any(|field| field.is("Message-ID") && message_id(&unfold(field.value)).is_some());
    let adds_date = edits.date.is_some()
        && !fields(header).any(|field| field.is("Date") && parse_date(&unfold(field.value)).is_some());
    // On top, but after lines that are no field: one that begins with a space would go on with what stands before it.
    let mut walk = fields(header);
    let top = walk.next().map_or(0, |first| header.len() - walk.remaining() - first.raw.len());
    let mut out = Vec::with_capacity(raw.len() + 512);
    out.extend_from_slice(&header[..top]);
    write_edits(&mut out, edits, adds_id, adds_date);
    // A message without any header gets the blank line that parts it from what is added.
    if header.is_empty() && !out.is_empty() {
        out.extend_from_slice(b"\r\n");
    }
    let is_replaced = |field: &Field<'_>| {
        (edits.sender.is_some() && field.is("Sender"))
            || (edits.from.is_some() && field.is("From"))
            || (adds_id && field.is("Message-ID"))
            || (adds_date && field.is("Date"))
    };
    let mut kept_from = top;
    let mut walk = fields(header);
    while let Some(field) = walk.next() {
        if is_left_out(&field) || is_replaced(&field) {
            let end = header.len() - walk.remaining();
            out.extend_from_slice(&header[kept_from..end - field.raw.len()]);
            kept_from = end;
        }
    }
    out.extend_from_slice(&header[kept_from..]);
    out.extend_from_slice(body);
    out
}

/// The fields that the house adds, on top.
fn write_edits(out: &mut Vec<u8>, edits: &Edits<'_>, adds_id: bool, adds_date: bool) {
    if let Some(sent_by) = edits.sent_by {
        write_text_field(out, "Postern-Sent-By", sent_by);
    }
    if !edits.recipients.is_empty() {
        write_addresses_field(out, "Bcc", edits.recipients);
    }
    if let Some(at) = edits.date.filter(|_| adds_date) {
        write_date_field(out, at);
    }
    if let Some((name, address)) = edits.from {
        write_mailbox_field(out, "From", name, address);
    }
    if let Some(address) = edits.sender {
        write_mailbox_field(out, "Sender", "", address);
    }
    if let Some(id) = edits.message_id.filter(|_| adds_id) {
        write_ids_field(out, "Message-ID", [id]);
    }
}
