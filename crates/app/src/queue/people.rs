//! The queue for people: what waits, sent now, held, taken out.

use crate::admin::{allowed, duty_at};
use crate::shared::number_of;
use crate::{House, Refused};
use postern_access::Protocol;
use postern_store::{
    Caller, GateError, ManageQueue, QueueOf, QueueRecipientRow, QueueRow, Queued, ReadGrants, RemovedQueued, Rule,
    RunQueue, SendUse, Suppressed, Tx,
};
use postern_types::{Address, CredentialId, PersonId};

/// Messages on one page of a list, at most.
const PAGE: usize = 200;
/// Recipients of a message that are shown.
const SHOWN_RECIPIENTS: usize = 1000;

/// Which messages that wait.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum QueueChoice {
    /// All of them, for those who manage all; what they sent themselves, for everybody else.
    #[default]
    All,
    /// Sent as the account with this address.
    Account(Address),
    /// Handed in by this credential, by its id or as `ADDRESS/NAME`.
    Credential(String),
}

/// Messages that wait, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuePage {
    /// Some of them.
    pub rows: Vec<QueueRow>,
    /// There are more, older than this number.
    pub next_before: Option<i64>,
    /// How many messages were chosen in all, and recipients.
    pub all: (u64, u64),
    /// They are only what the caller sent themselves.
    pub is_own: bool,
}

/// A message that waits, with those who wait for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueShown {
    /// The message.
    pub row: QueueRow,
    /// At most a thousand of its recipients.
    pub recipients: Vec<QueueRecipientRow>,
    /// Why whoever asks can not send it now, where they can not.
    pub retry_refused: Option<String>,
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
    /// Messages that wait, newest first, older than a number.
    pub async fn list_queue(
        &self,
        caller: &Caller,
        choice: QueueChoice,
        before: Option<i64>,
    ) -> Result<QueuePage, Refused> {
        let caller = caller.clone();
        self.ask(move |tx| {
            let queue = queue_of(tx, &caller, &choice)?;
            let mut rows = queue.list(before, PAGE + 1)?;
            let has_more = rows.len() > PAGE;
            rows.truncate(PAGE);
            let next_before = rows.last().filter(|_| has_more).map(|row| row.number);
            Ok(QueuePage { rows, next_before, all: queue.count()?, is_own: queue.is_own() })
        })
        .await
    }

    /// How many messages that a credential handed in wait still; nothing for those who do not manage what
    /// waits in its mailbox.
    pub async fn waiting_of_credential(&self, caller: &Caller, which: &str) -> Result<Option<u64>, Refused> {
        let (caller, which) = (caller.clone(), which.to_owned());
        self.ask(move |tx| {
            let (id, account) = tx.credential_called(&which)?;
            let proof = allowed(tx.authority_on::<ManageQueue>(&caller, account))?;
            let credential = CredentialId::new(id).ok();
            proof.zip(credential).map(|(proof, credential)| proof.waiting_of_credential(credential)).transpose()
        })
        .await
    }

    /// What a credential has used of its limits in this minute and today; nothing where it does not send.
    pub async fn credential_use(&self, caller: &Caller, which: &str) -> Result<Option<SendUse>, Refused> {
        let (caller, which) = (caller.clone(), which.to_owned());
        self.ask(move |tx| {
            let credential = tx.credential::<ReadGrants>(&caller, &which)?;
            let submits = credential.row()?.facts.scope.protocols.has(Protocol::Submission);
            Ok(submits.then(|| credential.send_use()).transpose()?)
        })
        .await
    }

    /// How many messages that a person sent as an account wait still; nothing for those who do not manage
    /// what waits there, and of a group.
    pub async fn waiting_of_person(
        &self,
        caller: &Caller,
        account: &Address,
        person: &Address,
    ) -> Result<Option<u64>, Refused> {
        let (caller, account, person) = (caller.clone(), account.clone(), person.clone());
        self.ask(move |tx| {
            let proof = allowed(tx.authority_on::<ManageQueue>(&caller, number_of(tx, &account)?))?;
            let person = tx.account_at(&person)?.map(PersonId::of);
            proof.zip(person).map(|(proof, person)| proof.waiting_of_person(person)).transpose()
        })
        .await
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
        self.sent_now();
        Ok(done)
    }

    /// Something is to be sent now: also where nobody could be reached lately.
    pub(super) fn sent_now(&self) {
        self.queue.forget_places();
        self.queue.wake();
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
            let (_, proof) = duty_at::<ManageQueue>(tx, &caller, &shared, "shared mailbox")?;
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
        let write =
            move |tx: &Tx<'_>| duty_at::<ManageQueue>(tx, &caller, &shared, "shared mailbox")?.1.unsuppress(&recipient);
        self.change(write).await
    }
}

/// Those of them that the caller may see. An address or a credential of nobody's is answered as one that is
/// hidden (law 4).
pub(super) fn queue_of<'t>(tx: &'t Tx<'t>, caller: &'t Caller, choice: &QueueChoice) -> Result<QueueOf<'t>, GateError> {
    match choice {
        QueueChoice::All => tx.queue_of(caller, None, None),
        QueueChoice::Account(address) => {
            let (account, _) = duty_at::<ManageQueue>(tx, caller, address, "account")?;
            tx.queue_of(caller, Some(account), None)
        }
        QueueChoice::Credential(which) => {
            let (id, account) = tx.credential_called(which)?;
            let proof = tx.queue_of(caller, Some(account), CredentialId::new(id).ok());
            match proof {
                Err(GateError::Ended) => Err(GateError::Ended),
                _ if id == 0 => Err(Rule::Absent(format!("credential {which}")).into()),
                proof => proof,
            }
        }
    }
}

fn shown(queued: &Queued<'_>) -> Result<QueueShown, GateError> {
    let (row, recipients) = queued.show(SHOWN_RECIPIENTS)?;
    let retry_refused = queued.retry_refused(&row)?;
    Ok(QueueShown { row, recipients, retry_refused })
}
