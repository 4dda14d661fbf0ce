//! Giving rights: nobody gives a letter they do not hold.
//!
//! Narrower than RFC 4314 section 3.1, where `a` alone lets one give anything: else whoever
//! held `a` could make themselves everything. Administrators of the organisation and
//! operators are where the rights on a shared account begin, so they may give all of them
//! there, and each gift is in the trail; their own SETACL over a mail protocol follows the
//! letters they hold, like anyone's.

use crate::Actor;
use crate::duty::administers;
use crate::{AccountKind, Denied, Duty, DutyFacts, Operation, Verdict, account_verdict, duty_verdict};
use postern_types::{Rights, SendRights};

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
    use postern_types::Letter;

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
}
