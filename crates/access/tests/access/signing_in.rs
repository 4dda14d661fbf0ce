//! Who may sign in, and what the others are told.

use crate::house::*;
use postern_access::{
    AccountState, Actor, DirectSignIn, GrantFact, PlaintextSignIn, SecretCheck, SignInDenied, SignInFacts, SignInMeans,
    SignInReason, Transport, sign_in_verdict,
};
use postern_types::{CredentialId, Rights};

const TLS: Transport = Transport { encrypted: true, loopback: false, plaintext: PlaintextSignIn::Never };

/// Alice with her right password over TLS.
fn attempt() -> SignInFacts<'static> {
    SignInFacts {
        means: SignInMeans::Password { person: Some(person(alice())) },
        secret: SecretCheck::Matches,
        transport: TLS,
        account: Some(own_account(alice())),
        root: None,
    }
}

#[test]
fn the_right_password_over_tls_is_enough() {
    let verdict = sign_in_verdict(&attempt());
    assert_eq!(verdict.outcome, Ok(Actor::Person(alice())));
    assert_eq!(verdict.reasons, [SignInReason::PasswordMatches]);
}

/// One text for every cause, and every cause in the trail.
#[test]
fn whoever_fails_is_told_one_thing() {
    let mut suspended = person(alice());
    suspended.suspended = true;
    let account_in = |state| {
        let mut account = own_account(alice());
        account.state = state;
        Some(account)
    };
    let cases = [
        (SignInFacts { secret: SecretCheck::Differs, ..attempt() }, SignInReason::SecretDiffers),
        (SignInFacts { secret: SecretCheck::NotSet, ..attempt() }, SignInReason::SecretNotSet),
        (
            SignInFacts { means: SignInMeans::Password { person: None }, account: Some(support()), ..attempt() },
            SignInReason::NoSuchPerson,
        ),
        (
            SignInFacts { means: SignInMeans::Password { person: Some(suspended) }, ..attempt() },
            SignInReason::PersonSuspended,
        ),
        (SignInFacts { account: account_in(AccountState::Suspended), ..attempt() }, SignInReason::AccountSuspended),
        (SignInFacts { account: account_in(AccountState::Removed), ..attempt() }, SignInReason::AccountRemoved),
        (SignInFacts { account: Some(own_account(bob())), ..attempt() }, SignInReason::FactsDisagree),
        (SignInFacts { account: None, ..attempt() }, SignInReason::FactsDisagree),
    ];
    for (facts, cause) in cases {
        let verdict = sign_in_verdict(&facts);
        assert_eq!(verdict.outcome, Err(SignInDenied::Refused), "{cause}");
        assert_eq!(verdict.reasons, [cause]);
    }
}

#[test]
fn several_causes_are_all_recorded() {
    let mut suspended = person(alice());
    suspended.suspended = true;
    let facts = SignInFacts {
        means: SignInMeans::Password { person: Some(suspended) },
        secret: SecretCheck::Differs,
        ..attempt()
    };
    assert_eq!(sign_in_verdict(&facts).reasons, [SignInReason::SecretDiffers, SignInReason::PersonSuspended]);
}

/// RFC 9051 section 11: no password in the clear, but on this machine where that is allowed.
#[test]
fn without_tls_only_loopback_and_only_where_allowed() {
    let mut allowed = Vec::new();
    for encrypted in [false, true] {
        for loopback in [false, true] {
            for plaintext in [PlaintextSignIn::Never, PlaintextSignIn::Loopback] {
                let transport = Transport { encrypted, loopback, plaintext };
                let right = sign_in_verdict(&SignInFacts { transport, ..attempt() }).outcome;
                let wrong =
                    sign_in_verdict(&SignInFacts { transport, secret: SecretCheck::Differs, ..attempt() }).outcome;
                if right.is_ok() {
                    allowed.push((encrypted, loopback, plaintext));
                    assert_eq!(wrong, Err(SignInDenied::Refused));
                } else {
                    // The answer is the same for a right and a wrong password.
                    assert_eq!((right, wrong), (Err(SignInDenied::NeedsTls), Err(SignInDenied::NeedsTls)));
                }
            }
        }
    }
    assert_eq!(allowed.len(), 5);
    assert!(allowed.iter().all(|(encrypted, loopback, plaintext)| {
        *encrypted || (*loopback && *plaintext == PlaintextSignIn::Loopback)
    }));
}

/// `alice@example.org/support@example.org` needs a grant there; being administrator is none.
#[test]
fn a_rooted_sign_in_needs_a_delegate() {
    let grants = [grant(1, Rights::READER)];
    let ended = [GrantFact { not_after: Some(EARLIER), ..grant(1, Rights::READER) }];
    let mut admin = person(alice());
    admin.admin = true;
    let rooted = |person, grants| {
        sign_in_verdict(&SignInFacts {
            means: SignInMeans::Password { person: Some(person) },
            root: Some(duty_facts(support(), Some(person), grants)),
            ..attempt()
        })
    };
    assert_eq!(rooted(person(alice()), &grants).outcome, Ok(Actor::Person(alice())));
    for (who, grants) in [(person(alice()), &[][..]), (person(alice()), &ended[..]), (admin, &[][..])] {
        let verdict = rooted(who, grants);
        assert_eq!(verdict.outcome, Err(SignInDenied::Refused));
        assert_eq!(verdict.reasons, [SignInReason::NoDelegateThere]);
    }
}

/// Policy is in its place, narrower never wider, before any credential has a scope.
#[test]
fn no_credential_signs_in_without_a_scope() {
    use DirectSignIn::{Allowed, Blocked, ByApproval};
    for organisation_policy in [Allowed, ByApproval, Blocked] {
        for account_policy in [Allowed, ByApproval, Blocked] {
            let id = CredentialId::new(3).unwrap();
            let verdict = sign_in_verdict(&SignInFacts {
                means: SignInMeans::Credential { id, organisation_policy, account_policy },
                account: Some(support()),
                ..attempt()
            });
            assert_eq!(verdict.outcome, Err(SignInDenied::Refused));
            let blocked = organisation_policy == Blocked || account_policy == Blocked;
            assert_eq!(verdict.reasons.contains(&SignInReason::PolicyBlocks), blocked);
            assert!(organisation_policy.narrowed_by(account_policy) >= organisation_policy);
        }
    }
}
