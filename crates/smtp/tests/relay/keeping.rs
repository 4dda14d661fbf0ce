//! Connections that are kept: how many, how long, and what happens when one was closed meanwhile.

use super::peer::{DONE, Stage, hop, hop_with_login, told};
use postern_app::{Carrier, HopTls};
use postern_smtp::RelayOptions;
use postern_types::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn the_next_parcel_uses_the_same_connection() {
    let mut stage = Stage::new(HopTls::Never);
    let mut server = stage.kept().await;

    // No RSET between finished transactions (RFC 5321 section 4.1.1.4).
    let carried = stage.carry(stage.one());
    server.take_one().await;
    let carried = carried.await.unwrap();
    assert_eq!((carried.outcomes, carried.server.as_deref()), (vec![DONE], Some("mail.example.com")));
    assert_eq!(stage.dials(), 1);
}

/// A route that signs in as somebody else is another hop, though host and port are the same.
#[tokio::test(start_paused = true)]
async fn nobody_uses_a_connection_of_another_login() {
    let mut stage = Stage::new(HopTls::Implicit);
    let mut first = stage.kept().await;

    stage.hop = Arc::new(hop_with_login(HopTls::Implicit));
    let (carried, mut second) = stage.open(stage.one(), &["AUTH PLAIN"]).await;
    second.hear_line("AUTH PLAIN ").await;
    second.say("235 ok\r\n").await;
    second.take_one().await;
    carried.await.unwrap();

    // An equal hop of a configuration that was read again is the same.
    stage.hop = Arc::new(hop(HopTls::Implicit));
    let carried = stage.carry(stage.one());
    first.take_one().await;
    carried.await.unwrap();
    assert_eq!(stage.dials(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed_after_five_seconds() {
    let mut stage = Stage::new(HopTls::Never);
    let mut server = stage.kept().await;
    let since = Instant::now();
    server.hear_goodbye().await;
    let waited = since.elapsed();
    assert!(waited >= Duration::from_secs(5) && waited < Duration::from_secs(6), "{waited:?}");

    // And again for one that is opened afterwards.
    let mut server = stage.kept().await;
    server.hear_goodbye().await;
    assert_eq!(stage.dials(), 2);
}

/// `tidy` closes nothing that is young, and asks for no runtime.
#[tokio::test(start_paused = true)]
async fn tidying_closes_what_is_old() {
    let options = RelayOptions { idle: Duration::ZERO, ..RelayOptions::default() };
    let mut stage = Stage::with(hop(HopTls::Never), options);
    let mut server = stage.kept().await;
    stage.relay.tidy(Timestamp(0));
    server.hear_goodbye().await;
    let relay = stage.relay.clone();
    std::thread::spawn(move || relay.tidy(Timestamp(0))).join().unwrap();

    let mut stage = Stage::new(HopTls::Never);
    let mut server = stage.kept().await;
    stage.relay.tidy(Timestamp(0));
    let carried = stage.carry(stage.one());
    server.take_one().await;
    assert_eq!(carried.await.unwrap().outcomes, [DONE]);
}

/// The server closed it, or said goodbye, while nobody looked: seen before it is used.
#[tokio::test(start_paused = true)]
async fn a_connection_that_was_closed_while_idle_is_not_used() {
    for goodbye in ["", "421 4.4.2 Idle for too long\r\n"] {
        let mut stage = Stage::new(HopTls::Never);
        let mut server = stage.kept().await;
        server.say(goodbye).await;
        drop(server);

        stage.kept().await;
    }
}

/// It closes just as MAIL is on its way: one more try on a fresh connection, and only one.
#[tokio::test(start_paused = true)]
async fn a_kept_connection_that_breaks_at_once_is_replaced_once() {
    for goodbye in ["", "421 4.4.2 Too many messages\r\n"] {
        let mut stage = Stage::new(HopTls::Never);
        let mut server = stage.kept().await;

        let carried = stage.carry(stage.one());
        server.hear_line("MAIL").await;
        server.say(goodbye).await;
        drop(server);
        let mut server = stage.server().await;
        server.greet(&[]).await;
        server.hear_line("MAIL").await;
        drop(server);
        let carried = carried.await.unwrap();
        assert_eq!(told(&carried), ["later 4.4.2 The server closed the connection"]);
        assert!(carried.is_unreachable);
        assert_eq!(stage.dials(), 2);
    }
}

/// After the first answer it is no more a matter of the connection.
#[tokio::test(start_paused = true)]
async fn a_kept_connection_that_breaks_later_is_not_replaced() {
    let mut stage = Stage::new(HopTls::Never);
    let mut server = stage.kept().await;

    let carried = stage.carry(stage.one());
    server.hear_line("MAIL").await;
    server.say("250 ok\r\n").await;
    server.hear_line("RCPT").await;
    drop(server);
    let carried = carried.await.unwrap();
    assert_eq!(told(&carried), ["later 4.4.2 The server closed the connection"]);
    assert!(!carried.is_unreachable);
    assert_eq!(stage.dials(), 1);
}

/// More answers than questions: nobody knows what belongs to what.
#[tokio::test(start_paused = true)]
async fn a_server_that_answers_too_often_is_not_kept() {
    let mut stage = Stage::new(HopTls::Never);
    let (carried, mut server) = stage.open(stage.one(), &[]).await;
    server.hear_envelope().await;
    server.hear("Subject: hello\r\n\r\nText\r\n.\r\n").await;
    server.say("250 taken\r\n250 and more\r\n").await;
    assert_eq!(carried.await.unwrap().outcomes, [DONE]);
    server.hear("QUIT\r\n").await;
    server.hear_end().await;
}

/// Parcels beyond the limit wait in line, and take over what others leave.
#[tokio::test(start_paused = true)]
async fn no_more_connections_than_allowed() {
    let options = RelayOptions { connections_per_hop: 2, ..RelayOptions::default() };
    let mut stage = Stage::with(hop(HopTls::Never), options);
    let parcels: Vec<_> = (0..5).map(|_| stage.carry(stage.one())).collect();
    let mut first = stage.server().await;
    let mut second = stage.server().await;
    first.greet(&[]).await;
    second.greet(&[]).await;
    for _ in 0..4 {
        first.take_one().await;
    }
    second.take_one().await;
    for carried in parcels {
        assert_eq!(carried.await.unwrap().outcomes, [DONE]);
    }
    assert_eq!(stage.dials(), 2);
}

/// A parcel that is given up leaves its place to the next one, and its connection to nobody.
#[tokio::test(start_paused = true)]
async fn a_parcel_that_is_given_up_holds_nothing() {
    let options = RelayOptions { connections_per_hop: 1, ..RelayOptions::default() };
    let mut stage = Stage::with(hop(HopTls::Never), options);
    let (given_up, mut server) = stage.open(stage.one(), &[]).await;
    server.hear_line("MAIL").await;
    given_up.abort();
    server.hear_end().await;

    stage.kept().await;
}
