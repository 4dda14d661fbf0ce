//! Seeds of the tests that are random: how many, or which one again; and tests that are many stories,
//! each of one seed, told in one house.

use postern_testkit::{Engine, House};
use std::fmt::Debug;

/// What a variable of the environment says, where it says something.
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} is {text:?}, which is no number")))
}

/// The one seed that is to be run again (`POSTERN_SEED`).
pub fn one() -> Option<u64> {
    number("POSTERN_SEED")
}

/// How many seeds are asked for (`POSTERN_SEEDS`); `usual` where nothing is said.
pub fn count(usual: u64) -> u64 {
    number("POSTERN_SEEDS").unwrap_or(usual)
}

/// Tests of one module, each of which runs stories in a house.
pub struct Stories {
    /// By which they are run again.
    pub module: &'static str,
    /// Who is in the house.
    pub people: fn() -> Vec<String>,
}

/// No mailbox is read when it is opened.
pub const READS_LATE: &str = "POSTERN_LIMITS__LISTED_MESSAGES=0";

/// Names the seed when a client gives up waiting, too.
struct Told(&'static str, u64);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let again = format!("cargo nextest run --package postern-scenarios {}", self.0);
            report(&format!("at seed {}; again: POSTERN_SEED={} {again}", self.1, self.1));
        }
    }
}

#[expect(clippy::print_stderr, reason = "a random test says what it tried")]
pub fn report(text: &str) {
    eprintln!("{text}");
}

impl Stories {
    /// Runs one in a house with its people; nothing where tests were told to leave the engine out.
    pub fn in_house<T>(&self, engine: Engine, story: impl AsyncFnOnce(&House) -> T) -> Option<T> {
        self.in_house_with(engine, &[], story)
    }

    fn in_house_with<T>(&self, engine: Engine, settings: &[&str], story: impl AsyncFnOnce(&House) -> T) -> Option<T> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let builder = settings.iter().fold(House::builder(engine), |builder, setting| builder.with(setting));
            let house = builder.start().await?;
            for person in (self.people)() {
                house.person(&person).await;
            }
            Some(story(&house).await)
        })
    }

    /// A test's share of so many seeds, so that several run beside each other; or the one seed that
    /// is to be run again.
    pub fn share<T>(
        &self,
        (engine, count): (Engine, u64),
        (share, shares): (u64, u64),
        story: impl AsyncFn(&House, u64) -> Result<T, String>,
    ) {
        let seeds = match one() {
            Some(seed) => seed..seed + 1,
            None => 0..count,
        };
        // Half of them in a house that reads what is in a mailbox when that is needed, as it does with large ones.
        let settings: &[&str] = if share % 2 == 1 { &[READS_LATE] } else { &[] };
        self.in_house_with(engine, settings, async |house| {
            for seed in seeds.filter(|seed| seed % shares == share) {
                let told = Told(self.module, seed);
                if let Err(error) = story(house, seed).await {
                    panic!("{error}");
                }
                drop(told);
            }
        });
    }

    /// The control: a model that lies in one thing has to be found out. If it were not, agreement
    /// would prove nothing about that thing.
    pub fn notice<T>(&self, lie: impl Debug, seeds: u64, story: impl AsyncFn(&House, u64) -> Result<T, String>) {
        let noticed = self.in_house(Engine::Sqlite, async |house| {
            for seed in 0..seeds {
                if let Err(error) = story(house, seed).await {
                    return Some((seed, error.lines().next().unwrap_or_default().to_owned()));
                }
            }
            None
        });
        match noticed.flatten() {
            Some((seed, error)) => report(&format!("{lie:?}: noticed at seed {seed}: {error}")),
            None => panic!("{lie:?}: {seeds} seeds noticed nothing"),
        }
    }
}

/// Tests that share so many seeds of this module's `Story`.
macro_rules! shares {
    ($engine:expr, $count:expr, $shares:expr; $($number:literal $name:ident)+) => { $(
        #[test]
        fn $name() {
            let story = async |house: &House, seed| Story::run(house, seed, Lie::None).await;
            STORIES.share(($engine, $count), ($number, $shares), story);
        }
    )+ };
}

pub(crate) use shares;
