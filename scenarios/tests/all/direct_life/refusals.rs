//! Refused sign-ins: one answer whatever the cause, the true one in the trail, and no secret
//! anywhere.

use super::{REFUSED, last_reason, session};
use crate::direct::{SUPPORT, at_work, issue, secret, wish};
use crate::people::address;
use base64::Engine as _;
use postern_app::{AuditQuery, CredentialWish, Networks, Purpose};
use postern_testkit::{House, PASSWORD, scenario};
use std::io::Write;
use std::sync::{Arc, Mutex};

/// The whole answer to an attempt, but for its tag.
async fn answer(house: &House, by_plain: bool, authzid: &str, name: &str, secret: &str) -> Vec<String> {
    let mut client = house.imap("somebody").await;
    let command = match by_plain {
        true => {
            let response = format!("{authzid}\0{name}\0{secret}");
            format!("AUTHENTICATE PLAIN {}", base64::engine::general_purpose::STANDARD.encode(response))
        }
        false => format!("LOGIN {name} \"{secret}\""),
    };
    let answer = client.command(&command).await;
    let mut said = answer.lines();
    said.push(answer.status);
    said
}

scenario! {
    /// Whatever speaks against it, by LOGIN and by PLAIN: the same bytes.
    async fn every_refusal_is_the_same_bytes(house: House) {
        at_work(&house).await;
        house.shared("billing@example.org").await;
        let (app, operator) = (house.app(), house.operator());
        let good = issue(&house, wish(Purpose::Backup)).await;
        let other = app.issue_credential(operator, &address("billing@example.org"), wish(Purpose::Backup)).await;
        let [suspended, revoked] = [issue(&house, wish(Purpose::Backup)).await, issue(&house, wish(Purpose::Backup)).await];
        app.suspend_credential(operator, &suspended.row.public_id).await.expect("suspended");
        app.revoke_credential(operator, &revoked.row.public_id, true).await.expect("revoked");
        let away = Networks::Of(vec!["192.0.2.0/24".parse().expect("a network")]);
        let away = issue(&house, CredentialWish { networks: Some(away), ..wish(Purpose::Backup) }).await;
        let pop3 = Some("pop3".parse().expect("a protocol"));
        let other_protocol = issue(&house, CredentialWish { protocols: pop3, ..wish(Purpose::Backup) }).await;
        let role = issue(&house, wish(Purpose::Role)).await;
        let good = secret(&good);
        // Somebody's with the letters of its secret in another order is whole and wrong.
        let mut damaged = good.clone();
        damaged.truncate(good.len() - 1);
        damaged.push(if good.ends_with('x') { 'y' } else { 'x' });
        let attempts = [
            (SUPPORT, secret(&other.expect("a credential")), ""),
            (SUPPORT, secret(&suspended), "it is suspended"),
            (SUPPORT, secret(&revoked), "it is revoked"),
            (SUPPORT, secret(&away), "its scope does not have this network"),
            (SUPPORT, secret(&other_protocol), "its scope does not have this protocol"),
            (SUPPORT, secret(&role), "it is not checked out"),
            (SUPPORT, damaged.clone(), "it is no whole secret of a credential, or people alone sign in there; the name is a shared mailbox's, which has no password"),
            ("alice@example.org", damaged, ""),
            (SUPPORT, PASSWORD.to_owned(), "no secret is set; the name is a shared mailbox's, which has no password"),
            ("nobody@example.org", good.clone(), ""),
            ("alice@example.org", good.clone(), ""),
            ("billing@example.org", good.clone(), ""),
            ("support@example.org/support@example.org", good.clone(), "the person is no delegate of the mailbox named after their own"),
            ("support", good.clone(), ""),
            ("alice@example.org", "wrong".to_owned(), ""),
        ];
        for (name, secret, why) in &attempts {
            for by_plain in [false, true] {
                assert_eq!(answer(&house, by_plain, "", name, secret).await, [REFUSED], "{name}: {why}");
                if !why.is_empty() {
                    assert_eq!(last_reason(&house).await, *why);
                }
            }
        }
        // Acting for somebody else is for people.
        assert_eq!(answer(&house, true, SUPPORT, "alice@example.org", &good).await, [REFUSED]);
        assert_eq!(answer(&house, true, "alice@example.org", SUPPORT, &good).await, [REFUSED]);
        for by_plain in [false, true] {
            let said = answer(&house, by_plain, "", SUPPORT, &good).await;
            assert!(said.last().is_some_and(|said| said.starts_with("OK [CAPABILITY ")), "{said:?}");
            // The address has no case, as everywhere.
            assert!(answer(&house, by_plain, "", "Support@Example.org", &good).await.last().is_some_and(|said| said.starts_with("OK ")));
        }
        let said = answer(&house, true, SUPPORT, SUPPORT, &good).await;
        assert!(said.last().is_some_and(|said| said.starts_with("OK ")), "RFC 4616: for oneself is for nobody else");
    }

    /// RFC 5530 section 3, LIMIT: the secret was right, so it may be said.
    async fn connections_are_counted_for_each_credential(house: House) {
        at_work(&house).await;
        let two = issue(&house, CredentialWish { connections: Some(2), ..wish(Purpose::Backup) }).await;
        let other = issue(&house, CredentialWish { connections: Some(1), ..wish(Purpose::Backup) }).await;
        let (first, mut second) = (session(&house, &two).await, session(&house, &two).await);
        let full = "NO [LIMIT] This credential has as many connections as it may; close one of them";
        assert_eq!(answer(&house, false, "", SUPPORT, &secret(&two)).await, [full]);
        assert_eq!(last_reason(&house).await, "it has as many connections as it may");
        // Without the secret nobody learns of it.
        assert_eq!(answer(&house, false, "", "billing@example.org", &secret(&two)).await, [REFUSED]);
        let _other = session(&house, &other).await;
        let seen = house.app().credential(house.operator(), &two.row.public_id).await.expect("it is there");
        assert_eq!(seen.sessions.len(), 2);
        drop(first);
        // Its place is free once the house has heard that it is gone.
        while answer(&house, false, "", SUPPORT, &secret(&two)).await == [full] {}
        second.ok("NOOP", "").await;
    }

    /// Not in the trail, the log or the database: neither of those that were let in nor of those
    /// that were refused, and not where the two fields of a form were mixed up.
    async fn no_secret_is_kept_anywhere(house: House) {
        let log = Log::default();
        let writer = log.clone();
        // Where another test of this process has the log already, that one is looked at there.
        let subscriber = tracing_subscriber::fmt().with_max_level(tracing_subscriber::filter::LevelFilter::TRACE);
        let ours = subscriber.with_ansi(false).with_writer(move || writer.clone()).try_init().is_ok();
        at_work(&house).await;
        let (app, operator) = (house.app(), house.operator());
        let good = issue(&house, wish(Purpose::Backup)).await;
        let wrap_for = Some(address("bob@example.org"));
        let wrapped = issue(&house, CredentialWish { wrap_for, ..wish(Purpose::Backup) }).await;
        let code = wrapped.wrapped.expect("a code").code;
        let bob = house.acting_as("bob@example.org").await;
        assert!(app.unwrap_credential(house.operator(), &code).await.is_err());
        let waiting = issue(&house, CredentialWish { wrap_for: Some(address("bob@example.org")), ..wish(Purpose::Backup) }).await;
        let opened = app.unwrap_credential(&bob, &code).await.expect("it is his");
        let opened = opened.secret.expose_text().expect("letters").to_owned();
        for secret in [&secret(&good), &opened] {
            session_with(&house, secret).await;
            for (name, password) in [(secret.as_str(), SUPPORT), (secret.as_str(), secret.as_str())] {
                assert_eq!(answer(&house, false, "", name, password).await, [REFUSED]);
            }
            assert_eq!(answer(&house, true, secret, SUPPORT, secret).await, [REFUSED]);
            assert_eq!(answer(&house, false, "", "billing@example.org", secret).await, [REFUSED]);
            assert_eq!(answer(&house, false, "", SUPPORT, &secret[..secret.len() - 1]).await, [REFUSED]);
        }
        app.revoke_credential(operator, &good.row.public_id, true).await.expect("revoked");
        assert_eq!(answer(&house, false, "", SUPPORT, &secret(&good)).await, [REFUSED]);

        let code_text = |code: &postern_types::Secret| code.expose_text().expect("letters").to_owned();
        let waiting = code_text(&waiting.wrapped.expect("a code").code);
        let rows = app.audit(operator, AuditQuery { most: 1000, ..AuditQuery::default() }).await.expect("the trail");
        let trail = format!("{rows:?}");
        assert!(rows.iter().any(|row| row.personal.as_deref() == Some("ptn1_…")), "the mixed up ones are in it");
        for secret in [secret(&good), opened, code_text(&code), waiting] {
            // What comes after the letters that name it.
            let kept_to_oneself = &secret[13..45];
            assert!(!trail.contains(kept_to_oneself), "it is in the trail");
            assert_eq!(house.kept_in(kept_to_oneself).await, Vec::<String>::new(), "it is on the disk");
            assert!(!ours || !log.text().contains(kept_to_oneself), "it is in the log");
        }
        assert!(!ours || log.text().contains("imap.ended"), "the log is looked at");
        assert!(!house.kept_in("a tool needs it").await.is_empty(), "the disk is looked at");
    }
}

async fn session_with(house: &House, secret: &str) {
    let mut client = house.imap("tool").await;
    client.login(SUPPORT, secret).await;
    client.ok("SELECT INBOX", "* 2 EXISTS").await;
    client.ok("LOGOUT", "").await;
}

/// All that is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("nobody panics in it")).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("nobody panics in it").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
