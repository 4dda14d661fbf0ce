//! Commands about the session itself: LOGIN, AUTHENTICATE, ENABLE (RFC 9051 sections
//! 6.2.2, 6.2.3 and 6.3.1), COMPRESS (RFC 4978 section 3), ID (RFC 2971 section 3.1).

use super::token::{Explain, Input, Parsed, astring, atom, base64, fail, list, peek, space, string, text, utf8};
use crate::command::CommandBody;
use postern_types::Secret;
use winnow::prelude::*;
use winnow::token::{any, take_while};

/// LOGIN. The password is bytes: what they must be is a matter of the sign-in.
pub(super) fn login(input: &mut Input<'_>) -> Parsed<CommandBody> {
    const HELP: &str = "LOGIN needs a name and a password, as in LOGIN alice@example.org \"secret\"";
    space(input).help(HELP)?;
    let username = text(input).help(HELP)?;
    space(input).help(HELP)?;
    let password = Secret::new(astring(input).help(HELP)?.into_owned());
    Ok(CommandBody::Login { username, password })
}

/// AUTHENTICATE with an initial response (RFC 4959); `=` is the empty one.
pub(super) fn authenticate(input: &mut Input<'_>) -> Parsed<CommandBody> {
    const HELP: &str = "AUTHENTICATE needs a mechanism, as in AUTHENTICATE PLAIN";
    space(input).help(HELP)?;
    let mechanism = atom(input).help(HELP)?.to_ascii_uppercase();
    if peek(input) != Some(b' ') {
        return Ok(CommandBody::Authenticate { mechanism, initial_response: None });
    }
    space(input)?;
    let response: &[u8] = take_while(1.., |b: u8| b.is_ascii_graphic()).parse_next(input).help(HELP)?;
    let decoded = if response == b"=" { Some(Secret::new("")) } else { base64(response) };
    match decoded {
        Some(response) => Ok(CommandBody::Authenticate { mechanism, initial_response: Some(response) }),
        None => fail("The initial response of AUTHENTICATE is not valid base64"),
    }
}

/// ENABLE. A capability may be written like `UTF8=ACCEPT`, which is an atom.
pub(super) fn enable(input: &mut Input<'_>) -> Parsed<CommandBody> {
    const HELP: &str = "ENABLE needs capabilities, as in ENABLE IMAP4rev2";
    let mut capabilities = Vec::new();
    while capabilities.is_empty() || peek(input) == Some(b' ') {
        space(input).help(HELP)?;
        capabilities.push(atom(input).help(HELP)?.to_ascii_uppercase());
    }
    Ok(CommandBody::Enable { capabilities })
}

/// COMPRESS. Which algorithms there are is the session's to say.
pub(super) fn compress(input: &mut Input<'_>) -> Parsed<CommandBody> {
    const HELP: &str = "COMPRESS needs an algorithm, as in COMPRESS DEFLATE";
    space(input).help(HELP)?;
    let algorithm = atom(input).help(HELP)?.to_ascii_uppercase();
    Ok(CommandBody::Compress { algorithm })
}

/// Pairs in ID, at most (RFC 2971 section 3.3).
const ID_PAIRS: usize = 30;

/// ID: NIL or pairs of a string and a string or NIL.
pub(super) fn id(input: &mut Input<'_>) -> Parsed<CommandBody> {
    const HELP: &str = "ID needs NIL or a list, as in ID (\"name\" \"a client\")";
    space(input).help(HELP)?;
    if peek(input) != Some(b'(') {
        nil(input).help(HELP)?;
        return Ok(CommandBody::Id { parameters: Vec::new() });
    }
    let pair = |input: &mut Input<'_>| {
        let field = utf8(string(input)?)?;
        space(input)?;
        let value = if matches!(peek(input), Some(b'"' | b'{')) {
            Some(utf8(string(input)?)?)
        } else {
            nil(input)?;
            None
        };
        Ok((field, value))
    };
    let parameters = list(input, 0, pair).help(HELP)?;
    if parameters.len() > ID_PAIRS {
        return fail("ID takes at most 30 pairs (RFC 2971 section 3.3)");
    }
    Ok(CommandBody::Id { parameters })
}

fn nil(input: &mut Input<'_>) -> Parsed<()> {
    for expected in b"NIL" {
        let byte: u8 = any.parse_next(input)?;
        if !byte.eq_ignore_ascii_case(expected) {
            return Err(super::Help(None));
        }
    }
    Ok(())
}
