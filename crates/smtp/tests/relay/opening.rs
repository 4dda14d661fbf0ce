//! Greeting, EHLO, TLS and sign-in, with servers that can less than we wish, or wish us ill.

use super::peer::{DONE, Stage, hop_with_login, told};
use postern_app::{Carried, HopTls};
use postern_smtp::{DialError, RelayOptions};
use std::sync::atomic::Ordering;

fn only(carried: &Carried) -> String {
    assert!(carried.is_unreachable, "others need not try");
    let told = told(carried);
    assert_eq!(told.len(), 1);
    told[0].clone()
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_not_there_is_unreachable() {
    let cases = [
        (DialError::NoAddress("mail.example.com has no address".into()), "later 4.4.3 mail.example.com has no address"),
        (DialError::Unreachable("nobody\r\nlistens".into()), "later 4.4.1 nobody  listens"),
        (DialError::Tls("certificate".into()), "later 4.7.5 certificate"),
    ];
    for (failure, expected) in cases {
        let stage = Stage::new(HopTls::Never);
        *stage.line.failure.lock().unwrap() = Some(failure);
        let carried = stage.carry(stage.one()).await.unwrap();
        assert_eq!((only(&carried).as_str(), carried.server), (expected, None));
    }
}

/// RFC 5321 section 3.1: about us, not about the mail.
#[tokio::test(start_paused = true)]
async fn a_server_that_turns_us_away_is_for_later() {
    let mut stage = Stage::new(HopTls::Never);
    let carried = stage.carry(stage.one());
    let mut server = stage.server().await;
    server.say("554 mail.example.com No SMTP service here\r\n").await;
    server.hear_goodbye().await;
    let carried = carried.await.unwrap();
    assert_eq!(only(&carried), "later 4.0.0 554 mail.example.com No SMTP service here");
    assert_eq!(carried.server.as_deref(), Some("mail.example.com"));
}

/// RFC 5321 section 3.2.
#[tokio::test(start_paused = true)]
async fn who_does_not_know_ehlo_is_greeted_with_helo() {
    let mut stage = Stage::new(HopTls::Opportunistic);
    let carried = stage.carry(stage.one());
    let mut server = stage.server().await;
    server.say("220\r\n").await;
    server.hear("EHLO mail.example.org\r\n").await;
    server.say("500 what\r\n").await;
    server.hear("HELO mail.example.org\r\n").await;
    server.say("250 old.example.com\r\n").await;
    server.take_one().await;
    let carried = carried.await.unwrap();
    assert_eq!(carried.outcomes, [DONE]);
    assert_eq!(carried.server.as_deref(), Some("old.example.com"));
}

#[tokio::test(start_paused = true)]
async fn an_ehlo_for_later_is_not_a_reason_for_helo() {
    let mut stage = Stage::new(HopTls::Never);
    let carried = stage.carry(stage.one());
    let mut server = stage.server().await;
    server.say("220 mail.example.com\r\n").await;
    server.hear("EHLO mail.example.org\r\n").await;
    server.say("451 4.7.1 Too busy\r\n").await;
    server.hear_goodbye().await;
    assert_eq!(only(&carried.await.unwrap()), "later 4.7.1 451 4.7.1 Too busy");
}

/// RFC 3207 section 4.2: what was offered in clear counts no more.
#[tokio::test(start_paused = true)]
async fn after_starttls_everything_is_asked_again() {
    for tls in [HopTls::Required, HopTls::Opportunistic] {
        let mut stage = Stage::new(tls);
        let (carried, mut server) = stage.open(stage.one(), &["STARTTLS", "PIPELINING", "SIZE 1", "DSN"]).await;
        server.hear_at_once("STARTTLS\r\n").await;
        server.say("220 go\r\n").await;
        server.offer(&[]).await;
        server.take_one().await;
        assert_eq!(carried.await.unwrap().outcomes, [DONE], "neither SIZE nor DSN is remembered");
    }
}

#[tokio::test(start_paused = true)]
async fn without_tls_nothing_is_sent_where_it_is_required() {
    let mut stage = Stage::new(HopTls::Required);
    let (carried, mut server) = stage.open(stage.one(), &["PIPELINING"]).await;
    server.hear_goodbye().await;
    assert!(only(&carried.await.unwrap()).starts_with("later 4.7.4 The server offers no STARTTLS"));

    let (carried, mut server) = stage.open(stage.one(), &["STARTTLS"]).await;
    server.hear("STARTTLS\r\n").await;
    server.say("454 4.7.0 TLS not available\r\n").await;
    server.hear_goodbye().await;
    assert_eq!(only(&carried.await.unwrap()), "later 4.7.0 454 4.7.0 TLS not available");

    stage.line.tls_fails.store(true, Ordering::SeqCst);
    let (carried, mut server) = stage.open(stage.one(), &["STARTTLS"]).await;
    server.hear("STARTTLS\r\n").await;
    server.say("220 go\r\n").await;
    server.hear_end().await;
    assert_eq!(only(&carried.await.unwrap()), "later 4.7.5 TLS did not come about: no common cipher");
    assert_eq!(stage.dials(), 3, "there is no second try in clear");
}

/// RFC 7435: better than nothing, and nothing is better than no mail.
#[tokio::test(start_paused = true)]
async fn where_tls_is_a_bonus_mail_goes_without() {
    let mut stage = Stage::new(HopTls::Opportunistic);
    let (carried, mut server) = stage.open(stage.one(), &["STARTTLS"]).await;
    server.hear("STARTTLS\r\n").await;
    server.say("454 4.7.0 TLS not available\r\n").await;
    server.take_one().await;
    assert_eq!(carried.await.unwrap().outcomes, [DONE]);
    server.hear_goodbye().await;

    stage.line.tls_fails.store(true, Ordering::SeqCst);
    let (carried, mut server) = stage.open(stage.one(), &["STARTTLS"]).await;
    server.hear("STARTTLS\r\n").await;
    server.say("220 go\r\n").await;
    server.hear_end().await;
    let mut server = stage.server().await;
    server.greet(&["STARTTLS"]).await;
    server.take_one().await;
    assert_eq!(carried.await.unwrap().outcomes, [DONE]);
}

#[tokio::test(start_paused = true)]
async fn where_tls_is_never_it_is_not_asked_for() {
    let mut stage = Stage::new(HopTls::Never);
    let (carried, mut server) = stage.open(stage.one(), &["STARTTLS"]).await;
    server.take_one().await;
    assert_eq!(carried.await.unwrap().outcomes, [DONE]);
}

/// RFC 3207 section 6, CVE-2011-0411: words in clear are not taken for words under TLS.
#[tokio::test(start_paused = true)]
async fn what_is_slipped_in_before_tls_ends_the_connection() {
    for slipped in ["250-mail.example.com\r\n250 AUTH PLAIN\r\n", "2", "250-half\r\n"] {
        for tls in [HopTls::Required, HopTls::Opportunistic] {
            let mut stage = Stage::with(hop_with_login(tls), RelayOptions::default());
            let (carried, mut server) = stage.open(stage.one(), &["STARTTLS"]).await;
            server.hear("STARTTLS\r\n").await;
            server.say(&format!("220 go\r\n{slipped}")).await;
            server.hear_end().await;
            assert!(only(&carried.await.unwrap()).starts_with("later 4.7.5 The server said more in clear"));
        }
    }
}

/// RFC 4616 and RFC 4954; PLAIN where there is a choice.
#[tokio::test(start_paused = true)]
async fn the_hops_login_is_used_under_tls() {
    let mut stage = Stage::with(hop_with_login(HopTls::Implicit), RelayOptions::default());
    let (carried, mut server) = stage.open(stage.one(), &["AUTH LOGIN PLAIN"]).await;
    server.hear_at_once("AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm\r\n").await;
    server.say("235 2.7.0 welcome\r\n").await;
    server.take_one().await;
    assert_eq!(carried.await.unwrap().outcomes, [DONE]);
}

#[tokio::test(start_paused = true)]
async fn login_is_used_where_plain_is_not_to_be_had() {
    for offer in ["AUTH LOGIN", "AUTH PLAIN LOGIN"] {
        let mut stage = Stage::with(hop_with_login(HopTls::Implicit), RelayOptions::default());
        let (carried, mut server) = stage.open(stage.one(), &[offer]).await;
        if offer.contains("PLAIN") {
            server.hear_line("AUTH PLAIN ").await;
            server.say("504 5.5.4 Not that one\r\n").await;
        }
        server.hear_at_once("AUTH LOGIN\r\n").await;
        server.say("334 VXNlcm5hbWU6\r\n").await;
        server.hear_at_once("dGlt\r\n").await;
        server.say("334 UGFzc3dvcmQ6\r\n").await;
        server.hear_at_once("dGFuc3RhYWZ0YW5zdGFhZg==\r\n").await;
        server.say("235 ok\r\n").await;
        server.take_one().await;
        assert_eq!(carried.await.unwrap().outcomes, [DONE]);
    }
}

/// RFC 4954 section 9: the password is for nobody else's ears.
#[tokio::test(start_paused = true)]
async fn no_password_is_sent_in_clear_but_to_this_machine() {
    let mut stage = Stage::with(hop_with_login(HopTls::Opportunistic), RelayOptions::default());
    let (carried, mut server) = stage.open(stage.one(), &["AUTH PLAIN LOGIN"]).await;
    server.hear_goodbye().await;
    assert!(only(&carried.await.unwrap()).starts_with("later 4.7.11 The password is not sent without TLS"));

    *stage.line.address.lock().unwrap() = [127, 0, 0, 1].into();
    let (carried, mut server) = stage.open(stage.one(), &["AUTH PLAIN"]).await;
    server.hear_line("AUTH PLAIN ").await;
    server.say("235 ok\r\n").await;
    server.take_one().await;
    assert_eq!(carried.await.unwrap().outcomes, [DONE]);
}

/// A wrong password is tried once, bounces nobody's mail, and is not repeated to anybody.
#[tokio::test(start_paused = true)]
async fn a_refused_sign_in_is_for_later_and_keeps_its_secret() {
    for (answer, expected) in [
        ("535 5.7.8 Wrong password", "later 4.7.8 535 5.7.8 Wrong password"),
        ("535 no: tanstaaftanstaaf", "later 4.7.8 535 (the rest repeats what we signed in with)"),
        ("535 AHRpbQB0YW5zdGFhZnRhbnN0YWFm", "later 4.7.8 535 (the rest repeats what we signed in with)"),
    ] {
        let mut stage = Stage::with(hop_with_login(HopTls::Implicit), RelayOptions::default());
        let (carried, mut server) = stage.open(stage.one(), &["AUTH PLAIN LOGIN"]).await;
        server.hear_line("AUTH PLAIN ").await;
        server.say(&format!("{answer}\r\n")).await;
        server.hear_goodbye().await;
        assert_eq!(only(&carried.await.unwrap()), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_that_does_not_end_is_ended() {
    let mut stage = Stage::with(hop_with_login(HopTls::Implicit), RelayOptions::default());
    let (carried, mut server) = stage.open(stage.one(), &["AUTH PLAIN"]).await;
    server.hear_line("AUTH PLAIN ").await;
    server.say("334 more\r\n").await;
    server.hear("*\r\n").await;
    server.say("334 more\r\n").await;
    server.hear_end().await;
    assert!(only(&carried.await.unwrap()).starts_with("later 4.5.0 "));
}

#[tokio::test(start_paused = true)]
async fn a_server_without_a_way_to_sign_in_is_for_later() {
    let mut stage = Stage::with(hop_with_login(HopTls::Implicit), RelayOptions::default());
    let (carried, mut server) = stage.open(stage.one(), &["AUTH GSSAPI"]).await;
    server.hear_goodbye().await;
    assert!(only(&carried.await.unwrap()).starts_with("later 4.7.4 "));
}
