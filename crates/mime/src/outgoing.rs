//! A message that one of ours submits: what it says of its sender, and what leaves of it.
//!
//! RFC 5322 section 3.6, RFC 6409 section 8. [`read_outgoing`] is strict on purpose. A sender is checked by what we
//! read here, and shown by whatever reads the message in the end; so a header that two readers could take in two ways
//! (a From twice, an address behind junk, a bare line end) is turned back to its author, who can mend it. Mail that
//! comes in is read by [`crate::parse`], which refuses nothing.

mod addresses;
mod identity;
mod lines;
mod rewrite;

use postern_types::Limits;

use crate::charset::cut_text;
use crate::date::parse_date;
use crate::header::{Field, decoded_value, fields, unfold};
use crate::message_id::{message_id, message_ids};
use crate::parameters::split_head;
use crate::tree::{PartKind, Tree};

pub use addresses::AddressFlaw;
pub use identity::{SentIdentity, sent_identity};
pub use rewrite::{Edits, filed, leaving};

/// Most addresses of one kind; a message has few authors.
const ADDRESSES_MAX: usize = 100;
/// Most message identifiers kept of one kind.
const IDS_MAX: usize = 1000;
/// Longest subject that is kept, in bytes.
const SUBJECT_BYTES_MAX: usize = 16 << 10;

/// Fields that RFC 5322 section 3.6 allows once, and that people are shown or that we check. Bcc is not among them: it
/// does not leave. Neither are In-Reply-To and References, which old mailers repeat and nobody is shown.
const ONCE: [&str; 8] = ["From", "Sender", "Reply-To", "To", "Cc", "Subject", "Date", "Message-ID"];

/// What a message on its way out says of who sends it.
///
/// Addresses are as written, without names and comments, in their order, from all fields of a name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OutgoingHeader {
    /// Length of the header, its blank line included.
    pub header_bytes: usize,
    /// From (RFC 5322 section 3.6.2); at least one.
    pub from: Vec<String>,
    /// Sender; none or one.
    pub sender: Vec<String>,
    /// Resent-From (RFC 5322 section 3.6.6), of every time it was sent again.
    pub resent_from: Vec<String>,
    /// Resent-Sender, of every time it was sent again.
    pub resent_sender: Vec<String>,
    /// Message-ID without its angle brackets; none where it can not be read.
    pub message_id: Option<String>,
    /// Whether there is a Date that can be read (RFC 6409 section 8.2).
    pub has_date: bool,
    /// The identifiers in In-Reply-To.
    pub in_reply_to: Vec<String>,
    /// The identifiers in References, oldest first.
    pub references: Vec<String>,
    /// The identifiers of messages that this one hands on, as far as can be told.
    pub forwarded: Vec<String>,
    /// Subject, decoded.
    pub subject: String,
    /// Whether any byte of the message is over 127 (RFC 6152).
    pub eight_bit: bool,
    /// Received fields (RFC 5321 section 6.3).
    pub received_fields: usize,
    /// Auto-Submitted says other than `no` (RFC 3834 section 5), or Precedence says bulk, list or junk.
    pub is_automatic: bool,
}

/// Why a submitted message is turned back. Each text is for its author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutgoingError {
    /// Nothing before the first blank line.
    #[error("the message has no header; it must begin with fields such as From: and Subject:")]
    NoHeader,
    /// RFC 5322 section 3.6: From is one of two fields that must be there.
    #[error("the message has no From field; add one with your address")]
    NoFrom,
    /// RFC 5322 section 3.6.
    #[error("the message has more than one {field} field; leave one")]
    Repeated {
        /// The field's name.
        field: &'static str,
    },
    /// An address that readers could take in more than one way.
    #[error("the {field} field can not be read: {flaw}")]
    Unreadable {
        /// The field's name.
        field: &'static str,
        /// What is wrong with it.
        flaw: AddressFlaw,
    },
    /// RFC 5322 section 3.6.2: Sender is one mailbox.
    #[error("the {field} field has more than one address; a message has one sender")]
    ManySenders {
        /// The field's name.
        field: &'static str,
    },
    /// More senders than any message has.
    #[error("there are more than {ADDRESSES_MAX} addresses in {field}")]
    TooManyAddresses {
        /// The field's name.
        field: &'static str,
    },
    /// Neither a field nor the continuation of one, such as the `From ` line of an mbox.
    #[error("line {line} of the header is neither a field nor the continuation of one")]
    StrayLine {
        /// Counted from 1.
        line: usize,
    },
    /// RFC 5322 section 2.2.
    #[error("line {line} of the header has a field name with characters that do not belong there")]
    FieldName {
        /// Counted from 1.
        line: usize,
    },
    /// RFC 5322 section 2.1.
    #[error("line {line} of the header does not end with CR LF, or has a CR inside")]
    BareLineEnd {
        /// Counted from 1.
        line: usize,
    },
    /// NUL and its like.
    #[error("line {line} of the header has a control character")]
    ControlCharacter {
        /// Counted from 1.
        line: usize,
    },
}

/// Reads the header of a message that somebody submits.
pub fn read_outgoing(raw: &[u8]) -> Result<OutgoingHeader, OutgoingError> {
    let header_bytes = lines::check_lines(raw)?;
    let raw_header = &raw[..header_bytes];
    let mut header = OutgoingHeader { header_bytes, eight_bit: !raw.is_ascii(), ..OutgoingHeader::default() };
    let mut seen = [false; ONCE.len()];
    for field in fields(raw_header) {
        if let Some(index) = ONCE.iter().position(|name| field.is(name))
            && std::mem::replace(&mut seen[index], true)
        {
            return Err(OutgoingError::Repeated { field: ONCE[index] });
        }
        header.take_senders(&field)?;
        header.take_field(&field);
    }
    if header.from.is_empty() {
        return Err(OutgoingError::NoFrom);
    }
    if is_forward(&header.subject) {
        header.find_forwarded(raw);
    }
    Ok(header)
}

impl OutgoingHeader {
    /// The fields that name a sender.
    fn take_senders(&mut self, field: &Field<'_>) -> Result<(), OutgoingError> {
        let (name, list, is_one) = match () {
            () if field.is("From") => ("From", &mut self.from, false),
            () if field.is("Sender") => ("Sender", &mut self.sender, true),
            () if field.is("Resent-From") => ("Resent-From", &mut self.resent_from, false),
            () if field.is("Resent-Sender") => ("Resent-Sender", &mut self.resent_sender, true),
            () => return Ok(()),
        };
        let unreadable = |flaw| OutgoingError::Unreadable { field: name, flaw };
        let mailboxes = addresses::read_mailboxes(field.value, ADDRESSES_MAX + 1).map_err(unreadable)?;
        if is_one && mailboxes.len() > 1 {
            return Err(OutgoingError::ManySenders { field: name });
        }
        if list.len() + mailboxes.len() > ADDRESSES_MAX {
            return Err(OutgoingError::TooManyAddresses { field: name });
        }
        list.extend(mailboxes);
        Ok(())
    }

    /// All other fields that are looked at.
    fn take_field(&mut self, field: &Field<'_>) {
        let ids = |list: &mut Vec<String>| {
            let room = IDS_MAX - list.len();
            if room > 0 {
                list.extend(message_ids(&unfold(field.value)).into_iter().take(room));
            }
        };
        match () {
            () if field.is("Received") => self.received_fields += 1,
            () if field.is("Subject") => {
                self.subject = decoded_value(field.value);
                cut_text(&mut self.subject, SUBJECT_BYTES_MAX);
            }
            () if field.is("Message-ID") => self.message_id = message_id(&unfold(field.value)),
            () if field.is("Date") => self.has_date = parse_date(&unfold(field.value)).is_some(),
            () if field.is("In-Reply-To") => ids(&mut self.in_reply_to),
            () if field.is("References") => ids(&mut self.references),
            () if field.is("X-Forwarded-Message-Id") => ids(&mut self.forwarded),
            () if field.is("Auto-Submitted") || field.is("Precedence") => self.is_automatic |= says_automatic(field),
            () => {}
        }
    }

    /// The messages that a forward hands on: those that are attached to it, or else the last that it refers to
    /// without answering it.
    fn find_forwarded(&mut self, raw: &[u8]) {
        let tree = Tree::of(raw, &Limits::default());
        let attached = std::iter::once(0).chain(tree.children(0));
        let attached = attached.filter(|&index| tree.entities[index].kind == PartKind::Message);
        for index in attached.flat_map(|index| tree.children(index)).take(IDS_MAX.saturating_sub(self.forwarded.len()))
        {
            let mut inner = tree.fields(raw, index).filter(|field| field.is("Message-ID"));
            self.forwarded.extend(inner.find_map(|field| message_id(&unfold(field.value))));
        }
        if self.forwarded.is_empty() && self.in_reply_to.is_empty() {
            self.forwarded.extend(self.references.last().cloned());
        }
    }
}

/// `Fwd:` or `Fw:` at the beginning of a subject.
fn is_forward(subject: &str) -> bool {
    let (mark, _) = subject.trim_start().split_once(':').unwrap_or_default();
    ["fwd", "fw"].iter().any(|known| mark.trim_end().eq_ignore_ascii_case(known))
}

fn says_automatic(field: &Field<'_>) -> bool {
    let unfolded = unfold(field.value);
    let word = split_head(&unfolded).0;
    if field.is("Precedence") {
        return [&b"bulk"[..], b"list", b"junk"].iter().any(|known| word.eq_ignore_ascii_case(known));
    }
    !word.is_empty() && !word.eq_ignore_ascii_case(b"no")
}
