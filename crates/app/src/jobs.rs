//! What the house does by itself: jobs are actors like everyone, with rows in the matrix.

use crate::wire::Shutdown;
use crate::{House, Refused};
use postern_access::Job;
use postern_store::{Authority, Caller, Collect, Collected, Expire, GateError, Tx};
use postern_types::AccountId;
use std::sync::Arc;
use std::time::Duration;

/// Time between two rounds. A body is kept two days after it was last touched, and an account
/// thirty after it was removed, so an hour more is nothing.
const ROUND_EVERY: Duration = Duration::from_secs(60 * 60);
/// Time between two looks for counted failures whose minute is over.
const COUNTS_EVERY: Duration = Duration::from_secs(10);
/// Rows deleted or ended in one write of the bulk lane.
const PIECE_ROWS: usize = 500;

/// What a job came to; that it failed is for the log.
fn done<T>(job: &'static str, outcome: Result<T, Refused>) -> Option<T> {
    outcome.inspect_err(|error| tracing::error!(event = "job.failed", job, %error)).ok()
}

impl House {
    /// Runs the house's jobs until the server drains.
    pub async fn run_jobs(self: Arc<Self>, shutdown: Shutdown) {
        tokio::join!(self.run_rounds(shutdown.clone()), self.run_counts(shutdown));
    }

    /// Writes counted failures down as their minutes end. What is counted until the very end is
    /// written by [`House::close`].
    async fn run_counts(&self, mut shutdown: Shutdown) {
        loop {
            self.keep_reserve().await;
            tokio::select! {
                () = shutdown.requested() => return,
                () = tokio::time::sleep(COUNTS_EVERY) => {}
            }
            self.tell_counted_failures(false).await;
        }
    }

    async fn keep_reserve(&self) {
        let db = self.db.clone();
        if tokio::task::spawn_blocking(move || db.keep_reserve()).await.is_err() {
            tracing::error!(event = "job.failed", job = "reserve");
        }
    }

    async fn run_rounds(&self, mut shutdown: Shutdown) {
        loop {
            tokio::select! {
                () = shutdown.requested() => return,
                () = tokio::time::sleep(ROUND_EVERY) => {}
            }
            // A round can take a while; what is left of it goes in the next one.
            tokio::select! {
                () = shutdown.requested() => return,
                () = self.run_round() => {}
            }
        }
    }

    /// Each job once. One that fails keeps no other, and is tried again in the next round.
    async fn run_round(&self) {
        if let Some(tokens @ 1..) = done("expire-tokens", self.expire_tokens().await) {
            tracing::info!(event = "tokens.expired", tokens);
        }
        if let Some(credentials @ 1..) = done("expire-credentials", self.expire_credentials().await) {
            tracing::info!(event = "credentials.expired", credentials);
        }
        if let Some(notes @ 1..) = done("forget-deliveries", self.forget_deliveries().await) {
            tracing::info!(event = "deliveries.forgotten", notes);
        }
        if let Some(notes @ 1..) = done("forget-sending", self.forget_sending().await) {
            tracing::info!(event = "sending.forgotten", notes);
        }
        if let Some(networks @ 1..) = done("forget-networks", self.forget_networks().await) {
            tracing::info!(event = "networks.forgotten", networks);
        }
        if let Some(accounts @ 1..) = done("expire", self.expire().await) {
            tracing::info!(event = "accounts.deleted", accounts);
        }
        if let Some(collected) = done("collect", self.collect().await) {
            tracing::info!(event = "bodies.collected", inline = collected.inline, files = collected.files);
        }
    }

    /// Writes down the end of every token whose time has come; answers how many.
    pub async fn expire_tokens(&self) -> Result<usize, Refused> {
        self.in_pieces(|expire, most| expire.expire_tokens(most)).await
    }

    /// Writes down the end of every credential whose time has come; answers how many.
    pub async fn expire_credentials(&self) -> Result<usize, Refused> {
        self.in_pieces(|expire, most| expire.expire_credentials(most)).await
    }

    /// Forgets who has a message whose sender has given up on the others; answers how many notes.
    pub async fn forget_deliveries(&self) -> Result<usize, Refused> {
        self.in_pieces(|expire, most| expire.forget_deliveries(most)).await
    }

    /// Forgets how much was sent in days that are over, and which copies and answers were whose; answers how
    /// many rows of the kind that had most.
    pub async fn forget_sending(&self) -> Result<usize, Refused> {
        self.in_pieces(|expire, most| expire.forget_sending(most)).await
    }

    /// Forgets from where nobody signed in for 30 days; answers how many networks.
    pub async fn forget_networks(&self) -> Result<usize, Refused> {
        self.in_pieces(|expire, most| expire.forget_networks(most)).await
    }

    async fn in_pieces(
        &self,
        piece: fn(&Authority<'_, Expire>, usize) -> Result<usize, GateError>,
    ) -> Result<usize, Refused> {
        let job = self.job(Job::Expiry, "job", String::new())?;
        let mut ended = 0;
        loop {
            let caller = job.clone();
            let work = move |tx: &Tx<'_>| piece(&tx.authority::<Expire>(&caller)?, PIECE_ROWS);
            let some = self.db.write_bulk(work).await?;
            ended += some;
            if some < PIECE_ROWS {
                return Ok(ended);
            }
        }
    }

    /// Deletes for good what was removed 30 days ago or before, piece by piece; answers how
    /// many accounts went.
    pub async fn expire(&self) -> Result<u64, Refused> {
        let job = self.job(Job::Expiry, "job", String::new())?;
        let caller = job.clone();
        let read = self.db.read(move |tx: &Tx<'_>| -> Result<_, GateError> {
            Ok(tx.authority::<Expire>(&caller)?.ended_accounts()?)
        });
        let (mut deleted, mut failed) = (0, None);
        for account in read.await? {
            match self.delete_account(&job, account).await {
                Ok(()) => deleted += 1,
                // One that can not be deleted does not keep the others; it is tried again.
                Err(refused) => {
                    tracing::error!(event = "account.not-deleted", %account, error = %refused);
                    failed = Some(refused);
                }
            }
        }
        failed.map_or(Ok(deleted), Err)
    }

    async fn delete_account(&self, job: &Caller, account: AccountId) -> Result<(), Refused> {
        loop {
            let caller = job.clone();
            let piece = move |tx: &Tx<'_>| tx.authority::<Expire>(&caller)?.delete_piece(account, PIECE_ROWS);
            if self.db.write_bulk(piece).await? {
                return Ok(());
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
