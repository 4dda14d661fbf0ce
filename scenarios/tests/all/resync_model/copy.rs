//! A copy of a mailbox, as a client keeps it by what it hears: with modification sequences (RFC 7162) or without.

use super::commands::{Kind, Sign, Store};
use postern_testkit::Answer;
use std::collections::BTreeSet;

/// What a client knows of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub uid: u32,
    pub flags: BTreeSet<String>,
    /// 0 where the client keeps none.
    pub modseq: u64,
}

/// A copy of a mailbox as its client keeps it.
#[derive(Debug, Clone)]
pub struct Kept {
    kind: Kind,
    pub validity: u64,
    /// Changes up to here are in the copy.
    pub highest: u64,
    /// By number. Of one that EXISTS alone told, nothing is known yet.
    pub list: Vec<Option<Known>>,
    /// A silent STORE is under way: what it wants, and of which messages flags were told since.
    silent: Option<(Store, BTreeSet<u32>)>,
    /// What could not be.
    pub amiss: Option<String>,
}

impl Kept {
    pub fn new(kind: Kind) -> Self {
        Self { kind, validity: 0, highest: 0, list: Vec::new(), silent: None, amiss: None }
    }

    /// A STORE begins: where it is silent, the server says no more than that it is done.
    pub fn store(&mut self, store: &Store) {
        self.silent = Some((store.clone(), BTreeSet::new())).filter(|_| store.is_silent);
    }

    pub fn uids(&self) -> impl Iterator<Item = u32> + '_ {
        self.list.iter().flatten().map(|known| known.uid)
    }

    /// The last UID before the first message of which nothing is known.
    pub fn last_known(&self) -> u32 {
        self.list.iter().map_while(Option::as_ref).map(|known| known.uid).last().unwrap_or(0)
    }

    /// What is known by its number alone is forgotten with the numbers, and what comes after it is learnt anew.
    pub fn lose_numbers(&mut self) {
        let known = self.list.iter().position(Option::is_none).unwrap_or(self.list.len());
        self.list.truncate(known);
    }

    fn check(&mut self, holds: bool, text: impl FnOnce() -> String) {
        if !holds {
            self.amiss.get_or_insert_with(text);
        }
    }

    /// Does with a reply what a client does.
    pub fn hear(&mut self, line: &str) {
        if let Some(highest) = after(line, "[HIGHESTMODSEQ ") {
            self.highest = highest;
        }
        if let Some(validity) = after(line, "[UIDVALIDITY ") {
            self.validity = validity;
        }
        if let Some(set) = line.strip_prefix("* VANISHED ") {
            let is_earlier = set.starts_with("(EARLIER) ");
            members(set.trim_start_matches("(EARLIER) ")).into_iter().for_each(|uid| self.vanished(uid, is_earlier));
        }
        let Some((number, rest)) = line.strip_prefix("* ").and_then(|rest| rest.split_once(' ')) else { return };
        let Ok(number) = number.parse::<usize>() else { return };
        if rest == "EXPUNGE" {
            let count = self.list.len();
            self.check((1..=count).contains(&number), || format!("{line}, and {count} are known"));
            self.list = self.list.iter().take(number - 1).chain(self.list.iter().skip(number)).cloned().collect();
        }
        if rest == "EXISTS" {
            let count = self.list.len();
            self.check(number >= count, || format!("{line}, and {count} are known"));
            self.list.resize(number, None);
        }
        if rest.starts_with("FETCH ") {
            self.hear_fetch(number, line);
        }
    }

    pub fn hear_answer(&mut self, answer: &Answer) {
        answer.lines().iter().for_each(|line| self.hear(line));
        self.hear(&format!("* {}", answer.status));
        let Some((store, told)) = self.silent.take().filter(|_| answer.status.starts_with("OK")) else { return };
        let is_changed = |known: &&mut Known| store.uids.contains(&known.uid) && !told.contains(&known.uid);
        self.list.iter_mut().flatten().filter(is_changed).for_each(|known| apply(&store, &mut known.flags));
    }

    /// Takes a message out. Where only its number is known, it is one of those between its neighbours.
    fn vanished(&mut self, uid: u32, is_earlier: bool) {
        let is_it = |known: &Option<Known>| known.as_ref().is_some_and(|known| known.uid == uid);
        if let Some(place) = self.list.iter().position(is_it) {
            self.list.remove(place);
        } else if !is_earlier {
            let is_after = |known: &Option<Known>| known.as_ref().is_some_and(|known| known.uid > uid);
            let next = self.list.iter().position(is_after).unwrap_or(self.list.len());
            let has_number = next > 0 && self.list[next - 1].is_none();
            self.check(has_number, || format!("UID {uid} vanished, and has no number"));
            if has_number {
                self.list.remove(next - 1);
            }
        }
    }

    fn hear_fetch(&mut self, number: usize, line: &str) {
        let uid = after(line, "UID ").and_then(|uid| u32::try_from(uid).ok());
        let count = self.list.len();
        let Some(place) = self.list.get_mut(number.wrapping_sub(1)) else {
            return self.check(false, || format!("{line}: there are {count}"));
        };
        let modseq = after(line, "MODSEQ (");
        self.highest = self.highest.max(modseq.unwrap_or(0));
        let is_whole = flags_in(line).is_some() && (modseq.is_some() || self.kind == Kind::Plain);
        if place.is_none() && (uid.is_none() || !is_whole) {
            // Not all of it was asked for, so nothing is known of it still.
            return;
        }
        let known = place.get_or_insert_with(|| Known { uid: uid.unwrap_or(0), flags: BTreeSet::new(), modseq: 0 });
        if uid.is_some_and(|uid| uid != known.uid) {
            let other = known.uid;
            return self.check(false, || format!("{line}: that number is UID {other}"));
        }
        known.modseq = modseq.unwrap_or(known.modseq);
        if let Some(flags) = flags_in(line) {
            known.flags = flags;
            if let Some((_, told)) = &mut self.silent {
                told.insert(known.uid);
            }
        }
    }
}

impl Known {
    /// Of a reply to FETCH: the number, and what is known by it.
    pub fn shown(line: &str) -> Option<(usize, Self)> {
        let (number, rest) = line.strip_prefix("* ")?.split_once(' ')?;
        rest.starts_with("FETCH ").then_some(())?;
        let uid = u32::try_from(after(line, "UID ")?).ok()?;
        Some((number.parse().ok()?, Self { uid, flags: flags_in(line)?, modseq: after(line, "MODSEQ (").unwrap_or(0) }))
    }
}

/// The number after a word.
pub fn after(line: &str, word: &str) -> Option<u64> {
    let (_, rest) = line.split_once(word)?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

pub fn flags_in(line: &str) -> Option<BTreeSet<String>> {
    let (_, rest) = line.split_once("FLAGS (")?;
    let flags = rest.split_once(')')?.0.split(' ').filter(|flag| !flag.is_empty() && *flag != "\\Recent");
    Some(flags.map(str::to_owned).collect())
}

pub fn members(set: &str) -> BTreeSet<u32> {
    let number = |text: &str| text.parse::<u32>().unwrap_or_else(|_| panic!("{set} is no set"));
    let range = |part: &str| {
        let (from, to) = part.split_once(':').unwrap_or((part, part));
        number(from)..=number(to)
    };
    set.split(',').flat_map(range).collect()
}

/// What a client does by itself where a STORE is silent.
fn apply(store: &Store, flags: &mut BTreeSet<String>) {
    match store.sign {
        Sign::Add => flags.extend(store.flags.iter().cloned()),
        Sign::Remove => flags.retain(|flag| !store.flags.contains(flag)),
        Sign::Replace => flags.clone_from(&store.flags),
    }
}

/// What was answered, for who reads of a failure.
pub fn heard(answer: &Answer) -> impl Iterator<Item = String> {
    answer.lines().into_iter().chain([answer.status.clone()]).map(|line| format!("    {}", line.replace("\r\n", " ")))
}
