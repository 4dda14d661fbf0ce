//! What follows from a limit that was reached: whoever answers for it is told once a day, and a
//! credential that is to stop there is suspended. And the note to the sender of a parked answer.

use super::{Notice, Said, SubmitError, SubmitRequest};
use crate::queue::{Note, parked_text};
use crate::{House, Refused, Session};
use postern_access::{Actor, Limit, OnLimit, OverLimit};
use postern_store::{GateError, RunQueue, Tx};
use postern_types::{AccountId, Timestamp};

impl House {
    /// What follows from a limit that was reached, beside the refusal.
    pub(super) async fn limit_reached(
        &self,
        session: &Session,
        account: AccountId,
        over: &OverLimit,
        on_limit: OnLimit,
    ) {
        if let Err(error) = self.after_limit(session, account, over, on_limit).await {
            tracing::error!(event = "submission.limit-not-told", %error);
        }
    }

    /// Tells whoever answers for the sender, once for each day, and suspends where that is wanted.
    async fn after_limit(
        &self,
        session: &Session,
        account: AccountId,
        over: &OverLimit,
        on_limit: OnLimit,
    ) -> Result<(), Refused> {
        let suspends = on_limit == OnLimit::Suspend && matches!(session.actor(), Actor::Credential { .. });
        let (caller, limit) = (session.caller.clone(), over.limit);
        // Each further refusal of the day costs a look and no more.
        let is_told = self.db.read(move |tx: &Tx<'_>| tx.is_told(&caller, account, limit)).await?;
        if is_told && !suspends {
            return Ok(());
        }
        let label = session.caller.origin().label.clone();
        let whom = self.who_answers(session, account, limit).await?;
        let (name, paragraphs) = self.limit_told((account, &label), over, on_limit, suspends).await?;
        let subject = format!("{name} has reached a sending limit");
        let paragraphs: Vec<&str> = paragraphs.iter().map(String::as_str).collect();
        let mut notices = Vec::new();
        for (address, account) in &whom {
            let note = Note { to: address, account: *account, subject: &subject, paragraphs: &paragraphs, about: None };
            notices.push(self.note(&note).await?);
        }
        let (caller, limit, job) = (session.caller.clone(), over.limit, self.submission_job()?);
        let write = self.db.write(move |tx: &Tx<'_>| -> Result<(), GateError> {
            tx.hold_sender(&caller, account)?;
            if tx.note_told(&job, &caller, account, limit)? || suspends {
                let queue = tx.authority::<RunQueue>(&job)?;
                notices.iter().try_for_each(|notice| queue.notify(notice.account, &notice.queued))?;
            }
            if suspends {
                tx.suspend_at_limit(&job, &caller)?;
            }
            Ok(())
        });
        write.await?;
        self.queue.wake();
        Ok(())
    }

    /// Who answers for a limit: the owners of an account for its own; else the owner of a credential, and a
    /// person themselves.
    async fn who_answers(
        &self,
        session: &Session,
        account: AccountId,
        limit: Limit,
    ) -> Result<Vec<(String, AccountId)>, Refused> {
        let caller = session.caller.clone();
        let read =
            self.db.read(move |tx: &Tx<'_>| -> Result<_, GateError> { tx.who_answers_for(&caller, account, limit) });
        Ok(read.await?)
    }

    /// Who has reached a limit, and what is said of it, with the commands on lines of their own.
    async fn limit_told(
        &self,
        (account, label): (AccountId, &str),
        over: &OverLimit,
        on_limit: OnLimit,
        suspends: bool,
    ) -> Result<(String, Vec<String>), Refused> {
        let is_account = over.limit == Limit::AccountRecipients;
        let address = if is_account { self.db.read(move |tx: &Tx<'_>| tx.address_of(account)).await? } else { None };
        let name = address.unwrap_or_else(|| label.to_owned());
        let last = if is_account { format!(" The last to send was {label}.") } else { String::new() };
        let mut told = vec![format!("{name} has reached a limit: {}.{last}", over.limit.told(over.most))];
        match over.is_never {
            _ if suspends => {
                told.push(format!("{label} is suspended. To resume it:"));
                told.push(format!("postern credential resume {label}"));
            }
            true => told.push("One message alone was over it, and was refused.".to_owned()),
            false => {
                let what = match on_limit {
                    OnLimit::Slow => "What it sends beyond that waits until then.",
                    OnLimit::Refuse | OnLimit::Suspend => "What it sends is refused until then.",
                };
                told.push(format!("There is room again at {}. {what}", super::prepare::rfc3339(over.until)));
            }
        }
        // A person has no limit but that of an account. Who answers for a credential need not run its mailbox.
        if is_account {
            told.extend(["What was sent:".to_owned(), format!("postern audit list --account {name}")]);
            told.extend(["What waits:".to_owned(), format!("postern queue list --account {name}")]);
        } else {
            told.extend(["How much it sent, and how much it may:".to_owned()]);
            told.push(format!("postern credential show {name}"));
            told.push("What waits, for owners of the mailbox:".to_owned());
            told.push(format!("postern queue list --credential {name}"));
        }
        Ok((name, told))
    }

    /// The note to whoever sent an answer that is parked.
    pub(super) async fn parked_notice(
        &self,
        session: &Session,
        request: &SubmitRequest,
        said: &Said,
        (who, when): (&str, Timestamp),
    ) -> Result<Notice, SubmitError> {
        let account = match session.actor() {
            Actor::Person(person) => person.account(),
            _ => session.account(),
        };
        let texts = parked_text(&request.id, who, when);
        let paragraphs: Vec<&str> = texts.iter().map(String::as_str).collect();
        let subject = format!("Not sent: {}", said.header.subject);
        let to = session.address().to_string();
        let about = said.header.message_id.as_deref();
        let note = Note { to: &to, account, subject: &subject, paragraphs: &paragraphs, about };
        self.note(&note).await.map_err(|_| SubmitError::Unavailable)
    }
}
