//! What lists, threads and filters show of a message: decoded, in UTF-8, without control characters.
//!
//! RFC 2047 words are decoded and addresses are written as people read them. The texts are bounded, since they
//! stand in a row that is read for every list; the raw header keeps everything.

use crate::address::{AddressItem, Addresses, Mailbox};
use crate::charset::{clean_line, cut_text};
use crate::date::{SentAt, parse_date};
use crate::header::{Field, decoded_value, unfold};
use crate::message_id::{message_id, message_ids};
use crate::subject::base_subject;
use crate::tree::{PartKind, Tree};
use crate::words::decode_words;

/// Longest text of a summary, in bytes.
const TEXT_BYTES_MAX: usize = 16 << 10;

/// The summary of a message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Summary {
    /// Subject, decoded.
    pub subject: String,
    /// Base subject (RFC 5256 section 2.1), for threads and SORT.
    pub subject_base: String,
    /// Whether the subject carries the mark of a reply or forward.
    pub subject_is_reply: bool,
    /// From, as `Alice Example <alice@example.org>, bob@example.org`.
    pub from: String,
    /// To, in the same form.
    pub to: String,
    /// Cc, in the same form.
    pub cc: String,
    /// Bcc, in the same form.
    pub bcc: String,
    /// Reply-To, in the same form.
    pub reply_to: String,
    /// The first address of From, alone.
    pub from_address: Option<String>,
    /// Message-ID, without its angle brackets and quoting.
    pub message_id: Option<String>,
    /// The first identifier in In-Reply-To.
    pub in_reply_to: Option<String>,
    /// The identifiers in References, oldest first.
    pub references: Vec<String>,
    /// The Date field; `None` where it holds no date.
    pub sent_at: Option<SentAt>,
    /// Whether there is a part that people would call an attachment.
    pub has_attachment: bool,
}

impl Summary {
    pub(crate) fn of(bytes: &[u8], tree: &Tree) -> Self {
        let mut summary = Self { has_attachment: has_attachment(tree), ..Self::default() };
        let mut subject_seen = false;
        for field in tree.fields(bytes, 0) {
            if field.is("Subject") {
                if !std::mem::replace(&mut subject_seen, true) {
                    summary.take_subject(&field);
                }
            } else if field.is("Date") {
                summary.sent_at = summary.sent_at.or_else(|| parse_date(&unfold(field.value)));
            } else if field.is("Message-ID") {
                summary.message_id = summary.message_id.take().or_else(|| message_id(&unfold(field.value)));
            } else if field.is("In-Reply-To") {
                let first = || message_ids(&unfold(field.value)).into_iter().next();
                summary.in_reply_to = summary.in_reply_to.take().or_else(first);
            } else if field.is("References") && summary.references.is_empty() {
                summary.references = message_ids(&unfold(field.value));
            } else {
                summary.take_addresses(&field);
            }
        }
        summary
    }

    fn take_subject(&mut self, field: &Field<'_>) {
        self.subject = decoded_value(field.value);
        cut_text(&mut self.subject, TEXT_BYTES_MAX);
        let taken_apart = base_subject(&self.subject);
        self.subject_base = taken_apart.base;
        self.subject_is_reply = taken_apart.is_reply;
    }

    fn take_addresses(&mut self, field: &Field<'_>) {
        // The same choice as in ENVELOPE: the first From and Reply-To, all of To, Cc and Bcc.
        let (list, single) = match () {
            () if field.is("From") => (&mut self.from, true),
            () if field.is("Reply-To") => (&mut self.reply_to, true),
            () if field.is("To") => (&mut self.to, false),
            () if field.is("Cc") => (&mut self.cc, false),
            () if field.is("Bcc") => (&mut self.bcc, false),
            () => return,
        };
        if single && !list.is_empty() {
            return;
        }
        let unfolded = unfold(field.value);
        append_addresses(list, &unfolded);
        if field.is("From") {
            self.from_address = Addresses::new(&unfolded).find_map(|item| match item {
                AddressItem::Mailbox(mailbox) if !mailbox.domain.is_empty() => Some(bare_address(&mailbox)),
                _ => None,
            });
        }
    }
}

/// Appends an address list in readable form, up to the bound.
fn append_addresses(list: &mut String, unfolded: &[u8]) {
    let mut needs_comma = !list.is_empty();
    for item in Addresses::new(unfolded) {
        if list.len() >= TEXT_BYTES_MAX {
            break;
        }
        if needs_comma && item != AddressItem::GroupEnd {
            list.push_str(", ");
        }
        needs_comma = true;
        match item {
            AddressItem::Mailbox(mailbox) => list.push_str(&readable(&mailbox)),
            AddressItem::GroupStart(name) => {
                list.push_str(&clean_line(decode_words(&name)));
                list.push_str(": ");
                needs_comma = false;
            }
            AddressItem::GroupEnd => {
                list.truncate(list.trim_end().len());
                list.push(';');
            }
        }
    }
    cut_text(list, TEXT_BYTES_MAX);
}

fn readable(mailbox: &Mailbox) -> String {
    let address = bare_address(mailbox);
    match mailbox.name.as_deref().map(|name| clean_line(decode_words(name))) {
        Some(name) if !name.trim().is_empty() => format!("{} <{address}>", name.trim()),
        _ => address,
    }
}

pub(crate) fn bare_address(mailbox: &Mailbox) -> String {
    let local = decode_words(&mailbox.local);
    let mut address = clean_line(match mailbox.domain.as_slice() {
        b"" => local,
        domain => format!("{local}@{}", decode_words(domain)),
    });
    cut_text(&mut address, TEXT_BYTES_MAX);
    address
}

/// An attachment is a part that is disposed as one (RFC 2183 section 2.2), or that is neither text nor shown with
/// text: not an image that a page refers to by its Content-ID, a signature, or a report's machine-readable half.
fn has_attachment(tree: &Tree) -> bool {
    tree.entities.iter().any(|entity| {
        let content = &entity.content;
        if entity.kind == PartKind::Multipart {
            return false;
        }
        if content.is_disposed("attachment") {
            return true;
        }
        let is_signature = content.subtype.ends_with(b"SIGNATURE");
        let is_report = content.is("MESSAGE") && entity.kind == PartKind::Leaf;
        let is_shown = content.is_disposed("inline") || (content.id.is_some() && !content.is("APPLICATION"));
        !(content.is("TEXT") || is_signature || is_report || is_shown)
    })
}
