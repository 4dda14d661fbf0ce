//! Finding things by their names without learning whether they are there.

use crate::Session;
use postern_store::{GateError, Tx};
use postern_types::{AccountId, Address, MailboxName};

/// A mailbox by name: in the session's own account, or in the account with an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Locator {
    /// The address of the account; `None` is the session's own.
    pub account: Option<Address>,
    /// The name in that account.
    pub name: MailboxName,
}

impl Locator {
    /// A mailbox of the session's own account.
    pub fn own(name: MailboxName) -> Self {
        Self { account: None, name }
    }

    /// The account's number, or one that no account has: both take the same statements.
    pub(crate) fn account(&self, tx: &Tx<'_>, view: View) -> Result<AccountId, GateError> {
        match &self.account {
            None => Ok(view.account),
            // A rooted session has its own account and no other, whatever the name.
            Some(_) if view.rooted => Ok(Tx::no_account()),
            Some(address) => Ok(tx.account_at(address)?.unwrap_or_else(Tx::no_account)),
        }
    }
}

/// Where a session stands: the account at the top, and whether it is all there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct View {
    /// The account whose mailboxes have no prefix.
    pub account: AccountId,
    /// It is not the person's own by default: they signed in to this one account alone.
    pub rooted: bool,
}

impl Session {
    pub(crate) fn view(&self) -> View {
        self.view
    }
}
