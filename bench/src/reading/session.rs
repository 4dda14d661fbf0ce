//! The workload "session": twenty delegates at work in one mailbox at the same time.
//!
//! Each draws what to do next, as mail programs do it for people who read, mark and file. Every
//! hundred commands somebody signs in anew. All run for the same time and each command is timed.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Extent;
use super::figures::{Figure, Values};
use super::house::{Filled, House, MAILBOX, PASSWORD, PEOPLE, SOUGHT, person};
use super::meter::Meter;
use super::wire::{Answer, ROOM, Wire, code, fetched, found, number};
use crate::corpus::{self, Corpus, Kind};
use crate::random::Random;
use crate::spread::share;

/// Mails in the mailbox.
pub const MAILS: usize = 3_000;
/// How long a round is.
const FOR: Duration = Duration::from_secs(10);
/// Commands on one connection.
const COMMANDS: usize = 100;
/// Envelopes of one page.
const PAGE: usize = 50;
/// Mails that are appended, over and over.
const LETTERS: usize = 50;
/// Another seed than the mailbox has.
const LETTERS_SEED: u64 = 1 << 32;

pub static FIGURES: [Figure; 24] = [
    Figure::more("commands", "a second", 0).floor(1.5).goal(4.0),
    Figure::less("server CPU", "ms a command", 2),
    Figure::less("read p99 (pages and mails)", "ms", 1).floor(2.0).goal_at(10.0),
    Figure::less("page of 50 envelopes p50", "ms", 1),
    Figure::less("page of 50 envelopes p99", "ms", 1),
    Figure::less("whole mail p50", "ms", 1),
    Figure::less("whole mail p99", "ms", 1),
    Figure::less("flag store p50", "ms", 1),
    Figure::less("flag store p99", "ms", 1),
    Figure::less("search for unread ones p50", "ms", 1),
    Figure::less("search for unread ones p99", "ms", 1),
    Figure::less("search for a subject p50", "ms", 1),
    Figure::less("search for a subject p99", "ms", 1),
    Figure::less("append p50", "ms", 1),
    Figure::less("append p99", "ms", 1),
    Figure::less("expunge p50", "ms", 1),
    Figure::less("expunge p99", "ms", 1),
    Figure::less("idle and done p50", "ms", 1),
    Figure::less("idle and done p99", "ms", 1),
    Figure::less("noop p50", "ms", 1),
    Figure::less("noop p99", "ms", 1),
    Figure::less("sign-in and select p50", "ms", 1),
    Figure::less("sign-in and select p99", "ms", 1),
    Figure::less("client", "processors", 2),
];

/// What is done, in the order of the figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Page,
    Mail,
    Store,
    SearchUnseen,
    SearchSubject,
    Append,
    Expunge,
    Idle,
    Noop,
    SignIn,
}

const ACTS: usize = 10;

impl Act {
    /// How often of a hundred.
    const DRAWN: [(Act, usize); 9] = [
        (Act::Page, 25),
        (Act::Mail, 25),
        (Act::Store, 20),
        (Act::SearchUnseen, 3),
        (Act::SearchSubject, 2),
        (Act::Append, 5),
        (Act::Expunge, 5),
        (Act::Idle, 5),
        (Act::Noop, 10),
    ];

    fn draw(random: &mut Random) -> Self {
        let mut left = random.below(100);
        for (act, share) in Self::DRAWN {
            if left < share {
                return act;
            }
            left -= share;
        }
        Act::Noop
    }
}

/// How long each kind of act took.
type Took = [Vec<Duration>; ACTS];

/// Fills the mailbox.
pub async fn prepare(house: &mut House, extent: &Extent) -> Result<()> {
    house.fill(Kind::Real, extent.mails.unwrap_or(MAILS), extent.seed).await
}

/// Lets them work for a while.
pub async fn round(house: &mut House, extent: &Extent, round: usize) -> Result<Values> {
    let letters = Corpus::write(Kind::Real, LETTERS, extent.seed + LETTERS_SEED);
    let letters: Arc<[Vec<u8>]> = letters.mails.iter().map(|mail| corpus::unstuffed(&mail.wire)).collect();
    let imap = house.imap()?;
    let meter = Meter::start(house).await?;
    let until = Instant::now() + FOR;
    let mut delegates = JoinSet::new();
    for number in 0..PEOPLE {
        let seed = extent.seed + (round * PEOPLE + number) as u64;
        let delegate = Delegate {
            imap,
            number,
            random: Random::new(seed),
            letters: Arc::clone(&letters),
            filled: house.filled(),
            exists: 0,
            missing: 0,
            appended: Vec::new(),
            took: Took::default(),
        };
        delegates.spawn(delegate.work(until));
    }
    let mut took = Took::default();
    while let Some(done) = delegates.join_next().await {
        let done = done.context("a delegate's task failed")??;
        took.iter_mut().zip(done).for_each(|(all, some)| all.extend(some));
    }
    let reading = meter.stop(house).await?;
    // A sign-in with its SELECT is counted as one, like everything else.
    let commands = took.iter().map(Vec::len).sum::<usize>() as f64;
    let mut reads: Vec<Duration> = [Act::Page, Act::Mail].iter().flat_map(|act| took[*act as usize].clone()).collect();
    reads.sort_unstable();
    let mut values = vec![
        Some(commands / reading.elapsed.as_secs_f64()),
        reading.server.map(|seconds| seconds * 1000.0 / commands),
        Some(share(&reads, 0.99)),
    ];
    for some in &mut took {
        some.sort_unstable();
        values.extend([0.5, 0.99].map(|part| (!some.is_empty()).then(|| share(some, part))));
    }
    values.push(Some(reading.client_cores));
    Ok(values)
}

struct Delegate {
    imap: std::net::SocketAddr,
    number: usize,
    random: Random,
    letters: Arc<[Vec<u8>]>,
    /// What the mailbox was filled with, which stays.
    filled: Filled,
    /// Messages in the mailbox as the server told it to this connection.
    exists: usize,
    /// Messages that did not come, with nothing said of why.
    missing: usize,
    /// UIDs of what this one has appended and not yet expunged.
    appended: Vec<String>,
    took: Took,
}

impl Delegate {
    async fn work(mut self, until: Instant) -> Result<Took> {
        while Instant::now() < until {
            let start = Instant::now();
            let mut wire = Wire::sign_in(self.imap, ROOM, &person(self.number), PASSWORD).await?;
            self.tell(&mut wire, &format!("SELECT {MAILBOX}")).await?;
            self.took[Act::SignIn as usize].push(start.elapsed());
            for _ in 0..COMMANDS {
                if Instant::now() >= until {
                    break;
                }
                let mut act = Act::draw(&mut self.random);
                if act == Act::Expunge && self.appended.is_empty() {
                    // There is nothing yet that it may remove.
                    act = Act::Append;
                }
                let start = Instant::now();
                self.act(act, &mut wire).await?;
                self.took[act as usize].push(start.elapsed());
                if self.missing > 0 {
                    self.excuse(&mut wire).await?;
                }
            }
            wire.ok("LOGOUT").await?;
        }
        Ok(self.took)
    }

    async fn act(&mut self, act: Act, wire: &mut Wire) -> Result<()> {
        match act {
            Act::Page => {
                let first = 1 + self.random.below(self.exists.saturating_sub(PAGE) + 1);
                let last = (first + PAGE - 1).min(self.exists);
                let command = format!("FETCH {first}:{last} (UID FLAGS INTERNALDATE RFC822.SIZE ENVELOPE)");
                let mut came = 0;
                let answer = self.told(wire, &command, |line| came += usize::from(is_envelope(line))).await?;
                self.came(&answer, came, last + 1 - first);
                Ok(())
            }
            Act::Mail => {
                let message = 1 + self.random.below(self.exists);
                let answer = self.told(wire, &format!("FETCH {message} (UID FLAGS BODY.PEEK[])"), |_| {}).await?;
                self.came(&answer, usize::from(answer.literals > 0), 1);
                Ok(())
            }
            Act::Store => {
                let message = 1 + self.random.below(self.exists);
                let sign = if self.random.percent(50) { '+' } else { '-' };
                let flag = self.random.one_of(&["\\Seen", "\\Flagged", "\\Answered"]);
                self.tell(wire, &format!("STORE {message} {sign}FLAGS ({flag})")).await
            }
            Act::SearchUnseen => self.search(wire, "UID SEARCH UNSEEN").await.map(drop),
            Act::SearchSubject => {
                let found = self.search(wire, &format!("UID SEARCH SUBJECT \"{SOUGHT}\"")).await?;
                // Others come and go.
                let (found, known) =
                    (found.iter().filter(|uid| **uid <= self.filled.mails).count(), self.filled.with_sought);
                if found != known {
                    bail!("a search for a subject found {found} of the first mails, and {known} have it");
                }
                Ok(())
            }
            Act::Append => {
                let letter = self.random.one_of(&self.letters).as_slice();
                let exists = &mut self.exists;
                let answer = wire.append(MAILBOX, std::iter::once(letter), |line| count(exists, line)).await?;
                let uid = code(&answer.status, "APPENDUID").and_then(|mut words| words.nth(1).map(str::to_owned));
                self.appended.push(uid.context("APPEND tells no UID")?);
                Ok(())
            }
            Act::Expunge => {
                let place = self.random.below(self.appended.len());
                let uid = self.appended.swap_remove(place);
                self.tell(wire, &format!("UID STORE {uid} +FLAGS.SILENT (\\Deleted)")).await?;
                self.tell(wire, &format!("UID EXPUNGE {uid}")).await
            }
            Act::Idle => {
                let exists = &mut self.exists;
                wire.idle(|line| count(exists, line)).await?;
                wire.done(|line| count(exists, line)).await
            }
            Act::Noop | Act::SignIn => self.tell(wire, "NOOP").await,
        }
    }

    /// UIDs that a search finds, in order.
    async fn search(&mut self, wire: &mut Wire, command: &str) -> Result<Vec<usize>> {
        let mut all = None;
        self.told(wire, command, |line| all = all.take().or_else(|| found(line).transpose())).await?;
        all.with_context(|| format!("{command}: no line tells what was found"))?
    }

    /// Takes note of what should have come and did not, unless the server says that it is gone.
    fn came(&mut self, answer: &Answer, came: usize, wanted: usize) {
        if !answer.status.contains("[EXPUNGEISSUED]") {
            self.missing += wanted.saturating_sub(came);
        }
    }

    /// What did not come must be gone, and now the server may tell so (RFC 9051 section 7.5.1).
    async fn excuse(&mut self, wire: &mut Wire) -> Result<()> {
        let (mut gone, missing) = (0, std::mem::take(&mut self.missing));
        self.told(wire, "NOOP", |line| gone += usize::from(number(line, "EXPUNGE").is_some())).await?;
        if gone < missing {
            bail!("{missing} messages of a FETCH did not come, and {gone} are gone");
        }
        Ok(())
    }

    async fn tell(&mut self, wire: &mut Wire, command: &str) -> Result<()> {
        self.told(wire, command, |_| {}).await.map(drop)
    }

    async fn told(&mut self, wire: &mut Wire, command: &str, mut told: impl FnMut(&[u8])) -> Result<Answer> {
        let exists = &mut self.exists;
        let answer = wire
            .command(command, |line| {
                count(exists, line);
                told(line);
            })
            .await?;
        // Somebody else has expunged it, and this one has not heard yet (RFC 9051 section 7.1).
        if !answer.status.starts_with("OK") && !answer.status.starts_with("NO [EXPUNGEISSUED]") {
            bail!("{command}: {}", answer.status);
        }
        Ok(answer)
    }
}

/// Whether a line is of a page: others may have changed flags meanwhile. Nothing that may be a literal
/// comes before the word.
fn is_envelope(line: &[u8]) -> bool {
    fetched(line).is_some() && memchr::memmem::find(line, b"ENVELOPE (").is_some()
}

/// Keeps count of the messages (RFC 9051 sections 7.4.1 and 7.5.1).
fn count(exists: &mut usize, line: &[u8]) {
    if let Some(now) = number(line, "EXISTS") {
        *exists = now;
    } else if number(line, "EXPUNGE").is_some() {
        *exists = exists.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::scripted;
    use super::*;

    #[test]
    fn acts_are_drawn_as_often_as_said() {
        assert_eq!(Act::DRAWN.iter().map(|(_, share)| share).sum::<usize>(), 100);
        let mut random = Random::new(1);
        let mut counts = [0_usize; ACTS];
        (0..10_000).for_each(|_| counts[Act::draw(&mut random) as usize] += 1);
        for (act, share) in Act::DRAWN {
            assert!(counts[act as usize].abs_diff(100 * share) < 200, "{act:?}: {}", counts[act as usize]);
        }
        assert_eq!(counts[Act::SignIn as usize], 0);
        assert_eq!(FIGURES.len(), 3 + 2 * ACTS + 1);
    }

    fn delegate(exists: usize) -> Delegate {
        Delegate {
            imap: ([127, 0, 0, 1], 0).into(),
            number: 0,
            random: Random::new(1),
            letters: Arc::new([]),
            filled: Filled { mails: 9, bytes: 0, with_sought: 2 },
            exists,
            missing: 0,
            took: Took::default(),
            appended: Vec::new(),
        }
    }

    #[tokio::test]
    async fn what_does_not_come_must_be_gone() -> Result<()> {
        const ENVELOPE: &str = "* 1 FETCH (UID 1 ENVELOPE (NIL))\r\n* 2 FETCH (FLAGS ())\r\n";
        let mut wire = scripted(&[ENVELOPE, "* 2 EXPUNGE\r\n", "* 1 FETCH (BODY[] NIL)\r\n", ""]).await?;
        let mut delegate = delegate(2);
        delegate.act(Act::Page, &mut wire).await?;
        assert_eq!(delegate.missing, 1, "a change of flags is no envelope");
        delegate.excuse(&mut wire).await?;
        assert_eq!((delegate.missing, delegate.exists), (0, 1));
        delegate.act(Act::Mail, &mut wire).await?;
        assert_eq!(delegate.missing, 1, "a mail has bytes");
        assert!(delegate.excuse(&mut wire).await.is_err(), "it is still there");
        Ok(())
    }

    #[tokio::test]
    async fn a_search_finds_what_is_known() -> Result<()> {
        let mut wire = scripted(&["* SEARCH 3 7 12\r\n", "* SEARCH 3 12\r\n", ""]).await?;
        let mut delegate = delegate(12);
        delegate.act(Act::SearchSubject, &mut wire).await?;
        assert!(delegate.act(Act::SearchSubject, &mut wire).await.is_err(), "one of the first is not found");
        assert!(delegate.act(Act::SearchUnseen, &mut wire).await.is_err(), "nothing is told");
        Ok(())
    }

    #[test]
    fn only_lines_with_an_envelope_are_of_a_page() {
        assert!(is_envelope(b"* 3 FETCH (UID 7 FLAGS () ENVELOPE (NIL {5}\r\n"));
        assert!(!is_envelope(b"* 3 FETCH (FLAGS (\\Seen))\r\n"));
        assert!(!is_envelope(b"* OK ENVELOPE (\r\n"));
    }

    #[test]
    fn the_count_follows_what_is_told() {
        let mut exists = 0;
        for line in ["* 12 EXISTS\r\n", "* 3 EXPUNGE\r\n", "* 3 FETCH (FLAGS ())\r\n"] {
            count(&mut exists, line.as_bytes());
        }
        assert_eq!(exists, 11);
    }
}
