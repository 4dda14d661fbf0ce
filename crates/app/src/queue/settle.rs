//! What came of a try: done, tried again later, or given up; and who hears of it.

use super::bring::Parcelled;
use super::notices::Told;
use crate::carrier::{Outcome, Said};
use crate::{House, Refused};
use postern_mime::ReportKind;
use postern_store::{Again, GateError, Lane, RunQueue, StoreError, TakenRecipient, Tx};
use postern_types::{Timestamp, counted};

/// What a sender hears of who has said nothing: of failure and of delay (RFC 3461 section 4.1).
pub(super) const DEFAULT_NOTIFY: i64 = 0b110;
const SUCCESS: i64 = 1;
const FAILURE: i64 = 2;
const DELAY: i64 = 4;

/// Why nothing was written.
const NOT_OURS: &str = "another process has some of these recipients";

const MINUTE_MS: i64 = 60 * 1000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// The longest time between two tries.
const LONGEST_MS: i64 = 4 * HOUR_MS;

/// How a try ended.
#[derive(Debug, Clone)]
pub(super) struct Ending {
    /// The server that answered.
    pub server: Option<String>,
    /// For each recipient, in order.
    pub outcomes: Vec<Outcome>,
    /// They are here, and done already where they are.
    pub is_local: bool,
}

impl Ending {
    /// The same for all of a parcel.
    pub fn all(parcel: &Parcelled, outcome: impl Fn(&TakenRecipient) -> Outcome) -> Self {
        Self { server: None, outcomes: parcel.recipients.iter().map(outcome).collect(), is_local: false }
    }
}

impl Ending {
    /// Leaves out whom others have.
    pub fn keep_only(&mut self, recipients: &mut Vec<TakenRecipient>, ours: &[i64]) {
        let is_ours: Vec<bool> = recipients.iter().map(|recipient| ours.contains(&recipient.id)).collect();
        let (mut left, mut right) = (is_ours.iter(), is_ours.iter());
        recipients.retain(|_| left.next().copied().unwrap_or(false));
        self.outcomes.retain(|_| right.next().copied().unwrap_or(false));
    }
}

/// What is written down of a try.
#[derive(Debug, Clone, Default)]
struct Written {
    done: Vec<i64>,
    /// Done with their delivery, but where the last of it failed.
    here: Vec<i64>,
    again: Vec<Again>,
    /// At once.
    next: Vec<i64>,
    /// Who is suppressed from now on, and why.
    suppressed: Vec<(String, String)>,
    /// What became of each, for the count.
    fates: Vec<&'static str>,
}

/// The time until the next try: a minute, and twice as long after each, up to four hours; a fifth more or
/// less, so that what failed together does not come together again.
fn wait_ms(tries: i64, random: u8) -> i64 {
    let doubled = MINUTE_MS << tries.clamp(0, 12);
    let wait = doubled.min(LONGEST_MS);
    wait * 4 / 5 + wait * 2 / 5 * i64::from(random) / 255
}

impl House {
    /// Writes down what came of a parcel, with the notifications that follow from it. Where this process has not
    /// all of them any more nothing is written, and it answers which it has.
    pub(super) async fn settle(&self, parcel: &Parcelled, ending: Ending) -> Result<Option<Vec<i64>>, Refused> {
        let now = self.db.now();
        let (mut written, mut told) = (Written::default(), Vec::new());
        for (recipient, outcome) in parcel.recipients.iter().zip(&ending.outcomes) {
            let told_of = self.settle_one(parcel, &ending, (recipient, outcome), now, &mut written)?;
            told.extend(told_of);
        }
        let fates = std::mem::take(&mut written.fates);
        let notices = self.reports(parcel, &told, now).await?;
        let (job, me, has_next) = (self.submission_job()?, self.queue.me, !written.next.is_empty());
        let message = parcel.message.clone();
        let write = move |tx: &Tx<'_>| -> Result<(), GateError> {
            let queue = tx.authority::<RunQueue>(&job)?;
            // Of what was taken out meanwhile its sender hears nothing.
            let is_quiet = !notices.is_empty() && queue.is_taken_out(message.id)?;
            let ended = queue.done(message.id, &written.done, me)? + queue.again(&written.again, me)?;
            if !written.here.is_empty() {
                queue.done(message.id, &written.here, me)?;
            }
            queue.put_back(&written.next, me, now)?;
            written.suppressed.iter().try_for_each(|(to, why)| queue.suppress(message.account, to, why))?;
            // Some were settled by another: nobody is told twice, and nobody never.
            if ended != (written.done.len() + written.again.len()) as u64 {
                return Err(StoreError::Conflict(NOT_OURS.to_owned()).into());
            }
            let told = notices.iter().filter(|_| !is_quiet);
            told.into_iter().try_for_each(|notice| Ok(queue.notify(notice.account, &notice.queued)?))
        };
        let is_idle = ending.is_local && told.is_empty() && ending.outcomes.iter().all(is_done);
        if is_idle {
            self.count_tries(&ending, fates);
            return Ok(None);
        }
        let done = match parcel.message.lane {
            // With what somebody waits for at a screen; of a campaign, behind it.
            Lane::People | Lane::Here => self.db.write(write).await,
            Lane::Bulk | Lane::BulkHere => self.db.write_bulk(write).await,
        };
        match done {
            Ok(()) => self.count_tries(&ending, fates),
            Err(GateError::Store(StoreError::Conflict(what))) if what == NOT_OURS => {
                return self.ours(me).await.map(Some);
            }
            Err(error) => return Err(error.into()),
        }
        if !told.is_empty() || has_next {
            self.queue.wake();
        }
        Ok(None)
    }

    fn count_tries(&self, ending: &Ending, fates: Vec<&'static str>) {
        let place = if ending.is_local { "here" } else { "elsewhere" };
        fates.into_iter().for_each(|fate| self.meters.tries.add([place, fate], 1));
    }

    /// Recipients that this process has taken.
    async fn ours(&self, me: i64) -> Result<Vec<i64>, Refused> {
        self.run(move |queue| queue.taken(me)).await
    }

    fn settle_one(
        &self,
        parcel: &Parcelled,
        ending: &Ending,
        (recipient, outcome): (&TakenRecipient, &Outcome),
        now: Timestamp,
        written: &mut Written,
    ) -> Result<Option<Told>, Refused> {
        let message = &parcel.message;
        let server = ending.server.clone();
        let tell = |kind, said: &Said, wanted| {
            (recipient.notify & wanted != 0).then(|| Told {
                recipient: recipient.clone(),
                kind,
                said: said.clone(),
                server: server.clone(),
                retry_until: None,
            })
        };
        let expires = message.leaves.plus_ms(self.limits.queue_days as i64 * 24 * HOUR_MS);
        match outcome {
            Outcome::Done { reports } => {
                // One that is here was done with its delivery.
                let done = if ending.is_local { &mut written.here } else { &mut written.done };
                done.push(recipient.id);
                written.fates.push("sent");
                tracing::info!(event = "message.sent", id = message.public_id, local = ending.is_local);
                let kind = if ending.is_local { ReportKind::Delivered } else { ReportKind::Relayed };
                let said = Said { status: "2.0.0".into(), text: String::new(), is_reply: false };
                Ok(tell(kind, &said, SUCCESS).filter(|_| !reports))
            }
            Outcome::Never(said) => {
                written.done.push(recipient.id);
                written.fates.push("failed");
                tracing::warn!(event = "message.failed", id = message.public_id, status = said.status);
                if message.verp && is_hard(&said.status) {
                    written.suppressed.push((recipient.address.to_lowercase(), said.text.clone()));
                }
                Ok(tell(ReportKind::Failed, said, FAILURE))
            }
            // One too many for a transaction that others were in: in the next one, and no try was made.
            Outcome::Later(said) if said.status == "4.5.3" && ending.outcomes.iter().any(is_done) => {
                written.next.push(recipient.id);
                Ok(None)
            }
            Outcome::Later(said) if now >= expires => {
                written.done.push(recipient.id);
                written.fates.push("failed");
                tracing::warn!(event = "message.expired", id = message.public_id, status = said.status);
                let text = format!(
                    "it was tried for {}; the last time: {}",
                    counted(self.limits.queue_days.into(), "day"),
                    said.text
                );
                let said = Said { status: "5.4.7".into(), text, is_reply: false };
                Ok(tell(ReportKind::Failed, &said, FAILURE))
            }
            Outcome::Later(said) => {
                let [random] = self.random::<1>()?;
                let at = now.plus_ms(wait_ms(recipient.tries, random)).min(expires);
                let is_late = now >= message.leaves.plus_ms(self.limits.queue_delay_hours as i64 * HOUR_MS);
                let told = tell(ReportKind::Delayed, said, DELAY).filter(|_| is_late && !recipient.delay_told);
                written.fates.push("later");
                written.again.push(Again {
                    id: recipient.id,
                    at,
                    said: said.text.clone(),
                    server,
                    delay_told: recipient.delay_told || told.is_some(),
                });
                Ok(told.map(|told| Told { retry_until: Some(expires), ..told }))
            }
        }
    }
}

/// Does a status say that there is no such mailbox, and not that it takes nothing now (RFC 3463)?
pub(crate) fn is_hard(status: &str) -> bool {
    // Not 5.1.7 and 5.1.8, which are about the sender's address.
    ["5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"].contains(&status)
}

pub(super) fn is_done(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Done { .. })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5321 section 4.5.4.1: retries are spread, and become rarer.
    #[test]
    fn tries_become_rarer_and_never_come_together() {
        assert_eq!((wait_ms(0, 0), wait_ms(0, 255)), (48_000, 72_000));
        assert_eq!((wait_ms(1, 0), wait_ms(1, 255)), (96_000, 144_000));
        for tries in [8, 12, 60, 1000] {
            assert_eq!((wait_ms(tries, 0), wait_ms(tries, 255)), (LONGEST_MS * 4 / 5, LONGEST_MS * 6 / 5));
        }
    }
}
