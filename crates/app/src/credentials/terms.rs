//! What a wish for a credential comes to: the template of its purpose where nothing is said. What
//! can not be meant is refused here; what may be issued, `postern-access` says
//! ([`postern_access::Issue`]), asked in the write that issues.

use super::{CredentialWish, DAY_MS, Letters, SendingWish, unusable};
use crate::Refused;
use postern_access::{
    MOST_MESSAGES_PER_MINUTE, Networks, Protocol, Protocols, RECIPIENTS_PER_DAY, SendingScope, Template,
};
use postern_types::{Network, Rights, Timestamp};

/// What a wish comes to: the template where nothing is said, and every rule held.
pub(super) struct Terms {
    pub(super) protocols: Protocols,
    pub(super) rights: Rights,
    pub(super) on_archive: Rights,
    pub(super) forgiving: bool,
    pub(super) sending: SendingScope,
    pub(super) expires: Timestamp,
}

impl CredentialWish {
    pub(super) fn terms(&self, now: Timestamp) -> Result<Terms, Refused> {
        let template = self.purpose.template();
        if let Some(name) = &self.name {
            super::check_credential_name(name).or_else(unusable)?;
        }
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
        if let Some(Networks::Of(networks)) = &self.networks {
            networks.iter().try_for_each(Network::check_bits).or_else(unusable)?;
        }
        let expires = self.ends(template, now)?;
        let sending = self.sending(protocols)?;
        Ok(Terms { protocols, rights, on_archive, forgiving, sending, expires })
    }

    /// What it sends: the template where nothing is said, and nothing where it does not submit.
    fn sending(&self, protocols: Protocols) -> Result<SendingScope, Refused> {
        let wish = &self.sending;
        if !protocols.has(Protocol::Submission) {
            if *wish == SendingWish::default() {
                return Ok(SendingScope::default());
            }
            return unusable("It does not send, so it has no From and no sending limits; add the protocol submission");
        }
        let template = self.purpose.sending();
        let within = |what: &str, given: Option<u32>, most: u32, template: Option<u32>| match given {
            Some(0) => unusable(format!("With --{what} 0 it could send nothing; leave the protocol submission out")),
            Some(given) if given > most => unusable(format!("--{what} is {most} at most")),
            given => Ok(given.or(template)),
        };
        if wish.bytes_per_day == Some(0) {
            return unusable("With --max-bytes-per-day 0 it could send nothing; leave the protocol submission out");
        }
        if template.own_domains && (wish.recipients_per_day.is_some() || wish.new_recipients_per_day.is_some()) {
            return unusable(format!(
                "A {} sends to recipients in your own domains alone, and those are not counted; bound it with \
                 --max-messages-per-minute or --max-bytes-per-day",
                self.purpose
            ));
        }
        let (day, new) = (template.recipients_per_day, template.new_recipients_per_day);
        Ok(SendingScope {
            from: wish.from.clone(),
            own_domains: template.own_domains,
            messages_per_minute: within(
                "max-messages-per-minute",
                wish.messages_per_minute,
                MOST_MESSAGES_PER_MINUTE,
                template.messages_per_minute,
            )?,
            recipients_per_day: within("max-recipients-per-day", wish.recipients_per_day, RECIPIENTS_PER_DAY, day)?,
            new_recipients_per_day: within(
                "max-new-recipients-per-day",
                wish.new_recipients_per_day,
                RECIPIENTS_PER_DAY,
                new,
            )?,
            bytes_per_day: wish.bytes_per_day.or(template.bytes_per_day),
            on_limit: wish.on_limit.unwrap_or(template.on_limit),
        })
    }

    fn check_scope(&self, protocols: Protocols, rights: Rights, only_sends: bool) -> Result<(), Refused> {
        if protocols.is_empty() {
            return unusable("This purpose starts with nothing: name its protocols with --protocols");
        }
        if only_sends && protocols != Protocols::of(&[Protocol::Submission]) {
            return unusable("With --send-only it has submission alone; leave --protocols out");
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
        let starts = self.starts.unwrap_or(now).max(now);
        match (self.expires, template.days) {
            (Some(expires), _) => Ok(expires),
            (None, Some(days)) => Ok(starts.plus_ms(days * DAY_MS)),
            (None, None) => unusable(format!("A {} has an end of its own: give it with --expires", self.purpose)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use postern_access::Purpose;
    use postern_types::Address;

    fn wish(purpose: Purpose) -> CredentialWish {
        CredentialWish {
            holder: purpose.has_holder().then(|| Address::parse("bob@example.org").unwrap()),
            networks: Some(Networks::Any),
            ..CredentialWish::new(purpose, Address::parse("alice@example.org").unwrap(), "needed")
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
        assert!(refused(&|wish| wish.letters = Some(Letters::Rights(Rights::NONE)), backup).contains("--rights"));
        assert!(refused(&|wish| wish.connections = Some(0), backup).contains("--max-connections"));
        assert!(refused(&|_| {}, Purpose::Task).contains("--expires"));
        assert!(refused(&|_| {}, Purpose::Other).contains("--protocols"));
    }
}
