//! One credential of each purpose: what a program or a person signs in to a shared mailbox with, as it.

use super::parse;
use super::people::{ADMIN, ALICE, BILLING, CAROL, DAVE, EVENTS, FRANK, HR, SUPPORT, in_days};
use anyhow::Context;
use postern_app::{
    Caller, CredentialWish, GrantReach, Hours, House, Letters, Networks, Protocol, Protocols, Purpose, SendingWish,
};
use postern_types::{MailboxName, Network, Rights, Secret};

/// The credential of support@ that the welcome tells of at length.
pub(crate) const NIGHTLY: &str = "nightly";

/// One of them, made.
pub(crate) struct Key {
    /// `support@example.org/nightly`
    pub called: String,
    pub purpose: Purpose,
    pub secret: Secret,
}

/// What there is to be, in the order in which it is shown.
struct Wanted {
    shared: &'static str,
    name: &'static str,
    purpose: Purpose,
    owner: &'static str,
    reason: &'static str,
    /// Who uses it, and why a grant does not do.
    by_hand: Option<(&'static str, &'static str)>,
}

const fn program(
    shared: &'static str,
    name: &'static str,
    purpose: Purpose,
    owner: &'static str,
    reason: &'static str,
) -> Wanted {
    Wanted { shared, name, purpose, owner, reason, by_hand: None }
}

const WANTED: [Wanted; 10] = [
    program(SUPPORT, NIGHTLY, Purpose::Backup, ADMIN.0, "a copy of the mail, every night"),
    program(SUPPORT, "desk", Purpose::Ticketing, ADMIN.0, "the help desk turns letters into tickets and answers"),
    program(BILLING, "ledger", Purpose::Archive, CAROL, "invoices that are paid go into the ledger's archive"),
    program(BILLING, "scanner", Purpose::Device, CAROL, "the scanner on the second floor sends what it scans"),
    program(EVENTS, "newsletter", Purpose::Marketing, CAROL, "the programme of the month goes out to subscribers"),
    program(HR, "move-in", Purpose::Migration, DAVE, "the old mailbox is copied over, once"),
    Wanted {
        by_hand: Some((ALICE.0, "the counter's screen is one for all who stand there, and nobody's own")),
        ..program(SUPPORT, "counter", Purpose::Role, ADMIN.0, "whoever stands at the counter answers")
    },
    Wanted {
        by_hand: Some((FRANK, "the ticket gate is a program that runs for the fair alone")),
        ..program(EVENTS, "fair", Purpose::Task, CAROL, "tickets of the autumn fair are checked against bookings")
    },
    Wanted {
        by_hand: Some((CAROL, "this phone's mail program opens one mailbox for each sign-in and no others")),
        ..program(BILLING, "phone", Purpose::Client, CAROL, "invoices on the way")
    },
    Wanted {
        by_hand: Some((ALICE.0, "it is a program that counts, and reads nothing else")),
        ..program(SUPPORT, "counts", Purpose::Other, ADMIN.0, "how many letters lie in INBOX, for the wall")
    },
];

/// How each is called, with its purpose.
pub(crate) fn listed() -> impl Iterator<Item = (String, Purpose)> {
    WANTED.iter().map(|wanted| (wanted.called(), wanted.purpose))
}

/// Issues all of them.
pub(super) async fn issue_all(house: &House, operator: &Caller) -> anyhow::Result<Vec<Key>> {
    let mut keys = Vec::with_capacity(WANTED.len());
    for wanted in &WANTED {
        let wish = wanted.wish(house)?;
        let issued = house.issue_credential(operator, &parse(wanted.shared)?, wish).await;
        let issued = issued.with_context(|| wanted.called())?;
        let secret = issued.secret.context("a credential that is handed to nobody has its secret shown")?;
        keys.push(Key { called: wanted.called(), purpose: wanted.purpose, secret });
    }
    Ok(keys)
}

impl Wanted {
    fn called(&self) -> String {
        format!("{}/{}", self.shared, self.name)
    }

    /// The template of the purpose, narrowed to this machine and to what is needed.
    fn wish(&self, house: &House) -> anyhow::Result<CredentialWish> {
        let network = |text: &str| text.parse::<Network>().map_err(anyhow::Error::msg);
        let base = CredentialWish {
            name: Some(self.name.to_owned()),
            networks: Some(Networks::Of(vec![network("127.0.0.0/8")?, network("::1/128")?])),
            holder: self.by_hand.map(|(holder, _)| parse(holder)).transpose()?,
            not_delegation: self.by_hand.map(|(_, why)| why.to_owned()),
            ..CredentialWish::new(self.purpose, parse(self.owner)?, self.reason)
        };
        Ok(match self.purpose {
            Purpose::Archive => CredentialWish { older_than_ms: Some(30 * 24 * 3_600_000), ..base },
            Purpose::Marketing => {
                let sending = SendingWish {
                    messages_per_minute: Some(60),
                    recipients_per_day: Some(2_000),
                    ..SendingWish::default()
                };
                CredentialWish { sending, hours: Hours::of_minutes(8 * 60, 18 * 60), ..base }
            }
            Purpose::Task => CredentialWish { expires: Some(in_days(house.now(), 45)), ..base },
            Purpose::Other => CredentialWish {
                protocols: Some(Protocols::of(&[Protocol::Imap])),
                letters: Some(Letters::Rights(Rights::READER)),
                mailboxes: vec![GrantReach::Mailbox(MailboxName::parse("INBOX")?)],
                connections: Some(1),
                holder: None,
                ..base
            },
            _ => base,
        })
    }
}
