//! The selected mailbox (RFC 9051 section 3.3), and telling the client what others did in it.

use crate::messages::{Messages, News};
use crate::telling::{Manner, Telling};
use postern_app::{House, Locator, Opened, Refused, Session, Watch};
use postern_imap_wire::{Encoder, ResponseCode, SequenceSet};
use postern_types::{Flags, Letter, MailboxId, ModSeq, Rights, Timestamp, Uid};
use std::collections::{HashMap, HashSet};

/// A selected mailbox. It remembers what the client was told; what the client may do is
/// asked at each command.
#[derive(Debug)]
pub(crate) struct Selected {
    pub(crate) mailbox: MailboxId,
    /// The name that it was selected by.
    at: Locator,
    /// By EXAMINE.
    pub(crate) read_only: bool,
    /// Letters held when they were last seen, for what is told and never for what is done.
    pub(crate) rights: Rights,
    pub(crate) messages: Messages,
    /// Flags that may not be changed are taken and forgotten, so it is not READ-ONLY.
    forgiving: bool,
    /// Whoever knows all up to a modification sequence misses nothing that comes after it.
    keeps_modseqs: bool,
    /// What SEARCH RETURN (SAVE) kept: `$` (RFC 9051 section 6.4.4.1).
    pub(crate) saved: Vec<Uid>,
    /// The nearest moment at which they change by themselves.
    until: Option<Timestamp>,
    /// Up to here all of them were told, what was expunged too.
    told: ModSeq,
    /// Changes after that are not told, for NOTIFY wants none: it stays there.
    left_out: bool,
    /// Changes of the client's own that it was told of since then, by their replies.
    own: HashMap<Uid, ModSeq>,
    /// The highest modification sequence that the client was shown, in whatever reply.
    shown: ModSeq,
    /// Up to this UID, NOTIFY has fetched what it asks for.
    announced: u32,
    /// Messages that the client has put here itself since then.
    made: Vec<Uid>,
    /// Notices were heard that have not been followed.
    stale: bool,
    changes: Watch,
    rights_watch: Watch,
}

impl Selected {
    pub(crate) fn new(opened: Opened, at: Locator, read_only: bool) -> Self {
        let (counters, keywords) = (opened.counters, &opened.keywords);
        let messages = match opened.snapshot {
            Some(snapshot) => Messages::new(snapshot, keywords, counters.recent_from),
            None => Messages::unread(&counters, opened.seen, keywords, opened.recent),
        };
        Self {
            at,
            announced: messages.last_uid(),
            made: Vec::new(),
            mailbox: opened.mailbox,
            read_only,
            rights: opened.rights,
            forgiving: opened.forgiving,
            keeps_modseqs: opened.keeps_modseqs,
            until: opened.until,
            told: messages.modseq(),
            left_out: false,
            messages,
            saved: Vec::new(),
            own: HashMap::new(),
            shown: ModSeq(0),
            stale: false,
            changes: opened.changes,
            rights_watch: opened.rights_watch,
        }
    }

    /// Up to which change the client was told of everything. It is 1 at least, as for a client there is no 0 (RFC
    /// 7162 section 7, mod-sequence-value).
    pub(crate) fn told(&self) -> ModSeq {
        self.told.max(ModSeq(1))
    }

    /// Are there modification sequences here (RFC 7162 section 3.1.2.2)? Not where messages come into view by growing old.
    pub(crate) fn keeps_modseqs(&self) -> bool {
        self.keeps_modseqs
    }

    /// The client was told of a change of its own, with this modification sequence.
    pub(crate) fn note_own(&mut self, uid: Uid, modseq: ModSeq) {
        self.own.insert(uid, modseq);
        self.note_shown(modseq);
    }

    /// What the client was to be told of this message in a reply was not: it is told as any change.
    pub(crate) fn forget_own(&mut self, uid: Uid) {
        self.own.remove(&uid);
        self.messages.forget_flags(uid);
    }

    /// The client was shown a modification sequence.
    pub(crate) fn note_shown(&mut self, modseq: ModSeq) {
        self.shown = self.shown.max(modseq);
    }

    /// The client has put messages under this name.
    pub(crate) fn note_made(&mut self, at: &Locator, uids: &[Uid]) {
        if self.at == *at {
            self.made.extend_from_slice(uids);
        }
    }

    /// Messages that came and were not announced, without those that the client has put there.
    pub(crate) fn unannounced(&self) -> Vec<Uid> {
        let last = self.messages.last_uid();
        if last <= self.announced {
            return Vec::new();
        }
        let came = self.messages.by_uid(&SequenceSet::of([(self.announced + 1, last)]), &[]);
        let made: HashSet<&Uid> = self.made.iter().collect();
        came.uids.iter().copied().filter(|uid| !made.contains(uid)).collect()
    }

    /// Messages up to this UID were announced, as far as that is wanted.
    pub(crate) fn note_announced(&mut self, last: u32) {
        self.announced = self.announced.max(last);
        self.made.retain(|uid| uid.get() > self.announced);
    }

    /// Of what is gone, what the client can know of: UIDs that it names (all where it names none), and has no number
    /// for.
    pub(crate) fn vanished(&self, gone: &[(Uid, Uid)], named: Option<&SequenceSet>) -> Vec<(Uid, Uid)> {
        let highest = gone.last().map_or(0, |(_, last)| last.get()).max(self.messages.last_uid());
        let named = match named.map(|set| set.resolve(highest)) {
            None => return self.messages.without_known(gone),
            Some(Some(ranges)) => ranges,
            // `$` names what a search found, and that was there.
            Some(None) => self.saved.iter().map(|uid| (uid.get(), uid.get())).collect(),
        };
        self.messages.without_known(&both(gone, &named))
    }

    /// When the letters change by themselves, where they do.
    pub(crate) fn until(&self) -> Option<Timestamp> {
        self.until
    }

    /// Is it READ-ONLY? By EXAMINE, or with none of the rights that change a mailbox (RFC
    /// 4314 section 5.2).
    pub(crate) fn is_read_only(&self) -> bool {
        self.read_only || (!self.forgiving && !self.rights.intersects(Rights::CHANGING))
    }

    /// Flags that can be changed for good, and whether new keywords are welcome.
    pub(crate) fn permanent_flags(&self) -> (Flags, bool) {
        if self.read_only {
            return (Flags::new(), false);
        }
        (self.messages.known_flags().settable_with(self.rights), self.rights.has(Letter::Write))
    }

    /// Was there a notice that has not been followed? Or was a change shown that was not taken in: then those before
    /// it are told now, or who is cut off and comes back would miss them.
    pub(crate) fn has_notice(&mut self) -> bool {
        self.stale |= self.changes.take() | self.rights_watch.take() | (self.shown > self.messages.modseq());
        self.stale
    }

    /// Ends when something happened to the mailbox or to rights in its account. Cancel-safe.
    pub(crate) async fn changed(&mut self) {
        tokio::select! {
            () = self.changes.changed() => {}
            () = self.rights_watch.changed() => {}
        }
        self.stale = true;
    }

    /// Takes in what happened since the last time; answers what is to be told. Where EXPUNGE may not be told
    /// now (RFC 9051 section 7.5.1), it waits for the next time.
    pub(crate) async fn sync(
        &mut self,
        house: &House,
        session: &Session,
        manner: Manner,
        may_expunge: bool,
    ) -> Result<Telling, Refused> {
        let known = Some(self.messages.modseq());
        self.sync_after(known, house, session, manner, may_expunge).await
    }

    /// Reads the messages where that was not done yet, for a command that needs them; answers what happened since the
    /// mailbox was opened.
    pub(crate) async fn read(
        &mut self,
        house: &House,
        session: &Session,
        manner: Manner,
    ) -> Result<Option<Telling>, Refused> {
        let Some(below) = self.messages.unread_below() else { return Ok(None) };
        let telling = self.sync_after(None, house, session, manner, false).await?;
        self.messages.are_read_for_command(below);
        Ok(Some(telling))
    }

    /// Refuses unless it may still be read. Nothing is taken in; until when that holds is kept, for who waits.
    pub(crate) async fn look(&mut self, house: &House, session: &Session) -> Result<(), Refused> {
        // Nothing is later, so no message is read.
        self.until = house.sync(session, self.mailbox, Some(ModSeq(i64::MAX))).await?.until;
        Ok(())
    }

    async fn sync_after(
        &mut self,
        known: Option<ModSeq>,
        house: &House,
        session: &Session,
        manner: Manner,
        may_expunge: bool,
    ) -> Result<Telling, Refused> {
        // Notices from here on are about what is not read below.
        self.stale = true;
        let _heard = self.changes.take() | self.rights_watch.take();
        let synced = house.sync(session, self.mailbox, known).await?;
        let mut vanished = Vec::new();
        if let Some(snapshot) = synced.snapshot.as_ref().filter(|_| self.messages.unread_below().is_some()) {
            vanished = house.vanished(session, self.mailbox, self.messages.modseq(), snapshot.vanished_until()).await?;
        }
        self.stale = false;
        let before = self.permanent_flags();
        (self.rights, self.until) = (synced.rights, synced.until);
        // RFC 4314 section 5.1.1: who asks at each command tells of flags that may be changed now.
        let flags_given_or_taken = before != self.permanent_flags();
        let since = if manner.resync.tells_changes() { Some(self.messages.modseq()) } else { None };
        let mut news = match synced.snapshot {
            Some(snapshot) => self.messages.apply(snapshot, &vanished, may_expunge, since),
            None if may_expunge => News { expunged: self.messages.take_gone(), ..News::default() },
            None => News::default(),
        };
        let own = std::mem::take(&mut self.own);
        // By news, or by what the command itself has shown.
        let heard = !own.is_empty() || !news.changed.is_empty() || self.shown > self.told;
        news.changed.retain(|change| change.flags || own.get(&change.uid) != Some(&change.modseq));
        news.keywords |= flags_given_or_taken;
        self.left_out |= !manner.flags && !news.changed.is_empty();
        if manner.flags {
            self.shown = news.changed.iter().map(|change| change.modseq).fold(self.shown, ModSeq::max);
        }
        let before = self.told;
        self.note_told();
        let is_behind = self.messages.has_gone() && heard;
        let is_past = self.take_past();
        if is_behind {
            self.note_corrected();
        }
        Ok(Telling::of(&news, manner, before, is_behind || is_past))
    }

    /// What is to be told after a command that may tell of nothing expunged: where something expunged waits, the command
    /// has shown modification sequences that are later.
    pub(crate) fn behind(&mut self, manner: Manner) -> Telling {
        let is_behind = self.take_past() || self.messages.has_gone();
        if is_behind {
            self.note_corrected();
        }
        Telling::of(&News::default(), manner, self.told, is_behind)
    }

    /// What is to be told where the client hears of nothing more for now: it was shown something later than all that it
    /// knows.
    pub(crate) fn past(&mut self, manner: Manner) -> Telling {
        let is_past = self.shown > self.told;
        self.note_corrected();
        Telling::of(&News::default(), manner, self.told, is_past)
    }

    /// The client is told up to where it knows everything.
    fn note_corrected(&mut self) {
        // What was not taken in is still to be followed.
        self.stale |= self.shown > self.messages.modseq();
        self.shown = self.shown.min(self.told);
    }

    /// What was expunged and could not be told before.
    pub(crate) fn gone(&mut self, manner: Manner) -> Telling {
        let news = News { expunged: self.messages.take_gone(), ..News::default() };
        let before = self.told;
        self.note_told();
        let is_past = self.take_past();
        Telling::of(&news, manner, before, is_past)
    }

    /// Changes were left out, and one after them was shown since the last call.
    fn take_past(&mut self) -> bool {
        let is_past = self.left_out && self.shown > self.told;
        self.shown = if is_past { self.told } else { self.shown };
        is_past
    }

    /// All that happened was told, where that is so.
    fn note_told(&mut self) {
        if !self.messages.has_gone() && !self.left_out {
            self.told = self.messages.modseq();
        }
    }
}

/// What is in both: ranges that ascend and do not touch.
fn both(gone: &[(Uid, Uid)], named: &[(u32, u32)]) -> Vec<(Uid, Uid)> {
    let mut both = Vec::new();
    let (mut gone, mut named) = (gone.iter().peekable(), named.iter().peekable());
    while let (Some((first, last)), Some((from, to))) = (gone.peek().copied(), named.peek().copied()) {
        let (begin, end) = (first.get().max(*from), last.get().min(*to));
        if let (true, Some(begin), Some(end)) = (begin <= end, Uid::new(begin), Uid::new(end)) {
            both.push((begin, end));
        }
        if last.get() <= *to {
            gone.next();
        } else {
            named.next();
        }
    }
    both
}

/// FLAGS and PERMANENTFLAGS (RFC 9051 sections 7.3.5 and 7.1).
pub(crate) fn tell_flags(reply: &mut Encoder<'_>, selected: &Selected) {
    let (flags, any) = selected.permanent_flags();
    reply.flags(selected.messages.known_flags());
    let code = ResponseCode::PermanentFlags { flags: &flags, any };
    let text = if flags.is_empty() && !any { "No flag can be changed here" } else { "These flags can be changed" };
    reply.untagged(postern_imap_wire::Status::Ok, Some(&code), text);
}
