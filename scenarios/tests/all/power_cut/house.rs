//! A house on a disk whose power can be cut, and everything that can be seen in it.

use super::model::{Letter, Mailbox, Message, Place, Row, State, Trail};
use postern_app::{
    Attempt, AuditQuery, AuditRow, Caller, FetchNeeds, FetchWanted, Fetched, Founder, Gap, GrantReach, GrantTerms,
    House, HouseOptions, KeyRing, Locator, NoVault, Peer, Session, Unreadable,
};
use postern_store::{BlobOptions, Blobs, DatabaseUrl, Db, DbOptions, ManualClock};
use postern_testkit::power::{FakeDisk, Image, Syncs, scratch};
use postern_types::{Address, DisplayName, Domain, Limits, MailboxName, Rights, Secret, SendRights, Timestamp, Uid};
use std::sync::Arc;
use tempfile::TempDir;
use tokio::sync::OnceCell;

const PASSWORD: &str = postern_testkit::PASSWORD;
pub const ALICE: &str = "alice@example.org";
pub const BOB: &str = "bob@example.org";
pub const SUPPORT: &str = "support@example.org";
/// 2026-11-22T12:00:00Z; tests move it on.
const START: Timestamp = Timestamp(1_795_348_800_000);
/// Above this, a stored body is a file of its own: about half of the letters here.
const INLINE_BODY_BYTES: usize = 900;

pub fn address(text: &str) -> Address {
    Address::parse(text).expect("an address")
}

/// What a failure says: the test turns it into a panic with its seed, and the control
/// counts it.
pub fn failed(error: impl std::fmt::Display) -> String {
    error.to_string()
}

pub fn terms(letters: &str) -> GrantTerms {
    let rights = Rights::parse(letters).expect("letters");
    GrantTerms { reach: GrantReach::Account, rights, send: SendRights::NONE, automap: true, not_after: None }
}

/// A house that is open.
pub struct OpenHouse {
    pub house: Arc<House>,
    pub disk: FakeDisk,
    pub clock: Arc<ManualClock>,
    pub operator: Caller,
    _folder: TempDir,
}

impl OpenHouse {
    /// Opens the house that a disk holds.
    pub async fn open(image: &Image, syncs: Syncs) -> Result<Self, String> {
        let folder = scratch().map_err(failed)?;
        image.write(folder.path()).map_err(failed)?;
        let disk = FakeDisk::new(folder.path(), syncs).map_err(failed)?;
        let clock = Arc::new(ManualClock::new(START));
        let options = DbOptions { readers: 2, ..DbOptions::new(disk.root(), DatabaseUrl::Sqlite) };
        let (disk_of_db, clock_of_db) = (disk.clone(), clock.clone());
        let opened = tokio::task::spawn_blocking(move || Db::open(options, Arc::new(disk_of_db), clock_of_db));
        let db = opened.await.map_err(failed)?.map_err(failed)?;
        let limits = Limits { inline_body_bytes: INLINE_BODY_BYTES, ..Limits::default() };
        let blob_options = BlobOptions::new([7; 32], &limits);
        let blobs = Blobs::in_folder(&disk.root().join("blobs"), &blob_options, Arc::new(disk.clone()));
        let house = House::open(HouseOptions {
            db,
            blobs,
            keys: KeyRing::new(Arc::new(NoVault), Vec::new()),
            limits,
            hostname: "mail.example.org".into(),
            plaintext_sign_in: Default::default(),
            password_places: 2,
            exempt_loopback: true,
            node: 1,
        })
        .map_err(failed)?;
        let operator = house.operator(0).map_err(failed)?;
        Ok(Self { house, disk, clock, operator, _folder: folder })
    }

    /// Closes it in good order; what SQLite does then is recorded too.
    pub async fn close(&self) -> Result<(), String> {
        self.house.db().close().await;
        match self.disk.fatal_reason() {
            Some(reason) => Err(format!("the house would have ended its process: {reason}")),
            None => Ok(()),
        }
    }

    /// Makes the organisation and its first admin.
    pub async fn found(&self) -> Result<(), String> {
        let founder = Founder {
            domain: Domain::parse("example.org").expect("a domain"),
            admin: address("admin@example.org"),
            password: Secret::new(PASSWORD),
        };
        self.house.found(&self.operator, founder).await.map_err(failed)
    }

    pub async fn sign_in(&self, person: &str) -> Result<Session, String> {
        let attempt = Attempt {
            username: person.to_owned(),
            secret: Secret::new(PASSWORD),
            peer: peer(),
            protocol: "imap",
            mechanism: "PLAIN",
        };
        self.house.sign_in(attempt).await.map_err(failed)
    }

    /// The whole trail. Asking leaves no row on it.
    pub async fn trail(&self) -> Result<Trail, String> {
        let mut trail = Trail::new();
        let mut before = None;
        loop {
            let query = AuditQuery { before, most: 1000, ..AuditQuery::default() };
            let rows = self.house.audit(&self.operator, query).await.map_err(failed)?;
            let Some(last) = rows.last() else { return Ok(trail) };
            before = Some(last.id.get());
            for row in rows {
                *trail.entry(row_of(row)).or_default() += 1;
            }
        }
    }

    /// Whether Bob holds a grant on the shared account.
    pub async fn bob_is_delegate(&self) -> Result<bool, String> {
        let grants = self.house.grants(&self.operator, &address(SUPPORT)).await.map_err(failed)?;
        Ok(grants.iter().any(|grant| grant.grantee_address == BOB))
    }

    /// Everything: mail as its owners see it, and SQLite's own opinion of its files. The
    /// trail is read first, so that no row of this life is on it.
    pub async fn look(&self) -> Result<(State, Sessions), String> {
        let trail = self.trail().await?;
        let bob_is_delegate = self.bob_is_delegate().await?;
        let sessions = Sessions { alice: self.sign_in(ALICE).await?, bob: self.sign_in(BOB).await? };
        let mut mailboxes = std::collections::BTreeMap::new();
        for place in Place::ALL {
            mailboxes.insert(place, read(&self.house, sessions.of(place), place).await?);
        }
        let amiss = self.house.recount().await.map_err(failed)?;
        if !amiss.is_empty() {
            return Err(format!("the counters are not what the rows say: {amiss:?}"));
        }
        for file in ["postern.db", "bodies.db"] {
            let disk = self.disk.clone();
            tokio::task::spawn_blocking(move || disk.check(file)).await.map_err(failed)??;
        }
        Ok((State { mailboxes, trail, bob_is_delegate }, sessions))
    }
}

/// Who is signed in.
pub struct Sessions {
    pub alice: Session,
    pub bob: Session,
}

impl Sessions {
    /// Whose session a place is kept in.
    pub fn of(&self, place: Place) -> &Session {
        if place.owner == BOB { &self.bob } else { &self.alice }
    }
}

pub fn peer() -> Peer {
    Peer { address: None, encrypted: true }
}

pub fn locator(place: Place) -> Locator {
    let name = MailboxName::parse(place.name).expect("a name");
    if place.owner == SUPPORT { Locator { account: Some(address(SUPPORT)), name } } else { Locator::own(name) }
}

fn row_of(row: AuditRow) -> Row {
    Row {
        action: row.action,
        account: row.account.unwrap_or_default(),
        mailbox: row.mailbox.unwrap_or_default(),
        detail: row.detail,
    }
}

/// Every message of a mailbox with its bytes and flags.
pub async fn read(house: &House, session: &Session, place: Place) -> Result<Mailbox, String> {
    let at = |error| format!("{place:?}: {error}");
    let opened = house.open_mailbox(session, &locator(place), true, true).await.map_err(failed).map_err(at)?;
    let uids: Arc<[Uid]> = opened.snapshot.iter().flat_map(|snapshot| snapshot.uids(0..usize::MAX)).collect();
    if opened.counters.messages != uids.len() as u64 {
        return Err(at(format!("{} messages are counted and {} are there", opened.counters.messages, uids.len())));
    }
    let needs = FetchNeeds { raw: true, formatted: true };
    let wanted = FetchWanted { mailbox: opened.mailbox, uids: Arc::clone(&uids), needs, encode: Arc::new(encode) };
    let (mut bytes, mut done) = (Vec::new(), 0);
    while done < uids.len() {
        let chunk = house.fetch(session, &wanted, done).await;
        let chunk = chunk.map_err(failed).map_err(at)?;
        bytes.extend(chunk.bytes);
        done = chunk.done;
    }
    let messages = decode(&bytes);
    if messages.len() != uids.len() {
        return Err(at(format!("{} messages are listed and {} can be fetched", uids.len(), messages.len())));
    }
    let (validity, uid_next) = (opened.counters.uid_validity, opened.counters.uid_next);
    Ok(Mailbox { id: opened.mailbox, validity, uid_next, messages })
}

fn encode(message: &Fetched<'_>, bytes: &mut Vec<u8>) -> Result<Vec<Gap>, Unreadable> {
    let flags = message.flags.to_string();
    let raw = message.content.whole()?;
    for number in [message.uid.get(), flags.len() as u32, raw.len() as u32] {
        bytes.extend(number.to_be_bytes());
    }
    bytes.extend_from_slice(flags.as_bytes());
    bytes.extend_from_slice(&raw);
    Ok(Vec::new())
}

fn decode(mut bytes: &[u8]) -> std::collections::BTreeMap<u32, Message> {
    let mut messages = std::collections::BTreeMap::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<12>() {
        let number = |at: usize| u32::from_be_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (flags, rest) = rest.split_at(number(4) as usize);
        let (raw, rest) = rest.split_at(number(8) as usize);
        let flags = String::from_utf8_lossy(flags).into_owned();
        messages.insert(number(0), Message { letter: Letter::new(raw.to_vec()), flags });
        bytes = rest;
    }
    messages
}

/// A founded house with its people, closed in good order: where every chain begins.
pub async fn founded() -> &'static Image {
    static FOUNDED: OnceCell<Image> = OnceCell::const_new();
    FOUNDED.get_or_init(|| async { make_founded().await.expect("a house is founded") }).await
}

async fn make_founded() -> Result<Image, String> {
    let open = OpenHouse::open(&Image::default(), Syncs::ALL).await?;
    open.found().await?;
    let (house, operator) = (&open.house, &open.operator);
    for person in [ALICE, BOB] {
        let password = Some(Secret::new(PASSWORD));
        house.add_person(operator, &address(person), &DisplayName::default(), password).await.map_err(failed)?;
    }
    house.add_shared(operator, &address(SUPPORT), &DisplayName::default(), &[], &[]).await.map_err(failed)?;
    house.give(operator, &address(SUPPORT), &address(ALICE), terms("lrswipkxte")).await.map_err(failed)?;
    open.close().await?;
    Image::read(open.disk.root()).map_err(failed)
}
