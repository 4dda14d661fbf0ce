//! Failed sign-ins are counted, and good ones keep working (docs/decisions/0024-throttle.md). Every
//! address in 127.0.0.0/8 is a stranger here.

use crate::direct::{issue, wish};
use postern_app::{AuditQuery, AuditRow, Purpose, how_and_reason};
use postern_testkit::{Engine, House, ImapClient, PASSWORD};
use postern_types::Secret;

const SUPPORT: &str = "support@example.org";

/// What one connection may try before it is closed.
const TRIES: usize = 3;
const REFUSED: &str = "NO [AUTHENTICATIONFAILED] The name or the password is wrong";

/// Runs each story on both engines, in a house that exempts nobody and whose minutes are as long as
/// a story wants.
macro_rules! stories {
    ($($(#[$doc:meta])* $name:ident;)+) => { $(
        $(#[$doc])*
        mod $name {
            use super::*;

            fn run(engine: Engine) {
                let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
                runtime.expect("a runtime").block_on(async {
                    if let Some(house) = House::builder(engine).without_exemption().standing_still().start().await {
                        super::$name(house).await;
                    }
                });
            }

            #[test]
            fn sqlite() {
                run(Engine::Sqlite);
            }

            #[test]
            fn postgres() {
                run(Engine::Postgres);
            }
        }
    )+ };
}

/// One attempt over a connection of its own; answers the status.
async fn attempt(house: &House, source: &str, name: &str, password: &str) -> String {
    let mut client = house.imap_from(source, name).await;
    client.command(&format!("LOGIN {name} \"{password}\"")).await.status
}

async fn signs_in(house: &House, source: &str, name: &str) -> bool {
    attempt(house, source, name, PASSWORD).await.starts_with("OK ")
}

/// Wrong guesses from each source at once, all distinct or all the same: what each was answered.
async fn guess(house: &House, sources: &[String], distinct: bool) -> Vec<String> {
    let mut clients: Vec<ImapClient> = Vec::new();
    for source in sources {
        clients.push(house.imap_from(source, "a guesser").await);
    }
    let mut tasks = tokio::task::JoinSet::new();
    for (number, mut client) in clients.into_iter().enumerate() {
        tasks.spawn(async move {
            let mut answers = Vec::new();
            for turn in 0..TRIES {
                let what = if distinct { number * TRIES + turn } else { 0 };
                answers.push(client.command(&format!("LOGIN guess{what}@example.org \"wrong {what}\"")).await.status);
            }
            answers
        });
    }
    tasks.join_all().await.into_iter().flatten().collect()
}

/// The same address so many times.
fn all_from(source: &str, times: usize) -> Vec<String> {
    vec![source.to_owned(); times]
}

/// The whole trail, newest first.
async fn trail(house: &House) -> Vec<AuditRow> {
    let query = AuditQuery { most: 500, ..AuditQuery::default() };
    house.app().audit(house.operator(), query).await.expect("the trail")
}

async fn rows(house: &House, action: &str) -> Vec<AuditRow> {
    trail(house).await.into_iter().filter(|row| row.action == action).collect()
}

stories! {
    /// A program that repeats one wrong password, from many connections, shuts nobody out.
    a_stuck_client_shuts_no_office;
    /// Whoever guesses is refused without a look, in the same bytes, and with them whoever is new
    /// there. Other networks work, and so does whoever signed in from there before, also after a
    /// restart; and it ends.
    a_spray_shuts_its_own_network;
    /// A hundred rows a minute from one network; the others are one row, also where the house ends.
    a_storm_is_counted_on_the_trail;
    /// Strangers from everywhere, none of them shut, take all that strangers have; who is known
    /// signs in beside them.
    strangers_leave_room_for_those_who_are_known;
    /// A credential's secret is looked at as a password is; one that was taken back is no guess.
    a_tool_s_network_keeps_working;
    /// Asking for one's own password is an attempt like any other, and shuts nobody who is known.
    guessing_the_own_password_counts;
}

async fn a_stuck_client_shuts_no_office(house: House) {
    house.person("bob@example.org").await;
    let answers = guess(&house, &all_from("127.7.0.5", 12), false).await;
    assert!(answers.iter().all(|answer| answer == REFUSED), "{answers:?}");
    assert!(signs_in(&house, "127.7.0.5", "bob@example.org").await, "who was never there before");
    assert!(rows(&house, "sign-in.network-shut").await.is_empty());
}

async fn a_spray_shuts_its_own_network(house: House) {
    for person in ["alice@example.org", "bob@example.org"] {
        house.person(person).await;
    }
    let (office, home) = ("127.8.0.5", "127.9.0.5");
    assert!(signs_in(&house, office, "bob@example.org").await);
    let answers = guess(&house, &all_from(office, 4), true).await;
    assert!(answers.iter().all(|answer| answer == REFUSED), "{answers:?}");

    let refused = attempt(&house, office, "alice@example.org", PASSWORD).await;
    assert_eq!(refused, REFUSED, "the right password from there is refused as a wrong one is");
    assert!(signs_in(&house, home, "alice@example.org").await, "her account is not shut");
    assert!(signs_in(&house, office, "bob@example.org").await, "who signed in from there before does so");
    assert_eq!(attempt(&house, office, "bob@example.org", "wrong").await, REFUSED);
    assert!(signs_in(&house, office, "bob@example.org").await, "and one wrong password changes nothing");

    let shut = rows(&house, "sign-in.network-shut").await;
    assert_eq!(shut.len(), 1);
    assert_eq!((shut[0].personal.as_deref(), shut[0].peer.as_deref()), (Some("127.8.0.5"), Some(office)));
    let failed = rows(&house, "sign-in.failed").await;
    let of_alice = failed.iter().find(|row| row.personal.as_deref() == Some("alice@example.org")).expect("a row");
    assert_eq!(
        how_and_reason(&of_alice.detail).1,
        "too many wrong secrets came from that network, so this one was not looked at"
    );

    // What is known outlives the process; what is counted does not.
    let house = house.restart().await;
    guess(&house, &all_from(office, 4), true).await;
    assert_eq!(attempt(&house, office, "alice@example.org", PASSWORD).await, REFUSED);
    assert!(signs_in(&house, office, "bob@example.org").await);

    house.pass_minutes(15);
    assert!(signs_in(&house, office, "alice@example.org").await, "it ends by itself");
}

async fn a_storm_is_counted_on_the_trail(house: House) {
    let one_network: Vec<String> = (0..44).map(|number| format!("127.20.0.{number}")).collect();
    let elsewhere = all_from("127.30.0.1", 1);
    let tries = guess(&house, &one_network, true).await.len();
    guess(&house, &elsewhere, true).await;
    let single = rows(&house, "sign-in.failed").await;
    let of_network = |row: &&AuditRow| row.peer.as_deref().is_some_and(|peer| peer.starts_with("127.20."));
    assert_eq!((single.len(), single.iter().filter(of_network).count()), (100 + TRIES, 100));
    assert!(rows(&house, "sign-in.failed-often").await.is_empty(), "the minute is not over");

    house.pass_minutes(1);
    house.app().tell_counted_failures(false).await;
    let counted = rows(&house, "sign-in.failed-often").await;
    assert_eq!(counted.len(), 1);
    assert_eq!((counted[0].class.as_str(), counted[0].peer.as_deref()), ("C", Some("127.20.0.0/26")));
    let words: Vec<&str> = counted[0].detail.split(' ').collect();
    let number = |place: usize| words[place].parse::<usize>().expect("a number");
    assert_eq!((number(1), number(7)), (tries - 100, tries - 100), "{words:?}");
    assert!(number(3) <= number(5), "{words:?}");

    // The next minute is counted when the house ends, though nothing else comes.
    guess(&house, &one_network, true).await;
    let house = house.restart().await;
    let counted = rows(&house, "sign-in.failed-often").await;
    assert_eq!(counted.len(), 2);
    assert!(counted[0].detail.starts_with(&format!("count {} first ", tries - 100)), "{}", counted[0].detail);
}

async fn strangers_leave_room_for_those_who_are_known(house: House) {
    house.person("bob@example.org").await;
    assert!(signs_in(&house, "127.40.0.1", "bob@example.org").await);
    let everywhere: Vec<String> = (0..100).map(|number| format!("127.50.{}.1", 8 * (number % 30))).collect();
    let guesses = async {
        for _ in 0..2 {
            let answers = guess(&house, &everywhere, false).await;
            let unavailable = "NO [UNAVAILABLE] The server could not check that now; please try again";
            assert!(answers.iter().all(|answer| answer == REFUSED || answer == unavailable), "{answers:?}");
        }
    };
    let good = async {
        for _ in 0..10 {
            assert!(signs_in(&house, "127.40.0.1", "bob@example.org").await);
        }
    };
    // A secret that no person has waits nowhere, whoever is named: a queue that is full tells nothing
    // of a name.
    let asked = async {
        for number in 0..10 {
            for name in ["bob@example.org", "nobody@example.org", SUPPORT] {
                let secret = format!("ptn1_{}", number % 3);
                assert_eq!(
                    attempt(&house, &format!("127.41.{}.1", 8 * number), name, &secret).await,
                    REFUSED,
                    "{name}"
                );
            }
        }
    };
    tokio::join!(guesses, good, asked);
    assert!(rows(&house, "sign-in.network-shut").await.is_empty());
}

async fn a_tool_s_network_keeps_working(house: House) {
    house.person("alice@example.org").await;
    house.shared(SUPPORT).await;
    let issue = async || issue(&house, wish(Purpose::Backup)).await;
    let text = |secret: &Secret| secret.expose_text().expect("letters").to_owned();
    let (kept, ended) = (issue().await, issue().await);
    let [kept_secret, ended_secret] = [&kept, &ended].map(|issued| text(issued.secret.as_ref().expect("a secret")));
    let (host, elsewhere) = ("127.60.0.1", "127.61.0.1");
    assert!(attempt(&house, host, SUPPORT, &kept_secret).await.starts_with("OK "));

    house.app().revoke_credential(house.operator(), &ended.row.public_id, false).await.expect("revoked");
    for source in [host, elsewhere] {
        assert_eq!(attempt(&house, source, SUPPORT, &ended_secret).await, REFUSED);
    }
    // Nine more are not ten: the one that was taken back is none.
    let answers = guess(&house, &all_from(elsewhere, 3), true).await;
    assert_eq!(answers.len(), 9);
    assert!(attempt(&house, elsewhere, SUPPORT, &kept_secret).await.starts_with("OK "));

    guess(&house, &all_from(host, 4), true).await;
    assert_eq!(rows(&house, "sign-in.network-shut").await.len(), 1);
    assert_eq!(attempt(&house, host, "alice@example.org", PASSWORD).await, REFUSED);
    assert!(attempt(&house, host, SUPPORT, &kept_secret).await.starts_with("OK "), "the tool goes on");
}

async fn guessing_the_own_password_counts(house: House) {
    for person in ["oona@example.org", "carol@example.org"] {
        house.person(person).await;
    }
    let change = |current: &str| format!(r#"{{"current_password":"{current}","password":"another garden gate"}}"#);
    // Ten shut it. Two guesses in a few thousand pairs are one to the house, which keeps twelve bits.
    for number in 0..12 {
        let mut oona = house.rest_as("oona@example.org").await;
        let wrong = oona.ask("PUT", "/api/v1/me/password", Some(&change(&format!("guess {number}")))).await;
        assert_eq!(wrong.status, 422, "{}", wrong.text);
    }
    let stranger = house.rest().await.try_login("carol@example.org", PASSWORD).await;
    assert_eq!((stranger.status, stranger.detail().as_str()), (401, "The name or the password is wrong"));
    let mut oona = house.rest_as("oona@example.org").await;
    let changed = oona.ask("PUT", "/api/v1/me/password", Some(&change(PASSWORD))).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
}
