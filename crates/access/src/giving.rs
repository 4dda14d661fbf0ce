//! Giving rights: nobody gives a letter they do not hold.
//!
//! Narrower than RFC 4314 section 3.1, where `a` alone lets one give anything: else whoever
//! held `a` could make themselves everything. Administrators of the organisation and
//! operators are where the rights on a shared account begin, so they may give all of them
//! there, and each gift is in the trail; their own SETACL over a mail protocol follows the
//! letters they hold, like anyone's.

use crate::Actor;
use crate::combine::{Combination, Place};
use crate::duty::administers;
use crate::mailbox::protected;
use crate::{
    AccountFacts, AccountKind, Denied, Duty, DutyFacts, GrantFact, MailboxFacts, Operation, Verdict, account_verdict,
    duty_verdict, mailbox_verdict,
};
use postern_types::{MailboxId, MailboxName, Rights, SendRights, Timestamp};

/// What is given, or the most that may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gift {
    /// Letters.
    pub rights: Rights,
    /// Send rights.
    pub send: SendRights,
}

impl Gift {
    /// Everything there is to give.
    pub const EVERYTHING: Gift = Gift { rights: Rights::ALL, send: SendRights { send_as: true, send_on_behalf: true } };

    /// The most that someone with this verdict on one mailbox may give there (SETACL).
    pub fn on_mailbox(held: &Verdict) -> Result<Gift, Denied> {
        let rights = held.allows(Operation::Administer)?;
        Ok(Gift { rights, send: held.send })
    }

    /// Is there nothing in it?
    pub fn is_nothing(self) -> bool {
        self.rights.is_empty() && self.send == SendRights::NONE
    }

    /// What is in both.
    pub fn within(self, other: Gift) -> Gift {
        Gift {
            rights: self.rights & other.rights,
            send: SendRights {
                send_as: self.send.send_as && other.send.send_as,
                send_on_behalf: self.send.send_on_behalf && other.send.send_on_behalf,
            },
        }
    }
}

/// The most that `actor` may give by a grant on the account as a whole. For a grant on a
/// mailbox or a subtree the limit of an owner is also what they hold there, which a narrower
/// grant may have made less: [`Gift::within`] of both.
pub fn gift_limit(actor: &Actor, facts: &DutyFacts<'_>) -> Result<Gift, Denied> {
    duty_verdict(actor, Duty::ManageGrants, facts)?;
    let is_shared = facts.account.is_some_and(|account| account.kind == AccountKind::Shared);
    if administers(actor, facts) && is_shared {
        return Ok(Gift::EVERYTHING);
    }
    let held = account_verdict(actor, facts);
    Ok(Gift { rights: held.rights, send: held.send })
}

/// The most that `actor` may give at one mailbox by administering the account's grants: an
/// administrator of the organisation anything, an owner what they hold there too.
pub fn gift_limit_at(actor: &Actor, facts: &DutyFacts<'_>, mailbox: &MailboxFacts<'_>) -> Result<Gift, Denied> {
    let limit = gift_limit(actor, facts)?;
    if administers(actor, facts) && limit == Gift::EVERYTHING {
        return Ok(limit);
    }
    Ok(limit.within(Gift::on_mailbox(&mailbox_verdict(actor, mailbox))?))
}

/// One grantee's own grants on an account, and the place at which they are asked about: a
/// mailbox with its name, or the account as a whole.
#[derive(Debug, Clone, Copy)]
pub struct Holding<'a> {
    /// The grants.
    pub grants: &'a [GrantFact],
    /// The place.
    pub place: Option<(MailboxId, &'a MailboxName)>,
}

impl<'a> Holding<'a> {
    fn combined(self) -> Combination<'a> {
        let place = self.place.map_or(Place::Account, |(id, name)| Place::Mailbox { id, name });
        Combination::of(self.grants, place)
    }
}

/// May what a grantee holds change in this way? What they gain may be given by whoever may
/// give it, now and at every moment to come at which anything ends.
///
/// So the gifts that hide in time are found: a later end gives longer, an end put on a
/// narrowing grant gives back what it held back, and who holds something for a time gives it
/// for no longer. `limit` answers the most that may be given at a moment, and `ends` are the
/// moments at which it may become less.
pub fn may_change(
    before: Holding<'_>,
    after: Holding<'_>,
    now: Timestamp,
    ends: &[Timestamp],
    mut limit: impl FnMut(Timestamp) -> Result<Gift, Denied>,
) -> Result<(), Denied> {
    let (before, after) = (before.combined(), after.combined());
    let mut moments = vec![now];
    moments.extend(before.ends_after(now));
    moments.extend(after.ends_after(now));
    moments.extend(ends.iter().filter(|end| **end > now));
    moments.sort_unstable();
    for moment in moments {
        let gift = gained_at(&before, &after, moment);
        if gift.is_nothing() {
            continue;
        }
        limit(moment).and_then(|limit| may_give(limit, gift)).map_err(|denied| {
            let is_mine_today = limit(now).and_then(|limit| may_give(limit, gift)).is_ok();
            if is_mine_today { Denied::HeldForATime } else { denied }
        })?;
    }
    Ok(())
}

fn gained_at(before: &Combination<'_>, after: &Combination<'_>, moment: Timestamp) -> Gift {
    let (had, has) = (before.send(moment), after.send(moment));
    Gift {
        rights: after.rights(moment) - before.rights(moment),
        send: SendRights {
            send_as: has.send_as && !had.send_as,
            send_on_behalf: has.send_on_behalf && !had.send_on_behalf,
        },
    }
}

/// Of one grantee's own grants the one that decides at one mailbox, if any does: what SETACL
/// changes. Other grantees they belong to, and delete protection, are left out.
pub fn deciding<'a>(
    grants: &'a [GrantFact],
    mailbox: MailboxId,
    name: &MailboxName,
    now: Timestamp,
) -> Option<&'a GrantFact> {
    let combination = Combination::of(grants, Place::Mailbox { id: mailbox, name });
    let mut live = combination.here().filter(|(_, grant)| grant.is_live(now));
    live.find(|(fit, grant)| combination.outweighed_by(*fit, grant, now).is_none()).map(|(_, grant)| grant)
}

/// The letters that one grantee holds at one mailbox by their own grants, delete protection
/// heeded: a line of an access control list (RFC 4314 section 3.6).
pub fn mailbox_rights_of(
    grants: &[GrantFact],
    account: AccountFacts,
    mailbox: MailboxId,
    name: &MailboxName,
    now: Timestamp,
) -> Rights {
    protected(account, deciding(grants, mailbox, name, now).map_or(Rights::NONE, |grant| grant.rights))
}

/// May someone whose limit is `limit` give `gift`? It is what the grantee gains: to leave a letter as it is, or to take it away, is not to give it; to
/// remove a grant that narrowed a broader one is to give what it held back.
pub fn may_give(limit: Gift, gift: Gift) -> Result<(), Denied> {
    if let Some(letter) = (gift.rights - limit.rights).letters().next() {
        return Err(Denied::NotHeld { letter });
    }
    // Sending on behalf shows who sent, so whoever may send as may give it: it is less.
    let may_send = limit.send.send_as || limit.send.send_on_behalf;
    if (gift.send.send_as && !limit.send.send_as) || (gift.send.send_on_behalf && !may_send) {
        return Err(Denied::SendNotHeld);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reach;
    use postern_types::{AccountId, GrantId, Letter};

    /// Every limit against every gift, all 2,048 squared of them: what is given is held.
    #[test]
    fn nobody_gives_a_letter_they_do_not_hold() {
        for held in Rights::every_set() {
            let limit = Gift { rights: held, send: SendRights::NONE };
            for given in Rights::every_set() {
                let answer = may_give(limit, Gift { rights: given, send: SendRights::NONE });
                assert_eq!(answer.is_ok(), given.letters().all(|letter| held.has(letter)), "{held} gives {given}");
            }
        }
    }

    #[test]
    fn send_as_includes_giving_less_and_never_more() {
        let send_as = SendRights { send_as: true, send_on_behalf: false };
        let on_behalf = SendRights { send_as: false, send_on_behalf: true };
        let gift = |send| Gift { rights: Rights::NONE, send };
        assert_eq!(may_give(gift(send_as), gift(on_behalf)), Ok(()));
        assert_eq!(may_give(gift(on_behalf), gift(on_behalf)), Ok(()));
        assert_eq!(may_give(gift(on_behalf), gift(send_as)), Err(Denied::SendNotHeld));
        assert_eq!(may_give(gift(SendRights::NONE), gift(on_behalf)), Err(Denied::SendNotHeld));
    }

    #[test]
    fn the_text_names_what_is_missing() {
        let refused = Denied::NotHeld { letter: Letter::Expunge };
        assert_eq!(refused.to_string(), "You may not give the right to expunge messages, for you do not hold it here");
    }

    fn grant(id: i64, reach: Reach, letters: &str, not_after: Option<i64>) -> GrantFact {
        GrantFact {
            id: GrantId::new(id).unwrap(),
            via: None,
            reach,
            rights: Rights::parse(letters).unwrap(),
            send: SendRights::NONE,
            automap: true,
            not_after: not_after.map(Timestamp),
        }
    }

    /// Whoever holds these letters gives them without end; others are refused.
    fn refused(before: &[GrantFact], after: &[GrantFact], letters: &str) -> Option<Denied> {
        let limit = Gift { rights: Rights::parse(letters).unwrap(), send: SendRights::NONE };
        change(before, after, &[], |_| Ok(limit))
    }

    fn change(
        before: &[GrantFact],
        after: &[GrantFact],
        ends: &[Timestamp],
        limit: impl FnMut(Timestamp) -> Result<Gift, Denied>,
    ) -> Option<Denied> {
        let mailbox = MailboxId::pack(AccountId::new(7).unwrap(), 1).unwrap();
        let name = MailboxName::parse("Projects").unwrap();
        let holding = |grants| Holding { grants, place: Some((mailbox, &name)) };
        may_change(holding(before), holding(after), Timestamp(100), ends, limit).err()
    }

    /// docs/decisions/0005: taking a narrow grant away gives back what it held back, and so
    /// does putting an end to it.
    #[test]
    fn a_gift_that_hides_in_time_is_found() {
        let mailbox = MailboxId::pack(AccountId::new(7).unwrap(), 1).unwrap();
        let broad = [grant(1, Reach::Account, "lrs", None)];
        let with = |narrow| [broad[0].clone(), narrow];
        let narrow = |end| grant(2, Reach::Mailbox(mailbox), "lr", end);
        let s = Some(Denied::NotHeld { letter: Letter::Seen });
        assert_eq!(refused(&broad, &with(narrow(None)), ""), None, "to narrow gives nothing");
        assert_eq!(refused(&with(narrow(None)), &broad, "lr"), s);
        assert_eq!(refused(&with(narrow(None)), &broad, "s"), None);
        assert_eq!(refused(&with(narrow(None)), &with(narrow(Some(200))), "lr"), s);
        assert_eq!(refused(&with(narrow(Some(50))), &broad, ""), None, "it had ended before");
        let ending = |end| [grant(1, Reach::Account, "l", end)];
        let l = Some(Denied::NotHeld { letter: Letter::Lookup });
        assert_eq!(refused(&ending(Some(200)), &ending(Some(300)), ""), l, "longer is more");
        assert_eq!(refused(&ending(Some(300)), &ending(Some(200)), ""), None);
        assert_eq!(refused(&ending(Some(200)), &ending(None), ""), l);
    }

    /// What someone holds for a time they give for that time at most: to others, and to
    /// themselves.
    #[test]
    fn nobody_gives_for_longer_than_they_hold() {
        let limit = |moment| match moment < Timestamp(200) {
            true => Ok(Gift::EVERYTHING),
            false => Err(Denied::NotYours { duty: Duty::ManageGrants }),
        };
        let grant = |end| [grant(1, Reach::Account, "lr", end)];
        let change = |before: &[GrantFact], after: &[GrantFact]| change(before, after, &[Timestamp(200)], limit);
        assert_eq!(change(&[], &grant(None)), Some(Denied::HeldForATime));
        assert_eq!(change(&[], &grant(Some(201))), Some(Denied::HeldForATime));
        assert_eq!(change(&[], &grant(Some(200))), None);
        assert_eq!(change(&grant(Some(200)), &grant(None)), Some(Denied::HeldForATime));
        assert_eq!(change(&grant(None), &grant(Some(150))), None, "to take away is nobody's gift");
    }
}
