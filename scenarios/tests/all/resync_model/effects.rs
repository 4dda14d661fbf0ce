//! What each command does to the model, and how it has to be answered.

use super::commands::{Act, Command, Sign, Store, Unless};
use super::model::{Flags, Model, Viewer};
use std::collections::BTreeSet;

const OK: &str = "OK";
const MISSING: &str = "NO [NOPERM]";
const READ_ONLY: &str = "NO [CANNOT]";

/// How a command has to be answered.
#[derive(Debug, Default)]
pub struct Expected {
    /// What the completion begins with.
    pub status: &'static str,
    /// MODIFIED: UIDs that STORE left alone.
    pub modified: Vec<u32>,
    /// UIDs that have to be shown by FETCH.
    pub shown: BTreeSet<u32>,
    /// UIDs that FETCH may show, news apart.
    pub may_be_shown: BTreeSet<u32>,
    /// VANISHED (EARLIER): UIDs that have to be in it.
    pub vanished: BTreeSet<u32>,
    /// What SEARCH finds, by UID, with the last event of them where that is told.
    pub found: Option<(Vec<u32>, Option<usize>)>,
    /// COPYUID
    pub copied: Vec<(u32, u32)>,
    /// APPENDUID
    pub appended: Option<u32>,
}

impl Expected {
    fn of(status: &'static str) -> Self {
        Self { status, ..Self::default() }
    }
}

/// The target of a copy: who does not see it is told that it is not there (RFC 4314 section 6).
fn into(viewer: &Viewer, is_archive: bool) -> &'static str {
    match (viewer.holds('i'), viewer.holds('l')) {
        _ if is_archive && !viewer.sees_archive => "NO [TRYCREATE]",
        (true, _) => OK,
        (false, true) => MISSING,
        (false, false) => "NO [TRYCREATE]",
    }
}

impl Model {
    /// Somebody who has INBOX selected says a command.
    pub fn run(&mut self, place: usize, viewer: &Viewer, command: &Command) -> Expected {
        let is_read_only = self.session(place).is_some_and(|session| session.is_read_only);
        match &command.act {
            Act::Noop => Expected::of(OK),
            Act::Beyond => Expected::of("BAD"),
            Act::Store(_) | Act::Expunge(_) | Act::Move(_) if is_read_only => Expected::of(READ_ONLY),
            Act::Store(store) => self.store(place, viewer, store, command.by_uid),
            Act::Fetch { marks_seen, uids, .. } => {
                if *marks_seen && !is_read_only && viewer.holds('s') && !viewer.is_forgiving {
                    let seen = Flags::from(["\\Seen".to_owned()]);
                    self.change(viewer, uids, |shown| shown | &seen);
                }
                self.fetch(place, viewer, &command.act)
            }
            Act::Expunge(named) => self.expunge(viewer, named.as_deref()),
            Act::Copy { uids, is_to_archive } => {
                let status = into(viewer, *is_to_archive);
                let copied = if status == OK { self.copy(viewer, uids, *is_to_archive) } else { Vec::new() };
                Expected { copied, ..Expected::of(status) }
            }
            Act::Move(uids) => self.move_messages(viewer, uids),
            Act::Append(flags) => {
                let status = into(viewer, false);
                let appended = (status == OK).then(|| self.append(viewer, flags));
                Expected { appended, ..Expected::of(status) }
            }
            Act::Search(since) => self.search(place, viewer, *since),
        }
    }

    /// Of these UIDs those that are there.
    fn there(&self, uids: &[u32]) -> Vec<u32> {
        self.inbox.uids().into_iter().filter(|uid| uids.contains(uid)).collect()
    }

    fn store(&mut self, place: usize, viewer: &Viewer, store: &Store, by_uid: bool) -> Expected {
        let settable = viewer.settable(&store.flags);
        if settable.is_empty() && !viewer.is_forgiving {
            return Expected::of(MISSING);
        }
        let there = self.there(&store.uids);
        let is_left_alone = |uid: &u32| self.is_left_alone(*uid, place, viewer, store);
        let (modified, free): (Vec<u32>, Vec<u32>) = there.iter().copied().partition(is_left_alone);
        if !viewer.is_forgiving {
            self.change(viewer, &free, |shown| match store.sign {
                Sign::Add => shown | &settable,
                Sign::Remove => shown - &settable,
                Sign::Replace => &(shown - &viewer.settable(shown)) | &settable,
            });
        }
        // RFC 2180 section 4.2.1.
        let some_are_gone = there.len() < store.uids.len() && !by_uid && !store.is_silent;
        let status = match (some_are_gone, modified.is_empty()) {
            (false, _) => OK,
            (true, true) => "NO [EXPUNGEISSUED]",
            (true, false) => "NO [MODIFIED",
        };
        let shown = if store.is_silent { modified.iter().copied().collect() } else { there.iter().copied().collect() };
        Expected { modified, shown, may_be_shown: there.into_iter().collect(), ..Expected::of(status) }
    }

    /// UNCHANGEDSINCE (RFC 7162 section 3.1.3): it was changed later, and not only in flags that are not asked for
    /// (docs/decisions/0031-coming-back.md).
    fn is_left_alone(&self, uid: u32, place: usize, viewer: &Viewer, store: &Store) -> bool {
        if viewer.is_forgiving {
            return false;
        }
        let (now, changed) = &self.views(viewer)[&uid];
        match store.unless {
            None => false,
            Some(Unless::Ever) => store.flags.iter().any(|flag| flag.starts_with('\\') || now.contains(flag)),
            Some(Unless::After(event)) => {
                let known = self.session(place).and_then(|session| session.shown.get(&uid));
                let is_as_known = known.is_some_and(|(known, _)| known & &store.flags == now & &store.flags);
                *changed > event && (store.sign == Sign::Replace || !is_as_known)
            }
        }
    }

    fn fetch(&self, place: usize, viewer: &Viewer, act: &Act) -> Expected {
        let Act::Fetch { uids, since, vanished, .. } = act else { return Expected::of(OK) };
        let views = self.views(viewer);
        let is_wanted = |uid: &u32| since.is_none_or(|since| views[uid].1 > since);
        let shown: BTreeSet<u32> = self.there(uids).into_iter().filter(is_wanted).collect();
        let list = self.list(place);
        let vanished = match since.filter(|_| *vanished) {
            Some(since) => self.gone_since(since).into_iter().filter(|uid| !list.contains(uid)).collect(),
            None => BTreeSet::new(),
        };
        Expected { may_be_shown: shown.clone(), shown, vanished, ..Expected::of(OK) }
    }

    /// UIDs that a later event took out.
    pub fn gone_since(&self, since: usize) -> BTreeSet<u32> {
        self.gone.iter().filter(|(_, event)| *event > since).map(|(uid, _)| *uid).collect()
    }

    /// EXPUNGE takes all that are marked, whether this session has heard of them or not.
    fn expunge(&mut self, viewer: &Viewer, named: Option<&[u32]>) -> Expected {
        if viewer.is_forgiving {
            return Expected::of(OK);
        }
        if !viewer.holds('e') {
            return Expected::of(MISSING);
        }
        self.remove(|message| message.is_deleted() && named.is_none_or(|named| named.contains(&message.uid)));
        Expected::of(OK)
    }

    fn move_messages(&mut self, viewer: &Viewer, uids: &[u32]) -> Expected {
        let status = match into(viewer, true) {
            OK if !viewer.holds('t') || !viewer.holds('e') => MISSING,
            status => status,
        };
        if status != OK {
            return Expected::of(status);
        }
        let copied = self.copy(viewer, uids, true);
        self.remove(|message| uids.contains(&message.uid));
        Expected { copied, ..Expected::of(OK) }
    }

    fn search(&self, place: usize, viewer: &Viewer, since: Option<usize>) -> Expected {
        let (views, list) = (self.views(viewer), self.list(place));
        let fits = |uid: &u32| match (views.get(uid), since) {
            (None, _) => false,
            (Some((_, changed)), Some(since)) => *changed > since,
            (Some((flags, _)), None) => !flags.contains("\\Seen"),
        };
        let found: Vec<u32> = list.into_iter().filter(fits).collect();
        let last = since.and_then(|_| found.iter().map(|uid| views[uid].1).max());
        Expected { found: Some((found, last)), ..Expected::of(OK) }
    }
}
