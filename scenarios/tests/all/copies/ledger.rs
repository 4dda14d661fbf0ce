//! What was promised of each message, and what may have become of it: what a mailbox is checked against after kills.

use super::{FOLDERS, Letter};
use std::collections::{BTreeMap, BTreeSet};

/// Where a message is: its folder and its UID there.
pub type Place = (usize, u32);

/// A message as somebody finds it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Message {
    /// By which its letter is known.
    pub mark: String,
    /// `\Recent` is none of them.
    pub flags: BTreeSet<String>,
    /// With the line ends of the system, and without what mbsync adds while it has not finished.
    pub text: Vec<u8>,
}

/// Each folder, and in it each message by its UID.
pub type View = [BTreeMap<u32, Message>; FOLDERS.len()];

#[derive(Debug, Default)]
pub struct Ledger {
    letters: BTreeMap<String, Standing>,
    placed: BTreeMap<Place, String>,
    /// Where nothing is any more, as the server said.
    gone: BTreeSet<Place>,
    /// Whether the keyword is there that one writer alone sets; nothing where that is not known.
    keywords: BTreeMap<(Place, &'static str), Option<bool>>,
}

#[derive(Debug)]
struct Standing {
    text: Vec<u8>,
    /// How many of it there are by what was answered.
    least: usize,
    /// The same with what was asked for and may have been done.
    most: usize,
    /// Somebody has asked that it be deleted.
    doomed: bool,
}

impl Ledger {
    /// Somebody is about to add it.
    pub fn will_add(&mut self, letter: &Letter) {
        let standing = Standing { text: letter.text.clone(), least: 0, most: 1, doomed: false };
        assert!(self.letters.insert(letter.mark.clone(), standing).is_none(), "{} was there before", letter.mark);
    }

    /// It is there, as the server or a client said.
    pub fn added(&mut self, mark: &str) {
        self.of(mark).least += 1;
    }

    /// A message is there.
    pub fn is_at(&mut self, place: Place, mark: &str) {
        let earlier = self.placed.insert(place, mark.to_owned());
        assert!(earlier.is_none_or(|earlier| earlier == mark), "{place:?} named another message before {mark}");
    }

    /// Somebody is about to copy what is there.
    pub fn will_copy(&mut self, place: Place) {
        let mark = self.placed[&place].clone();
        self.of(&mark).most += 1;
    }

    /// It was copied, or moved.
    pub fn copied(&mut self, from: Place, to: Place, is_moved: bool) {
        let mark = self.placed[&from].clone();
        self.is_at(to, &mark);
        if is_moved {
            self.gone(from);
        } else {
            self.of(&mark).least += 1;
        }
    }

    /// Somebody is about to mark it for deletion, or to delete it.
    pub fn doom(&mut self, mark: &str) {
        self.of(mark).doomed = true;
    }

    /// The same of what is at a place.
    pub fn doom_at(&mut self, place: Place) {
        let mark = self.placed[&place].clone();
        self.doom(&mark);
    }

    /// Nothing is there any more, the server said.
    pub fn gone(&mut self, place: Place) {
        self.gone.insert(place);
    }

    /// Whether the keyword is there; nothing before it is known.
    pub fn keyword(&mut self, place: Place, keyword: &'static str, is_set: Option<bool>) {
        self.keywords.insert((place, keyword), is_set);
    }

    /// Where messages are, as far as known.
    pub fn places(&self, folder: usize) -> Vec<u32> {
        let there = self.placed.range((folder, 0)..(folder + 1, 0)).map(|(place, _)| place);
        there.filter(|place| !self.gone.contains(place)).map(|(_, uid)| *uid).collect()
    }

    fn of(&mut self, mark: &str) -> &mut Standing {
        self.letters.get_mut(mark).unwrap_or_else(|| panic!("nobody sent {mark}"))
    }

    /// Compares what is there with what was promised, and learns where messages are.
    pub fn check(&mut self, view: &View) {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for (folder, uid, message) in all(view) {
            *counts.entry(&message.mark).or_default() += 1;
            assert!(!self.gone.contains(&(folder, uid)), "{} {uid} was gone, and is there", FOLDERS[folder]);
            self.is_at((folder, uid), &message.mark);
            assert_eq!(self.of(&message.mark).text, message.text, "{} is changed", message.mark);
        }
        for (mark, Standing { least, most, doomed, .. }) in &self.letters {
            let count = counts.get(mark.as_str()).copied().unwrap_or(0);
            let least = if *doomed { 0 } else { *least };
            assert!((least..=*most).contains(&count), "{mark} is there {count} times, not {least} to {most}");
        }
        for (((folder, uid), keyword), is_set) in &self.keywords {
            let there = view[*folder].get(uid).map(|message| message.flags.contains(*keyword));
            if let (Some(there), Some(is_set)) = (there, is_set) {
                assert_eq!(there, *is_set, "{} {uid}: {keyword} was answered for", FOLDERS[*folder]);
            }
        }
    }
}

fn all(view: &View) -> impl Iterator<Item = (usize, u32, &Message)> {
    view.iter().enumerate().flat_map(|(folder, there)| there.iter().map(move |(uid, message)| (folder, *uid, message)))
}
