//! Two people of the house, while a campaign is under way and before: one writes about once a
//! second, in turn to somebody elsewhere and to the other, whose inbox is open in IDLE.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::client::{self, Letter, SignedIn};
use crate::corpus;
use crate::imap::Imap;
use crate::random::Random;
use crate::servers::{Postern, Submits, Way};
use crate::sink::Arrival;

/// Whoever writes.
pub const ALICE: &str = "alice@example.org";
const BOB: &str = "bob@example.org";
/// Between two mails, so uneven that they fall on no part of a minute more than on another.
const PAUSE_MS: std::ops::Range<usize> = 500..1500;
/// What did not come within this time after the last was written does not come any more.
const PATIENCE: Duration = Duration::from_secs(30);

/// A mail of hers.
struct Mail {
    to: String,
    began: Instant,
    /// When she had her 250.
    taken: Instant,
}

/// Both at work.
pub struct People {
    alice: JoinHandle<Result<Vec<Mail>>>,
    bob: JoinHandle<Result<()>>,
    stop: watch::Sender<bool>,
    heard: watch::Receiver<Vec<Instant>>,
}

/// All that she wrote, and when each of his was in his inbox.
pub struct Written {
    mails: Vec<Mail>,
    heard: Vec<Instant>,
}

/// How long mails took, ascending.
#[derive(Debug, Default)]
pub struct Waits {
    /// From the envelope to her 250.
    pub accepted: Vec<Duration>,
    /// From her 250 until the sink had it.
    pub elsewhere: Vec<Duration>,
    /// From her 250 until the colleague heard of it in IDLE.
    pub colleague: Vec<Duration>,
    /// Mails that did not come.
    pub missing: usize,
}

impl People {
    /// They sign in, and she begins.
    pub async fn start(server: &Postern, seed: u64) -> Result<Self> {
        server.add_sender(ALICE)?;
        server.add_sender(BOB)?;
        let entrance = server.entrance(Way::Plain)?;
        let password = entrance.password.as_deref().context("people have passwords")?;
        let mut bob = Imap::sign_in(server.listener("imap")?, BOB, password).await?;
        bob.ok("SELECT INBOX").await?;
        bob.idle().await?;
        let alice = client::signed_in(&entrance, ALICE).await?;
        let (stop, stopped) = watch::channel(false);
        let (hears, heard) = watch::channel(Vec::new());
        let bob = tokio::spawn(listen(bob, hears));
        Ok(Self { alice: tokio::spawn(write(alice, seed, stopped)), bob, stop, heard })
    }

    /// She stops; what is under way still comes.
    pub async fn end(mut self) -> Result<Written> {
        self.stop.send_replace(true);
        let mails = self.alice.await.context("her task failed")??;
        let his = mails.iter().filter(|mail| mail.to == BOB).count();
        let all = self.heard.wait_for(|heard| heard.len() >= his);
        let is_listening = !matches!(tokio::time::timeout(PATIENCE, all).await, Ok(Err(_)));
        if !is_listening {
            // He has nothing more to say but why.
            self.bob.await.context("his task failed")??;
            bail!("his connection ended");
        }
        self.bob.abort();
        let heard = self.heard.borrow().clone();
        Ok(Written { mails, heard })
    }
}

impl Written {
    /// Of the mails that she began at such moments.
    pub fn waits(&self, arrivals: &HashMap<Vec<u8>, Arrival>, began: impl Fn(Instant) -> bool) -> Waits {
        let (mut waits, mut his) = (Waits::default(), self.heard.iter());
        for mail in &self.mails {
            let is_his = mail.to == BOB;
            // Where two pass each other, the first that came counts for the first that was written.
            let came = match is_his {
                true => his.next().copied(),
                false => arrivals.get(mail.to.as_bytes()).map(|arrival| arrival.at),
            };
            if !began(mail.began) {
                continue;
            }
            waits.accepted.push(mail.taken - mail.began);
            // It may be there before she has read her 250.
            match came.map(|came| came.saturating_duration_since(mail.taken)) {
                Some(waited) if is_his => waits.colleague.push(waited),
                Some(waited) => waits.elsewhere.push(waited),
                None => waits.missing += 1,
            }
        }
        for waits in [&mut waits.accepted, &mut waits.elsewhere, &mut waits.colleague] {
            waits.sort_unstable();
        }
        waits
    }
}

/// Writes until told to stop.
async fn write(mut alice: SignedIn, seed: u64, mut stopped: watch::Receiver<bool>) -> Result<Vec<Mail>> {
    let (mut random, mut mails) = (Random::new(seed), Vec::new());
    for number in 0.. {
        let to = if number % 2 == 0 { format!("friend.{number}@example.net") } else { BOB.to_owned() };
        let note = corpus::notes(ALICE, std::slice::from_ref(&to), random.number()).pop().context("a note")?;
        let letter = Letter { sender: ALICE.to_owned(), recipients: vec![to.clone()], wire: note.wire };
        let began = Instant::now();
        if let Some(reply) = alice.letter(&letter).await? {
            bail!("a mail of {ALICE} was not taken, the server said: {reply}");
        }
        mails.push(Mail { to, began, taken: Instant::now() });
        let pause = Duration::from_millis((PAUSE_MS.start + random.below(PAUSE_MS.len())) as u64);
        if tokio::time::timeout(pause, stopped.wait_for(|stop| *stop)).await.is_ok() {
            break;
        }
    }
    alice.quit().await?;
    Ok(mails)
}

/// Notes when each message was there.
async fn listen(mut bob: Imap, hears: watch::Sender<Vec<Instant>>) -> Result<()> {
    loop {
        let count = bob.exists().await?;
        let now = Instant::now();
        hears.send_modify(|heard| heard.resize(heard.len().max(count), now));
    }
}
