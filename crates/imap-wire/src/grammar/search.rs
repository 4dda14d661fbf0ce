//! SEARCH (RFC 9051 section 6.4.4, RFC 3501 section 6.4.4, RFC 4731, RFC 5032, RFC 7162, RFC 8474).

use super::message::keyword;
use super::token::{
    Explain, Help, Input, Parsed, Word, astring, fail, list, number, number64, peek, space, utf8, word,
};
use crate::command::CommandBody;
use crate::date::date;
use crate::search::{SEARCH_DEPTH, SearchCharset, SearchCommand, SearchKey, SearchReturn};
use crate::sequence::sequence_set;
use postern_types::SystemFlag;

const HELP: &str = "SEARCH needs keys, as in SEARCH UNSEEN FROM \"alice\"";

pub(super) fn search(input: &mut Input<'_>, by_uid: bool) -> Parsed<CommandBody> {
    let mut returns = None;
    let mut charset = SearchCharset::Utf8;
    space(input).help(HELP)?;
    if starts_with_word(input, b"RETURN ") {
        word(input)?;
        space(input)?;
        returns = Some(return_options(input)?);
        space(input).help(HELP)?;
    }
    if starts_with_word(input, b"CHARSET ") {
        word(input)?;
        space(input)?;
        charset = named_charset(input)?;
        space(input).help(HELP)?;
    }
    let mut keys = vec![key(input, &charset, 0).help(HELP)?];
    while peek(input) == Some(b' ') {
        space(input)?;
        keys.push(key(input, &charset, 0).help(HELP)?);
    }
    let key = one_or_and(keys);
    Ok(CommandBody::Search(SearchCommand { by_uid, returns, charset, key }))
}

fn starts_with_word(input: &Input<'_>, name: &[u8]) -> bool {
    input.input.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
}

fn one_or_and(mut keys: Vec<SearchKey>) -> SearchKey {
    match keys.len() {
        1 => keys.remove(0),
        _ => SearchKey::And(keys),
    }
}

/// `(MIN MAX ALL COUNT SAVE)`; nothing in it means ALL (RFC 9051 section 6.4.4).
fn return_options(input: &mut Input<'_>) -> Parsed<SearchReturn> {
    let mut returns = SearchReturn::default();
    let option = |input: &mut Input<'_>| {
        match word(input)?.as_bytes() {
            b"MIN" => returns.min = true,
            b"MAX" => returns.max = true,
            b"ALL" => returns.all = true,
            b"COUNT" => returns.count = true,
            b"SAVE" => returns.save = true,
            _ => return Err(Help(None)),
        }
        Ok(())
    };
    let written = list(input, 0, option)
        .help("SEARCH returns MIN, MAX, ALL, COUNT and SAVE, as in SEARCH RETURN (COUNT) UNSEEN")?;
    if written.is_empty() {
        returns.all = true;
    }
    Ok(returns)
}

fn named_charset(input: &mut Input<'_>) -> Parsed<SearchCharset> {
    let name = astring(input).help("CHARSET needs a name, as in CHARSET UTF-8")?;
    let known = name.eq_ignore_ascii_case(b"UTF-8") || name.eq_ignore_ascii_case(b"US-ASCII");
    Ok(if known { SearchCharset::Utf8 } else { SearchCharset::Unsupported })
}

fn key(input: &mut Input<'_>, charset: &SearchCharset, depth: usize) -> Parsed<SearchKey> {
    if depth > SEARCH_DEPTH {
        return fail("SEARCH is nested too deeply; NOT, OR and parentheses go 32 levels deep");
    }
    match peek(input) {
        Some(b'(') => list(input, 1, |input| key(input, charset, depth + 1)).map(one_or_and),
        Some(b'0'..=b'9' | b'*' | b'$') => sequence_set(input).map(SearchKey::Set),
        _ => {
            let name = word(input)?;
            named_key(input, &name, charset, depth)
        }
    }
}

fn named_key(input: &mut Input<'_>, name: &Word, charset: &SearchCharset, depth: usize) -> Parsed<SearchKey> {
    if let Some(key) = bare_key(name) {
        return Ok(key);
    }
    if !takes_argument(name) {
        return fail("SEARCH has a key that this server does not know");
    }
    space(input).help("A search key lacks its argument, as in FROM \"alice\" or SINCE 1-Feb-1994")?;
    argument_key(input, name, charset, depth)
        .help("A search key lacks its argument, as in FROM \"alice\" or SINCE 1-Feb-1994")
}

fn bare_key(name: &Word) -> Option<SearchKey> {
    use SearchKey::{Has, Lacks};
    Some(match name.as_bytes() {
        // Every mailbox here keeps when its messages came into it (RFC 8514 section 4.3).
        b"ALL" | b"SAVEDATESUPPORTED" => SearchKey::All,
        b"ANSWERED" => Has(SystemFlag::Answered),
        b"DELETED" => Has(SystemFlag::Deleted),
        b"DRAFT" => Has(SystemFlag::Draft),
        b"FLAGGED" => Has(SystemFlag::Flagged),
        b"SEEN" => Has(SystemFlag::Seen),
        b"UNANSWERED" => Lacks(SystemFlag::Answered),
        b"UNDELETED" => Lacks(SystemFlag::Deleted),
        b"UNDRAFT" => Lacks(SystemFlag::Draft),
        b"UNFLAGGED" => Lacks(SystemFlag::Flagged),
        b"UNSEEN" => Lacks(SystemFlag::Seen),
        b"NEW" => SearchKey::New,
        b"OLD" => SearchKey::Old,
        b"RECENT" => SearchKey::Recent,
        _ => return None,
    })
}

const WITH_ARGUMENT: [&[u8]; 29] = [
    b"BCC",
    b"BEFORE",
    b"BODY",
    b"CC",
    b"EMAILID",
    b"FROM",
    b"HEADER",
    b"KEYWORD",
    b"LARGER",
    b"MODSEQ",
    b"NOT",
    b"OLDER",
    b"ON",
    b"OR",
    b"SAVEDBEFORE",
    b"SAVEDON",
    b"SAVEDSINCE",
    b"SENTBEFORE",
    b"SENTON",
    b"SENTSINCE",
    b"SINCE",
    b"SMALLER",
    b"SUBJECT",
    b"TEXT",
    b"THREADID",
    b"TO",
    b"UID",
    b"UNKEYWORD",
    b"YOUNGER",
];

fn takes_argument(name: &Word) -> bool {
    WITH_ARGUMENT.contains(&name.as_bytes())
}

fn argument_key(input: &mut Input<'_>, name: &Word, charset: &SearchCharset, depth: usize) -> Parsed<SearchKey> {
    Ok(match name.as_bytes() {
        b"BCC" => SearchKey::Bcc(term(input, charset)?),
        b"CC" => SearchKey::Cc(term(input, charset)?),
        b"FROM" => SearchKey::From(term(input, charset)?),
        b"TO" => SearchKey::To(term(input, charset)?),
        b"SUBJECT" => SearchKey::Subject(term(input, charset)?),
        b"BODY" => SearchKey::Body(term(input, charset)?),
        b"TEXT" => SearchKey::Text(term(input, charset)?),
        b"HEADER" => {
            let name = term(input, charset)?;
            space(input)?;
            SearchKey::Header { name, value: term(input, charset)? }
        }
        b"KEYWORD" => SearchKey::HasKeyword(keyword(input)?),
        b"UNKEYWORD" => SearchKey::LacksKeyword(keyword(input)?),
        b"BEFORE" => SearchKey::Before(date(input)?),
        b"ON" => SearchKey::On(date(input)?),
        b"SINCE" => SearchKey::Since(date(input)?),
        b"SENTBEFORE" => SearchKey::SentBefore(date(input)?),
        b"SENTON" => SearchKey::SentOn(date(input)?),
        b"SENTSINCE" => SearchKey::SentSince(date(input)?),
        b"SAVEDBEFORE" => SearchKey::SavedBefore(date(input)?),
        b"SAVEDON" => SearchKey::SavedOn(date(input)?),
        b"SAVEDSINCE" => SearchKey::SavedSince(date(input)?),
        b"LARGER" => SearchKey::Larger(number64(input)?),
        b"SMALLER" => SearchKey::Smaller(number64(input)?),
        b"OLDER" => SearchKey::Older(interval(input)?),
        b"YOUNGER" => SearchKey::Younger(interval(input)?),
        b"EMAILID" => SearchKey::EmailId(object_id(input)?),
        b"THREADID" => SearchKey::ThreadId(object_id(input)?),
        b"UID" => SearchKey::Uid(sequence_set(input)?),
        b"MODSEQ" => SearchKey::ModSeq(mod_seq(input)?),
        b"NOT" => SearchKey::Not(Box::new(key(input, charset, depth + 1)?)),
        b"OR" => {
            let first = key(input, charset, depth + 1)?;
            space(input).help("OR needs two keys, as in OR SEEN FLAGGED")?;
            SearchKey::Or(Box::new((first, key(input, charset, depth + 1)?)))
        }
        _ => return Err(Help(None)),
    })
}

/// A string to look for. In a charset we do not know it stays a guess; the answer will
/// be BADCHARSET, and for that the command must have been read to its end.
fn term(input: &mut Input<'_>, charset: &SearchCharset) -> Parsed<String> {
    let bytes = astring(input)?;
    match charset {
        SearchCharset::Utf8 => utf8(bytes),
        SearchCharset::Unsupported => Ok(String::from_utf8_lossy(&bytes).into_owned()),
    }
}

/// objectid (RFC 8474 section 7): case counts.
fn object_id(input: &mut Input<'_>) -> Parsed<String> {
    let id = utf8(astring(input)?)?;
    let fits = (1..=255).contains(&id.len());
    if fits && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')) {
        Ok(id)
    } else {
        fail("An object id has 1 to 255 letters, digits, _ and -")
    }
}

/// nz-number of seconds (RFC 5032 section 3).
fn interval(input: &mut Input<'_>) -> Parsed<u32> {
    match number(input)? {
        0 => fail("OLDER and YOUNGER count seconds from 1"),
        seconds => Ok(seconds),
    }
}

/// `MODSEQ ["/flags/\\draft" all] 12`: which metadata a modseq is of (RFC 7162 section
/// 3.1.5) makes no difference to a server that has one for each message.
fn mod_seq(input: &mut Input<'_>) -> Parsed<u64> {
    if peek(input) == Some(b'"') {
        astring(input)?;
        space(input)?;
        if !matches!(word(input)?.as_bytes(), b"PRIV" | b"SHARED" | b"ALL") {
            return fail("MODSEQ takes priv, shared or all after an entry name");
        }
        space(input)?;
    }
    number64(input)
}
