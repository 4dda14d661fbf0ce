//! Between commands and in IDLE: what a connection waits for, and what it tells when it wakes.
//!
//! Nothing is held while it waits but what is remembered anyway. What ends by the clock sends no
//! notice, so the gate is asked when something ends.

use crate::answer::{Code, Completion, End, Stop, not_held};
use crate::around::{Around, Names, Watched, attributes};
use crate::commands::status;
use crate::connection::{Client, Connection, Desk, GATHERED_BYTES, GOING_DOWN, Work};
use crate::hearing::{Hearing, OfSelected};
use crate::listing::Listing;
use crate::names::DELIMITER;
use crate::telling::Manner;
use postern_app::Refused;
use postern_app::wire::Wire;
use postern_imap_wire::{Encoder, FetchCommand, ListEntry, ResponseCode, SequenceSet, Status};
use postern_types::{MailboxId, Timestamp, Uid};
use std::future::pending;
use std::pin::{Pin, pin};
use std::time::Duration;
use tokio::time::{Instant, Sleep, sleep};

/// The gate is asked after this time in any case: a clock may be set.
const LOOK_SECONDS: u64 = 300;
/// Between two looks by the clock there is this time at least: whatever has ended and is not seen to have, nobody spins.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
/// Mailboxes whose numbers are read at once.
const MAILBOXES_AT_ONCE: usize = 100;

/// Why a wait ended.
pub(crate) enum Woken {
    Bytes(std::io::Result<usize>),
    /// Something was heard of a mailbox.
    Notice,
    /// The sign-in, or something that ends by the clock, is to be looked at.
    Doubt,
    Drain,
    TooLong,
}

impl<W: Wire> Connection<W> {
    /// Waits for bytes, a notice, or the end of something. `until`: when the letters on the selected mailbox change by
    /// themselves, where it is looked at then.
    pub(crate) async fn wait(
        &mut self,
        until: Option<Timestamp>,
        bytes: &mut Vec<u8>,
        end: Pin<&mut Sleep>,
    ) -> Result<Woken, Stop> {
        let mut around = self.client.hearing.around.take();
        let woken = self.wait_beside(until, around.as_deref_mut(), bytes, end).await;
        self.client.hearing.around = around;
        if let (Ok(Woken::Doubt), Some(around)) = (&woken, &mut self.client.hearing.around) {
            around.watched.pending.lists = true;
        }
        woken
    }

    async fn wait_beside(
        &mut self,
        until: Option<Timestamp>,
        around: Option<&mut Around>,
        bytes: &mut Vec<u8>,
        end: Pin<&mut Sleep>,
    ) -> Result<Woken, Stop> {
        let desk = self.client.desk()?;
        let mut session_watch = desk.session.watch();
        let until = until.into_iter().chain(around.as_ref().and_then(|around| around.until)).min();
        let look = desk.house.next_end(desk.session, until).min(Duration::from_secs(LOOK_SECONDS));
        let look = look.max(self.last_look.map_or(Duration::ZERO, |last| BETWEEN_LOOKS.saturating_sub(last.elapsed())));
        let selected = desk.selected;
        let in_mailbox = async move {
            match selected {
                Some(selected) => selected.changed().await,
                None => pending().await,
            }
        };
        let elsewhere = async move {
            match around {
                Some(around) => around.notices.changed().await,
                None => pending().await,
            }
        };
        Ok(tokio::select! {
            biased;
            () = self.shutdown.requested() => Woken::Drain,
            read = self.wire.read(bytes) => Woken::Bytes(read),
            () = in_mailbox => Woken::Notice,
            () = elsewhere => Woken::Notice,
            () = session_watch.changed() => Woken::Doubt,
            () = end => Woken::TooLong,
            () = sleep(look) => {
                self.last_look = Some(Instant::now());
                Woken::Doubt
            }
        })
    }

    /// Waits for bytes between commands, and tells what NOTIFY asked for as it happens.
    pub(crate) async fn fill_and_tell(&mut self) -> Result<(), End> {
        let mut end = pin!(sleep(Duration::from_secs(self.client.house.limits().idle_seconds)));
        self.tell_unasked(false).await.map_err(ended)?;
        loop {
            self.flush().await?;
            let mut bytes = Vec::new();
            // Nobody looks at a mailbox of which nothing is told.
            let is_told = self.client.hearing.selected != OfSelected::Nothing;
            let until = if is_told { self.client.selected_until() } else { None };
            match self.wait(until, &mut bytes, end.as_mut()).await.map_err(ended)? {
                Woken::Bytes(Ok(read)) if read > 0 => {
                    self.framer.push(&bytes);
                    return Ok(());
                }
                Woken::Bytes(_) => return Err(End::Closed),
                Woken::Drain => return Err(GOING_DOWN),
                Woken::TooLong => return Err(End::Bye(None, "Nothing was heard for too long")),
                Woken::Notice => self.tell_unasked(false).await.map_err(ended)?,
                Woken::Doubt => self.tell_unasked(true).await.map_err(ended)?,
            }
        }
    }

    /// Tells what is new while no command runs; in `doubt` the selected mailbox is looked at without a notice.
    async fn tell_unasked(&mut self, doubt: bool) -> Result<(), Stop> {
        let hears = self.client.hearing.selected;
        let desk = self.client.desk()?;
        desk.house.check_session(desk.session).await?;
        if matches!(hears, OfSelected::Always { .. }) && self.client.is_selected() {
            let selected = self.client.work()?.selected;
            let waits = selected.messages.has_gone() && hears.expunges_unasked();
            if selected.has_notice() || waits || doubt {
                self.sync_selected(hears.expunges_unasked()).await?;
            }
            self.tell_new().await?;
        }
        self.tell_around(&[]).await
    }

    /// Does the sign-in still hold, and what is new? For IDLE, in which everything may be told.
    pub(crate) async fn look(&mut self) -> Result<(), Stop> {
        let desk = self.client.desk()?;
        desk.house.check_session(desk.session).await?;
        if self.client.is_selected() {
            self.sync_selected(true).await?;
            self.tell_new().await?;
        }
        self.tell_around(&[]).await
    }

    /// Fetches what NOTIFY asked for of messages that are new in the selected mailbox, without those that the client
    /// has put there itself (RFC 5465 section 5.2).
    pub(crate) async fn tell_new(&mut self) -> Result<(), Stop> {
        if !self.client.is_selected() {
            return Ok(());
        }
        let items = self.client.hearing.items.clone();
        let selected = self.client.work()?.selected;
        let last = selected.messages.last_uid();
        let uids = if items.is_empty() { Vec::new() } else { selected.unannounced() };
        let mut fetched = Ok(());
        if !uids.is_empty() {
            let set = SequenceSet::of(Uid::runs(uids).into_iter().map(|(first, last)| (first.get(), last.get())));
            let command = FetchCommand { by_uid: true, set, items, changed_since: None, vanished: false };
            fetched = self.fetch(command).await.map(|done| self.client.warn(&done));
        }
        if let Err(Stop::End(end)) = fetched {
            return Err(end.into());
        }
        let flags = self.client.hearing.selected.flags();
        let Work { selected, rev2, resync, .. } = self.client.work()?;
        // What can not be read now is told the next time. Modification sequences that some of it was shown with are put
        // right all the same.
        if fetched.is_ok() {
            selected.note_announced(last);
        }
        let telling = selected.past(Manner { rev2, resync, flags });
        self.tell(telling).await?;
        fetched
    }

    /// Tells what was heard of mailboxes that are not selected, without what the client did itself under these names.
    /// Where there is too much to watch, it is told so, and nothing is watched any more (RFC 5465 section 5.8).
    pub(crate) async fn tell_around(&mut self, own: &[String]) -> Result<(), Stop> {
        let Some(mut around) = self.client.hearing.around.take() else { return Ok(()) };
        around.watched.select(self.client.selected_id());
        if !around.hear() {
            self.client.hearing.around = Some(around);
            return Ok(());
        }
        match self.tell_changes_of(&mut around, own).await {
            Ok(true) => self.client.hearing.around = Some(around),
            Ok(false) => {
                self.client.hearing = Hearing::nothing();
                let text = "There are more mailboxes than one connection may watch; nothing is told any more";
                self.client.reply().untagged(Status::Ok, Some(&ResponseCode::NotificationOverflow), text);
            }
            Err(stop) => {
                // Nothing of it is lost.
                around.watched.look_again();
                self.client.hearing.around = Some(around);
                return Err(stop);
            }
        }
        Ok(())
    }

    async fn tell_changes_of(&mut self, around: &mut Around, own: &[String]) -> Result<bool, Stop> {
        if around.watched.pending.lists {
            let listing = self.survey(around).await?;
            let most = self.client.house.limits().notify_mailboxes;
            let Ok(mut names) = around.watched.changes(&listing, most) else { return Ok(false) };
            names.0.retain(|name, _| !own.contains(name));
            self.tell_names(&listing, &names);
            around.watched.pending.lists = false;
        }
        let due = around.watched.due(self.client.selected_id());
        self.tell_numbers(&mut around.watched, &due).await?;
        Ok(true)
    }

    /// What the client sees now.
    pub(crate) async fn survey(&mut self, around: &mut Around) -> Result<Listing, Stop> {
        let Desk { house, session, .. } = self.client.desk()?;
        let accounts = house.survey(session, &mut around.notices).await?;
        around.until = accounts.iter().filter_map(|account| account.until).min();
        let mut listing = Listing::of(accounts);
        listing.add_subscriptions(house, session).await?;
        Ok(listing)
    }

    pub(crate) fn tell_names(&mut self, listing: &Listing, names: &Names) {
        let mut reply = self.client.reply();
        for (name, old_name) in &names.0 {
            reply.list(&ListEntry {
                attributes: &attributes(listing.named(name)),
                delimiter: Some(DELIMITER),
                mailbox: name,
                subscribed_below: false,
                old_name: old_name.as_deref(),
            });
        }
    }

    /// Tells numbers that changed, by STATUS.
    pub(crate) async fn tell_numbers(&mut self, watched: &mut Watched, due: &[MailboxId]) -> Result<(), Stop> {
        for piece in due.chunks(MAILBOXES_AT_ONCE) {
            let Desk { house, session, out, rev2, resync, .. } = self.client.desk()?;
            let numbers = house.numbers(session, piece.into()).await?;
            let mut reply = Encoder::new(out, rev2);
            for (mailbox, numbers) in piece.iter().zip(&numbers) {
                let in_mailbox = resync.in_mailbox(numbers.is_some_and(|numbers| numbers.keeps_modseqs));
                let counters = numbers.as_ref().map(|numbers| &numbers.counters);
                let news = watched.news(*mailbox, counters, in_mailbox.tells_changes());
                if let (Some((name, items)), Some(numbers)) = (news, numbers) {
                    reply.status(name, &status::values(numbers, &items));
                }
            }
            if out.len() >= GATHERED_BYTES {
                self.flush().await?;
            }
        }
        Ok(())
    }
}

impl Client {
    /// Some of what is told unasked was left out, and will not be there the next time either (RFC 9051 section 7.1.2).
    fn warn(&mut self, done: &Completion) {
        if let (Status::No, Some(Code::Fixed(code))) = (done.status, &done.code) {
            self.reply().untagged(Status::No, Some(code), &done.text);
        }
    }
}

/// While no command runs there is none to answer: a selected mailbox that can not be read any more ends the
/// connection, where something is told of it (docs/design.md section 4).
pub(crate) fn ended(stop: Stop) -> End {
    match stop {
        Stop::End(end) => end,
        Stop::Refused(refused @ (Refused::Ended | Refused::Unavailable)) => not_held(refused),
        Stop::Refused(_) | Stop::Answer(_) => End::Bye(None, "The mailbox can not be read any more"),
    }
}
