//! What the demonstration is filled with: two domains, people, shared mailboxes, delegates, letters
//! in several languages and one credential of each purpose.
//!
//! People and grants are the operator's acts, letters come by delivery, and what was done with them
//! since was done by somebody who is signed in: the trail of the demo looks like that of a house that
//! people use.

mod attachments;
mod credentials;
mod letter;
mod letters;
mod people;

use anyhow::{Context, bail};
use letter::{Letter, Place};
use letters::{LETTERS, MAILBOXES};
use postern_app::{AppendRequest, Attempt, Delivery, FlagChange, House, Locator, Peer, Session};
use postern_types::{Address, Flags, MailboxName, Secret, SystemFlag, Timestamp, Uid};
use std::collections::HashMap;
use std::sync::Arc;

pub(crate) use credentials::{Key, NIGHTLY, listed};
pub(crate) use people::{ADMIN, ALICE, BILLING, BOB, DOMAIN, EVENTS, HR, PEOPLE, Person, SUPPORT, TEAM};

/// Fills a new house; answers what its credentials are and their secrets.
pub(crate) async fn fill(house: &House, uid: u32) -> anyhow::Result<Vec<Key>> {
    let operator = house.operator_offline(uid)?;
    people::settle(house, &operator).await?;
    let mut mail = Mail::new(house);
    for (account, by, mailbox) in MAILBOXES {
        let at = at(account, by, mailbox)?;
        house.create_mailbox(mail.session(by).await?, &at, None).await.with_context(|| mailbox)?;
    }
    mail.put(&LETTERS).await?;
    credentials::issue_all(house, &operator).await
}

/// Puts letters where they are, by the hands that put them there.
struct Mail<'a> {
    house: &'a House,
    sessions: HashMap<&'static str, Session>,
    /// How many letters came to the INBOX of an account: what the next one's UID is.
    arrived: HashMap<&'static str, u32>,
}

impl<'a> Mail<'a> {
    fn new(house: &'a House) -> Self {
        Self { house, sessions: HashMap::new(), arrived: HashMap::new() }
    }

    async fn put(&mut self, letters: &[Letter]) -> anyhow::Result<()> {
        for letter in letters {
            let putting = match letter.place {
                Place::Came => self.deliver(letter).await,
                Place::Kept(by, mailbox) => self.keep(letter, by, mailbox).await,
            };
            putting.with_context(|| letter.subject)?;
        }
        Ok(())
    }

    /// A letter that came, and what somebody did with it then.
    async fn deliver(&mut self, letter: &Letter) -> anyhow::Result<()> {
        let account = letter.account;
        let recipient = self.house.recipient(&parse(account)?).await?;
        let raw = letter.write(self.house.now())?;
        let nobody = Peer { address: None, encrypted: false };
        let delivery = Delivery::new(raw.into_bytes(), 0, vec![recipient], nobody, "seed");
        for result in self.house.deliver(delivery).await {
            if let Err(error) = result {
                bail!("{account}: {error}");
            }
        }
        let uid = self.arrived.entry(account).or_default();
        *uid += 1;
        let uids: Arc<[Uid]> = Uid::new(*uid).into_iter().collect();
        let Some(done) = &letter.done else { return Ok(()) };
        let house = self.house;
        let session = self.session(done.by).await?;
        let inbox = at(account, done.by, "INBOX")?;
        let mailbox = house.open_mailbox(session, &inbox, false, false).await?.mailbox;
        let flags = Flags::from_iter(done.flags.iter().copied());
        house.change_flags(session, mailbox, Arc::clone(&uids), flags, FlagChange::Add, None).await?;
        if let Some(target) = done.moved_to {
            house.move_messages(session, mailbox, uids, &at(account, done.by, target)?).await?;
        }
        Ok(())
    }

    /// A letter that somebody wrote, or keeps as a draft.
    async fn keep(&mut self, letter: &Letter, by: &'static str, mailbox: &str) -> anyhow::Result<()> {
        let written = letter.written(self.house.now());
        let raw = Arc::new(letter.write(self.house.now())?.into_bytes());
        let flag = if mailbox == "Drafts" { SystemFlag::Draft } else { SystemFlag::Seen };
        let request = AppendRequest { raw, flags: Flags::from_iter([flag]), internal_date: Some(written) };
        let house = self.house;
        house.append(self.session(by).await?, &at(letter.account, by, mailbox)?, request).await?;
        Ok(())
    }

    async fn session(&mut self, address: &'static str) -> anyhow::Result<&Session> {
        if !self.sessions.contains_key(address) {
            let password = people::password_of(address).context("nobody of the demo")?;
            let attempt = Attempt {
                username: address.to_owned(),
                secret: Secret::new(password),
                peer: Peer { address: None, encrypted: false },
                protocol: "imap",
                mechanism: "PLAIN",
            };
            let session = self.house.sign_in(attempt).await.with_context(|| address)?;
            self.sessions.insert(address, session);
        }
        self.sessions.get(address).context("signed in just now")
    }
}

/// A mailbox of an account as somebody names it.
fn at(account: &str, by: &str, mailbox: &str) -> anyhow::Result<Locator> {
    let account = if account == by { None } else { Some(parse(account)?) };
    Ok(Locator { account, name: MailboxName::parse(mailbox)? })
}

fn parse(address: &str) -> anyhow::Result<Address> {
    Ok(Address::parse(address)?)
}

fn minutes_ago(now: Timestamp, minutes: i64) -> Timestamp {
    now.plus_ms(-60_000 * minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_mail() {
        let now = Timestamp(1_700_000_000_000);
        for letter in &LETTERS {
            let text = letter.write(now).unwrap();
            assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "every line ends with CRLF: {}", letter.subject);
            let (header, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(header.is_ascii() && !body.is_empty(), "{header}");
            assert!(header.lines().all(|line| line.len() <= 998), "{header}");
            assert!(letter.done.is_none() || matches!(letter.place, Place::Came), "{}", letter.subject);
        }
        let answer = LETTERS.iter().find(|letter| letter.id == "friday-answer@example.org").unwrap();
        let text = answer.write(now).unwrap();
        assert!(text.contains("Date: Tue, 14 Nov 2023 22:01:20 "), "{text}");
        assert!(text.contains("In-Reply-To: <friday@example.org>\r\nReferences: <friday@example.org>\r\n"), "{text}");
    }

    /// An answer names a letter that came before it, and no two of one account have one name.
    #[test]
    fn answers_follow_what_they_answer() {
        let mut ids: Vec<&str> = Vec::new();
        for letter in &LETTERS {
            for answered in letter.answers {
                assert!(ids.contains(answered), "{} answers {answered}, which comes later", letter.id);
            }
            let twice = LETTERS.iter().filter(|other| (other.id, other.account) == (letter.id, letter.account));
            assert_eq!(twice.count(), 1, "{} twice", letter.id);
            ids.push(letter.id);
        }
    }
}
