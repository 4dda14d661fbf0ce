//! Readers: each a thread with read-only connections of its own. A job sees one moment of
//! `postern.db`; WAL keeps it while the writer goes on.
//!
//! Bodies are committed before the rows that name them, so whatever row a reader sees, its
//! body is there; they are read one by one and need no common moment.

use super::bodies::BodyStore;
use super::session::Session;
use super::store_error;
use crate::db::{Job, Ran, Shared};
use crate::{StoreError, Tx};
use rusqlite::Connection;

/// Serves the read queue until it is closed and empty.
pub(super) fn serve(shared: &Shared, main: &Connection, bodies: &Connection) {
    let (main, bodies) = (Session::new(main), BodyStore::new(bodies, false));
    while let Some(batch) = shared.reads.take(1) {
        for mut job in batch.jobs {
            let ending = run(shared, &main, &bodies, job.as_mut());
            main.roll_back();
            shared.counters.reads.add(1);
            job.settle(ending);
        }
    }
}

fn run(shared: &Shared, main: &Session<'_>, bodies: &BodyStore<'_>, job: &mut dyn Job) -> Result<(), StoreError> {
    main.forget_failure();
    bodies.begin_job();
    main.control("BEGIN").map_err(|error| store_error(&error))?;
    let tx = Tx::new(main, bodies, shared, false);
    let ran = job.run(&tx);
    if let (Ran::Kept, Some(error)) = (ran, main.failure().or_else(|| bodies.failure())) {
        job.overrule(error);
    }
    Ok(())
}
