//! A job: a closure over a transaction, its kept result, and the caller who waits for it.
//!
//! The engine knows jobs without their types: it runs them, maybe more than once, and
//! settles them when it knows how the transaction ended. Nobody hears before that.

use super::latency::Latency;
use crate::{StoreError, Tx};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// What a run of a job asks the engine to do with its changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ran {
    /// Keep them.
    Kept,
    /// Undo them: the job answered an error, or panicked.
    Undone,
}

/// A job without its types.
pub(crate) trait Job: Send {
    /// Runs the closure and keeps its result; an earlier result is forgotten. A panic is
    /// caught here, so that it is the fault of this job alone.
    fn run(&mut self, tx: &Tx<'_>) -> Ran;
    /// Puts an error in place of the kept result: the closure passed over a statement that
    /// had failed, and nothing it did can be kept.
    fn overrule(&mut self, error: StoreError);
    /// Tells the caller: the kept result, or this error instead.
    fn settle(self: Box<Self>, ending: Result<(), StoreError>);
}

struct TypedJob<F, T, E> {
    work: F,
    kept: Option<Result<T, E>>,
    caller: oneshot::Sender<Result<T, E>>,
    queued: Instant,
    latency: Arc<Latency>,
}

/// A job and the promise of its answer. How long that takes is counted.
pub(crate) fn job<F, T, E>(work: F, latency: &Arc<Latency>) -> (Box<dyn Job>, oneshot::Receiver<Result<T, E>>)
where
    F: Fn(&Tx<'_>) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let (caller, answer) = oneshot::channel();
    let (queued, latency) = (Instant::now(), Arc::clone(latency));
    (Box::new(TypedJob { work, kept: None, caller, queued, latency }), answer)
}

impl<F, T, E> Job for TypedJob<F, T, E>
where
    F: Fn(&Tx<'_>) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    fn run(&mut self, tx: &Tx<'_>) -> Ran {
        self.kept = None;
        // Unwind safety: the closure is `Fn` and pure, and whatever it did to the
        // transaction is rolled back.
        let result = catch_unwind(AssertUnwindSafe(|| (self.work)(tx))).unwrap_or_else(|_| {
            tracing::error!(event = "store.job.panicked", "a job panicked; its changes are undone");
            Err(E::from(StoreError::Panicked))
        });
        let ran = if result.is_ok() { Ran::Kept } else { Ran::Undone };
        self.kept = Some(result);
        ran
    }

    fn overrule(&mut self, error: StoreError) {
        self.kept = Some(Err(E::from(error)));
    }

    fn settle(self: Box<Self>, ending: Result<(), StoreError>) {
        let Self { work, kept, caller, queued, latency } = *self;
        latency.add(queued.elapsed());
        let answer = match ending {
            Ok(()) => {
                kept.unwrap_or_else(|| Err(E::from(StoreError::Engine("a job was settled but never run".into()))))
            }
            Err(error) => Err(E::from(error)),
        };
        // What the closure holds (a body's reservation) is let go before the caller goes on.
        drop(work);
        // The caller may have gone; the job is as settled as if they had waited.
        let _ = caller.send(answer);
    }
}
