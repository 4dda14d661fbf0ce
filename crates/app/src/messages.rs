//! Use cases on messages: append, flags, expunge, copy, move.

use crate::{House, Locator, Refused, Session};
use postern_access::Denied;
use postern_store::{
    Appended, ChangeFlags, Copied, FileBody, FlagChange, FlagsChanged, GateError, Insert, MoveOut, Prepared, Read,
    Remove, Tx, UnchangedSince,
};
use postern_types::{AccountId, Flags, MailboxId, Timestamp, Uid};
use std::sync::Arc;

/// Rows that a command may touch in the lane of those who wait at their screens.
const INTERACTIVE_ROWS: usize = 500;

/// A message to be added by APPEND.
#[derive(Debug, Clone)]
pub struct AppendRequest {
    /// The message.
    pub raw: Arc<Vec<u8>>,
    /// Its flags; those the session may not set are left out.
    pub flags: Flags,
    /// INTERNALDATE; now, when none is given.
    pub internal_date: Option<Timestamp>,
}

/// What was written, of what was asked for.
#[derive(Debug)]
pub struct Written<T> {
    /// It is done, and stays.
    pub done: T,
    /// Why the rest is not.
    pub stopped: Option<Refused>,
}

impl<T> Written<T> {
    /// All of it, or why it is less.
    pub(crate) fn whole(self) -> Result<T, Refused> {
        self.stopped.map_or(Ok(self.done), Err)
    }
}

impl House {
    /// May the session add messages there? Asked before a literal is taken.
    pub async fn may_append(&self, session: &Session, at: &Locator) -> Result<(), Refused> {
        let (caller, view, at) = (session.caller.clone(), session.view(), at.clone());
        let asked = self.db.read(move |tx: &Tx<'_>| -> Result<_, GateError> {
            tx.open_named::<Insert>(&caller, at.account(tx, view)?, &at.name).map(|_| ())
        });
        Ok(asked.await?)
    }

    /// Adds a message (RFC 9051 section 6.3.12). It is on disk and visible when this returns.
    pub async fn append(&self, session: &Session, at: &Locator, request: AppendRequest) -> Result<Appended, Refused> {
        self.check_size(request.raw.len()).map_err(|error| Refused::Message(error.to_string()))?;
        let (caller, view, wanted) = (session.caller.clone(), session.view(), at.clone());
        // A large body is a file before the rows that name it; where there is no room none is made.
        let bytes = Some(request.raw.len()).filter(|bytes| *bytes >= self.limits.inline_body_bytes);
        let found = self.db.read(move |tx: &Tx<'_>| -> Result<_, GateError> {
            let target = tx.open_named::<Insert>(&caller, wanted.account(tx, view)?, &wanted.name)?;
            bytes.map_or(Ok(()), |bytes| target.require_room(1, bytes as i64))?;
            Ok((target.mailbox(), tx.now(), target.is_sent()?))
        });
        let (mailbox, now, is_sent) = found.await?;
        // What was just sent has its copy there: a client's own is the same one.
        let identity = if is_sent { self.sent_identity(&request.raw).await? } else { None };
        let received = request.internal_date.unwrap_or(now);
        let (messages, _) = self.ingest(request.raw, vec![mailbox.account()], received).await?;
        let (caller, flags) = (session.caller.clone(), request.flags);
        let appended = self.db.write(move |tx: &Tx<'_>| {
            let access = tx.open::<Insert>(&caller, mailbox)?;
            let mut appended = None;
            for message in &messages {
                appended = Some(match identity {
                    Some(identity) => access.append_sent(message, &flags, identity)?,
                    None => access.append(message, &flags)?,
                });
            }
            appended.ok_or(GateError::Store(postern_store::StoreError::Damaged("nothing was prepared".into())))
        });
        Ok(appended.await?)
    }

    /// STORE (RFC 9051 section 6.4.6); messages that were changed meanwhile are left alone where that is asked
    /// for. Whoever may change no flag at all is told of those they named.
    pub async fn change_flags(
        &self,
        session: &Session,
        mailbox: MailboxId,
        uids: Arc<[Uid]>,
        flags: Flags,
        change: FlagChange,
        unless: Option<Arc<UnchangedSince>>,
    ) -> Result<FlagsChanged, Refused> {
        let work = |piece: Arc<[Uid]>| {
            let (caller, flags, unless) = (session.caller.clone(), flags.clone(), unless.clone());
            move |tx: &Tx<'_>| {
                let readable = tx.open::<Read>(&caller, mailbox)?;
                if readable.is_forgiving() {
                    return readable.flags_as_they_are(&piece);
                }
                let access =
                    readable.also::<ChangeFlags>().map_err(|_| Denied::Missing { missing: flags.first_letter() })?;
                access.change_flags(&piece, &flags, change, unless.as_deref())
            }
        };
        let join = |all: &mut FlagsChanged, some: FlagsChanged| {
            all.modseq = some.modseq;
            all.messages.extend(some.messages);
            all.modified.extend(some.modified);
        };
        self.write_pieces(session, &uids, work, join).await?.whole()
    }

    /// Sets \Seen where the session may and where it is not set, as reading a body does
    /// (RFC 9051 section 6.4.5). Where it may not, nothing happens and that is no error.
    pub async fn mark_read(
        &self,
        session: &Session,
        mailbox: MailboxId,
        uids: Arc<[Uid]>,
    ) -> Result<FlagsChanged, Refused> {
        let seen = Flags::from_iter([postern_types::SystemFlag::Seen]);
        self.change_flags(session, mailbox, uids, seen, FlagChange::Add, None).await
    }

    /// EXPUNGE; of `uids` alone where given. Answers which it took out.
    pub async fn expunge(
        &self,
        session: &Session,
        mailbox: MailboxId,
        uids: Option<Arc<[Uid]>>,
    ) -> Result<Vec<Uid>, Refused> {
        let caller = session.caller.clone();
        let found = self.db.read(move |tx: &Tx<'_>| -> Result<_, GateError> {
            let readable = tx.open::<Read>(&caller, mailbox)?;
            if readable.is_forgiving() {
                // What was marked was forgotten, so nothing is to be removed.
                return Ok(Vec::new());
            }
            Ok(readable.also::<Remove>()?.deleted(uids.as_deref())?)
        });
        // Found apart from the write, which looks at those alone: others do not wait while a
        // large mailbox is searched.
        let uids = found.await?;
        if uids.is_empty() {
            return Ok(uids);
        }
        let uids = uids.into();
        let work = |piece: Arc<[Uid]>| {
            let caller = session.caller.clone();
            move |tx: &Tx<'_>| tx.open::<Read>(&caller, mailbox)?.also::<Remove>()?.expunge(&piece)
        };
        let join = |all: &mut Vec<Uid>, some: Vec<Uid>| all.extend(some);
        self.write_pieces(session, &uids, work, join).await?.whole()
    }

    /// COPY (RFC 9051 section 6.4.7): all of them or, on an error, none. So it is the one
    /// command whose write has as many rows as it names.
    pub async fn copy(
        &self,
        session: &Session,
        mailbox: MailboxId,
        uids: Arc<[Uid]>,
        to: &Locator,
    ) -> Result<Copied, Refused> {
        if !self.db.has_room() {
            return Err(Refused::NoRoom);
        }
        let (target, _files) = self.target(session, mailbox, &uids, to).await?;
        let caller = session.caller.clone();
        let copied = self.write_rows(uids.len(), move |tx: &Tx<'_>| {
            let (source, target) = tx.open_pair::<Read, Insert>(&caller, mailbox, target)?;
            source.copy_to(&target, &uids)
        });
        copied.await
    }

    /// MOVE (RFC 6851).
    pub async fn move_messages(
        &self,
        session: &Session,
        mailbox: MailboxId,
        uids: Arc<[Uid]>,
        to: &Locator,
    ) -> Result<Written<Copied>, Refused> {
        let (target, _files) = self.target(session, mailbox, &uids, to).await?;
        self.move_into(session, mailbox, uids, target).await
    }

    /// A message is in one of both mailboxes at every moment; of many, some may have moved when
    /// an error comes (RFC 6851 section 3.3 asks for no more).
    pub(crate) async fn move_into(
        &self,
        session: &Session,
        mailbox: MailboxId,
        uids: Arc<[Uid]>,
        target: MailboxId,
    ) -> Result<Written<Copied>, Refused> {
        let work = |piece: Arc<[Uid]>| {
            let caller = session.caller.clone();
            move |tx: &Tx<'_>| {
                let (source, target) = tx.open_pair::<Read, Insert>(&caller, mailbox, target)?;
                source.also::<MoveOut>()?.move_to(&target, &piece)
            }
        };
        let join = |all: &mut Copied, some: Copied| {
            all.modseq = some.modseq;
            all.uids.extend(some.uids);
        };
        self.write_pieces(session, &uids, work, join).await
    }

    /// Writes about these messages: a few hundred at a time, each time in a transaction of its
    /// own, in the lane behind those who wait at their screens where there are several
    /// (docs/design.md section 5). Where one of those fails, or the sign-in ends, what was written
    /// before it is done.
    async fn write_pieces<T: Send + 'static, W>(
        &self,
        session: &Session,
        uids: &Arc<[Uid]>,
        work: impl Fn(Arc<[Uid]>) -> W,
        join: impl Fn(&mut T, T),
    ) -> Result<Written<T>, Refused>
    where
        W: Fn(&Tx<'_>) -> Result<T, GateError> + Send + 'static,
    {
        if uids.len() <= INTERACTIVE_ROWS {
            return Ok(Written { done: self.db.write(work(Arc::clone(uids))).await?, stopped: None });
        }
        let (first, others) = uids.split_at(INTERACTIVE_ROWS);
        let mut done = self.db.write_bulk(work(first.into())).await?;
        for piece in others.chunks(INTERACTIVE_ROWS) {
            if let Err(ended) = self.check_session(session).await {
                return Ok(Written { done, stopped: Some(ended) });
            }
            match self.db.write_bulk(work(piece.into())).await {
                Ok(some) => join(&mut done, some),
                Err(error) => return Ok(Written { done, stopped: Some(error.into()) }),
            }
        }
        Ok(Written { done, stopped: None })
    }

    /// Writes so many rows at once: more than a few hundred wait behind people whose commands are
    /// short.
    pub(crate) async fn write_rows<T: Send + 'static>(
        &self,
        rows: usize,
        work: impl Fn(&Tx<'_>) -> Result<T, GateError> + Send + 'static,
    ) -> Result<T, Refused> {
        let done = if rows > INTERACTIVE_ROWS { self.db.write_bulk(work).await } else { self.db.write(work).await };
        Ok(done?)
    }

    /// Finds the target of a copy and, where it is another account's with room for it, gives
    /// that account files of its own for the bodies that are files: before the rows that name
    /// them. The files are kept from collection while the answer is held.
    async fn target(
        &self,
        session: &Session,
        mailbox: MailboxId,
        uids: &Arc<[Uid]>,
        to: &Locator,
    ) -> Result<(MailboxId, Vec<Prepared>), Refused> {
        let (caller, view, to, uids) = (session.caller.clone(), session.view(), to.clone(), Arc::clone(uids));
        let read = self.db.read(move |tx: &Tx<'_>| -> Result<(MailboxId, Vec<FileBody>), GateError> {
            let source = tx.open::<Read>(&caller, mailbox)?;
            let target = tx.open_named::<Insert>(&caller, to.account(tx, view)?, &to.name)?;
            let files = source.files_to_copy(&target, &uids)?;
            Ok((target.mailbox(), files))
        });
        let (target, files) = read.await?;
        Ok((target, self.copy_files(session, mailbox, files, target.account()).await?))
    }

    async fn copy_files(
        &self,
        session: &Session,
        from: MailboxId,
        files: Vec<FileBody>,
        account: AccountId,
    ) -> Result<Vec<Prepared>, Refused> {
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let (blobs, now) = (self.blobs.clone(), self.db.now());
        let work = tokio::task::spawn_blocking(move || {
            let copy = |file: &FileBody| blobs.copy_file(file.key, file.size, account, now);
            files.iter().map(|file| copy(file).map_err(|error| (file.uid, error))).collect::<Result<Vec<_>, _>>()
        });
        let (uid, error) = match work.await.map_err(|_| Refused::Unavailable)? {
            Ok(copied) => return Ok(copied),
            Err(failed) => failed,
        };
        let (caller, why) = (session.caller.clone(), error.clone());
        let tell = self.db.read(move |tx: &Tx<'_>| -> Result<(), GateError> {
            tx.open::<Read>(&caller, from)?.tell_lost(uid, &why);
            Ok(())
        });
        tell.await?;
        Err(error.into())
    }
}
