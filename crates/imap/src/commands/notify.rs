//! NOTIFY (RFC 5465): one connection hears of every mailbox that somebody may read, their own and those that others
//! share with them.
//!
//! What is watched is what is seen, so a name that is hidden and one that is not there are passed over alike (section
//! 3.1). Each notice is answered through the gate when it is told.

use crate::answer::{Code, Completion, Handled, Stop};
use crate::around::{Around, Wanted};
use crate::connection::{Connection, Desk};
use crate::hearing::{Hearing, OfSelected};
use crate::resync::Resync;
use postern_app::Refused;
use postern_app::wire::Wire;
use postern_imap_wire::{FetchItem, NOTIFY_EVENTS, NotifySet, ResponseCode, Status};

impl<W: Wire> Connection<W> {
    /// NOTIFY SET, and NOTIFY NONE, which is `None`.
    pub(crate) async fn notify(&mut self, set: Option<NotifySet>) -> Handled {
        let Some(set) = set else {
            self.know_selected().await?;
            self.client.hearing = Hearing::nothing();
            return Ok(Completion::ok("Nothing is told"));
        };
        if set.unsupported {
            let code = Some(Code::Fixed(ResponseCode::BadEvent(NOTIFY_EVENTS)));
            return Ok(Completion { status: Status::No, code, text: "One of the events is unknown here".into() });
        }
        if set.selected.is_none() {
            self.know_selected().await?;
        }
        let around = self.watch(Wanted::new(set.groups), set.status).await?;
        if set.selected.as_ref().is_some_and(|selected| selected.items.contains(&FetchItem::ModSeq)) {
            self.client.enable_resync(Resync::Changes);
        }
        self.client.hearing = Hearing::set(set.selected, around);
        // Section 3.1: as NOOP would.
        if self.client.hearing.selected != OfSelected::Nothing && self.client.is_selected() {
            unless_denied(self.sync_selected(true).await)?;
        }
        Ok(Completion::ok("You will be told"))
    }

    /// Reads the selected mailbox where that was not done yet, before nothing is told of it any more: the first command
    /// that reads it would tell what came meanwhile.
    async fn know_selected(&mut self) -> Result<(), Stop> {
        if self.client.is_selected() {
            unless_denied(self.read_messages().await)?;
        }
        Ok(())
    }

    /// Begins to watch; tells where there is no access, and STATUS where that is wanted.
    async fn watch(&mut self, wanted: Wanted, with_status: bool) -> Result<Option<Box<Around>>, Stop> {
        if wanted.is_empty() {
            return Ok(None);
        }
        let Desk { house, session, .. } = self.client.desk()?;
        let mut around = Box::new(Around::new(wanted, house.listen(session).await?));
        let listing = self.survey(&mut around).await?;
        let Ok(names) = around.watched.begin(&listing, self.client.house.limits().notify_mailboxes) else {
            let text = "There are more mailboxes than one connection may watch; name fewer";
            return Err(Completion::no(ResponseCode::NotificationOverflow, text).into());
        };
        self.tell_names(&listing, &names);
        if with_status {
            let due = around.watched.all_due(self.client.selected_id());
            self.tell_numbers(&mut around.watched, &due).await?;
        }
        Ok(Some(around))
    }
}

/// A mailbox that can not be read any more is not what this command is about.
fn unless_denied(told: Result<(), Stop>) -> Result<(), Stop> {
    match told {
        Err(Stop::Refused(Refused::Denied(_))) => Ok(()),
        told => told,
    }
}
