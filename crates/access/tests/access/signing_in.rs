//! Who may sign in, and what the others are told.

use crate::house::*;
use postern_access::{
    AccountState, Actor, Answerable, CredentialFacts, CredentialSignIn, CredentialState, DirectSignIn, GrantFact,
    Networks, Obstacle, PlaintextSignIn, Protocol, Protocols, Purpose, Purposes, SecretCheck, SignInDenied,
    SignInFacts, SignInMeans, SignInReason, Transport, sign_in_verdict,
};
use postern_types::Rights;

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
        (SignInFacts { secret: SecretCheck::NoPassword, ..attempt() }, SignInReason::NoPassword),
        (SignInFacts { secret: SecretCheck::NotLookedAt, ..attempt() }, SignInReason::NetworkShut),
        (
            SignInFacts { means: SignInMeans::Password { person: None }, account: Some(support()), ..attempt() },
            SignInReason::NoPasswordThere,
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

/// The nightly backup of support@example.org with its right secret, over TLS from its network.
fn shown(facts: &CredentialFacts) -> SignInFacts<'_> {
    let sign_in = CredentialSignIn {
        facts,
        protocol: Some(Protocol::Imap),
        address: Some("192.0.2.7".parse().unwrap()),
        now: NOW,
    };
    SignInFacts { means: SignInMeans::Credential(Some(sign_in)), account: Some(support()), ..attempt() }
}

#[test]
fn a_credential_signs_in_as_its_account_alone() {
    let nightly = backup();
    let verdict = sign_in_verdict(&shown(&nightly));
    assert_eq!(verdict.outcome, Ok(credential()));
    assert_eq!(verdict.reasons, [SignInReason::SecretMatches]);
}

/// One text for every cause, and each cause in the trail by itself.
#[test]
fn whatever_speaks_against_a_credential_is_told_as_one_thing() {
    let with = |change: &dyn Fn(&mut CredentialFacts)| {
        let mut facts = backup();
        change(&mut facts);
        facts
    };
    let stopped = [
        (with(&|facts| facts.state = CredentialState::Issued), Obstacle::NotOpened),
        (with(&|facts| facts.state = CredentialState::Suspended), Obstacle::Suspended),
        (with(&|facts| facts.state = CredentialState::Revoked), Obstacle::Revoked),
        (with(&|facts| facts.state = CredentialState::Expired), Obstacle::Expired),
        (with(&|facts| facts.expires = NOW), Obstacle::Expired),
        (with(&|facts| facts.starts = Some(LATER)), Obstacle::NotStarted),
        (with(&|facts| facts.purpose = Purpose::Role), Obstacle::Shut),
        (with(&|facts| facts.scope.hours = Some("12:00-13:00".parse().unwrap())), Obstacle::OutsideHours),
        (with(&|facts| facts.policy.direct_sign_in = DirectSignIn::Blocked), Obstacle::PolicyBlocks),
        (with(&|facts| facts.policy.purposes = Purposes::of([Purpose::Client])), Obstacle::PolicyPurpose),
        (with(&|facts| facts.policy.max_life_ms = Some(1)), Obstacle::PolicyLife),
        (with(&|facts| facts.owner = Answerable::Suspended), Obstacle::OwnerSuspended),
        (with(&|facts| facts.owner = Answerable::Gone), Obstacle::OwnerGone),
        (with(&|facts| facts.holder = Some(Answerable::Suspended)), Obstacle::HolderSuspended),
        (with(&|facts| facts.holder = Some(Answerable::Gone)), Obstacle::HolderGone),
    ];
    let mut cases: Vec<(CredentialFacts, SignInReason)> =
        stopped.into_iter().map(|(facts, obstacle)| (facts, SignInReason::Credential(obstacle))).collect();
    cases
        .push((with(&|facts| facts.scope.protocols = Protocols::of(&[Protocol::Pop3])), SignInReason::ProtocolOutside));
    let elsewhere = Networks::Of(vec!["198.51.100.0/24".parse().unwrap()]);
    cases.push((with(&|facts| facts.scope.networks = elsewhere.clone()), SignInReason::NetworkOutside));
    for (facts, cause) in &cases {
        let verdict = sign_in_verdict(&shown(facts));
        assert_eq!(verdict.outcome, Err(SignInDenied::Refused), "{cause}");
        assert_eq!(verdict.reasons, [*cause]);
    }
    let nightly = backup();
    let nobodys = SignInFacts { means: SignInMeans::Credential(None), secret: SecretCheck::Differs, ..shown(&nightly) };
    assert_eq!(sign_in_verdict(&nobodys).reasons, [SignInReason::NoSuchCredential]);
    let keyless = SignInFacts { secret: SecretCheck::KeyMissing, ..shown(&nightly) };
    assert_eq!(sign_in_verdict(&keyless).reasons, [SignInReason::Credential(Obstacle::KeyMissing)]);
    let wrong = SignInFacts { secret: SecretCheck::Differs, ..shown(&nightly) };
    assert_eq!(sign_in_verdict(&wrong).reasons, [SignInReason::SecretDiffers]);
    for account in [None, Some(own_account(alice()))] {
        // Its owners learn nothing of another mailbox's credential, whatever secret is shown.
        for secret in [SecretCheck::Matches, SecretCheck::Differs, SecretCheck::KeyMissing] {
            let mut suspended = nightly.clone();
            suspended.state = CredentialState::Suspended;
            let other = SignInFacts { account, secret, ..shown(&suspended) };
            assert_eq!(sign_in_verdict(&other).reasons, [SignInReason::NoSuchCredential]);
        }
    }
}

/// Of the organisation and the account the stricter holds, and an approval is for issuing.
#[test]
fn only_a_block_stops_what_was_issued() {
    for organisation in DirectSignIn::ALL {
        for account in DirectSignIn::ALL {
            let mut facts = backup();
            facts.policy.direct_sign_in = organisation.narrowed_by(account);
            let is_blocked = [organisation, account].contains(&DirectSignIn::Blocked);
            assert_eq!(sign_in_verdict(&shown(&facts)).outcome.is_err(), is_blocked);
        }
    }
}
