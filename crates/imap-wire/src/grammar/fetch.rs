//! FETCH (RFC 9051 section 6.4.5, RFC 3501 section 6.4.5, RFC 3516, RFC 8970, RFC 7162, RFC 8474).

use super::token::{Explain, Help, Input, Parsed, fail, list, number, number64, peek, space, text, word};
use crate::command::CommandBody;
use crate::fetch::{FetchCommand, FetchItem, Partial, Section, SectionText};
use crate::sequence::sequence_set;
use winnow::prelude::*;
use winnow::token::any;

/// Items in one FETCH, at most. Each is kept once, and comparing them costs their square.
const ITEMS: usize = 256;
/// Levels of a part number, at most: far more than is parsed of any message.
const PART_LEVELS: usize = 256;

const UNKNOWN_ITEM: &str =
    "FETCH knows FLAGS, UID, ENVELOPE, INTERNALDATE, BODY, BODYSTRUCTURE, BODY[...], RFC822.SIZE and others";
const SECTION: &str =
    "A section is written as in BODY[], BODY[1.2], BODY[HEADER.FIELDS (Subject)] or BODY[TEXT]<0.100>";

pub(super) fn fetch(input: &mut Input<'_>, by_uid: bool) -> Parsed<CommandBody> {
    const HELP: &str = "FETCH needs a sequence set and items, as in FETCH 1:5 FLAGS";
    space(input).help("FETCH needs a sequence set, as in FETCH 1:5 FLAGS")?;
    let set = sequence_set(input).help("FETCH needs a sequence set, as in FETCH 1:5 FLAGS")?;
    space(input).help(HELP)?;
    let items = items(input).help(HELP)?;
    let mut fetch = FetchCommand { by_uid, set, items, changed_since: None, vanished: false };
    if peek(input) == Some(b' ') {
        space(input)?;
        modifiers(input, &mut fetch)?;
    }
    Ok(CommandBody::Fetch(fetch))
}

fn items(input: &mut Input<'_>) -> Parsed<Vec<FetchItem>> {
    use FetchItem::{Body, Envelope, Flags, InternalDate, Rfc822Size};
    if peek(input) == Some(b'(') {
        return item_list(input);
    }
    // Macros stand alone, never in a list (RFC 9051 section 6.4.5).
    let start = *input;
    let name = word(input)?;
    match name.as_bytes() {
        b"FAST" => Ok(vec![Flags, InternalDate, Rfc822Size]),
        b"ALL" => Ok(vec![Flags, InternalDate, Rfc822Size, Envelope]),
        b"FULL" => Ok(vec![Flags, InternalDate, Rfc822Size, Envelope, Body]),
        _ => {
            *input = start;
            Ok(vec![item(input)?])
        }
    }
}

/// Items in parentheses, each once.
pub(super) fn item_list(input: &mut Input<'_>) -> Parsed<Vec<FetchItem>> {
    let mut items: Vec<FetchItem> = Vec::with_capacity(8);
    list(input, 1, |input| {
        let item = item(input)?;
        if items.len() == ITEMS {
            return fail("FETCH asks for too many items at once");
        }
        if !items.contains(&item) {
            items.push(item);
        }
        Ok(())
    })?;
    Ok(items)
}

fn item(input: &mut Input<'_>) -> Parsed<FetchItem> {
    let name = word(input)?;
    let bracket = peek(input) == Some(b'[');
    Ok(match name.as_bytes() {
        b"BODY" if bracket => body_section(input, false)?,
        b"BODY.PEEK" if bracket => body_section(input, true)?,
        b"BINARY" if bracket => binary(input, false)?,
        b"BINARY.PEEK" if bracket => binary(input, true)?,
        b"BINARY.SIZE" if bracket => FetchItem::BinarySize { part: binary_part(input)? },
        b"ENVELOPE" => FetchItem::Envelope,
        b"FLAGS" => FetchItem::Flags,
        b"INTERNALDATE" => FetchItem::InternalDate,
        b"UID" => FetchItem::Uid,
        b"BODY" => FetchItem::Body,
        b"BODYSTRUCTURE" => FetchItem::BodyStructure,
        b"RFC822" => FetchItem::Rfc822,
        b"RFC822.HEADER" => FetchItem::Rfc822Header,
        b"RFC822.TEXT" => FetchItem::Rfc822Text,
        b"RFC822.SIZE" => FetchItem::Rfc822Size,
        b"MODSEQ" => FetchItem::ModSeq,
        b"SAVEDATE" => FetchItem::SaveDate,
        b"EMAILID" => FetchItem::EmailId,
        b"THREADID" => FetchItem::ThreadId,
        b"PREVIEW" => FetchItem::Preview { lazy: lazy(input)? },
        b"ALL" | b"FAST" | b"FULL" => return fail("ALL, FAST and FULL stand alone, as in FETCH 1:5 FAST"),
        _ => return fail(UNKNOWN_ITEM),
    })
}

/// `(LAZY)` after PREVIEW (RFC 8970 section 3.1).
fn lazy(input: &mut Input<'_>) -> Parsed<bool> {
    const HELP: &str = "PREVIEW knows the modifier LAZY only, as in PREVIEW (LAZY)";
    if !input.input.starts_with(b" (") {
        return Ok(false);
    }
    // In `FETCH 1 PREVIEW (CHANGEDSINCE 3)` the parentheses belong to FETCH.
    if !input.input.get(2..7).is_some_and(|name| name.eq_ignore_ascii_case(b"LAZY)")) {
        return Ok(false);
    }
    space(input)?;
    list(input, 1, word).help(HELP)?;
    Ok(true)
}

fn body_section(input: &mut Input<'_>, peek: bool) -> Parsed<FetchItem> {
    let section = section(input).help(SECTION)?;
    let partial = partial(input)?;
    Ok(FetchItem::BodySection { section, partial, peek })
}

fn binary(input: &mut Input<'_>, peek: bool) -> Parsed<FetchItem> {
    let part = binary_part(input)?;
    let partial = partial(input)?;
    Ok(FetchItem::Binary { part, partial, peek })
}

/// section: `[` section-spec `]`.
fn section(input: &mut Input<'_>) -> Parsed<Section> {
    b'['.parse_next(input)?;
    let mut part = Vec::new();
    let mut text = SectionText::Whole;
    loop {
        match peek(input) {
            Some(b'0'..=b'9') => {
                part.push(part_number(input, part.len())?);
                match peek(input) {
                    Some(b'.') => any.void().parse_next(input)?,
                    _ => break,
                }
            }
            Some(b']') if part.is_empty() => break,
            _ => {
                text = section_text(input, part.is_empty())?;
                break;
            }
        }
    }
    b']'.parse_next(input)?;
    Ok(Section { part, text })
}

fn section_text(input: &mut Input<'_>, top: bool) -> Parsed<SectionText> {
    Ok(match word(input)?.as_bytes() {
        b"HEADER" => SectionText::Header,
        b"TEXT" => SectionText::Text,
        b"MIME" if !top => SectionText::Mime,
        b"MIME" => return fail("MIME needs a part, as in BODY[1.MIME]"),
        b"HEADER.FIELDS" => SectionText::HeaderFields { names: header_names(input)?, not: false },
        b"HEADER.FIELDS.NOT" => SectionText::HeaderFields { names: header_names(input)?, not: true },
        _ => return Err(Help(None)),
    })
}

/// Names of header fields. The answer repeats them, so line ends can not stand in them.
fn header_names(input: &mut Input<'_>) -> Parsed<Vec<String>> {
    space(input)?;
    list(input, 1, |input| {
        let name = text(input)?;
        if name.bytes().any(|b| !(b' '..=b'~').contains(&b)) {
            return fail("A header field name is printable US-ASCII (RFC 5322 section 2.2)");
        }
        Ok(name)
    })
}

fn part_number(input: &mut Input<'_>, level: usize) -> Parsed<u32> {
    match number(input)? {
        0 => fail("Parts are counted from 1"),
        _ if level == PART_LEVELS => fail("The part number has too many levels"),
        number => Ok(number),
    }
}

/// section-binary: part numbers only.
fn binary_part(input: &mut Input<'_>) -> Parsed<Vec<u32>> {
    let section = section(input).help("BINARY takes part numbers, as in BINARY[1.2]")?;
    if section.text == SectionText::Whole {
        Ok(section.part)
    } else {
        fail("BINARY takes part numbers, as in BINARY[1.2]")
    }
}

/// `<offset.count>`
fn partial(input: &mut Input<'_>) -> Parsed<Option<Partial>> {
    const HELP: &str = "A partial fetch is written as BODY[]<0.2048>: first byte, then how many";
    if peek(input) != Some(b'<') {
        return Ok(None);
    }
    any.void().parse_next(input)?;
    let offset = number64(input).help(HELP)?;
    b'.'.parse_next(input).help(HELP)?;
    let count = number64(input).help(HELP)?;
    b'>'.parse_next(input).help(HELP)?;
    if count == 0 { fail("A partial fetch takes at least one byte") } else { Ok(Some(Partial { offset, count })) }
}

/// `(CHANGEDSINCE 12 VANISHED)` (RFC 7162 sections 3.1.4.1 and 3.2.6).
fn modifiers(input: &mut Input<'_>, fetch: &mut FetchCommand) -> Parsed<()> {
    const HELP: &str = "FETCH knows the modifiers CHANGEDSINCE and VANISHED, as in FETCH 1:* FLAGS (CHANGEDSINCE 12)";
    list(input, 1, |input| {
        match word(input)?.as_bytes() {
            b"CHANGEDSINCE" => {
                space(input)?;
                fetch.changed_since = Some(number64(input)?);
            }
            b"VANISHED" => fetch.vanished = true,
            _ => return Err(Help(None)),
        }
        Ok(())
    })
    .help(HELP)?;
    if fetch.vanished && (!fetch.by_uid || fetch.changed_since.is_none()) {
        return fail("VANISHED stands in UID FETCH with CHANGEDSINCE only (RFC 7162 section 3.2.6)");
    }
    Ok(())
}
