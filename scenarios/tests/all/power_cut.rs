//! The power goes out, at any moment, on a disk that keeps only what it promised.
//!
//! docs/design.md law 3: what is acknowledged is on disk and visible. A house lives on a disk that
//! records every change, does many things at once, and loses its power at a random place
//! in that record; what the disk may hold then (unsynced writes dropped, torn, reordered,
//! names lost) is opened again, looked at, lived in, and loses its power again. Each seed is
//! one cut; a chain of seeds is one house.
//!
//! `POSTERN_SEEDS` is the number of cuts (100); `POSTERN_SEED` repeats one chain.

mod house;
mod many;
mod model;
mod workload;

use crate::seeds;
use house::{OpenHouse, founded};
use model::{Life, What};
use postern_testkit::power::{Image, Random, Syncs};
use std::sync::{Arc, Mutex};
use workload::World;

/// Cuts in the life of one house.
const CUTS: usize = 5;
/// Tests that share the seeds, so that they run beside each other.
const SHARES: usize = 4;

/// Runs a story in a runtime of its own.
fn run<T>(story: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(story)
}

/// One house and its power cuts: `Err` says what was lost.
async fn chain(seed: u64, syncs: Syncs) -> Result<(), String> {
    let mut random = Random::new(seed);
    let mut image = founded().await.clone();
    let mut life: Option<Life> = None;
    for number in 0..=CUTS {
        let at = |error: String| format!("after cut {number} of {CUTS}: {error}");
        let open = OpenHouse::open(&image, syncs).await.map_err(at)?;
        let begun = open.disk.position();
        let (before, sessions) = open.look().await.map_err(at)?;
        if let Some(life) = life {
            life.check(&before).map_err(at)?;
        }
        let mark = format!("{seed}-{number}");
        let world = Arc::new(World { open, sessions, before, mark, acts: Mutex::default() });
        workload::signed_in(&world, begun);
        world.live(&mut random).await.map_err(at)?;
        world.open.close().await.map_err(at)?;
        (image, life) = cut(world, &mut random)?;
    }
    Ok(())
}

/// Cuts the power somewhere: half of the time just as somebody is answered, when the disk
/// has had the least time.
fn cut(world: Arc<World>, random: &mut Random) -> Result<(Image, Option<Life>), String> {
    let world = Arc::into_inner(world).ok_or("somebody is still at work in a house that is closed")?;
    let acts = world.acts.into_inner().map_err(|_| "somebody panicked")?;
    let recording = world.open.disk.recording();
    let answers: Vec<usize> = acts.iter().map(|act| act.answered).collect();
    let cut = if random.percent(50) { *random.pick(&answers) } else { random.below(recording.len() + 1) };
    let image = recording.cut(cut, random);
    Ok((image, Some(Life { before: world.before, acts, cut })))
}

/// This test's share of the seeds.
fn share(share: usize) {
    let chains: Vec<u64> = match seeds::one() {
        Some(seed) => vec![seed],
        None => (0..seeds::count(100).div_ceil(CUTS as u64)).collect(),
    };
    for seed in chains.into_iter().filter(|seed| *seed as usize % SHARES == share) {
        if let Err(error) = run(chain(seed, Syncs::ALL)) {
            panic!("POSTERN_SEED={seed}: {error}");
        }
    }
}

#[test]
fn what_was_acknowledged_survives_share_1() {
    share(0);
}

#[test]
fn what_was_acknowledged_survives_share_2() {
    share(1);
}

#[test]
fn what_was_acknowledged_survives_share_3() {
    share(2);
}

#[test]
fn what_was_acknowledged_survives_share_4() {
    share(3);
}

/// The control: on a disk that lies about one kind of sync, the same stories must fail. A
/// test that passed there would prove nothing above.
fn is_noticed(lie: &str, syncs: Syncs) {
    const SEEDS: u64 = 40;
    // The founded house itself is honest, or every failure would be that of its opening.
    let noticed = (0..SEEDS).find_map(|seed| run(chain(seed, syncs)).err().map(|error| (seed, error)));
    match noticed {
        Some((seed, error)) => report(&format!("{lie}: noticed at seed {seed}: {error}")),
        None => panic!("{lie}: {SEEDS} seeds noticed nothing"),
    }
}

#[expect(clippy::print_stderr, reason = "a control says what it noticed")]
fn report(text: &str) {
    eprintln!("{text}");
}

#[test]
fn a_disk_that_syncs_nothing_is_noticed() {
    is_noticed("no sync at all", Syncs::NONE);
}

#[test]
fn a_disk_that_does_not_sync_for_sqlite_is_noticed() {
    is_noticed("no sync for SQLite", Syncs { sqlite: false, ..Syncs::ALL });
}

#[test]
fn a_disk_that_does_not_sync_files_is_noticed() {
    is_noticed("no sync of files", Syncs { files: false, ..Syncs::ALL });
}

#[test]
fn a_disk_that_does_not_sync_folders_is_noticed() {
    is_noticed("no sync of folders", Syncs { folders: false, ..Syncs::ALL });
}

/// A house that loses its power while it is made can be made again, and one whose making
/// was answered is there.
#[test]
fn a_house_half_founded_opens_again() {
    run(async {
        let open = OpenHouse::open(&Image::default(), Syncs::ALL).await.expect("a new house");
        open.found().await.expect("it is founded");
        let answered = open.disk.position();
        open.close().await.expect("it closes");
        let recording = open.disk.recording();
        for seed in 0..30 {
            let mut random = Random::new(seed);
            let cut = if random.percent(20) { answered } else { random.below(recording.len() + 1) };
            let image = recording.cut(cut, &mut random);
            let opened = OpenHouse::open(&image, Syncs::ALL).await;
            let again = opened.unwrap_or_else(|error| panic!("seed {seed}, cut {cut}: {error}"));
            let is_founded = again.house.is_founded().await.expect("it answers");
            assert!(is_founded || cut < answered, "seed {seed}, cut {cut}: the house is lost");
            if !is_founded {
                again.found().await.unwrap_or_else(|error| panic!("seed {seed}, cut {cut}: {error}"));
            }
            again.sign_in("admin@example.org").await.expect("the admin signs in");
            again.close().await.expect("it closes");
        }
    });
}

/// The stories above are about something: they deliver, append, flag, expunge, copy, move,
/// show and delegate, and some bodies are files.
#[test]
fn a_life_is_full() {
    run(async {
        let mut seen = [0usize; 8];
        let mut files = 0;
        for seed in 0..6 {
            let mut random = Random::new(seed);
            let open = OpenHouse::open(founded().await, Syncs::ALL).await.expect("a house");
            let (before, sessions) = open.look().await.expect("it can be seen");
            let world = Arc::new(World { open, sessions, before, mark: seed.to_string(), acts: Mutex::default() });
            world.live(&mut random).await.expect("work is done");
            for act in world.acts.lock().expect("nobody panicked").iter() {
                let kind = match act.what {
                    What::Added { .. } => 0,
                    What::Delivered { .. } => 1,
                    What::Flagged { .. } => 2,
                    What::Expunged { .. } => 3,
                    What::Moved { .. } => 4,
                    What::Shown { .. } => 5,
                    What::Delegated(_) => 6,
                    What::SignedIn => 7,
                };
                seen[kind] += 1;
                assert!(act.begun <= act.answered);
            }
            world.open.close().await.expect("it closes");
            files += Image::read(world.open.disk.root()).expect("it can be read").files_below("blobs");
        }
        assert!(seen[..7].iter().all(|count| *count > 0), "{seen:?}");
        assert!(files > 0, "no body was a file");
    });
}
