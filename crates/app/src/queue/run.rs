//! Running the queue: what is due is taken, started, and put back where nothing could be done.

use super::bring::{Parcelled, Where};
use crate::carrier::Turn;
use crate::wire::Shutdown;
use crate::{House, Refused};
use postern_store::{Authority, GateError, Lane, QueuedMessage, RunQueue, Stopped, Tx};
use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;

/// What is taken is this process's for so long.
const LEASE_MS: i64 = 60 * 1000;
/// So often that is moved on.
const RENEW_EVERY: Duration = Duration::from_secs(20);
/// So often it is looked for what is due, where nobody says that something is.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// What is under way may take so long when the server goes down.
const FAREWELL: Duration = Duration::from_secs(5);
/// Recipients taken at once.
const TAKEN_AT_ONCE: usize = 400;
/// Parcels of people that are on their way to one place, or wait for a turn there, at most: each is small.
const BOUND_FOR_ONE: usize = 10_000;
/// What finds no room among them is due again after so long, in milliseconds, and after as long again for each
/// so many before it.
const WAITS_MS: i64 = 5000;
/// What somebody holds, or sent who is suspended, is looked at again after so long.
const SUSPENDED_MS: i64 = 60 * 1000;

/// What is bound for a place.
#[derive(Debug, Default)]
pub(super) struct Bound {
    /// On their way, and waiting for that.
    parcels: usize,
    /// Put back since there was no room, less those that came after.
    put_back: usize,
}

/// Recipients in hand. Unless it is told that they are settled, they are put back: whatever became of
/// whoever had them.
pub(super) struct InHand {
    house: Arc<House>,
    recipients: Vec<i64>,
    /// The same, whatever became of them.
    held: Vec<i64>,
    place: Option<String>,
}

impl InHand {
    fn of(house: &Arc<House>, parcel: &Parcelled) -> Self {
        let recipients: Vec<i64> = parcel.recipients.iter().map(|recipient| recipient.id).collect();
        let mut in_hand = house.queue.in_hand.lock().unwrap_or_else(PoisonError::into_inner);
        recipients.iter().for_each(|id| *in_hand.entry(*id).or_default() += 1);
        drop(in_hand);
        Self { house: Arc::clone(house), held: recipients.clone(), recipients, place: None }
    }

    /// They are on their way to a place, or wait for that. Where enough do, it answers after how many
    /// milliseconds they are due again: those that are many are not taken again and again.
    fn bound_for(&mut self, place: String) -> Result<(), i64> {
        let mut bound_for = self.house.queue.bound_for.lock().unwrap_or_else(PoisonError::into_inner);
        let bound = bound_for.entry(place.clone()).or_default();
        if bound.parcels >= BOUND_FOR_ONE {
            bound.put_back += 1;
            return Err(WAITS_MS * (1 + (bound.put_back / BOUND_FOR_ONE) as i64));
        }
        bound.parcels += 1;
        bound.put_back = bound.put_back.saturating_sub(1);
        drop(bound_for);
        self.place = Some(place);
        Ok(())
    }

    /// What became of them is written down.
    fn settled(&mut self) {
        self.recipients.clear();
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        let queue = &self.house.queue;
        if let Some(place) = self.place.take() {
            let mut bound_for = queue.bound_for.lock().unwrap_or_else(PoisonError::into_inner);
            match bound_for.get_mut(&place) {
                Some(bound) if bound.parcels > 1 => bound.parcels -= 1,
                _ => drop(bound_for.remove(&place)),
            }
        }
        let mut in_hand = queue.in_hand.lock().unwrap_or_else(PoisonError::into_inner);
        for id in &self.held {
            match in_hand.get_mut(id) {
                Some(count) if *count > 1 => *count -= 1,
                _ => drop(in_hand.remove(id)),
            }
        }
        drop(in_hand);
        queue.lost.lock().unwrap_or_else(PoisonError::into_inner).append(&mut self.recipients);
    }
}

impl House {
    /// Runs the queue until the server drains; then lets go of what it has not brought away.
    pub async fn run_queue(self: Arc<Self>, shutdown: Shutdown) {
        self.let_go().await;
        let [people, bulk, here, bulk_here] = Lane::ALL.map(|lane| Arc::clone(&self).run_lane(lane, shutdown.clone()));
        tokio::join!(people, bulk, here, bulk_here, self.look_after(shutdown));
        self.let_go().await;
    }

    /// Behind all that was to be written of campaigns: what they did is not done again.
    async fn let_go(&self) {
        let (me, job) = (self.queue.me, self.submission_job());
        let Ok(job) = job else { return };
        let let_go = move |tx: &Tx<'_>| tx.authority::<RunQueue>(&job)?.let_go(me);
        if let Err(error) = self.db.write_bulk(let_go).await {
            tracing::error!(event = "queue.not-let-go", %error);
        }
    }

    /// Something that the submission job does to the queue, beside what people wait for.
    pub(crate) async fn run<T: Send + 'static, E: Into<GateError>>(
        &self,
        work: impl Fn(&Authority<'_, RunQueue>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, Refused> {
        let job = self.submission_job()?;
        let write = self.db.write(move |tx: &Tx<'_>| -> Result<T, GateError> {
            work(&tx.authority::<RunQueue>(&job)?).map_err(Into::into)
        });
        Ok(write.await?)
    }

    /// Puts back what was lost, and moves on until when the process has the rest.
    async fn look_after(&self, mut shutdown: Shutdown) {
        let mut renewed = tokio::time::Instant::now();
        loop {
            tokio::select! {
                () = shutdown.requested() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            self.put_back_lost().await;
            if renewed.elapsed() < RENEW_EVERY {
                continue;
            }
            renewed = tokio::time::Instant::now();
            self.let_go_of_strays().await;
            let (me, until) = (self.queue.me, self.db.now().plus_ms(LEASE_MS));
            if let Err(error) = self.run(move |queue| queue.renew(me, until)).await {
                tracing::error!(event = "queue.not-renewed", %error);
            }
            if let Some(carrier) = self.queue.carrier.get() {
                carrier.tidy(self.db.now());
            }
        }
    }

    /// What this process has taken and nobody has in hand, at two looks one after the other: it was taken by a
    /// commit whose answer was lost.
    async fn let_go_of_strays(&self) {
        let me = self.queue.me;
        let taken = match self.run(move |queue| queue.taken(me)).await {
            Ok(taken) => taken,
            Err(error) => return tracing::error!(event = "queue.not-looked-after", %error),
        };
        let in_hand = self.queue.in_hand.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let strays: HashSet<i64> = taken.into_iter().filter(|id| !in_hand.contains_key(id)).collect();
        let mut suspects = self.queue.suspects.lock().unwrap_or_else(PoisonError::into_inner);
        let lost: Vec<i64> = strays.intersection(&suspects).copied().collect();
        *suspects = strays;
        drop(suspects);
        self.queue.lost.lock().unwrap_or_else(PoisonError::into_inner).extend(lost);
    }

    async fn put_back_lost(&self) {
        if self.queue.lost.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
            return;
        }
        // Nobody takes meanwhile, so that what is put back is not one that was lost and is in hand again.
        let _nobody_takes = self.queue.takes.write().await;
        let lost = self.queue.take_lost();
        if !lost.is_empty() {
            self.put_back(lost, SUSPENDED_MS).await;
        }
    }

    /// Puts back what is in hand, and lets go of it after that.
    async fn put_back_in_hand(&self, in_hand: Vec<InHand>, after_ms: i64) {
        if in_hand.is_empty() {
            return;
        }
        self.put_back(in_hand.iter().flat_map(|one| one.recipients.iter().copied()).collect(), after_ms).await;
        in_hand.into_iter().for_each(|mut one| one.settled());
    }

    /// These were taken and not tried, and are due after a while. What can not be put back now is put back
    /// later.
    async fn put_back(&self, recipients: Vec<i64>, after_ms: i64) {
        let (me, at) = (self.queue.me, self.db.now().plus_ms(after_ms));
        let these = recipients.clone();
        if let Err(error) = self.run(move |queue| queue.put_back(&these, me, at)).await {
            tracing::error!(event = "queue.not-put-back", %error);
            self.queue.lost.lock().unwrap_or_else(PoisonError::into_inner).extend(recipients);
        }
    }

    async fn run_lane(self: Arc<Self>, lane: Lane, mut shutdown: Shutdown) {
        let mut under_way = JoinSet::new();
        // Whether somebody said that something is due: then it is taken without a look before.
        let mut is_told = false;
        loop {
            // Heard from here on: what is queued while it is looked for is not missed.
            let woken = self.queue.wakes[lane.place()].notified();
            let mut woken = std::pin::pin!(woken);
            woken.as_mut().enable();
            let took_all = match self.start_due((lane, is_told), &mut under_way, &mut shutdown).await {
                Ok(started) => started < TAKEN_AT_ONCE,
                Err(error) => {
                    tracing::error!(event = "queue.look-failed", %error);
                    true
                }
            };
            while under_way.try_join_next().is_some() {}
            if shutdown.is_requested() {
                break;
            }
            is_told = true;
            if took_all {
                tokio::select! {
                    () = shutdown.requested() => break,
                    () = woken => {}
                    () = tokio::time::sleep(LOOK_EVERY) => is_told = false,
                }
            }
        }
        let ended = async { while under_way.join_next().await.is_some() {} };
        if tokio::time::timeout(FAREWELL, ended).await.is_err() {
            // What is cut here is due again: at worst a recipient gets it twice.
            under_way.abort_all();
            while under_way.join_next().await.is_some() {}
        }
    }

    /// A look that writes nothing, for a house where nothing is sent.
    async fn is_due(&self, lane: Lane) -> Result<bool, Refused> {
        let (job, now) = (self.submission_job()?, self.db.now());
        let due = self.db.read(move |tx: &Tx<'_>| -> Result<bool, GateError> {
            Ok(tx.authority::<RunQueue>(&job)?.next_due(lane)?.is_some_and(|due| due <= now))
        });
        Ok(due.await?)
    }

    /// Takes what is due and starts to bring it away; answers how many recipients. Waits for workers.
    async fn start_due(
        self: &Arc<Self>,
        (lane, is_told): (Lane, bool),
        under_way: &mut JoinSet<()>,
        shutdown: &mut Shutdown,
    ) -> Result<usize, Refused> {
        if !is_told && !self.is_due(lane).await? {
            return Ok(0);
        }
        let (job, me, until) = (self.submission_job()?, self.queue.me, self.db.now().plus_ms(LEASE_MS));
        let take = move |tx: &Tx<'_>| tx.authority::<RunQueue>(&job)?.take(lane, TAKEN_AT_ONCE, (me, until));
        let taking = self.queue.takes.read().await;
        let (recipients, messages) = self.db.write(take).await?;
        let count = recipients.len();
        let parcels = Parcelled::of(recipients, messages, &self.routes());
        // All of them are in hand from here on, whatever happens to the first.
        let parcels: Vec<_> = parcels.into_iter().map(|parcel| (InHand::of(self, &parcel), parcel)).collect();
        drop(taking);
        for (mut in_hand, parcel) in self.those_that_leave(lane, parcels).await {
            let house = Arc::clone(self);
            let turn = match (lane, &parcel.place) {
                (Lane::People, Where::There(hop)) => self.queue.turns(hop).map(|turns| turns.try_acquire_owned()),
                _ => None,
            };
            if let Some(Err(_)) = turn {
                under_way.spawn(house.bring_in_turn(in_hand, parcel, shutdown.clone()));
                continue;
            }
            let permit = tokio::select! {
                permit = self.queue.workers(lane).acquire_owned() => permit.map_err(|_| Refused::Unavailable)?,
                // What was taken and not begun is let go at the end.
                () = shutdown.requested() => return Ok(count),
            };
            let (turn, mut shutdown) = (turn.and_then(Result::ok).map(Turn::from), shutdown.clone());
            under_way.spawn(async move {
                let _permit = permit;
                let turn = tokio::select! {
                    turn = house.turn_unless(turn, &parcel.place) => turn,
                    // What was taken and not begun is let go at the end.
                    () = shutdown.requested() => return,
                };
                if house.bring(lane, parcel, turn).await {
                    in_hand.settled();
                }
            });
            while under_way.try_join_next().is_some() {}
        }
        Ok(count)
    }

    /// Brings a parcel of people away when there is a turn with its place: until then it keeps no worker.
    async fn bring_in_turn(self: Arc<Self>, mut in_hand: InHand, parcel: Parcelled, mut shutdown: Shutdown) {
        let turn = async {
            let turn = self.turn(&parcel.place).await?;
            Some((turn, self.queue.workers(Lane::People).acquire_owned().await.ok()?))
        };
        let taken = tokio::select! {
            taken = turn => taken,
            // What was taken and not begun is let go at the end.
            () = shutdown.requested() => None,
        };
        if let Some((turn, _permit)) = taken
            && self.bring(Lane::People, parcel, Some(turn)).await
        {
            in_hand.settled();
        }
    }

    /// Puts back what does not leave now, in one write for all of a kind: a campaign that is suspended has
    /// thousands.
    async fn those_that_leave(&self, lane: Lane, parcels: Vec<(InHand, Parcelled)>) -> Vec<(InHand, Parcelled)> {
        let (mut leave, mut kept, mut kept_messages, mut strays) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut crowded: BTreeMap<i64, Vec<InHand>> = BTreeMap::new();
        for (mut in_hand, parcel) in parcels {
            match (parcel.message.stopped, &parcel.place) {
                (Some(Stopped::Compromised), _) => self.take_out(&parcel, &mut in_hand).await,
                (Some(Stopped::Held | Stopped::Suspended | Stopped::SenderSuspended), _) => {
                    kept.push(in_hand);
                    kept_messages.push(parcel.message.id);
                }
                (None, Where::There(_)) if lane.is_here() => strays.push(in_hand),
                (None, Where::There(hop)) if lane == Lane::People => match in_hand.bound_for(hop.to_string()) {
                    Ok(()) => leave.push((in_hand, parcel)),
                    Err(wait) => crowded.entry(wait).or_default().push(in_hand),
                },
                (None, _) => leave.push((in_hand, parcel)),
            }
        }
        self.change_lane(strays, lane.of_recipients(false)).await;
        for (wait, crowded) in crowded {
            self.put_back_in_hand(crowded, wait).await;
        }
        if !kept.is_empty() {
            self.put_back_in_hand(kept, SUSPENDED_MS).await;
            kept_messages.dedup();
            if let Err(error) = self.run(move |queue| queue.kept(&kept_messages)).await {
                tracing::error!(event = "queue.not-kept", %error);
            }
        }
        leave
    }

    /// Their domain is not ours any more: they leave as those elsewhere do.
    async fn change_lane(&self, strays: Vec<InHand>, lane: Lane) {
        if strays.is_empty() {
            return;
        }
        let (me, these): (_, Vec<i64>) =
            (self.queue.me, strays.iter().flat_map(|one| one.recipients.iter().copied()).collect());
        if let Err(error) = self.run(move |queue| queue.change_lane(&these, me, lane)).await {
            tracing::error!(event = "queue.not-put-back", %error);
        }
        self.put_back_in_hand(strays, 0).await;
        self.queue.wake_lane(lane);
    }

    /// Mail of a credential whose secret others know does not leave.
    async fn take_out(&self, parcel: &Parcelled, in_hand: &mut InHand) {
        let (message, ids, me): (Arc<QueuedMessage>, _, _) =
            (Arc::clone(&parcel.message), in_hand.recipients.clone(), self.queue.me);
        match self.run(move |queue| queue.take_out(&message, &ids, me)).await {
            Ok(()) => in_hand.settled(),
            Err(error) => tracing::error!(event = "queue.not-taken-out", %error),
        }
    }
}
