//! What the demonstration is filled with: people, shared mailboxes, grants and a few letters.
//!
//! People and grants are the operator's acts and letters come by delivery, so the trail of the
//! demo looks like that of a house that people use.

use anyhow::{Context, bail};
use postern_app::{Caller, CredentialWish, Delivery, GrantReach, GrantTerms, House, Networks, Peer, Purpose};
use postern_types::{Address, DisplayName, Network, Rights, Secret, SendRights, Timestamp};

pub(crate) const DOMAIN: &str = "example.org";
pub(crate) const ADMIN: (&str, &str) = ("admin@example.org", "admin-demo-password");
pub(crate) const ALICE: (&str, &str) = ("alice@example.org", "alice-demo-password");
pub(crate) const BOB: (&str, &str) = ("bob@example.org", "bob-demo-password");
pub(crate) const CAROL: (&str, &str) = ("carol@example.org", "carol-demo-password");
pub(crate) const SUPPORT: &str = "support@example.org";
pub(crate) const BILLING: &str = "billing@example.org";
/// The credential of support@.
pub(crate) const NIGHTLY: &str = "nightly";

const PEOPLE: [((&str, &str), &str); 3] = [(ALICE, "Alice"), (BOB, "Bob"), (CAROL, "Carol")];

/// One letter, and how many minutes ago it was written.
struct Letter {
    from: &'static str,
    from_name: &'static str,
    to: &'static str,
    id: &'static str,
    answers: Option<&'static str>,
    subject: &'static str,
    minutes_ago: i64,
    text: &'static str,
}

const LETTERS: [Letter; 5] = [
    Letter {
        from: "visitor@example.net",
        from_name: "A visitor",
        to: SUPPORT,
        id: "door-code@example.net",
        answers: None,
        subject: "The code of the side door",
        minutes_ago: 200,
        text: "Hello,\n\nthe code you sent me yesterday does not open the side door any more.\n\
               Could somebody look at it before the evening?\n\nThank you!\n",
    },
    Letter {
        from: "visitor@example.net",
        from_name: "A visitor",
        to: SUPPORT,
        id: "opening-hours@example.net",
        answers: None,
        subject: "Open on the 24th?",
        minutes_ago: 95,
        text: "Hello,\n\nare you open on the morning of the 24th? We would come with two children\n\
               and a very patient dog.\n",
    },
    Letter {
        from: "office@example.net",
        from_name: "The printing office",
        to: BILLING,
        id: "invoice-2041@example.net",
        answers: None,
        subject: "Invoice 2041",
        minutes_ago: 60,
        text: "Five hundred postcards: 84.00 €, payable within 30 days.\n",
    },
    Letter {
        from: BOB.0,
        from_name: "Bob",
        to: ALICE.0,
        id: "friday@example.org",
        answers: None,
        subject: "Who takes support on Friday?",
        minutes_ago: 42,
        text: "I am away on Friday. Can you take support@ alone?\nI can read along but not answer anyway.\n\nBob\n",
    },
    Letter {
        from: ALICE.0,
        from_name: "Alice",
        to: BOB.0,
        id: "friday-answer@example.org",
        answers: Some("friday@example.org"),
        subject: "Re: Who takes support on Friday?",
        minutes_ago: 12,
        text: "Yes. Carol keeps an eye on billing@.\n\nAlice\n",
    },
];

/// Fills a new house; answers the secret of the one credential in it.
pub(crate) async fn fill(house: &House, uid: u32) -> anyhow::Result<Secret> {
    let operator = house.operator(uid)?;
    for ((address, password), name) in PEOPLE {
        let password = Some(Secret::new(password));
        house
            .add_person(&operator, &parse(address)?, &DisplayName::parse(name)?, password)
            .await
            .with_context(|| address.to_owned())?;
    }
    share(house, &operator).await?;
    for letter in &LETTERS {
        deliver(house, letter).await?;
    }
    credential(house, &operator).await
}

/// What copies support@ every night.
async fn credential(house: &House, operator: &Caller) -> anyhow::Result<Secret> {
    let network = |text: &str| text.parse::<Network>().map_err(anyhow::Error::msg);
    let wish = CredentialWish {
        name: Some(NIGHTLY.to_owned()),
        networks: Some(Networks::Of(vec![network("127.0.0.0/8")?, network("::1/128")?])),
        ..CredentialWish::new(Purpose::Backup, parse(ADMIN.0)?, "a copy of the mail, every night")
    };
    let issued = house.issue_credential(operator, &parse(SUPPORT)?, wish).await?;
    issued.secret.context("a credential that is handed to nobody has its secret shown")
}

/// Alice works in support@, Bob reads there, Carol works in billing@.
async fn share(house: &House, operator: &Caller) -> anyhow::Result<()> {
    house.add_shared(operator, &parse(SUPPORT)?, &DisplayName::parse("Support")?, &[], &[parse(ALICE.0)?]).await?;
    house.add_shared(operator, &parse(BILLING)?, &DisplayName::parse("Billing")?, &[], &[parse(CAROL.0)?]).await?;
    let reading = GrantTerms {
        reach: GrantReach::Account,
        rights: Rights::READER,
        send: SendRights::NONE,
        automap: true,
        not_after: None,
    };
    house.give(operator, &parse(SUPPORT)?, &parse(BOB.0)?, reading).await?;
    Ok(())
}

async fn deliver(house: &House, letter: &Letter) -> anyhow::Result<()> {
    let recipient = house.recipient(&parse(letter.to)?).await?;
    let raw = letter.write(house.now())?;
    let nobody = Peer { address: None, encrypted: false };
    let delivery = Delivery::new(raw.into_bytes(), 0, vec![recipient], nobody, "seed");
    for result in house.deliver(delivery).await {
        if let Err(error) = result {
            bail!("{}: {error}", letter.to);
        }
    }
    Ok(())
}

impl Letter {
    /// As RFC 5322 writes it, with the return path in front (RFC 5321 section 4.4).
    fn write(&self, now: Timestamp) -> anyhow::Result<String> {
        let written = jiff::Timestamp::from_millisecond(now.plus_ms(-60_000 * self.minutes_ago).0)?;
        let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_string(&written)?;
        let Letter { from, from_name, to, id, subject, .. } = self;
        let answers = self.answers.map(|id| format!("In-Reply-To: <{id}>\r\n")).unwrap_or_default();
        let text = self.text.replace('\n', "\r\n");
        Ok(format!(
            "Return-Path: <{from}>\r\nFrom: {from_name} <{from}>\r\nTo: <{to}>\r\nSubject: {subject}\r\n\
             Date: {date}\r\nMessage-ID: <{id}>\r\n{answers}MIME-Version: 1.0\r\n\
             Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{text}"
        ))
    }
}

fn parse(address: &str) -> anyhow::Result<Address> {
    Ok(Address::parse(address)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_mail() {
        let text = LETTERS[4].write(Timestamp(1_700_000_000_000)).unwrap();
        assert!(text.contains("Date: Tue, 14 Nov 2023 22:01:20 "), "{text}");
        assert!(text.contains("In-Reply-To: <friday@example.org>\r\nMIME-Version"), "{text}");
        assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "every line ends with CRLF");
    }
}
