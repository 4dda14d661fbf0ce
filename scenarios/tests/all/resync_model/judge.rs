//! Is what a session hears what the model says? Numbers first: EXPUNGE n takes the n-th out of a plain list, EXISTS adds
//! to its end, and each FETCH has to show the message of its number as it is.

use super::commands::{Act, Command, Kind};
use super::copy::{after, flags_in, members};
use super::effects::Expected;
use super::model::{Flags, Model, Viewer};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

/// What somebody hears, and what has to come of it.
pub struct Heard<'a> {
    pub place: usize,
    pub viewer: &'a Viewer,
    pub kind: Kind,
    /// UIDs by number as they were before.
    pub before: Vec<u32>,
    pub lines: Vec<String>,
    pub status: String,
    /// Messages that others changed.
    pub news: BTreeSet<u32>,
}

/// What was found in the lines.
#[derive(Debug, Default)]
struct Told {
    shown: BTreeSet<u32>,
    earlier: BTreeSet<u32>,
}

fn same<T: PartialEq + Debug>(what: &str, server: &T, model: &T) -> Result<(), String> {
    match server == model {
        true => Ok(()),
        false => Err(format!("{what}: the server says {server:?}, the model {model:?}")),
    }
}

fn holds(is_so: bool, text: impl FnOnce() -> String) -> Result<(), String> {
    if is_so { Ok(()) } else { Err(text()) }
}

impl Heard<'_> {
    /// The answer to a command.
    pub fn judge(&self, model: &mut Model, command: &Command, expected: &Expected) -> Result<(), String> {
        holds(self.status.starts_with(expected.status), || {
            format!("{}: the model says {}, the server {}", command.text, expected.status, self.status)
        })?;
        let told = self.follow(model)?;
        let is_missing = |uid: &&u32| !told.shown.contains(uid);
        let missing: Vec<&u32> = expected.shown.iter().filter(is_missing).collect();
        holds(missing.is_empty(), || format!("{}: UIDs {missing:?} are not shown", command.text))?;
        self.shows_no_others(&told, &expected.may_be_shown)?;
        self.tells_what_is_gone(model, &told, &expected.vanished, &self.before)?;
        self.codes(command, expected)?;
        match &expected.found {
            Some(found) => self.finds(model, command, found),
            None => Ok(()),
        }
    }

    /// What is heard in IDLE, or where nothing was asked for.
    pub fn judge_news(&self, model: &mut Model) -> Result<(), String> {
        let told = self.follow(model)?;
        self.is_all_there()?;
        self.shows_no_others(&told, &BTreeSet::new())
    }

    /// News of a message have its flags, or for those who keep them its modification sequence (with flags that are as they
    /// were it comes alone), and its UID for those who come back by it (RFC 7162 sections 3.1 and 3.2.3).
    fn is_all_there(&self) -> Result<(), String> {
        let wanted: &[&str] = match self.kind {
            Kind::Plain => &["FLAGS ("],
            Kind::Sequences => &["MODSEQ ("],
            Kind::Resync => &["UID ", "MODSEQ ("],
        };
        let news = self.lines.iter().filter(|line| line.contains(" FETCH ("));
        let lacking = news.filter(|line| !wanted.iter().all(|item| line.contains(item))).collect::<Vec<_>>();
        holds(lacking.is_empty(), || format!("{lacking:?} are to have {wanted:?}"))
    }

    /// The answer to SELECT or EXAMINE of somebody who comes back: what changed since then is shown of all messages, or of
    /// those whose UIDs they name.
    pub fn judge_return(&self, model: &mut Model, since: Option<usize>, named: &[u32]) -> Result<(), String> {
        holds(self.status.starts_with("OK"), || format!("SELECT: {}", self.status))?;
        let count = format!("* {} EXISTS", self.before.len());
        holds(self.lines.contains(&count), || format!("SELECT: the model says {count}"))?;
        holds(self.lines.iter().any(|line| line.contains("[HIGHESTMODSEQ ")), || "no HIGHESTMODSEQ".to_owned())?;
        let told = self.follow(model)?;
        let Some(since) = since else { return Ok(()) };
        let is_named = |uid: &u32| named.is_empty() || named.contains(uid);
        let views = model.views(self.viewer);
        let changed = views.iter().filter(|(uid, (_, event))| *event > since && is_named(uid));
        same("what changed", &told.shown, &changed.map(|(uid, _)| *uid).collect())?;
        let gone = model.gone_since(since).into_iter().filter(is_named).collect();
        self.tells_what_is_gone(model, &told, &gone, &[])
    }

    /// Follows the numbers through what was said; they end where the model has them.
    fn follow(&self, model: &mut Model) -> Result<Told, String> {
        let (views, uids) = (model.views(self.viewer), model.inbox.uids());
        let mut coming = uids.iter().filter(|uid| !self.before.contains(uid));
        let (mut list, mut told, mut highest) = (self.before.clone(), Told::default(), None);
        for line in self.lines.iter().map(String::as_str).chain([self.status.as_str()]) {
            highest = after(line, "[HIGHESTMODSEQ ").or(highest);
            if let Some(set) = line.strip_prefix("* VANISHED ") {
                self.vanish(set, &mut list, &mut told)?;
            }
            let Some((number, rest)) = line.strip_prefix("* ").and_then(|rest| rest.split_once(' ')) else { continue };
            let Ok(number) = number.parse::<usize>() else { continue };
            match rest.split(' ').next() {
                Some("EXISTS") => {
                    while list.len() < number {
                        list.push(*coming.next().ok_or_else(|| format!("{line}: there are {}", uids.len()))?);
                    }
                    same(line, &number, &list.len())?;
                }
                Some("EXPUNGE") => {
                    holds(self.kind != Kind::Resync, || format!("after ENABLE QRESYNC: {line}"))?;
                    holds((1..=list.len()).contains(&number), || format!("{line}: there are {}", list.len()))?;
                    list.remove(number - 1);
                }
                Some("FETCH") => {
                    let uid = list.get(number - 1).ok_or_else(|| format!("{line}: there are {}", list.len()))?;
                    self.fetch(model, line, *uid, &views)?;
                    told.shown.insert(*uid);
                }
                _ => {}
            }
        }
        let Some(session) = model.session(self.place).cloned() else { return Ok(told) };
        same("the numbers", &list, &session.list)?;
        highest.map_or(Ok(()), |highest| model.timeline.promise(session.whole, highest))?;
        Ok(told)
    }

    fn vanish(&self, set: &str, list: &mut Vec<u32>, told: &mut Told) -> Result<(), String> {
        holds(self.kind == Kind::Resync, || format!("VANISHED {set} without QRESYNC"))?;
        if let Some(set) = set.strip_prefix("(EARLIER) ") {
            // Section 3.2.6: else the numbers of those shown could be taken for others.
            holds(told.shown.is_empty(), || format!("VANISHED (EARLIER) {set} comes behind FETCH"))?;
            told.earlier.extend(members(set));
            return Ok(());
        }
        for uid in members(set) {
            let place = list.iter().position(|listed| *listed == uid);
            list.remove(place.ok_or_else(|| format!("UID {uid} vanished, and has no number"))?);
        }
        Ok(())
    }

    /// A message is shown as it is.
    fn fetch(
        &self,
        model: &mut Model,
        line: &str,
        uid: u32,
        views: &BTreeMap<u32, (Flags, usize)>,
    ) -> Result<(), String> {
        let (flags, event) = views.get(&uid).ok_or_else(|| format!("{line}: UID {uid} is gone"))?;
        if let Some(told) = after(line, "UID ") {
            same(line, &told, &u64::from(uid))?;
        }
        if let Some(told) = flags_in(line) {
            same(line, &told, flags)?;
        }
        if let Some(number) = after(line, "MODSEQ (") {
            holds(self.kind != Kind::Plain, || format!("nobody asked for modification sequences: {line}"))?;
            model.timeline.learn(*event, number).map_err(|error| format!("{line}: {error}"))?;
        }
        Ok(())
    }

    fn shows_no_others(&self, told: &Told, may_be_shown: &BTreeSet<u32>) -> Result<(), String> {
        let others: Vec<&u32> = told.shown.iter().filter(|uid| !may_be_shown.contains(uid)).collect();
        let others: Vec<&&u32> = others.iter().filter(|uid| !self.news.contains(uid)).collect();
        holds(others.is_empty(), || format!("UIDs {others:?} are shown, and have not changed"))
    }

    /// VANISHED (EARLIER): all that it has to tell, and nothing that is there or has a number; it may tell more of what is
    /// gone (RFC 7162 section 3.2.10.1).
    fn tells_what_is_gone(
        &self,
        model: &Model,
        told: &Told,
        gone: &BTreeSet<u32>,
        listed: &[u32],
    ) -> Result<(), String> {
        let missing: Vec<&u32> = gone.difference(&told.earlier).collect();
        holds(missing.is_empty(), || format!("VANISHED (EARLIER) is without {missing:?}"))?;
        let were_there: BTreeSet<u32> = model.gone_since(0);
        let wrong: Vec<&u32> =
            told.earlier.iter().filter(|uid| listed.contains(uid) || !were_there.contains(uid)).collect();
        holds(wrong.is_empty(), || format!("VANISHED (EARLIER) tells of {wrong:?}"))
    }

    /// MODIFIED, COPYUID and APPENDUID.
    fn codes(&self, command: &Command, expected: &Expected) -> Result<(), String> {
        let modified = code(&self.status, "MODIFIED").map(|set| self.uids(command, set)).unwrap_or_default();
        same("MODIFIED", &modified, &expected.modified)?;
        let said = self.lines.iter().chain([&self.status]).find_map(|line| code(line, "COPYUID"));
        let sets = said.map(|said| said.split(' ').skip(1).map(in_order).collect::<Vec<_>>());
        let (from, to): (Vec<u32>, Vec<u32>) = expected.copied.iter().copied().unzip();
        same("COPYUID", &sets, &(!from.is_empty()).then(|| vec![from, to]))?;
        let appended = code(&self.status, "APPENDUID").and_then(|said| said.split_once(' ')?.1.parse().ok());
        same("APPENDUID", &appended, &expected.appended)
    }

    /// A set by number or UID, as the command has it, by UID.
    fn uids(&self, command: &Command, set: &str) -> Vec<u32> {
        let number = |number: u32| *self.before.get(number as usize - 1).unwrap_or(&0);
        in_order(set).into_iter().map(|member| if command.by_uid { member } else { number(member) }).collect()
    }

    fn finds(
        &self,
        model: &mut Model,
        command: &Command,
        (found, last): &(Vec<u32>, Option<usize>),
    ) -> Result<(), String> {
        let said = self.lines.iter().find_map(|line| line.strip_prefix("* SEARCH").or(line.strip_prefix("* ESEARCH ")));
        let said = said.ok_or("nothing is said of what was found")?;
        let set = match said.split_once("ALL ") {
            Some((_, set)) => set.split(' ').next().unwrap_or_default().to_owned(),
            None if said.contains("(TAG") => String::new(),
            None => said.split(" (").next().unwrap_or_default().trim().replace(' ', ","),
        };
        same(&command.text, &self.uids(command, &set), found)?;
        match (after(said, "MODSEQ ").or(after(said, "(MODSEQ ")), last) {
            (None, None) => Ok(()),
            (Some(number), Some(event)) => model.timeline.learn(*event, number),
            (told, _) => Err(format!("{}: {told:?} is told as the highest", command.text)),
        }
    }
}

/// What a response code tells.
fn code<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!("[{name} "))?;
    Some(rest.split_once(']')?.0)
}

/// The members of a set, in its order; none of an empty one.
fn in_order(set: &str) -> Vec<u32> {
    set.split(',').filter(|part| !part.is_empty()).flat_map(members).collect()
}

/// What else a story is about, for who looks whether all of it was.
pub fn kinds_of_news(lines: &[String]) -> impl Iterator<Item = &'static str> {
    let kinds =
        [("* VANISHED (EARLIER) ", "vanished earlier"), ("* VANISHED ", "vanished"), (" EXPUNGE", "expunge by number")];
    lines.iter().filter_map(move |line| {
        let begins = |(mark, _): &&(&str, &str)| line.starts_with(mark) || line.ends_with(mark);
        kinds.iter().find(begins).map(|(_, kind)| *kind)
    })
}

/// How it went, for who looks whether everything went in each way.
pub fn outcome(act: &Act, status: &str) -> String {
    let how = if status.starts_with("OK") { "done" } else { "refused" };
    format!("{}, {how}", act.name())
}
