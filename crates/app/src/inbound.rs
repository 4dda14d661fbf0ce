//! Mail from other servers: taken for addresses of ours, and for nobody else (RFC 5321 section 3.6.2
//! calls what takes more an open relay). And what comes back of campaigns.

use crate::carrier::NotifyWish;
use crate::delivery::Delivery;
use crate::queue::is_hard;
use crate::submit::bits;
use crate::{DeliveryError, House, Recipient, Refused};
use postern_mime as mime;
use postern_store::{After, GateError, Lane, NewQueued, NewRecipient, RunQueue, Tx};
use postern_types::{AccountId, Address};

/// Failures that leave nothing to try again.
fn is_for_good(error: &DeliveryError) -> bool {
    use DeliveryError::{Closed, DiskFull, Message, NotOurs, OverQuota, PartlyOverQuota, Unavailable, Unknown};
    match error {
        Unknown(_) | NotOurs(_) | Closed | Message(_) => true,
        OverQuota | PartlyOverQuota | DiskFull | Unavailable => false,
    }
}

impl House {
    /// Delivers a message of another server to all of its recipients, with one answer. Where some have
    /// it and others do not, it is taken, and the queue goes on with those: the sender hears of them by
    /// a notification. `reverse_path` is empty for notifications.
    pub async fn take_in(&self, delivery: Delivery, reverse_path: &str) -> Result<(), DeliveryError> {
        let results = self.deliver(delivery.clone()).await;
        let failed: Vec<_> = delivery.recipients.iter().zip(&results).filter(|(_, result)| result.is_err()).collect();
        if failed.is_empty() {
            return Ok(());
        }
        if failed.len() == results.len() {
            // Nobody has it, so the sender may send it again for all of them.
            let mut errors = results.into_iter().filter_map(Result::err);
            let first = errors.next().unwrap_or(DeliveryError::Unavailable);
            let later = if is_for_good(&first) { errors.find(|error| !is_for_good(error)) } else { None };
            return Err(later.unwrap_or(first));
        }
        let rest: Vec<Recipient> = failed.into_iter().map(|(recipient, _)| recipient.clone()).collect();
        self.queue_rest(&delivery, reverse_path, &rest).await.map_err(|_| DeliveryError::Unavailable)
    }

    /// Puts those who have not got it into the queue, which tries again and tells the sender at last.
    async fn queue_rest(&self, delivery: &Delivery, reverse_path: &str, rest: &[Recipient]) -> Result<(), Refused> {
        // Without an account nobody could go on with it: the sender does.
        let account = rest.iter().find_map(|recipient| recipient.first_account()).ok_or(Refused::Unavailable)?;
        let (trace, message) = delivery.raw.split_at(delivery.trace_bytes.min(delivery.raw.len()));
        let eight_bit = message.iter().any(|byte| *byte > 127);
        let body = self.prepare_body(account, message.to_vec()).await?;
        let recipients = rest.iter().map(|recipient| NewRecipient {
            address: recipient.address().to_owned(),
            domain: recipient.address().rsplit_once('@').map_or(String::new(), |(_, domain)| domain.to_owned()),
            is_here: true,
            // Of a failure, since the mail was taken; a stranger is told of no delay.
            notify: bits(NotifyWish { delay: false, ..NotifyWish::DEFAULT }),
            original: None,
        });
        let queued = NewQueued {
            public_id: self.new_queue_id()?,
            // Whose domain answers for it: notifications are ours, not the sender's.
            from: rest.first().map_or(String::new(), |recipient| recipient.address().to_owned()),
            reverse_path: reverse_path.to_owned(),
            verp: false,
            body,
            prefix: without_return_path(trace).to_vec(),
            smtputf8: !reverse_path.is_ascii(),
            eight_bit,
            return_full: None,
            envelope_id: None,
            lane: Lane::People,
            hold: None,
            undo_until: None,
            first_try: self.now(),
            at_limit: false,
            after: After::default(),
            recipients: recipients.collect(),
        };
        let job = self.submission_job()?;
        let write = self.db.write(move |tx: &Tx<'_>| -> Result<(), GateError> {
            Ok(tx.authority::<RunQueue>(&job)?.notify(account, &queued)?)
        });
        write.await?;
        self.queue.wake();
        Ok(())
    }

    /// Looks whether mail that was delivered says of a campaign's recipient that there is no such mailbox: no
    /// campaign is sent there again. What it can not write down is no loss of mail.
    pub(crate) async fn note_bounces(&self, delivery: &Delivery) {
        for recipient in &delivery.recipients {
            let Some(address) = Address::parse(recipient.address()).ok() else { continue };
            let Some(bounced) = self.bounced_recipient(&address) else { continue };
            let message = delivery.raw.get(delivery.trace_bytes..).unwrap_or_default();
            let Some(said) = failure_of(message) else { continue };
            let Some(account) = recipient.first_account() else { continue };
            if let Err(error) = self.suppress(account, bounced, said).await {
                tracing::error!(event = "bounce.not-noted", %error);
            }
        }
    }

    async fn suppress(&self, account: AccountId, address: String, said: String) -> Result<(), Refused> {
        let job = self.submission_job()?;
        let write = self.db.write(move |tx: &Tx<'_>| -> Result<(), GateError> {
            Ok(tx.authority::<RunQueue>(&job)?.suppress(account, &address, &said)?)
        });
        Ok(write.await?)
    }
}

/// What a notification says of a mailbox that is not there (RFC 3464).
fn failure_of(message: &[u8]) -> Option<String> {
    let report = mime::read_report(message)?;
    let failed = report.recipients.into_iter().find(|one| one.action == "failed" && is_hard(&one.status))?;
    Some(failed.diagnostic.unwrap_or(failed.status))
}

/// Trace lines without the reverse path, which is written anew at delivery.
fn without_return_path(trace: &[u8]) -> &[u8] {
    if !trace.get(..12).is_some_and(|name| name.eq_ignore_ascii_case(b"return-path:")) {
        return trace;
    }
    let end = trace.iter().position(|byte| *byte == b'\n').map_or(trace.len(), |end| end + 1);
    &trace[end..]
}
