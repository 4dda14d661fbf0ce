//! Who answered what lately: a reply to a thread that a colleague answered a moment ago is stale,
//! unless it rests on that answer (docs/decisions/0030-queue.md).

use super::submit::{SendError, Sending};
use crate::statements::{message as message_sql, sending as sql};
use crate::{StoreError, Tx};
use postern_types::{AccountId, Timestamp};

/// Ancestors by which the thread of an answer is looked for.
const ANCESTORS: usize = 10;

/// An answer, as far as it is compared with those of others. Messages are named by hashes of their
/// Message-IDs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnswerFacts {
    /// Itself.
    pub id: i64,
    /// What it answers.
    pub answers: Vec<i64>,
    /// Everything that came before it in its thread, the nearest first, as its author's program knows it.
    pub ancestors: Vec<i64>,
}

impl AnswerFacts {
    /// What it is an answer to, as rows have it: the thread, where the account has that, and each message.
    fn subjects(&self, tx: &Tx<'_>, account: AccountId) -> Result<Vec<String>, StoreError> {
        let mut subjects: Vec<String> = self.answers.iter().map(|hash| format!("message {hash}")).collect();
        for hash in self.ancestors.iter().take(ANCESTORS) {
            let thread =
                tx.one(&message_sql::THREAD_OF, &[account.get().into(), (*hash).into()], |row| row.opt_int(0))?;
            if let Some(thread) = thread.flatten() {
                subjects.push(format!("thread {thread}"));
                break;
            }
        }
        Ok(subjects)
    }
}

impl Sending<'_> {
    /// Who else answered the same since `since`, latest first: their address and when. Not what this answer
    /// rests on, whose author has read it; and nobody where an answer of this sender was parked before.
    pub fn answered_by_another(
        &self,
        answer: &AnswerFacts,
        since: Timestamp,
    ) -> Result<Option<(String, Timestamp)>, SendError> {
        let (account, actor) = (self.plan().account, self.actor_key());
        let parked = parked_key(&actor);
        let mut latest: Option<(String, Timestamp)> = None;
        for subject in answer.subjects(self.tx(), account)? {
            let key = [account.get().into(), subject.as_str().into(), parked.as_str().into(), since.0.into()];
            if self.tx().one(&sql::WAS_PARKED, &key, |_| Ok(()))?.is_some() {
                return Ok(None);
            }
            let key = [account.get().into(), subject.as_str().into(), since.0.into(), actor.as_str().into()];
            let others = self.tx().all(&sql::ANSWERED_BY, &key, |row| {
                Ok((row.text(0)?.to_owned(), Timestamp(row.int(1)?), row.int(2)?))
            })?;
            let unread = others.into_iter().find(|(_, _, id)| !answer.ancestors.contains(id));
            let unread = unread.map(|(who, when, _)| (who, when));
            latest = latest.into_iter().chain(unread).max_by_key(|(_, when)| *when);
        }
        Ok(latest)
    }

    /// Notes that this sender answered: by the message called `queued` where that can be taken back, and
    /// not yet where it is parked.
    pub fn note_answered(&self, answer: &AnswerFacts, queued: Option<&str>, is_parked: bool) -> Result<(), SendError> {
        let actor = self.actor_key();
        let parked = parked_key(&actor);
        for subject in answer.subjects(self.tx(), self.plan().account)? {
            self.note(&subject, (&actor, answer.id), !is_parked, queued)?;
            if is_parked {
                self.note(&subject, (&parked, 0), false, None)?;
            }
        }
        Ok(())
    }

    fn note(
        &self,
        subject: &str,
        (actor, answer): (&str, i64),
        counts: bool,
        queued: Option<&str>,
    ) -> Result<(), StoreError> {
        let values = [
            self.plan().account.get().into(),
            subject.into(),
            actor.into(),
            answer.into(),
            self.plan().own.0.as_str().into(),
            counts.into(),
            queued.into(),
            self.tx().now().0.into(),
        ];
        self.tx().execute(&sql::NOTE_ANSWERED, &values).map(|_| ())
    }
}

/// Under which name it is noted that an answer of an actor was parked: what they send after it is noted beside.
fn parked_key(actor: &str) -> String {
    format!("parked {actor}")
}
