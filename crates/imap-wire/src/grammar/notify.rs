//! NOTIFY (RFC 5465 section 8).
//!
//! Its examples leave out parentheses around events, and MessageExpunge beside MessageNew; the first is corrected by
//! erratum 1804, and for the second section 5 asks for BAD.

use super::fetch::item_list;
use super::token::{Explain, Input, Parsed, atom, fail, list, mailbox, peek, space, word};
use crate::command::CommandBody;
use crate::fetch::FetchItem;
use crate::notify::{EventGroup, MailboxFilter, NotifyEvents, NotifySet, SelectedEvents};
use winnow::prelude::*;

const HELP: &str =
    "NOTIFY needs NONE or a set, as in NOTIFY SET (selected (MessageNew MessageExpunge)) (personal (MailboxName))";
const FILTER: &str =
    "NOTIFY watches SELECTED, SELECTED-DELAYED, INBOXES, PERSONAL, SUBSCRIBED, SUBTREE and MAILBOXES with names";
const EVENTS: &str = "Events stand in parentheses, as in (MessageNew MessageExpunge), or are NONE";
const PAIR: &str = "MessageNew and MessageExpunge go together, and FlagChange goes with both (RFC 5465 section 5)";
const ONE_SELECTED: &str = "The selected mailbox is named once, by SELECTED or by SELECTED-DELAYED";
const OF_MESSAGES: &str = "Of the selected mailbox only events of messages are told (RFC 5465 section 6.1)";
const ITEMS: &str = "What is fetched of new messages goes with SELECTED alone (RFC 5465 section 8)";

/// Groups in one NOTIFY, at most: each is compared with every mailbox.
const GROUPS: usize = 100;

pub(super) fn notify(input: &mut Input<'_>) -> Parsed<CommandBody> {
    space(input).help(HELP)?;
    match word(input).help(HELP)?.as_bytes() {
        b"NONE" => Ok(CommandBody::Notify(None)),
        b"SET" => Ok(CommandBody::Notify(Some(set(input).help(HELP)?))),
        _ => fail(HELP),
    }
}

fn set(input: &mut Input<'_>) -> Parsed<NotifySet> {
    let mut set = NotifySet::default();
    space(input)?;
    if peek(input) != Some(b'(') {
        match word(input)?.as_bytes() {
            b"STATUS" => set.status = true,
            _ => return fail(HELP),
        }
        space(input)?;
    }
    let mut has_selected = false;
    loop {
        group(input, &mut set, &mut has_selected)?;
        if set.groups.len() > GROUPS {
            return fail("NOTIFY takes at most 100 groups");
        }
        if peek(input) != Some(b' ') {
            return Ok(set);
        }
        space(input)?;
    }
}

fn group(input: &mut Input<'_>, set: &mut NotifySet, has_selected: &mut bool) -> Parsed<()> {
    b'('.parse_next(input)?;
    let filter = match word(input).help(FILTER)?.as_bytes() {
        name @ (b"SELECTED" | b"SELECTED-DELAYED") => {
            if std::mem::replace(has_selected, true) {
                return fail(ONE_SELECTED);
            }
            let delayed = name == b"SELECTED-DELAYED";
            let named = events(input)?;
            set.unsupported |= named.unknown;
            set.selected = selected(named, delayed)?;
            return b')'.void().parse_next(input);
        }
        b"INBOXES" => MailboxFilter::Inboxes,
        b"PERSONAL" => MailboxFilter::Personal,
        b"SUBSCRIBED" => MailboxFilter::Subscribed,
        b"SUBTREE" => MailboxFilter::Subtree(names(input)?),
        b"MAILBOXES" => MailboxFilter::Mailboxes(names(input)?),
        _ => return fail(FILTER),
    };
    let named = events(input)?;
    if named.items.is_some() {
        return fail(ITEMS);
    }
    set.unsupported |= named.unknown;
    set.groups.push(EventGroup { filter, events: named.events()? });
    b')'.void().parse_next(input)
}

fn names(input: &mut Input<'_>) -> Parsed<Vec<String>> {
    const NAMES: &str = "SUBTREE and MAILBOXES need names, as in (mailboxes (INBOX Sent) (MessageNew MessageExpunge))";
    space(input).help(NAMES)?;
    match peek(input) {
        Some(b'(') => list(input, 1, mailbox).help(NAMES),
        _ => Ok(vec![mailbox(input).help(NAMES)?]),
    }
}

/// Events as they are named.
#[derive(Default)]
struct Named {
    new: bool,
    expunged: bool,
    flags: bool,
    names: bool,
    subscriptions: bool,
    unknown: bool,
    items: Option<Vec<FetchItem>>,
}

impl Named {
    fn events(&self) -> Parsed<NotifyEvents> {
        // Where something is unknown the answer is NO, whatever stands beside it.
        if !self.unknown && (self.new != self.expunged || (self.flags && !self.new)) {
            return fail(PAIR);
        }
        let (names, subscriptions) = (self.names, self.subscriptions);
        Ok(NotifyEvents { messages: self.new, flags: self.flags, names, subscriptions })
    }
}

fn selected(named: Named, delayed: bool) -> Parsed<Option<SelectedEvents>> {
    let events = named.events()?;
    if events.names || events.subscriptions {
        return fail(OF_MESSAGES);
    }
    let selected = SelectedEvents { delayed, flags: events.flags, items: named.items.unwrap_or_default() };
    Ok(events.messages.then_some(selected))
}

fn events(input: &mut Input<'_>) -> Parsed<Named> {
    let mut named = Named::default();
    space(input).help(EVENTS)?;
    if peek(input) != Some(b'(') {
        return match word(input).help(EVENTS)?.as_bytes() {
            b"NONE" => Ok(named),
            _ => fail(EVENTS),
        };
    }
    list(input, 1, |input| event(input, &mut named)).help(EVENTS)?;
    Ok(named)
}

fn event(input: &mut Input<'_>, named: &mut Named) -> Parsed<()> {
    match atom(input)?.to_ascii_uppercase().as_str() {
        "MESSAGENEW" => {
            named.new = true;
            if input.input.starts_with(b" (") {
                space(input)?;
                named.items = Some(item_list(input)?);
            }
        }
        "MESSAGEEXPUNGE" => named.expunged = true,
        "FLAGCHANGE" => named.flags = true,
        "MAILBOXNAME" => named.names = true,
        "SUBSCRIPTIONCHANGE" => named.subscriptions = true,
        _ => named.unknown = true,
    }
    Ok(())
}
