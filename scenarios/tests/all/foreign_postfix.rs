//! Debian's Postfix hands mail to the house and takes mail from it, as servers elsewhere do.
//!
//! Skips what is missing as [`crate::foreign`] does, and tries nothing again.

use crate::direct::SUPPORT;
use crate::postfix::Postfix;
use crate::sending::wait_for;
use postern_app::{Hop, HopTls, Routes};
use postern_testkit::{House, Sink, SmtpClient, Taken, scenario};
use std::collections::BTreeMap;
use std::sync::Arc;

const ALICE: &str = "alice@example.org";
const CUSTOMER: &str = "customer@example.net";
const BODY: &str = "Grüße,\r\n.\r\n..two dots\r\nFrom here on \r\n";

fn letter(from: &str, to: &str, subject: &str) -> String {
    format!(
        "From: {from}\r\nTo: {to}\r\nSubject: {subject}\r\nDate: Wed, 25 Nov 2026 10:00:00 +0000\r\n\
         Message-ID: <{}@client.example.org>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\
         Content-Transfer-Encoding: 8bit\r\n\r\n{BODY}",
        subject.replace(' ', "-")
    )
}

/// A house whose smarthost is Postfix, and a sink behind it.
async fn neighbours(house: &House) -> Option<(Postfix, Sink)> {
    let sink = Sink::start().await;
    let postfix = Postfix::start(house, &sink).await?;
    let (host, port) = (postfix.address().ip().to_string(), postfix.address().port());
    let hop = Hop { host, port, tls: HopTls::Opportunistic, login: None };
    house.app().set_routes(Routes { smarthost: Some(Arc::new(hop)), domains: BTreeMap::new() });
    house.person(ALICE).await;
    house.shared(SUPPORT).await;
    house.grant(SUPPORT, ALICE, "lr").await;
    Some((postfix, sink))
}

/// One message of a mailbox of Alice's, its lines unfolded: notifications fold what they quote.
async fn received(house: &House, mailbox: &str, number: u64) -> (String, Vec<u8>) {
    let mut alice = house.imap_as(ALICE).await;
    wait_for(&mut alice, mailbox, number).await;
    alice.ok(&format!("EXAMINE \"{mailbox}\""), &format!("* {number} EXISTS")).await;
    let whole = alice.ok(&format!("FETCH {number} BODY.PEEK[]"), "").await.literal().expect("a message");
    let body = alice.ok(&format!("FETCH {number} BODY.PEEK[TEXT]"), "").await.literal().expect("a body");
    (words(&String::from_utf8_lossy(&whole)), body)
}

fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn has_all(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part:?} is missing: {text}");
    }
}

/// Postfix has handed it on as it was, and says that it came to it under TLS.
fn was_handed_on(taken: &Taken, recipient: &str, protocol: &str) {
    assert_eq!((taken.from.as_str(), &taken.recipients[..]), (ALICE, &[recipient.to_owned()][..]));
    let (header, body) = taken.message.split_once("\r\n\r\n").expect("a header");
    assert_eq!(body, BODY);
    let [theirs, ours] = [("relay.example.net (Postfix)", "S id"), ("mail.example.org", "SA id")]
        .map(|(host, keys)| format!("by {host} with {protocol}{keys}"));
    has_all(&words(header), &["(using TLSv1.3 ", &theirs, &ours]);
}

scenario! {
    /// Postfix as the smarthost, under TLS: it hands on what Alice sends, eight bits and an address in UTF-8
    /// too. A recipient that it refuses comes back to her with its words, and the others get the message.
    async fn foreign_postfix_takes_what_the_house_relays(house: House) {
        let Some((postfix, sink)) = neighbours(&house).await else { return };
        let mut alice = house.submission_as(ALICE).await;
        alice.sends(ALICE, &[CUSTOMER, "closed@example.net"], &letter(ALICE, CUSTOMER, "One of two")).await;
        was_handed_on(&sink.wait_for(1).await[0], CUSTOMER, "ESMTP");
        let (notice, _) = received(&house, "INBOX", 1).await;
        has_all(&notice, &[
            "Return-Path: <>", "Final-Recipient: rfc822; closed@example.net", "Action: failed", "Status: 5.7.1",
            "550 5.7.1 <closed@example.net>: Recipient address rejected: This mailbox takes no more letters",
            "Subject: One of two",
        ]);
        assert!(!notice.contains("Final-Recipient: rfc822; customer@example.net"), "{notice}");

        // Nobody is left, so nothing is handed on.
        alice.sends(ALICE, &["closed@example.net"], &letter(ALICE, "closed@example.net", "Nobody")).await;
        let (notice, _) = received(&house, "INBOX", 2).await;
        has_all(&notice, &["closed@example.net", "This mailbox takes no more letters", "Subject: Nobody"]);

        let reply = alice.command("MAIL FROM:<alice@example.org> BODY=8BITMIME SMTPUTF8").await;
        assert!(reply.starts_with("250"), "{reply}");
        for line in ["RCPT TO:<jürgen@example.net>", "DATA"] {
            let reply = alice.command(line).await;
            assert!(reply.starts_with("250") || reply.starts_with("354"), "{reply}");
        }
        let utf8 = letter(ALICE, "jürgen@example.net", "Für alle");
        alice.send(&postern_testkit::stuffed(utf8.as_bytes())).await;
        assert!(alice.reply().await.starts_with("250"));
        let taken = sink.wait_for(2).await;
        assert_eq!(taken.len(), 2);
        was_handed_on(&taken[1], "jürgen@example.net", "UTF8SMTP");
        assert!(taken[1].parameters.contains("SMTPUTF8"), "{}", taken[1].parameters);
        // It offers PIPELINING, and has been told nothing before its time (RFC 2920 section 3.1).
        assert!(!postfix.log().contains("improper command pipelining"), "{}", postfix.log());
    }

    /// What the next server refuses after Postfix has accepted it comes back by our own port 25, from
    /// nobody: Alice reads who, and why.
    async fn foreign_postfix_returns_what_is_refused_behind_it(house: House) {
        let Some((_postfix, sink)) = neighbours(&house).await else { return };
        sink.answer(|recipient| (recipient == "gone@example.net").then(|| "550 5.1.1 Nobody has that name".to_owned()));
        let mut alice = house.submission_as(ALICE).await;
        alice.sends(ALICE, &["gone@example.net", CUSTOMER], &letter(ALICE, CUSTOMER, "Hello")).await;
        was_handed_on(&sink.wait_for(1).await[0], CUSTOMER, "ESMTP");
        let (notice, _) = received(&house, "INBOX", 1).await;
        has_all(&notice, &[
            "Return-Path: <>", "from relay.example.net", "by mail.example.org with ESMTPS",
            "Final-Recipient: rfc822; gone@example.net", "Diagnostic-Code: smtp; 550 5.1.1 Nobody has that name",
            "Subject: Hello",
        ]);
    }

    /// Postfix brings mail for example.org: to the address, and to the address with a tag. Of one message
    /// whose other recipient is nobody here, the sender hears from Postfix what the house said.
    async fn foreign_postfix_brings_mail(house: House) {
        let Some((postfix, sink)) = neighbours(&house).await else { return };
        let mut customer = postfix.client().await;
        let inbox = "Shared/support@example.org/INBOX";
        for (number, to) in (1..).zip([SUPPORT, "support+x@example.org", "SUPPORT@example.org"]) {
            brings(&mut customer, &[to], &letter(CUSTOMER, to, &format!("Number {number}"))).await;
            let (whole, body) = received(&house, inbox, number).await;
            assert_eq!(String::from_utf8_lossy(&body), BODY);
            has_all(&whole, &[
                "Return-Path: <customer@example.net>", "Received: from relay.example.net", "by mail.example.org with ESMTPS",
                "by relay.example.net (Postfix)", "From: customer@example.net", &format!("Subject: Number {number}"),
            ]);
        }
        brings(&mut customer, &["nobody@example.org", SUPPORT], &letter(CUSTOMER, SUPPORT, "Number 4")).await;
        received(&house, inbox, 4).await;
        let notices = sink.wait_for(1).await;
        assert_eq!((notices.len(), notices[0].from.as_str()), (1, ""));
        assert_eq!(notices[0].recipients, [CUSTOMER]);
        has_all(&words(&notices[0].message), &[
            "Final-Recipient: rfc822; nobody@example.org", "Diagnostic-Code: smtp; 550 5.1.1 There is no mailbox",
        ]);
    }

    /// The house relays for nobody: a domain that is not its own is refused, and Postfix tells the sender so.
    async fn foreign_postfix_finds_no_open_relay(house: House) {
        let Some((postfix, sink)) = neighbours(&house).await else { return };
        let mut customer = postfix.client().await;
        brings(&mut customer, &["someone@example.com"], &letter(CUSTOMER, "someone@example.com", "Through you")).await;
        let notices = sink.wait_for(1).await;
        assert_eq!((notices.len(), &notices[0].recipients[..]), (1, &[CUSTOMER.to_owned()][..]));
        has_all(&words(&notices[0].message), &[
            "Final-Recipient: rfc822; someone@example.com", "Diagnostic-Code: smtp; 550 5.7.1", "relays for nobody",
        ]);
    }
}

/// Hands a message of the customer's to Postfix, which must take it.
async fn brings(customer: &mut SmtpClient, recipients: &[&str], message: &str) {
    let reply = customer.submit(CUSTOMER, recipients, message).await;
    assert!(reply.starts_with("250"), "{reply}");
}
