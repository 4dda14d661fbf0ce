//! What follows from a limit that was reached: whoever answers for it is told once a day, and a
//! credential that is to stop there is suspended. And the note to the sender of a parked answer.

use super::{Notice, Said, SubmitError, SubmitRequest};
use crate::queue::{Note, parked_text};
use crate::{House, Refused, Session};
use postern_access::{Actor, OnLimit, OverLimit};
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
        let whom = self.who_answers(session).await?;
        let what = match on_limit {
            OnLimit::Slow => "What it sends beyond that waits until then.",
            OnLimit::Refuse | OnLimit::Suspend => "What it sends is refused until then.",
        };
        let reached = format!("{label} has reached a limit: {} {}.", over.most, over.limit);
        let until = match over.is_never {
            _ if suspends => format!("It is suspended. To resume it: postern credential resume {label}"),
            true => "One message alone was over it, and was refused.".to_owned(),
            false => format!("There is room again at {}. {what}", super::prepare::rfc3339(over.until)),
        };
        let next =
            format!("See what was sent with: postern audit list --actor {label}; what waits with: postern queue list");
        let mut notices = Vec::new();
        for (address, account) in &whom {
            let paragraphs = [reached.as_str(), until.as_str(), next.as_str()];
            let subject = format!("{label} has reached a sending limit");
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

    /// Who answers for a sender: the owner of a credential; a person themselves.
    async fn who_answers(&self, session: &Session) -> Result<Vec<(String, AccountId)>, Refused> {
        let caller = session.caller.clone();
        let read = self.db.read(move |tx: &Tx<'_>| -> Result<_, GateError> { tx.who_answers_for(&caller) });
        Ok(read.await?)
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
