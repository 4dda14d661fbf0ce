//! LIST and LSUB (RFC 9051 section 6.3.9, RFC 3501 sections 6.3.8 and 6.3.9), with the
//! options of RFC 5258, RFC 5819 (STATUS), RFC 6154 (SPECIAL-USE) and RFC 8440 (MYRIGHTS).

use super::manage::status_items;
use super::token::{Explain, Help, Input, Parsed, fail, is_astring_char, mailbox, peek, space, string, word};
use crate::command::{CommandBody, ListCommand, ListReturn, ListSelection};
use crate::mailbox::decode_mailbox;
use std::borrow::Cow;
use winnow::prelude::*;
use winnow::token::take_while;

/// Patterns in one LIST, at most: each is matched against every mailbox.
const PATTERNS: usize = 100;

pub(super) fn list(input: &mut Input<'_>) -> Parsed<CommandBody> {
    const HELP: &str = "LIST needs a reference and a pattern, as in LIST \"\" *";
    let mut command = ListCommand::default();
    space(input).help(HELP)?;
    if peek(input) == Some(b'(') {
        command.extended = true;
        command.selection = selection(input)?;
        space(input).help(HELP)?;
    }
    command.reference = mailbox(input).help(HELP)?;
    space(input).help(HELP)?;
    if peek(input) == Some(b'(') {
        command.extended = true;
        command.patterns = super::token::list(input, 1, pattern).help(HELP)?;
        if command.patterns.len() > PATTERNS {
            return fail("LIST takes at most 100 patterns");
        }
    } else {
        command.patterns = vec![pattern(input).help(HELP)?];
    }
    if peek(input) == Some(b' ') {
        space(input)?;
        command.extended = true;
        command.returns = returns(input)?;
    }
    Ok(CommandBody::List(command))
}

pub(super) fn lsub(input: &mut Input<'_>) -> Parsed<CommandBody> {
    const HELP: &str = "LSUB needs a reference and a pattern, as in LSUB \"\" *";
    space(input).help(HELP)?;
    let reference = mailbox(input).help(HELP)?;
    space(input).help(HELP)?;
    let pattern = pattern(input).help(HELP)?;
    Ok(CommandBody::Lsub { reference, pattern })
}

/// list-mailbox: as astring, with `%` and `*` among the characters of an atom.
fn pattern(input: &mut Input<'_>) -> Parsed<String> {
    let utf8 = input.state.utf8;
    let wire = match peek(input) {
        Some(b'"' | b'{') => string(input)?,
        _ => Cow::Borrowed(take_while(1.., |b: u8| is_astring_char(b) || matches!(b, b'%' | b'*')).parse_next(input)?),
    };
    decode_mailbox(&wire, utf8).map_err(|error| Help(Some(error.text())))
}

fn selection(input: &mut Input<'_>) -> Parsed<ListSelection> {
    let mut selection = ListSelection::default();
    let option = |input: &mut Input<'_>| {
        match word(input)?.as_bytes() {
            b"SUBSCRIBED" => selection.subscribed = true,
            b"REMOTE" => selection.remote = true,
            b"RECURSIVEMATCH" => selection.recursive_match = true,
            b"SPECIAL-USE" => selection.special_use = true,
            _ => return Err(Help(None)),
        }
        Ok(())
    };
    super::token::list(input, 0, option)
        .help("LIST selects by SUBSCRIBED, REMOTE, RECURSIVEMATCH and SPECIAL-USE, as in LIST (SUBSCRIBED) \"\" *")?;
    // RFC 5258 section 3.1: RECURSIVEMATCH modifies another option and can not be alone.
    if selection.recursive_match && !selection.subscribed && !selection.special_use {
        return fail("RECURSIVEMATCH needs an option to match by, as in (SUBSCRIBED RECURSIVEMATCH)");
    }
    Ok(selection)
}

fn returns(input: &mut Input<'_>) -> Parsed<ListReturn> {
    const HELP: &str = "LIST returns SUBSCRIBED, CHILDREN, SPECIAL-USE, MYRIGHTS and STATUS (...), as in LIST \"\" * RETURN (CHILDREN)";
    if word(input).help(HELP)?.as_bytes() != b"RETURN" {
        return fail(HELP);
    }
    space(input).help(HELP)?;
    let mut returns = ListReturn::default();
    let option = |input: &mut Input<'_>| {
        match word(input)?.as_bytes() {
            b"SUBSCRIBED" => returns.subscribed = true,
            b"CHILDREN" => returns.children = true,
            b"SPECIAL-USE" => returns.special_use = true,
            b"MYRIGHTS" => returns.my_rights = true,
            b"STATUS" => {
                space(input)?;
                returns.status = status_items(input)?;
            }
            _ => return Err(Help(None)),
        }
        Ok(())
    };
    super::token::list(input, 0, option).help(HELP)?;
    Ok(returns)
}
