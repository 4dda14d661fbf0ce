//! One seed: three who have one mailbox open, what they do in it, and what happens to it meanwhile.

use super::commands::{Act, Choice, Command, Kind};
use super::copy::{Kept, Known, heard};
use super::judge::{Heard, kinds_of_news, outcome};
use super::keeper::Keeper;
use super::lies::Lie;
use super::model::{Flags, Model};
use postern_testkit::power::Random;
use postern_testkit::{House, ImapClient};
use postern_types::Seen;
use std::collections::BTreeMap;

/// Who they are, and what they may do at first: all, enough to work, and one of several kinds of less.
pub const PEOPLE: [&str; 3] = ["alice@example.org", "bob@example.org", "carol@example.org"];
const LETTERS: [&[&str]; 3] =
    [&["lrswipkxte"], &["lrsw", "lrswi", "lrswite"], &["lr", "lrs", "lrw", "lrwt", "lrwe", "lrsite"]];
/// Acts of one seed.
const ACTS: usize = 60;
const WAYS_OF_SEEN: [Seen; 3] = [Seen::Shared, Seen::Personal, Seen::Both];

/// How often what was done, and how it went.
pub type Counts = BTreeMap<String, usize>;

pub struct Story<'h> {
    pub(super) house: &'h House,
    pub(super) random: Random,
    pub(super) lie: Lie,
    address: String,
    pub(super) model: Model,
    pub(super) keepers: Vec<Keeper>,
    /// Is the mailbox taken from them, and given back?
    takes: bool,
    /// What was done, for who reads of a failure.
    pub(super) told: Vec<String>,
    counts: Counts,
}

impl<'h> Story<'h> {
    pub async fn run(house: &'h House, seed: u64, lie: Lie) -> Result<Counts, String> {
        let mut story = Self::begin(house, seed, lie).await;
        let done = story.acts().await;
        done.map_err(|error| format!("{error}\n{}", story.told.join("\n")))?;
        Ok(story.counts)
    }

    async fn begin(house: &'h House, seed: u64, lie: Lie) -> Self {
        let address = format!("box-{seed}@example.org");
        let mut random = Random::new(seed);
        house.shared(&address).await;
        let seen = *random.pick(&WAYS_OF_SEEN);
        house.set_seen(&address, seen).await;
        let (program, takes) = (random.below(PEOPLE.len() * 3), random.below(2) == 0);
        let mut keepers = Vec::new();
        for (place, (person, letters)) in PEOPLE.into_iter().zip(LETTERS).enumerate() {
            let letters = *random.pick(letters);
            keepers.push(match place == program {
                true => Keeper::program(house, &address, &mut random).await,
                false => Keeper::delegate(house, &address, (person, letters), &mut random).await,
            });
        }
        let told = keepers.iter().map(|keeper| format!("{:?} {:?} {}", keeper.who, keeper.kind, keeper.rev2)).collect();
        let model = Model::new(lie, seen, PEOPLE.len());
        Self { house, random, lie, address, model, keepers, takes, told, counts: Counts::new() }
    }

    async fn acts(&mut self) -> Result<(), String> {
        for _ in 0..ACTS {
            match self.random.below(13) {
                0 | 1 => drop(self.deliver().await),
                2 if self.random.below(4) == 0 => self.change_seen().await,
                3 if self.takes => self.change_rights().await?,
                _ => self.act().await?,
            }
            if let Some(amiss) = self.keepers.iter().find_map(|keeper| keeper.copy.amiss.clone()) {
                return Err(amiss);
            }
        }
        for place in 0..self.keepers.len() {
            self.check(place).await?;
        }
        Ok(())
    }

    pub(super) fn count(&mut self, what: impl Into<String>) {
        *self.counts.entry(what.into()).or_default() += 1;
    }

    /// Mail comes in; answers how many.
    async fn deliver(&mut self) -> usize {
        let count = 1 + self.random.below(3);
        self.told.push(format!("{count} come in"));
        for _ in 0..count {
            self.house.deliver(&self.address, "From: a@example.net\r\nSubject: A letter\r\n\r\nHello.\r\n").await;
            self.model.deliver();
        }
        count
    }

    async fn change_seen(&mut self) {
        let seen = *self.random.pick(&WAYS_OF_SEEN);
        self.told.push(format!("\\Seen is {}", seen.as_str()));
        self.house.set_seen(&self.address, seen).await;
        self.model.keep_seen(seen);
    }

    /// Somebody says something, or is cut off.
    async fn act(&mut self) -> Result<(), String> {
        let place = self.random.below(self.keepers.len());
        if self.keepers[place].taken.is_some() || self.keepers[place].is_ended {
            return self.act_without(place).await;
        }
        if self.keepers[place].client.is_none() {
            return self.come_back(place).await;
        }
        match self.random.below(20) {
            0 | 1 => self.cut(place).await,
            2 | 3 => return self.learn(place).await,
            4 => return self.idle(place).await,
            _ => {
                let command = self.command(place);
                return self.say(place, command).await;
            }
        }
        Ok(())
    }

    /// A command at random; where nothing is selected it is any that needs no message.
    pub(super) fn command(&mut self, place: usize) -> Command {
        let keeper = &self.keepers[place];
        let Some(session) = self.model.session(place) else { return Command::noop() };
        let choice = Choice {
            random: &mut self.random,
            session,
            timeline: &self.model.timeline,
            kind: keeper.kind,
            highest: keeper.copy.highest,
            archive: keeper.path("Archive"),
            inbox: keeper.path("INBOX"),
        };
        choice.any()
    }

    /// Says a command and hears its replies.
    pub(super) async fn say(&mut self, place: usize, command: Command) -> Result<(), String> {
        let Some(mut client) = self.keepers[place].client.take() else { return Ok(()) };
        let viewer = self.keepers[place].viewer(place);
        let (sent, before) = (self.lie.sent(&self.model, place, &command), self.model.list(place));
        let expected = self.model.run(place, &viewer, &command);
        let news = self.model.tell(place, &viewer, command.holds_expunges());
        self.told.push(format!("{}: {sent}", self.keepers[place].who.name()));
        let answer = self.lie.heard(&command, client.command(&sent).await);
        self.told.extend(heard(&answer));
        let keeper = &mut self.keepers[place];
        keeper.client = Some(client);
        if let Act::Store(store) = &command.act {
            keeper.copy.store(store);
        }
        keeper.copy.hear_answer(&answer);
        let (lines, status, kind) = (answer.lines(), answer.status, keeper.kind);
        kinds_of_news(&lines).for_each(|kind| self.count(kind));
        self.count(outcome(&command.act, &status));
        if let Some(code) = ["MODIFIED", "EXPUNGEISSUED"].into_iter().find(|code| status.contains(code)) {
            self.count(code);
        }
        let heard = Heard { place, viewer: &viewer, kind, before, lines, status, news };
        heard.judge(&mut self.model, &command, &expected)?;
        self.agrees(place)
    }

    /// Listens while mail comes in, until it hears of it, or while somebody else does something.
    async fn idle(&mut self, place: usize) -> Result<(), String> {
        let (mut client, tag) = self.begin_idle(place).await?;
        let (before, mut lines) = (self.model.list(place), Vec::new());
        let others = (0..self.keepers.len()).filter(|other| *other != place && self.keepers[*other].is_there());
        let others: Vec<usize> = others.collect();
        if others.is_empty() || self.random.below(2) == 0 {
            self.deliver().await;
            while !lines.last().is_some_and(|line: &String| line.ends_with(" EXISTS")) {
                lines.push(String::from_utf8_lossy(&client.response().await).into_owned());
            }
        } else {
            let other = *self.random.pick(&others);
            let command = self.command(other);
            self.say(other, command).await?;
        }
        let answer = client.done(&tag).await;
        lines.extend(answer.lines());
        self.keepers[place].client = Some(client);
        self.count("idle, done");
        self.hear(place, before, lines)
    }

    /// IDLE, for somebody who has the mailbox selected; answers its tag.
    pub(super) async fn begin_idle(&mut self, place: usize) -> Result<(ImapClient, String), String> {
        let mut client = self.keepers[place].client.take().ok_or("nobody is there")?;
        self.told.push(format!("{}: IDLE", self.keepers[place].who.name()));
        let (before, mut lines, tag) = (self.model.list(place), Vec::new(), client.next_tag());
        client.send(format!("{tag} IDLE\r\n").as_bytes()).await;
        // What was news before comes first.
        while !lines.last().is_some_and(|line: &String| line.starts_with('+')) {
            lines.push(String::from_utf8_lossy(&client.response().await).into_owned());
        }
        self.hear(place, before, lines)?;
        Ok((client, tag))
    }

    /// Hears what nothing was asked about.
    fn hear(&mut self, place: usize, before: Vec<u32>, lines: Vec<String>) -> Result<(), String> {
        let viewer = self.keepers[place].viewer(place);
        let news = self.model.tell(place, &viewer, false);
        self.told.extend(lines.iter().map(|line| format!("    {line}")));
        kinds_of_news(&lines).for_each(|kind| self.count(kind));
        let keeper = &mut self.keepers[place];
        lines.iter().for_each(|line| keeper.copy.hear(line));
        let heard = Heard { place, viewer: &viewer, kind: keeper.kind, before, lines, status: String::new(), news };
        heard.judge_news(&mut self.model)?;
        self.agrees(place)
    }

    /// Asks for what EXISTS alone told.
    async fn learn(&mut self, place: usize) -> Result<(), String> {
        let (known, kind) = (self.keepers[place].copy.last_known(), self.keepers[place].kind);
        let Some(session) = self.model.session(place) else { return Ok(()) };
        let command = Command::learn(known + 1, session, kind);
        self.say(place, command).await
    }

    /// The connection breaks, perhaps after a command whose replies nobody hears.
    async fn cut(&mut self, place: usize) {
        let half = if self.random.below(2) == 0 { Some(self.command(place)) } else { None };
        let text = half.as_ref().map(|half| half.text.as_str()).unwrap_or_default();
        self.told.push(format!("{} is cut off {text}", self.keepers[place].who.name()));
        if let (Some(mut client), Some(half)) = (self.keepers[place].client.take(), &half) {
            client.send(format!("x {text}\r\ny LOGOUT\r\n").as_bytes()).await;
            client.closed().await;
            let viewer = self.keepers[place].viewer(place);
            self.model.run(place, &viewer, half);
        }
        self.model.sessions[place] = None;
        self.keepers[place].copy.lose_numbers();
    }

    /// Comes back with the copy, perhaps with an older one, or comes for the first time.
    async fn come_back(&mut self, place: usize) -> Result<(), String> {
        let old = if self.random.below(4) == 0 { self.keepers[place].saved.pop() } else { None };
        let is_read_only = self.random.below(8) == 0;
        let keeper = &mut self.keepers[place];
        let mut client = keeper.begin(self.house).await;
        keeper.copy = match (keeper.kind, old) {
            (Kind::Resync, Some(old)) => old,
            (Kind::Resync, None) => keeper.copy.clone(),
            // It has nothing to begin with.
            (kind, _) => Kept::new(kind),
        };
        let (copy, last) = (&keeper.copy, keeper.copy.uids().max());
        // With the UIDs that it knows, or without.
        let named: Vec<u32> =
            last.filter(|_| self.random.below(2) == 0).map(|last| (1..=last).collect()).unwrap_or_default();
        let known = if named.is_empty() { String::new() } else { format!(" 1:{}", named.len()) };
        let (parameter, since) = match copy.validity {
            0 => (String::new(), None),
            validity => {
                let since = self.model.timeline.up_to(copy.highest);
                (format!(" (QRESYNC ({validity} {}{known}))", copy.highest), since)
            }
        };
        self.told.push(format!("{} comes back{parameter}", keeper.who.name()));
        let verb = if is_read_only { "EXAMINE" } else { "SELECT" };
        let answer = client.command(&format!("{verb} {}{parameter}", keeper.path("INBOX"))).await;
        self.told.extend(heard(&answer));
        keeper.client = Some(client);
        let viewer = keeper.viewer(place);
        self.model.open(place, &viewer, is_read_only);
        self.hear_what_was_missed(place, &answer.lines());
        let (before, kind, news) = (self.model.list(place), self.keepers[place].kind, Default::default());
        let (lines, status) = (answer.lines(), answer.status);
        kinds_of_news(&lines).for_each(|kind| self.count(kind));
        self.count(format!("{kind:?}"));
        self.count(if self.keepers[place].rev2 { "rev2" } else { "rev1" });
        let heard = Heard { place, viewer: &viewer, kind, before, lines, status, news };
        heard.judge_return(&mut self.model, since, &named)?;
        self.learn(place).await
    }

    /// Numbers are known once it is known what is gone, so that is heard first.
    fn hear_what_was_missed(&mut self, place: usize, lines: &[String]) {
        let keeper = &mut self.keepers[place];
        let (gone, other): (Vec<_>, Vec<_>) = lines.iter().partition(|line| line.starts_with("* VANISHED (EARLIER)"));
        let was_out = std::mem::take(&mut keeper.was_out) && keeper.is_program();
        let is_heard = |line: &&&String| match self.lie {
            Lie::ProgramMissesMeanwhile => !was_out,
            Lie::MissesVanished => !line.contains("VANISHED"),
            Lie::MissesChanges => !line.contains("FETCH"),
            _ => true,
        };
        gone.iter().chain(&other).filter(is_heard).for_each(|line| keeper.copy.hear(line));
    }

    /// The copy that a client keeps is what the model says that it was told, and it does not believe to know more.
    fn agrees(&mut self, place: usize) -> Result<(), String> {
        let keeper = &mut self.keepers[place];
        if let Some(amiss) = &keeper.copy.amiss {
            return Err(amiss.clone());
        }
        let Some(session) = self.model.sessions[place].clone() else { return Ok(()) };
        let (copy, name) = (&keeper.copy, keeper.who.name());
        if copy.list.len() != session.list.len() {
            return Err(format!("{name} keeps {} messages, and was told of {}", copy.list.len(), session.list.len()));
        }
        let there = self.model.inbox.uids();
        for (known, uid) in copy.list.iter().zip(&session.list) {
            let Some(known) = known else { continue };
            let (flags, event) = &session.shown[uid];
            if known.uid != *uid || (there.contains(uid) && known.flags != *flags) {
                return Err(format!("{name} keeps {known:?}, and was told of UID {uid} {flags:?}"));
            }
            if keeper.kind != Kind::Plain && there.contains(uid) {
                self.model
                    .timeline
                    .learn(*event, known.modseq)
                    .map_err(|error| format!("{name}, {known:?}: {error}"))?;
            }
        }
        if keeper.kind != Kind::Plain
            && self.model.timeline.up_to(copy.highest).is_some_and(|up_to| up_to > session.whole)
        {
            return Err(format!("{name} comes back from {}, and was not told of all before", copy.highest));
        }
        if keeper.kind == Kind::Resync && self.random.below(8) == 0 {
            let mut saved = copy.clone();
            saved.lose_numbers();
            keeper.saved.push(saved);
        }
        Ok(())
    }

    /// Hears what is new, and compares the copy with what somebody sees who comes for the first time, and that with the
    /// model.
    async fn check(&mut self, place: usize) -> Result<(), String> {
        if self.keepers[place].is_ended {
            self.act_without(place).await?;
        }
        if self.keepers[place].taken.is_some() {
            self.give_back(place).await;
        }
        if self.keepers[place].client.is_none() {
            self.come_back(place).await?;
        }
        self.say(place, Command::noop()).await?;
        self.learn(place).await?;
        let (keeper, viewer) = (&self.keepers[place], self.keepers[place].viewer(place));
        let mut fresh = keeper.sign_in(self.house).await;
        let seen = view(&mut fresh, &keeper.path("INBOX")).await;
        let kept: Vec<(u32, Flags)> =
            keeper.copy.list.iter().flatten().map(|known| (known.uid, known.flags.clone())).collect();
        let model: Vec<(u32, Flags)> =
            self.model.views(&viewer).into_iter().map(|(uid, (flags, _))| (uid, flags)).collect();
        let name = keeper.who.name();
        let there: Vec<(u32, Flags)> = seen.iter().map(|known| (known.uid, known.flags.clone())).collect();
        let is_known = |known: &&Known| keeper.copy.list.contains(&Some((*known).clone()));
        if kept != there || model != there || (keeper.kind != Kind::Plain && !seen.iter().all(|known| is_known(&known)))
        {
            return Err(format!("{name} keeps {:#?}\nthere {seen:#?}\nin the model {model:#?}", keeper.copy.list));
        }
        if viewer.sees_archive {
            let archived = view(&mut fresh, &keeper.path("Archive")).await;
            let archived: Vec<(u32, Flags)> = archived.into_iter().map(|known| (known.uid, known.flags)).collect();
            let model = self.model.archived(&viewer);
            if archived != model {
                return Err(format!("Archive for {name}: {archived:#?}\nin the model {model:#?}"));
            }
        }
        Ok(())
    }
}

/// What somebody sees who comes for the first time.
async fn view(fresh: &mut ImapClient, mailbox: &str) -> Vec<Known> {
    fresh.ok(&format!("EXAMINE {mailbox} (CONDSTORE)"), "EXISTS").await;
    let answer = fresh.ok("UID FETCH 1:* (FLAGS MODSEQ)", "").await;
    answer.lines().iter().filter_map(|line| Some(Known::shown(line)?.1)).collect()
}
