//! What the house does by itself: jobs are actors like everyone, with rows in the matrix.

use crate::wire::Shutdown;
use crate::{House, Refused};
use postern_access::Job;
use postern_store::{Collect, Collected, GateError, Tx};
use std::sync::Arc;
use std::time::Duration;

/// Time between two collections. A body is kept two days after nothing names it any more,
/// so an hour more is nothing.
const COLLECT_EVERY: Duration = Duration::from_secs(60 * 60);

impl House {
    /// Runs the house's jobs until the server drains.
    pub async fn run_jobs(self: Arc<Self>, mut shutdown: Shutdown) {
        loop {
            tokio::select! {
                () = shutdown.requested() => return,
                () = tokio::time::sleep(COLLECT_EVERY) => {}
            }
            if let Ok(collected) = self.collect().await {
                tracing::info!(event = "bodies.collected", inline = collected.inline, files = collected.files);
            }
        }
    }

    /// Counts every mailbox and account again, and tells what does not agree with the rows;
    /// nothing, in a sound house. Reads every placement, so it is for tests and for doubt.
    pub async fn recount(&self) -> Result<Vec<String>, Refused> {
        let job = self.job(Job::Collection, "job", String::new())?;
        let read =
            self.db.read(move |tx: &Tx<'_>| -> Result<_, GateError> { Ok(tx.authority::<Collect>(&job)?.recount()?) });
        Ok(read.await?)
    }

    /// Collects bodies that no message names and nobody has touched for 48 hours.
    pub async fn collect(&self) -> Result<Collected, Refused> {
        let job = self.job(Job::Collection, "job", String::new())?;
        self.db.read(move |tx: &Tx<'_>| tx.authority::<Collect>(&job).map(|_| ())).await?;
        Ok(self.blobs.collect(&self.db, self.db.now()).await?)
    }
}
