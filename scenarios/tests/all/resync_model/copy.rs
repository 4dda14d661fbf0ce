//! A copy of a mailbox, as a client keeps it by what it hears (RFC 7162).

use postern_testkit::Answer;
use std::collections::BTreeSet;

/// What a client knows of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub uid: u32,
    pub flags: BTreeSet<String>,
    pub modseq: u64,
}

/// A copy of a mailbox as its client keeps it.
#[derive(Debug, Default)]
pub struct Kept {
    pub validity: u64,
    /// Changes up to here are in the copy.
    pub highest: u64,
    /// By number. Of one that EXISTS alone told, nothing is known yet.
    pub list: Vec<Option<Known>>,
    /// A silent STORE is under way.
    pub silent: Option<Silent>,
    /// What could not be.
    pub amiss: Option<String>,
}

impl Kept {
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
        self.check(!rest.starts_with("EXPUNGE"), || format!("after ENABLE QRESYNC it was told by number: {line}"));
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
        let Some(uid) = after(line, "UID ").and_then(|uid| u32::try_from(uid).ok()) else { return };
        let count = self.list.len();
        let Some(place) = self.list.get_mut(number - 1) else {
            return self.check(false, || format!("{line}: there are {count}"));
        };
        if place.is_none() && (flags_in(line).is_none() || !line.contains("MODSEQ (")) {
            // Not all of it was asked for, so nothing is known of it still.
            self.highest = self.highest.max(after(line, "MODSEQ (").unwrap_or(0));
            return;
        }
        let known = place.get_or_insert_with(|| Known { uid, flags: BTreeSet::new(), modseq: 0 });
        if known.uid != uid {
            let other = known.uid;
            return self.check(false, || format!("{line}: that number is UID {other}"));
        }
        match (flags_in(line), &self.silent) {
            (Some(flags), _) => known.flags = flags,
            (None, Some(silent)) => silent.apply(&mut known.flags),
            (None, None) => {}
        }
        if let Some(modseq) = after(line, "MODSEQ (") {
            known.modseq = modseq;
            self.highest = self.highest.max(modseq);
        }
    }
}

impl Known {
    /// Of a reply to FETCH: the number, and what is known by it.
    pub fn shown(line: &str) -> Option<(usize, Self)> {
        let (number, rest) = line.strip_prefix("* ")?.split_once(' ')?;
        rest.starts_with("FETCH ").then_some(())?;
        let uid = u32::try_from(after(line, "UID ")?).ok()?;
        Some((number.parse().ok()?, Self { uid, flags: flags_in(line)?, modseq: after(line, "MODSEQ (")? }))
    }
}

/// The number after a word.
fn after(line: &str, word: &str) -> Option<u64> {
    let (_, rest) = line.split_once(word)?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn flags_in(line: &str) -> Option<BTreeSet<String>> {
    let (_, rest) = line.split_once("FLAGS (")?;
    let flags = rest.split_once(')')?.0.split(' ').filter(|flag| !flag.is_empty() && *flag != "\\Recent");
    Some(flags.map(str::to_owned).collect())
}

fn members(set: &str) -> BTreeSet<u32> {
    let number = |text: &str| text.parse::<u32>().unwrap_or_else(|_| panic!("{set} is no set"));
    let range = |part: &str| {
        let (from, to) = part.split_once(':').unwrap_or((part, part));
        number(from)..=number(to)
    };
    set.split(',').flat_map(range).collect()
}

/// What a client does by itself where a STORE is silent, and the server says no more than that it is done.
#[derive(Debug, Clone)]
pub struct Silent {
    sign: &'static str,
    flags: BTreeSet<String>,
}

impl Silent {
    fn apply(&self, flags: &mut BTreeSet<String>) {
        match self.sign {
            "+" => flags.extend(self.flags.iter().cloned()),
            "-" => flags.retain(|flag| !self.flags.contains(flag)),
            _ => flags.clone_from(&self.flags),
        }
    }
}

pub fn silent_store(command: &str) -> Option<Silent> {
    let (before, flags) = command.split_once("FLAGS.SILENT (")?;
    let sign = ["+", "-"].into_iter().find(|sign| before.ends_with(sign)).unwrap_or("");
    Some(Silent { sign, flags: flags.trim_end_matches(')').split(' ').map(str::to_owned).collect() })
}

/// What was answered, for who reads of a failure.
pub fn heard(answer: &Answer) -> impl Iterator<Item = String> {
    answer.lines().into_iter().chain([answer.status.clone()]).map(|line| format!("    {}", line.replace("\r\n", " ")))
}
