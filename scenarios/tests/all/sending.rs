//! Sending as oneself, as a shared mailbox and on its behalf, seen from both ends.

use crate::people::address;
use postern_access::ShowSender;
use postern_app::SharedChange;
use postern_testkit::{House, ImapClient, Sink, scenario};
use postern_types::SendRights;
use std::time::Duration;

pub const SUPPORT: &str = "support@example.org";
pub const ALICE: &str = "alice@example.org";
pub const BOB: &str = "bob@example.org";
pub const CUSTOMER: &str = "customer@example.net";

pub const SEND_AS: SendRights = SendRights { send_as: true, send_on_behalf: false };
const ON_BEHALF: SendRights = SendRights { send_as: false, send_on_behalf: true };

pub fn letter(from: &str, to: &str, id: &str) -> String {
    format!(
        "From: {from}\r\nTo: {to}\r\nBcc: secret@example.net\r\nSubject: It starts again\r\n\
         Date: Wed, 25 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{id}@client.example.org>\r\n\r\nPlease try now.\r\n"
    )
}

pub async fn at_work(house: &House) -> Sink {
    let sink = Sink::start().await;
    house.relay_to(&sink).await;
    for person in [ALICE, BOB] {
        house.person(person).await;
    }
    house.shared(SUPPORT).await;
    sink
}

/// Far above anything that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until something is so, looking again and again.
pub async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = look().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("{what} did not come about"))
}

/// Waits until a mailbox has so many messages.
pub async fn wait_for(imap: &mut ImapClient, mailbox: &str, messages: u64) {
    let (asked, wanted) = (format!("STATUS \"{mailbox}\" (MESSAGES)"), format!("MESSAGES {messages}"));
    let what = format!("{mailbox} with {messages} messages");
    until(&what, async || imap.ok(&asked, "MESSAGES").await.has(&wanted).then_some(())).await;
}

/// The only message of a mailbox.
pub async fn only(imap: &mut ImapClient, mailbox: &str) -> String {
    imap.ok(&format!("EXAMINE \"{mailbox}\""), "* 1 EXISTS").await;
    imap.ok("FETCH 1 (FLAGS BODY.PEEK[])", "BODY[]").await.lines().join("\n")
}

scenario! {
    /// As the shared mailbox: From is the mailbox, nobody else shows, and the copy says who sent it. A
    /// recipient here and one elsewhere get it, and Bcc is in the copy alone (RFC 5322 section 3.6.3).
    async fn send_as_shows_the_mailbox_alone(house: House) {
        let sink = at_work(&house).await;
        house.delegate(SUPPORT, ALICE, SEND_AS).await;
        let mut alice = house.submission_as(ALICE).await;
        alice.sends(SUPPORT, &[CUSTOMER, BOB, "secret@example.net"], &letter(SUPPORT, CUSTOMER, "1")).await;

        let taken = sink.wait_for(1).await;
        assert_eq!(taken.len(), 1, "both recipients there in one transaction");
        assert_eq!(taken[0].from, SUPPORT);
        assert_eq!(taken[0].recipients, [CUSTOMER, "secret@example.net"]);
        let there = &taken[0].message;
        assert!(there.contains("\r\nFrom: support@example.org\r\n"), "{there}");
        assert!(there.starts_with("Received: from unknown by mail.example.org"), "{there}");
        for hidden in ["alice", "Bcc", "Sender", "Postern"] {
            assert!(!there.contains(hidden), "{hidden} is in {there}");
        }
        let mut bob = house.imap_as(BOB).await;
        wait_for(&mut bob, "INBOX", 1).await;
        let here = only(&mut bob, "INBOX").await;
        assert!(here.contains("Return-Path: <support@example.org>\r\n") && !here.contains("alice"), "{here}");

        let mut imap = house.imap_as(ALICE).await;
        let copy = only(&mut imap, "Shared/support@example.org/Sent").await;
        assert!(copy.contains("Postern-Sent-By: alice@example.org\r\n"), "{copy}");
        assert!(copy.contains("Bcc: secret@example.net\r\n") && copy.contains("\\Seen"), "{copy}");
        imap.ok("STATUS Sent (MESSAGES)", "MESSAGES 0").await;
    }

    /// On behalf: the delegate is Sender, in both copies (RFC 5322 section 3.6.2).
    async fn on_behalf_shows_the_delegate(house: House) {
        let sink = at_work(&house).await;
        house.delegate(SUPPORT, ALICE, ON_BEHALF).await;
        let mut alice = house.submission_as(ALICE).await;
        alice.sends(ALICE, &[CUSTOMER], &letter(SUPPORT, CUSTOMER, "1")).await;
        let there = sink.wait_for(1).await.remove(0).message;
        let mut imap = house.imap_as(ALICE).await;
        let copy = only(&mut imap, "Shared/support@example.org/Sent").await;
        for text in [&there, &copy] {
            assert!(text.contains("From: support@example.org\r\n"), "{text}");
            assert!(text.contains("Sender: alice@example.org\r\n"), "{text}");
        }
        // Somebody else as Sender is not believed.
        let untrue = letter(SUPPORT, CUSTOMER, "2").replace("From:", "Sender: bob@example.org\r\nFrom:");
        let reply = alice.submit(ALICE, &[CUSTOMER], &untrue).await;
        assert!(reply.starts_with("550 5.7.1"), "{reply}");
    }

    /// Whoever holds nothing is refused, with what they may use; nothing leaves and nothing is filed.
    async fn who_may_not_is_refused_with_what_they_may(house: House) {
        let sink = at_work(&house).await;
        house.delegate(SUPPORT, ALICE, SendRights::NONE).await;
        let mut alice = house.submission_as(ALICE).await;
        let forged = [
            letter(SUPPORT, CUSTOMER, "1"),
            letter("Alice <alice@example.org>, support@example.org", CUSTOMER, "2").replace("To:", "Sender: alice@example.org\r\nTo:"),
            letter(ALICE, CUSTOMER, "3").replace("To:", "Sender: support@example.org\r\nTo:"),
            letter(ALICE, CUSTOMER, "4").replace("To:", "Resent-From: support@example.org\r\nTo:"),
            letter("nobody@example.net", CUSTOMER, "5"),
            letter("\"alice@example.org\" <support@example.org>", CUSTOMER, "6"),
        ];
        for message in &forged {
            let reply = alice.submit(ALICE, &[CUSTOMER], message).await;
            assert!(reply.starts_with("550 5.7.1"), "{reply} to {message}");
            assert!(reply.contains("you may send as alice@example.org"), "{reply}");
        }
        let reply = alice.submit(SUPPORT, &[CUSTOMER], &letter(ALICE, CUSTOMER, "7")).await;
        assert!(reply.starts_with("550 5.7.1") && reply.contains("alice@example.org"), "{reply}");
        let twice = letter(ALICE, CUSTOMER, "8").replace("To:", "FROM : support@example.org\r\nTo:");
        assert!(alice.submit(ALICE, &[CUSTOMER], &twice).await.starts_with("554 5.6.0"));

        alice.sends(ALICE, &[CUSTOMER], &letter(ALICE, CUSTOMER, "9")).await;
        let taken = sink.wait_for(1).await;
        assert_eq!(taken.len(), 1);
        assert!(taken[0].message.contains("<9@client.example.org>"));
        let mut imap = house.imap_as(ALICE).await;
        imap.ok("STATUS Shared/support@example.org/Sent (MESSAGES)", "MESSAGES 0").await;
        only(&mut imap, "Sent").await;
    }

    /// A header of more than ASCII that was handed in without SMTPUTF8 asks no next server for it.
    async fn an_eight_bit_header_leaves_as_it_came(house: House) {
        let sink = at_work(&house).await;
        let mut alice = house.submission_as(ALICE).await;
        let letter = letter(ALICE, CUSTOMER, "1").replace("It starts again", "Grüße");
        alice.sends(ALICE, &[CUSTOMER], &letter).await;
        let taken = sink.wait_for(1).await.remove(0);
        assert!(taken.message.contains("Subject: Grüße\r\n"), "{}", taken.message);
        assert!(!taken.parameters.contains("SMTPUTF8"), "{}", taken.parameters);
    }

    /// How the person shows is the account's to say.
    async fn the_account_says_how_its_delegates_show(house: House) {
        let sink = at_work(&house).await;
        house.delegate(SUPPORT, ALICE, SEND_AS).await;
        let mut alice = house.submission_as(ALICE).await;
        for (number, shows) in [ShowSender::Via, ShowSender::Sender].into_iter().enumerate() {
            let change = SharedChange { show_sender: Some(shows), ..SharedChange::default() };
            house.app().set_shared(house.operator(), &address(SUPPORT), change).await.expect("a setting");
            let letter = letter("Support <support@example.org>", CUSTOMER, &number.to_string());
            alice.sends(SUPPORT, &[CUSTOMER], &letter).await;
        }
        let mut taken = sink.wait_for(2).await;
        taken.sort_by_key(|taken| taken.message.contains("<1@client"));
        assert!(taken[0].message.contains("From: alice via support <support@example.org>\r\n"), "{}", taken[0].message);
        assert!(taken[1].message.contains("Sender: alice@example.org\r\n"), "{}", taken[1].message);
        assert!(taken[1].message.contains("From: Support <support@example.org>\r\n"), "{}", taken[1].message);
        // A Sender that says nobody hides nobody.
        let hiding = letter(SUPPORT, CUSTOMER, "hiding").replace("To:", "Sender: support@example.org\r\nTo:");
        alice.sends(SUPPORT, &[CUSTOMER], &hiding).await;
        let there = sink.wait_for(3).await.remove(2).message;
        assert!(there.contains("Sender: alice@example.org\r\n") && !there.contains("Sender: support@"), "{there}");
    }

    /// From is one mailbox's: what is sent as several would be on the trail of one, and within its limits.
    async fn a_message_is_one_mailbox_s(house: House) {
        let _sink = at_work(&house).await;
        house.delegate(SUPPORT, ALICE, SEND_AS).await;
        let mut alice = house.submission_as(ALICE).await;
        let from = "Alice <alice@example.org>, support@example.org";
        let both = letter(from, CUSTOMER, "1").replace("To:", "Sender: alice@example.org\r\nTo:");
        let reply = alice.submit(ALICE, &[CUSTOMER], &both).await;
        assert!(reply.starts_with("550 5.7.1") && reply.contains("one mailbox"), "{reply}");
    }
}
