//! What the operator does in a story: grants, revocations, groups, suspensions. The house is
//! told, then the model.

use super::messages::Whose;
use super::model::{Grant, Reach};
use super::story::{ACCOUNTS, GROUPS, NAMES, PEOPLE, Story, address, person};
use super::wire::Kind;
use postern_app::{GrantReach, GrantTerms};
use postern_types::{MailboxName, Rights, Seen, SendRights};

fn name(text: &str) -> MailboxName {
    MailboxName::parse(text).expect("a mailbox name")
}

impl Story<'_> {
    pub(super) async fn grant(&mut self) {
        let account = self.random.below(ACCOUNTS);
        let (who, letters) = (self.anyone(), self.some_letters());
        let named = |name: &&String| NAMES.contains(&name.as_str());
        let there: Vec<String> = self.model.accounts[account].mailboxes.keys().filter(named).cloned().collect();
        let top = self.random.pick(&there).clone();
        let number = self.model.accounts[account].mailboxes[&top].number;
        let (reach, given) = match self.random.below(10) {
            0..5 => (Reach::Account, GrantReach::Account),
            5..7 => (Reach::Subtree(top.clone()), GrantReach::Subtree(name(&top))),
            _ => (Reach::Mailbox(number), GrantReach::Mailbox(name(&top))),
        };
        let rights: String = letters.iter().collect();
        // Never at a minute to which time is let pass: commands take moments of their own.
        let until = self.random.percent(30).then(|| self.model.minute + *self.random.pick(&[10, 20, 40]));
        let terms = GrantTerms {
            reach: given,
            rights: Rights::parse(&rights).expect("letters"),
            send: SendRights::NONE,
            automap: true,
            not_after: until.map(|minute| self.began.plus_ms(i64::from(minute) * 60 * 1000)),
        };
        let (shared, grantee) = (address(&self.account(account)), address(&self.identifier(who)));
        self.told.push(format!("give {grantee} {shared} {:?} {rights:?} until {until:?}", terms.reach));
        self.count("grant");
        self.house.app().give(self.house.operator(), &shared, &grantee, terms).await.expect("a grant");
        self.model.give(account, Grant { who, reach, letters, until });
    }

    pub(super) async fn revoke(&mut self) {
        let account = self.random.below(ACCOUNTS);
        if self.model.accounts[account].grants.is_empty() {
            return;
        }
        let Grant { who, reach, .. } = self.random.pick(&self.model.accounts[account].grants).clone();
        let all = self.random.percent(50);
        let given = match &reach {
            _ if all => None,
            Reach::Account => Some(GrantReach::Account),
            Reach::Subtree(top) => Some(GrantReach::Subtree(name(top))),
            Reach::Mailbox(number) => {
                let at = self.model.name_of(account, *number).expect("grants end with their mailbox");
                Some(GrantReach::Mailbox(name(&at)))
            }
        };
        let (shared, grantee) = (address(&self.account(account)), address(&self.identifier(who)));
        self.told.push(format!("take back {grantee} {shared} {given:?}"));
        self.count("revoke");
        self.house.app().take_back(self.house.operator(), &shared, &grantee, given).await.expect("a grant less");
        match all {
            true => self.model.accounts[account].grants.retain(|grant| grant.who != who),
            false => self.model.take(account, who, &reach),
        }
    }

    pub(super) async fn membership(&mut self) {
        let (group, who) = (self.random.below(GROUPS), self.random.below(PEOPLE.len()));
        let (at, member) = (address(&self.group(group)), address(&person(who)));
        let Some(members) = &mut self.model.groups[group] else { return };
        let (app, operator) = (self.house.app(), self.house.operator());
        if members.remove(&who) {
            self.told.push(format!("{member} leaves {at}"));
            app.remove_member(operator, &at, &member).await.expect("a member less");
        } else {
            members.insert(who);
            self.told.push(format!("{member} joins {at}"));
            app.add_member(operator, &at, &member).await.expect("a member more");
        }
        self.count("membership");
    }

    pub(super) async fn disband(&mut self) {
        let group = self.random.below(GROUPS);
        if self.model.groups[group].is_none() {
            return;
        }
        let at = address(&self.group(group));
        self.told.push(format!("{at} is removed"));
        self.count("group removed");
        self.house.app().remove_group(self.house.operator(), &at).await.expect("a group less");
        self.model.disband(group);
    }

    /// Somebody goes, and their session with them at once; or they are let back.
    pub(super) async fn suspension(&mut self) -> Result<(), String> {
        let away: Vec<usize> = (0..PEOPLE.len()).filter(|who| self.model.suspended[*who]).collect();
        // Most are back before the next one goes.
        let (who, suspended) = match away.is_empty() || self.random.percent(20) {
            true => (self.random.below(PEOPLE.len()), true),
            false => (*self.random.pick(&away), false),
        };
        if self.model.suspended[who] == suspended {
            return Ok(());
        }
        self.told.push(format!("{} suspended: {suspended}", person(who)));
        self.count("suspension");
        let (app, operator) = (self.house.app(), self.house.operator());
        app.suspend_person(operator, &address(&person(who)), suspended).await.expect("done");
        self.model.suspended[who] = suspended;
        let Some(mut session) = self.sessions[who].take_if(|_| suspended) else { return Ok(()) };
        let heard = session.farewell().await;
        self.count("bye");
        self.compare(who, "(waiting)", &heard, &Kind::Bye)
    }

    /// An account keeps `\Seen` in another way, or protects its mail from deletion, or not.
    pub(super) async fn setting(&mut self) {
        let account = self.random.below(ACCOUNTS);
        let shared = self.account(account);
        let now = &mut self.model.accounts[account];
        if self.random.percent(40) {
            let protected = !now.protected;
            now.protected = protected;
            self.told.push(format!("{shared} is protected: {protected}"));
            self.count("protection");
            self.house.set_delete_protection(&shared, protected).await;
        } else {
            let (whose, seen) = *self.random.pick(&[
                (Whose::Shared, Seen::Shared),
                (Whose::Personal, Seen::Personal),
                (Whose::Both, Seen::Both),
            ]);
            now.seen = whose;
            self.told.push(format!("{shared} keeps \\Seen {seen}"));
            self.count("whose seen");
            self.house.set_seen(&shared, seen).await;
        }
    }

    /// Time passes. Nobody waits in IDLE meanwhile: the server's own timers run by another clock
    /// than the one that a test moves.
    pub(super) async fn wait(&mut self) -> Result<(), String> {
        for who in 0..PEOPLE.len() {
            if self.sessions[who].as_ref().is_some_and(|session| session.idle.is_some()) {
                self.ready(who).await?;
            }
        }
        const MINUTES: u32 = 15;
        self.told.push(format!("{MINUTES} minutes pass"));
        self.count("time passes");
        self.house.pass_minutes(MINUTES.into());
        self.model.minute += MINUTES;
        Ok(())
    }
}
