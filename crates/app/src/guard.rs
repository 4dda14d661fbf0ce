//! What stands before a secret is looked at, and what follows when it was wrong
//! (docs/decisions/0024-throttle.md). Whatever signs in asks [`House::before`] with the facts of
//! its attempt, and tells [`House::after_failure`] of a wrong secret. The store's write that accepts
//! a sign-in remembers its network.

use crate::House;
use crate::failures::{Counted, Place};
use crate::lanes::Lane;
use crate::network::{Width, around};
use crate::sign_in::{Attempt, Peer, own_name};
use crate::throttle::{Known, Shut, Standing};
use postern_access::AccountFacts;
use postern_store::{CountedFailures, FromNetwork, Origin, StoreError, Tx};
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

/// How the counts of failures came in, as far as the trail is concerned: by any protocol.
const ANY_PROTOCOL: &str = "sign-in";
/// Counts in one write.
const PIECE_ROWS: usize = 100;

impl House {
    /// The address that attempts of a peer are counted by; none for a socket without one, and
    /// for this machine where it is exempt.
    pub(crate) fn counted(&self, peer: &Peer) -> Option<IpAddr> {
        let exempt = self.exempt_loopback.load(Ordering::Relaxed) && peer.is_local();
        peer.address.filter(|_| !exempt)
    }

    /// Reads what decides on an attempt: by what it shows, and by the network that it comes from.
    pub(crate) async fn read_attempt<T: Send + 'static>(
        &self,
        peer: &Peer,
        work: impl Fn(&Tx<'_>, Option<&str>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let address = self.counted(peer);
        let network = address.map(|address| around(address, Width::Narrow).to_string());
        self.db.read(move |tx: &Tx<'_>| work(tx, network.as_deref())).await
    }

    /// Where the check of an attempt's secret waits; nothing where it is refused without a look
    /// at the secret, because too many wrong ones came from around there.
    pub(crate) fn before(
        &self,
        attempt: &Attempt,
        account: Option<AccountFacts>,
        network: Option<&FromNetwork>,
    ) -> Option<Lane> {
        let Some(address) = self.counted(&attempt.peer) else { return Some(Lane::House) };
        let now = self.db.now();
        let known = account.filter(|_| network.is_some_and(|network| network.is_known(now)));
        let throttle = self.throttle.lock().unwrap_or_else(PoisonError::into_inner);
        let is_near = account.is_some() && network.is_some_and(|network| network.is_known_around(now));
        let standing = match (known.is_some(), is_near) {
            (true, _) => Known::Here,
            (false, true) => Known::Around,
            (false, false) => Known::Nowhere,
        };
        match (throttle.standing(address, standing, now), known) {
            (Standing::Over, _) => None,
            (Standing::Known, Some(account)) => Some(Lane::Known(account.id, around(address, Width::Narrow))),
            (Standing::Known | Standing::Fresh, _) => Some(Lane::Strangers),
        }
    }

    /// The secret of an attempt was wrong: it counts for the networks it came from. What is no
    /// guess, such as a secret that was right once, is not told here.
    pub(crate) async fn after_failure(&self, attempt: &Attempt) {
        let Some(address) = self.counted(&attempt.peer) else { return };
        let shut = {
            let mut throttle = self.throttle.lock().unwrap_or_else(PoisonError::into_inner);
            // Whatever is named after it, it is one name and one secret.
            let guess = throttle.guess(&own_name(&attempt.username), &attempt.secret);
            throttle.missed(address, guess, self.db.now())
        };
        if !shut.is_empty() {
            self.meters.shut.add([], shut.len() as u64);
            self.note_shut(attempt, shut).await;
        }
    }

    async fn note_shut(&self, attempt: &Attempt, shut: Vec<Shut>) {
        let Ok(origin) = self.origin(attempt.protocol, attempt.peer.label(), String::new()) else { return };
        let write = move |tx: &Tx<'_>| -> Result<(), StoreError> {
            shut.iter().try_for_each(|one| tx.record_shut_network(&origin, &one.network.to_string(), one.until))
        };
        if let Err(error) = self.db.write(write).await {
            tracing::error!(event = "sign-in.shut-not-recorded", %error);
        }
    }

    /// Has a failed attempt a row of its own on the trail, or is it counted?
    pub(crate) fn has_row(&self, attempt: &Attempt) -> bool {
        let place = match attempt.peer.address {
            Some(address) => Place::Network(around(address, Width::Middle)),
            None => Place::Socket,
        };
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.has_row(place, &attempt.username, self.db.now())
    }

    /// Writes down the counts of failed sign-ins whose minute is over; at the end those of
    /// `all`. What can not be written is counted on.
    pub async fn tell_counted_failures(&self, all: bool) {
        let mut taken = self.failures.lock().unwrap_or_else(PoisonError::into_inner).take(self.db.now(), all);
        while !taken.is_empty() {
            let piece = taken.split_off(taken.len().saturating_sub(PIECE_ROWS));
            if !self.write_counts(&piece).await {
                let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
                piece.into_iter().for_each(|(place, counted)| failures.keep(place, counted));
            }
        }
    }

    async fn write_counts(&self, piece: &[(Place, Counted)]) -> bool {
        let rows: Result<Vec<(Origin, CountedFailures)>, crate::Refused> = piece
            .iter()
            .map(|(place, counted)| Ok((self.origin(ANY_PROTOCOL, place.to_string(), String::new())?, counted.row())))
            .collect();
        let Ok(rows) = rows.map(Arc::new) else { return false };
        let write = move |tx: &Tx<'_>| -> Result<(), StoreError> {
            rows.iter().try_for_each(|(origin, counted)| tx.record_counted_failures(origin, counted))
        };
        let written = self.db.write(write).await;
        if let Err(error) = &written {
            tracing::error!(event = "sign-in.counts-not-recorded", %error);
        }
        written.is_ok()
    }
}
