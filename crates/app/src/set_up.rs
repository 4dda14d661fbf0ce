//! What the set-up of a mail program is told: by whom it asks, more or less.

use crate::{House, Refused, Session};
use postern_store::{ListedAccount, StoreError, Tx};
use postern_types::{Domain, Letter};

/// Somebody else's mailbox that a person works in without having asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappedMailbox {
    /// Its address.
    pub address: String,
    /// Its name, which may be empty.
    pub name: String,
}

/// A person's mail as a program of theirs is set up with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnMail {
    /// Their name, which may be empty.
    pub name: String,
    /// The mailboxes of others that a program can have as accounts of their own: those shown to them by
    /// themselves whose INBOX they read, for no program opens an account without one.
    pub mapped: Vec<MappedMailbox>,
}

impl House {
    /// Is this domain ours? Anybody may know: an SMTP server tells it by each RCPT (docs/design.md law 4).
    pub async fn has_domain(&self, domain: &Domain) -> Result<bool, Refused> {
        let domain = domain.clone();
        let ours = self.db.read(move |tx: &Tx<'_>| -> Result<_, StoreError> { tx.is_own_domain(&domain) });
        Ok(ours.await?)
    }

    /// What a mail program of the session's person is set up with.
    pub async fn mail_of(&self, session: &Session) -> Result<OwnMail, Refused> {
        let (own, others): (Vec<_>, Vec<_>) = self.list(session).await?.into_iter().partition(|account| account.own);
        let reads_inbox = |account: &ListedAccount| {
            account.mailboxes.iter().any(|mailbox| mailbox.name.is_inbox() && mailbox.rights.has(Letter::Read))
        };
        let mapped = others.into_iter().filter(|account| account.automap && reads_inbox(account));
        Ok(OwnMail {
            name: own.into_iter().next().map(|account| account.name).unwrap_or_default(),
            mapped: mapped.map(|account| MappedMailbox { address: account.address, name: account.name }).collect(),
        })
    }
}
