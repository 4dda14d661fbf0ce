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
    pub(crate) fn account(&self, tx: &Tx<'_>, own: AccountId) -> Result<AccountId, GateError> {
        match &self.account {
            None => Ok(own),
            Some(address) => Ok(tx.account_at(address)?.unwrap_or_else(Tx::no_account)),
        }
    }
}

impl Session {
    pub(crate) fn own_account(&self) -> AccountId {
        self.account
    }
}
