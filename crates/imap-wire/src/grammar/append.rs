//! The beginning of APPEND (RFC 9051 section 6.3.12, RFC 6855 section 4, RFC 3516
//! section 4.4), read while the message is still on its way.

use super::message::flag_list;
use super::token::{Explain, Input, Options, Parsed, input, mailbox, peek, space, word};
use super::{APPEND_END, fail, tag};
use crate::command::{AppendHead, BadCommand, Tag};
use crate::date::date_time;
use postern_types::{Flags, Timestamp};
use winnow::prelude::*;

/// What a line that ends in a literal turns out to be.
pub(crate) enum AppendProbe {
    /// Another command: the literal is one of its strings.
    Other,
    /// An APPEND whose mailbox is the literal.
    Mailbox,
    /// An APPEND whose message is the literal. `wrapped` is the form `UTF8 (~{5}...)`.
    Message { head: AppendHead, wrapped: bool },
    /// An APPEND that went wrong before its message.
    Bad(BadCommand),
}

/// Looks at a command up to, and without, the `{` or `~{` of a literal.
pub(crate) fn probe_append(before: &[u8], size: u64, binary: bool, options: Options) -> AppendProbe {
    let mut input = input(before, options);
    let Ok(tag) = tag(&mut input) else { return AppendProbe::Other };
    match word(&mut input) {
        Ok(name) if name.as_bytes() == b"APPEND" && space(&mut input).is_ok() => {}
        _ => return AppendProbe::Other,
    }
    if input.input.is_empty() {
        return AppendProbe::Mailbox;
    }
    match head(&mut input) {
        Ok((mailbox, flags, date, wrapped)) => {
            let head = AppendHead { tag, mailbox, flags, date, size, synchronising: true, binary };
            AppendProbe::Message { head, wrapped }
        }
        Err(help) => AppendProbe::Bad(bad(tag, help.0)),
    }
}

fn bad(tag: Tag, text: Option<&'static str>) -> BadCommand {
    BadCommand::syntax(Some(tag), text.unwrap_or(APPEND_END))
}

fn head(input: &mut Input<'_>) -> Parsed<(String, Flags, Option<Timestamp>, bool)> {
    let mailbox = mailbox(input)?;
    space(input)?;
    let mut flags = Flags::new();
    if peek(input) == Some(b'(') {
        flags = flag_list(input).help("APPEND takes flags in parentheses, as in (\\Seen)")?;
        space(input)?;
    }
    let mut date = None;
    if peek(input) == Some(b'"') {
        date = Some(date_time(input)?);
        space(input)?;
    }
    let mut wrapped = false;
    if peek(input).is_some() {
        if word(input)?.as_bytes() != b"UTF8" {
            return fail(APPEND_END);
        }
        space(input)?;
        b'('.parse_next(input)?;
        wrapped = true;
    }
    if input.input.is_empty() { Ok((mailbox, flags, date, wrapped)) } else { fail(APPEND_END) }
}
