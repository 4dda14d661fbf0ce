//! Three in one mailbox, each with a client that keeps a copy by QRESYNC (RFC 7162), under anything that may happen:
//! commands of all three, IDLE, mail that comes in, `\Seen` that is kept in another way, connections that break between
//! any two commands or before a reply is read. Whenever a client has come back and heard what is new, its copy is what a
//! client sees that comes for the first time: UIDs, numbers, flags and modification sequences.
//!
//! They are delegates, but in a third of the seeds one is a program that signs in to the mailbox itself, within a scope;
//! its `\Seen` is that of all (docs/decisions/0010-seen.md). In half of the seeds the mailbox is taken from one or another
//! and given back. Until then nobody is told anything of it, and afterwards an old copy is made right as any other.
//!
//! `POSTERN_SEEDS` is the number of seeds (200); `POSTERN_SEED` repeats one.

mod copy;
mod keeper;
mod taking;

use crate::seeds::{self, Stories, shares};
use copy::{Known, heard, silent_store};
use keeper::Keeper;
use postern_testkit::power::Random;
use postern_testkit::{Engine, House, ImapClient};
use postern_types::Seen;
use std::collections::BTreeMap;

/// What somebody sees, by number.
type View = BTreeMap<usize, Known>;

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

fn is_noticed(lie: Lie) {
    STORIES.notice(lie, 40, async |house: &House, seed| Story::run(house, seed, lie).await);
}

#[test]
fn a_client_that_misses_what_vanished_is_noticed() {
    is_noticed(Lie::MissesVanished);
}

#[test]
fn a_client_that_misses_what_changed_is_noticed() {
    is_noticed(Lie::MissesChanges);
}

#[test]
fn a_program_that_misses_what_it_was_shut_out_from_is_noticed() {
    is_noticed(Lie::ProgramMissesMeanwhile);
}

#[test]
fn a_model_with_one_seen_for_all_is_noticed() {
    is_noticed(Lie::OneSeen);
}

/// What a client does wrong as it comes back, or the model takes for true: that has to be found out, or agreement proves
/// nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lie {
    None,
    MissesVanished,
    MissesChanges,
    /// A program hears nothing of what happened while the mailbox was taken from it.
    ProgramMissesMeanwhile,
    /// All are shown the same `\Seen`, however it is kept.
    OneSeen,
}

/// One of several.
fn one<'a, T>(random: &mut Random, of: &'a [T]) -> &'a T {
    &of[random.below(of.len())]
}

struct Story<'h> {
    house: &'h House,
    random: Random,
    lie: Lie,
    address: String,
    seen: Seen,
    keepers: Vec<Keeper>,
    /// Is the mailbox taken from them, and given back?
    takes: bool,
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
        let seen = *one(&mut random, &[Seen::Shared, Seen::Personal, Seen::Both]);
        house.set_seen(&address, seen).await;
        let (program, takes) = (random.below(PEOPLE.len() * 3), random.below(2) == 0);
        let mut keepers = Vec::new();
        for (place, (person, letters)) in PEOPLE.into_iter().enumerate() {
            keepers.push(match place == program {
                true => Keeper::program(house, &address, &mut random).await,
                false => Keeper::delegate(house, &address, person, letters).await,
            });
        }
        Self { house, random, lie, address, seen, keepers, takes, leaving: Vec::new(), told: Vec::new() }
    }

    async fn tell(mut self) -> Result<(), String> {
        let done = self.acts().await;
        done.map_err(|error| format!("{error}\n{}", self.told.join("\n")))
    }

    async fn acts(&mut self) -> Result<(), String> {
        for _ in 0..ACTS {
            match self.random.below(13) {
                0 | 1 => self.deliver().await,
                2 if self.random.below(4) == 0 => self.change_seen().await,
                3 if self.takes => self.change_rights().await,
                _ => self.act().await?,
            }
            if let Some(amiss) = self.keepers.iter().find_map(|keeper| keeper.copy.amiss.clone()) {
                return Err(amiss);
            }
        }
        // Whatever was under way is done, or it would be between a copy's last word and the look at the mailbox.
        for mut client in std::mem::take(&mut self.leaving) {
            client.closed().await;
        }
        let mut views = Vec::new();
        for place in 0..self.keepers.len() {
            views.push(self.check(place).await?);
        }
        self.agree(&views)
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
        self.seen = seen;
    }

    /// Somebody says something, or is cut off.
    async fn act(&mut self) -> Result<(), String> {
        let place = self.random.below(self.keepers.len());
        if self.keepers[place].taken.is_some() || self.keepers[place].is_ended {
            return self.act_without(place).await;
        }
        if self.keepers[place].client.is_none() {
            self.come_back(place).await;
            return Ok(());
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
        Ok(())
    }

    /// A command at random: numbers as the client has them, so never one that is not there.
    fn command(&mut self, place: usize) -> String {
        let archive = self.keepers[place].path("Archive");
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
            11 => format!("UID MOVE {uid} {archive}"),
            _ => "NOOP".to_owned(),
        }
    }

    /// Says a command and hears its replies.
    async fn say(&mut self, place: usize, command: &str) {
        self.told.push(format!("{}: {command}", self.keepers[place].who.name()));
        let keeper = &mut self.keepers[place];
        let Some(client) = &mut keeper.client else { return };
        keeper.copy.silent = silent_store(command);
        let answer = client.command(command).await;
        assert!(!answer.status.starts_with("BAD"), "{command}: {}", answer.status);
        keeper.copy.hear_answer(&answer);
        keeper.copy.silent = None;
        self.told.extend(heard(&answer));
    }

    /// Listens while mail comes in, until it hears of some.
    async fn idle(&mut self, place: usize) {
        let Some((mut client, tag)) = self.begin_idle(place).await else { return };
        self.deliver().await;
        self.hear_until(place, &mut client, |line| line.ends_with(" EXISTS")).await;
        let answer = client.done(&tag).await;
        self.told.extend(heard(&answer));
        let keeper = &mut self.keepers[place];
        keeper.copy.hear_answer(&answer);
        keeper.client = Some(client);
    }

    /// IDLE, where somebody is there and has a mailbox; answers its tag.
    async fn begin_idle(&mut self, place: usize) -> Option<(ImapClient, String)> {
        let mut client = self.keepers[place].client.take()?;
        self.told.push(format!("{}: IDLE", self.keepers[place].who.name()));
        let tag = client.next_tag();
        client.send(format!("{tag} IDLE\r\n").as_bytes()).await;
        // What was news before comes first.
        self.hear_until(place, &mut client, |line| line.starts_with('+')).await;
        Some((client, tag))
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
        self.told.push(format!("{} is cut off {half}", self.keepers[place].who.name()));
        let keeper = &mut self.keepers[place];
        if let Some(mut client) = keeper.client.take().filter(|_| !half.is_empty()) {
            client.send(format!("x {half}\r\ny LOGOUT\r\n").as_bytes()).await;
            self.leaving.push(client);
        }
        keeper.copy.lose_numbers();
    }

    /// Comes back with the copy, or comes for the first time.
    async fn come_back(&mut self, place: usize) {
        let mut client = match self.keepers[place].spare.take() {
            Some(client) => client,
            None => {
                let mut client = self.keepers[place].sign_in(self.house).await;
                client.ok("ENABLE QRESYNC", "QRESYNC").await;
                client
            }
        };
        let copy = &self.keepers[place].copy;
        let since = match copy.validity {
            0 => String::new(),
            // With the UIDs that it knows, or without.
            validity => match (copy.uids().max(), self.random.below(2)) {
                (Some(last), 0) => format!(" (QRESYNC ({validity} {} 1:{last}))", copy.highest),
                _ => format!(" (QRESYNC ({validity} {}))", copy.highest),
            },
        };
        self.told.push(format!("{} comes back{since}", self.keepers[place].who.name()));
        let answer = client.command(&format!("SELECT {}{since}", self.keepers[place].path("INBOX"))).await;
        assert!(answer.status.starts_with("OK"), "{}", answer.status);
        self.told.extend(heard(&answer));
        let keeper = &mut self.keepers[place];
        keeper.client = Some(client);
        // Its numbers are known once it is known what is gone, so that is heard first.
        let (gone, other): (Vec<_>, Vec<_>) =
            answer.lines().into_iter().partition(|line| line.starts_with("* VANISHED (EARLIER)"));
        let was_out = std::mem::take(&mut keeper.was_out) && keeper.is_program();
        let is_heard = |line: &&String| match self.lie {
            Lie::None | Lie::OneSeen => true,
            Lie::ProgramMissesMeanwhile => !was_out,
            Lie::MissesVanished => !line.contains("VANISHED"),
            Lie::MissesChanges => !line.contains("FETCH"),
        };
        gone.iter().chain(&other).filter(is_heard).for_each(|line| keeper.copy.hear(line));
        self.learn(place).await;
    }

    /// Hears what is new, and compares the copy with what somebody sees who comes for the first time.
    async fn check(&mut self, place: usize) -> Result<View, String> {
        if self.keepers[place].is_ended {
            self.act_without(place).await?;
        }
        if self.keepers[place].taken.is_some() {
            self.give_back(place).await;
        }
        if self.keepers[place].client.is_none() {
            self.come_back(place).await;
        }
        self.say(place, "NOOP").await;
        self.learn(place).await;
        let keeper = &mut self.keepers[place];
        let mut fresh = keeper.sign_in(self.house).await;
        fresh.ok(&format!("EXAMINE {} (CONDSTORE)", keeper.path("INBOX")), "EXISTS").await;
        let answer = fresh.ok("UID FETCH 1:* (FLAGS MODSEQ)", "").await;
        let seen: View = answer.lines().iter().filter_map(|line| Known::shown(line)).collect();
        let list = &keeper.copy.list;
        let kept: View =
            list.iter().enumerate().filter_map(|(place, known)| Some((place + 1, known.clone()?))).collect();
        if seen == kept && kept.len() == list.len() {
            return Ok(seen);
        }
        let only = |one: &View, other: &View| {
            one.iter()
                .filter(|(number, known)| other.get(number) != Some(known))
                .map(|(number, known)| format!("{number} {known:?}"))
                .collect::<Vec<_>>()
        };
        let (name, count, kept_only, seen_only) =
            (keeper.who.name(), list.len(), only(&kept, &seen), only(&seen, &kept));
        Err(format!("{name} keeps {count}\nkept {kept_only:#?}\nthere {seen_only:#?}"))
    }

    /// Whoever looks sees the same messages with the same flags, but for what is each one's own.
    fn agree(&self, views: &[View]) -> Result<(), String> {
        let of_all = |place: usize| -> Vec<Known> {
            let is_program = self.keepers[place].is_program();
            views[place].values().map(|known| self.of_all(known, is_program)).collect()
        };
        let first = of_all(0);
        match (1..views.len()).find(|place| of_all(*place) != first) {
            None => Ok(()),
            Some(place) => {
                let names = [0, place].map(|place| self.keepers[place].who.name());
                Err(format!("\\Seen is {}; {names:?} see {first:#?} and {:#?}", self.seen.as_str(), of_all(place)))
            }
        }
    }

    /// What does not depend on who looks. A program is shown the `\Seen` of all, and `SeenByTeam` tells people of it.
    fn of_all(&self, known: &Known, is_program: bool) -> Known {
        let mut flags = known.flags.clone();
        let kept = if self.lie == Lie::OneSeen { Seen::Shared } else { self.seen };
        if kept != Seen::Shared {
            let (own, of_team) = (flags.remove("\\Seen"), flags.remove(Seen::TEAM));
            let is_seen = if is_program { own } else { of_team };
            if kept == Seen::Both && is_seen {
                flags.insert("\\Seen".to_owned());
            }
        }
        Known { uid: known.uid, flags, modseq: 0 }
    }
}
