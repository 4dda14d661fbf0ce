//! Which addresses may stand in From, Sender and the reverse path.

use crate::house::*;
use postern_access::{
    Accepted, AccountState, Actor, CredentialFacts, CredentialScope, GrantFact, Purpose, SendDenied, ShowSender,
    Submission, Usable, Voice, may_submit, voice,
};
use postern_types::{Address, SendRights};

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

#[test]
fn send_as_wins_over_on_behalf() {
    let speak = |send_as, send_on_behalf| {
        let grants = [GrantFact { send: SendRights { send_as, send_on_behalf }, ..grant(1, letters("lr")) }];
        voice(&Actor::Person(alice()), &duty_facts(support(), Some(person(alice())), &grants))
    };
    assert_eq!(speak(false, false), None);
    assert_eq!(speak(false, true), Some(Voice::OnBehalf));
    assert_eq!(speak(true, false), Some(Voice::As));
    assert_eq!(speak(true, true), Some(Voice::As));
}

#[test]
fn own_addresses_are_ones_own_and_nobody_else_has_a_voice() {
    let own = duty_facts(own_account(alice()), Some(person(alice())), &[]);
    assert_eq!(voice(&Actor::Person(alice()), &own), Some(Voice::Own));
    let mut suspended = own_account(alice());
    suspended.state = AccountState::Suspended;
    assert_eq!(voice(&Actor::Person(alice()), &duty_facts(suspended, Some(person(alice())), &[])), None);
    let foreign = duty_facts(own_account(alice()), Some(person(bob())), &[]);
    assert_eq!(voice(&Actor::Person(bob()), &foreign), None);
    for actor in [operator(), credential()] {
        assert_eq!(voice(&actor, &duty_facts(support(), None, &[])), None);
    }
}

/// RFC 5322 section 3.6.2, case by case; `own` is Alice.
#[test]
fn every_address_is_checked() {
    let [alice, support, events, elsewhere] =
        ["alice@example.org", "support@example.org", "events@example.org", "else@example.net"].map(address);
    let own = Usable { address: &alice, voice: Some(Voice::Own) };
    let as_support = Usable { address: &support, voice: Some(Voice::As) };
    let for_events = Usable { address: &events, voice: Some(Voice::OnBehalf) };
    let stranger = Usable { address: &elsewhere, voice: None };
    let submit = |from: &[Usable<'_>], sender, reverse_path| {
        let (resent, shows) = (&[][..], ShowSender::Hidden);
        may_submit(&Submission { reverse_path, from, sender, resent, own: &alice, shows })
    };
    let unchanged = Ok(Accepted { sender_to_add: None, names_sender: false });
    let refused = Err(SendDenied::NotYours(elsewhere.clone()));

    assert_eq!(submit(&[own], None, Some(own)), unchanged);
    assert_eq!(submit(&[as_support], None, None), unchanged);
    assert_eq!(submit(&[as_support], Some(own), Some(own)), unchanged);
    assert_eq!(submit(&[], None, Some(own)), Err(SendDenied::NoFrom));

    assert_eq!(submit(&[own, stranger], Some(own), Some(own)), refused);
    assert_eq!(submit(&[own], Some(stranger), Some(own)), refused);
    assert_eq!(submit(&[own], None, Some(stranger)), refused);

    assert_eq!(submit(&[own, as_support], None, None), Err(SendDenied::SenderNeeded));
    assert_eq!(submit(&[own, as_support], Some(own), None), unchanged);

    let on_behalf = Ok(Accepted { sender_to_add: Some(alice.clone()), names_sender: false });
    assert_eq!(submit(&[for_events], None, Some(own)), on_behalf);
    assert_eq!(submit(&[as_support, for_events], None, Some(own)), on_behalf);
    assert_eq!(submit(&[for_events], Some(own), Some(own)), unchanged);
    let untrue = |sender: &Address| Err(SendDenied::SenderNotYou(sender.clone()));
    assert_eq!(submit(&[for_events], Some(for_events), None), untrue(&events));
    assert_eq!(submit(&[for_events], Some(as_support), None), untrue(&support));
    assert_eq!(submit(&[own], Some(for_events), None), Err(SendDenied::NotYours(events.clone())));
}

/// A message that is sent on has its own From, and both are looked at (RFC 5322 section 3.6.6).
#[test]
fn resent_addresses_are_checked_like_the_others() {
    let [alice, events, elsewhere] = ["alice@example.org", "events@example.org", "else@example.net"].map(address);
    let own = Usable { address: &alice, voice: Some(Voice::Own) };
    let for_events = Usable { address: &events, voice: Some(Voice::OnBehalf) };
    let stranger = Usable { address: &elsewhere, voice: None };
    let submit = |resent: &[Usable<'_>]| {
        let from = &[own][..];
        may_submit(&Submission {
            reverse_path: None,
            from,
            sender: None,
            resent,
            own: &alice,
            shows: ShowSender::Hidden,
        })
    };
    assert!(submit(&[own]).is_ok());
    assert_eq!(submit(&[own, stranger]), Err(SendDenied::NotYours(elsewhere.clone())));
    assert_eq!(submit(&[for_events]), Err(SendDenied::NotYours(events.clone())));
}

/// Who sends as a shared account is shown as the account has it, and never in one's own mail.
#[test]
fn a_delegate_is_shown_as_the_account_has_it() {
    let [alice, support] = ["alice@example.org", "support@example.org"].map(address);
    let own = Usable { address: &alice, voice: Some(Voice::Own) };
    let as_support = Usable { address: &support, voice: Some(Voice::As) };
    let submit = |from: Usable<'_>, sender, shows| {
        let from = &[from][..];
        let submission = Submission { reverse_path: None, from, sender, resent: &[], own: &alice, shows };
        may_submit(&submission).map(|accepted| (accepted.sender_to_add.is_some(), accepted.names_sender))
    };
    assert_eq!(submit(as_support, None, ShowSender::Hidden), Ok((false, false)));
    assert_eq!(submit(as_support, None, ShowSender::Via), Ok((false, true)));
    assert_eq!(submit(as_support, None, ShowSender::Sender), Ok((true, false)));
    assert_eq!(submit(as_support, Some(own), ShowSender::Via), Ok((false, false)), "who says it already");
    assert_eq!(
        submit(as_support, Some(as_support), ShowSender::Sender),
        Ok((true, false)),
        "a Sender that says nobody"
    );
    assert_eq!(submit(as_support, Some(as_support), ShowSender::Via), Ok((false, true)));
    for shows in [ShowSender::Hidden, ShowSender::Via, ShowSender::Sender] {
        assert_eq!(submit(own, None, shows), Ok((false, false)));
        assert_eq!(ShowSender::parse(shows.name()), Ok(shows));
    }
    assert!(ShowSender::parse("loud").is_err());
}

/// A credential reaches 200 people a day to whom nobody sent before, for its first seven days; a number of its own
/// holds in place of that. Its mail takes of the account's 10,000, but for marketing, which has as many itself.
#[test]
fn a_credential_is_young_for_seven_days() {
    let hour_ms = 60 * 60 * 1000;
    let facts = |purpose: Purpose| {
        let scope = CredentialScope { sending: purpose.sending(), ..backup().scope };
        CredentialFacts { purpose, scope, ..backup() }
    };
    let new = |facts: &CredentialFacts, hours| {
        let now = facts.issued.plus_ms(hours * hour_ms);
        (facts.send_limits(now).new_recipients_per_day, facts.young_until(now))
    };
    let ticketing = facts(Purpose::Ticketing);
    let until = Some(ticketing.issued.plus_ms(7 * 24 * hour_ms));
    assert_eq!(new(&ticketing, 0), (Some(200), until));
    assert_eq!(new(&ticketing, 6 * 24 + 23), (Some(200), until));
    assert_eq!(new(&ticketing, 7 * 24), (None, None));
    let mut named = facts(Purpose::Ticketing);
    named.scope.sending.new_recipients_per_day = Some(5);
    let marketing = facts(Purpose::Marketing);
    for hours in [0, 6 * 24 + 23, 7 * 24] {
        assert_eq!(new(&named, hours), (Some(5), None));
        assert_eq!(new(&marketing, hours), (Some(10_000), None));
    }
    let of_account = |facts: &CredentialFacts| facts.send_limits(NOW).account_recipients_per_day;
    assert_eq!((of_account(&ticketing), of_account(&marketing)), (Some(10_000), None));
}
