//! Wrong secrets, counted by network (docs/decisions/0024-throttle.md).
//!
//! Each of the three networks around an address has so many *distinct* wrong guesses in a minute
//! and in a day; then it is shut for a while: attempts from there are refused without a look at
//! their secret. Two things stay open. Somebody who signed in to that account from that network
//! lately is asked for their secret whatever others there do, so nobody outside shuts an account.
//! And a program that repeats one wrong secret has guessed once, so it shuts no office.
//!
//! Nothing here knows a clock, a socket or a database. It is kept in memory, for each node and
//! until it ends; which networks are known is in the database.

use crate::network::{Width, around};
use postern_types::{Network, Secret, Timestamp};
use ring::hmac;
use std::collections::HashMap;
use std::net::IpAddr;

const MINUTE_MS: i64 = 60 * 1000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
/// The first time that a network is shut; each further time is twice as long as the one before.
const SHUT_MS: i64 = 15 * MINUTE_MS;
/// The longest.
const SHUT_MOST_MS: i64 = DAY_MS;

/// How an attempt stands before its secret is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Somebody signed in to this account from this network lately.
    Known,
    /// Nobody did, and nothing speaks against it.
    Fresh,
    /// Too many wrong secrets came from around there: this one is not looked at.
    Over,
}

/// What was guessed: twelve bits of a keyed hash over name and secret, enough to tell apart what
/// one network sends, and of no use to whoever reads the memory and wants the secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Guess(u16);

/// A network that a guess has shut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shut {
    pub network: Network,
    pub until: Timestamp,
}

/// What is counted for one width.
#[derive(Debug, Clone, Copy)]
struct Limit {
    width: Width,
    /// Distinct wrong guesses within a minute that shut a network.
    in_a_minute: usize,
    /// The same within a day.
    in_a_day: usize,
    /// How many networks are kept at most. A guess takes 16 bytes, so all widths together stay
    /// under 45 MB, whoever guesses what.
    networks: usize,
}

/// Three times as many for what is wider, as it holds more people.
const LIMITS: [Limit; 3] = [
    Limit { width: Width::Narrow, in_a_minute: 10, in_a_day: 50, networks: 8_192 },
    Limit { width: Width::Middle, in_a_minute: 30, in_a_day: 150, networks: 4_096 },
    Limit { width: Width::Wide, in_a_minute: 90, in_a_day: 450, networks: 2_048 },
];

/// Where the account that an attempt names was signed in to from lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Known {
    /// From that very network: whatever others there do, it is asked.
    Here,
    /// From the same provider. Others there may do what they want, too: addresses change, and to
    /// shut a provider would shut out whoever has a new one.
    Around,
    /// From neither.
    Nowhere,
}

/// Wrong secrets by network.
#[derive(Debug)]
pub(crate) struct Throttle {
    key: hmac::Key,
    levels: [Level; 3],
}

impl Throttle {
    /// Counts nothing yet. The seed is random and never leaves the process.
    pub(crate) fn new(seed: &[u8; 32]) -> Self {
        Self { key: hmac::Key::new(hmac::HMAC_SHA256, seed), levels: LIMITS.map(Level::new) }
    }

    /// What somebody tries. The name belongs to it: who tries one password on many names guesses
    /// many times.
    pub(crate) fn guess(&self, name: &str, secret: &Secret) -> Guess {
        let mut context = hmac::Context::with_key(&self.key);
        context.update(&(name.len() as u64).to_be_bytes());
        context.update(name.as_bytes());
        context.update(secret.expose());
        let tag = context.sign();
        let tag = tag.as_ref();
        Guess(u16::from_be_bytes([tag[0], tag[1]]) & 0x0fff)
    }

    /// May the secret of an attempt from there be looked at?
    pub(crate) fn standing(&self, from: IpAddr, known: Known, now: Timestamp) -> Standing {
        let counts = |level: &&Level| known == Known::Nowhere || level.limit.width != Width::Wide;
        match known {
            Known::Here => Standing::Known,
            _ if self.levels.iter().filter(counts).any(|level| level.is_shut(from, now)) => Standing::Over,
            _ => Standing::Fresh,
        }
    }

    /// A secret from there was wrong. Answers which networks that shuts.
    pub(crate) fn missed(&mut self, from: IpAddr, guess: Guess, now: Timestamp) -> Vec<Shut> {
        self.levels.iter_mut().filter_map(|level| level.missed(from, guess, now)).collect()
    }
}

/// All networks of one width.
#[derive(Debug)]
struct Level {
    limit: Limit,
    networks: HashMap<Network, Count>,
}

/// What came from one network.
#[derive(Debug)]
struct Count {
    /// Distinct guesses of the last day, each with when it came first.
    guesses: Vec<(Guess, Timestamp)>,
    latest: Timestamp,
    shut_until: Timestamp,
    times_shut: u32,
}

impl Level {
    fn new(limit: Limit) -> Self {
        Self { limit, networks: HashMap::new() }
    }

    fn is_shut(&self, from: IpAddr, now: Timestamp) -> bool {
        let network = around(from, self.limit.width);
        self.networks.get(&network).is_some_and(|count| now < count.shut_until)
    }

    fn missed(&mut self, from: IpAddr, guess: Guess, now: Timestamp) -> Option<Shut> {
        let network = around(from, self.limit.width);
        if self.networks.len() >= self.limit.networks && !self.networks.contains_key(&network) {
            self.make_room(now);
        }
        let count = self.networks.entry(network).or_insert_with(|| Count::new(now));
        count.missed(guess, now, self.limit).map(|until| Shut { network, until })
    }

    /// Forgets an eighth, so that it is not done for each stranger: those that are not shut and
    /// have been quiet for longest. One that is shut goes only where all that are left are.
    fn make_room(&mut self, now: Timestamp) {
        let mut order: Vec<(bool, Timestamp, Network)> =
            self.networks.iter().map(|(network, count)| (now < count.shut_until, count.latest, *network)).collect();
        let many = (self.limit.networks / 8).clamp(1, order.len());
        order.select_nth_unstable_by_key(many - 1, |(is_shut, latest, _)| (*is_shut, *latest));
        for (_, _, network) in &order[..many] {
            self.networks.remove(network);
        }
    }
}

impl Count {
    fn new(now: Timestamp) -> Self {
        Self { guesses: Vec::new(), latest: now, shut_until: Timestamp(i64::MIN), times_shut: 0 }
    }

    /// Counts a guess; answers until when the network is shut by it.
    ///
    /// While it is shut nothing counts: what was under way when it was shut was admitted before,
    /// and must not shut it for longer.
    fn missed(&mut self, guess: Guess, now: Timestamp, limit: Limit) -> Option<Timestamp> {
        self.latest = now;
        if now < self.shut_until {
            return None;
        }
        if self.shut_until.plus_ms(DAY_MS) <= now {
            self.times_shut = 0;
        }
        self.guesses.retain(|(_, first)| now < first.plus_ms(DAY_MS));
        if self.guesses.iter().any(|(known, _)| *known == guess) {
            return None;
        }
        self.guesses.push((guess, now));
        let in_a_minute = self.guesses.iter().filter(|(_, first)| now < first.plus_ms(MINUTE_MS)).count();
        if in_a_minute < limit.in_a_minute && self.guesses.len() < limit.in_a_day {
            return None;
        }
        // The guesses stay, so that programs which repeat them do not shut it again. Beyond the day's
        // number each new one does, which is less than ten a day: the list is not much longer.
        self.shut_until = now.plus_ms((SHUT_MS << self.times_shut.min(16)).min(SHUT_MOST_MS));
        self.times_shut += 1;
        Some(self.shut_until)
    }
}

#[cfg(test)]
mod tests;
