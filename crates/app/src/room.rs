//! Memory for messages that are coming in, counted over all connections (docs/design.md
//! section 9). It is taken in steps as bytes come, and waited for where there is none.
//!
//! Whoever sends large messages slowly must not keep others from sending theirs. So the first MiB
//! of each message comes from a half of its own, which large ones can not use up; and all that
//! comes from one network has a quarter of everything at most.

use crate::House;
use crate::house::PARSING_UNIT;
use crate::sign_in::Peer;
use postern_types::Network;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What of a message counts as its beginning.
const BEGINNING_BYTES: usize = 1 << 20;
/// Networks are looked through for those that send no more once there are so many.
const NETWORKS_AT_REST: usize = 1024;

/// The memory of the whole house.
#[derive(Debug)]
pub(crate) struct Rooms {
    beginnings: Place,
    rest: Place,
    share_units: usize,
    shares: Mutex<Shares>,
}

/// Some of it, and how much that is.
#[derive(Debug, Clone)]
struct Place {
    free: Arc<Semaphore>,
    units: usize,
}

/// What each network has of it.
#[derive(Debug, Default)]
struct Shares {
    by_network: HashMap<Network, Weak<Semaphore>>,
    most: usize,
}

/// Memory that one message has; free again when it is dropped.
#[derive(Debug)]
pub struct Room {
    share: Option<Taken>,
    beginning: Taken,
    rest: Taken,
    beginning_units: usize,
}

#[derive(Debug)]
struct Taken {
    from: Place,
    held: Option<OwnedSemaphorePermit>,
}

impl Rooms {
    pub(crate) fn new(bytes: usize) -> Self {
        let units = bytes / PARSING_UNIT;
        let [half, quarter] = [2, 4].map(|part| (units / part).max(1));
        Self { beginnings: Place::new(half), rest: Place::new(half), share_units: quarter, shares: Mutex::default() }
    }

    /// Room for a message from there; none yet.
    fn room(&self, network: Option<Network>) -> Room {
        let share = network.map(|network| Taken::none_of(self.share_of(network)));
        let beginning_units = (BEGINNING_BYTES / PARSING_UNIT).min(self.beginnings.units);
        let (beginning, rest) = (Taken::none_of(self.beginnings.clone()), Taken::none_of(self.rest.clone()));
        Room { share, beginning, rest, beginning_units }
    }

    fn share_of(&self, network: Network) -> Place {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(free) = shares.by_network.get(&network).and_then(Weak::upgrade) {
            return Place { free, units: self.share_units };
        }
        if shares.by_network.len() >= shares.most.max(NETWORKS_AT_REST) {
            shares.by_network.retain(|_, share| share.strong_count() > 0);
            shares.most = 2 * shares.by_network.len();
        }
        let share = Place::new(self.share_units);
        shares.by_network.insert(network, Arc::downgrade(&share.free));
        share
    }
}

impl Place {
    fn new(units: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(units)), units }
    }
}

impl Taken {
    fn none_of(from: Place) -> Self {
        Self { from, held: None }
    }

    /// Takes more until it is so much; what is more than all of it is all of it.
    async fn grow_to(&mut self, units: usize) {
        let has = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = units.min(self.from.units).saturating_sub(has);
        if missing == 0 {
            return;
        }
        let missing = u32::try_from(missing).unwrap_or(u32::MAX);
        // It is never closed, so it never fails.
        let Ok(more) = Arc::clone(&self.from.free).acquire_many_owned(missing).await else { return };
        match &mut self.held {
            Some(held) => held.merge(more),
            None => self.held = Some(more),
        }
    }
}

impl Room {
    /// Waits until there is room for so many bytes in all. Who waits has a place in a queue.
    pub async fn grow_to(&mut self, bytes: usize) {
        let units = bytes.div_ceil(PARSING_UNIT);
        if let Some(share) = &mut self.share {
            share.grow_to(units).await;
        }
        self.beginning.grow_to(units.min(self.beginning_units)).await;
        self.rest.grow_to(units.saturating_sub(self.beginning_units)).await;
    }
}

impl House {
    /// Room for a message that a peer is about to send; it has none yet. Who is on this machine
    /// shares with nobody.
    pub fn room(&self, peer: &Peer) -> Room {
        let address = peer.address.filter(|_| !peer.is_local());
        self.rooms.room(address.map(|address| Network::around(address, 24, 48)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    const MIB: usize = 1 << 20;

    fn network(text: &str) -> Option<Network> {
        Some(text.parse().unwrap())
    }

    async fn grows(room: &mut Room, bytes: usize) -> bool {
        timeout(Duration::from_secs(60), room.grow_to(bytes)).await.is_ok()
    }

    /// Large messages that never end leave room for the ordinary ones of everybody.
    #[tokio::test(start_paused = true)]
    async fn large_messages_do_not_keep_out_others() {
        let rooms = Rooms::new(256 * MIB);
        let mut large = Vec::new();
        for number in 0..20 {
            let mut room = rooms.room(network(&format!("192.0.{number}.0/24")));
            let full = grows(&mut room, 50 * MIB).await;
            assert_eq!(full, number < 2, "{number}");
            large.push(room);
        }
        let mut ordinary: Vec<_> = (0..40).map(|_| rooms.room(network("198.51.100.0/24"))).collect();
        for room in &mut ordinary {
            assert!(grows(room, MIB).await);
        }
        large.truncate(1);
        assert!(grows(&mut ordinary[0], 20 * MIB).await);
    }

    #[tokio::test(start_paused = true)]
    async fn one_network_has_a_quarter() {
        let rooms = Rooms::new(256 * MIB);
        let [mut one, mut two] = [0, 1].map(|_| rooms.room(network("192.0.2.0/24")));
        assert!(grows(&mut one, 50 * MIB).await);
        assert!(!grows(&mut two, 50 * MIB).await);
        assert!(grows(&mut rooms.room(network("198.51.100.0/24")), 50 * MIB).await);
        drop(one);
        assert!(grows(&mut two, 50 * MIB).await);
        assert!(grows(&mut two, MIB).await, "it has more already");
    }

    /// A message larger than everything waits for everything, and not for ever.
    #[tokio::test(start_paused = true)]
    async fn what_is_larger_than_all_has_all() {
        for bytes in [0, 4096, 3 * MIB] {
            let rooms = Rooms::new(bytes);
            assert!(grows(&mut rooms.room(network("192.0.2.0/24")), 50 * MIB).await);
            assert!(grows(&mut rooms.room(None), 50 * MIB).await);
        }
    }

    #[test]
    fn networks_that_send_no_more_are_forgotten() {
        let rooms = Rooms::new(256 * MIB);
        let kept = rooms.room(network("192.0.2.0/24"));
        for number in 0..20_000_u32 {
            drop(rooms.room(Some(Network::around(std::net::Ipv4Addr::from_bits(number << 8).into(), 24, 48))));
        }
        assert!(rooms.shares.lock().unwrap().by_network.len() <= NETWORKS_AT_REST + 1);
        drop(kept);
    }
}
