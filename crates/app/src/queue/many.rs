//! The same done to many of the messages that wait: to those that are named, or to all that are sent as an
//! account, were handed in by a credential, or are the caller's to see.
//!
//! Each piece is a transaction of its own with a proof of its own, so nobody who sends waits behind it, and
//! a right that is taken away meanwhile is not used. What was handed in after it began is left alone.

use super::people::{QueueChoice, queue_of};
use crate::{House, Refused};
use postern_store::{Caller, GateError, QueueRow, Queued, Rule, RunQueue, Tx};
use std::collections::HashSet;

/// Messages of one transaction, at most, and their recipients, where it is not the first that has more.
const MESSAGES_AT_ONCE: usize = 50;
/// What is taken out holds the accounts of its copies until the commit.
const REMOVED_AT_ONCE: usize = 10;
const RECIPIENTS_AT_ONCE: u64 = 500;
/// Messages that are named in one request, at most.
pub const NAMED_AT_ONCE: usize = 500;
/// Of those that are left alone, so many are told one by one.
const TOLD_ONE_BY_ONE: usize = 100;

/// What is done about messages that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueAct {
    /// Sent now.
    Retry,
    /// Held until somebody sends or removes them.
    Hold,
    /// Taken out.
    Remove,
}

/// To which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueMany {
    /// These.
    Named(Vec<String>),
    /// All of these.
    All(QueueChoice),
}

/// What came of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueDone {
    /// Messages that it was done to.
    pub messages: u64,
    /// Their recipients who had not got them; of messages that are taken out, those who do not get them.
    pub recipients: u64,
    /// Recipients to whom one of them was on its way at that moment.
    pub being_tried: u64,
    /// Copies that went from Sent to Drafts, of what never left.
    pub drafts: u64,
    /// How many were left alone.
    pub left: u64,
    /// The first hundred of them, and why.
    pub left_because: Vec<(String, String)>,
}

impl QueueDone {
    fn leave(&mut self, id: &str, why: String) {
        self.left += 1;
        if self.left_because.len() < TOLD_ONE_BY_ONE {
            self.left_because.push((id.to_owned(), why));
        }
    }

    fn add(&mut self, other: QueueDone) {
        self.messages += other.messages;
        self.recipients += other.recipients;
        self.being_tried += other.being_tried;
        self.drafts += other.drafts;
        self.left += other.left;
        let room = TOLD_ONE_BY_ONE.saturating_sub(self.left_because.len());
        self.left_because.extend(other.left_because.into_iter().take(room));
    }
}

/// Who does it, and the job that takes back what has not left.
struct By {
    caller: Caller,
    job: Caller,
}

impl House {
    /// Does the same to many messages that wait. Of those that are not named one by one, what waits for its
    /// sender's own word or time is sent by its sender alone, and what waits for room within a limit stays.
    pub async fn act_on_queue(&self, caller: &Caller, which: QueueMany, act: QueueAct) -> Result<QueueDone, Refused> {
        let done = match which {
            QueueMany::Named(ids) => self.act_on_named(caller, ids, act).await?,
            QueueMany::All(choice) => self.act_on_all(caller, choice, act).await?,
        };
        if act == QueueAct::Retry {
            self.sent_now();
        }
        Ok(done)
    }

    fn by(&self, caller: &Caller) -> Result<By, Refused> {
        Ok(By { caller: caller.clone(), job: self.submission_job()? })
    }

    async fn act_on_named(&self, caller: &Caller, ids: Vec<String>, act: QueueAct) -> Result<QueueDone, Refused> {
        if ids.is_empty() || ids.len() > NAMED_AT_ONCE {
            return Err(Rule::Unusable(format!("Name 1 to {NAMED_AT_ONCE} messages")).into());
        }
        let mut seen = HashSet::new();
        let mut done = QueueDone::default();
        for id in ids.into_iter().filter(|id| seen.insert(id.clone())) {
            let (by, named) = (self.by(caller)?, id.clone());
            let one = self.change(move |tx| {
                let queued = tx.queued(&by.caller, &named)?;
                let (row, _) = queued.show(0)?;
                act_on(tx, &queued, act, &by, (row.recipients, row.being_tried))
            });
            match one.await {
                Ok(one) => done.add(one),
                // Hidden and absent are told alike (law 4).
                Err(Refused::Rule(rule @ (Rule::Absent(_) | Rule::Unusable(_)))) => done.leave(&id, rule.to_string()),
                Err(other) => return Err(other),
            }
        }
        Ok(done)
    }

    async fn act_on_all(&self, caller: &Caller, choice: QueueChoice, act: QueueAct) -> Result<QueueDone, Refused> {
        let (mut done, mut before) = (QueueDone::default(), None);
        loop {
            let (by, choice) = (self.by(caller)?, choice.clone());
            let piece = move |tx: &Tx<'_>| act_on_piece(tx, &by, &choice, act, before);
            let (piece, next) = self.db.write_bulk(piece).await?;
            done.add(piece);
            match next {
                Some(_) => before = next,
                None => return Ok(done),
            }
        }
    }
}

/// Does it to the next of them; answers from where the one after that goes on, and nothing where they are
/// through.
fn act_on_piece(
    tx: &Tx<'_>,
    by: &By,
    choice: &QueueChoice,
    act: QueueAct,
    before: Option<i64>,
) -> Result<(QueueDone, Option<i64>), GateError> {
    let queue = queue_of(tx, &by.caller, choice)?;
    let most = if act == QueueAct::Remove { REMOVED_AT_ONCE } else { MESSAGES_AT_ONCE };
    let rows = queue.list(before, most)?;
    let (mut done, mut last, mut recipients) = (QueueDone::default(), None, 0);
    for row in &rows {
        if last.is_some() && recipients + row.recipients > RECIPIENTS_AT_ONCE {
            return Ok((done, last));
        }
        recipients += row.recipients;
        last = Some(row.number);
        match act_on_unnamed(tx, &queue.queued(row), act, by, (row, *choice == QueueChoice::All)) {
            Ok(Ok(one)) => done.add(one),
            Ok(Err(because)) => done.leave(&row.id, because.to_owned()),
            Err(GateError::Rule(rule @ (Rule::Unusable(_) | Rule::Absent(_)))) => done.leave(&row.id, rule.to_string()),
            Err(other) => return Err(other),
        }
    }
    Ok((done, last.filter(|_| rows.len() == most)))
}

/// Does it to one that was not named by itself, or says why it is left alone.
fn act_on_unnamed(
    tx: &Tx<'_>,
    queued: &Queued<'_>,
    act: QueueAct,
    by: &By,
    (row, all): (&QueueRow, bool),
) -> Result<Result<QueueDone, &'static str>, GateError> {
    if act != QueueAct::Retry || row.is_sent_by(&by.caller) {
        return act_on(tx, queued, act, by, (row.recipients, row.being_tried)).map(Ok);
    }
    Ok(match queued.retry_with_others(all)? {
        Some(because) => Err(because),
        None => Ok(QueueDone {
            messages: 1,
            recipients: row.recipients,
            being_tried: row.being_tried,
            ..QueueDone::default()
        }),
    })
}

/// Does it to one, of which so many recipients wait and are being tried.
fn act_on(
    tx: &Tx<'_>,
    queued: &Queued<'_>,
    act: QueueAct,
    by: &By,
    (waiting, being_tried): (u64, u64),
) -> Result<QueueDone, GateError> {
    let removed = match act {
        QueueAct::Retry => queued.retry().map(|()| None)?,
        QueueAct::Hold => queued.hold(&format!("held by {}", by.caller.origin().label)).map(|()| None)?,
        QueueAct::Remove => Some(queued.remove(&tx.authority::<RunQueue>(&by.job)?)?),
    };
    let (recipients, drafts) = removed.map_or((waiting, 0), |removed| (removed.recipients, removed.drafts));
    Ok(QueueDone { messages: 1, recipients, being_tried, drafts, ..QueueDone::default() })
}
