//! How much mail a network may bring: other servers are strangers, and one of them that runs wild
//! must not keep the house from its work.
//!
//! Counted by what one customer is given, /24 of IPv4 and /48 of IPv6, in memory and for each node.
//! Nothing here knows a clock.

use crate::House;
use crate::sign_in::Peer;
use postern_types::{Network, Timestamp};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::PoisonError;

const MINUTE_MS: i64 = 60 * 1000;
/// Networks that are counted at once, some 3 MB. Of what comes from more than that within a minute
/// the rest is let through: no count of networks holds back such a storm.
const NETWORKS: usize = 65_536;
/// Where all are counted, those whose minute is over are looked for once in this time.
const LOOK_MS: i64 = 1000;

/// Messages by network.
#[derive(Debug)]
pub(crate) struct Visits {
    counts: HashMap<Network, Count>,
    networks: usize,
    looked: Timestamp,
}

/// What came from one network in its minute.
#[derive(Debug)]
struct Count {
    since: Timestamp,
    messages: u32,
}

impl Default for Visits {
    fn default() -> Self {
        Self { counts: HashMap::new(), networks: NETWORKS, looked: Timestamp(i64::MIN) }
    }
}

impl Visits {
    /// Counts a message; may it come in, where a network may bring `most` in a minute?
    fn may_bring(&mut self, from: IpAddr, most: u32, now: Timestamp) -> bool {
        let network = Network::around(from, 24, 48);
        if !self.counts.contains_key(&network) && !self.has_room(now) {
            return true;
        }
        let count = self.counts.entry(network).or_insert(Count { since: now, messages: 0 });
        if count.is_over(now) {
            *count = Count { since: now, messages: 0 };
        }
        count.messages = count.messages.saturating_add(1);
        count.messages <= most
    }

    fn has_room(&mut self, now: Timestamp) -> bool {
        if self.counts.len() >= self.networks && self.looked.plus_ms(LOOK_MS) <= now {
            self.looked = now;
            self.counts.retain(|_, count| !count.is_over(now));
        }
        self.counts.len() < self.networks
    }
}

impl Count {
    fn is_over(&self, now: Timestamp) -> bool {
        self.since.plus_ms(MINUTE_MS) <= now
    }
}

impl House {
    /// May a server that is no one's of ours begin one more message now? This counts it. This
    /// machine is exempt where it is from the count of wrong secrets.
    pub fn may_bring(&self, peer: &Peer) -> bool {
        let Some(address) = self.counted(peer) else { return true };
        let (most, now) = (self.limits.smtp_messages_per_minute, self.db.now());
        self.visits.lock().unwrap_or_else(PoisonError::into_inner).may_bring(address, most, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: u32 = 300;

    fn allowed(visits: &mut Visits, from: &str, now: i64, messages: u32) -> u32 {
        let from: IpAddr = from.parse().unwrap();
        (0..messages).map(|_| u32::from(visits.may_bring(from, MOST, Timestamp(now)))).sum()
    }

    #[test]
    fn a_network_brings_so_many_in_a_minute() {
        let mut visits = Visits::default();
        assert_eq!(allowed(&mut visits, "192.0.2.1", 0, 200), 200);
        assert_eq!(allowed(&mut visits, "192.0.2.200", 1000, 200), 100, "it is one network");
        assert_eq!(allowed(&mut visits, "::ffff:192.0.2.9", 2000, 5), 0, "also in IPv6 clothes");
        assert_eq!(allowed(&mut visits, "192.0.3.1", 2000, 400), 300, "another one");
        assert_eq!(allowed(&mut visits, "192.0.2.1", 59_999, 5), 0);
        assert_eq!(allowed(&mut visits, "192.0.2.1", 60_000, 400), 300);
        assert_eq!(allowed(&mut visits, "2001:db8:1:2::1", 0, 200), 200);
        assert_eq!(allowed(&mut visits, "2001:db8:1:3::1", 0, 200), 100);
    }

    #[test]
    fn so_many_networks_are_counted_and_no_more() {
        let mut visits = Visits { networks: 100, ..Visits::default() };
        for number in 0..200 {
            assert_eq!(allowed(&mut visits, &format!("192.0.{number}.1"), 5, 1), 1);
        }
        assert_eq!(visits.counts.len(), 100);
        assert_eq!(allowed(&mut visits, "192.0.1.1", 6, 400), 299, "those that are counted go on to be");
        assert_eq!(allowed(&mut visits, "192.0.250.1", 6, 400), 400);
        assert_eq!(allowed(&mut visits, "192.0.250.1", 60_005, 400), 300);
        assert_eq!(visits.counts.len(), 1, "those whose minute is over make room");
    }

    /// The clock of the house never goes back, and one that is set far ahead frees everybody.
    #[test]
    fn it_counts_at_the_ends_of_time() {
        let mut visits = Visits::default();
        assert_eq!(allowed(&mut visits, "192.0.2.1", i64::MIN, 301), 300);
        assert_eq!(allowed(&mut visits, "192.0.2.1", i64::MAX - 1, 301), 300);
    }
}
