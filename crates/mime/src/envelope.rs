//! The ENVELOPE of a message, from raw header values.
//!
//! RFC 9051 section 7.5.2 and RFC 3501 section 7.4.2. Values are unfolded and otherwise stand as they
//! were sent: encoded words are for the client to read. Of a field that must be single (RFC 5322 section
//! 3.6) the first counts, and of From, Sender and Reply-To the first that says something. Several To, Cc
//! or Bcc fields, which RFC 822 allowed, are one list.

use crate::address::{AddressItem, Addresses, Mailbox};
use crate::encode::Encoder;
use crate::header::{Field, unfold};

/// The raw values an envelope is made of.
#[derive(Default)]
struct Values<'a> {
    date: Option<&'a [u8]>,
    subject: Option<&'a [u8]>,
    from: Vec<&'a [u8]>,
    sender: Vec<&'a [u8]>,
    reply_to: Vec<&'a [u8]>,
    to: Vec<&'a [u8]>,
    cc: Vec<&'a [u8]>,
    bcc: Vec<&'a [u8]>,
    in_reply_to: Option<&'a [u8]>,
    message_id: Option<&'a [u8]>,
}

impl<'a> Values<'a> {
    fn of(fields: impl Iterator<Item = Field<'a>>) -> Self {
        let mut values = Self::default();
        for field in fields {
            values.take(field);
        }
        values
    }

    fn take(&mut self, field: Field<'a>) {
        if field.is("Date") {
            self.date = self.date.or(Some(field.value));
        } else if field.is("Subject") {
            self.subject = self.subject.or(Some(field.value));
        } else if field.is("In-Reply-To") {
            self.in_reply_to = self.in_reply_to.or(Some(field.value));
        } else if field.is("Message-ID") {
            self.message_id = self.message_id.or(Some(field.value));
        } else if field.is("To") {
            self.to.push(field.value);
        } else if field.is("Cc") {
            self.cc.push(field.value);
        } else if field.is("Bcc") {
            self.bcc.push(field.value);
        } else {
            let single = [("From", &mut self.from), ("Sender", &mut self.sender), ("Reply-To", &mut self.reply_to)];
            for (name, values) in single {
                if field.is(name) && values.is_empty() && !field.value.trim_ascii().is_empty() {
                    values.push(field.value);
                }
            }
        }
    }
}

/// Writes the envelope of a header.
pub(crate) fn write_envelope<'a>(out: &mut Encoder, fields: impl Iterator<Item = Field<'a>>) {
    let values = Values::of(fields);
    out.raw(b"(");
    write_value(out, values.date);
    out.raw(b" ");
    write_value(out, values.subject);
    out.raw(b" ");
    let from_start = out.position();
    write_addresses(out, &values.from);
    let from_end = out.position();
    // Absent or empty, Sender and Reply-To are those of From (RFC 9051 section 7.5.2).
    for list in [&values.sender, &values.reply_to] {
        out.raw(b" ");
        if !write_addresses_or_nothing(out, list) {
            out.repeat(from_start, from_end);
        }
    }
    for list in [&values.to, &values.cc, &values.bcc] {
        out.raw(b" ");
        write_addresses(out, list);
    }
    out.raw(b" ");
    write_value(out, values.in_reply_to);
    out.raw(b" ");
    write_value(out, values.message_id);
    out.raw(b")");
}

fn write_value(out: &mut Encoder, value: Option<&[u8]>) {
    out.nstring(value.map(unfold).as_deref());
}

fn write_addresses(out: &mut Encoder, values: &[&[u8]]) {
    if !write_addresses_or_nothing(out, values) {
        out.nil();
    }
}

/// Writes the addresses of these values as one list; false, and nothing, when there are none.
fn write_addresses_or_nothing(out: &mut Encoder, values: &[&[u8]]) -> bool {
    let mut written = false;
    for value in values {
        let unfolded = unfold(value);
        let mut in_group = false;
        for item in Addresses::new(&unfolded) {
            if out.is_full() {
                break;
            }
            if !std::mem::replace(&mut written, true) {
                out.raw(b"(");
            }
            in_group = match &item {
                AddressItem::GroupStart(_) => true,
                AddressItem::GroupEnd => false,
                AddressItem::Mailbox(_) => in_group,
            };
            write_item(out, &item);
        }
        if in_group {
            write_item(out, &AddressItem::GroupEnd);
        }
    }
    if written {
        out.raw(b")");
    }
    written
}

fn write_item(out: &mut Encoder, item: &AddressItem) {
    match item {
        AddressItem::Mailbox(Mailbox { name, route, local, domain }) => {
            out.raw(b"(");
            out.nstring(name.as_deref());
            out.raw(b" ");
            out.nstring(route.as_deref());
            out.raw(b" ");
            out.string(local);
            out.raw(b" ");
            out.string(domain);
            out.raw(b")");
        }
        // Group syntax: the host is NIL; at its end the mailbox is NIL too.
        AddressItem::GroupStart(name) => {
            out.raw(b"(NIL NIL ");
            out.string(name);
            out.raw(b" NIL)");
        }
        AddressItem::GroupEnd => out.raw(b"(NIL NIL NIL NIL)"),
    }
}
