//! From where people signed in lately. A network that somebody signed in from keeps working for
//! that account whatever others there do, also after a restart (docs/decisions/0024-throttle.md).

use super::authority::{Authority, Expire};
use super::error::GateError;
use super::sign_in::SignInFacts;
use crate::statements::networks as sql;
use crate::{StoreError, Tx};
use postern_access::AccountFacts;
use postern_types::{AccountId, Address, Network, Timestamp};

/// Where an attempt to sign in comes from, and when one from there to that account succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FromNetwork {
    /// The narrowest network that is counted, such as `192.0.2.7` or `2001:db8::/64`.
    pub network: String,
    /// When somebody signed in from there last, to within a day; never within memory.
    pub last: Option<Timestamp>,
    /// What a provider is often given around it, and when somebody signed in from anywhere there.
    around: (String, Option<Timestamp>),
}

impl FromNetwork {
    /// So long a network is known after a sign-in, in milliseconds.
    pub const KNOWN_MS: i64 = 30 * DAY_MS;

    /// Did somebody sign in to that account from there within 30 days?
    pub fn is_known(&self, now: Timestamp) -> bool {
        self.last.is_some_and(|last| now <= last.plus_ms(Self::KNOWN_MS))
    }

    /// Did somebody from somewhere around it? Addresses change, and providers stay.
    pub fn is_known_around(&self, now: Timestamp) -> bool {
        self.around.1.is_some_and(|last| now <= last.plus_ms(Self::KNOWN_MS))
    }
}

/// So often a sign-in is written down again.
const DAY_MS: i64 = 24 * 3600 * 1000;

impl Tx<'_> {
    /// What is known of a network for an account; nothing where the attempt comes from none that
    /// is counted. An account that nobody has takes the same statement (law 4).
    pub fn from_network(
        &self,
        account: Option<AccountFacts>,
        network: Option<&str>,
    ) -> Result<Option<FromNetwork>, StoreError> {
        let Some(network) = network else { return Ok(None) };
        let account = account.map_or_else(Tx::no_account, |account| account.id);
        let last = |network: &str| {
            let key = [account.get().into(), network.into()];
            self.one(&sql::KNOWN_NETWORK, &key, |row| Ok(Timestamp(row.int(0)?)))
        };
        let around = network.parse::<Network>().map_or_else(|_| network.to_owned(), |one| one.provider().to_string());
        Ok(Some(FromNetwork {
            network: network.to_owned(),
            last: last(network)?,
            around: (around.clone(), last(&around)?),
        }))
    }

    /// [`Tx::sign_in_facts`] for an attempt from this network.
    pub fn sign_in_facts_from(
        &self,
        address: &Address,
        root: Option<AccountId>,
        network: Option<&str>,
    ) -> Result<SignInFacts, StoreError> {
        let facts = self.sign_in_facts(address, root)?;
        let network = self.from_network(facts.account, network)?;
        Ok(SignInFacts { network, ..facts })
    }

    /// The write that accepts a sign-in remembers from where, at most once a day for an account
    /// and a network.
    pub(super) fn remember_network(&self, account: AccountId, from: Option<&FromNetwork>) -> Result<(), StoreError> {
        let Some(from) = from else { return Ok(()) };
        for (network, last) in [(&from.network, from.last), (&from.around.0, from.around.1)] {
            if last.is_none_or(|last| self.now() >= last.plus_ms(DAY_MS)) {
                let values = [account.get().into(), network.into(), self.now().0.into()];
                self.execute(&sql::REMEMBER_NETWORK, &values)?;
            }
        }
        Ok(())
    }
}

impl Authority<'_, Expire> {
    /// Forgets networks from where nobody signed in for 30 days, at most `most`; answers how many.
    pub fn forget_networks(&self, most: usize) -> Result<usize, GateError> {
        let before = self.tx().now().plus_ms(-FromNetwork::KNOWN_MS);
        let gone = self.tx().execute(&sql::FORGET_NETWORKS, &[before.0.into(), (most as i64).into()])?;
        Ok(usize::try_from(gone).unwrap_or(usize::MAX))
    }
}

#[cfg(test)]
mod tests;
