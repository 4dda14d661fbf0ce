//! What is shut, what stays open, and what is kept.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::net::Ipv4Addr;

const START: Timestamp = Timestamp(1_795_348_800_000);

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn throttle() -> Throttle {
    Throttle::new(&[7; 32])
}

/// Guess number so many; all are distinct up to 4096.
fn guess(number: u32) -> Guess {
    Guess((number & 0x0fff) as u16)
}

fn is_over(throttle: &Throttle, from: &str, now: Timestamp) -> bool {
    throttle.standing(address(from), Known::Nowhere, now) == Standing::Over
}

/// An attacker who tries something new whenever they are asked, for so long: how often a secret
/// of theirs is looked at.
fn looked_at(from: impl Fn(u32) -> IpAddr, every_ms: i64, for_ms: i64) -> u32 {
    let (mut throttle, mut looked) = (throttle(), 0);
    let mut now = START;
    while now < START.plus_ms(for_ms) {
        let from = from(looked);
        if throttle.standing(from, Known::Nowhere, now) == Standing::Fresh {
            throttle.missed(from, guess(looked), now);
            looked += 1;
        }
        now = now.plus_ms(every_ms);
    }
    looked
}

#[test]
fn ten_distinct_secrets_within_a_minute_shut_an_address() {
    let mut throttle = throttle();
    for number in 0..9 {
        assert_eq!(throttle.missed(address("192.0.2.7"), guess(number), START.plus_ms(i64::from(number))), []);
    }
    assert!(!is_over(&throttle, "192.0.2.7", START.plus_ms(10)));
    let now = START.plus_ms(59_999);
    let shut = throttle.missed(address("192.0.2.7"), guess(9), now);
    let until = now.plus_ms(15 * MINUTE_MS);
    assert_eq!(shut, [Shut { network: around(address("192.0.2.7"), Width::Narrow), until }]);
    assert!(is_over(&throttle, "192.0.2.7", now) && is_over(&throttle, "::ffff:192.0.2.7", now));
    assert!(!is_over(&throttle, "192.0.2.8", now), "a neighbour is not shut yet");
    assert!(is_over(&throttle, "192.0.2.7", until.plus_ms(-1)) && !is_over(&throttle, "192.0.2.7", until));
}

#[test]
fn neighbours_together_shut_what_is_around_them() {
    let mut throttle = throttle();
    for number in 0..30 {
        throttle.missed(format!("198.51.100.{number}").parse().unwrap(), guess(number), START);
    }
    assert!(is_over(&throttle, "198.51.100.63", START), "its /26 is shut");
    assert!(!is_over(&throttle, "198.51.100.64", START));
    for number in 30..90 {
        let from = address(&format!("198.51.{}.{}", 96 + number % 8, 100 + number));
        throttle.missed(from, guess(number), START);
    }
    assert!(is_over(&throttle, "198.51.103.255", START), "its /21 is shut");
    assert!(!is_over(&throttle, "198.51.104.0", START));
}

/// One host has a whole /64 of IPv6, so it is counted as one.
#[test]
fn a_host_that_changes_its_address_is_one() {
    let mut throttle = throttle();
    for number in 0..10 {
        throttle.missed(format!("2001:db8::{number}").parse().unwrap(), guess(number), START);
    }
    assert!(is_over(&throttle, "2001:db8::ffff", START));
    assert!(!is_over(&throttle, "2001:db8:0:1::1", START));
}

#[test]
fn who_is_known_there_is_asked_whatever_others_do() {
    let mut throttle = throttle();
    for number in 0..90 {
        throttle.missed(address("192.0.2.7"), guess(number), START);
    }
    assert!(is_over(&throttle, "192.0.2.7", START));
    assert_eq!(throttle.standing(address("192.0.2.7"), Known::Here, START), Standing::Known);
    // A provider is not shut to whoever was known there under another address.
    let mut provider = Throttle::new(&[7; 32]);
    for customer in 0..3 {
        for number in 0..30 {
            let from = address(&format!("2001:db8:{customer}:{number}::1"));
            provider.missed(from, guess(customer * 30 + number), START);
        }
    }
    let elsewhere = address("2001:db8:ffff::1");
    assert_eq!(provider.standing(elsewhere, Known::Nowhere, START), Standing::Over);
    assert_eq!(provider.standing(elsewhere, Known::Around, START), Standing::Fresh);
    assert_eq!(provider.standing(address("2001:db8:1:99::1"), Known::Around, START), Standing::Over, "its own site is");
}

#[test]
fn each_time_it_is_shut_for_twice_as_long_up_to_a_day() {
    let (mut throttle, mut now, mut lengths) = (throttle(), START, Vec::new());
    for number in 0.. {
        if let [shut, ..] = throttle.missed(address("192.0.2.7"), guess(number), now).as_slice() {
            lengths.push((shut.until.0 - now.0) / MINUTE_MS);
            now = shut.until;
        }
        if lengths.len() == 9 {
            break;
        }
    }
    assert_eq!(lengths, [15, 30, 60, 120, 240, 480, 960, 1440, 1440]);
    // After a quiet day it begins anew.
    now = now.plus_ms(DAY_MS);
    let shut: Vec<Shut> =
        (0..10).flat_map(|number| throttle.missed(address("192.0.2.7"), guess(number), now)).collect();
    assert_eq!(shut[0].until, now.plus_ms(15 * MINUTE_MS));
}

/// What was admitted before it was shut does not shut it for longer.
#[test]
fn what_is_under_way_counts_once() {
    let mut throttle = throttle();
    let shut: Vec<Shut> =
        (0..25).flat_map(|number| throttle.missed(address("192.0.2.7"), guess(number), START)).collect();
    assert_eq!(shut.len(), 1);
    assert_eq!(shut[0].until, START.plus_ms(15 * MINUTE_MS));
}

/// Fast or slowly, from one address or a whole /21, an attacker has little more than the day's
/// number of tries.
#[test]
fn an_attacker_has_few_tries_a_day() {
    let one = |_| address("192.0.2.7");
    for every_ms in [1000, 7 * 1000, MINUTE_MS, 20 * MINUTE_MS] {
        let looked = looked_at(one, every_ms, DAY_MS);
        assert!((40..=60).contains(&looked), "every {every_ms} ms: {looked}");
    }
    let many = |number: u32| IpAddr::V4(Ipv4Addr::from_bits((198 << 24) + (51 << 16) + (96 << 8) + number % 2048));
    let looked = looked_at(many, 250, DAY_MS);
    assert!(looked <= 460, "{looked}");
}

#[test]
fn a_guess_is_a_name_and_a_secret() {
    let throttle = throttle();
    let guess = |name: &str, secret: &str| throttle.guess(name, &Secret::new(secret));
    assert_eq!(guess("alice@example.org", "green"), guess("alice@example.org", "green"));
    assert_ne!(guess("alice@example.org", "green"), guess("alice@example.org", "blue"));
    assert_ne!(guess("alice@example.org", "green"), guess("bob@example.org", "green"));
    assert_ne!(guess("alice", "@green"), guess("alice@", "green"), "the border between them counts");
    let other = Throttle::new(&[8; 32]);
    assert_ne!(other.guess("alice@example.org", &Secret::new("green")), guess("alice@example.org", "green"));
}

#[test]
fn the_quiet_are_forgotten_before_the_shut() {
    let limit = Limit { width: Width::Narrow, in_a_minute: 2, in_a_day: 5, networks: 16 };
    let mut level = Level::new(limit);
    let shut = address("192.0.2.200");
    for number in 0..2 {
        level.missed(shut, guess(number), START);
    }
    for number in 0..100_u32 {
        let from = address(&format!("192.0.2.{number}"));
        level.missed(from, guess(0), START.plus_ms(i64::from(number) + 1));
        assert!(level.networks.len() <= 16);
        assert!(level.networks.contains_key(&around(from, Width::Narrow)), "the newest is kept");
    }
    assert!(level.is_shut(shut, START.plus_ms(101)), "it is the oldest, and stays");
}

/// What a network may do, told without any of the cleverness: a list of first guesses.
#[derive(Default)]
struct Model {
    guesses: Vec<(u16, i64)>,
    shut: (i64, i64),
    times: u32,
}

impl Model {
    fn missed(&mut self, guess: u16, now: i64) {
        let (shut_until, _) = self.shut;
        if now < shut_until || self.within(now, DAY_MS).any(|known| known == guess) {
            return;
        }
        if now >= shut_until + DAY_MS {
            self.times = 0;
        }
        self.guesses.push((guess, now));
        if self.within(now, MINUTE_MS).count() >= 10 || self.within(now, DAY_MS).count() >= 50 {
            self.shut = (now + (15 * MINUTE_MS * 2_i64.pow(self.times.min(10))).min(DAY_MS), now);
            self.times += 1;
        }
    }

    fn within(&self, now: i64, ms: i64) -> impl Iterator<Item = u16> {
        self.guesses.iter().filter(move |(_, first)| now - first < ms).map(|(guess, _)| *guess)
    }
}

proptest! {
    /// One wrong secret, however often and from however many programs, shuts nothing.
    #[test]
    fn one_secret_repeated_shuts_nothing(waits in vec(0..2 * DAY_MS, 1..200)) {
        let (mut throttle, mut now) = (throttle(), START);
        for wait in waits {
            now = now.plus_ms(wait);
            prop_assert!(throttle.missed(address("192.0.2.7"), guess(1), now).is_empty());
            prop_assert!(!is_over(&throttle, "192.0.2.7", now));
        }
    }

    /// One address is shut exactly when the plain telling of the rule says so.
    #[test]
    fn an_address_is_shut_as_the_rule_says(steps in vec((0..60_u16, prop_oneof![Just(0), 0..MINUTE_MS, 0..DAY_MS]), 1..400)) {
        let (mut throttle, mut model, mut now) = (throttle(), Model::default(), START);
        let from = address("2001:db8::1");
        for (number, wait) in steps {
            now = now.plus_ms(wait);
            let is_shut = throttle.levels[0].is_shut(from, now);
            prop_assert_eq!(is_shut, now.0 < model.shut.0, "at {:?}", now);
            throttle.missed(from, Guess(number), now);
            model.missed(number, now.0);
        }
    }

    /// Whatever is done within one /21, nobody outside it is shut, everybody is let in again after a
    /// day, and those who are known are never kept out.
    #[test]
    fn the_harm_stays_where_it_was_done(steps in vec((0..2048_u32, 0..4096_u32, 0..2000_i64), 1..600)) {
        let (mut throttle, mut now) = (throttle(), START);
        let inside = |number: u32| IpAddr::V4(Ipv4Addr::from_bits((198 << 24) + (51 << 16) + (96 << 8) + number));
        for (place, number, wait) in steps {
            now = now.plus_ms(wait);
            let shut = throttle.missed(inside(place), guess(number), now);
            prop_assert!(shut.iter().all(|shut| shut.until <= now.plus_ms(DAY_MS)));
            prop_assert!(!is_over(&throttle, "198.51.95.255", now) && !is_over(&throttle, "198.51.104.0", now));
            prop_assert_eq!(throttle.standing(inside(place), Known::Here, now), Standing::Known);
        }
        let later = now.plus_ms(DAY_MS);
        prop_assert!((0..2048).all(|place| throttle.standing(inside(place), Known::Nowhere, later) == Standing::Fresh));
    }

    /// What is kept has a bound, whoever comes.
    #[test]
    fn memory_is_bounded(steps in vec((any::<u32>(), 0..4096_u32), 1..2000)) {
        let limit = Limit { width: Width::Narrow, in_a_minute: 3, in_a_day: 5, networks: 64 };
        let mut level = Level::new(limit);
        for (turn, (address, number)) in steps.into_iter().enumerate() {
            let address = IpAddr::V4(Ipv4Addr::from_bits(address % 256));
            level.missed(address, guess(number), START.plus_ms(turn as i64 * 10_000));
            prop_assert!(level.networks.len() <= 64);
            prop_assert!(level.networks.values().all(|count| count.guesses.len() <= 5 + 10));
        }
    }
}
