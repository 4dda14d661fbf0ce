//! The queue for people: what waits, sent now, held, taken out.

use crate::admin::duty_at;
use crate::shared::number_of;
use crate::{House, Refused};
use postern_store::{
    Caller, GateError, ManageQueue, ManageShared, QueueFilter, QueueRecipientRow, QueueRow, Queued, RemovedQueued,
    RunQueue, Suppressed, Tx,
};
use postern_types::Address;

/// Messages on one page of a list, at most.
const PAGE: usize = 200;
/// Recipients of a message that are shown.
const SHOWN_RECIPIENTS: usize = 1000;

/// A message that waits, with those who wait for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueShown {
    /// The message.
    pub row: QueueRow,
    /// At most a thousand of its recipients.
    pub recipients: Vec<QueueRecipientRow>,
}

/// Recipients of a mailbox to whom no campaign is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuppressedList {
    /// Some of them, by address.
    pub recipients: Vec<Suppressed>,
    /// There are more, after the last one.
    pub has_more: bool,
}

impl House {
    /// Messages that wait, newest first: of one account, or all that the caller may see.
    pub async fn list_queue(
        &self,
        caller: &Caller,
        account: Option<Address>,
        before: Option<String>,
    ) -> Result<Vec<QueueRow>, Refused> {
        let caller = caller.clone();
        self.ask(move |tx| {
            // An address of nobody's is answered as one that is hidden (law 4).
            let proof = |address| duty_at::<ManageQueue>(tx, &caller, address, "account");
            let account = account.as_ref().map(proof).transpose()?.map(|(account, _)| account);
            let before = match &before {
                Some(id) => Some(tx.queued(&caller, id)?.show(0)?.0.number),
                None => None,
            };
            tx.list_queue(&caller, &QueueFilter { account, before, most: PAGE })
        })
        .await
    }

    /// How many messages and recipients wait.
    pub async fn count_queue(&self, caller: &Caller) -> Result<(u64, u64), Refused> {
        let caller = caller.clone();
        self.ask(move |tx| tx.authority::<ManageQueue>(&caller)?.count_queue()).await
    }

    /// One message that waits.
    pub async fn show_queued(&self, caller: &Caller, id: &str) -> Result<QueueShown, Refused> {
        let (caller, id) = (caller.clone(), id.to_owned());
        self.ask(move |tx| shown(&tx.queued(&caller, &id)?)).await
    }

    /// Sends it now.
    pub async fn retry_queued(&self, caller: &Caller, id: &str) -> Result<QueueShown, Refused> {
        let (caller, id) = (caller.clone(), id.to_owned());
        let write = self.change(move |tx| {
            let queued = tx.queued(&caller, &id)?;
            queued.retry()?;
            shown(&queued)
        });
        let done = write.await?;
        self.queue.unreachable.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
        self.queue.wake();
        Ok(done)
    }

    /// Holds it until somebody sends or removes it.
    pub async fn hold_queued(&self, caller: &Caller, id: &str) -> Result<QueueShown, Refused> {
        let (caller, id) = (caller.clone(), id.to_owned());
        self.change(move |tx| {
            let queued = tx.queued(&caller, &id)?;
            queued.hold(&format!("held by {}", caller.origin().label))?;
            shown(&queued)
        })
        .await
    }

    /// Takes it out; answers it as it was, and what was taken out.
    pub async fn remove_queued(&self, caller: &Caller, id: &str) -> Result<(QueueShown, RemovedQueued), Refused> {
        let (caller, id, job) = (caller.clone(), id.to_owned(), self.submission_job()?);
        self.change(move |tx| {
            let queued = tx.queued(&caller, &id)?;
            let before = shown(&queued)?;
            Ok((before, queued.remove(&tx.authority::<RunQueue>(&job)?)?))
        })
        .await
    }

    /// Recipients to whom no campaign of a mailbox is sent, after an address.
    pub async fn list_suppressed(
        &self,
        caller: &Caller,
        shared: &Address,
        after: Option<String>,
    ) -> Result<SuppressedList, Refused> {
        let (caller, shared) = (caller.clone(), shared.clone());
        self.ask(move |tx| {
            let proof = tx.authority_on::<ManageShared>(&caller, number_of(tx, &shared)?)?;
            let mut recipients = proof.list_suppressed(after.as_deref().unwrap_or_default(), PAGE + 1)?;
            let has_more = recipients.len() > PAGE;
            recipients.truncate(PAGE);
            Ok(SuppressedList { recipients, has_more })
        })
        .await
    }

    /// Lets campaigns of a mailbox go to this address again.
    pub async fn unsuppress(&self, caller: &Caller, shared: &Address, recipient: &Address) -> Result<(), Refused> {
        let (caller, shared, recipient) = (caller.clone(), shared.clone(), recipient.clone());
        let write = move |tx: &Tx<'_>| {
            tx.authority_on::<ManageShared>(&caller, number_of(tx, &shared)?)?.unsuppress(&recipient)
        };
        self.change(write).await
    }
}

fn shown(queued: &Queued<'_>) -> Result<QueueShown, GateError> {
    let (row, recipients) = queued.show(SHOWN_RECIPIENTS)?;
    Ok(QueueShown { row, recipients })
}
