//! What of a change is told, and what is not: RFC 5465 sections 5 and 6, without a house.

use super::*;
use postern_app::{ListedAccount, ListedMailbox};
use postern_types::{AccountId, ModSeq, Rights, UidValidity};

const ALL: NotifyEvents = NotifyEvents { messages: true, flags: true, names: true, subscriptions: true };
const MESSAGES: NotifyEvents = NotifyEvents { messages: true, flags: false, names: false, subscriptions: false };

fn mailbox(account: i64, number: i64) -> MailboxId {
    MailboxId::pack(AccountId::new(account).unwrap(), number).unwrap()
}

/// Mailboxes by number and name, `+` in front: subscribed, `-`: not to be read; `9:` in front is account 9, shared.
fn listing(mailboxes: &[(i64, &str)]) -> Listing {
    let account = |id: i64| ListedAccount {
        account: AccountId::new(id).unwrap(),
        address: if id == 1 { "alice@example.org" } else { "support@example.org" }.to_owned(),
        name: String::new(),
        kind: postern_access::AccountKind::Shared,
        own: id == 1,
        automap: true,
        until: None,
        mailboxes: Vec::new(),
    };
    let mut accounts = vec![account(1), account(9)];
    for (number, name) in mailboxes {
        let (place, name) = name.strip_prefix("9:").map_or((0, *name), |name| (1, name));
        let (subscribed, name) = name.strip_prefix('+').map_or((false, name), |name| (true, name));
        let (rights, name) = name.strip_prefix('-').map_or(("lr", name), |name| ("l", name));
        accounts[place].mailboxes.push(ListedMailbox {
            mailbox: mailbox(if place == 0 { 1 } else { 9 }, *number),
            name: MailboxName::parse(name).unwrap(),
            special_use: None,
            rights: Rights::parse(rights).unwrap(),
            subscribed,
        });
    }
    Listing::of(accounts)
}

fn watching(groups: &[(MailboxFilter, NotifyEvents)], at_first: &[(i64, &str)]) -> Watched {
    let group =
        |(filter, events): &(MailboxFilter, NotifyEvents)| EventGroup { filter: filter.clone(), events: *events };
    let mut watched = Watched::new(Wanted::new(groups.iter().map(group).collect()));
    watched.begin(&listing(at_first), 100).unwrap();
    watched
}

/// `name`, or `name < old name`.
fn told(watched: &mut Watched, now: &[(i64, &str)]) -> Vec<String> {
    let names = watched.changes(&listing(now), 100).unwrap();
    let line = |(name, old): (String, Option<String>)| old.map_or(name.clone(), |old| format!("{name} < {old}"));
    names.0.into_iter().map(line).collect()
}

fn everything() -> [(MailboxFilter, NotifyEvents); 1] {
    [(MailboxFilter::Subtree(vec![String::new()]), ALL)]
}

/// Section 6.
#[test]
fn groups_say_which_mailboxes_are_meant() {
    let means = |filter: MailboxFilter, name: &str, subscribed| {
        let group = EventGroup { filter, events: MESSAGES };
        Wanted::new(vec![group]).events(name, subscribed).any()
    };
    let (inbox, of_others) = ("INBOX", "Shared/support@example.org/INBOX");
    assert!(means(MailboxFilter::Inboxes, inbox, false) && !means(MailboxFilter::Inboxes, of_others, true));
    assert!(!means(MailboxFilter::Inboxes, "Sent", true));
    assert!(means(MailboxFilter::Personal, "Sent", false) && !means(MailboxFilter::Personal, of_others, true));
    assert!(means(MailboxFilter::Personal, "Sharedness", false));
    assert!(means(MailboxFilter::Subscribed, of_others, true) && !means(MailboxFilter::Subscribed, inbox, false));
    let subtree = |top: &str, name: &str| means(MailboxFilter::Subtree(vec!["x".into(), top.into()]), name, false);
    assert!(subtree("Lists", "Lists") && subtree("Lists/", "Lists/a/b") && !subtree("Lists", "Listsx"));
    assert!(subtree("", of_others) && subtree("Shared", of_others) && subtree("Shared/Support@example.org", of_others));
    let named = |named: &str, name: &str| means(MailboxFilter::Mailboxes(vec![named.into()]), name, false);
    assert!(named("inbox", inbox) && !named("*", inbox) && !named("Lists", "Lists/a"));
    assert!(named("Shared/support@example.org/inbox", of_others));
}

/// Section 6: "multiple event groups can apply to the same mailbox".
#[test]
fn groups_add_up_and_none_adds_nothing() {
    let names = NotifyEvents { names: true, ..NotifyEvents::default() };
    let groups = [
        (MailboxFilter::Inboxes, MESSAGES),
        (MailboxFilter::Personal, names),
        (MailboxFilter::Personal, NotifyEvents::default()),
    ];
    let group = |(filter, events): (MailboxFilter, NotifyEvents)| EventGroup { filter, events };
    let wanted = Wanted::new(groups.map(group).to_vec());
    assert_eq!(wanted.events("INBOX", false), MESSAGES.or(names));
    assert_eq!(wanted.events("Sent", false), names);
}

/// Section 5.4: the mailbox and the level above it.
#[test]
fn what_comes_and_goes_is_told_with_its_parent() {
    let before = [(1, "INBOX"), (2, "Fruit")];
    let mut watched = watching(&everything(), &before);
    assert!(told(&mut watched, &before).is_empty());
    assert_eq!(told(&mut watched, &[(1, "INBOX"), (2, "Fruit"), (3, "Fruit/Apple")]), ["Fruit", "Fruit/Apple"]);
    assert_eq!(watched.due(None), [mailbox(1, 3)], "its numbers are news");
    assert_eq!(told(&mut watched, &[(1, "INBOX"), (2, "Fruit")]), ["Fruit", "Fruit/Apple"]);
    assert_eq!(told(&mut watched, &[(1, "INBOX")]), ["Fruit"]);
    // Another one of the same name.
    assert_eq!(told(&mut watched, &[(4, "INBOX")]), ["INBOX"]);
}

/// Section 5.4: what is below moves along and is not told by itself.
#[test]
fn a_renamed_mailbox_is_told_with_its_old_name() {
    let before = [(1, "a"), (2, "a/b"), (3, "a/b/c"), (4, "d")];
    let mut watched = watching(&everything(), &before);
    let after = [(1, "x/a"), (2, "x/a/b"), (3, "x/a/b/c"), (4, "d"), (5, "x")];
    assert_eq!(told(&mut watched, &after), ["x", "x/a < a"]);
    let after = [(1, "x/a"), (2, "x/a/b"), (3, "x/c"), (4, "e"), (5, "x")];
    assert_eq!(told(&mut watched, &after), ["e < d", "x/c < x/a/b/c"]);
    // Out of what is watched, and still there.
    let mut watched = watching(&[(MailboxFilter::Subtree(vec!["a".into()]), ALL)], &before);
    let after = [(1, "a"), (2, "b"), (3, "a/b/c"), (4, "a/d")];
    assert_eq!(told(&mut watched, &after), ["a", "a/d", "b < a/b"]);
}

/// Section 5.5, and section 6.4: the list is evaluated anew.
#[test]
fn subscriptions_are_told_and_followed() {
    let mut watched = watching(&everything(), &[(1, "INBOX"), (2, "+Sent")]);
    assert_eq!(told(&mut watched, &[(1, "+INBOX"), (2, "Sent")]), ["INBOX", "Sent"]);
    let mut watched = watching(&[(MailboxFilter::Subscribed, ALL)], &[(1, "INBOX"), (2, "+Sent")]);
    assert_eq!(told(&mut watched, &[(1, "+INBOX"), (2, "Sent")]), ["INBOX", "Sent"]);
    watched.look_again();
    assert_eq!(watched.due(None), [mailbox(1, 1)]);
}

/// Section 6.1: what happened in the selected mailbox is told when another is.
#[test]
fn what_was_selected_is_told_when_it_is_not_any_more() {
    let mut watched = watching(&everything(), &[(1, "INBOX"), (2, "Sent")]);
    let (inbox, sent) = (mailbox(1, 1), mailbox(1, 2));
    watched.pending.mailboxes.extend([inbox, sent]);
    assert_eq!(watched.due(Some(inbox)), [sent]);
    watched.select(Some(inbox));
    assert!(!watched.pending.any());
    watched.select(Some(sent));
    assert_eq!(watched.due(Some(sent)), [inbox]);
    watched.select(None);
    assert!(!watched.pending.any(), "nothing was heard of it");
}

/// Section 5.9: whoever watches messages alone is told all the same that there are none any more.
#[test]
fn lost_rights_are_told() {
    let groups = [(MailboxFilter::Subtree(vec!["Shared".into()]), MESSAGES)];
    let name = "Shared/support@example.org/INBOX";
    let mut watched = watching(&groups, &[(1, "9:INBOX"), (2, "9:Sent")]);
    assert_eq!(told(&mut watched, &[(1, "9:-INBOX"), (2, "9:Sent")]), [name]);
    assert!(watched.due(None).is_empty());
    assert_eq!(told(&mut watched, &[(1, "9:INBOX"), (2, "9:Sent")]), [name]);
    assert_eq!(watched.due(None), [mailbox(9, 1)], "its numbers are news again");
    assert_eq!(told(&mut watched, &[(2, "9:Sent")]), [name]);
    assert!(told(&mut watched, &[(1, "9:INBOX"), (2, "9:Sent")]).is_empty(), "of names it did not ask");
    assert_eq!(watched.due(None), [mailbox(9, 1)]);
    let shown = |listing: &Listing, name: &str| {
        attributes(listing.named(name)).iter().map(|one| one.as_str()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(shown(&listing(&[(1, "9:-INBOX")]), name), "\\HasNoChildren \\NoAccess");
    assert_eq!(shown(&listing(&[]), name), "\\NonExistent \\Noselect");
}

#[test]
fn there_is_a_most() {
    let mut watched = watching(&everything(), &[]);
    let listing = listing(&[(1, "a"), (2, "b"), (3, "c")]);
    assert!(watched.changes(&listing, 2).is_err() && watched.begin(&listing, 2).is_err());
    assert!(watched.changes(&listing, 3).is_ok());
}

/// Section 6.1: of the selected mailbox its own events are told.
#[test]
fn the_selected_mailbox_is_not_told_of_twice() {
    let mut watched = watching(&everything(), &[(1, "INBOX"), (2, "Sent"), (3, "-Drafts")]);
    let heard = Heard { mailboxes: HashSet::from([1, 2, 3, 4].map(|number| mailbox(1, number))), ..Heard::default() };
    watched.pending.add(heard);
    assert_eq!(watched.due(Some(mailbox(1, 1))), [mailbox(1, 2)]);
    assert!(watched.due(None).is_empty());
}

/// Sections 3.1 and 5.1 to 5.3: which items of STATUS.
#[test]
fn numbers_that_changed_are_told() {
    let mut watched = watching(
        &[(MailboxFilter::Inboxes, NotifyEvents { flags: true, ..MESSAGES }), (MailboxFilter::Personal, MESSAGES)],
        &[(1, "INBOX"), (2, "Sent")],
    );
    let counters = |messages, uid_next, unseen, modseq| Counters {
        uid_validity: UidValidity(7),
        uid_next,
        modseq: ModSeq(modseq),
        messages,
        unseen,
        deleted: 0,
        bytes: 0,
        recent_from: 1,
    };
    let mut news = |number, counters: Option<Counters>, with_modseq| {
        let news = watched.news(mailbox(1, number), counters.as_ref(), with_modseq);
        news.map(|(_, items)| items.iter().map(|item| item.as_str()).collect::<Vec<_>>().join(" ")).unwrap_or_default()
    };
    let (inbox, sent) = (1, 2);
    assert_eq!(news(inbox, Some(counters(1, 2, 1, 5)), false), "MESSAGES UIDNEXT UIDVALIDITY UNSEEN HIGHESTMODSEQ");
    assert_eq!(news(sent, Some(counters(1, 2, 1, 5)), false), "MESSAGES UIDNEXT UIDVALIDITY");
    assert_eq!(news(inbox, Some(counters(1, 2, 1, 5)), true), "");
    // A new message, an expunge, a flag; with CONDSTORE and without.
    assert_eq!(news(inbox, Some(counters(2, 3, 2, 6)), false), "MESSAGES UIDNEXT UNSEEN");
    assert_eq!(news(inbox, Some(counters(1, 3, 2, 7)), true), "MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ");
    assert_eq!(news(inbox, Some(counters(1, 3, 1, 8)), false), "UNSEEN");
    assert_eq!(news(inbox, Some(counters(1, 3, 1, 9)), false), "");
    assert_eq!(news(inbox, Some(counters(1, 3, 1, 10)), true), "UIDVALIDITY HIGHESTMODSEQ");
    assert_eq!(news(sent, Some(counters(1, 2, 0, 6)), true), "", "of flags it did not ask");
    assert_eq!(news(sent, Some(counters(2, 3, 0, 7)), true), "MESSAGES UIDNEXT HIGHESTMODSEQ");
    // What can not be read now is told whole when it can be again.
    assert_eq!(news(sent, None, false), "");
    assert_eq!(news(sent, Some(counters(2, 3, 0, 7)), false), "MESSAGES UIDNEXT UIDVALIDITY");
}
