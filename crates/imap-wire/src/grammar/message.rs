//! Commands on messages other than FETCH and SEARCH: STORE, COPY, MOVE, UID EXPUNGE
//! (RFC 9051 sections 6.4.6 to 6.4.9), and flags as they are written.

use super::token::{Explain, Help, Input, Parsed, atom, fail, is_atom_char, mailbox, number64, peek, space, word};
use crate::command::{CommandBody, StoreAction, StoreCommand};
use crate::sequence::{SequenceSet, sequence_set};
use postern_types::Flags;
use winnow::prelude::*;
use winnow::token::{any, take_while};

pub(super) fn store(input: &mut Input<'_>, by_uid: bool) -> Parsed<CommandBody> {
    const HELP: &str = "STORE needs a sequence set, an action and flags, as in STORE 1:5 +FLAGS (\\Seen)";
    space(input).help(HELP)?;
    let set = sequence_set(input).help(HELP)?;
    space(input).help(HELP)?;
    let unchanged_since = if peek(input) == Some(b'(') { Some(unchanged_since(input)?) } else { None };
    let action = match peek(input) {
        Some(b'+') => StoreAction::Add,
        Some(b'-') => StoreAction::Remove,
        _ => StoreAction::Replace,
    };
    if action != StoreAction::Replace {
        any.void().parse_next(input)?;
    }
    let silent = match word(input).help(HELP)?.as_bytes() {
        b"FLAGS" => false,
        b"FLAGS.SILENT" => true,
        _ => return fail(HELP),
    };
    space(input).help(HELP)?;
    let flags = if peek(input) == Some(b'(') { flag_list(input).help(HELP)? } else { bare_flags(input).help(HELP)? };
    Ok(CommandBody::Store(StoreCommand { by_uid, set, unchanged_since, action, silent, flags }))
}

/// `(UNCHANGEDSINCE 12) ` (RFC 7162 section 3.1.3).
fn unchanged_since(input: &mut Input<'_>) -> Parsed<u64> {
    const HELP: &str =
        "STORE knows the modifier UNCHANGEDSINCE only, as in STORE 1 (UNCHANGEDSINCE 12) +FLAGS (\\Seen)";
    let modifier = |input: &mut Input<'_>| {
        if word(input)?.as_bytes() != b"UNCHANGEDSINCE" {
            return Err(Help(None));
        }
        space(input)?;
        number64(input)
    };
    let values = super::token::list(input, 1, modifier).help(HELP)?;
    space(input).help(HELP)?;
    match values.as_slice() {
        [value] => Ok(*value),
        _ => fail(HELP),
    }
}

/// flag-list: `(\Seen $Forwarded)`, empty too.
pub(super) fn flag_list(input: &mut Input<'_>) -> Parsed<Flags> {
    let mut flags = Flags::new();
    super::token::list(input, 0, |input| flag(input, &mut flags))?;
    Ok(flags)
}

/// `\Seen $Forwarded`, without parentheses, at least one.
fn bare_flags(input: &mut Input<'_>) -> Parsed<Flags> {
    let mut flags = Flags::new();
    flag(input, &mut flags)?;
    while peek(input) == Some(b' ') {
        space(input)?;
        flag(input, &mut flags)?;
    }
    Ok(flags)
}

/// One flag. `\Recent` is read past: clients copy what FETCH of RFC 3501 showed them, and
/// no one can change it (RFC 3501 section 2.3.2).
fn flag(input: &mut Input<'_>, flags: &mut Flags) -> Parsed<()> {
    let rest = input.input;
    let system = rest.first() == Some(&b'\\');
    if system {
        any.void().parse_next(input)?;
    }
    let name: &[u8] = take_while(1.., is_atom_char).parse_next(input)?;
    if system && name.eq_ignore_ascii_case(b"Recent") {
        return Ok(());
    }
    let written = std::str::from_utf8(&rest[..name.len() + usize::from(system)]).map_err(|_| Help(None))?;
    flags.insert_named(written).map_err(|_| {
        Help(Some("A flag is \\Answered, \\Flagged, \\Deleted, \\Seen, \\Draft or a keyword of up to 100 characters"))
    })
}

/// COPY and MOVE: which messages, where to.
pub(super) fn copy(input: &mut Input<'_>) -> Parsed<(SequenceSet, String)> {
    const HELP: &str = "COPY and MOVE need a sequence set and a mailbox, as in COPY 1:5 Archive";
    space(input).help(HELP)?;
    let set = sequence_set(input).help(HELP)?;
    space(input).help(HELP)?;
    let mailbox = mailbox(input).help(HELP)?;
    Ok((set, mailbox))
}

pub(super) fn uid_expunge(input: &mut Input<'_>) -> Parsed<CommandBody> {
    const HELP: &str = "UID EXPUNGE needs UIDs, as in UID EXPUNGE 3000:3002";
    space(input).help(HELP)?;
    let uids = sequence_set(input).help(HELP)?;
    Ok(CommandBody::UidExpunge { uids })
}

/// A keyword alone, as SEARCH KEYWORD takes it.
pub(super) fn keyword(input: &mut Input<'_>) -> Parsed<postern_types::Keyword> {
    postern_types::Keyword::parse(atom(input)?).map_err(|_| Help(Some("A keyword has up to 100 characters")))
}
