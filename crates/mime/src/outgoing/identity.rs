//! When two copies of a sent message are the same one.
//!
//! A client that files its own copy after we filed ours must not make two. The copies differ in their trace, in Bcc
//! and in how fields are folded and ordered; what a person would call the message is the same in both. mutt writes the
//! Date of its copy anew, so that it may be a second later than that of what it sent.

use crate::header::{fields, header_end, unfold};
use crate::message_id::message_id;

/// What has to be equal, beside the body.
const PARTS: [&str; 5] = ["Message-ID", "From", "To", "Subject", "Date"];
/// Where Date is among them: the last.
const DATE: usize = PARTS.len() - 1;

/// What makes two copies of a sent message the same one, as bytes for the caller to hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentIdentity {
    /// Message-ID, From, To, Subject and the body.
    pub message: Vec<u8>,
    /// Date.
    pub date: Vec<u8>,
}

/// The parts that make two copies of a sent message the same one: Message-ID, From, To, Subject, Date, and the body
/// without the line ends after it. Folds and the amount of white space do not count, nor
/// does where a field stands among others. The number of values and the length of each stand before it, so nothing can
/// be moved from one part into another. `None` where there is no Message-ID, for then nothing tells two messages apart.
pub fn sent_identity(raw: &[u8]) -> Option<SentIdentity> {
    let (header, body) = raw.split_at(header_end(raw, 0, |_| false));
    let mut values: [Vec<Vec<u8>>; PARTS.len()] = Default::default();
    let mut has_id = false;
    for field in fields(header) {
        if let Some(index) = PARTS.iter().position(|name| field.is(name)) {
            let unfolded = unfold(field.value);
            has_id |= index == 0 && message_id(&unfolded).is_some();
            values[index].push(collapsed(&unfolded));
        }
    }
    if !has_id {
        return None;
    }
    let mut message = Vec::with_capacity(body.len() + 1024);
    values[..DATE].iter().for_each(|part| push_part(&mut message, part));
    let end = body.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
    push(&mut message, &body[..end]);
    let mut date = Vec::new();
    push_part(&mut date, &values[DATE]);
    Some(SentIdentity { message, date })
}

fn push_part(identity: &mut Vec<u8>, values: &[Vec<u8>]) {
    push_length(identity, values.len());
    values.iter().for_each(|value| push(identity, value));
}

/// Each run of white space as one space, none at the ends.
fn collapsed(value: &[u8]) -> Vec<u8> {
    let mut collapsed = Vec::with_capacity(value.len());
    for word in value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()) {
        if !collapsed.is_empty() {
            collapsed.push(b' ');
        }
        collapsed.extend_from_slice(word);
    }
    collapsed
}

fn push(identity: &mut Vec<u8>, bytes: &[u8]) {
    push_length(identity, bytes.len());
    identity.extend_from_slice(bytes);
}

fn push_length(identity: &mut Vec<u8>, length: usize) {
    identity.extend_from_slice(&(length as u64).to_be_bytes());
}
