//! Use cases on the tree of mailboxes: list, open, status, create, delete, rename, subscribe.

use crate::hub::Watch;
use crate::session::Proven;
use crate::{House, Locator, Refused, Session};
use postern_access::Operation;
use postern_store::{
    Counters, CreateChild, DeleteMailbox, GateError, ListedAccount, Lookup, ObjectId, Read, Rule, Snapshot, StoreError,
    Tx,
};
use postern_types::{AccountId, Flags, MailboxId, MailboxName, ModSeq, Rights, Seen, SpecialUse, Timestamp, Uid};
use std::sync::Arc;
use tokio::time::Instant;

/// Keywords of a mailbox that are told at most when it is opened.
pub const KEYWORDS_TOLD: usize = 1_000;

/// A mailbox as a session opened it.
#[derive(Debug)]
pub struct Opened {
    /// Its id, for further use cases; it opens nothing by itself.
    pub mailbox: MailboxId,
    /// Every letter held.
    pub rights: Rights,
    /// The nearest moment at which that changes by itself.
    pub until: Option<Timestamp>,
    /// Its numbers, before this session took what is \Recent.
    pub counters: Counters,
    /// Its messages, as of now or a moment later, where they were asked for or cost little.
    pub snapshot: Option<Snapshot>,
    /// How many of its messages are \Recent for this session.
    pub recent: u64,
    /// Keywords that its messages have, or had.
    pub keywords: Flags,
    /// Whose `\Seen` is shown.
    pub seen: Seen,
    /// Flags that may not be changed are taken and forgotten.
    pub forgiving: bool,
    /// Whoever knows all up to a modification sequence misses nothing that comes after it.
    pub keeps_modseqs: bool,
    /// Wakes when messages or flags change.
    pub changes: Watch,
    /// Wakes when rights in the account change.
    pub rights_watch: Watch,
}

/// What STATUS tells of a mailbox.
#[derive(Debug, Clone, Copy)]
pub struct Numbers {
    /// What it is called outside, whatever its name (RFC 8474 section 4).
    pub id: ObjectId,
    /// Its counters.
    pub counters: Counters,
    /// Bytes of the messages marked `\Deleted`; 0 where they were not asked for.
    pub deleted_bytes: u64,
    /// Whoever knows all up to its modification sequence misses nothing that comes after it.
    pub keeps_modseqs: bool,
}

/// An opened mailbox as it is now.
#[derive(Debug)]
pub struct Synced {
    /// Its messages, where something changed.
    pub snapshot: Option<Snapshot>,
    /// Every letter held now.
    pub rights: Rights,
    /// The nearest moment at which that changes by itself.
    pub until: Option<Timestamp>,
}

/// What changed in a mailbox after a modseq (RFC 7162 section 3.2.6).
#[derive(Debug, Default)]
pub struct Changes {
    /// Messages that are new or were changed, with their last changes, by UID.
    pub changed: Vec<(Uid, ModSeq)>,
    /// Ranges of UIDs that are gone, both ends included.
    pub vanished: Vec<(Uid, Uid)>,
}

impl House {
    /// Every account and mailbox the session may see, its own first. A rooted session has one.
    pub async fn list(&self, session: &Session) -> Result<Vec<ListedAccount>, Refused> {
        let (caller, view) = (session.caller.clone(), session.view());
        let root = view.rooted.then_some(view.account);
        Ok(self.db.read(move |tx: &Tx<'_>| tx.list(&caller, root)).await?)
    }

    /// Names the session's person subscribed to or unsubscribed from, by account address;
    /// `None` is their own. Names of accounts that are gone, or on their way, are left out.
    pub async fn subscriptions(&self, session: &Session) -> Result<Vec<(Option<String>, String, bool)>, Refused> {
        let (caller, view) = (session.caller.clone(), session.view());
        let names = self.db.read(move |tx: &Tx<'_>| -> Result<_, StoreError> {
            let mut names = Vec::new();
            for ((account, name), subscribed) in tx.subscriptions_of(&caller)? {
                let address = match account == view.account {
                    true => Some(None),
                    false if view.rooted || tx.is_removed(account)? => None,
                    false => tx.address_of(account)?.map(Some),
                };
                names.extend(address.map(|address| (address, name, subscribed)));
            }
            Ok(names)
        });
        Ok(names.await?)
    }

    /// Opens a mailbox for reading, and reads what is in it where that is `listed` or costs little. Its opening is
    /// on the trail before this returns.
    pub async fn open_mailbox(
        &self,
        session: &Session,
        at: &Locator,
        read_only: bool,
        listed: bool,
    ) -> Result<Opened, Refused> {
        let (caller, view, wanted) = (session.caller.clone(), session.view(), at.clone());
        let found = self.db.read(move |tx: &Tx<'_>| -> Result<_, GateError> {
            let mut access = tx.open_named::<Read>(&caller, wanted.account(tx, view)?, &wanted.name)?;
            if access.fix_end()? {
                access = tx.open(&caller, access.mailbox())?;
            }
            Ok((access.mailbox(), access.counters()?, access.held()))
        });
        let (mailbox, mut counters, held) = found.await?;
        // Who may change nothing takes nothing away, \Recent neither (RFC 3501 section 6.3.2).
        let read_only = read_only || !held.intersects(Rights::CHANGING);
        // Listen first: what happens from here on is in the snapshot or heard of.
        let (changes, rights_watch) = (self.hub.mailbox(mailbox), self.hub.account(mailbox.account()));
        let takes_recent = !read_only && counters.recent_from < counters.uid_next;
        if takes_recent || !session.was_opened(mailbox) {
            let caller = session.caller.clone();
            let noted = self.db.write(move |tx: &Tx<'_>| tx.open::<Read>(&caller, mailbox)?.note_opened(read_only));
            counters = noted.await?;
            session.note_opened(mailbox);
        }
        let (recent_from, small) = (counters.recent_from, self.limits.listed_messages);
        let lists = listed || counters.messages <= small;
        let _turn = if lists { self.turn_to_list(mailbox).await } else { None };
        let caller = session.caller.clone();
        let read = self.db.read(move |tx: &Tx<'_>| -> Result<_, GateError> {
            let access = tx.open::<Read>(&caller, mailbox)?;
            let mut counters = Counters { recent_from, ..access.counters()? };
            let snapshot = if listed { Some(access.snapshot()?) } else { access.snapshot_at_hand(&counters, small)? };
            let (recent, keywords) = match &snapshot {
                Some(snapshot) => {
                    // It may hold what came after the counters were read.
                    counters.uid_next = counters.uid_next.max(snapshot.last_uid() + 1);
                    ((snapshot.count() - snapshot.rank(recent_from)) as u64, snapshot.keywords(KEYWORDS_TOLD))
                }
                None => (access.count_from(recent_from)?, access.keywords(KEYWORDS_TOLD)?),
            };
            let held = (access.held(), access.until(), access.is_forgiving(), access.keeps_modseqs());
            Ok((held, access.seen(), counters, snapshot, recent, keywords))
        });
        let ((rights, until, forgiving, keeps_modseqs), seen, counters, snapshot, recent, keywords) = read.await?;
        Ok(Opened {
            mailbox,
            rights,
            until,
            counters,
            snapshot,
            recent,
            keywords,
            seen,
            forgiving,
            keeps_modseqs,
            changes,
            rights_watch,
        })
    }

    /// An opened mailbox as it is now; its messages where something changed after `since`, or in any case.
    pub async fn sync(&self, session: &Session, mailbox: MailboxId, since: Option<ModSeq>) -> Result<Synced, Refused> {
        let _turn = self.turn_to_list(mailbox).await;
        let caller = session.caller.clone();
        let read = self.db.read(move |tx: &Tx<'_>| -> Result<_, GateError> {
            let access = tx.open::<Read>(&caller, mailbox)?;
            let snapshot = match since {
                Some(since) => access.snapshot_after(since)?,
                None => Some(access.snapshot()?),
            };
            Ok(Synced { snapshot, rights: access.held(), until: access.until() })
        });
        Ok(read.await?)
    }

    /// What changed in an opened mailbox after a modseq, as it is now (RFC 7162 section 3.1.4.1).
    pub async fn changes(&self, session: &Session, mailbox: MailboxId, since: ModSeq) -> Result<Changes, Refused> {
        let Some(snapshot) = self.sync(session, mailbox, Some(since)).await?.snapshot else {
            return Ok(Changes::default());
        };
        let vanished = self.vanished(session, mailbox, since, snapshot.vanished_until()).await?;
        Ok(Changes { changed: snapshot.changed_since(since), vanished })
    }

    /// Ranges of UIDs that went from an opened mailbox after one modseq and up to another, which a snapshot was as
    /// of. It is asked apart: what a snapshot shows may be newer than the transaction that it came from.
    pub async fn vanished(
        &self,
        session: &Session,
        mailbox: MailboxId,
        after: ModSeq,
        until: ModSeq,
    ) -> Result<Vec<(Uid, Uid)>, Refused> {
        let caller = session.caller.clone();
        let read = self.db.read(move |tx: &Tx<'_>| -> Result<_, GateError> {
            Ok(tx.open::<Read>(&caller, mailbox)?.vanished(after, until)?)
        });
        Ok(read.await?)
    }

    /// Refuses unless the session may still read the mailbox: asked between the pieces of a long reply, and before what was
    /// read is shown. It costs next to nothing while nobody's rights change.
    pub async fn may_still_read(&self, session: &Session, mailbox: MailboxId) -> Result<(), Refused> {
        let rights_told = self.hub.rights_told();
        if session.is_proven(mailbox, rights_told, self.db.now()) {
            return Ok(());
        }
        self.may_read(session, mailbox).await
    }

    /// The same, asked of the gate whatever it answered before.
    pub async fn may_read(&self, session: &Session, mailbox: MailboxId) -> Result<(), Refused> {
        let rights_told = self.hub.rights_told();
        let caller = session.caller.clone();
        let asked = Instant::now();
        let read =
            move |tx: &Tx<'_>| tx.open::<Read>(&caller, mailbox).map(|access| Proven::by(&access, asked, rights_told));
        session.note_proven(self.db.read(read).await?);
        Ok(())
    }

    /// Numbers of a mailbox that may be read (STATUS needs `r`, RFC 4314 section 4); what its deleted
    /// messages hold is added up for those who want it.
    pub async fn status(&self, session: &Session, at: &Locator, deleted_bytes: bool) -> Result<Numbers, Refused> {
        let (caller, view, at) = (session.caller.clone(), session.view(), at.clone());
        let read = self.db.read(move |tx: &Tx<'_>| -> Result<_, GateError> {
            let access = tx.open_named::<Read>(&caller, at.account(tx, view)?, &at.name)?;
            let counters = access.counters()?;
            let deleted_bytes = if deleted_bytes { access.deleted_bytes(&counters)? } else { 0 };
            Ok((access.mailbox(), counters, deleted_bytes, access.keeps_modseqs()))
        });
        let (mailbox, counters, deleted_bytes, keeps_modseqs) = read.await?;
        Ok(Numbers { id: self.object_id(mailbox), counters, deleted_bytes, keeps_modseqs })
    }

    /// Makes a mailbox, and the levels above it that are missing.
    pub async fn create_mailbox(
        &self,
        session: &Session,
        at: &Locator,
        special_use: Option<SpecialUse>,
    ) -> Result<MailboxId, Refused> {
        let (caller, view, at, limits) = (session.caller.clone(), session.view(), at.clone(), self.limits.clone());
        let made = self.db.write(move |tx: &Tx<'_>| {
            let account = at.account(tx, view)?;
            tx.create_mailbox(&caller, account, &at.name, special_use, &limits)
        });
        Ok(made.await?)
    }

    /// Deletes a mailbox with what is in it.
    pub async fn delete_mailbox(&self, session: &Session, at: &Locator) -> Result<(), Refused> {
        let (caller, view, wanted) = (session.caller.clone(), session.view(), at.clone());
        let counted = self.db.read(move |tx: &Tx<'_>| -> Result<_, GateError> {
            Ok(tx.open_named::<DeleteMailbox>(&caller, wanted.account(tx, view)?, &wanted.name)?.counters()?)
        });
        let messages = usize::try_from(counted.await?.messages).unwrap_or(usize::MAX);
        let (caller, at) = (session.caller.clone(), at.clone());
        let work =
            move |tx: &Tx<'_>| tx.open_named::<DeleteMailbox>(&caller, at.account(tx, view)?, &at.name)?.delete();
        self.write_rows(messages, work).await
    }

    /// Renames a mailbox within its account.
    pub async fn rename_mailbox(&self, session: &Session, from: &Locator, to: &Locator) -> Result<(), Refused> {
        let (caller, view, limits) = (session.caller.clone(), session.view(), self.limits.clone());
        let (from, to) = (from.clone(), to.clone());
        let renamed = self.db.write(move |tx: &Tx<'_>| -> Result<_, GateError> {
            let source = tx.open_named::<DeleteMailbox>(&caller, from.account(tx, view)?, &from.name)?;
            let target = to.account(tx, view)?;
            if target != source.account() {
                refuse_other_account(tx, &caller, target, &to.name)?;
            }
            Ok((source.mailbox(), source.rename(&to.name, &limits)?))
        });
        let (inbox, moves_to) = renamed.await?;
        let Some(target) = moves_to else { return Ok(()) };
        let caller = session.caller.clone();
        let found = self.db.read(move |tx: &Tx<'_>| -> Result<Arc<[_]>, GateError> {
            Ok(tx.open::<Read>(&caller, inbox)?.snapshot()?.uids(0..usize::MAX).collect())
        });
        let moved = async { self.move_into(session, inbox, found.await?, target).await?.whole() };
        moved.await.map(|_| ()).map_err(|cause| match cause {
            Refused::Ended => Refused::Ended,
            cause => Refused::Partly {
                cause: Box::new(cause),
                done: "the mailbox is made, and what has not moved is in INBOX still: move it there",
            },
        })
    }

    /// Subscribes the session's person to a mailbox they may see (`l`, RFC 4314 section 4),
    /// or unsubscribes them from one, or from a name that they had subscribed to: a
    /// subscription outlives its mailbox. To subscribe to anything else is refused, for it
    /// would be shown for an account that is there and hidden, and not for an absent one.
    pub async fn subscribe(&self, session: &Session, at: &Locator, subscribed: bool) -> Result<(), Refused> {
        let (caller, view, at) = (session.caller.clone(), session.view(), at.clone());
        let done = self.db.write(move |tx: &Tx<'_>| -> Result<(), GateError> {
            let account = at.account(tx, view)?;
            let visible =
                tx.open_named::<Lookup>(&caller, account, &at.name).map(|access| access.keeps_subscriptions());
            let known = !subscribed && tx.is_subscribed(&caller, account, &at.name)?;
            let keeps = if known { visible.unwrap_or(Ok(true)) } else { visible? };
            if keeps? {
                tx.subscribe(&caller, account, &at.name, subscribed)?;
            }
            Ok(())
        });
        Ok(done.await?)
    }
}

/// A mailbox can not move into another account. To those who could not make one there
/// either, the answer is the one they would get for that.
fn refuse_other_account(
    tx: &Tx<'_>,
    caller: &postern_store::Caller,
    target: AccountId,
    name: &MailboxName,
) -> Result<(), GateError> {
    let rights = match name.parent() {
        Some(parent) => tx.open_named::<CreateChild>(caller, target, &parent).map(|access| access.held())?,
        None => tx.rights_on_new_name(caller, target, name)?,
    };
    Operation::CreateChild.allowed_with(rights)?;
    Err(Rule::Cannot("A mailbox can not be moved to another account; create one there and move its messages").into())
}
