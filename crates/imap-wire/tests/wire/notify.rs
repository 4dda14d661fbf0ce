//! NOTIFY as clients write it (RFC 5465 sections 3.1, 6 and 8).

use crate::{body, refused};
use postern_imap_wire::{
    CommandBody, EventGroup, FetchItem, MailboxFilter, NotifyEvents, NotifySet, Section, SectionText, SelectedEvents,
};

const MESSAGES: NotifyEvents = NotifyEvents { messages: true, flags: false, names: false, subscriptions: false };

fn set(line: &str) -> NotifySet {
    let CommandBody::Notify(Some(set)) = body(line) else { panic!("{line}") };
    set
}

fn group(filter: MailboxFilter, events: NotifyEvents) -> EventGroup {
    EventGroup { filter, events }
}

/// Section 3.1, as erratum 1804 has it and with MessageExpunge as section 5 asks.
#[test]
fn the_examples_of_the_rfc_are_read() {
    let line = "notify set status (selected (MessageNew (uid body.peek[header.fields (from to subject)]) \
                MessageExpunge)) (subtree Lists (MessageNew MessageExpunge))";
    let section = Section {
        part: Vec::new(),
        text: SectionText::HeaderFields { names: vec!["from".into(), "to".into(), "subject".into()], not: false },
    };
    let items = vec![FetchItem::Uid, FetchItem::BodySection { section, partial: None, peek: true }];
    let expected = NotifySet {
        status: true,
        selected: Some(SelectedEvents { delayed: false, flags: false, items }),
        groups: vec![group(MailboxFilter::Subtree(vec!["Lists".into()]), MESSAGES)],
        unsupported: false,
    };
    assert_eq!(set(line), expected);

    let line = "notify set (mailboxes INBOX (Messagenew messageExpunge)) (personal (SubscriptionChange))";
    let personal = NotifyEvents { subscriptions: true, ..NotifyEvents::default() };
    let groups =
        vec![group(MailboxFilter::Mailboxes(vec!["INBOX".into()]), MESSAGES), group(MailboxFilter::Personal, personal)];
    assert_eq!(set(line), NotifySet { groups, ..NotifySet::default() });
    assert_eq!(body("NOTIFY NONE"), CommandBody::Notify(None));
}

/// Section 8: every filter, every event, and NONE.
#[test]
fn every_filter_and_event_is_read() {
    let all = "(MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange)";
    let events = NotifyEvents { messages: true, flags: true, names: true, subscriptions: true };
    let names = || vec!["inbox/Old".to_owned(), "a b".to_owned()];
    for (written, filter) in [
        ("Inboxes", MailboxFilter::Inboxes),
        ("personal", MailboxFilter::Personal),
        ("SUBSCRIBED", MailboxFilter::Subscribed),
        ("subtree (inbox/Old \"a b\")", MailboxFilter::Subtree(names())),
        ("mailboxes (inbox/Old {3}\r\na b)", MailboxFilter::Mailboxes(names())),
        ("subtree \"\"", MailboxFilter::Subtree(vec![String::new()])),
    ] {
        assert_eq!(set(&format!("NOTIFY SET ({written} {all})")).groups, [group(filter, events)], "{written}");
    }
    let delayed = set("NOTIFY SET (selected-delayed (MessageNew MessageExpunge FlagChange))").selected;
    assert_eq!(delayed, Some(SelectedEvents { delayed: true, flags: true, items: Vec::new() }));
    let none = set("NOTIFY SET (selected none) (personal NONE)");
    assert_eq!((none.selected, none.groups), (None, vec![group(MailboxFilter::Personal, NotifyEvents::default())]));
}

/// Section 3.1: an event that is not supported is refused with NO, whatever stands beside it.
#[test]
fn unknown_events_are_told() {
    for event in ["AnnotationChange", "MailboxMetadataChange", "ServerMetadataChange", "x-other", "MessageNew Later"] {
        assert!(set(&format!("NOTIFY SET (personal ({event}))")).unsupported, "{event}");
    }
    assert!(set("NOTIFY SET (selected (MessageNew MessageExpunge AnnotationChange))").unsupported);
}

/// Sections 5, 6.1 and 8: BAD.
#[test]
fn what_does_not_fit_together_is_refused() {
    for (line, part) in [
        ("NOTIFY", "NOTIFY needs NONE or a set"),
        ("NOTIFY SET", "NOTIFY needs NONE or a set"),
        ("NOTIFY SET STATUS", "NOTIFY needs NONE or a set"),
        ("NOTIFY SET LATER (personal NONE)", "NOTIFY needs NONE or a set"),
        ("NOTIFY SET (nowhere NONE)", "NOTIFY watches SELECTED"),
        ("NOTIFY SET (subtree NONE)", "Events stand in parentheses"),
        ("NOTIFY SET (personal MessageNew)", "Events stand in parentheses"),
        ("NOTIFY SET (personal ())", "Events stand in parentheses"),
        ("NOTIFY SET (personal (MessageNew))", "go together"),
        ("NOTIFY SET (personal (MessageExpunge))", "go together"),
        ("NOTIFY SET (personal (FlagChange))", "go together"),
        ("NOTIFY SET (selected (MessageNew MessageExpunge)) (selected-delayed NONE)", "named once"),
        ("NOTIFY SET (selected (MailboxName))", "only events of messages"),
        ("NOTIFY SET (personal (MessageNew (uid) MessageExpunge))", "goes with SELECTED alone"),
        ("NOTIFY SET (selected (MessageNew (subject) MessageExpunge))", "FETCH knows"),
        ("NOTIFY SET (personal NONE) ", "NOTIFY needs NONE or a set"),
        ("NOTIFY NONE NONE", "too many"),
    ] {
        let text = refused(line);
        assert!(text.contains(part), "{line}: {text}");
    }
}
