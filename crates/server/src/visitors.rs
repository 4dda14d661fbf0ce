//! Who has connected and not signed in: at most so many from one address.
//!
//! A protocol ends a connection that has not signed in after `sign_in_seconds`, so whoever is
//! older than that has signed in. That makes the count right without asking any protocol:
//! connections younger than that time are counted, older ones are not.

use postern_types::Limits;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The young connections of every address.
#[derive(Debug, Default)]
pub(crate) struct Visitors {
    visits: Mutex<HashMap<IpAddr, Vec<Visit>>>,
    next: AtomicU64,
}

#[derive(Debug, Clone, Copy)]
struct Visit {
    number: u64,
    since: Instant,
}

/// One connection that is counted; letting it go ends that.
#[derive(Debug)]
pub(crate) struct Guest {
    visitors: Arc<Visitors>,
    address: IpAddr,
    number: u64,
}

/// How many from one address, and whether this machine is counted too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub per_address: u32,
    pub young: Duration,
    pub exempt_loopback: bool,
}

impl Allowance {
    pub(crate) fn new(limits: &Limits, exempt_loopback: bool) -> Self {
        let young = Duration::from_secs(limits.sign_in_seconds);
        Self { per_address: limits.unauthenticated_per_address, young, exempt_loopback }
    }
}

/// What a new connection is told.
#[derive(Debug)]
pub(crate) enum Admission {
    /// Come in; the guest is held until the connection ends, where there is one.
    Welcome(Option<Guest>),
    /// Too many from there have not signed in.
    Full,
}

impl Visitors {
    /// A connection from an address; unix sockets have none and are never full.
    pub(crate) fn admit(self: &Arc<Self>, address: Option<IpAddr>, allowance: Allowance) -> Admission {
        let Some(address) = address.map(network) else { return Admission::Welcome(None) };
        if allowance.exempt_loopback && address.is_loopback() {
            return Admission::Welcome(None);
        }
        let now = Instant::now();
        let mut visits = self.visits.lock().unwrap_or_else(PoisonError::into_inner);
        let here = visits.entry(address).or_default();
        here.retain(|visit| now.duration_since(visit.since) < allowance.young);
        if here.len() >= usize::try_from(allowance.per_address).unwrap_or(usize::MAX) {
            return Admission::Full;
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        here.push(Visit { number, since: now });
        Admission::Welcome(Some(Guest { visitors: self.clone(), address, number }))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut visits = self.visitors.visits.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(here) = visits.get_mut(&self.address) {
            here.retain(|visit| visit.number != self.number);
            if here.is_empty() {
                visits.remove(&self.address);
            }
        }
    }
}

/// One IPv4 address, or the /64 that one IPv6 host can choose from freely.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => IpAddr::V6((address.to_bits() & (u128::MAX << 64)).into()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWANCE: Allowance = Allowance { per_address: 2, young: Duration::from_secs(60), exempt_loopback: false };

    fn admit(visitors: &Arc<Visitors>, address: &str, allowance: Allowance) -> Option<Option<Guest>> {
        match visitors.admit(Some(address.parse().unwrap()), allowance) {
            Admission::Welcome(guest) => Some(guest),
            Admission::Full => None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_has_its_number_and_others_theirs() {
        let visitors = Arc::new(Visitors::default());
        let first = admit(&visitors, "192.0.2.1", ALLOWANCE).unwrap();
        let _second = admit(&visitors, "192.0.2.1", ALLOWANCE).unwrap();
        assert!(admit(&visitors, "192.0.2.1", ALLOWANCE).is_none());
        assert!(admit(&visitors, "::ffff:192.0.2.1", ALLOWANCE).is_none(), "the same address in other clothes");
        assert!(admit(&visitors, "192.0.2.2", ALLOWANCE).is_some());
        drop(first);
        let _third = admit(&visitors, "192.0.2.1", ALLOWANCE).unwrap();
        assert!(admit(&visitors, "192.0.2.1", ALLOWANCE).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_stayed_long_enough_has_signed_in() {
        let visitors = Arc::new(Visitors::default());
        let old = [admit(&visitors, "192.0.2.1", ALLOWANCE), admit(&visitors, "192.0.2.1", ALLOWANCE)];
        tokio::time::advance(Duration::from_secs(60)).await;
        let _young =
            [admit(&visitors, "192.0.2.1", ALLOWANCE).unwrap(), admit(&visitors, "192.0.2.1", ALLOWANCE).unwrap()];
        assert!(admit(&visitors, "192.0.2.1", ALLOWANCE).is_none());
        drop(old);
        assert!(admit(&visitors, "192.0.2.1", ALLOWANCE).is_none(), "the old ones made no room: they held none");
    }

    #[tokio::test(start_paused = true)]
    async fn this_machine_is_counted_unless_it_is_exempt() {
        let visitors = Arc::new(Visitors::default());
        let few = Allowance { per_address: 1, ..ALLOWANCE };
        let _one = admit(&visitors, "127.0.0.1", few).unwrap();
        assert!(admit(&visitors, "127.0.0.1", few).is_none());
        assert!(admit(&visitors, "127.0.0.2", few).is_some(), "another address of this machine");
        assert!(admit(&visitors, "127.0.0.1", Allowance { exempt_loopback: true, ..few }).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_network_that_one_host_owns_is_one_address() {
        let visitors = Arc::new(Visitors::default());
        let few = Allowance { per_address: 1, ..ALLOWANCE };
        let _one = admit(&visitors, "2001:db8::1", few).unwrap();
        assert!(admit(&visitors, "2001:db8::ffff:2", few).is_none());
        assert!(admit(&visitors, "2001:db8:0:1::1", few).is_some());
    }
}
