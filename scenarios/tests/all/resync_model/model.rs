//! The mailbox once more, as plainly as can be: a list of messages, each with its flags, who has seen it and the event
//! that changed it last. It shares no line with the server, so that both are wrong alike only where the same thought was
//! wrong twice.

use super::Lie;
use super::timeline::Timeline;
use postern_types::Seen;
use std::collections::{BTreeMap, BTreeSet};

/// Flags, as a client names them.
pub type Flags = BTreeSet<String>;

const SEEN: &str = "\\Seen";

#[derive(Debug, Clone, Default)]
pub struct Message {
    pub uid: u32,
    /// All flags but `\Seen`.
    flags: Flags,
    by_team: bool,
    by: BTreeSet<usize>,
    /// The last event that changed it for all.
    changed: usize,
    /// The last event that changed it for one person.
    own: BTreeMap<usize, usize>,
}

/// Somebody who looks, and what they may do.
#[derive(Debug, Clone)]
pub struct Viewer {
    /// `None` is a program: its `\Seen` is that of all.
    pub person: Option<usize>,
    pub letters: &'static str,
    /// What may not be changed is taken and forgotten.
    pub is_forgiving: bool,
    /// Archive is within the scope.
    pub sees_archive: bool,
}

impl Viewer {
    pub fn holds(&self, letter: char) -> bool {
        self.letters.contains(letter)
    }

    /// Those flags that they may change (RFC 4314 section 4).
    pub fn settable(&self, flags: &Flags) -> Flags {
        let letter_of = |flag: &str| match flag {
            SEEN => 's',
            "\\Deleted" => 't',
            _ => 'w',
        };
        flags.iter().filter(|flag| self.holds(letter_of(flag))).cloned().collect()
    }
}

impl Message {
    fn shown(&self, seen: Seen, person: Option<usize>) -> Flags {
        let mut shown = self.flags.clone();
        if seen != Seen::Shared {
            shown.remove(Seen::TEAM);
        }
        let is_own = person.is_some_and(|person| self.by.contains(&person));
        if if seen == Seen::Shared { self.by_team } else { is_own } {
            shown.insert(SEEN.to_owned());
        }
        if seen == Seen::Both && self.by_team {
            shown.insert(Seen::TEAM.to_owned());
        }
        shown
    }

    /// Makes somebody be shown these (docs/decisions/0010-seen.md).
    fn show(&mut self, seen: Seen, person: Option<usize>, mut wanted: Flags) {
        let sees = wanted.remove(SEEN);
        let (Some(person), false) = (person, seen == Seen::Shared) else {
            (self.by_team, self.flags) = (sees, wanted);
            return;
        };
        let by_team = wanted.remove(Seen::TEAM);
        let is_first = sees && !self.by.contains(&person);
        if seen == Seen::Both {
            self.by_team = by_team || is_first;
        }
        if sees {
            self.by.insert(person);
        } else {
            self.by.remove(&person);
        }
        self.flags = wanted;
    }
}

/// One of the mailboxes of the account.
#[derive(Debug)]
pub struct Folder {
    pub messages: Vec<Message>,
    pub next_uid: u32,
}

impl Folder {
    fn new() -> Self {
        Self { messages: Vec::new(), next_uid: 1 }
    }

    fn put(&mut self, message: Message, event: usize) -> u32 {
        let uid = self.next_uid;
        self.next_uid += 1;
        self.messages.push(Message { uid, changed: event, own: BTreeMap::new(), ..message });
        uid
    }

    pub fn uids(&self) -> Vec<u32> {
        self.messages.iter().map(|message| message.uid).collect()
    }
}

/// What a session was told, once it has heard its last answer.
#[derive(Debug, Clone)]
pub struct Session {
    /// By EXAMINE.
    pub is_read_only: bool,
    /// UIDs by sequence number.
    pub list: Vec<u32>,
    /// Flags of each message, and the event that changed it last.
    pub shown: BTreeMap<u32, (Flags, usize)>,
    /// Up to this event it was told of everything.
    pub whole: usize,
}

#[derive(Debug)]
pub struct Model {
    lie: Lie,
    seen: Seen,
    /// `\Seen` is kept this way since then.
    seen_since: usize,
    pub inbox: Folder,
    pub archive: Folder,
    /// UIDs that were expunged from INBOX, each with the event.
    pub gone: Vec<(u32, usize)>,
    pub timeline: Timeline,
    /// By who it is; `None` where nothing is selected.
    pub sessions: Vec<Option<Session>>,
}

impl Model {
    pub fn new(lie: Lie, seen: Seen, people: usize) -> Self {
        Self {
            lie,
            seen,
            seen_since: 0,
            inbox: Folder::new(),
            archive: Folder::new(),
            gone: Vec::new(),
            timeline: Timeline::default(),
            sessions: vec![None; people],
        }
    }

    fn seen_by(&self, viewer: &Viewer) -> Seen {
        match viewer.person {
            Some(_) if self.lie != Lie::OneSeen => self.seen,
            _ => Seen::Shared,
        }
    }

    /// Flags of a message as somebody is shown them, and the last event that changed it for them.
    fn view(&self, message: &Message, viewer: &Viewer) -> (Flags, usize) {
        let own = viewer.person.map_or(0, |person| message.own.get(&person).copied().unwrap_or(0).max(self.seen_since));
        (message.shown(self.seen_by(viewer), viewer.person), message.changed.max(own))
    }

    /// The messages of INBOX as somebody is shown them.
    pub fn views(&self, viewer: &Viewer) -> BTreeMap<u32, (Flags, usize)> {
        self.inbox.messages.iter().map(|message| (message.uid, self.view(message, viewer))).collect()
    }

    /// What is in Archive, as somebody is shown it.
    pub fn archived(&self, viewer: &Viewer) -> Vec<(u32, Flags)> {
        self.archive.messages.iter().map(|message| (message.uid, self.view(message, viewer).0)).collect()
    }

    pub fn deliver(&mut self) {
        let event = self.timeline.happens();
        self.inbox.put(Message::default(), event);
    }

    pub fn keep_seen(&mut self, seen: Seen) {
        if self.seen != seen {
            self.seen = seen;
            self.seen_since = self.timeline.happens();
        }
    }

    /// Makes somebody be shown some messages otherwise; those that stay as they are have not changed.
    pub fn change(&mut self, viewer: &Viewer, uids: &[u32], wanted: impl Fn(&Flags) -> Flags) {
        let (seen, mut event) = (self.seen_by(viewer), None);
        for message in self.inbox.messages.iter_mut().filter(|message| uids.contains(&message.uid)) {
            let shown = message.shown(seen, viewer.person);
            let wanted = wanted(&shown);
            if wanted == shown {
                continue;
            }
            let before = message.clone();
            message.show(seen, viewer.person, wanted);
            let is_for_all = (&before.flags, before.by_team) != (&message.flags, message.by_team);
            if is_for_all || before.by != message.by {
                let event = *event.get_or_insert_with(|| self.timeline.happens());
                message.changed = if is_for_all { event } else { message.changed };
                if let (Some(person), true) = (viewer.person, before.by != message.by) {
                    message.own.insert(person, event);
                }
            }
        }
    }

    /// APPEND; answers the UID.
    pub fn append(&mut self, viewer: &Viewer, flags: &Flags) -> u32 {
        let (mut message, event) = (Message::default(), self.timeline.happens());
        message.show(self.seen_by(viewer), viewer.person, viewer.settable(flags));
        self.inbox.put(message, event)
    }

    /// COPY of those that are there: who has seen a message has seen its copy.
    pub fn copy(&mut self, viewer: &Viewer, uids: &[u32], is_to_archive: bool) -> Vec<(u32, u32)> {
        let seen = self.seen_by(viewer);
        let sources = self.inbox.messages.iter().filter(|message| uids.contains(&message.uid));
        let sources: Vec<Message> = sources.cloned().collect();
        let event = if is_to_archive || sources.is_empty() { 0 } else { self.timeline.happens() };
        let target = if is_to_archive { &mut self.archive } else { &mut self.inbox };
        let copied = sources.into_iter().map(|mut message| {
            let (from, wanted) = (message.uid, viewer.settable(&message.shown(seen, viewer.person)));
            message.show(seen, viewer.person, wanted);
            (from, target.put(message, event))
        });
        copied.collect()
    }

    /// Takes those out that are to go.
    pub fn remove(&mut self, is_to_go: impl Fn(&Message) -> bool) {
        let (gone, stay) = std::mem::take(&mut self.inbox.messages).into_iter().partition(is_to_go);
        let gone: Vec<Message> = gone;
        self.inbox.messages = stay;
        if !gone.is_empty() {
            let event = self.timeline.happens();
            self.gone.extend(gone.iter().map(|message| (message.uid, event)));
        }
    }

    /// Somebody selects INBOX.
    pub fn open(&mut self, place: usize, viewer: &Viewer, is_read_only: bool) {
        let (list, shown, whole) = (self.inbox.uids(), self.views(viewer), self.timeline.now());
        self.sessions[place] = Some(Session { is_read_only, list, shown, whole });
    }

    pub fn session(&self, place: usize) -> Option<&Session> {
        self.sessions[place].as_ref()
    }

    pub fn list(&self, place: usize) -> Vec<u32> {
        self.session(place).map(|session| session.list.clone()).unwrap_or_default()
    }

    /// At the end of a command its session has heard of everything, but not of what was expunged where that could move
    /// numbers that are being used (RFC 9051 section 7.5.1). Answers which messages are news to it.
    pub fn tell(&mut self, place: usize, viewer: &Viewer, holds_expunges: bool) -> BTreeSet<u32> {
        let (now, uids, views) = (self.timeline.now(), self.inbox.uids(), self.views(viewer));
        let Some(session) = &mut self.sessions[place] else { return BTreeSet::new() };
        let is_news = |uid: &&u32| views.get(uid).is_some_and(|view| session.shown.get(uid) != Some(view));
        let news = session.list.iter().filter(is_news).copied().collect();
        match holds_expunges {
            true => session.list.extend(uids.iter().filter(|uid| !session.shown.contains_key(uid))),
            false => session.list = uids,
        }
        session.shown.extend(views);
        session.shown.retain(|uid, _| session.list.contains(uid));
        if session.list.iter().all(|uid| !self.gone.iter().any(|(gone, _)| gone == uid)) {
            session.whole = now;
        }
        news
    }
}

impl Message {
    pub fn is_deleted(&self) -> bool {
        self.flags.contains("\\Deleted")
    }
}
