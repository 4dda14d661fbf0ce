//! Who waits where for a place to compute a password's hash: strangers can not keep those out who
//! signed in from where they are before (docs/decisions/0024-throttle.md).
//!
//! Half of the places, and one queue of two, are never a stranger's. Whoever is known has a few
//! turns at once in the other queue, so one of them can not fill it either; what they ask for
//! beyond that waits with the strangers.

use postern_types::{AccountId, Network};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many may wait or be at it in each queue; further ones are told to come again.
const QUEUE: usize = 64;
/// Turns at once in the reserved queue, for one account from one network: as many connections as
/// mail programs open at a time.
const SHARE: usize = 4;

/// Which queue somebody waits in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// The reserved one: the house's own work, and those who are not counted.
    House,
    /// The reserved one, within a share: somebody who signed in to this account from this network.
    Known(AccountId, Network),
    /// The strangers'.
    Strangers,
}

/// The queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Full;

/// Places and queues.
#[derive(Debug)]
pub(crate) struct Lanes {
    places: Arc<Semaphore>,
    for_strangers: Arc<Semaphore>,
    reserved_queue: Arc<Semaphore>,
    strangers_queue: Arc<Semaphore>,
    shares: Arc<Mutex<HashMap<(AccountId, Network), usize>>>,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _place: OwnedSemaphorePermit,
    for_strangers: Option<OwnedSemaphorePermit>,
    _waiting: OwnedSemaphorePermit,
    _share: Option<Share>,
}

/// One turn of those that an account has from a network.
#[derive(Debug)]
struct Share {
    shares: Arc<Mutex<HashMap<(AccountId, Network), usize>>>,
    whose: (AccountId, Network),
}

impl Lanes {
    /// So many places; two at least, as one is no stranger's.
    pub(crate) fn new(places: usize) -> Self {
        let places = places.max(2);
        let semaphore = |permits| Arc::new(Semaphore::new(permits));
        Self {
            places: semaphore(places),
            for_strangers: semaphore(places / 2),
            reserved_queue: semaphore(QUEUE),
            strangers_queue: semaphore(QUEUE),
            shares: Arc::default(),
        }
    }

    /// Waits for a place, or is told at once that the queue is full.
    pub(crate) async fn turn(&self, lane: Lane) -> Result<Turn, Full> {
        let share = match lane {
            Lane::Known(account, network) => Share::take(&self.shares, (account, network)),
            Lane::House | Lane::Strangers => None,
        };
        let is_reserved = lane == Lane::House || share.is_some();
        let queue = if is_reserved { &self.reserved_queue } else { &self.strangers_queue };
        let waiting = Arc::clone(queue).try_acquire_owned().map_err(|_| Full)?;
        let acquire = async |semaphore: &Arc<Semaphore>| Arc::clone(semaphore).acquire_owned().await.map_err(|_| Full);
        // A stranger waits for one of theirs first, so at most so many of them wait beside those
        // who are known, and places are given in order.
        let for_strangers = if is_reserved { None } else { Some(acquire(&self.for_strangers).await?) };
        let place = acquire(&self.places).await?;
        Ok(Turn { _place: place, for_strangers, _waiting: waiting, _share: share })
    }
}

impl Turn {
    /// Is it one of the strangers' turns?
    pub(crate) fn is_a_stranger_s(&self) -> bool {
        self.for_strangers.is_some()
    }
}

impl Share {
    fn take(shares: &Arc<Mutex<HashMap<(AccountId, Network), usize>>>, whose: (AccountId, Network)) -> Option<Self> {
        let mut taken = shares.lock().unwrap_or_else(PoisonError::into_inner);
        let turns = taken.entry(whose).or_default();
        if *turns >= SHARE {
            return None;
        }
        *turns += 1;
        Some(Self { shares: Arc::clone(shares), whose })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turns) = taken.get_mut(&self.whose) {
            *turns -= 1;
            if *turns == 0 {
                taken.remove(&self.whose);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Width, around};
    use std::pin::pin;
    use std::task::Poll;

    fn known(account: i64) -> Lane {
        let office = around("192.0.2.7".parse().unwrap(), Width::Narrow);
        Lane::Known(AccountId::new(account).unwrap(), office)
    }

    /// A turn that is to be had without waiting.
    async fn now(lanes: &Lanes, lane: Lane) -> Option<Result<Turn, Full>> {
        let mut turn = pin!(lanes.turn(lane));
        std::future::poll_fn(|context| {
            Poll::Ready(match turn.as_mut().poll(context) {
                Poll::Ready(turn) => Some(turn),
                Poll::Pending => None,
            })
        })
        .await
    }

    #[tokio::test]
    async fn strangers_have_half_of_the_places() {
        let lanes = Lanes::new(4);
        let strangers = [now(&lanes, Lane::Strangers).await, now(&lanes, Lane::Strangers).await];
        assert!(strangers.iter().all(Option::is_some));
        assert!(now(&lanes, Lane::Strangers).await.is_none(), "the third waits");
        let people = [now(&lanes, known(1)).await, now(&lanes, known(2)).await];
        assert!(people.iter().all(Option::is_some));
        assert!(now(&lanes, known(3)).await.is_none(), "every place is taken");
        drop(strangers);
        assert!(now(&lanes, known(3)).await.is_some(), "who is known takes any place");
    }

    #[tokio::test]
    async fn a_single_core_has_a_place_that_is_no_stranger_s() {
        let lanes = Lanes::new(1);
        let _stranger = now(&lanes, Lane::Strangers).await.unwrap().unwrap();
        assert!(now(&lanes, known(1)).await.is_some());
        assert!(now(&lanes, Lane::House).await.is_some());
    }

    /// A queue full of strangers is full for strangers alone, and empties as they give up.
    #[tokio::test]
    async fn strangers_fill_their_own_queue() {
        let lanes = Arc::new(Lanes::new(2));
        let first = now(&lanes, Lane::Strangers).await.unwrap().unwrap();
        let mut waiting: Vec<_> = (1..QUEUE).map(|_| Box::pin(lanes.turn(Lane::Strangers))).collect();
        for turn in &mut waiting {
            let pending = std::future::poll_fn(|context| Poll::Ready(turn.as_mut().poll(context).is_pending())).await;
            assert!(pending);
        }
        assert_eq!(lanes.turn(Lane::Strangers).await.unwrap_err(), Full);
        assert!(now(&lanes, known(1)).await.is_some());
        drop(waiting);
        assert!(now(&lanes, Lane::Strangers).await.is_none(), "there is room to wait again");
        drop(first);
        assert!(now(&lanes, Lane::Strangers).await.is_some());
    }

    /// Who is known and asks for much waits with the strangers, and leaves room for others.
    #[tokio::test]
    async fn one_account_has_a_share_of_the_reserved_queue() {
        let lanes = Lanes::new(2 * SHARE + 2);
        let mut turns = Vec::new();
        for _ in 0..SHARE {
            turns.push(now(&lanes, known(1)).await.unwrap().unwrap());
        }
        let beyond = now(&lanes, known(1)).await.unwrap().unwrap();
        assert!(beyond._share.is_none() && beyond.for_strangers.is_some());
        assert!(now(&lanes, known(2)).await.unwrap().unwrap()._share.is_some());
        turns.pop();
        assert!(now(&lanes, known(1)).await.unwrap().unwrap()._share.is_some());
        drop((turns, beyond));
        assert!(lanes.shares.lock().unwrap().is_empty(), "nothing is kept of who is gone");
    }
}
