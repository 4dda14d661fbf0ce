//! SELECT and EXAMINE (RFC 9051 sections 6.3.2 and 6.3.3, RFC 3501 sections 6.3.1 and 6.3.2), with CONDSTORE and
//! QRESYNC (RFC 7162 sections 3.1.8 and 3.2.5) and the mailbox's id (RFC 8474 section 4.2).

use crate::answer::{Completion, Handled, Stop};
use crate::connection::{Connection, Desk, Work, tell_highest};
use crate::hearing::OfSelected;
use crate::names;
use crate::resync::{Resync, modseq};
use crate::selected::{Selected, tell_flags};
use crate::telling::{Manner, Telling};
use postern_app::Counters;
use postern_app::wire::Wire;
use postern_imap_wire::{Encoder, ListEntry, QResync, ResponseCode, SelectParameter, Status};
use postern_types::Uid;

const NO_PARAMETERS: &str = "SELECT and EXAMINE know the parameters CONDSTORE and QRESYNC";
const NOT_ENABLED: &str = "QRESYNC comes after ENABLE QRESYNC";

impl<W: Wire> Connection<W> {
    /// SELECT, and EXAMINE, which is `read_only`.
    pub(crate) async fn select(&mut self, mailbox: &str, parameters: &[SelectParameter], read_only: bool) -> Handled {
        let mut known = None;
        for parameter in parameters {
            match parameter {
                SelectParameter::CondStore => {}
                SelectParameter::QResync(_) if !self.client.resync.tells_uids() => {
                    return Ok(Completion::bad(NOT_ENABLED));
                }
                SelectParameter::QResync(resync) => known = Some(resync),
                SelectParameter::Other(_) => return Ok(Completion::bad(NO_PARAMETERS)),
            }
        }
        let Desk { selected, out, rev2, .. } = self.client.desk()?;
        // Whatever becomes of it, the mailbox before is left (RFC 9051 section 6.3.2).
        if selected.take().is_some() {
            Encoder::new(out, rev2).untagged(Status::Ok, Some(&ResponseCode::Closed), "The mailbox before is closed");
        }
        if !parameters.is_empty() {
            self.client.enable_resync(Resync::Changes);
        }
        let missed = self.open(mailbox, known, read_only).await?;
        if let Err(stop) = self.tell(missed).await {
            *self.client.desk()?.selected = None;
            return Err(stop);
        }
        let Work { selected, .. } = self.client.work()?;
        let code = if selected.is_read_only() { ResponseCode::ReadOnly } else { ResponseCode::ReadWrite };
        Ok(Completion::ok(if read_only { "Open for reading" } else { "Selected" }).with(code))
    }

    /// Opens the mailbox and tells of it; answers what happened since the client was here, where it said when that
    /// was: it is told as UID FETCH with CHANGEDSINCE and VANISHED would (RFC 7162 section 3.2.5.1).
    async fn open(&mut self, mailbox: &str, known: Option<&QResync>, read_only: bool) -> Result<Telling, Stop> {
        // Who hears nothing unasked is not told at the first command what happened before it.
        let listed = known.is_some() || self.client.hearing.selected == OfSelected::Nothing;
        let Desk { house, session, selected, out, rev2, resync } = self.client.desk()?;
        let at = names::locate(mailbox);
        let opened = house.open_mailbox(session, &at, read_only, listed).await?;
        let counters = opened.counters;
        // Section 3.2.5.1: without modification sequences the rest is passed over.
        let known = known.filter(|known| opened.keeps_modseqs && known.uid_validity == counters.uid_validity.0);
        let (mut changed, mut gone) = (Vec::new(), Vec::new());
        if let (Some(known), Some(snapshot)) = (known, &opened.snapshot) {
            changed = snapshot.changed_since(modseq(known.modseq));
            gone = house.vanished(session, opened.mailbox, modseq(known.modseq), snapshot.vanished_until()).await?;
        }
        let opened = Selected::new(opened, at.clone(), read_only);
        let mut reply = Encoder::new(out, rev2);
        let tells_unseen = !rev2 && counters.messages <= house.limits().listed_messages;
        tell_opened(&mut reply, &opened, &counters, (rev2, tells_unseen));
        let id = house.object_id(opened.mailbox).to_string();
        reply.untagged(Status::Ok, Some(&ResponseCode::MailboxId(&id)), "Whatever its name");
        if rev2 {
            let name = names::shown_at(&at);
            reply.list(&ListEntry {
                attributes: &[],
                delimiter: Some(names::DELIMITER),
                mailbox: &name,
                subscribed_below: false,
                old_name: (name != mailbox).then_some(mailbox),
            });
        }
        let named = known.and_then(|known| known.known.as_ref());
        if let Some(ranges) = named.and_then(|set| set.resolve(0)) {
            changed.retain(|(uid, _)| {
                let place = ranges.partition_point(|(_, last)| *last < uid.get());
                ranges.get(place).is_some_and(|(first, _)| *first <= uid.get())
            });
        }
        let changed = changed.iter().map(|(uid, _)| *uid);
        let missed = Telling::earlier(opened.vanished(&gone, named), changed, Manner { rev2, resync, flags: true });
        *selected = Some(Box::new(opened));
        Ok(missed)
    }
}

fn tell_opened(reply: &mut Encoder<'_>, selected: &Selected, counters: &Counters, (rev2, tells_unseen): (bool, bool)) {
    tell_flags(reply, selected);
    reply.exists(selected.messages.count());
    if !rev2 {
        reply.recent(selected.messages.recent_count());
    }
    // It has to be looked for, which in a large mailbox nobody waits for.
    if let Some(number) = tells_unseen.then(|| selected.messages.first_unseen()).flatten() {
        reply.untagged(Status::Ok, Some(&ResponseCode::Unseen(number)), "The first message that is not seen");
    }
    reply.untagged(Status::Ok, Some(&ResponseCode::UidValidity(counters.uid_validity)), "UIDs hold");
    // When every UID is used there is no next one to tell.
    if let Some(next) = u32::try_from(counters.uid_next).ok().and_then(Uid::new) {
        reply.untagged(Status::Ok, Some(&ResponseCode::UidNext(next)), "The next UID");
    }
    if selected.keeps_modseqs() {
        tell_highest(reply, selected.told());
    } else {
        reply.untagged(Status::Ok, Some(&ResponseCode::NoModSeq), "Messages come into view as they grow old");
    }
}
