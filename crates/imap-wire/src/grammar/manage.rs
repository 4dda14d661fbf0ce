//! Commands that name a mailbox: SELECT, CREATE, RENAME, STATUS and their kind (RFC 9051
//! sections 6.3.2 to 6.3.8 and 6.3.11, RFC 6154 section 3, RFC 4466 section 2).

use super::token::{
    Explain, Help, Input, Parsed, astring, atom, fail, list, mailbox, number, number64, peek, space, word,
};
use crate::command::{CommandBody, QResync, SelectParameter, StatusItem};
use crate::sequence::{SequenceSet, sequence_set};
use postern_types::SpecialUse;
use winnow::prelude::*;
use winnow::token::{any, take_while};

/// A command whose only argument is a mailbox.
pub(super) fn one(input: &mut Input<'_>, make: impl FnOnce(String) -> CommandBody) -> Parsed<CommandBody> {
    space(input)?;
    mailbox(input).map(make)
}

/// SELECT and EXAMINE: a mailbox and, it may be, parameters.
pub(super) fn select(input: &mut Input<'_>) -> Parsed<(String, Vec<SelectParameter>)> {
    space(input)?;
    let mailbox = mailbox(input)?;
    if peek(input) != Some(b' ') {
        return Ok((mailbox, Vec::new()));
    }
    space(input)?;
    let parameters =
        list(input, 1, parameter).help("Parameters after the mailbox stand in parentheses, as in (CONDSTORE)")?;
    Ok((mailbox, parameters))
}

/// A name and, it may be, a value in parentheses, which is read past.
fn parameter(input: &mut Input<'_>) -> Parsed<SelectParameter> {
    let name = atom(input)?.to_ascii_uppercase();
    if name == "QRESYNC" {
        const HELP: &str =
            "QRESYNC needs UIDVALIDITY and a modification sequence, as in (QRESYNC (67890007 12345 1:29997))";
        space(input).help(HELP)?;
        return qresync(input).map(SelectParameter::QResync).help(HELP);
    }
    let rest = input.input;
    if rest.starts_with(b" (") {
        space(input)?;
        skip_value(input, 0)?;
        return Ok(SelectParameter::Other(name));
    }
    Ok(if name == "CONDSTORE" { SelectParameter::CondStore } else { SelectParameter::Other(name) })
}

/// `(67890007 12345 1:100 (1,50 3,77))` (RFC 7162 section 7, select-param).
fn qresync(input: &mut Input<'_>) -> Parsed<QResync> {
    b'('.parse_next(input)?;
    let uid_validity = number(input)?;
    space(input)?;
    let modseq = number64(input)?;
    let mut known = None;
    if input.input.starts_with(b" ") && !input.input.starts_with(b" (") {
        space(input)?;
        known = Some(named_set(input)?);
    }
    if input.input.starts_with(b" (") {
        space(input)?;
        b'('.parse_next(input)?;
        named_set(input)?;
        space(input)?;
        named_set(input)?;
        b')'.parse_next(input)?;
    }
    b')'.parse_next(input)?;
    if uid_validity == 0 || modseq == 0 {
        return fail("UIDVALIDITY and modification sequences start at 1");
    }
    Ok(QResync { uid_validity, modseq, known })
}

/// A set of numbers, without `*` and `$`.
fn named_set(input: &mut Input<'_>) -> Parsed<SequenceSet> {
    let set = sequence_set(input)?;
    let is_named = match &set {
        SequenceSet::Saved => false,
        SequenceSet::Ranges(ranges) => ranges.iter().all(|range| range.from.get().and(range.to.get()).is_some()),
    };
    if is_named { Ok(set) } else { fail("QRESYNC takes sets of numbers, without * and $") }
}

/// `(...)` with anything in it that tagged-ext-val allows (RFC 4466 section 3).
pub(super) fn skip_value(input: &mut Input<'_>, depth: usize) -> Parsed<()> {
    if depth == 8 {
        return fail("Parentheses are nested too deeply");
    }
    let item = |input: &mut Input<'_>| match peek(input) {
        Some(b'(') => skip_value(input, depth + 1),
        Some(b'"' | b'{') => astring(input).map(drop),
        // Sets such as 1:* stand here as well as atoms.
        _ => take_while(1.., |b: u8| super::is_astring_char(b) || b == b'*').void().parse_next(input),
    };
    list(input, 0, item).map(drop)
}

/// CREATE, with the purposes of RFC 6154 section 3: `CREATE Archive (USE (\Archive))`.
pub(super) fn create(input: &mut Input<'_>) -> Parsed<CommandBody> {
    const HELP: &str = "CREATE needs a mailbox, as in CREATE Projects or CREATE Old (USE (\\Archive))";
    space(input).help(HELP)?;
    let mailbox = mailbox(input).help(HELP)?;
    let mut special_use = Vec::new();
    if peek(input) == Some(b' ') {
        space(input)?;
        let parameter = |input: &mut Input<'_>| {
            if word(input)?.as_bytes() != b"USE" {
                return fail("CREATE knows the parameter USE only");
            }
            space(input)?;
            list(input, 0, purpose)
        };
        special_use = list(input, 1, parameter).help(HELP)?.concat();
    }
    Ok(CommandBody::Create { mailbox, special_use })
}

fn purpose(input: &mut Input<'_>) -> Parsed<SpecialUse> {
    b'\\'.parse_next(input)?;
    let name = format!("\\{}", atom(input)?);
    SpecialUse::parse(&name).ok_or(Help(Some("A mailbox is for \\Archive, \\Drafts, \\Junk, \\Sent or \\Trash")))
}

pub(super) fn rename(input: &mut Input<'_>) -> Parsed<CommandBody> {
    const HELP: &str = "RENAME needs two names, as in RENAME Drafts Unfinished";
    space(input).help(HELP)?;
    let from = mailbox(input).help(HELP)?;
    space(input).help(HELP)?;
    let to = mailbox(input).help(HELP)?;
    Ok(CommandBody::Rename { from, to })
}

pub(super) fn status(input: &mut Input<'_>) -> Parsed<CommandBody> {
    const HELP: &str = "STATUS needs a mailbox and items, as in STATUS INBOX (MESSAGES UNSEEN)";
    space(input).help(HELP)?;
    let mailbox = mailbox(input).help(HELP)?;
    space(input).help(HELP)?;
    let items = status_items(input).help(HELP)?;
    Ok(CommandBody::Status { mailbox, items })
}

/// Status items in parentheses, each kept once.
pub(super) fn status_items(input: &mut Input<'_>) -> Parsed<Vec<StatusItem>> {
    let mut items = Vec::with_capacity(StatusItem::ALL.len());
    b'('.parse_next(input)?;
    loop {
        let name = word(input)?;
        let known = StatusItem::ALL.into_iter().find(|item| item.as_str().as_bytes() == name.as_bytes());
        let Some(item) = known else {
            return fail(
                "STATUS knows MESSAGES, UIDNEXT, UIDVALIDITY, UNSEEN, DELETED, DELETED-STORAGE, SIZE, RECENT, \
                 HIGHESTMODSEQ and MAILBOXID",
            );
        };
        if !items.contains(&item) {
            items.push(item);
        }
        match any.parse_next(input)? {
            b' ' => {}
            b')' => return Ok(items),
            _ => return Err(Help(None)),
        }
    }
}
