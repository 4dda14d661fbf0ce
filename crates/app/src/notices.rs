//! All mailboxes that a session is shown, to be watched at once: who listens, and what is asked when
//! something was heard (docs/design.md section 6).
//!
//! A notice opens nothing. What there is to see, and each mailbox's numbers, is asked through the
//! gate when it is told.

use crate::hub::Notices;
use crate::{House, Numbers, Refused, Session};
use postern_access::Actor;
use postern_store::{GateError, ListedAccount, Read, Tx};
use postern_types::{AccountId, Letter, MailboxId};
use std::sync::Arc;

impl House {
    /// Begins to listen to all that the session may come to see.
    pub async fn listen(&self, session: &Session) -> Result<Notices, Refused> {
        Ok(self.hub.accounts(self.accounts_of(session).await?))
    }

    /// What the session sees now, as [`House::list`]. From here on `notices` are of all of it, and of
    /// accounts that it may come to see.
    pub async fn survey(&self, session: &Session, notices: &mut Notices) -> Result<Vec<ListedAccount>, Refused> {
        let accounts = self.accounts_of(session).await?;
        if accounts != notices.accounts() {
            // What was heard up to here is of what is read below, or of single mailboxes.
            let widened = self.hub.accounts(accounts);
            let heard = std::mem::replace(notices, widened).take();
            notices.keep(heard);
        }
        self.list(session).await
    }

    async fn accounts_of(&self, session: &Session) -> Result<Vec<AccountId>, Refused> {
        let (caller, view) = (session.caller.clone(), session.view());
        let read = self.db.read(move |tx: &Tx<'_>| tx.accounts_of(&caller)).await;
        let mut accounts = read?;
        if view.rooted {
            accounts.retain(|account| *account == view.account);
        }
        // What a person is shown of other accounts, or subscribed to, is told under their own.
        accounts.push(view.account);
        if let Actor::Person(person) = session.actor() {
            accounts.push(person.account());
        }
        accounts.sort_unstable();
        accounts.dedup();
        Ok(accounts)
    }

    /// Numbers of mailboxes that are seen and may be read, in their order; `None` for the others.
    pub async fn numbers(
        &self,
        session: &Session,
        mailboxes: Arc<[MailboxId]>,
    ) -> Result<Vec<Option<Numbers>>, Refused> {
        let (caller, names) = (session.caller.clone(), self.object_names.clone());
        let read = self.db.read(move |tx: &Tx<'_>| -> Result<Vec<_>, GateError> {
            let numbers = |mailbox: &MailboxId| match tx.open::<Read>(&caller, *mailbox) {
                Ok(access) if access.held().has(Letter::Lookup) => Ok(Some(Numbers {
                    id: names.mailbox(*mailbox),
                    counters: access.counters()?,
                    deleted_bytes: 0,
                    keeps_modseqs: access.keeps_modseqs(),
                })),
                Ok(_) | Err(GateError::Denied(_)) => Ok(None),
                Err(error) => Err(error),
            };
            mailboxes.iter().map(numbers).collect()
        });
        Ok(read.await?)
    }
}
