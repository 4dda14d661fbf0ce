//! What happens in a house at once: mail comes in for several people, sessions append,
//! flag, copy, move and expunge, an operator gives and takes back, logs are folded in.

use super::house::{ALICE, BOB, OpenHouse, SUPPORT, Sessions, address, failed, locator, peer, read, terms};
use super::model::{Act, Letter, Message, Place, Row, State, What};
use postern_app::{AppendRequest, Delivery, FlagChange};
use postern_testkit::power::Random;
use postern_types::{Flags, Uid};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The house with what was in it at first, and the notes of what happened since.
pub struct World {
    pub open: OpenHouse,
    pub sessions: Sessions,
    pub before: State,
    /// Makes letters of this life unlike all others.
    pub mark: String,
    pub acts: Mutex<Vec<Act>>,
}

impl World {
    /// Everything at once; answers when all of it has been answered.
    pub async fn live(self: &Arc<Self>, random: &mut Random) -> Result<(), String> {
        let mut work = tokio::task::JoinSet::new();
        for place in Place::ALL {
            work.spawn(Keeper::new(self, place).keep(random.split()));
        }
        for sender in 0..2 {
            work.spawn(Arc::clone(self).send(sender, random.split()));
        }
        work.spawn(Arc::clone(self).administer(random.split()));
        work.spawn(Arc::clone(self).fold_logs(random.split()));
        while let Some(done) = work.join_next().await {
            done.map_err(failed)??;
        }
        Ok(())
    }

    pub fn position(&self) -> usize {
        self.open.disk.position()
    }

    /// Notes an act that was begun at this position and has just been answered.
    pub fn note(&self, begun: usize, what: What, row: Option<Row>) {
        let act = Act { begun, answered: self.position(), what, row };
        self.acts.lock().unwrap_or_else(PoisonError::into_inner).push(act);
    }

    fn letter(&self, who: &str, number: usize, random: &mut Random) -> Letter {
        let mut text = format!(
            "From: {who}@example.net\r\nSubject: {} {who} {number}\r\nMessage-ID: <{}.{who}.{number}@example.net>\r\n\r\n",
            self.mark, self.mark
        );
        // Some lie beside the rows, some are files, whatever compression makes of them.
        for _ in 0..random.between(0, 40) {
            let line: String = (0..4).map(|_| format!("{:016x}", random.number())).collect();
            text.push_str(&line);
            text.push_str("\r\n");
        }
        Arc::new(text.into_bytes())
    }

    async fn send(self: Arc<Self>, sender: usize, mut random: Random) -> Result<(), String> {
        for number in 0..random.between(2, 5) {
            let letter = self.letter(&format!("sender{sender}"), number, &mut random);
            let mut places = vec![Place::ALICE, Place::BOB, Place::SUPPORT];
            while places.len() > 1 && random.percent(50) {
                places.remove(random.below(places.len()));
            }
            let mut recipients = Vec::new();
            for place in &places {
                recipients.push(self.open.house.recipient(&address(place.owner)).await.map_err(failed)?);
            }
            let begun = self.position();
            let delivery = Delivery::new(letter.to_vec(), 0, recipients, peer(), "lmtp");
            for result in self.open.house.deliver(delivery).await {
                result.map_err(failed)?;
            }
            self.note(begun, What::Delivered { places, letter }, None);
            self.open.clock.advance_ms(900);
        }
        Ok(())
    }

    async fn administer(self: Arc<Self>, mut random: Random) -> Result<(), String> {
        let mut is_delegate = self.before.bob_is_delegate;
        let (support, bob) = (address(SUPPORT), address(BOB));
        for _ in 0..random.between(1, 3) {
            let (house, operator) = (&self.open.house, &self.open.operator);
            let begun = self.position();
            let (action, letters) = if is_delegate {
                house.take_back(operator, &support, &bob, None).await.map_err(failed)?;
                ("grant.revoked", "")
            } else {
                house.give(operator, &support, &bob, terms("lrs")).await.map_err(failed)?;
                ("grant.given", "lrs")
            };
            is_delegate = !is_delegate;
            let mut row = Row::new(action, Place::SUPPORT, letters.to_owned());
            // A grant on the whole account names no mailbox.
            row.mailbox.clear();
            self.note(begun, What::Delegated(is_delegate), Some(row));
        }
        Ok(())
    }

    async fn fold_logs(self: Arc<Self>, mut random: Random) -> Result<(), String> {
        for _ in 0..random.below(4) {
            let file = *random.pick(&["postern.db", "bodies.db"]);
            let mode = *random.pick(&["PASSIVE", "FULL", "RESTART", "TRUNCATE"]);
            let disk = self.open.disk.clone();
            tokio::task::spawn_blocking(move || disk.checkpoint(file, mode)).await.map_err(failed)??;
        }
        Ok(())
    }
}

/// One session at work in one mailbox. It flags and removes only what it knows: what was
/// there at first and what it added.
struct Keeper {
    world: Arc<World>,
    place: Place,
    known: BTreeMap<u32, Message>,
    added: usize,
}

impl Keeper {
    fn new(world: &Arc<World>, place: Place) -> Self {
        let known = world.before.mailboxes[&place].messages.clone();
        Self { world: Arc::clone(world), place, known, added: 0 }
    }

    async fn keep(mut self, mut random: Random) -> Result<(), String> {
        for _ in 0..random.between(3, 6) {
            match random.below(100) {
                0..40 => self.append(&mut random).await?,
                40..60 => self.flag(&mut random).await?,
                60..75 => self.expunge(&mut random).await?,
                75..85 => self.show().await?,
                _ if self.place == Place::SUPPORT => self.copy(&mut random).await?,
                _ if self.place == Place::ALICE => self.move_away(&mut random).await?,
                _ => self.show().await?,
            }
            self.world.open.clock.advance_ms(700);
        }
        Ok(())
    }

    fn row(&self, action: &str, detail: String) -> Row {
        Row::new(action, self.place, detail)
    }

    /// One of the messages it knows.
    fn choose(&self, random: &mut Random) -> Option<(u32, Message)> {
        let uids: Vec<u32> = self.known.keys().copied().collect();
        if uids.is_empty() {
            return None;
        }
        let uid = *random.pick(&uids);
        Some((uid, self.known[&uid].clone()))
    }

    async fn append(&mut self, random: &mut Random) -> Result<(), String> {
        let who = format!("{}-{}", self.place.owner.split('@').next().unwrap_or_default(), self.place.name);
        let letter = self.world.letter(&who, self.added, random);
        self.added += 1;
        let flags = *random.pick(&["", "\\Seen", "\\Flagged $Forwarded", "\\Answered \\Seen"]);
        let request = AppendRequest { raw: letter.clone(), flags: parsed(flags), internal_date: None };
        let session = self.world.sessions.of(self.place);
        let begun = self.world.position();
        let appended = self.world.open.house.append(session, &locator(self.place), request).await.map_err(failed)?;
        let uid = appended.uid.get();
        let before = &self.world.before.mailboxes[&self.place];
        if appended.uid_validity != before.validity || u64::from(uid) < before.uid_next {
            return Err(format!(
                "{:?}: UID {uid} of {} was given, after UIDNEXT {} of {}",
                self.place, appended.uid_validity, before.uid_next, before.validity
            ));
        }
        let message = Message { letter, flags: parsed(flags).to_string() };
        self.known.insert(uid, message.clone());
        let what = What::Added { place: self.place, uid, message };
        self.world.note(begun, what, Some(self.row("message.added", format!("uid {uid}"))));
        Ok(())
    }

    async fn flag(&mut self, random: &mut Random) -> Result<(), String> {
        let Some((uid, _)) = self.choose(random) else { return Ok(()) };
        let flag = *random.pick(&["\\Seen", "\\Flagged", "$Forwarded", "\\Answered"]);
        let change = if random.percent(70) { FlagChange::Add } else { FlagChange::Remove };
        self.set(uid, flag, change).await
    }

    async fn set(&mut self, uid: u32, flag: &str, change: FlagChange) -> Result<(), String> {
        let (house, session) = (&self.world.open.house, self.world.sessions.of(self.place));
        let mailbox = self.world.before.mailboxes[&self.place].id;
        let begun = self.world.position();
        let changed =
            house.change_flags(session, mailbox, uids(uid), parsed(flag), change, None).await.map_err(failed)?;
        let now = changed.messages.first().ok_or_else(|| format!("{:?}: UID {uid} is not there", self.place))?;
        let flags = now.flags.to_string();
        let known = self.known.get_mut(&uid).ok_or("a message that nobody knows was flagged")?;
        let sign = if change == FlagChange::Add { "+" } else { "-" };
        let changed = known.flags != flags;
        known.flags.clone_from(&flags);
        let row = changed.then(|| self.row("flags.changed", format!("{sign}({flag}) uid {uid}")));
        self.world.note(begun, What::Flagged { place: self.place, uid, flags }, row);
        Ok(())
    }

    async fn expunge(&mut self, random: &mut Random) -> Result<(), String> {
        let Some((uid, _)) = self.choose(random) else { return Ok(()) };
        self.set(uid, "\\Deleted", FlagChange::Add).await?;
        let (house, session) = (&self.world.open.house, self.world.sessions.of(self.place));
        let mailbox = self.world.before.mailboxes[&self.place].id;
        let begun = self.world.position();
        let expunged = house.expunge(session, mailbox, Some(uids(uid))).await.map_err(failed)?;
        if expunged.first().map(|uid| uid.get()) != Some(uid) {
            return Err(format!("{:?}: UID {uid} was not expunged", self.place));
        }
        self.known.remove(&uid);
        let row = self.row("message.expunged", format!("uid {uid}"));
        self.world.note(begun, What::Expunged { place: self.place, uid }, Some(row));
        Ok(())
    }

    async fn show(&mut self) -> Result<(), String> {
        let begun = self.world.position();
        let shown = read(&self.world.open.house, self.world.sessions.of(self.place), self.place).await?;
        let letters = shown.messages.into_iter().map(|(uid, message)| (uid, message.letter)).collect();
        self.world.note(begun, What::Shown { place: self.place, letters }, None);
        Ok(())
    }

    /// From the shared account into Alice's own: a body that is a file gets a second one.
    async fn copy(&mut self, random: &mut Random) -> Result<(), String> {
        let Some((uid, message)) = self.choose(random) else { return Ok(()) };
        let (house, session) = (&self.world.open.house, self.world.sessions.of(self.place));
        let source = self.world.before.mailboxes[&self.place].id;
        let begun = self.world.position();
        let copied = house.copy(session, source, uids(uid), &locator(Place::ARCHIVE)).await.map_err(failed)?;
        let new_uid = target(&copied.uids)?;
        let row = Row::new("message.copied", Place::ARCHIVE, format!("mailbox {source} uid {uid} to uid {new_uid}"));
        self.world.note(begun, What::Added { place: Place::ARCHIVE, uid: new_uid, message }, Some(row));
        Ok(())
    }

    async fn move_away(&mut self, random: &mut Random) -> Result<(), String> {
        let Some((uid, message)) = self.choose(random) else { return Ok(()) };
        let (house, session) = (&self.world.open.house, self.world.sessions.of(self.place));
        let (source, to) = (self.world.before.mailboxes[&self.place].id, Place::ARCHIVE);
        let begun = self.world.position();
        let moved = house.move_messages(session, source, uids(uid), &locator(to)).await.map_err(failed)?;
        let new_uid = target(&moved.done.uids)?;
        self.known.remove(&uid);
        let row = Row::new("message.moved", to, format!("mailbox {source} uid {uid} to uid {new_uid}"));
        self.world.note(begun, What::Moved { from: self.place, uid, to, new_uid, message }, Some(row));
        Ok(())
    }
}

fn target(uids: &[(Uid, Uid)]) -> Result<u32, String> {
    uids.first().map(|(_, to)| to.get()).ok_or_else(|| "nothing was copied".to_owned())
}

fn uids(uid: u32) -> Arc<[Uid]> {
    Uid::new(uid).into_iter().collect()
}

fn parsed(flags: &str) -> Flags {
    Flags::parse(flags).expect("flags")
}

/// The sign-ins with which every life begins.
pub fn signed_in(world: &World, begun: usize) {
    for person in [ALICE, BOB] {
        let row = Row {
            action: "sign-in.accepted".into(),
            account: person.into(),
            mailbox: String::new(),
            detail: "PLAIN".into(),
        };
        world.note(begun, What::SignedIn, Some(row));
    }
}
