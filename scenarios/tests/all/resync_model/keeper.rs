//! Who keeps a copy: a delegate, or a program that signs in to the mailbox itself; and how what they may do is taken
//! from them and given back.

use super::commands::Kind;
use super::copy::Kept;
use super::model::Viewer;
use crate::people::address;
use postern_app::{CredentialWish, DirectSignIn, GrantReach, Issued, Letters, Networks, PolicyChange, Purpose};
use postern_testkit::power::Random;
use postern_testkit::{House, ImapClient, PASSWORD};
use postern_types::{MailboxName, Rights};

/// What everybody hears whose name or secret is wrong.
const REFUSED: &str = "NO [AUTHENTICATIONFAILED]";
const OWNER: &str = "alice@example.org";

#[derive(Debug)]
pub enum Who {
    Delegate { email: &'static str, letters: &'static str },
    Program { id: String, secret: String, scope: Scope },
}

/// What a program may do.
#[derive(Debug, Clone, Copy)]
pub struct Scope {
    letters: &'static str,
    is_forgiving: bool,
    has_archive: bool,
}

impl Who {
    /// What it is called in what is told.
    pub fn name(&self) -> &'static str {
        match self {
            Who::Delegate { email, .. } => email,
            Who::Program { .. } => "the program",
        }
    }
}

/// What stands between somebody and the mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// The grant of a delegate.
    Grant,
    /// A credential, for good: what is given back is another one.
    Credential,
    /// A credential was set aside.
    Suspended,
    /// The mailbox lets no program in.
    Blocked,
}

/// Somebody, their client and its copy.
pub struct Keeper {
    pub who: Who,
    /// Of the shared account.
    address: String,
    pub kind: Kind,
    /// It says ENABLE IMAP4rev2.
    pub rev2: bool,
    pub client: Option<ImapClient>,
    /// A connection on which the mailbox was taken away: nothing is selected there.
    pub spare: Option<ImapClient>,
    pub copy: Kept,
    /// What the copy was at some moments before, each kept until it is needed again.
    pub saved: Vec<Kept>,
    pub taken: Option<Taken>,
    /// The server has ended the connection, which its client has not heard yet.
    pub is_ended: bool,
    /// Something was taken and given back since the copy was last right.
    pub was_out: bool,
}

impl Keeper {
    pub async fn delegate(
        house: &House,
        address: &str,
        (email, letters): (&'static str, &'static str),
        random: &mut Random,
    ) -> Self {
        house.grant(address, email, letters).await;
        Self::of(Who::Delegate { email, letters }, address, random)
    }

    pub async fn program(house: &House, address: &str, random: &mut Random) -> Self {
        Self::of(issue(house, address, random).await, address, random)
    }

    fn of(who: Who, address: &str, random: &mut Random) -> Self {
        let kind = *random.pick(&[Kind::Plain, Kind::Sequences, Kind::Resync, Kind::Resync]);
        Self {
            who,
            address: address.to_owned(),
            kind,
            rev2: random.below(3) == 0,
            client: None,
            spare: None,
            copy: Kept::new(kind),
            saved: Vec::new(),
            taken: None,
            is_ended: false,
            was_out: false,
        }
    }

    /// As the model has them; `place` is theirs among the keepers.
    pub fn viewer(&self, place: usize) -> Viewer {
        match &self.who {
            Who::Delegate { letters, .. } => {
                Viewer { person: Some(place), letters, is_forgiving: false, sees_archive: true }
            }
            Who::Program { scope, .. } => Viewer {
                person: None,
                letters: scope.letters,
                is_forgiving: scope.is_forgiving,
                sees_archive: scope.has_archive,
            },
        }
    }

    /// Is there a connection, and can a command be said on it?
    pub fn is_there(&self) -> bool {
        self.client.is_some() && self.taken.is_none() && !self.is_ended
    }

    pub fn is_program(&self) -> bool {
        matches!(self.who, Who::Program { .. })
    }

    /// A mailbox of the account: in a direct sign-in there is nothing but the account.
    pub fn path(&self, mailbox: &str) -> String {
        match &self.who {
            Who::Delegate { .. } => format!("Shared/{}/{mailbox}", self.address),
            Who::Program { .. } => mailbox.to_owned(),
        }
    }

    fn login(&self) -> String {
        match &self.who {
            Who::Delegate { email, .. } => format!("LOGIN {email} \"{PASSWORD}\""),
            Who::Program { secret, .. } => format!("LOGIN {} {secret}", self.address),
        }
    }

    pub async fn sign_in(&self, house: &House) -> ImapClient {
        let mut client = house.imap(self.who.name()).await;
        client.ok(&self.login(), "").await;
        client
    }

    /// A connection on which all is agreed that this client wants of its server.
    pub async fn begin(&mut self, house: &House) -> ImapClient {
        if let Some(client) = self.spare.take() {
            return client;
        }
        let mut client = self.sign_in(house).await;
        if self.rev2 {
            client.ok("ENABLE IMAP4rev2", "ENABLED").await;
        }
        match self.kind {
            Kind::Plain => {}
            Kind::Sequences => drop(client.ok("ENABLE CONDSTORE", "CONDSTORE").await),
            Kind::Resync => drop(client.ok("ENABLE QRESYNC", "QRESYNC").await),
        }
        client
    }

    /// Tries to come back while that is taken: a delegate finds no such mailbox, and no program signs in.
    pub async fn is_kept_out(&mut self, house: &House) -> Result<(), String> {
        let (command, expected) = match &self.who {
            Who::Delegate { .. } => (format!("SELECT {} (CONDSTORE)", self.path("INBOX")), "NO [NONEXISTENT]"),
            Who::Program { .. } => (self.login(), REFUSED),
        };
        let mut client = match (self.spare.take(), &self.who) {
            (Some(spare), _) => spare,
            (None, Who::Delegate { .. }) => self.sign_in(house).await,
            (None, Who::Program { .. }) => house.imap("kept out").await,
        };
        let answer = client.command(&command).await;
        if answer.status.starts_with(expected) && answer.untagged.is_empty() {
            return Ok(());
        }
        Err(format!("{} is let in: {:?} {}", self.who.name(), answer.lines(), answer.status))
    }

    /// Takes the mailbox away, in one of the ways that there are.
    pub async fn take(&mut self, house: &House, random: &mut Random) {
        let (app, operator) = (house.app(), house.operator());
        let taken = match &self.who {
            Who::Delegate { email, .. } => {
                house.revoke(&self.address, email).await;
                Taken::Grant
            }
            Who::Program { id, .. } => {
                let taken = *random.pick(&[Taken::Credential, Taken::Suspended, Taken::Blocked]);
                match taken {
                    Taken::Credential => drop(app.revoke_credential(operator, id, false).await.expect("revoked")),
                    Taken::Suspended => drop(app.suspend_credential(operator, id).await.expect("suspended")),
                    _ => set_policy(house, &self.address, DirectSignIn::Blocked).await,
                }
                taken
            }
        };
        self.taken = Some(taken);
        self.was_out = true;
        self.is_ended = self.is_program() && self.client.is_some();
    }

    /// Gives it back: for a credential that was revoked another one, with a scope of its own.
    pub async fn give_back(&mut self, house: &House, random: &mut Random) {
        match (self.taken.take(), &self.who) {
            (Some(Taken::Grant), Who::Delegate { email, letters }) => house.grant(&self.address, email, letters).await,
            (Some(Taken::Suspended), Who::Program { id, .. }) => {
                house.app().resume_credential(house.operator(), id).await.expect("it signs in again");
            }
            (Some(Taken::Blocked), _) => set_policy(house, &self.address, DirectSignIn::Allowed).await,
            (Some(Taken::Credential), _) => self.who = issue(house, &self.address, random).await,
            (taken, who) => panic!("{taken:?} of {who:?}"),
        }
    }

    /// Gives a delegate other letters, with which they still read.
    pub async fn give_others(&mut self, house: &House, random: &mut Random) {
        if let Who::Delegate { email, letters } = &mut self.who {
            *letters = *random.pick(&["lr", "lrs", "lrsw", "lrwt", "lrswit", "lrite", "lrste", "lrswipkxte"]);
            house.grant(&self.address, email, letters).await;
        }
    }
}

async fn set_policy(house: &House, account: &str, direct_sign_in: DirectSignIn) {
    let change = PolicyChange { direct_sign_in: Some(direct_sign_in), ..PolicyChange::default() };
    house.app().set_policy(house.operator(), Some(&address(account)), change).await.expect("a policy");
}

/// A credential that reads INBOX, with some letters on all of the account or on some mailboxes of it.
async fn issue(house: &House, account: &str, random: &mut Random) -> Who {
    let (letters, held) = match random.below(9) {
        0 => (Letters::ReadOnly { lenient: true }, "lr"),
        1 => (Letters::ReadOnly { lenient: false }, "lr"),
        _ => {
            let some = *random.pick(&["lrs", "lrsw", "lrswit", "lrswite", "lrte", "rswe", "lrswipkxte"]);
            (Letters::Rights(Rights::parse(some).expect("letters")), some)
        }
    };
    let is_forgiving = letters == Letters::ReadOnly { lenient: true };
    let name = |text| MailboxName::parse(text).expect("a name");
    let inbox = GrantReach::Mailbox(name("INBOX"));
    let mailboxes = match random.below(3) {
        0 => Vec::new(),
        1 => vec![inbox],
        _ => vec![inbox, GrantReach::Subtree(name("Archive"))],
    };
    let scope = Scope { letters: held, is_forgiving, has_archive: mailboxes.len() != 1 };
    let wish = CredentialWish {
        networks: Some(Networks::Any),
        letters: Some(letters),
        mailboxes,
        ..CredentialWish::new(Purpose::Backup, address(OWNER), "a program keeps a copy")
    };
    let issued: Issued =
        house.app().issue_credential(house.operator(), &address(account), wish).await.expect("a credential");
    let secret = issued.secret.as_ref().expect("a secret").expose_text().expect("letters").to_owned();
    Who::Program { id: issued.row.public_id.clone(), secret, scope }
}
