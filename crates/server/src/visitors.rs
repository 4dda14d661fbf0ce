//! Who has connected and not signed in: at most so many from one address.
//!
//! A connection is counted from its first byte until its protocol says that someone has signed
//! in ([`postern_app::wire::Wire::signed_in`]), or until it ends.

use postern_types::Limits;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// How many strangers every address has here.
#[derive(Debug, Default)]
pub(crate) struct Visitors {
    strangers: Mutex<HashMap<IpAddr, u32>>,
}

/// One connection that is counted; letting it go ends that.
#[derive(Debug)]
pub(crate) struct Guest {
    visitors: Arc<Visitors>,
    address: IpAddr,
}

/// How many from one address, and whether this machine is counted too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Allowance {
    pub per_address: u32,
    pub exempt_loopback: bool,
}

impl Allowance {
    pub(crate) fn new(limits: &Limits, exempt_loopback: bool) -> Self {
        Self { per_address: limits.unauthenticated_per_address, exempt_loopback }
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
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        let here = strangers.entry(address).or_default();
        if *here >= allowance.per_address {
            return Admission::Full;
        }
        *here += 1;
        Admission::Welcome(Some(Guest { visitors: self.clone(), address }))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut strangers = self.visitors.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(here) = strangers.get_mut(&self.address) {
            *here -= 1;
            if *here == 0 {
                strangers.remove(&self.address);
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

    const ALLOWANCE: Allowance = Allowance { per_address: 2, exempt_loopback: false };

    fn admit(visitors: &Arc<Visitors>, address: &str, allowance: Allowance) -> Option<Option<Guest>> {
        match visitors.admit(Some(address.parse().unwrap()), allowance) {
            Admission::Welcome(guest) => Some(guest),
            Admission::Full => None,
        }
    }

    #[test]
    fn an_address_has_its_number_and_others_theirs() {
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

    #[test]
    fn this_machine_is_counted_unless_it_is_exempt() {
        let visitors = Arc::new(Visitors::default());
        let few = Allowance { per_address: 1, ..ALLOWANCE };
        let _one = admit(&visitors, "127.0.0.1", few).unwrap();
        assert!(admit(&visitors, "127.0.0.1", few).is_none());
        assert!(admit(&visitors, "127.0.0.2", few).is_some(), "another address of this machine");
        assert!(admit(&visitors, "127.0.0.1", Allowance { exempt_loopback: true, ..few }).is_some());
    }

    #[test]
    fn a_network_that_one_host_owns_is_one_address() {
        let visitors = Arc::new(Visitors::default());
        let few = Allowance { per_address: 1, ..ALLOWANCE };
        let _one = admit(&visitors, "2001:db8::1", few).unwrap();
        assert!(admit(&visitors, "2001:db8::ffff:2", few).is_none());
        assert!(admit(&visitors, "2001:db8:0:1::1", few).is_some());
    }
}
