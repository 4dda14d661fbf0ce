//! The database as the rest of the house sees it: two engines behind one handle.
//!
//! Work is a closure over a transaction. A write may be run more than once (its whole
//! transaction was lost, or PostgreSQL asked for a retry), so it is `Fn` and pure: its
//! inputs are fixed, it does no I/O, and what it tells watchers goes through
//! [`Tx`]. An error of the closure undoes its own changes alone. A statement that failed
//! dooms the job on both engines (PostgreSQL aborts the transaction there): a closure that
//! passes over the error is answered with it.
//!
//! Nobody is answered before the commit that holds their work is synced (docs/design.md law 3). A
//! caller who goes away changes nothing: the job commits or not as a whole, and watchers
//! are told.

mod job;
mod latency;
pub(crate) mod queue;
mod shared;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use crate::sql::{postgres, sqlite};
use crate::{Clock, Disk, HouseClock, StoreError, Tx};
pub(crate) use job::{Job, Ran};
pub use latency::Latencies;
use latency::Latency;
use postern_types::{AccountId, MailboxId, Timestamp};
use queue::{Lane, Queue};
pub use shared::{CommitListener, Counters};
pub(crate) use shared::{Shared, Times};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

/// Where the rows are.
#[derive(Clone, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// `postern.db` and `bodies.db` in the data folder.
    Sqlite,
    /// A PostgreSQL server, over a unix socket or loopback: this version has no TLS to it.
    Postgres(String),
}

impl FromStr for DatabaseUrl {
    type Err = StoreError;

    fn from_str(url: &str) -> Result<Self, StoreError> {
        if url == "sqlite:" {
            Ok(Self::Sqlite)
        } else if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            Ok(Self::Postgres(url.to_owned()))
        } else {
            // Not shown: it may hold a password.
            Err(StoreError::Unusable(
                "The database url must be \"sqlite:\" or begin with \"postgres://\"; check [database] url".into(),
            ))
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    /// Says the engine only: the url may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "Sqlite",
            Self::Postgres(_) => "Postgres(_)",
        })
    }
}

/// How to open a database.
#[derive(Debug, Clone)]
pub struct DbOptions {
    /// The data folder; made if it is not there.
    pub data_dir: PathBuf,
    /// Which engine, and where.
    pub url: DatabaseUrl,
    /// Threads that read.
    pub readers: usize,
    /// Threads that write; SQLite always has one.
    pub writers: usize,
    /// Bytes of snapshots of mailboxes that are kept for whoever opens them next.
    pub snapshot_bytes: usize,
    /// Bytes that are kept free where the data folder is; 0 for none.
    pub disk_reserve_bytes: u64,
}

impl DbOptions {
    /// The usual numbers of threads.
    pub fn new(data_dir: impl Into<PathBuf>, url: DatabaseUrl) -> Self {
        let readers = std::thread::available_parallelism().map_or(4, |cores| cores.get().clamp(2, 16));
        Self { data_dir: data_dir.into(), url, readers, writers: 8, snapshot_bytes: 256 << 20, disk_reserve_bytes: 0 }
    }
}

/// A handle on the open database. Clones are the same database; the last one that goes
/// away closes it, and [`Db::close`] does so in good order.
#[derive(Clone)]
pub struct Db {
    inner: Arc<Inner>,
}

struct Inner {
    shared: Arc<Shared>,
    engine: Mutex<Engine>,
    cache_limit_bytes: usize,
}

/// The threads of an engine: those that serve the queues, and one that ends after them.
#[derive(Default)]
pub(crate) struct Engine {
    threads: Vec<(JoinHandle<()>, oneshot::Receiver<()>)>,
    last: Option<LastThread>,
    pub cache_limit_bytes: usize,
}

struct LastThread {
    stop: Box<dyn FnOnce() + Send>,
    thread: (JoinHandle<()>, oneshot::Receiver<()>),
}

impl Engine {
    /// Starts a thread that serves a queue until that is closed and empty.
    pub fn spawn(&mut self, name: String, body: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
        self.threads.push(spawn(name, body)?);
        Ok(())
    }

    /// Starts the thread that is stopped after all others have ended.
    pub fn spawn_last(
        &mut self,
        name: String,
        stop: impl FnOnce() + Send + 'static,
        body: impl FnOnce() + Send + 'static,
    ) -> Result<(), StoreError> {
        self.last = Some(LastThread { stop: Box::new(stop), thread: spawn(name, body)? });
        Ok(())
    }
}

fn spawn(
    name: String,
    body: impl FnOnce() + Send + 'static,
) -> Result<(JoinHandle<()>, oneshot::Receiver<()>), StoreError> {
    let (ended, end) = oneshot::channel();
    let thread = std::thread::Builder::new()
        .name(name)
        .spawn(move || {
            body();
            // Nobody waits for the end unless the database is being closed.
            let _ = ended.send(());
        })
        .map_err(|error| StoreError::Engine(format!("starting a thread: {error}")))?;
    Ok((thread, end))
}

impl Db {
    /// Opens the database, makes or migrates its schema, and starts its threads. Blocks
    /// while it does so; refuses a schema newer than this program.
    pub fn open(options: DbOptions, disk: Arc<dyn Disk>, clock: Arc<dyn Clock>) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared::new(HouseClock::new(clock), disk, &options));
        let opening = shared.clone();
        // The PostgreSQL client blocks on a runtime of its own, which would panic on a
        // thread that already drives one.
        let engine = std::thread::spawn(move || match &options.url {
            DatabaseUrl::Sqlite => sqlite::open(&options, &opening),
            DatabaseUrl::Postgres(url) => postgres::open(url, &options, &opening),
        })
        .join()
        .map_err(|_| StoreError::Panicked)?
        .inspect_err(|_| {
            // Threads that were started before the error have nothing to serve.
            shared.reads.close();
            shared.writes.close();
        })?;
        let cache_limit_bytes = engine.cache_limit_bytes;
        Ok(Self { inner: Arc::new(Inner { shared, engine: Mutex::new(engine), cache_limit_bytes }) })
    }

    /// Reads: the closure sees one moment of the database, and never waits for a writer.
    pub async fn read<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: Fn(&Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let shared = &self.inner.shared;
        submit((&shared.reads, &shared.times.read), (Lane::Interactive, None), work).await
    }

    /// The same, begun before anybody waits for it: what answers it may be awaited later.
    pub fn read_ahead<T, E, F>(&self, work: F) -> impl Future<Output = Result<T, E>> + Send + use<T, E, F>
    where
        F: Fn(&Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let shared = &self.inner.shared;
        submit((&shared.reads, &shared.times.read), (Lane::Interactive, None), work)
    }

    /// Writes; when this answers `Ok` the changes are on disk. The closure may be run more
    /// than once.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: Fn(&Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let shared = &self.inner.shared;
        submit((&shared.writes, &shared.times.write), (Lane::Interactive, None), work).await
    }

    /// Writes in turn with other such writes that hold the row of the same account. They would wait for each
    /// other anyway, and on PostgreSQL, while they do, keep what others need.
    pub async fn write_in_turn<T, E, F>(&self, account: AccountId, work: F) -> Result<T, E>
    where
        F: Fn(&Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let shared = &self.inner.shared;
        submit((&shared.writes, &shared.times.write), (Lane::Interactive, Some(account)), work).await
    }

    /// Writes when nobody who waits is in the way: the pieces of long work, each at most
    /// 500 rows or 5 ms.
    pub async fn write_bulk<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: Fn(&Tx<'_>) -> Result<T, E> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        let shared = &self.inner.shared;
        submit((&shared.writes, &shared.times.bulk), (Lane::Bulk, None), work).await
    }

    /// Has this told of every commit: one notice per mailbox, list or epoch, after the
    /// commit and before its jobs are answered.
    pub fn on_commit(&self, listener: CommitListener) {
        self.inner.shared.add_listener(listener);
    }

    /// Is the list of a mailbox at hand, so that its snapshot costs little? It says nothing of what is in it.
    pub fn has_list(&self, mailbox: MailboxId) -> bool {
        self.inner.shared.shelf.has((mailbox, None))
    }

    /// Is there room on the disk for new mail?
    pub fn has_room(&self) -> bool {
        self.inner.shared.reserve.has_room()
    }

    /// Keeps room on the disk for what must always be done, where there is some again. Blocks.
    pub fn keep_reserve(&self) {
        self.inner.shared.reserve.keep();
    }

    /// House time now.
    pub fn now(&self) -> Timestamp {
        self.inner.shared.clock.now()
    }

    /// What the engine has done so far.
    pub fn counters(&self) -> Counters {
        let shared = &self.inner.shared;
        let waiting = shared.reads.len() + shared.writes.len();
        shared.counters.snapshot(waiting, self.inner.cache_limit_bytes, shared.shelf.bytes())
    }

    /// How long jobs took so far, from when they were queued until their callers were answered.
    pub fn latencies(&self) -> [(&'static str, Latencies); 3] {
        let Times { read, write, bulk } = &self.inner.shared.times;
        [("read", read.read()), ("write", write.read()), ("bulk", bulk.read())]
    }

    /// Closes: later work is refused, work that waits is done, threads end, and SQLite's
    /// log is folded into its database.
    pub async fn close(&self) {
        let Engine { threads, last, .. } = self.inner.begin_close();
        for (thread, end) in threads {
            ended(thread, end).await;
        }
        if let Some(LastThread { stop, thread: (thread, end) }) = last {
            stop();
            ended(thread, end).await;
        }
    }
}

/// Queues work at once; what answers it is awaited when that is wanted.
fn submit<T, E, F>(
    (queue, latency): (&Queue, &Arc<Latency>),
    (lane, turn): (Lane, Option<AccountId>),
    work: F,
) -> impl Future<Output = Result<T, E>> + Send + use<T, E, F>
where
    F: Fn(&Tx<'_>) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let (job, answer) = job::job(work, latency);
    if let Err(job) = queue.push(lane, turn, job) {
        job.settle(Err(StoreError::Closing));
    }
    async { answer.await.unwrap_or_else(|_| Err(E::from(StoreError::Closing))) }
}

async fn ended(thread: JoinHandle<()>, end: oneshot::Receiver<()>) {
    // An error means that the thread panicked, which the join below says.
    let _ = end.await;
    if thread.join().is_err() {
        tracing::error!(event = "store.thread.panicked", "a thread of the database ended by panic");
    }
}

impl Inner {
    fn begin_close(&self) -> Engine {
        // In this order, so that who has been refused a read is refused a write, too.
        self.shared.writes.close();
        self.shared.reads.close();
        std::mem::take(&mut *self.engine.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Inner {
    /// The last handle is gone without [`Db::close`]: the same, waiting here.
    fn drop(&mut self) {
        let Engine { threads, last, .. } = self.begin_close();
        let me = std::thread::current().id();
        // The last handle may have been held by a job, and so go away on a thread of ours,
        // which can not wait for itself.
        let join = |(thread, _): (JoinHandle<()>, oneshot::Receiver<()>)| {
            if thread.thread().id() != me {
                let _ = thread.join();
            }
        };
        threads.into_iter().for_each(join);
        if let Some(LastThread { stop, thread }) = last {
            stop();
            join(thread);
        }
    }
}
