//! Three people in one mailbox, each with a client that keeps a copy by QRESYNC (RFC 7162), under anything that may
//! happen: commands of all three, IDLE, mail that comes in, `\Seen` that is kept in another way, connections that break
//! between any two commands or before a reply is read. Whenever a client has come back and heard what is new, its
//! copy is what a client sees that comes for the first time: UIDs, numbers, flags and modification sequences.
//!
//! `POSTERN_SEEDS` is the number of seeds (200); `POSTERN_SEED` repeats one.

use crate::seeds::{self, Stories, shares};
use postern_testkit::power::Random;
use postern_testkit::{Answer, Engine, House, ImapClient};
use postern_types::Seen;
use std::collections::{BTreeMap, BTreeSet};

const PEOPLE: [(&str, &str); 3] =
    [("alice@example.org", "lrswipkxte"), ("bob@example.org", "lrswit"), ("carol@example.org", "lrs")];
/// Seeds in continuous integration.
const USUAL: u64 = 200;
/// Acts of one seed.
const ACTS: usize = 60;

const STORIES: Stories =
    Stories { module: "resync_model", people: || PEOPLE.iter().map(|(person, _)| (*person).to_owned()).collect() };

shares! { Engine::Sqlite, seeds::count(USUAL), 4;
    0 copies_are_as_the_mailbox_is_share_1
    1 copies_are_as_the_mailbox_is_share_2
    2 copies_are_as_the_mailbox_is_share_3
    3 copies_are_as_the_mailbox_is_share_4
}

/// One SQL, two engines: of the usual seeds a quarter on the second.
fn count_on_postgres() -> u64 {
    seeds::count(USUAL).div_ceil(4)
}

shares! { Engine::Postgres, count_on_postgres(), 2;
    0 copies_are_as_the_mailbox_is_on_postgres_share_1
    1 copies_are_as_the_mailbox_is_on_postgres_share_2
}

#[test]
fn a_client_that_misses_what_vanished_is_noticed() {
    STORIES.notice(Lie::MissesVanished, 20, async |house: &House, seed| {
        Story::run(house, seed, Lie::MissesVanished).await
    });
}

#[test]
fn a_client_that_misses_what_changed_is_noticed() {
    STORIES
        .notice(Lie::MissesChanges, 20, async |house: &House, seed| Story::run(house, seed, Lie::MissesChanges).await);
}

/// What a client does wrong as it comes back: that has to be found out, or agreement proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lie {
    None,
    MissesVanished,
    MissesChanges,
}

/// One of several.
fn one<'a, T>(random: &mut Random, of: &'a [T]) -> &'a T {
    &of[random.below(of.len())]
}

/// What a client knows of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    uid: u32,
    flags: BTreeSet<String>,
    modseq: u64,
}

/// A copy of a mailbox as its client keeps it.
#[derive(Debug, Default)]
struct Kept {
    validity: u64,
    /// Changes up to here are in the copy.
    highest: u64,
    /// By number. Of one that EXISTS alone told, nothing is known yet.
    list: Vec<Option<Known>>,
    /// A silent STORE is under way.
    silent: Option<Silent>,
    /// What could not be.
    amiss: Option<String>,
}

impl Kept {
    fn uids(&self) -> impl Iterator<Item = u32> + '_ {
        self.list.iter().flatten().map(|known| known.uid)
    }

    /// The last UID before the first message of which nothing is known.
    fn last_known(&self) -> u32 {
        self.list.iter().map_while(Option::as_ref).map(|known| known.uid).last().unwrap_or(0)
    }

    fn check(&mut self, holds: bool, text: impl FnOnce() -> String) {
        if !holds {
            self.amiss.get_or_insert_with(text);
        }
    }

    /// Does with a reply what a client does.
    fn hear(&mut self, line: &str) {
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
struct Silent {
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

/// One person, their client and its copy.
struct Keeper {
    email: &'static str,
    client: Option<ImapClient>,
    copy: Kept,
}

struct Story<'h> {
    house: &'h House,
    random: Random,
    lie: Lie,
    address: String,
    keepers: Vec<Keeper>,
    /// Connections that were cut off, each with its last command under way.
    leaving: Vec<ImapClient>,
    /// What was done, for who reads of a failure.
    told: Vec<String>,
}

impl<'h> Story<'h> {
    async fn run(house: &'h House, seed: u64, lie: Lie) -> Result<(), String> {
        Self::begin(house, seed, lie).await.tell().await
    }

    async fn begin(house: &'h House, seed: u64, lie: Lie) -> Self {
        let address = format!("box-{seed}@example.org");
        let mut random = Random::new(seed);
        house.shared(&address).await;
        house.set_seen(&address, *one(&mut random, &[Seen::Shared, Seen::Personal, Seen::Both])).await;
        for (person, letters) in PEOPLE {
            house.grant(&address, person, letters).await;
        }
        let keepers = PEOPLE.map(|(email, _)| Keeper { email, client: None, copy: Kept::default() }).into();
        Self { house, random, lie, address, keepers, leaving: Vec::new(), told: Vec::new() }
    }

    async fn tell(mut self) -> Result<(), String> {
        for _ in 0..ACTS {
            match self.random.below(12) {
                0 | 1 => self.deliver().await,
                2 if self.random.below(4) == 0 => self.change_seen().await,
                _ => self.act().await,
            }
            if let Some(amiss) = self.keepers.iter().find_map(|keeper| keeper.copy.amiss.clone()) {
                return Err(format!("{amiss}\n{}", self.told.join("\n")));
            }
        }
        // Whatever was under way is done, or it would be between a copy's last word and the look at the mailbox.
        for mut client in std::mem::take(&mut self.leaving) {
            client.closed().await;
        }
        for place in 0..self.keepers.len() {
            self.check(place).await?;
        }
        Ok(())
    }

    async fn deliver(&mut self) {
        let count = 1 + self.random.below(3);
        self.told.push(format!("{count} come in"));
        for _ in 0..count {
            self.house.deliver(&self.address, "From: a@example.net\r\nSubject: A letter\r\n\r\nHello.\r\n").await;
        }
    }

    async fn change_seen(&mut self) {
        let seen = *one(&mut self.random, &[Seen::Shared, Seen::Personal, Seen::Both]);
        self.told.push(format!("\\Seen is {}", seen.as_str()));
        self.house.set_seen(&self.address, seen).await;
    }

    /// Somebody says something, or is cut off.
    async fn act(&mut self) {
        let place = self.random.below(self.keepers.len());
        if self.keepers[place].client.is_none() {
            return self.come_back(place).await;
        }
        match self.random.below(20) {
            0 | 1 => self.cut(place).await,
            2 | 3 => self.learn(place).await,
            4 => self.idle(place).await,
            _ => {
                let command = self.command(place);
                self.say(place, &command).await;
            }
        }
    }

    /// A command at random: numbers as the client has them, so never one that is not there.
    fn command(&mut self, place: usize) -> String {
        let copy = &self.keepers[place].copy;
        let (count, highest) = (copy.list.len(), copy.highest);
        let uids: Vec<u32> = copy.uids().collect();
        if count == 0 {
            return "NOOP".to_owned();
        }
        let random = &mut self.random;
        let number = 1 + random.below(count);
        let range = format!("{number}:{}", 1 + random.below(count));
        let uid = if uids.is_empty() { 1 } else { *one(random, &uids) };
        let flags = *one(
            random,
            &["\\Seen", "\\Flagged", "\\Deleted", "\\Answered", "$Work", "\\Seen \\Deleted", "SeenByTeam"],
        );
        let sign = *one(random, &["+", "-", ""]);
        let silent = *one(random, &["", ".SILENT"]);
        let since = highest.saturating_sub(random.below(6) as u64);
        match random.below(14) {
            0 | 1 => format!("STORE {range} {sign}FLAGS{silent} ({flags})"),
            2 => format!("UID STORE {uid}:* {sign}FLAGS{silent} ({flags})"),
            3 => format!("STORE {range} (UNCHANGEDSINCE {since}) {sign}FLAGS{silent} ({flags})"),
            4 => format!("UID FETCH {uid} (FLAGS BODY[TEXT])"),
            5 => format!("FETCH {range} (UID FLAGS MODSEQ)"),
            6 => format!("FETCH {number} MODSEQ"),
            7 => "EXPUNGE".to_owned(),
            8 => format!("UID EXPUNGE {uid}:*"),
            9 => format!("UID FETCH 1:* (UID FLAGS) (CHANGEDSINCE {since} VANISHED)"),
            10 => format!("SEARCH MODSEQ {since}"),
            11 => format!("UID MOVE {uid} Shared/{}/Archive", self.address),
            _ => "NOOP".to_owned(),
        }
    }

    /// Says a command and hears its replies.
    async fn say(&mut self, place: usize, command: &str) {
        self.told.push(format!("{}: {command}", self.keepers[place].email));
        let keeper = &mut self.keepers[place];
        let Some(client) = &mut keeper.client else { return };
        keeper.copy.silent = silent_store(command);
        let answer = client.command(command).await;
        assert!(!answer.status.starts_with("BAD"), "{command}: {}", answer.status);
        hear(&mut keeper.copy, &answer);
        keeper.copy.silent = None;
        self.told.extend(heard(&answer));
    }

    /// Listens while mail comes in, until it hears of some.
    async fn idle(&mut self, place: usize) {
        let Some(mut client) = self.keepers[place].client.take() else { return };
        self.told.push(format!("{}: IDLE", self.keepers[place].email));
        let tag = client.next_tag();
        client.send(format!("{tag} IDLE\r\n").as_bytes()).await;
        // What was news before comes first.
        self.hear_until(place, &mut client, |line| line.starts_with('+')).await;
        self.deliver().await;
        self.hear_until(place, &mut client, |line| line.ends_with(" EXISTS")).await;
        let copy = &mut self.keepers[place].copy;
        let answer = client.done(&tag).await;
        hear(copy, &answer);
        self.told.extend(heard(&answer));
        self.keepers[place].client = Some(client);
    }

    async fn hear_until(&mut self, place: usize, client: &mut ImapClient, is_last: impl Fn(&str) -> bool) {
        loop {
            let line = String::from_utf8_lossy(&client.response().await).into_owned();
            self.keepers[place].copy.hear(&line);
            self.told.push(format!("    {line}"));
            if is_last(&line) {
                return;
            }
        }
    }

    /// Asks for what EXISTS alone told.
    async fn learn(&mut self, place: usize) {
        let known = self.keepers[place].copy.last_known();
        self.say(place, &format!("UID FETCH {}:* (UID FLAGS MODSEQ)", known + 1)).await;
    }

    /// The connection breaks, perhaps with a command under way whose replies nobody hears.
    async fn cut(&mut self, place: usize) {
        let mut half = String::new();
        if self.random.below(2) == 0 {
            half = self.command(place);
        }
        self.told.push(format!("{} is cut off {half}", self.keepers[place].email));
        let keeper = &mut self.keepers[place];
        if let Some(mut client) = keeper.client.take().filter(|_| !half.is_empty()) {
            client.send(format!("x {half}\r\ny LOGOUT\r\n").as_bytes()).await;
            self.leaving.push(client);
        }
        // What is known by its number alone is forgotten with the numbers, and what comes after it is learnt anew.
        let known = keeper.copy.list.iter().position(Option::is_none).unwrap_or(keeper.copy.list.len());
        keeper.copy.list.truncate(known);
    }

    /// Comes back with the copy, or comes for the first time.
    async fn come_back(&mut self, place: usize) {
        let mut client = self.house.imap_as(self.keepers[place].email).await;
        client.ok("ENABLE QRESYNC", "QRESYNC").await;
        let copy = &self.keepers[place].copy;
        let since = match copy.validity {
            0 => String::new(),
            // With the UIDs that it knows, or without.
            validity => match (copy.uids().max(), self.random.below(2)) {
                (Some(last), 0) => format!(" (QRESYNC ({validity} {} 1:{last}))", copy.highest),
                _ => format!(" (QRESYNC ({validity} {}))", copy.highest),
            },
        };
        self.told.push(format!("{} comes back{since}", self.keepers[place].email));
        let answer = client.command(&format!("SELECT Shared/{}/INBOX{since}", self.address)).await;
        assert!(answer.status.starts_with("OK"), "{}", answer.status);
        self.told.extend(heard(&answer));
        let keeper = &mut self.keepers[place];
        keeper.client = Some(client);
        // Its numbers are known once it is known what is gone, so that is heard first.
        let (gone, other): (Vec<_>, Vec<_>) =
            answer.lines().into_iter().partition(|line| line.starts_with("* VANISHED (EARLIER)"));
        let is_heard = |line: &&String| match self.lie {
            Lie::None => true,
            Lie::MissesVanished => !line.contains("VANISHED"),
            Lie::MissesChanges => !line.contains("FETCH"),
        };
        gone.iter().chain(&other).filter(is_heard).for_each(|line| keeper.copy.hear(line));
        self.learn(place).await;
    }

    /// Hears what is new, and compares the copy with what somebody sees who comes for the first time.
    async fn check(&mut self, place: usize) -> Result<(), String> {
        if self.keepers[place].client.is_none() {
            self.come_back(place).await;
        }
        self.say(place, "NOOP").await;
        self.learn(place).await;
        let keeper = &mut self.keepers[place];
        let mut fresh = self.house.imap_as(keeper.email).await;
        fresh.ok(&format!("EXAMINE Shared/{}/INBOX (CONDSTORE)", self.address), "EXISTS").await;
        let answer = fresh.ok("UID FETCH 1:* (FLAGS MODSEQ)", "").await;
        let seen: BTreeMap<usize, Known> = answer.lines().iter().filter_map(|line| shown(line)).collect();
        let kept: BTreeMap<usize, Known> = keeper
            .copy
            .list
            .iter()
            .enumerate()
            .filter_map(|(place, known)| Some((place + 1, known.clone()?)))
            .collect();
        if seen == kept && kept.len() == keeper.copy.list.len() {
            return Ok(());
        }
        let only = |one: &BTreeMap<usize, Known>, other: &BTreeMap<usize, Known>| {
            one.iter()
                .filter(|(number, known)| other.get(number) != Some(known))
                .map(|(number, known)| format!("{number} {known:?}"))
                .collect::<Vec<_>>()
        };
        let (count, kept_only, seen_only) = (keeper.copy.list.len(), only(&kept, &seen), only(&seen, &kept));
        let told = self.told.join("\n");
        Err(format!("{} keeps {count}\nkept {kept_only:#?}\nthere {seen_only:#?}\n{told}", keeper.email))
    }
}

fn silent_store(command: &str) -> Option<Silent> {
    let (before, flags) = command.split_once("FLAGS.SILENT (")?;
    let sign = ["+", "-"].into_iter().find(|sign| before.ends_with(sign)).unwrap_or("");
    Some(Silent { sign, flags: flags.trim_end_matches(')').split(' ').map(str::to_owned).collect() })
}

/// What was answered, for who reads of a failure.
fn heard(answer: &Answer) -> impl Iterator<Item = String> {
    answer.lines().into_iter().chain([answer.status.clone()]).map(|line| format!("    {}", line.replace("\r\n", " ")))
}

fn hear(copy: &mut Kept, answer: &Answer) {
    answer.lines().iter().for_each(|line| copy.hear(line));
    copy.hear(&format!("* {}", answer.status));
}

fn shown(line: &str) -> Option<(usize, Known)> {
    let (number, rest) = line.strip_prefix("* ")?.split_once(' ')?;
    rest.starts_with("FETCH ").then_some(())?;
    let uid = u32::try_from(after(line, "UID ")?).ok()?;
    Some((number.parse().ok()?, Known { uid, flags: flags_in(line)?, modseq: after(line, "MODSEQ (")? }))
}
