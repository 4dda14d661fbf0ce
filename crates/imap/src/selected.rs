//! The selected mailbox (RFC 9051 section 3.3), and telling the client what others did in it.

use crate::messages::{Messages, News};
use postern_app::{House, Opened, Refused, Session, Watch};
use postern_imap_wire::{Encoder, ResponseCode};
use postern_types::{Flags, Letter, MailboxId, ModSeq, Rights, Seen, Timestamp, Uid};

/// A selected mailbox. It remembers what the client was told; what the client may do is
/// asked at each command.
#[derive(Debug)]
pub(crate) struct Selected {
    pub(crate) mailbox: MailboxId,
    /// By EXAMINE.
    pub(crate) read_only: bool,
    /// Letters held when they were last seen, for what is told and never for what is done.
    pub(crate) rights: Rights,
    pub(crate) messages: Messages,
    /// Flags that may not be changed are taken and forgotten, so it is not READ-ONLY.
    forgiving: bool,
    /// What SEARCH RETURN (SAVE) kept: `$` (RFC 9051 section 6.4.4.1).
    pub(crate) saved: Vec<Uid>,
    /// The nearest moment at which they change by themselves.
    until: Option<Timestamp>,
    /// Whose `\Seen` the client was told of.
    seen: Seen,
    /// Changes up to here have been taken in.
    synced: ModSeq,
    /// Notices were heard that have not been followed.
    stale: bool,
    changes: Watch,
    rights_watch: Watch,
}

impl Selected {
    pub(crate) fn new(opened: Opened, read_only: bool) -> Self {
        let recent_from = opened.counters.recent_from;
        Self {
            mailbox: opened.mailbox,
            read_only,
            rights: opened.rights,
            forgiving: opened.forgiving,
            until: opened.until,
            messages: Messages::new(&opened.entries, &opened.flags, &opened.seen.keywords(), recent_from),
            saved: Vec::new(),
            seen: opened.seen,
            synced: opened.counters.modseq,
            stale: false,
            changes: opened.changes,
            rights_watch: opened.rights_watch,
        }
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

    /// Was there a notice that has not been followed?
    pub(crate) fn has_notice(&mut self) -> bool {
        self.stale |= self.changes.take() | self.rights_watch.take();
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

    /// Asks what happened since the last time and tells it. Where EXPUNGE may not be told
    /// now (RFC 9051 section 7.5.1), it waits for the next time.
    pub(crate) async fn sync(
        &mut self,
        house: &House,
        session: &Session,
        teller: Teller<'_>,
        may_expunge: bool,
    ) -> Result<(), Refused> {
        // Notices from here on are about what is not read below.
        self.stale = true;
        let _heard = self.changes.take() | self.rights_watch.take();
        let synced = house.sync(session, self.mailbox, self.synced, self.seen).await?;
        self.stale = false;
        let before = self.permanent_flags();
        (self.rights, self.until) = (synced.rights, synced.until);
        self.seen = synced.seen;
        // RFC 4314 section 5.1.1: who asks at each command tells of flags that may be changed now.
        let flags_given_or_taken = before != self.permanent_flags();
        self.synced = synced.changes.modseq;
        let changes = &synced.changes;
        let mut news = self.messages.apply(&changes.changed, &changes.vanished, &synced.flags, may_expunge);
        news.keywords |= flags_given_or_taken;
        teller.tell(self, &news);
        Ok(())
    }

    /// Tells what was expunged and could not be told before.
    pub(crate) fn tell_gone(&mut self, teller: Teller<'_>) {
        if self.messages.has_gone() {
            let news = News { expunged: self.messages.take_gone(), ..News::default() };
            teller.tell(self, &news);
        }
    }
}

/// Writes what a client has to be told of the selected mailbox.
#[derive(Debug)]
pub(crate) struct Teller<'a> {
    pub(crate) out: &'a mut Vec<u8>,
    /// After ENABLE IMAP4rev2: no \Recent (RFC 9051 appendix E).
    pub(crate) rev2: bool,
}

impl Teller<'_> {
    fn tell(self, selected: &Selected, news: &News) {
        if news.is_empty() {
            return;
        }
        let messages = &selected.messages;
        let mut reply = Encoder::new(self.out, self.rev2);
        for number in &news.expunged {
            reply.expunge(*number);
        }
        if news.exists {
            reply.exists(messages.count());
            if !self.rev2 {
                reply.recent(messages.recent_count());
            }
        }
        if news.keywords {
            tell_flags(&mut reply, selected);
        }
        for number in &news.changed {
            let Some((uid, flags)) = messages.get(*number) else { continue };
            let mut fetch = reply.fetch(*number);
            fetch.uid(uid);
            fetch.flags(flags, !self.rev2 && messages.is_recent(uid));
            fetch.finish();
        }
    }
}

/// FLAGS and PERMANENTFLAGS (RFC 9051 sections 7.3.5 and 7.1).
pub(crate) fn tell_flags(reply: &mut Encoder<'_>, selected: &Selected) {
    let (flags, any) = selected.permanent_flags();
    reply.flags(selected.messages.known_flags());
    let code = ResponseCode::PermanentFlags { flags: &flags, any };
    let text = if flags.is_empty() && !any { "No flag can be changed here" } else { "These flags can be changed" };
    reply.untagged(postern_imap_wire::Status::Ok, Some(&code), text);
}
