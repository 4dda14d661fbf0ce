//! The list beside a map that is changed alike, and what two lists share.

use super::*;
use std::collections::BTreeMap;

fn slot(uid: u32, modseq: i64) -> Slot {
    Slot { uid: Uid::new(uid).unwrap(), value: uid ^ 5, modseq: ModSeq(modseq) }
}

fn filled(count: u32) -> Chunks {
    Chunks::new(&(1..=count).map(|number| slot(2 * number, 1)).collect::<Vec<_>>())
}

fn all(chunks: &Chunks) -> Vec<Slot> {
    chunks.iter(0..usize::MAX).collect()
}

fn get(chunks: &Chunks, place: usize) -> Option<Slot> {
    chunks.iter(place..place + 1).next()
}

fn shared(one: &Chunks, two: &Chunks) -> usize {
    let is_in = |part: &&Part| two.parts.iter().any(|other| Arc::ptr_eq(&part.chunk, &other.chunk));
    one.parts.iter().filter(is_in).count()
}

#[test]
fn a_slot_takes_sixteen_bytes() {
    assert_eq!(size_of::<Slot>(), 16);
}

#[test]
fn places_and_ranks_agree_at_the_ends_of_chunks() {
    let chunks = filled(1500);
    assert_eq!((chunks.len(), chunks.parts.len()), (1500, 3));
    for place in [0, 1, 511, 512, 513, 1023, 1024, 1499] {
        let found = get(&chunks, place).unwrap();
        assert_eq!(chunks.find(found.uid), Some(found));
        let uid = u64::from(found.uid.get());
        assert_eq!((chunks.rank(uid - 1), chunks.rank(uid), chunks.rank(uid + 1)), (place, place, place + 1));
        assert_eq!(chunks.find(Uid::new(found.uid.get() + 1).unwrap()), None);
    }
    assert_eq!((get(&chunks, 1500), chunks.rank(u64::MAX)), (None, 1500));
    assert_eq!(chunks.iter(510..515).map(|slot| slot.uid.get()).collect::<Vec<_>>(), [1022, 1024, 1026, 1028, 1030]);
    let empty = Chunks::new(&[]);
    assert_eq!((empty.len(), get(&empty, 0), empty.rank(1), all(&empty).len()), (0, None, 0, 0));
}

#[test]
fn what_did_not_change_is_shared() {
    let before = filled(10_240);
    let after = before.with(&[slot(4000, 9)], &[]);
    assert_eq!((shared(&before, &after), before.parts.len()), (19, 20));
    let mut told = Vec::new();
    before.differences(&after, |one, two| told.push((one, two)));
    assert_eq!(told, [(before.find(Uid::new(4000).unwrap()), Some(slot(4000, 9)))]);
    assert_eq!(after.changed_since(ModSeq(1)).collect::<Vec<_>>(), [slot(4000, 9)]);
    // A new one touches the last chunk, or none.
    let grown = after.with(&[slot(30_000, 10)], &[]);
    assert_eq!((shared(&after, &grown), grown.len()), (20, 10_241));
}

#[test]
fn chunks_that_became_small_are_joined() {
    let mut chunks = filled(10_240);
    for uid in (2..=20_480).filter(|uid| uid % 2 == 0 && uid % 64 != 0) {
        let uid = Uid::new(uid).unwrap();
        chunks = chunks.with(&[], &[(uid, uid)]);
    }
    assert_eq!(chunks.len(), 320);
    assert!(chunks.parts.len() <= 3, "{} chunks", chunks.parts.len());
}

/// As somebody reads their mail, the newest first and one by one.
#[test]
fn chunks_that_grow_in_front_stay_large() {
    let mut chunks = Chunks::new(&[]);
    for uid in (1..=5_000).rev() {
        chunks = chunks.with(&[slot(uid, 1)], &[]);
    }
    assert_eq!(chunks.len(), 5_000);
    assert!(chunks.parts.len() <= 20, "{} chunks", chunks.parts.len());
}

/// Random changes, beside a map that is changed alike.
#[test]
#[expect(clippy::print_stdout, reason = "whoever sees it fail needs the seed")]
fn it_is_the_list_that_the_changes_make() {
    let seed = std::env::var("POSTERN_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1_u64);
    println!("POSTERN_SEED={seed}");
    let mut state = seed;
    let mut random = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    for _ in 0..6 {
        let mut model: BTreeMap<u32, Slot> = BTreeMap::new();
        let mut chunks = Chunks::new(&[]);
        let (mut next, mut modseq) = (1_u32, 0_i64);
        for _ in 0..30 {
            modseq += 1;
            let before = (chunks.clone(), model.clone());
            let mut changed: BTreeMap<u32, Slot> = BTreeMap::new();
            for uid in model.keys().copied().filter(|_| random(9) == 0) {
                changed.insert(uid, slot(uid, modseq));
            }
            for _ in 0..random(700) {
                next += 1 + random(3) as u32;
                changed.insert(next, slot(next, modseq));
            }
            let mut gone: Vec<(Uid, Uid)> = Vec::new();
            let mut from = 1;
            for _ in 0..random(4) {
                let first = from + random(u64::from(next)) as u32;
                let last = first + random(900) as u32;
                gone.push((Uid::new(first).unwrap(), Uid::new(last).unwrap()));
                from = last + 1;
            }
            model.extend(changed.clone());
            model.retain(|uid, _| !gone.iter().any(|(first, last)| (first.get()..=last.get()).contains(uid)));
            chunks = chunks.with(&changed.into_values().collect::<Vec<_>>(), &gone);
            assert_eq!(all(&chunks), model.values().copied().collect::<Vec<_>>());
            assert!(chunks.parts.iter().all(|part| (1..=CHUNK).contains(&part.chunk.slots.len())));
            let mut told = BTreeMap::new();
            before.0.differences(&chunks, |one, two| {
                let uid = one.or(two).unwrap().uid.get();
                assert!(told.insert(uid, (one, two)).is_none());
            });
            let uids: std::collections::BTreeSet<u32> = before.1.keys().chain(model.keys()).copied().collect();
            let expected = uids.into_iter().map(|uid| (uid, (before.1.get(&uid).copied(), model.get(&uid).copied())));
            assert_eq!(told, expected.filter(|(_, (one, two))| one != two).collect());
        }
    }
}
