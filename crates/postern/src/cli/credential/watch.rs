//! `postern credential watch`: whether a program gets in, and what is wrong where it does not.
//!
//! Whoever is refused hears one text whatever the reason. Whoever set the program up answers for
//! the credential, and reads the true one here, with what to do about it.

use super::told::label;
use super::{WHICH, path};
use crate::cli::dates::seconds;
use crate::cli::failure::Failure;
use crate::cli::output::{Said, plain};
use crate::cli::signins::{LOOK, PAGE, Seen, all_after, print};
use crate::cli::transport::{Client, segment};
use postern_access::{Obstacle, SignInReason};
use postern_http::model::{Credential, CredentialWithSessions, SignIn, SignInPage};
use postern_http::parse_date;

/// How many of those that came before are told.
const KNOWN: usize = 10;

pub(super) async fn run(client: &mut Client, id: &str) -> Result<Said, Failure> {
    if client.globals().offline {
        return Err(Failure::usage("watch waits for what comes to a running server, and --offline is without one")
            .next("leave --offline out"));
    }
    let interrupted = tokio::signal::ctrl_c();
    tokio::select! {
        ended = follow(client, id) => ended?,
        _ = interrupted => {}
    }
    Ok(Said::told())
}

/// Ends when nobody reads any more.
async fn follow(client: &mut Client, id: &str) -> Result<(), Failure> {
    let seen: Result<CredentialWithSessions, Failure> = client.get(&path(id)).await;
    let credential = seen.map_err(|failure| failure.if_absent(WHICH))?.credential;
    let (target, newest_first) = sign_ins(client, &credential).await?;
    let newest = newest_first.first().map_or_else(|| "evt_0".to_owned(), |newest| newest.id.clone());
    let mut seen = Seen::from(newest);
    let as_json = client.wants_json();
    if !print(&beginning(&credential, &newest_first, as_json)) {
        return Ok(());
    }
    let mut look = tokio::time::interval(LOOK);
    loop {
        look.tick().await;
        let after = seen.after.clone();
        let fresh = seen.fresh(all_after(&target, &after, client).await?);
        let told = fresh.iter().filter(|one| concerns(one, &credential)).map(|one| told(one, &credential, as_json));
        if !print(&told.collect::<String>()) {
            return Ok(());
        }
    }
}

/// Where its sign-ins are asked for, and those that there are, newest first: with failed ones that named
/// no credential, for whoever reads the mailbox's trail; by it alone, for whoever answers for it.
async fn sign_ins(client: &mut Client, credential: &Credential) -> Result<(String, Vec<SignIn>), Failure> {
    let of = |what: &str, which: &str| format!("/api/v1/signins?{what}={}&limit={PAGE}", segment(which));
    let target = of("account", &credential.username);
    let page: Result<SignInPage, Failure> = client.get(&target).await;
    match page {
        Ok(page) => Ok((target, page.sign_ins)),
        Err(failure) if failure.is_of_rights() => {
            let target = of("credential", &credential.id);
            let page: SignInPage = client.get(&target).await?;
            Ok((target, page.sign_ins))
        }
        Err(failure) => Err(failure),
    }
}

/// What is known so far, oldest first.
fn beginning(credential: &Credential, newest_first: &[SignIn], as_json: bool) -> String {
    let mut known: Vec<&SignIn> = newest_first.iter().filter(|one| concerns(one, credential)).take(KNOWN).collect();
    known.reverse();
    let lines: String = known.iter().map(|one| told(one, credential, as_json)).collect();
    if as_json {
        return lines;
    }
    let state = match credential.stands {
        true => "may sign in".to_owned(),
        false => format!("opens nothing now: {}", plain(&credential.because.join("; "))),
    };
    let none = if known.is_empty() { "Nobody has tried it yet.\n" } else { "" };
    format!("{} ({}) {state}.\n{none}{lines}Waiting… (Ctrl-C ends this)\n", label(credential), credential.id)
}

/// By this credential, or one that failed at its mailbox since it was issued and named no other.
fn concerns(sign_in: &SignIn, credential: &Credential) -> bool {
    match &sign_in.credential {
        Some(named) => *named == credential.id,
        None => !sign_in.accepted && parse_date(&credential.issued_at).ok() <= parse_date(&sign_in.at).ok(),
    }
}

fn told(sign_in: &SignIn, credential: &Credential, as_json: bool) -> String {
    if as_json {
        // A document of ours always encodes.
        return serde_json::to_string(sign_in).unwrap_or_default() + "\n";
    }
    let from = sign_in.peer.as_deref().map(|peer| format!(" from {}", plain(peer))).unwrap_or_default();
    // The name tells where somebody mistyped it, or means another way in.
    let named = sign_in.username.as_deref().filter(|name| *name != credential.username);
    let named = named.map(|name| format!(" as {}", plain(name))).unwrap_or_default();
    let line = format!("{}  {}{from}{named}", seconds(&sign_in.at), plain(&sign_in.protocol));
    match &sign_in.reason {
        None => format!("{line}: signed in\n"),
        Some(reason) => {
            let help: String = help(reason, sign_in, credential).iter().map(|help| format!("    {help}\n")).collect();
            format!("{line}: refused, {}\n{help}", plain(reason))
        }
    }
}

/// What to do about each cause.
fn help(reason: &str, sign_in: &SignIn, credential: &Credential) -> Vec<String> {
    let causes = reason.split("; ").filter_map(SignInReason::parse);
    causes.filter_map(|cause| helps(cause, sign_in, credential)).collect()
}

/// What to do about a cause; nothing where another one says it all, or it lets nobody in who was meant.
fn helps(cause: SignInReason, sign_in: &SignIn, credential: &Credential) -> Option<String> {
    let (id, username) = (&credential.id, &credential.username);
    let peer = plain(sign_in.peer.as_deref().unwrap_or("a local socket"));
    Some(match cause {
        SignInReason::NoPasswordThere => {
            "A credential's secret begins with ptn1_ and has 51 letters. Enter the whole of it, and nothing else."
                .to_owned()
        }
        SignInReason::NameDiffers => format!("The username is {username}, and nothing else."),
        SignInReason::NoPassword => "It was not copied whole, or has a slip in it.".to_owned(),
        SignInReason::SecretDiffers => {
            "The secret was mistyped, or is an older one: enter it as it was shown, with nothing before or after."
                .to_owned()
        }
        SignInReason::NoSuchCredential => {
            format!("That secret is of another mailbox or house, or mistyped; as {username} it has to show this one's.")
        }
        SignInReason::AccountSuspended | SignInReason::AccountRemoved => {
            "The mailbox is not in use; a removed one comes back by: postern shared restore".to_owned()
        }
        SignInReason::NoDelegateThere => {
            format!("A credential opens its own mailbox alone: the username is {username}, with nothing after it.")
        }
        SignInReason::NotEncrypted => "The program has to use TLS: its settings say how.".to_owned(),
        SignInReason::NetworkOutside => {
            let networks = credential.networks.as_deref().unwrap_or_default().join(", ");
            format!("{peer} is not in {networks}. If that is the machine, issue another with --network for it.")
        }
        SignInReason::ProtocolOutside => {
            format!("Its scope has {} alone. Issue another with --protocols.", credential.protocols.join(", "))
        }
        SignInReason::NetworkShut => {
            "Guessing came from that network: it is looked at again in a while, and from elsewhere at once.".to_owned()
        }
        SignInReason::TooBusy => "The house was busy: the program may try again.".to_owned(),
        SignInReason::AllConnectionsTaken => {
            format!(
                "Which those are: postern credential show {id}; more at once: issue another with --max-connections."
            )
        }
        SignInReason::Credential(obstacle) => stopped(obstacle, credential),
        SignInReason::SecretNotSet
        | SignInReason::NoSuchPerson
        | SignInReason::PersonSuspended
        | SignInReason::PasswordMatches
        | SignInReason::SecretMatches
        | SignInReason::FactsDisagree => return None,
    })
}

fn stopped(obstacle: Obstacle, credential: &Credential) -> String {
    let (id, username) = (&credential.id, &credential.username);
    match obstacle {
        Obstacle::NotOpened => {
            "The person it was handed to opens the secret first: postern credential unwrap CODE".to_owned()
        }
        Obstacle::Suspended => format!("To let it back, one of its owners: postern credential resume {id}"),
        Obstacle::Expired | Obstacle::Revoked => {
            format!("It does not come back; the program needs another: postern credential issue {username}")
        }
        Obstacle::NotStarted => {
            format!("It begins at {}.", credential.starts_at.as_deref().map(seconds).unwrap_or_default())
        }
        Obstacle::Shut => format!("To check it out: postern credential open {id}"),
        Obstacle::OutsideHours => {
            format!("Its hours are {}, in the organisation's time zone: postern policy show", hours(credential))
        }
        Obstacle::PolicyBlocks | Obstacle::PolicyPurpose | Obstacle::PolicyLife => {
            format!("What policy allows: postern policy show {username}")
        }
        Obstacle::OwnerSuspended | Obstacle::OwnerGone | Obstacle::HolderSuspended | Obstacle::HolderGone => {
            format!("Whose it is: postern credential show {id}")
        }
        Obstacle::AccountNotInUse => {
            "The mailbox is not in use; a removed one comes back by: postern shared restore".to_owned()
        }
        Obstacle::KeyMissing => {
            "Its key is not in the keys folder: postern key show says which, and how to bring it back.".to_owned()
        }
    }
}

fn hours(credential: &Credential) -> &str {
    credential.hours.as_deref().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn credential() -> Credential {
        let document = serde_json::json!({
            "id": "crd_abcd2345", "username": "support@example.org", "name": "nightly", "purpose": "backup",
            "state": "active", "stands": true, "because": [], "owner": "alice@example.org", "holder": null,
            "reason": "copy", "not_delegation": null, "issued_by": "alice@example.org",
            "issued_at": "2026-11-22T21:00:00Z", "protocols": ["imap"], "places": [], "lenient": false,
            "older_than_seconds": null, "networks": ["192.0.2.0/24"], "hours": "08:00-18:00", "max_connections": null,
            "starts_at": null, "expires_at": "2027-02-20T21:00:00Z", "opened_until": null, "last_used_at": null,
            "ended_at": null, "ended_because": null, "waiting_for": null, "opens_before": null, "settings": [],
            "not_served": []
        });
        serde_json::from_value(document).unwrap()
    }

    fn accepted(named: Option<&str>) -> SignIn {
        SignIn {
            id: "evt_7".into(),
            at: "2026-11-22T21:00:03.250Z".into(),
            accepted: true,
            reason: None,
            actor_kind: "credential".into(),
            actor: None,
            credential: named.map(str::to_owned),
            username: None,
            account: Some("support@example.org".into()),
            protocol: "imap".into(),
            peer: Some("198.51.100.7".into()),
            mechanism: "PLAIN".into(),
            rooted: false,
        }
    }

    fn refused(reason: &str) -> SignIn {
        SignIn { accepted: false, reason: Some(reason.into()), ..accepted(None) }
    }

    #[test]
    fn each_cause_has_what_helps() {
        let credential = credential();
        assert_eq!(
            told(&refused("its scope does not have this network"), &credential, false),
            "2026-11-22T21:00:03Z  imap from 198.51.100.7: refused, its scope does not have this network\n    198.51.100.7 is \
             not in 192.0.2.0/24. If that is the machine, issue another with --network for it.\n"
        );
        let unsaid = [
            SignInReason::SecretNotSet,
            SignInReason::NoSuchPerson,
            SignInReason::PersonSuspended,
            SignInReason::PasswordMatches,
            SignInReason::SecretMatches,
            SignInReason::FactsDisagree,
        ];
        for cause in SignInReason::all() {
            let sign_in = refused(&cause.to_string());
            let said = help(&cause.to_string(), &sign_in, &credential).len();
            assert_eq!(said, usize::from(!unsaid.contains(&cause)), "{cause}");
        }
        let both = format!("{}; {}", SignInReason::SecretDiffers, SignInReason::NetworkOutside);
        assert_eq!(help(&both, &refused(&both), &credential).len(), 2);
    }

    #[test]
    fn what_names_another_credential_is_not_told() {
        let credential = credential();
        assert!(concerns(&accepted(Some("crd_abcd2345")), &credential));
        assert!(concerns(&refused("the secret is wrong"), &credential));
        assert!(!concerns(&accepted(Some("crd_other222")), &credential));
        assert!(!concerns(&accepted(None), &credential), "a person who came to their delegated mailbox");
    }

    #[test]
    fn it_begins_with_what_is_known_and_waits() {
        let credential = credential();
        let text = beginning(&credential, &[], false);
        assert_eq!(
            text,
            "support@example.org/nightly (crd_abcd2345) may sign in.\nNobody has tried it yet.\nWaiting… (Ctrl-C ends this)\n"
        );
        let newest_first =
            [accepted(Some("crd_abcd2345")), refused("the secret is wrong"), accepted(Some("crd_other222"))];
        let text = beginning(&credential, &newest_first, false);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].ends_with("refused, the secret is wrong") && lines[3].ends_with(": signed in"), "{text}");
        let json = beginning(&credential, &newest_first, true);
        assert_eq!(json.lines().count(), 2);
        assert!(json.lines().all(|line| serde_json::from_str::<SignIn>(line).is_ok()), "{json}");
        let hostile = SignIn { peer: Some("x\n\u{1b}[2J".into()), ..accepted(Some("crd_abcd2345")) };
        assert_eq!(told(&hostile, &credential, false).lines().count(), 1);
    }
}
