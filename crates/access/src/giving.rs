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

/// What one grantee gains at one place, now or at any moment to come, where their grants on
/// the account change from `before` to `after`. `place` is a mailbox with its name, or the
/// account as a whole. Both lists are those of this one grantee.
///
/// Looking at every end that is still to come finds the gifts that hide in time: a later
/// end gives longer, and an end put on a narrowing grant gives back what it held back.
pub fn gained(
    before: &[GrantFact],
    after: &[GrantFact],
    place: Option<(MailboxId, &MailboxName)>,
    now: Timestamp,
) -> Gift {
    let place = place.map_or(Place::Account, |(id, name)| Place::Mailbox { id, name });
    let (before, after) = (Combination::of(before, place), Combination::of(after, place));
    let mut moments = vec![now];
    moments.extend(before.ends_after(now));
    moments.extend(after.ends_after(now));
    let mut gift = Gift { rights: Rights::NONE, send: SendRights::NONE };
    for moment in moments {
        gift.rights = gift.rights | (after.rights(moment) - before.rights(moment));
        let (had, has) = (before.send(moment), after.send(moment));
        gift.send.send_as |= has.send_as && !had.send_as;
        gift.send.send_on_behalf |= has.send_on_behalf && !had.send_on_behalf;
    }
    gift
}

/// The letters that one grantee holds at one mailbox by their own grants alone, and when the
/// grant that decides there ends. Other grantees they belong to, and delete protection, are
/// left out: this is what SETACL changes.
pub fn granted_at(
    grants: &[GrantFact],
    mailbox: MailboxId,
    name: &MailboxName,
    now: Timestamp,
) -> (Rights, Option<Timestamp>) {
    let combination = Combination::of(grants, Place::Mailbox { id: mailbox, name });
    let deciding = combination
        .here()
        .find(|(fit, grant)| grant.is_live(now) && combination.outweighed_by(*fit, grant, now).is_none());
    (combination.rights(now), deciding.and_then(|(_, grant)| grant.not_after))
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
    protected(account, granted_at(grants, mailbox, name, now).0)
}

/// May someone whose limit is `limit` give `gift`? Where grants change, `gift` is what the
/// grantee gains: to leave a letter as it is, or to take it away, is not to give it; to
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

    fn gains(before: &[GrantFact], after: &[GrantFact]) -> String {
        let mailbox = MailboxId::pack(AccountId::new(7).unwrap(), 1).unwrap();
        let name = MailboxName::parse("Projects").unwrap();
        gained(before, after, Some((mailbox, &name)), Timestamp(100)).rights.to_string()
    }

    /// docs/decisions/0005: taking a narrow grant away gives back what it held back, and so
    /// does putting an end to it.
    #[test]
    fn a_gift_that_hides_in_time_is_found() {
        let mailbox = MailboxId::pack(AccountId::new(7).unwrap(), 1).unwrap();
        let broad = grant(1, Reach::Account, "lrswi", None);
        let narrow = |end| grant(2, Reach::Mailbox(mailbox), "lr", end);
        assert_eq!(gains(std::slice::from_ref(&broad), &[broad.clone(), narrow(None)]), "", "to narrow gives nothing");
        assert_eq!(gains(&[broad.clone(), narrow(None)], std::slice::from_ref(&broad)), "swi");
        assert_eq!(gains(&[broad.clone(), narrow(None)], &[broad.clone(), narrow(Some(200))]), "swi");
        assert_eq!(gains(&[broad.clone(), narrow(Some(50))], &[broad]), "", "it had ended before");
        let ending = |end| grant(1, Reach::Account, "lr", end);
        assert_eq!(gains(&[ending(Some(200))], &[ending(Some(300))]), "lr", "longer is more");
        assert_eq!(gains(&[ending(Some(300))], &[ending(Some(200))]), "");
        assert_eq!(gains(&[ending(Some(200))], &[ending(None)]), "lr");
    }
}
