//! What a wish for a credential comes to: the template of its purpose where nothing is said, and
//! every rule held that does not depend on the house.

use super::{CredentialWish, DAY_MS, Letters, unusable};
use crate::Refused;
use postern_access::{Networks, Protocol, Protocols, Template};
use postern_types::{Rights, Timestamp};

/// What a wish comes to: the template where nothing is said, and every rule held.
pub(super) struct Terms {
    pub(super) protocols: Protocols,
    pub(super) rights: Rights,
    pub(super) on_archive: Rights,
    pub(super) forgiving: bool,
    pub(super) expires: Timestamp,
}

impl CredentialWish {
    pub(super) fn terms(&self, now: Timestamp) -> Result<Terms, Refused> {
        let template = self.purpose.template();
        self.people()?;
        let (rights, on_archive, forgiving) = match self.letters {
            None => (template.rights, template.on_archive, false),
            Some(Letters::Rights(rights)) => (rights, Rights::NONE, false),
            Some(Letters::ReadOnly { lenient }) => (Rights::READER, Rights::NONE, lenient),
            Some(Letters::SendOnly) => (Rights::NONE, Rights::NONE, false),
        };
        let only_sends = self.letters == Some(Letters::SendOnly);
        let named = self.protocols.or(only_sends.then(|| Protocols::of(&[Protocol::Submission])));
        let protocols = named.unwrap_or(template.protocols);
        self.check_scope(protocols, rights, only_sends)?;
        if self.networks.is_none() {
            return unusable(
                "Say from where it signs in: --network 192.0.2.0/24 for the machine that uses it (as often as there are \
                 networks), or --any-network where that can not be known",
            );
        }
        let expires = self.ends(template, now)?;
        Ok(Terms { protocols, rights, on_archive, forgiving, expires })
    }

    fn people(&self) -> Result<(), Refused> {
        let purpose = self.purpose;
        match (purpose.has_holder(), &self.holder) {
            (true, None) => {
                return unusable(format!("A credential for a {purpose} is used by somebody: name them with --holder"));
            }
            (false, Some(_)) => {
                return unusable(format!(
                    "A credential for {purpose} is used by a program: it has an owner and no --holder"
                ));
            }
            _ => {}
        }
        Ok(())
    }

    fn check_scope(&self, protocols: Protocols, rights: Rights, only_sends: bool) -> Result<(), Refused> {
        if protocols.is_empty() {
            return unusable("This purpose starts with nothing: name its protocols with --protocols");
        }
        if only_sends && protocols != Protocols::of(&[Protocol::Submission]) {
            return unusable("With --send-only it has submission alone; leave --protocols out");
        }
        if rights.has(postern_types::Letter::Administer) {
            return unusable(
                "No credential has the letter a: who may do what is managed by people, signed in as themselves",
            );
        }
        let reads = protocols - Protocols::of(&[Protocol::Submission]);
        if !reads.is_empty() && rights.is_empty() {
            return unusable(format!("By {reads} it would see nothing: name letters with --rights, or --read-only"));
        }
        if reads.is_empty() && (!rights.is_empty() && self.letters.is_some() || !self.mailboxes.is_empty()) {
            return unusable(
                "It sends alone, so it has no letters and no mailboxes; add a protocol that reads, such as imap",
            );
        }
        if self.older_than_ms.is_some_and(|age| age <= 0) {
            return unusable("--older-than is a time that has passed, such as 30d");
        }
        if self.connections == Some(0) {
            return unusable("With no connection at all it could not sign in; give --max-connections 1 or more");
        }
        if matches!(&self.networks, Some(Networks::Of(networks)) if networks.iter().any(|network| network.is_everything()))
        {
            return unusable("A network of every address is --any-network; say that if it is meant");
        }
        Ok(())
    }

    fn ends(&self, template: Template, now: Timestamp) -> Result<Timestamp, Refused> {
        let purpose = self.purpose;
        let starts = self.starts.unwrap_or(now).max(now);
        let expires = match (self.expires, template.days) {
            (Some(expires), _) => expires,
            (None, Some(days)) => starts.plus_ms(days * DAY_MS),
            (None, None) => return unusable(format!("A {purpose} has an end of its own: give it with --expires")),
        };
        if expires <= starts {
            return unusable("It would end before it starts; give --expires a later moment");
        }
        if expires > starts.plus_ms(template.most_days * DAY_MS) {
            return unusable(format!("A credential for {purpose} lasts {} days at most", template.most_days));
        }
        Ok(expires)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postern_access::Purpose;
    use postern_types::Address;

    fn wish(purpose: Purpose) -> CredentialWish {
        CredentialWish {
            purpose,
            owner: Address::parse("alice@example.org").unwrap(),
            holder: purpose.has_holder().then(|| Address::parse("bob@example.org").unwrap()),
            reason: "needed".to_owned(),
            not_delegation: None,
            name: None,
            protocols: None,
            letters: None,
            mailboxes: Vec::new(),
            older_than_ms: None,
            networks: Some(Networks::Any),
            hours: None,
            connections: None,
            starts: None,
            expires: None,
            wrap_for: None,
        }
    }

    const NOW: Timestamp = Timestamp(1_000_000);

    /// Each purpose alone is enough, but for those that start with nothing or have their own end.
    #[test]
    fn a_purpose_is_a_whole_scope() {
        for purpose in Purpose::ALL {
            let terms = wish(purpose).terms(NOW);
            match purpose {
                Purpose::Other | Purpose::Task => assert!(terms.is_err(), "{purpose}"),
                _ => {
                    let terms = terms.unwrap_or_else(|error| panic!("{purpose}: {error}"));
                    assert_eq!(terms.rights, purpose.template().rights);
                    assert_eq!(terms.protocols, purpose.template().protocols);
                    let days = if purpose == Purpose::Migration { 1 } else { 90 };
                    assert_eq!(terms.expires, NOW.plus_ms(days * DAY_MS), "{purpose}");
                }
            }
        }
    }

    #[test]
    fn what_can_not_be_meant_is_refused() {
        let refused = |change: &dyn Fn(&mut CredentialWish), purpose| {
            let mut wish = wish(purpose);
            change(&mut wish);
            wish.terms(NOW).err().map(|error| error.to_string()).unwrap_or_default()
        };
        let backup = Purpose::Backup;
        let both = refused(&|wish| wish.networks = None, backup);
        assert!(both.contains("--network") && both.contains("--any-network"), "{both}");
        let everything = Networks::Of(vec!["0.0.0.0/0".parse().unwrap()]);
        assert!(refused(&|wish| wish.networks = Some(everything.clone()), backup).contains("--any-network"));
        assert!(refused(&|wish| wish.holder = None, Purpose::Client).contains("--holder"));
        assert!(refused(&|wish| wish.holder = Some(wish.owner.clone()), backup).contains("no --holder"));
        assert!(refused(&|wish| wish.letters = Some(Letters::Rights(Rights::ALL)), backup).contains("letter a"));
        assert!(refused(&|wish| wish.letters = Some(Letters::Rights(Rights::NONE)), backup).contains("--rights"));
        assert!(refused(&|wish| wish.expires = Some(NOW), backup).contains("before it starts"));
        assert!(refused(&|wish| wish.expires = Some(NOW.plus_ms(15 * DAY_MS)), Purpose::Migration).contains("14 days"));
        assert!(refused(&|wish| wish.connections = Some(0), backup).contains("--max-connections"));
        assert!(refused(&|_| {}, Purpose::Task).contains("--expires"));
        assert!(refused(&|_| {}, Purpose::Other).contains("--protocols"));
    }
}
