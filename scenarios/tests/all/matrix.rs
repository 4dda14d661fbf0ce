//! `crates/access/matrix.txt` equals the running server.
//!
//! Each row of the file is built in a running house (the grants are really given, through a
//! group, on one mailbox, with an end in the past), and cells chosen at random are tried: over
//! IMAP where mail has a wire, by the use cases that REST calls for duties. What the server says
//! must be the word of the file, the letter of a refusal included, and what it did must be seen
//! by a second session. Grants change between cells under open sessions, so no answer can come
//! from what a session remembers. Beside that the gate is asked directly about further cells,
//! those without a wire among them.
//!
//! Left out, with the reason:
//! - `post`, `export`: nothing in the house does them yet.
//! - Tables of accounts that are suspended: nothing sets that yet.
//!
//! Asked of the gate alone: credentials, whose wire `scope_model` has; and what has no wire:
//! jobs and the operator in mailboxes; people who are suspended (whom sign-in refuses); changing, removing and moving messages
//! where the mailbox itself can not be selected (RFC 9051 section 6.3.2 asks for `r`); mailboxes
//! of an account that is removed, where nobody could prepare anything (`shared::removal` tells
//! what people meet then).
//!
//! `POSTERN_SEED` repeats one choice of cells; `POSTERN_MATRIX_TIMES=10` tries all of them.

mod cells;
mod credentials;
mod gate;
mod mail;
mod rows;

use crate::people::{address, as_person};
use cells::{Cell, Word, tables};
use postern_app::{Caller, GrantTerms, Peer, TokenRole, TokenWish};
use postern_testkit::power::Random;
use postern_testkit::{House, ImapClient, PASSWORD, scenario};
use postern_types::{DisplayName, Secret};
use rows::{Place, Row, Who};
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

/// Cells tried by a wire.
const BY_WIRE: usize = 500;
/// Cells asked of the gate besides.
const BY_GATE: usize = 250;

const ROLES: [TokenRole; 3] = [TokenRole::Admin, TokenRole::Owner, TokenRole::Auditor];

const PEOPLE: [&str; 7] = ["alice", "bob", "dave", "keeper", "frank", "grace", "zoe"];

/// The people of the rows, signed in before anybody is suspended.
struct Scene {
    house: House,
    bob: ImapClient,
    admin: ImapClient,
    alice: ImapClient,
    /// Holds everything in the shared account: prepares, looks, and puts things back.
    keeper: ImapClient,
    /// The same in Alice's own account, which is hers.
    alice_keeper: ImapClient,
    callers: Vec<(Who, Caller)>,
    /// The same people, who came with a token of theirs.
    bearers: Vec<(Who, TokenRole, Caller)>,
    /// The credential of the row that is arranged, and how many there were.
    credential: Option<Caller>,
    credentials: usize,
}

/// Somebody with each kind of token, made as REST makes them.
async fn bearers_of(house: &House, who: &Who, email: &str) -> Vec<(Who, TokenRole, Caller)> {
    let (app, peer) = (house.app(), Peer { address: None, encrypted: true });
    let login = app.login(&address(email), Secret::new(PASSWORD), peer.clone()).await.expect("a login");
    let signed_in = app.bearer(&login.token, &peer).await.expect("a bearer");
    let mut bearers = vec![(who.clone(), TokenRole::Login, signed_in.clone())];
    for role in ROLES {
        let wish = TokenWish { name: DisplayName::parse(role.name()).expect("a name"), role, expires: None };
        let made = app.make_token(&signed_in, wish).await.expect("a token");
        bearers.push((who.clone(), role, app.bearer(&made.token, &peer).await.expect("a bearer")));
    }
    bearers
}

impl Scene {
    async fn new(house: House) -> Self {
        for person in PEOPLE {
            house.person(&format!("{person}@example.org")).await;
        }
        house.shared("support@example.org").await;
        house.shared("gone@example.org").await;
        house.shared(credentials::OTHER).await;
        house.grant("support@example.org", "keeper@example.org", "lrswipkxtea").await;
        let members = [address("bob@example.org")];
        let team = (address("team@example.org"), postern_types::DisplayName::default());
        house.app().add_group(house.operator(), &team.0, &team.1, &members).await.expect("a group");
        let mut callers = vec![(Who::Operator, house.operator().clone())];
        for (who, email) in [
            (Who::Bob, "bob@example.org"),
            (Who::Dave, "dave@example.org"),
            (Who::Admin, "admin@example.org"),
            (Who::AdminSuspended, "admin@example.org"),
            (Who::Alice, "alice@example.org"),
            (Who::AliceSuspended, "alice@example.org"),
        ] {
            callers.push((who, as_person(&house, email).await));
        }
        let mut bearers = Vec::new();
        for (who, email) in
            [(Who::Bob, "bob@example.org"), (Who::Admin, "admin@example.org"), (Who::Alice, "alice@example.org")]
        {
            bearers.extend(bearers_of(&house, &who, email).await);
        }
        let mut scene = Self {
            bob: house.imap_as("bob@example.org").await,
            admin: house.imap_as("admin@example.org").await,
            alice: house.imap_as("alice@example.org").await,
            keeper: house.imap_as("keeper@example.org").await,
            alice_keeper: house.imap_as("alice@example.org").await,
            callers,
            bearers,
            credential: None,
            credentials: 0,
            house,
        };
        for client in [&mut scene.bob, &mut scene.admin, &mut scene.alice] {
            client.ok("CREATE Taken", "").await;
        }
        scene.suspend("dave@example.org").await;
        scene
    }

    async fn suspend(&self, email: &str) {
        self.house.app().suspend_person(self.house.operator(), &address(email), true).await.expect("suspended");
    }

    /// Whoever tries a cell: with the token that its row names, if it names one.
    fn caller_of(&self, who: &Who, cell: &Cell) -> Caller {
        let Some(token) = cell.token else { return self.caller(who) };
        let held = self.bearers.iter().find(|(known, role, _)| known == who && *role == token);
        held.unwrap_or_else(|| panic!("{who:?} has no token of role {token}")).2.clone()
    }

    fn caller(&self, who: &Who) -> Caller {
        if *who == Who::Credential {
            return self.credential.clone().expect("it is arranged");
        }
        match self.callers.iter().find(|(known, _)| known == who) {
            Some((_, caller)) => caller.clone(),
            None => rows::job(who),
        }
    }

    /// Gives what the row holds, and nothing else, to everyone it could be about.
    async fn arrange(&mut self, place: Place, row: &Row) {
        let Some(account) = place.account() else {
            self.arrange_credential(place, row).await;
            return;
        };
        if place == Place::Removed {
            // That it is in use already is well, too.
            let _ = self.house.app().restore_shared(self.house.operator(), &address(account)).await;
        }
        if place != Place::Own {
            self.house.set_delete_protection(account, place == Place::Protected).await;
        }
        let giver = match place {
            Place::Own => self.caller(&Who::Alice),
            _ => self.house.operator().clone(),
        };
        for grantee in ["bob", "dave", "admin", "team"] {
            let grantee = address(&format!("{grantee}@example.org"));
            // Nothing to take back is well, too.
            let _ = self.house.app().take_back(self.house.operator(), &address(account), &grantee, None).await;
        }
        let has_ended = row.label == rows::ENDED;
        for (grantee, terms) in &row.grants {
            let soon = has_ended.then(|| self.house.app().now().plus_ms(10 * 60 * 1000));
            let terms = GrantTerms { not_after: soon, ..terms.clone() };
            let given = self.house.app().give(&giver, &address(account), &address(grantee), terms).await;
            given.unwrap_or_else(|error| panic!("{}: {error}", row.label));
        }
        if has_ended {
            self.house.pass_minutes(11);
        }
        self.arrange_credential(place, row).await;
        if place == Place::Removed {
            self.house.app().remove_shared(self.house.operator(), &address(account)).await.expect("removed");
        }
    }

    async fn arrange_credential(&mut self, place: Place, row: &Row) {
        if row.who == Who::Credential {
            self.credentials += 1;
            self.credential = Some(credentials::arrange(&self.house, place, &row.label, self.credentials).await);
        }
    }

    /// What the running house says to this cell.
    async fn answer(&mut self, cell: &Cell, row: &Row) -> Word {
        let caller = self.caller_of(&row.who, cell);
        if cell.is_duty() {
            return gate::by_use_case(&self.house, &caller, cell).await;
        }
        let own = cell.place == Place::Own;
        let keeper = if own { &mut self.alice_keeper } else { &mut self.keeper };
        let (client, prefix) = match row.who {
            Who::Bob => (&mut self.bob, cell.place.shared_prefix()),
            Who::Admin => (&mut self.admin, cell.place.shared_prefix()),
            Who::Alice if own => (&mut self.alice, String::new()),
            _ => unreachable!("{} has no wire", row.label),
        };
        let keeper_prefix = if own { String::new() } else { cell.place.shared_prefix() };
        let mailbox = cell.place.mailbox();
        mail::attempt(client, &format!("{prefix}{mailbox}"), keeper, &format!("{keeper_prefix}{mailbox}"), &cell.column)
            .await
    }
}

/// `POSTERN_SEED`, or a new one; told either way, for whoever repeats a failure.
#[expect(clippy::print_stdout, reason = "a failed test shows what it said")]
fn seed() -> u64 {
    let given = std::env::var("POSTERN_SEED").ok();
    let seed = given.map_or_else(|| RandomState::new().hash_one(0), |text| text.parse().expect("a seed is a number"));
    println!("POSTERN_SEED={seed}");
    seed
}

/// `POSTERN_MATRIX_TIMES` tries so many times more cells; ten are all of them.
fn times_more() -> usize {
    std::env::var("POSTERN_MATRIX_TIMES").map_or(1, |text| text.parse().expect("a number"))
}

/// A part of these, at random.
fn chosen<'a>(random: &mut Random, mut cells: Vec<&'a Cell>, most: usize) -> Vec<&'a Cell> {
    let mut chosen = Vec::new();
    while !cells.is_empty() && chosen.len() < most {
        chosen.push(cells.swap_remove(random.below(cells.len())));
    }
    chosen
}

scenario! {
    /// What the file promises is what people meet.
    async fn the_matrix_equals_the_running_server(house: House) {
        let seed = seed();
        let mut random = Random::new(seed);
        let all = tables();
        let (wired, others): (Vec<&Cell>, Vec<&Cell>) = all.iter().partition(|cell| cell.has_wire());
        let by_gate: Vec<&Cell> = others.into_iter().filter(|cell| gate::knows(cell)).collect();
        assert!(wired.len() > BY_WIRE && by_gate.len() > BY_GATE, "{} and {} cells", wired.len(), by_gate.len());
        let times = times_more();
        let mut cells = chosen(&mut random, wired, BY_WIRE * times);
        cells.extend(chosen(&mut random, by_gate, BY_GATE * times));
        // Each row is arranged once. Whoever is still to be suspended comes last.
        cells.sort_by_key(|cell| (rows::row(cell).who.is_suspended_late(), cell.row_key()));

        let mut scene = Scene::new(house).await;
        let mut arranged = None;
        for cell in cells {
            let row = rows::row(cell);
            if arranged.as_ref() != Some(&cell.row_key()) {
                scene.arrange(cell.place, &row).await;
                match row.who {
                    Who::AdminSuspended => scene.suspend("admin@example.org").await,
                    Who::AliceSuspended => scene.suspend("alice@example.org").await,
                    _ => {}
                }
                arranged = Some(cell.row_key());
            }
            let token = cell.token.map(|role| format!(", token {role}")).unwrap_or_default();
            let what = format!("POSTERN_SEED={seed}: {}: {}{token}: {}", cell.table, cell.row, cell.column);
            if cell.has_wire() {
                let answer = scene.answer(cell, &row).await;
                assert!(cell.is_told_as(&answer), "{what}, by wire: {answer:?} for {:?}", cell.word);
            }
            if gate::knows(cell) {
                assert_eq!(gate::asked(&scene.house, &scene.caller_of(&row.who, cell), cell).await, cell.word, "{what}, at the gate");
            }
        }
    }
}
