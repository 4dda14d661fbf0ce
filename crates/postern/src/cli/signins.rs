//! `postern signins`: who signed in and who failed to, with the true reason, which whoever tried
//! was not told.

use super::audit::account;
use super::clock;
use super::credential;
use super::dates::{self, When};
use super::failure::Failure;
use super::output::{Said, plain, table};
use super::transport::{Client, segment};
use clap::{Args, Subcommand};
use postern_http::model::{SignIn, SignInPage};
use std::collections::VecDeque;
use std::io::Write;
use std::time::Duration;

/// What to do with sign-ins.
#[derive(Debug, Clone, Subcommand)]
pub enum Verb {
    /// Sign-ins, accepted and failed, newest first
    ///
    /// Administrators see all of them, owners those of an account they answer for (--account), and
    /// everybody those of their own.
    List(List),
}

/// Which sign-ins.
#[derive(Debug, Clone, Args)]
pub struct List {
    /// Only those in the account with this address, or of this number (acc_42)
    #[arg(long, value_name = "EMAIL", value_parser = account)]
    account: Option<String>,
    /// Only those by this credential, and those that named it in vain
    #[arg(long, value_name = "ID")]
    credential: Option<String>,
    /// Only those that failed
    #[arg(long)]
    failed: bool,
    /// Print what comes from now on as it comes, oldest first, until Ctrl-C
    ///
    /// With --since also what has come since then. With --json each is a document on a line of its
    /// own.
    #[arg(long, conflicts_with_all = ["before", "limit"])]
    follow: bool,
    /// Only from then on: a date (2026-11-22T21:00:00Z) or a span back from now (8h, 90d)
    #[arg(long, value_name = "DATE", value_parser = dates::parse)]
    since: Option<When>,
    /// Only those older than this one, as the page before names it
    #[arg(long, value_name = "EVENT")]
    before: Option<String>,
    /// At most this many, 1 to 500
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,
}

/// How often whoever follows looks.
pub(super) const LOOK: Duration = Duration::from_secs(1);
/// The most of a page.
pub(super) const PAGE: u16 = 500;
/// How many looks ago a sign-in was seen before nothing older is expected any more: on PostgreSQL
/// one may be committed after another with a higher number.
const LOOKS: usize = 5;

pub(super) async fn run(verb: Verb, client: &mut Client) -> Result<Said, Failure> {
    let Verb::List(list) = verb;
    if list.follow {
        return follow(&list, client).await;
    }
    let mut target = list.target(list.limit);
    if let Some(before) = &list.before {
        target.push_str(&format!("&before={}", segment(before)));
    }
    let page = list.page(&target, client).await?;
    Ok(Said::new(told(&page), &page))
}

impl List {
    fn target(&self, limit: u16) -> String {
        let mut target = format!("/api/v1/signins?limit={limit}");
        let mut add = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                target.push_str(&format!("&{name}={}", segment(&value)));
            }
        };
        add("account", self.account.clone());
        add("credential", self.credential.clone());
        add("failed", self.failed.then(|| "true".to_owned()));
        add("since", self.since.map(|since| since.before(clock::now())));
        target
    }

    async fn page(&self, target: &str, client: &mut Client) -> Result<SignInPage, Failure> {
        let page: Result<SignInPage, Failure> = client.get(target).await;
        page.map_err(|failure| match (&self.account, &self.credential) {
            (None, None) => failure.if_not_theirs(
                "name a mailbox that you answer for: postern signins list --account SHARED; of your own account you \
                 may read it all: --account YOUR-ADDRESS",
            ),
            (None, Some(_)) => failure.if_absent(credential::WHICH),
            _ => failure,
        })
    }
}

/// All that came after this one, oldest first, however many pages they are.
pub(super) async fn all_after(target: &str, after: &str, client: &mut Client) -> Result<Vec<SignIn>, Failure> {
    let (target, mut found, mut before) = (format!("{target}&after={after}"), Vec::new(), None);
    loop {
        let older = before.map_or_else(String::new, |before| format!("&before={before}"));
        let page: SignInPage = client.get(&format!("{target}{older}")).await?;
        found.extend(page.sign_ins);
        match page.next_before {
            Some(next) => before = Some(next),
            None => break,
        }
    }
    found.reverse();
    Ok(found)
}

/// What has been printed, as far back as something older may still come.
pub(super) struct Seen {
    /// Ids of each look, the last one at the end.
    looks: VecDeque<Vec<String>>,
    /// The newest that no look has any more.
    pub after: String,
}

impl Seen {
    /// Nothing but what came up to this one.
    pub fn from(after: String) -> Self {
        Self { looks: VecDeque::new(), after }
    }

    /// Those that have not been printed yet; they are from now on.
    pub fn fresh(&mut self, found: Vec<SignIn>) -> Vec<SignIn> {
        let is_known = |sign_in: &SignIn| self.looks.iter().flatten().any(|id| *id == sign_in.id);
        let fresh: Vec<SignIn> = found.into_iter().filter(|sign_in| !is_known(sign_in)).collect();
        self.looks.push_back(fresh.iter().map(|sign_in| sign_in.id.clone()).collect());
        if self.looks.len() > LOOKS {
            let gone = self.looks.pop_front().unwrap_or_default();
            if let Some(newest) = gone.into_iter().chain([self.after.clone()]).max_by_key(|id| number(id)) {
                self.after = newest;
            }
        }
        fresh
    }
}

fn number(id: &str) -> i64 {
    id.strip_prefix("evt_").and_then(|number| number.parse().ok()).unwrap_or_default()
}

async fn follow(list: &List, client: &mut Client) -> Result<Said, Failure> {
    if client.globals().offline {
        return Err(Failure::usage("--follow waits for what comes to a running server, and --offline is without one")
            .next("leave one of them out"));
    }
    let interrupted = tokio::signal::ctrl_c();
    tokio::select! {
        ended = print_what_comes(list, client) => ended?,
        _ = interrupted => {}
    }
    Ok(Said::told())
}

/// Ends when nobody reads any more.
async fn print_what_comes(list: &List, client: &mut Client) -> Result<(), Failure> {
    let target = list.target(PAGE);
    // Whoever may not read them hears it here.
    let newest = list.page(&list.target(1), client).await?.sign_ins.pop();
    let newest = if list.since.is_some() { None } else { newest };
    let mut seen = Seen::from(newest.map_or_else(|| "evt_0".to_owned(), |newest| newest.id));
    let mut look = tokio::time::interval(LOOK);
    loop {
        look.tick().await;
        let after = seen.after.clone();
        let fresh = seen.fresh(all_after(&target, &after, client).await?);
        let text: String = fresh.iter().map(|sign_in| told_at_once(sign_in, client.wants_json())).collect();
        if !print(&text) {
            return Ok(());
        }
    }
}

/// Prints at once; false where nobody reads any more.
pub(super) fn print(text: &str) -> bool {
    let mut output = std::io::stdout().lock();
    output.write_all(text.as_bytes()).and_then(|()| output.flush()).is_ok()
}

fn told_at_once(sign_in: &SignIn, as_json: bool) -> String {
    match as_json {
        // A document of ours always encodes.
        true => serde_json::to_string(sign_in).unwrap_or_default() + "\n",
        false => cells(sign_in).join("  ") + "\n",
    }
}

fn told(page: &SignInPage) -> String {
    if page.sign_ins.is_empty() {
        return "There is no sign-in like that.\n".to_owned();
    }
    let headings = ["WHEN", "WHO", "ACCOUNT", "PROTOCOL", "FROM", "HOW", "OUTCOME"];
    let mut text = table(&headings, page.sign_ins.iter().map(|sign_in| cells(sign_in).to_vec()).collect(), "");
    let count = page.sign_ins.len();
    text.push_str(&format!("{count} {}, newest first.\n", if count == 1 { "sign-in" } else { "sign-ins" }));
    if let Some(before) = &page.next_before {
        text.push_str(&format!("Next: older ones: postern signins list --before {before}, with the same flags\n"));
    }
    text
}

/// A sign-in as a row. What a stranger wrote as a name stays in its place.
fn cells(sign_in: &SignIn) -> [String; 7] {
    let or_none = |text: &Option<String>| text.as_deref().map_or_else(|| "-".to_owned(), plain);
    // The credential that was named tells more than the name that was tried.
    let who = sign_in.actor.as_ref().or(sign_in.username.as_ref());
    let how = match (sign_in.mechanism.as_str(), sign_in.rooted) {
        ("", _) => "-".to_owned(),
        (mechanism, false) => plain(mechanism),
        (mechanism, true) => format!("{}, rooted", plain(mechanism)),
    };
    let outcome = match &sign_in.reason {
        Some(reason) => format!("failed: {}", plain(reason)),
        None => "accepted".to_owned(),
    };
    [
        dates::seconds(&sign_in.at),
        or_none(&who.cloned()),
        or_none(&sign_in.account),
        plain(&sign_in.protocol),
        or_none(&sign_in.peer),
        how,
        outcome,
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign_in(number: u32) -> SignIn {
        SignIn {
            id: format!("evt_{number}"),
            at: "2026-11-22T21:00:03.250Z".into(),
            accepted: true,
            reason: None,
            actor_kind: "person".into(),
            actor: Some("alice@example.org".into()),
            credential: None,
            username: None,
            account: Some("support@example.org".into()),
            protocol: "imap".into(),
            peer: Some("192.0.2.7".into()),
            mechanism: "PLAIN".into(),
            rooted: true,
        }
    }

    fn failed(username: &str) -> SignIn {
        SignIn {
            accepted: false,
            reason: Some("the name is no person's".into()),
            actor_kind: "stranger".into(),
            actor: None,
            username: Some(username.into()),
            account: None,
            rooted: false,
            ..sign_in(2)
        }
    }

    #[test]
    fn a_page_tells_who_from_where_how_and_what_came_of_it() {
        let page = SignInPage { sign_ins: vec![failed("bob"), sign_in(1)], next_before: Some("evt_1".into()) };
        assert_eq!(
            told(&page),
            "WHEN                  WHO                ACCOUNT              PROTOCOL  FROM       HOW            OUTCOME\n\
             2026-11-22T21:00:03Z  bob                -                    imap      192.0.2.7  PLAIN          failed: the name is no person's\n\
             2026-11-22T21:00:03Z  alice@example.org  support@example.org  imap      192.0.2.7  PLAIN, rooted  accepted\n\
             2 sign-ins, newest first.\n\
             Next: older ones: postern signins list --before evt_1, with the same flags\n"
        );
        assert_eq!(told(&SignInPage { sign_ins: vec![], next_before: None }), "There is no sign-in like that.\n");
    }

    /// The credential that was named is told by its label, also where its secret was wrong.
    #[test]
    fn a_named_credential_is_told_by_its_label() {
        let named = SignIn { actor: Some("support@example.org/nightly".into()), ..failed("support@example.org") };
        assert_eq!(cells(&named)[1], "support@example.org/nightly");
    }

    /// A name is whatever a stranger sent: it must not draw on the terminal of whoever reads.
    #[test]
    fn a_line_stays_one_line() {
        let hostile = failed("x\n2026 root came in\u{1b}[2J");
        assert_eq!(told_at_once(&hostile, false).lines().count(), 1);
        assert_eq!(told_at_once(&hostile, true).lines().count(), 1);
        assert!(!told_at_once(&hostile, false).contains('\u{1b}'));
    }

    /// What was committed late is printed all the same, and nothing twice.
    #[test]
    fn who_follows_sees_each_sign_in_once() {
        let mut seen = Seen::from("evt_3".into());
        let look = |seen: &mut Seen, there: &[u32]| -> Vec<String> {
            let found = there.iter().filter(|id| i64::from(**id) > number(&seen.after)).map(|id| sign_in(*id));
            seen.fresh(found.collect()).into_iter().map(|sign_in| sign_in.id).collect()
        };
        assert_eq!(look(&mut seen, &[1, 2, 3, 5]), ["evt_5"]);
        assert_eq!(look(&mut seen, &[1, 2, 3, 4, 5, 6]), ["evt_4", "evt_6"]);
        for _ in 0..LOOKS - 2 {
            assert!(look(&mut seen, &[1, 2, 3, 4, 5, 6]).is_empty());
        }
        assert_eq!(seen.after, "evt_3");
        assert!(look(&mut seen, &[4, 5, 6]).is_empty());
        assert_eq!(seen.after, "evt_5");
        for _ in 0..2 * LOOKS {
            assert!(look(&mut seen, &[4, 5, 6]).is_empty());
        }
        assert_eq!(seen.after, "evt_6");
        assert_eq!(look(&mut seen, &[6, 7]), ["evt_7"]);
    }
}
