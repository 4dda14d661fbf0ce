//! Every command of the table, each with what the model expects of it. Whoever adds a command
//! gives it a line here: without one this does not build.

use super::account::{Letters, any, shown};
use super::story::{Place, Story, sign_in};
use super::wire::{Heard, Kind, ask};
use postern_imap_wire::{COMMANDS, CommandKind};

/// Who holds the letter may; else it is missing, and to those without `l` there is nothing
/// (RFC 4314 section 6).
pub fn verdict(held: &Letters, needed: char) -> Kind {
    match (held.contains(&needed), held.contains(&'l')) {
        (true, _) => Kind::Ok,
        (false, true) => Kind::Missing,
        (false, false) => Kind::Hidden,
    }
}

impl Story<'_> {
    /// Tries the command with this number in the table at this place.
    pub async fn attempt(&mut self, command: usize, place: Place) -> Result<(), String> {
        let spec = &COMMANDS[command];
        let Some(name) = self.name_at(place) else { return Ok(()) };
        let kind = self.by_kind(spec.kind, &name).await?;
        self.count(format!("{} {kind:?}", spec.name));
        Ok(())
    }

    async fn by_kind(&mut self, kind: CommandKind, name: &str) -> Result<Kind, String> {
        match kind {
            CommandKind::Capability => self.plain("CAPABILITY", Kind::Ok).await,
            CommandKind::Noop => self.plain("NOOP", Kind::Ok).await,
            CommandKind::Id => self.plain("ID NIL", Kind::Ok).await,
            CommandKind::Enable => self.plain("ENABLE NOTHING", Kind::Ok).await,
            CommandKind::Compress => self.plain("COMPRESS NOTHING", Kind::Bad).await,
            CommandKind::Notify => self.plain("NOTIFY NOTHING", Kind::Bad).await,
            CommandKind::Namespace => self.namespace().await,
            CommandKind::Logout => self.log_out().await,
            CommandKind::StartTls => self.plain("STARTTLS", Kind::Bad).await,
            CommandKind::Authenticate => self.plain("AUTHENTICATE PLAIN AGEAYg==", Kind::Bad).await,
            CommandKind::Login => self.plain("LOGIN alice@example.org x", Kind::Bad).await,
            CommandKind::Idle => self.idle().await,
            CommandKind::Check => self.check(name).await,
            CommandKind::Select => self.select(name, false).await,
            CommandKind::Examine => self.select(name, true).await,
            CommandKind::Unselect => self.unselect(name).await,
            CommandKind::Close => self.close(name).await,
            CommandKind::Expunge => self.expunge(name, "EXPUNGE").await,
            CommandKind::UidExpunge => self.expunge(name, "UID EXPUNGE 1:*").await,
            CommandKind::Search => self.search(name, false).await,
            CommandKind::UidSearch => self.search(name, true).await,
            CommandKind::Fetch => self.fetch(name, false).await,
            CommandKind::UidFetch => self.fetch(name, true).await,
            CommandKind::Store => self.store(name, false).await,
            CommandKind::UidStore => self.store(name, true).await,
            CommandKind::Copy => self.copy(name, false).await,
            CommandKind::UidCopy => self.copy(name, true).await,
            CommandKind::Move => self.r#move(name, false).await,
            CommandKind::UidMove => self.r#move(name, true).await,
            CommandKind::Append => self.append(name).await,
            CommandKind::Create => self.create(name).await,
            CommandKind::Delete => self.delete(name).await,
            CommandKind::Rename => self.rename(name).await,
            CommandKind::Subscribe => self.subscribe(name, true).await,
            CommandKind::Unsubscribe => self.subscribe(name, false).await,
            CommandKind::List => self.list(name).await,
            CommandKind::Lsub => self.lsub(name).await,
            CommandKind::Status => self.status(name).await,
            CommandKind::MyRights => self.my_rights(name).await,
            CommandKind::GetAcl => self.administer("GETACL {mailbox}", name).await,
            CommandKind::SetAcl => self.administer("SETACL {mailbox} bob@example.org lr", name).await,
            CommandKind::DeleteAcl => self.administer("DELETEACL {mailbox} bob@example.org", name).await,
            CommandKind::GetQuotaRoot => self.quota_root(name).await,
            CommandKind::GetQuota => self.quota().await,
            CommandKind::SetQuota => self.plain("SETQUOTA \"\" (STORAGE 512)", Kind::Missing).await,
            CommandKind::ListRights => self.administer("LISTRIGHTS {mailbox} bob@example.org", name).await,
        }
    }

    async fn plain(&mut self, command: &str, expected: Kind) -> Result<Kind, String> {
        self.expect(command, "", expected).await.map(|_| expected)
    }

    /// A command that names a mailbox. One that is refused as absent is refused in the bytes that
    /// a name gets which never was.
    pub async fn named(&mut self, command: &str, name: &str, more: &str, expected: Kind) -> Result<Heard, String> {
        let heard = self.expect(&command.replace("{mailbox}", name), more, expected).await?;
        if expected == Kind::Hidden {
            let never = self.never_was(name);
            let again = ask(&mut self.client, &command.replace("{mailbox}", &never), more).await;
            if heard.masked(name) != again.masked(&never) {
                return Err(format!("{command}: {name} is told from {never}, which never was: {heard:#?} {again:#?}"));
            }
        }
        Ok(heard)
    }

    /// A name of equal length beside this one, that no mailbox has.
    fn never_was(&self, name: &str) -> String {
        let begin = &name[..name.len() - 1];
        let names = ["q", "z", "j"].map(|last| format!("{begin}{last}"));
        let free = names.into_iter().find(|other| other != name && !self.account.mailboxes.contains_key(other));
        free.expect("there are few mailboxes")
    }

    /// A session sees its own account alone (RFC 9051 section 6.3.10).
    async fn namespace(&mut self) -> Result<Kind, String> {
        let heard = self.expect("NAMESPACE", "", Kind::Ok).await?;
        match heard.lines == ["* NAMESPACE ((\"\" \"/\")) NIL NIL"] {
            true => Ok(Kind::Ok),
            false => Err(format!("NAMESPACE tells of others: {heard:#?}")),
        }
    }

    /// Whoever has left signs in again; their place is free once the house has noticed.
    async fn log_out(&mut self) -> Result<Kind, String> {
        self.expect("LOGOUT", "", Kind::Ok).await?;
        self.client.closed().await;
        (self.selected, self.account.fixed) = (None, None);
        loop {
            self.client = self.house.imap("credential").await;
            let completion = sign_in(&mut self.client, &self.address, &self.secret, false).await;
            match completion {
                said if said.starts_with("OK ") => return Ok(Kind::Ok),
                said if said.starts_with("NO [LIMIT] ") => {}
                said => return Err(format!("LOGIN after LOGOUT: {said}")),
            }
        }
    }

    async fn idle(&mut self) -> Result<Kind, String> {
        self.expect("IDLE", "DONE", Kind::Ok).await.map(|_| Kind::Ok)
    }

    /// STATUS needs `r`, and counts what is shown.
    async fn status(&mut self, name: &str) -> Result<Kind, String> {
        let expected = verdict(&self.account.held(name), 'r');
        let heard = self.named("STATUS {mailbox} (MESSAGES UIDNEXT UNSEEN DELETED)", name, "", expected).await?;
        if expected == Kind::Ok {
            let now = self.now();
            let messages = self.account.messages(name, now);
            let with = |flag: &str| messages.iter().filter(|(_, message)| message.flags.contains(flag)).count();
            let (all, unseen, deleted) = (messages.len(), messages.len() - with("\\Seen"), with("\\Deleted"));
            let next = self.uid_next(name);
            let line = format!("* STATUS {name} (MESSAGES {all} UIDNEXT {next} UNSEEN {unseen} DELETED {deleted})");
            if !heard.lines.contains(&line) {
                return Err(format!("the model says {line}, the server {heard:#?}"));
            }
        }
        Ok(expected)
    }

    /// GETQUOTAROOT needs `r`, on the mailbox or on one that would be made now, and tells of the account to whom
    /// all of it is open.
    async fn quota_root(&mut self, name: &str) -> Result<Kind, String> {
        let mut expected = verdict(&self.account.held(name), 'r');
        // Under `Shared/` this session has nothing, and nothing is made there.
        let is_own = !name.starts_with("Shared/");
        if expected == Kind::Hidden && is_own && self.account.would_hold(name).contains(&'r') {
            expected = Kind::Ok;
        }
        let heard = self.named("GETQUOTAROOT {mailbox}", name, "", expected).await?;
        let (root, quota) = match self.account.reads_everything() {
            true => (format!(" {}", self.address), vec![format!("{} ()", self.address)]),
            false => (String::new(), Vec::new()),
        };
        let (roots, quotas) = match expected {
            Kind::Ok => (vec![format!("{name}{root}")], quota),
            _ => (Vec::new(), Vec::new()),
        };
        match heard.after("* QUOTAROOT ") == roots && heard.after("* QUOTA ") == quotas {
            true => Ok(expected),
            false => Err(format!("GETQUOTAROOT: the model says {roots:?} {quotas:?}, the server {heard:#?}")),
        }
    }

    async fn quota(&mut self) -> Result<Kind, String> {
        let expected = if self.account.reads_everything() { Kind::Ok } else { Kind::Hidden };
        let command = format!("GETQUOTA {}", self.address);
        self.expect(&command, "", expected).await.map(|_| expected)
    }

    /// Where the mailbox ends for who is shown old messages alone.
    pub fn uid_next(&self, name: &str) -> u32 {
        self.account.mailboxes[name].next_uid.min(self.account.end(name, self.now()).saturating_add(1))
    }

    /// MYRIGHTS needs one of l r i k x a (RFC 4314 section 4).
    async fn my_rights(&mut self, name: &str) -> Result<Kind, String> {
        let held = self.account.held(name);
        let expected = if any(&held, "lrikxa") { Kind::Ok } else { Kind::Hidden };
        let heard = self.named("MYRIGHTS {mailbox}", name, "", expected).await?;
        let model = if expected == Kind::Ok { vec![format!("{name} {}", shown(&held))] } else { Vec::new() };
        match heard.after("* MYRIGHTS ") == model {
            true => Ok(expected),
            false => Err(format!("MYRIGHTS: the model says {model:?}, the server {heard:#?}")),
        }
    }

    /// No credential has `a`.
    async fn administer(&mut self, command: &str, name: &str) -> Result<Kind, String> {
        let expected = verdict(&self.account.held(name), 'a');
        self.named(command, name, "", expected).await.map(|_| expected)
    }
}
