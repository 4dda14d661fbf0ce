//! `postern explain`: may this actor do this, and why or why not.

use super::clock;
use super::dates::{self, When, seconds};
use super::failure::Failure;
use super::output::{Said, facts, plain};
use super::transport::{Client, segment};
use postern_access::{Question, Role};
use postern_http::model::Explained;

/// Who, what, and to what.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// A person's address, a credential (support@example.org/nightly or its id), operator, or a job of the house
    /// (delivery, submission, expiry, import, collection, seed)
    #[arg(value_name = "ACTOR")]
    actor: String,
    /// In a mailbox: lookup, read, change-flags, insert, post, create-child, delete-mailbox, remove, move-out,
    /// own-rights, administer, or an IMAP command such as select, store, append, expunge. On an account or the
    /// organisation: a duty such as manage-grants or read-audit. Sending: send-as, send-on-behalf
    #[arg(value_name = "VERB", value_parser = Question::parse)]
    verb: Question,
    /// support@example.org, one of its mailboxes as in support@example.org/INBOX, or organisation
    #[arg(value_name = "TARGET")]
    target: String,
    /// At a later moment, with the grants as they are now: a date (2026-12-31T18:00:00Z) or a span (8h, 90d)
    #[arg(long, value_name = "DATE", value_parser = dates::parse)]
    at: Option<When>,
}

const WHO: &str = "see what there is: postern shared list, person list";

pub(super) async fn run(args: Args, client: &mut Client) -> Result<Said, Failure> {
    let at = args.at.map(|at| format!("&at={}", segment(&at.ahead_of(clock::now())))).unwrap_or_default();
    let target = format!(
        "/api/v1/explain?actor={}&verb={}&target={}{at}",
        segment(&args.actor),
        args.verb.name(),
        segment(&args.target)
    );
    let explained: Result<Explained, Failure> = client.get(&target).await;
    let explained = explained.map_err(|failure| failure.if_absent(WHO))?;
    Ok(Said::new(told(&explained, args.at.is_some()), &explained))
}

fn told(explained: &Explained, is_later: bool) -> String {
    let mut text = format!("{}. {}\n", if explained.allowed { "Yes" } else { "No" }, explained.answer);
    for sentence in &explained.because {
        text.push_str(&format!("  {sentence}\n"));
    }
    let place = match (&explained.mailbox, explained.target.as_str()) {
        (Some(mailbox), account) => format!("{mailbox} of {account}"),
        (None, "organisation") => "the organisation".to_owned(),
        (None, account) => format!("all of {account}"),
    };
    let holds = match &explained.role {
        Some(role) => {
            let role = Role::parse(role).map_or(role.clone(), |role| role.name().to_owned());
            format!("{} ({role})", explained.rights)
        }
        None if explained.rights.is_empty() => "no letter".to_owned(),
        None => explained.rights.clone(),
    };
    let sends = match (explained.send_as, explained.send_on_behalf) {
        (true, _) => "as it",
        (false, true) => "on its behalf",
        (false, false) => "not",
    };
    let is_organisation = explained.target == "organisation";
    text.push_str(&facts(&[
        ("Where", place),
        ("When", if is_later { seconds(&explained.at) } else { String::new() }),
        ("Holds", if is_organisation { String::new() } else { holds }),
        ("Sends", if is_organisation { String::new() } else { sends.to_owned() }),
    ]));
    let is_credential =
        explained.actor.contains('/') || !explained.actor.contains('@') && explained.actor.contains('_');
    if is_credential {
        text.push_str(&format!("Next: all that it opens: postern credential show {}\n", explained.actor));
    } else if !is_organisation && explained.actor.contains('@') {
        text.push_str(&format!(
            "Next: everyone who can do anything there: postern report access {}\n",
            explained.target
        ));
    }
    text.lines().map(|line| plain(line) + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained() -> Explained {
        Explained {
            actor: "bob@example.org".into(),
            verb: "remove".into(),
            target: "support@example.org".into(),
            mailbox: Some("INBOX".into()),
            at: "2026-11-22T21:00:00Z".into(),
            allowed: false,
            answer: "bob@example.org may not expunge messages here: that needs e.".into(),
            because: vec!["bob@example.org is a delegate as reader (grant 7).".into()],
            rights: "lr".into(),
            role: Some("reader".into()),
            send_as: false,
            send_on_behalf: false,
            valid_until: None,
        }
    }

    #[test]
    fn an_answer_begins_with_yes_or_no() {
        assert_eq!(
            told(&explained(), false),
            "No. bob@example.org may not expunge messages here: that needs e.\n  \
             bob@example.org is a delegate as reader (grant 7).\n\
             Where  INBOX of support@example.org\n\
             Holds  lr (reader)\n\
             Sends  not\n\
             Next: everyone who can do anything there: postern report access support@example.org\n"
        );
    }

    #[test]
    fn who_asks_about_a_credential_is_led_to_it() {
        for actor in ["support@example.org/nightly", "crd_abcd2345"] {
            let text = told(&Explained { actor: actor.into(), ..explained() }, false);
            assert!(text.ends_with(&format!("Next: all that it opens: postern credential show {actor}\n")), "{text}");
        }
    }

    #[test]
    fn the_organisation_has_no_letters() {
        let organisation = Explained {
            actor: "operator".into(),
            target: "organisation".into(),
            mailbox: None,
            allowed: true,
            answer: "The operator may manage people.".into(),
            because: Vec::new(),
            rights: String::new(),
            role: None,
            ..explained()
        };
        assert_eq!(
            told(&organisation, true),
            "Yes. The operator may manage people.\nWhere  the organisation\nWhen   2026-11-22T21:00:00Z\n"
        );
    }
}
