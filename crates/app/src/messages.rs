//! Use cases on messages: append, flags, expunge, copy, move.

use crate::{House, Locator, Refused, Session};
use postern_access::Denied;
use postern_store::{
    Appended, ChangeFlags, Copied, Counters, Expunged, FileBody, FlagChange, FlagsChanged, GateError, Insert, MoveOut,
    Prepared, Read, Remove, Tx,
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
        let (caller, view, wanted) = (session.caller.clone(), session.view(), at.clone());
        let found = self.db.read(move |tx: &Tx<'_>| -> Result<_, GateError> {
            Ok((tx.open_named::<Insert>(&caller, wanted.account(tx, view)?, &wanted.name)?.mailbox(), tx.now()))
        });
        let (mailbox, now) = found.await?;
        let received = request.internal_date.unwrap_or(now);
        let (messages, _) = self.ingest(request.raw, vec![mailbox.account()], received).await?;
        let (caller, flags) = (session.caller.clone(), request.flags);
        let appended = self.db.write(move |tx: &Tx<'_>| {
            let access = tx.open::<Insert>(&caller, mailbox)?;
            let mut appended = None;
            for message in &messages {
                appended = Some(access.append(message, &flags)?);
            }
            appended.ok_or(GateError::Store(postern_store::StoreError::Damaged("nothing was prepared".into())))
        });
        Ok(appended.await?)
    }

    /// STORE (RFC 9051 section 6.4.6). Whoever may change no flag at all is told of those
    /// they named.
    pub async fn change_flags(
        &self,
        session: &Session,
        mailbox: MailboxId,
        uids: Arc<[Uid]>,
        flags: Flags,
        change: FlagChange,
    ) -> Result<FlagsChanged, Refused> {
        let caller = session.caller.clone();
        let changed = self.write_rows(uids.len(), move |tx: &Tx<'_>| {
            let readable = tx.open::<Read>(&caller, mailbox)?;
            let access =
                readable.also::<ChangeFlags>().map_err(|_| Denied::Missing { missing: flags.first_letter() })?;
            access.change_flags(&uids, &flags, change)
        });
        changed.await
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
        self.change_flags(session, mailbox, uids, seen, FlagChange::Add).await
    }

    /// EXPUNGE; of `uids` alone where given.
    pub async fn expunge(
        &self,
        session: &Session,
        mailbox: MailboxId,
        uids: Option<Arc<[Uid]>>,
    ) -> Result<Expunged, Refused> {
        let rows = match &uids {
            Some(uids) => uids.len(),
            None => self.rows_of(session, mailbox, |counters| counters.deleted).await?,
        };
        let caller = session.caller.clone();
        let work = move |tx: &Tx<'_>| tx.open::<Read>(&caller, mailbox)?.also::<Remove>()?.expunge(uids.as_deref());
        self.write_rows(rows, work).await
    }

    /// COPY (RFC 9051 section 6.4.7).
    pub async fn copy(
        &self,
        session: &Session,
        mailbox: MailboxId,
        uids: Arc<[Uid]>,
        to: &Locator,
    ) -> Result<Copied, Refused> {
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
    ) -> Result<Copied, Refused> {
        let (target, _files) = self.target(session, mailbox, &uids, to).await?;
        let caller = session.caller.clone();
        let moved = self.write_rows(uids.len(), move |tx: &Tx<'_>| {
            let (source, target) = tx.open_pair::<Read, Insert>(&caller, mailbox, target)?;
            source.also::<MoveOut>()?.move_to(&target, &uids)
        });
        moved.await
    }

    /// Writes so many rows: a command that touches more than a few hundred messages is one
    /// transaction all the same, and waits behind people whose commands are short
    /// (docs/design.md section 5).
    pub(crate) async fn write_rows<T: Send + 'static>(
        &self,
        rows: usize,
        work: impl Fn(&Tx<'_>) -> Result<T, GateError> + Send + 'static,
    ) -> Result<T, Refused> {
        let done = if rows > INTERACTIVE_ROWS { self.db.write_bulk(work).await } else { self.db.write(work).await };
        Ok(done?)
    }

    /// How many rows of an open mailbox a command will touch, by its counters.
    pub(crate) async fn rows_of(
        &self,
        session: &Session,
        mailbox: MailboxId,
        count: impl Fn(&Counters) -> u64 + Send + 'static,
    ) -> Result<usize, Refused> {
        let caller = session.caller.clone();
        let read = self
            .db
            .read(move |tx: &Tx<'_>| -> Result<_, GateError> { Ok(tx.open::<Read>(&caller, mailbox)?.counters()?) });
        Ok(usize::try_from(count(&read.await?)).unwrap_or(usize::MAX))
    }

    /// Finds the target of a copy and, where it is another account's, gives that account
    /// files of its own for the bodies that are files: before the rows that name them. The
    /// files are kept from collection while the answer is held.
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
            let files = if source.account() == target.account() { Vec::new() } else { source.file_bodies(&uids)? };
            Ok((target.mailbox(), files))
        });
        let (target, files) = read.await?;
        Ok((target, self.copy_files(files, target.account()).await?))
    }

    async fn copy_files(&self, files: Vec<FileBody>, account: AccountId) -> Result<Vec<Prepared>, Refused> {
        if files.is_empty() {
            return Ok(Vec::new());
        }
        let (blobs, now) = (self.blobs.clone(), self.db.now());
        let work = tokio::task::spawn_blocking(move || {
            files.iter().map(|file| blobs.copy_file(file.key, file.size, account, now)).collect::<Result<Vec<_>, _>>()
        });
        Ok(work.await.map_err(|_| Refused::Unavailable)??)
    }
}
