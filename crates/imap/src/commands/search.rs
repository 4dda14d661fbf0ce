//! SEARCH and UID SEARCH (RFC 9051 section 6.4.4, RFC 3501 section 6.4.4), with ESEARCH
//! (RFC 4731) and saved results (RFC 5182), both part of IMAP4rev2.

use crate::answer::{Completion, Handled, Stop};
use crate::connection::{Client, Work};
use crate::keys::Keys;
use crate::selected::Selected;
use postern_imap_wire::{Encoder, Esearch, ResponseCode, SearchCharset, SearchCommand, SearchReturn, Tag};
use postern_types::{ModSeq, Uid};

pub(crate) async fn run(client: &mut Client, tag: &Tag, search: SearchCommand) -> Handled {
    if search.key.asks_for_changes() {
        client.use_modseqs()?;
    }
    let Work { house, session, selected, out, rev2, .. } = client.work()?;
    let saves = search.returns.is_some_and(|returns| returns.save);
    let found = match find(house, session, selected, &search).await {
        Ok(found) => found,
        Err(stop) => {
            // RFC 5182 section 2.1: after NO there is an empty result; after BAD the one
            // before.
            let no = !matches!(&stop, Stop::Answer(completion) if completion.status == postern_imap_wire::Status::Bad);
            if saves && no {
                selected.saved.clear();
            }
            return Err(stop);
        }
    };
    let changes = search.key.asks_for_changes().then_some(found.as_slice());
    if let Some(shown) = changes.and_then(|found| highest(found, ALL)) {
        selected.note_shown(shown);
    }
    let uids: Vec<Uid> = found.iter().map(|(uid, _)| *uid).collect();
    if let Some(returns) = search.returns.filter(|returns| returns.save) {
        selected.saved = kept(&uids, returns);
    }
    let numbers: Vec<u32> = if search.by_uid {
        uids.iter().map(|uid| uid.get()).collect()
    } else {
        uids.iter().filter_map(|uid| selected.messages.number(*uid)).collect()
    };
    let mut reply = Encoder::new(out, rev2);
    match search.returns {
        None if !rev2 => reply.search(&numbers, changes.and_then(|found| highest(found, ALL))),
        None => reply.esearch(&esearch(tag, search.by_uid, ALL, &numbers, changes)),
        Some(returns) if asks(returns) => {
            reply.esearch(&esearch(tag, search.by_uid, returns, &numbers, changes));
        }
        // SAVE alone answers nothing (RFC 5182 section 2.1).
        Some(_) => {}
    }
    Ok(Completion::ok("Done"))
}

async fn find(
    house: &postern_app::House,
    session: &postern_app::Session,
    selected: &Selected,
    search: &SearchCommand,
) -> Result<Vec<(Uid, ModSeq)>, Stop> {
    if search.charset == SearchCharset::Unsupported {
        let code = ResponseCode::BadCharset(&["US-ASCII", "UTF-8"]);
        return Err(Completion::no(code, "Search text is US-ASCII or UTF-8 here").into());
    }
    let mut keys = Keys::new(&selected.messages, &selected.saved, house.now());
    let criterion = keys.criterion(&search.key)?;
    let uids = keys.candidates(&criterion);
    if uids.is_empty() {
        house.may_still_read(session, selected.mailbox).await?;
        return Ok(Vec::new());
    }
    Ok(house.search(session, selected.mailbox, &uids, criterion).await?)
}

fn asks(returns: SearchReturn) -> bool {
    returns.min || returns.max || returns.all || returns.count
}

/// What is answered where nothing else is asked for.
const ALL: SearchReturn = SearchReturn { min: false, max: false, all: true, count: false, save: false };

/// The highest modification sequence of what is told: with MIN or MAX and neither ALL nor COUNT, of those alone (RFC
/// 4731 section 3.2).
fn highest(found: &[(Uid, ModSeq)], returns: SearchReturn) -> Option<ModSeq> {
    let of = |one: Option<&(Uid, ModSeq)>| one.map(|(_, modseq)| *modseq);
    if returns.all || returns.count || !(returns.min || returns.max) {
        return found.iter().map(|(_, modseq)| *modseq).max();
    }
    let min = of(found.first()).filter(|_| returns.min);
    min.max(of(found.last()).filter(|_| returns.max))
}

fn esearch<'a>(
    tag: &'a Tag,
    by_uid: bool,
    returns: SearchReturn,
    numbers: &'a [u32],
    changes: Option<&[(Uid, ModSeq)]>,
) -> Esearch<'a> {
    Esearch {
        tag,
        by_uid,
        min: numbers.first().copied().filter(|_| returns.min),
        max: numbers.last().copied().filter(|_| returns.max),
        all: returns.all.then_some(numbers),
        // There are no more of them than UIDs.
        count: returns.count.then_some(numbers.len() as u32),
        mod_seq: changes.and_then(|found| highest(found, returns)),
    }
}

/// What SAVE keeps: with MIN or MAX and neither ALL nor COUNT, only what these found (RFC
/// 5182 section 2.4).
fn kept(found: &[Uid], returns: SearchReturn) -> Vec<Uid> {
    if returns.all || returns.count || !(returns.min || returns.max) {
        return found.to_vec();
    }
    let min = found.first().filter(|_| returns.min);
    let max = found.last().filter(|_| returns.max);
    let mut kept: Vec<Uid> = min.into_iter().chain(max).copied().collect();
    kept.dedup();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5182 section 2.4.
    #[test]
    fn save_keeps_what_the_other_options_ask_for() {
        let uids: Vec<Uid> = [3, 5, 9].into_iter().filter_map(Uid::new).collect();
        let options = |min, max, all, count| SearchReturn { min, max, all, count, save: true };
        let keeps = |returns| kept(&uids, returns).iter().map(|uid| uid.get()).collect::<Vec<_>>();
        assert_eq!(keeps(options(false, false, false, false)), [3, 5, 9]);
        assert_eq!(keeps(options(true, false, false, false)), [3]);
        assert_eq!(keeps(options(true, true, false, false)), [3, 9]);
        assert_eq!(keeps(options(true, false, true, false)), [3, 5, 9]);
        assert_eq!(keeps(options(false, true, false, true)), [3, 5, 9]);
        assert_eq!(kept(&uids[..1], options(true, true, false, false)), uids[..1]);
        assert!(!asks(options(false, false, false, false)) && asks(options(false, false, false, true)));
    }
}
